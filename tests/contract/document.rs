//! The document is complete, and its examples match its schemas.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use serverless_crud::{
    access::{ADMIN, Rule},
    error::Error,
    functions::Service,
    openapi::{document, files, request_model},
    operations::{Collection, Contract, Operation, schema},
};

use crate::{
    services,
    support::{fixtures::Order, service},
};

fn documented(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let paths = document["paths"].as_object().expect("there are paths").values();
    paths.flat_map(|path| path.as_object().expect("a path has operations"))
}

#[test]
fn document_has_every_operation_with_the_data_for_the_stack() {
    for service in services() {
        let document = document(&service);
        assert_eq!(documented(&document).count(), service.operations().len());
        for operation in service.operations() {
            let found = &document["paths"][&operation.path][operation.method.to_lowercase()];
            assert_eq!(found["operationId"], operation.name);
            assert_eq!(found["x-function"]["name"], operation.function);
            let contract = operation.contract();
            let grants = serde_json::to_value(&contract.grants).expect("grants are JSON");
            assert_eq!(found["x-function"]["grants"], grants);
            let signs_cursors = contract.parameters.iter().any(|parameter| parameter.name == "cursor");
            let secrets = match (signs_cursors, contract.upstream) {
                (true, _) => json!(["cursor"]),
                (false, true) => json!(["upstream"]),
                (false, false) => Value::Null,
            };
            assert_eq!(found["x-function"]["secrets"], secrets);
            let variables = found["x-function"]["environment"].as_array().cloned().unwrap_or_default();
            assert_eq!(variables.contains(&json!("UPSTREAM_URL")), contract.upstream);
            let model = found["x-request-model"].as_str().map(|name| format!("schemas/{name}.json"));
            assert_eq!(model.is_some(), request_model(&service, &operation.name).is_some(), "{}", operation.name);
            assert!(
                model.is_none_or(|model| files(&service).iter().any(|file| file.path == model)),
                "{}",
                operation.name
            );
        }
        assert_eq!(document["x-tables"], serde_json::to_value(service.tables()).expect("tables are JSON"));
    }
}

#[test]
fn operation_lists_the_credentials_of_those_it_admits_and_none_only_if_it_is_public() {
    fn with(name: &str, rule: Rule) -> Operation {
        let contract = || Contract::new("items", "Test", "A test.");
        Operation::new("POST", format!("/v1/items/{name}"), name, rule, async |_, _| Err(Error::Forbidden), contract)
    }
    let service = Service::new()
        .action(|| with("public", Rule::Public))
        .action(|| with("user", Rule::SignedIn))
        .action(|| with("application", Rule::Application))
        .action(|| with("service", Rule::Service))
        .action(|| with("admin", ADMIN))
        .action(|| with("nobody", Rule::Nobody));
    let document = document(&service);
    for (name, schemes) in [
        ("public", [].as_slice()),
        ("user", &["bearer"]),
        ("application", &["apiKey"]),
        ("service", &["signature"]),
        ("admin", &["apiKey", "bearer", "signature"]),
        ("nobody", &["apiKey", "bearer", "signature"]),
    ] {
        let security = document["paths"][format!("/v1/items/{name}")]["post"]["security"].as_array().expect("a list");
        let found = security.iter().flat_map(|scheme| scheme.as_object().expect("an object").keys());
        assert_eq!(found.collect::<Vec<_>>(), schemes, "{name}");
        for scheme in schemes {
            assert!(document["components"]["securitySchemes"][scheme].is_object());
        }
    }
}

#[test]
fn problems_have_an_example_of_their_status() {
    for service in services() {
        let document = document(&service);
        for (_, operation) in documented(&document) {
            for (status, response) in operation["responses"].as_object().expect("there are responses") {
                let response = resolve(&document, response);
                if status.starts_with(['4', '5']) {
                    let example = &response["content"]["application/problem+json"]["example"];
                    assert_eq!(example["status"].to_string(), *status, "{}", operation["operationId"]);
                }
                // A conflict with a request in progress passes too.
                let passes = response["description"].as_str().is_some_and(|text| text.contains("in progress"));
                let waits = ["429", "503"].contains(&status.as_str()) || passes;
                assert_eq!(response["headers"].get("Retry-After").is_some(), waits, "{status}");
            }
        }
    }
}

#[test]
fn examples_match_their_schemas() {
    for service in services() {
        let document = document(&service);
        let mut checked = 0;
        for (_, operation) in documented(&document) {
            let responses = operation["responses"].as_object().expect("there are responses").values();
            for part in responses.chain(operation.get("requestBody")) {
                for content in resolve(&document, part)["content"].as_object().into_iter().flat_map(|all| all.values())
                {
                    let schema = with_json_schema_nulls(resolve_all(&document, &content["schema"]));
                    let validator = jsonschema::draft4::new(&schema).expect("it is a schema");
                    let faults: Vec<_> =
                        validator.iter_errors(&content["example"]).map(|fault| fault.to_string()).collect();
                    assert!(faults.is_empty(), "{}: {faults:?}", operation["operationId"]);
                    checked += 1;
                }
            }
        }
        assert!(checked >= service.operations().len());
    }
}

