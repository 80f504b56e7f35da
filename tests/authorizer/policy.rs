//! The policy: all operations of the API that the principal may call, of this API and stage, and nothing else.

use proptest::prelude::*;
use serde_json::{Value, json};
use serverless_crud::{
    authorizer::{MethodArn, Policy},
    operations::Operation,
};

use crate::{
    function::{ARN, Function, event_with},
    issuer::Issuer,
    signer::Signer,
    support::service,
};

const BASE: &str = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/";

async fn start() -> (Function, String) {
    let signer = Signer::new();
    let issuer = Issuer::start(&signer).await;
    let token = signer.token(&json!({ "alg": "EdDSA", "kid": "ed" }), &issuer.claims());
    (Function::start(&issuer, &[]).await, token)
}

/// Returns true if a policy allows a method, as IAM evaluates it (IAM user guide, "Policy evaluation logic").
fn allows(policy: &Value, arn: &str) -> bool {
    let matches = |effect: &str| {
        let statements = policy["Statement"].as_array().unwrap().iter();
        let resources = statements.filter(|statement| statement["Effect"] == effect);
        let mut resources = resources.flat_map(|statement| statement["Resource"].as_array().unwrap());
        resources.any(|resource| {
            let pattern = regex::escape(resource.as_str().unwrap()).replace(r"\*", ".*").replace(r"\?", ".");
            regex::Regex::new(&format!("^{pattern}$")).unwrap().is_match(arn)
        })
    };
    matches("Allow") && !matches("Deny")
}

#[tokio::test]
async fn policy_covers_every_operation_of_this_stage_and_nothing_else() {
    let (mut function, token) = start().await;
    let policy = function.invoke(event_with(&token)).await.0.unwrap()["policyDocument"].clone();
    assert_eq!(policy["Version"], "2012-10-17");
    for operation in service().operations() {
        let call = call_of(&operation);
        assert!(allows(&policy, &call), "{}", operation.name);
        for base in [BASE.replace("prod", "dev"), BASE.replace("abcdef1234", "other"), BASE.replace("central", "west")]
        {
            assert!(!allows(&policy, &call.replace(BASE, &base)), "{base}");
        }
    }
    for other in
        ["GET/", "GET/v1", "GET/v2/items", "GET/v1/things", "GET/v1/items-archive", "GET/admin", "GET/v1/itemsx/1"]
    {
        assert!(!allows(&policy, &format!("{BASE}{other}")), "{other}");
    }
    let statements = policy["Statement"].as_array().unwrap();
    for resource in statements.iter().flat_map(|statement| statement["Resource"].as_array().unwrap()) {
        assert!(resource.as_str().unwrap().starts_with(BASE), "{resource}");
    }
    assert!(statements.iter().all(|statement| statement["Action"] == "execute-api:Invoke"));
}

/// Returns the ARN of a call of an operation.
fn call_of(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches('/').replace("{id}", "019a7d3e-0c00-7000-8000-000000000000");
    format!("{BASE}{}/{path}", operation.method)
}

proptest! {
    #[test]
    fn policy_allows_exactly_the_selected_operations(selection in any::<u64>()) {
        let operations = service().operations();
        let is_selected = |place: usize| selection >> place & 1 == 1;
        let place = |name: &str| operations.iter().position(|operation| operation.name == name).unwrap();
        let arn = MethodArn::parse(ARN).unwrap();
        let policy = Policy::new(arn, &operations, |operation| is_selected(place(&operation.name)));
        let document = serde_json::to_value(&policy).unwrap();
        for operation in &operations {
            let (call, expected) = (call_of(operation), is_selected(place(&operation.name)));
            prop_assert_eq!(allows(&document, &call), expected, "{}: {}", operation.name, document);
            prop_assert_eq!(policy.allows(&call), expected, "the gateway on this machine decides as IAM does");
        }
    }
}

#[test]
fn policy_of_twenty_resources_is_below_8_kb() {
    let operations: Vec<_> = (0..20)
        .flat_map(|number| {
            let name = format!("/resources-of-kind-{number}");
            service().operations().into_iter().map(move |mut operation| {
                operation.path = operation.path.replace("/items", &name).replace("/users", &name);
                operation
            })
        })
        .collect();
    let arn = MethodArn::parse(ARN).unwrap();
    let is_reader = |operation: &Operation| operation.method == "GET";
    for policy in [Policy::new(arn, &operations, |_| true), Policy::new(arn, &operations, is_reader)] {
        let size = serde_json::to_string(&policy).unwrap().len();
        assert!(size < 8 * 1024, "{size} bytes");
    }
}

#[tokio::test]
async fn policy_is_the_same_for_every_method_since_it_is_cached() {
    let (mut function, token) = start().await;
    let first = function.invoke(event_with(&token)).await.0.unwrap();
    let mut event = event_with(&token);
    event["methodArn"] = ARN.replace("GET/v1/items", "DELETE/v1/users/1").into();
    assert_eq!(function.invoke(event).await.0.unwrap(), first);
}

#[tokio::test]
async fn path_outside_of_the_api_is_denied() {
    let (mut function, token) = start().await;
    let mut event = event_with(&token);
    event["methodArn"] = ARN.replace("items", "nothing").into();
    let (answer, line) = function.invoke(event).await;
    assert!(!allows(&answer.unwrap()["policyDocument"], &ARN.replace("items", "nothing")));
    assert_eq!(line["decision"], "deny");
}

#[tokio::test]
async fn confused_stage_or_api_is_refused() {
    let (mut function, token) = start().await;
    for (field, value) in [
        ("arn", ARN.replace("/prod/", "/dev/")),
        ("arn", ARN.replace("abcdef1234", "other")),
        ("arn", ARN.replace("/prod/", "/*/")),
        ("arn", ARN.replace("abcdef1234", "*")),
        ("arn", ARN.replace("123456789012", "*")),
        ("arn", ARN.replace("GET", "*")),
        ("arn", ARN.replace("execute-api", "lambda")),
        ("arn", ARN.replace("/prod/GET/v1/items", "")),
        ("arn", "*".into()),
        ("arn", String::new()),
        ("stage", "dev".into()),
        ("stage", "*".into()),
        ("apiId", "other".into()),
        ("apiId", String::new()),
    ] {
        let mut event = event_with(&token);
        match field {
            "arn" => event["methodArn"] = value.clone().into(),
            field => event["requestContext"][field] = value.clone().into(),
        }
        let (answer, line) = function.invoke(event).await;
        assert_eq!(answer, Err("the event is not of a method of its API".to_owned()), "{field} {value}");
        assert_eq!((&line["decision"], &line["reason"]), (&json!("unavailable"), &json!("event")));
    }
}
