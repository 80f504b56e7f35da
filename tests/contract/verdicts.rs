//! The gateway's model and the function's own validation agree on every body.
//!
//! The only difference is a format, which models do not check, see `docs/contract.md`.

use jsonschema::Validator;
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};
use serverless_crud::{
    error::{Error, Location, Violation},
    http,
    openapi::request_model,
    operations::{Collection, Operation},
    record::Resource,
};

use crate::support::{
    fixtures::{Item, User},
    service,
};

/// Returns the violations that a function finds in a body.
fn faults<R: Resource>(operation: &Operation, body: &Value) -> Vec<Violation> {
    let event = json!({
        "resource": operation.path, "path": operation.path, "httpMethod": operation.method,
        "headers": {}, "multiValueHeaders": {}, "pathParameters": {},
        "requestContext": { "httpMethod": operation.method },
        "body": body.to_string(), "isBase64Encoded": false,
    });
    let request = http::event(&event.to_string()).expect("it is an event");
    let outcome = match operation.method {
        "POST" => http::creation::<R>(&request).map(drop),
        _ => http::edit::<R>(&request).map(drop),
    };
    match outcome {
        Ok(()) => Vec::new(),
        Err(Error::Invalid(faults)) => faults,
        Err(error) => panic!("{error:?}"),
    }
}

/// Generates values at and beyond the limits of a field's schema, and values of other types.
fn values(schema: &Value) -> BoxedStrategy<Value> {
    let any = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1.0),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("a"),
        json!("é"),
        json!("\u{0}"),
        json!([]),
        json!([1]),
        json!(["a", "a"]),
        json!([null]),
        json!({}),
        json!({ "a": null }),
    ];
    let mut near: Vec<Value> = schema["enum"].as_array().cloned().unwrap_or_default();
    near.extend(near.clone().iter().filter_map(Value::as_str).map(|text| json!(text.to_uppercase())));
    for bound in ["minLength", "maxLength"].iter().filter_map(|name| schema[name].as_u64()) {
        for length in bound.saturating_sub(1)..=bound + 1 {
            near.extend(
                ["x", "é", "😀"].map(|letter| json!(letter.repeat(usize::try_from(length).expect("it is small")))),
            );
        }
    }
    for bound in ["minimum", "maximum"].iter().filter_map(|name| schema[name].as_i64()) {
        near.extend([bound.saturating_sub(1), bound, bound.saturating_add(1)].map(Value::from));
    }
    for bound in ["minItems", "maxItems"].iter().filter_map(|name| schema[name].as_u64()) {
        near.extend(
            (bound.saturating_sub(1)..=bound + 1).map(|count| (0..count).map(|n| json!(format!("t{n}"))).collect()),
        );
    }
    if schema["pattern"].is_string() {
        near.extend(texts());
    }
    let element = schema["items"]
        .is_object()
        .then(|| prop::collection::vec(values(&schema["items"]), 0..4).prop_map(Value::from));
    let near = if near.is_empty() { any.to_vec() } else { near };
    match element {
        Some(element) => prop_oneof![select(any.to_vec()), select(near), element].boxed(),
        None => prop_oneof![1 => select(any.to_vec()), 2 => select(near)].boxed(),
    }
}

/// Returns valid and almost valid ids, e-mail addresses and phone numbers.
fn texts() -> Vec<Value> {
    [
        "019a7d3e-0c00-7000-8000-000000000001",
        "019A7D3E-0C00-7000-8000-000000000001",
        "019a7d3e0c0070008000000000000001",
        "{019a7d3e-0c00-7000-8000-000000000001}",
        "urn:uuid:019a7d3e-0c00-7000-8000-000000000001",
        "019a7d3e-0c00-7000-8000-00000000000g",
        " 019a7d3e-0c00-7000-8000-000000000001",
        "019a7d3e-0c00-7000-8000-000000000001\n",
        "ada@example.com",
        "ADA@EXAMPLE.COM",
        "ada@",
        "@example.com",
        "ada example.com",
        "ada@example",
        "ada@[127.0.0.1]",
        "+442071838750",
        "+1",
        "+12",
        "+123456789012345",
        "+1234567890123456",
        "442071838750",
        "+0442071838750",
        "+44\n",
        "+４４１",
    ]
    .map(Value::from)
    .to_vec()
}

/// Generates the example with up to four fields changed, added or removed.
fn bodies(collection: &Collection, model: &Value) -> BoxedStrategy<Value> {
    let example = collection.example.as_object().cloned().expect("a resource is an object");
    let mut edits: Vec<BoxedStrategy<(String, Option<Value>)>> = Vec::new();
    for (name, schema) in model["properties"].as_object().expect("a model has fields") {
        let (set, gone) = (name.clone(), name.clone());
        let text = schema["type"].as_str() == Some("string") || schema["type"][0] == "string";
        let value = if text { prop_oneof![2 => values(schema), 1 => select(texts())].boxed() } else { values(schema) };
        edits.push(value.prop_map(move |value| (set.clone(), Some(value))).boxed());
        edits.push(Just((gone, None)).boxed());
    }
    let unknown = select(vec!["id", "version", "listShard", "Name", "", "a/b~c"]).prop_map(str::to_owned);
    edits.push((unknown, values(&Value::Null).prop_map(Some)).boxed());
    let edited = prop::collection::vec(proptest::strategy::Union::new(edits), 0..4).prop_map(move |edits| {
        let mut body: Map<String, Value> = example.clone();
        for (name, value) in edits {
            match value {
                Some(value) => body.insert(name, value),
                None => body.remove(&name),
            };
        }
        Value::Object(body)
    });
    prop_oneof![20 => edited, 1 => values(&Value::Null)].boxed()
}

/// Returns true if a violation is in a field with a format, which the function checks and the model does not.
fn is_in_field_with_format(collection: &Collection, fault: &Violation) -> bool {
    let Location::Pointer(pointer) = &fault.at else { return false };
    collection.schema["properties"][pointer.trim_start_matches('/')]["format"] == "email"
}

fn assert_agreement<R: Resource>(verb: &str) {
    let collection = Collection::of::<R>();
    let name = format!("{}_{verb}", R::COLLECTION);
    let operation = service().operations().into_iter().find(|operation| operation.name == name).expect("it is served");
    let model = request_model(&service(), &name).expect("it reads a body");
    // As in the gateway: only the function checks formats.
    let validator: Validator = jsonschema::options().should_validate_formats(false).build(&model).expect("a schema");
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(body in bodies(&collection, &model))| {
        let faults = faults::<R>(&operation, &body);
        if validator.is_valid(&body) {
            let known = faults.iter().all(|fault| is_in_field_with_format(&collection, fault));
            prop_assert!(known, "the model takes what the function refuses: {faults:?}");
        } else {
            prop_assert!(!faults.is_empty(), "the function takes what the model refuses");
        }
    });
}

#[test]
fn model_and_function_agree_on_items() {
    ["create", "update", "patch"].into_iter().for_each(assert_agreement::<Item>);
}

#[test]
fn model_and_function_agree_on_users() {
    ["create", "update", "patch"].into_iter().for_each(assert_agreement::<User>);
}
