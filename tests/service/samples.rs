//! Sample bodies for each resource, and helpers to send them.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestServer;

/// A resource in the tests that run for all resources.
pub struct Sample {
    pub collection: &'static str,
    /// Creates a new valid body.
    pub body: fn() -> Value,
    /// A required field with another valid value.
    pub change: (&'static str, &'static str),
    /// An optional field with a value.
    pub optional: (&'static str, &'static str),
    /// A field with its default value.
    pub defaulted: (&'static str, &'static str),
}

pub fn samples() -> [Sample; 2] {
    [
        Sample {
            collection: "items",
            body: item,
            change: ("name", "Another cup"),
            optional: ("description", "For espresso."),
            defaulted: ("status", "draft"),
        },
        Sample {
            collection: "users",
            body: user,
            change: ("name", "Grace Hopper"),
            optional: ("phone", "+442071838750"),
            defaulted: ("role", "member"),
        },
    ]
}

pub fn item() -> Value {
    json!({ "name": "Cup", "priceCents": 1250, "currency": "EUR" })
}

pub fn user() -> Value {
    json!({ "name": "Ada", "email": email() })
}

/// Returns a unique address.
pub fn email() -> String {
    format!("{}@example.com", Uuid::new_v4().simple())
}

impl Sample {
    pub fn path(&self) -> String {
        format!("/v1/{}", self.collection)
    }

    pub fn path_of(&self, record: &Value) -> String {
        format!("/v1/{}/{}", self.collection, record["id"].as_str().expect("records have ids"))
    }

    /// Creates a record and returns it.
    pub async fn created(&self, server: &TestServer) -> Value {
        create(server, self.collection, &(self.body)()).await
    }
}

/// Creates a record from a valid body.
pub async fn create(server: &TestServer, collection: &str, body: &Value) -> Value {
    let response = send(server, Method::POST, &format!("/v1/{collection}"), body).await;
    assert_eq!(response.status(), StatusCode::CREATED, "{body}");
    response.json().await.unwrap()
}

/// Sends a JSON body.
pub async fn send(server: &TestServer, method: Method, path: &str, body: &Value) -> Response {
    server.request(method, path).json(body).send().await.unwrap()
}

/// Sends a GET request.
pub async fn get(server: &TestServer, path: &str) -> Response {
    server.request(Method::GET, path).send().await.unwrap()
}

/// Returns the record at a path, if it exists.
pub async fn read(server: &TestServer, path: &str) -> Option<Value> {
    let response = get(server, path).await;
    match response.status() {
        StatusCode::OK => Some(response.json().await.unwrap()),
        StatusCode::NOT_FOUND => None,
        status => panic!("GET {path} answered {status}"),
    }
}

/// Returns the text of a header.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("there is no {name} header")).to_str().unwrap()
}

/// Asserts that a response is a problem with this status and returns it.
pub async fn problem(response: Response, status: u16) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], "about:blank");
    assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["requestId"].is_string());
    problem
}

/// Returns the locations in a problem: pointers, parameters and headers.
pub fn places(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let place = |error: &Value| {
        let found = ["pointer", "parameter", "header"].iter().find_map(|kind| error[kind].as_str().map(str::to_owned));
        found.expect("every error has a place")
    };
    errors.iter().map(place).collect()
}