/// Checks that an example has exactly the properties of its schema, at any depth.
fn check_properties(path: &str, schema: &Value, example: &Value) {
    if let Some(properties) = schema["properties"].as_object() {
        let names: BTreeSet<_> = example.as_object().into_iter().flat_map(|members| members.keys()).collect();
        assert_eq!(names, properties.keys().collect(), "the properties of {path} in its example");
        for (name, property) in properties {
            check_properties(&format!("{path}.{name}"), property, &example[name]);
        }
    }
    if schema["items"].is_object() {
        let elements = example.as_array().filter(|elements| !elements.is_empty());
        let elements = elements.unwrap_or_else(|| panic!("{path} has no element in its example"));
        elements.iter().for_each(|element| check_properties(&format!("{path}[]"), &schema["items"], element));
    }
}

#[test]
fn examples_have_exactly_the_properties_of_their_schemas() {
    let resources = service().resources().into_iter().chain(serverless_crud::service().resources());
    for collection in resources.chain([Collection::of::<Order>()]) {
        check_properties(collection.name, &schema::whole(&collection), &collection.example);
    }
}

#[test]
#[should_panic(expected = "the properties of orders.lines[] in its example")]
fn missing_property_of_an_example_is_found() {
    let mut orders = Collection::of::<Order>();
    orders.example["lines"][0].as_object_mut().expect("a line").remove("quantity");
    check_properties(orders.name, &schema::whole(&orders), &orders.example);
}

#[test]
fn models_are_small_and_accept_their_examples() {
    for service in services() {
        for operation in service.operations() {
            let Some(body) = operation.contract().body else { continue };
            let model = request_model(&service, &operation.name).expect("it reads a body");
            // API Gateway allows 400 KB. Models far below that limit stay readable.
            assert!(model.to_string().len() < 16 * 1024, "{}", operation.name);
            assert!(jsonschema::draft4::is_valid(&model, &body.content.example), "{}", operation.name);
        }
    }
}

#[test]
fn the_gateways_415_names_every_media_type_of_a_body() {
    let document = document(&service());
    let responses = document["x-gateway-responses"].as_array().expect("there are responses");
    let response = responses.iter().find(|response| response["status"] == 415).expect("there is a 415");
    let detail = response["detail"].as_str().expect("a text");
    for media_type in service()
        .operations()
        .iter()
        .filter_map(|operation| operation.contract().body)
        .flat_map(|body| body.media_types)
    {
        assert!(detail.contains(media_type), "{media_type}");
    }
}

/// The function selects the operation by the method.
#[test]
fn operations_of_one_function_differ_only_in_their_methods() {
    for service in services() {
        let all = service.operations();
        for (index, operation) in all.iter().enumerate() {
            for other in all[..index].iter().filter(|other| other.function == operation.function) {
                assert_eq!(other.path, operation.path, "{} and {}", other.name, operation.name);
                assert_ne!(other.method, operation.method, "{} and {}", other.name, operation.name);
            }
        }
    }
}

/// In Rust, `\d` matches Unicode digits, in other languages only ASCII. The functions are also built without the Unicode
/// tables.
#[test]
fn patterns_have_the_same_meaning_in_every_language() {
    let document = document(&service());
    let patterns = patterns(&document);
    assert!(!patterns.is_empty());
    for pattern in patterns {
        let characters = pattern.as_bytes();
        let is_class = |pair: &[u8]| pair[0] == b'\\' && pair[1].is_ascii_alphabetic();
        assert!(!characters.windows(2).any(is_class) && !pattern.contains("(?"), "{pattern}");
    }
}

/// Returns every `pattern` in a document.
fn patterns(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            let own = members.get("pattern").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(patterns)).collect()
        }
        Value::Array(values) => values.iter().flat_map(patterns).collect(),
        _ => Vec::new(),
    }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    pointer.map_or(value, |pointer| document.pointer(pointer).expect(pointer))
}

/// Returns a schema with all references resolved.
fn resolve_all(document: &Value, schema: &Value) -> Value {
    match resolve(document, schema) {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), resolve_all(document, value))).collect()
        }
        Value::Array(elements) => elements.iter().map(|element| resolve_all(document, element)).collect(),
        other => other.clone(),
    }
}

/// Converts OpenAPI's `nullable` to JSON Schema.
fn with_json_schema_nulls(mut schema: Value) -> Value {
    if schema["nullable"] == true {
        schema["type"] = serde_json::json!([schema["type"], "null"]);
    }
    match schema {
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, with_json_schema_nulls(value))).collect()
        }
        Value::Array(elements) => elements.into_iter().map(with_json_schema_nulls).collect(),
        other => other,
    }
}
