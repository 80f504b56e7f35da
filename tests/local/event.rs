//! The fields of the proxy event.

use std::{collections::BTreeMap, net::Ipv4Addr};

use axum::http::HeaderMap;
use chrono::DateTime;
use serde_json::{Value, json};
use serverless_crud::{
    gateway::{ProxyRequest, proxy_event},
    operations::Operation,
};

use crate::support::service;

const HOST: &str = "127.0.0.1:3000";

fn operation(name: &str) -> Operation {
    service().operations().into_iter().find(|operation| operation.name == name).expect("there is such an operation")
}

/// Returns the event of a request with these parts.
fn event(path: &str, query: Option<&str>, headers: &[(&'static str, &str)], body: &[u8]) -> Value {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().expect("a header value"));
    }
    let id = path.strip_prefix("/v1/items/").map(|id| ("id".to_owned(), id.to_owned()));
    proxy_event(&ProxyRequest {
        operation: &operation(if id.is_some() { "items_get" } else { "items_list" }),
        path,
        path_parameters: &BTreeMap::from_iter(id),
        query,
        headers: &map,
        body,
        key: Some(("secret", "local-basic")),
        authorizer: None,
        source_ip: Ipv4Addr::LOCALHOST.into(),
        host: HOST,
        id: "11111111-2222-3333-4444-555555555555",
        time: DateTime::from_timestamp_millis(1_428_582_896_000).expect("a time"),
    })
}

#[test]
fn missing_parts_of_a_request_are_null() {
    let event = event("/v1/items", None, &[], b"");
    for field in
        ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"]
    {
        assert_eq!(event[field], Value::Null, "{field}");
    }
    assert_eq!(event["isBase64Encoded"], false);
}

#[test]
fn query_parameters_are_decoded_and_the_last_value_of_a_name_is_used() {
    let event = event("/v1/items", Some("a=1&a=2&%62=x+y%2Bz&c&&d=%ff"), &[], b"");
    assert_eq!(
        event["multiValueQueryStringParameters"],
        json!({ "a": ["1", "2"], "b": ["x y+z"], "c": [""], "d": ["\u{fffd}"] })
    );
    assert_eq!(event["queryStringParameters"], json!({ "a": "2", "b": "x y+z", "c": "", "d": "\u{fffd}" }));
    let nothing = self::event("/v1/items", Some("&&"), &[], b"");
    assert_eq!(nothing["queryStringParameters"], Value::Null);
}

#[test]
fn gateway_sets_the_headers_about_the_connection() {
    let sent = [
        ("host", "evil:x"),
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-for", "6.6.6.6"),
        ("accept", "a"),
        ("accept", "b"),
    ];
    let event = event("/v1/items", None, &sent, b"");
    let expected = json!({
        "host": HOST,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-port": "3000",
        "x-forwarded-proto": "http",
        "accept": "b",
    });
    assert_eq!(event["headers"], expected);
    assert_eq!(event["multiValueHeaders"]["accept"], json!(["a", "b"]));
    assert_eq!(event["multiValueHeaders"]["host"], json!([HOST]));
}

#[test]
fn body_that_is_not_utf_8_is_base64() {
    let event = event("/v1/items", None, &[], b"\xff\x00");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
}

#[test]
fn context_has_route_key_and_time() {
    let event = event("/v1/items/a%20b", None, &[("user-agent", "curl")], b"");
    assert_eq!((&event["path"], &event["resource"]), (&json!("/v1/items/a%20b"), &json!("/v1/items/{id}")));
    assert_eq!(event["pathParameters"], json!({ "id": "a%20b" }));
    let context = &event["requestContext"];
    assert_eq!(context["resourcePath"], "/v1/items/{id}");
    assert_eq!(context["requestId"], "11111111-2222-3333-4444-555555555555");
    assert_eq!(context["requestTime"], "09/Apr/2015:12:34:56 +0000");
    assert_eq!(context["requestTimeEpoch"], 1_428_582_896_000_u64);
    let identity = &context["identity"];
    assert_eq!((&identity["apiKey"], &identity["apiKeyId"]), (&json!("secret"), &json!("local-basic")));
    assert_eq!((&identity["sourceIp"], &identity["userAgent"]), (&json!("127.0.0.1"), &json!("curl")));
}
