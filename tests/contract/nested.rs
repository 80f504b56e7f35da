//! Unknown members of nested objects are rejected at every depth, also where the Rust type would ignore them.

use serde_json::{Value, json};
use serverless_crud::{
    error::{Error, Location, Violation},
    http::{self, Request},
};

use crate::support::fixtures::Order;

const ID: &str = "019a7d3e-0c00-7000-8000-000000000001";

fn request(method: &str, body: &Value) -> Request {
    let event = json!({
        "resource": "/v1/orders", "path": "/v1/orders", "httpMethod": method, "headers": {}, "multiValueHeaders": {},
        "pathParameters": {}, "requestContext": { "httpMethod": method },
        "body": body.to_string(), "isBase64Encoded": false,
    });
    http::event(&event.to_string()).expect("it is an event")
}

/// Returns the pointers and messages of all violations, ordered by pointer.
fn faults(method: &str, body: &Value) -> Vec<(String, String)> {
    let request = request(method, body);
    let outcome = match method {
        "POST" => http::creation::<Order>(&request).map(drop),
        _ => http::edit::<Order>(&request).map(drop),
    };
    let found = match outcome {
        Ok(()) => Vec::new(),
        Err(Error::Invalid(faults)) => faults,
        Err(error) => panic!("{error:?}"),
    };
    let place = |fault: Violation| match fault.at {
        Location::Pointer(pointer) => (pointer, fault.detail),
        other => panic!("{other:?}"),
    };
    let mut found: Vec<_> = found.into_iter().map(place).collect();
    found.sort();
    found
}

fn unknown(pointers: &[&str]) -> Vec<(String, String)> {
    pointers.iter().map(|pointer| ((*pointer).to_owned(), "is not a known field".to_owned())).collect()
}

#[test]
fn unknown_members_are_rejected_at_every_depth() {
    let line = json!({ "itemId": ID, "quantity": 1, "colour": "red", "a/b~c": null });
    let address = json!({ "street": "Main Street 1", "door": null, "town": { "name": "Paris" } });
    let body = json!({ "userId": ID, "lines": [{ "itemId": ID, "quantity": 1 }, line], "address": address, "size": 1 });
    let expected = unknown(&["/address/town", "/lines/1/a~1b~0c", "/lines/1/colour", "/size"]);
    assert_eq!(faults("POST", &body), expected);
    assert_eq!(faults("PUT", &body), expected);
}

#[test]
fn optional_nested_members_may_be_null() {
    let address = json!({ "street": "Main Street 1", "door": null });
    let body = json!({ "userId": ID, "lines": [{ "itemId": ID, "quantity": 1 }], "address": address });
    assert_eq!(faults("POST", &body), []);
    assert_eq!(faults("PATCH", &json!({ "address": { "door": null } })), []);
}

#[test]
fn patch_rejects_unknown_nested_members_even_with_null() {
    for value in [json!(null), json!(1), json!({ "x": 1 })] {
        let patch = json!({ "address": { "town": value } });
        assert_eq!(faults("PATCH", &patch), unknown(&["/address/town"]), "{value}");
    }
    let patch = json!({ "lines": [{ "itemId": ID, "quantity": 1, "colour": null }] });
    assert_eq!(faults("PATCH", &patch), unknown(&["/lines/0/colour"]));
}

#[test]
fn unknown_members_are_reported_with_all_other_violations() {
    let body = json!({ "userId": ID, "lines": [{ "itemId": ID, "quantity": 0, "colour": "red" }], "gift": 1 });
    let mut expected = unknown(&["/lines/0/colour"]);
    expected.insert(0, ("/gift".into(), "must be a boolean".into()));
    expected.push(("/lines/0/quantity".into(), "must be 1 to 1000".into()));
    assert_eq!(faults("POST", &body), expected);
}
