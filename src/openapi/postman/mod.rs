//! The Postman collection and its environments: every operation of every resource, with its errors.

mod actions;
mod references;
mod step;
mod steps;
mod values;

use serde_json::{Map, Value, json};

use self::step::Step;
use super::{dialect, document::ABOUT_ACTIONS, responses};
use crate::{
    functions::Service,
    gateway::{LOCAL_HOST, LOCAL_KEY, LOCAL_PORT},
    operations::{ACTIONS, Collection, schema},
};

const COLLECTION_ID: &str = "6f2f4c1e-5a0b-4c57-9a53-2b1d3a9f0c01";
const LOCAL_ID: &str = "6f2f4c1e-5a0b-4c57-9a53-2b1d3a9f0c02";
const AWS_ID: &str = "6f2f4c1e-5a0b-4c57-9a53-2b1d3a9f0c03";

/// The checks of every response.
const RESPONSE_CHECKS: [&str; 7] = [
    r#"pm.test("no fault of the server's", () => pm.expect(pm.response.code).to.be.below(500));"#,
    r#"if (pm.response.code === 429) pm.test("within the limits of the key's usage plan: use a key of a larger plan or a delay between requests", () => pm.expect.fail());"#,
    "if (pm.response.code >= 400) {",
    r#"  pm.test("a problem", () => pm.expect(pm.response.headers.get("Content-Type")).to.include("application/problem+json"));"#,
    r#"  pm.test("in the form of RFC 9457", () => pm.response.to.have.jsonSchema(JSON.parse(pm.collectionVariables.get("schema_problem"))));"#,
    r#"  pm.test("with its own status", () => pm.expect(pm.response.json().status).to.equal(pm.response.code));"#,
    "}",
];

/// Sends the token of the environment, if it has one.
const SEND_TOKEN: [&str; 2] = [
    r#"const token = pm.variables.get("token");"#,
    r#"if (token) pm.request.headers.upsert({ key: "Authorization", value: `Bearer ${token}` });"#,
];

/// Returns the files of the folder, by name.
pub fn files(service: &Service) -> Vec<(String, Value)> {
    let name = env!("CARGO_PKG_NAME");
    let aws = "https://abcdef1234.execute-api.eu-central-1.amazonaws.com/prod";
    let local = format!("http://{LOCAL_HOST}:{LOCAL_PORT}");
    vec![
        (format!("{name}.postman_collection.json"), collection(service)),
        ("aws.postman_environment.json".into(), environment(AWS_ID, "AWS", aws, "")),
        ("local.postman_environment.json".into(), environment(LOCAL_ID, "local", &local, LOCAL_KEY)),
    ]
}

fn collection(service: &Service) -> Value {
    let (resources, actions) = (service.resources(), service.actions().collect::<Vec<_>>());
    let of_resource = |collection: &Collection| {
        folder(collection.name, &collection.schema["description"], steps::steps(&resources, &actions, collection))
    };
    let others = steps::of_no_resource(&actions);
    let others = (!others.is_empty()).then(|| folder(ACTIONS, &ABOUT_ACTIONS.into(), others));
    let folders = resources.iter().map(of_resource).chain(others);
    json!({
        "info": {
            "_postman_id": COLLECTION_ID,
            "name": env!("CARGO_PKG_NAME"),
            "description": "Run it as a whole or a folder at a time, in order: each request builds on the ones before. It clears up after itself. With a key of a small usage plan, set a delay between requests.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": { "type": "apikey", "apikey": [
            { "key": "key", "value": "x-api-key", "type": "string" },
            { "key": "value", "value": "{{apiKey}}", "type": "string" },
            { "key": "in", "value": "header", "type": "string" },
        ] },
        "event": [
            step::script("prerequest", &SEND_TOKEN.map(str::to_owned)),
            step::script("test", &RESPONSE_CHECKS.map(str::to_owned)),
        ],
        "variable": variables(&resources),
        "item": folders.collect::<Value>(),
    })
}

fn folder(name: &str, description: &Value, steps: Vec<(String, Step)>) -> Value {
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for (group, step) in steps {
        match groups.last_mut() {
            Some((last, items)) if *last == group => items.push(step.into_item()),
            _ => groups.push((group, vec![step.into_item()])),
        }
    }
    let items = groups.into_iter().map(|(name, items)| json!({ "name": name, "item": items }));
    json!({ "name": name, "description": description, "item": items.collect::<Value>() })
}

/// Returns the variables with the schemas for checks of responses.
fn variables(resources: &[Collection]) -> Value {
    let variable = |name: &str, schema: Value| json!({ "key": format!("schema_{name}"), "value": schema.to_string() });
    let record = |collection: &Collection| variable(collection.singular, dialect::draft7(schema::record(collection)));
    let problem = variable("problem", dialect::draft7(responses::problem_schema()));
    resources.iter().map(record).chain([problem]).collect()
}

fn environment(id: &str, name: &str, url: &str, key: &str) -> Value {
    let value =
        |(key, value, kind): (&str, &str, &str)| json!({ "key": key, "value": value, "type": kind, "enabled": true });
    let values = [("baseUrl", url, "default"), ("apiKey", key, "secret"), ("token", "", "secret")].map(value);
    let members = [
        ("id", json!(id)),
        ("name", json!(name)),
        ("values", json!(values)),
        ("_postman_variable_scope", json!("environment")),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}
