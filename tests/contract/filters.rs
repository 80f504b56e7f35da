//! Filters and bodies accept and reject the same values of a field, with the same messages.

use serde_json::{Value, json};
use serverless_crud::{
    error::{Error, Location, Violation},
    http::{self, Request},
};

use crate::support::fixtures::Order;

fn request(method: &str, query: Option<(&str, &str)>, body: Option<Value>) -> Request {
    let parameters = query.map(|(name, value)| json!({ name: value }));
    let many = query.map(|(name, value)| json!({ name: [value] }));
    let event = json!({
        "resource": "/v1/orders", "path": "/v1/orders", "httpMethod": method, "headers": {}, "multiValueHeaders": {},
        "queryStringParameters": parameters, "multiValueQueryStringParameters": many, "pathParameters": {},
        "requestContext": { "httpMethod": method }, "body": body.map(|body| body.to_string()), "isBase64Encoded": false,
    });
    http::event(&event.to_string()).expect("it is an event")
}

fn invalid<T>(outcome: Result<T, Error>) -> Vec<Violation> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(faults)) => faults,
        Err(error) => panic!("{error:?}"),
    }
}

/// Returns the violations of a filter's value, and of the same value in a body.
fn violations(field: &str, text: &str, value: &Value) -> [Vec<String>; 2] {
    let filter = invalid(http::list_query::<Order>(&request("GET", Some((field, text)), None)));
    assert!(filter.iter().all(|fault| fault.at == Location::Parameter(field.to_owned())), "{filter:?}");
    let body = invalid(http::edit::<Order>(&request("PATCH", None, Some(json!({ field: value })))));
    assert!(body.iter().all(|fault| fault.at == Location::Pointer(format!("/{field}"))), "{body:?}");
    [filter, body].map(|faults| faults.into_iter().map(|fault| fault.detail).collect())
}

#[test]
fn filters_accept_the_values_that_their_field_accepts() {
    for (field, text, value) in [
        ("weightGrams", "1250", json!(1250)),
        ("discount", "0.25", json!(0.25)),
        ("discount", "1", json!(1)),
        ("gift", "true", json!(true)),
        ("status", "paid", json!("paid")),
        ("dueAt", "2025-11-24T16:00:00Z", json!("2025-11-24T16:00:00Z")),
        ("userId", "019a7d3e-0c00-7000-8000-000000000001", json!("019a7d3e-0c00-7000-8000-000000000001")),
        ("note", "null", json!("null")),
        ("note", "1250", json!("1250")),
    ] {
        assert_eq!(violations(field, text, &value), [Vec::<String>::new(), Vec::new()], "{field}={text}");
    }
}

#[test]
fn filters_are_rejected_with_the_messages_of_a_body() {
    let long = "x".repeat(201);
    for (field, text, value, expected) in [
        ("weightGrams", "null", json!("null"), "must be an integer"),
        ("weightGrams", "heavy", json!("heavy"), "must be an integer"),
        ("weightGrams", "", json!(""), "must be an integer"),
        ("weightGrams", "[1]", json!("[1]"), "must be an integer"),
        ("weightGrams", "true", json!("true"), "must be an integer"),
        ("weightGrams", "1.5", json!(1.5), "must be an integer in range"),
        ("weightGrams", "0", json!(0), "must be 1 to 1000000"),
        ("weightGrams", "9223372036854775808", json!(9_223_372_036_854_775_808_u64), "must be an integer in range"),
        ("discount", "null", json!("null"), "must be a number"),
        ("discount", "2", json!(2), "must be 0.0 to 1.0"),
        ("gift", "null", json!("null"), "must be a boolean"),
        ("gift", "1", json!("1"), "must be a boolean"),
        ("status", "lost", json!("lost"), "must be one of placed, paid, shipped"),
        ("status", "", json!(""), "must be one of placed, paid, shipped"),
        ("dueAt", "yesterday", json!("yesterday"), "must be an RFC 3339 date and time"),
        ("dueAt", "null", json!("null"), "must be an RFC 3339 date and time"),
        ("userId", "me", json!("me"), "is not a UUID"),
        ("userId", "null", json!("null"), "is not a UUID"),
        ("note", long.as_str(), json!(long), "must have at most 200 characters"),
    ] {
        let expected = vec![expected.to_owned()];
        assert_eq!(violations(field, text, &value), [expected.clone(), expected], "{field}={text}");
    }
}
