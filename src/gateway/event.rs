//! Builds the REST proxy event (payload version 1.0) that API Gateway hands to a function.
//!
//! The shape: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use http::HeaderMap;
use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};

use super::router::PathParameters;
use crate::operations::Operation;

/// A request that API Gateway passes to a function.
pub struct ProxyRequest<'a> {
    /// The operation it asks for.
    pub operation: &'a Operation,
    /// The path as sent.
    pub path: &'a str,
    /// The values of the path template's parameters.
    pub path_parameters: &'a PathParameters,
    /// The query string as sent.
    pub query: Option<&'a str>,
    /// The headers as sent.
    pub headers: &'a HeaderMap,
    /// The body as sent.
    pub body: &'a [u8],
    /// The value and the id of the API key, if the request has one.
    pub key: Option<(&'a str, &'a str)>,
    /// The members of `requestContext.authorizer`, if an authorizer answered.
    pub authorizer: Option<Map<String, Value>>,
    /// The IP address of the client.
    pub source_ip: IpAddr,
    /// The API's own host, and port where it has one.
    pub host: &'a str,
    /// The request's id.
    pub id: &'a str,
    /// The time of the request.
    pub time: DateTime<Utc>,
}

/// The event, as JSON.
pub fn proxy_event(request: &ProxyRequest) -> Value {
    let headers = headers(request);
    let query = query_parameters(request.query.unwrap_or_default());
    let body = std::str::from_utf8(request.body);
    let is_base64_encoded = body.is_err();
    let body = body.map_or_else(|_| STANDARD.encode(request.body), str::to_owned);
    json!({
        "resource": request.operation.path,
        "path": request.path,
        "httpMethod": request.operation.method,
        "headers": last_of_each(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": last_of_each(&query),
        "multiValueQueryStringParameters": unless_empty(query),
        "pathParameters": (!request.path_parameters.is_empty()).then_some(request.path_parameters),
        "stageVariables": null,
        "requestContext": context(request),
        "body": (!body.is_empty()).then_some(body),
        "isBase64Encoded": is_base64_encoded,
    })
}

fn context(request: &ProxyRequest) -> Value {
    let (key, key_id) = request.key.unzip();
    let mut context = json!({
        "accountId": "000000000000",
        "apiId": "local",
        "resourceId": request.operation.name,
        "resourcePath": request.operation.path,
        "stage": "local",
        "domainName": request.host,
        "requestId": request.id,
        "extendedRequestId": STANDARD.encode(&request.id.as_bytes()[..request.id.len().min(11)]),
        "httpMethod": request.operation.method,
        // API Gateway puts the client's path here, including the stage if the URL has one. The local URL has none.
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestTime": request.time.format("%d/%b/%Y:%H:%M:%S %z").to_string(),
        "requestTimeEpoch": request.time.timestamp_millis(),
        "identity": {
            "accessKey": null,
            "accountId": null,
            "apiKey": key,
            "apiKeyId": key_id,
            "caller": null,
            "cognitoAuthenticationProvider": null,
            "cognitoAuthenticationType": null,
            "cognitoIdentityId": null,
            "cognitoIdentityPoolId": null,
            "principalOrgId": null,
            "sourceIp": request.source_ip,
            "user": null,
            "userAgent": request.headers.get("user-agent").map(|value| text(value.as_bytes())),
            "userArn": null,
        },
    });
    if let Some(members) = &request.authorizer {
        context["authorizer"] = members.clone().into();
    }
    context
}

/// Returns the headers by name. API Gateway sets the headers about the connection itself.
fn headers(request: &ProxyRequest) -> Map<String, Value> {
    let mut headers = Map::new();
    for (name, value) in request.headers {
        push(&mut headers, name.as_str().to_owned(), text(value.as_bytes()));
    }
    let (_, port) = request.host.rsplit_once(':').unwrap_or((request.host, "80"));
    let address = request.source_ip.to_string();
    let own = [
        ("host", request.host),
        ("x-forwarded-for", &address),
        ("x-forwarded-port", port),
        // lambda_http builds the request's URL from it and `host`.
        ("x-forwarded-proto", "http"),
    ];
    headers.extend(own.map(|(name, value)| (name.to_owned(), json!([value]))));
    headers
}

/// The query's parameters by name, decoded.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters = Map::new();
    let decoded = |part: &str| text(&percent_decode(part.replace('+', " ").as_bytes()).collect::<Vec<_>>());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        push(&mut parameters, decoded(name), decoded(value));
    }
    parameters
}

fn push(values: &mut Map<String, Value>, name: String, value: String) {
    let known = values.entry(name).or_insert_with(|| json!([]));
    known.as_array_mut().expect("only arrays are inserted").push(value.into());
}

/// Returns the single-valued form of a multi-valued map, null if it is empty.
fn last_of_each(values: &Map<String, Value>) -> Value {
    let last = |value: &Value| value.as_array().and_then(|values| values.last()).cloned().unwrap_or_default();
    unless_empty(values.iter().map(|(name, value)| (name.clone(), last(value))).collect())
}

fn unless_empty(values: Map<String, Value>) -> Value {
    if values.is_empty() { Value::Null } else { values.into() }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
