//! The grants of the functions: each uses all of its grants, and needs no others during faults.

use std::collections::BTreeSet;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    faults::start_behind_proxy,
    samples::{Sample, create, email, samples, user},
    support::{
        TestServer,
        proxy::{Action, Fault, Grants, Proxy},
    },
};

/// Returns requests that cover all code paths of a function, with their bodies.
async fn requests(server: &TestServer, sample: &Sample, verb: &str) -> Vec<(Method, String, Option<Value>)> {
    let owner = create(server, "users", &user()).await["id"].clone();
    let guarded = if sample.collection == "items" { json!({ "ownerId": owner }) } else { json!({ "email": email() }) };
    let path = sample.path_of(&sample.created(server).await);
    match verb {
        "create" => {
            let mut body = (sample.body)();
            body.as_object_mut().unwrap().extend(guarded.as_object().unwrap().clone());
            vec![(Method::POST, sample.path(), Some((sample.body)())), (Method::POST, sample.path(), Some(body))]
        }
        "get" => vec![(Method::GET, path, None)],
        "list" => {
            let owned = format!("ownerId={}", owner.as_str().unwrap());
            let filters =
                if sample.collection == "items" { vec!["status=draft", &owned] } else { vec!["email=a@b.de"] };
            let queries = ["order=asc", "limit=1"].into_iter().chain(filters);
            queries.map(|query| (Method::GET, format!("{}?{query}", sample.path()), None)).collect()
        }
        "update" => {
            let plain = json!({ "name": "Changed" });
            let replacement = (sample.body)();
            vec![
                (Method::PATCH, path.clone(), Some(plain)),
                (Method::PATCH, path.clone(), Some(guarded)),
                (Method::PUT, path, Some(replacement)),
            ]
        }
        "delete" => vec![(Method::DELETE, path, None)],
        "history" => vec![(Method::GET, format!("{path}/history"), None)],
        _ => panic!("{verb} is no verb"),
    }
}

const VERBS: [&str; 6] = ["create", "get", "list", "update", "delete", "history"];

/// Sends a request. Creates have an idempotency key.
async fn send(server: &TestServer, (method, path, body): &(Method, String, Option<Value>)) -> Response {
    let mut request = server.request(method.clone(), path);
    if *method == Method::POST {
        request = request.header("Idempotency-Key", uuid::Uuid::new_v4().to_string());
    }
    body.iter().fold(request, |request, body| request.json(body)).send().await.unwrap()
}

/// Returns the actions that a function has used.
fn used_actions(proxy: &Proxy, function: &str) -> BTreeSet<Action> {
    let calls = proxy.calls.lock().unwrap();
    let own = calls.iter().filter(|call| call.function.as_deref() == Some(function));
    own.flat_map(|call| Action::required_by(&call.operation, &call.body)).collect()
}

#[tokio::test]
async fn functions_use_exactly_their_granted_actions() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for sample in samples() {
        for verb in VERBS {
            let function = format!("{}_{verb}", sample.collection);
            for request in requests(&server, &sample, verb).await {
                // If the response is lost, a condition other than the version may have refused the update.
                if request.2 == Some(json!({ "name": "Changed" })) {
                    proxy.fault("UpdateItem", &[Fault::LoseResponse]);
                }
                assert!(send(&server, &request).await.status().is_success(), "{request:?}");
                proxy.clear_faults();
            }
            assert_eq!(used_actions(&proxy, &function), Grants::declared().of(&function), "{function}");
        }
    }
    assert_eq!(proxy.denied(), []);
}

/// Returns the possible faults of an operation, once and beyond the retries.
fn faults(operation: &str) -> Vec<Vec<Fault>> {
    let mut faults = vec![Fault::Throttle, Fault::Crash, Fault::LoseResponse];
    if !["GetItem", "Query"].contains(&operation) {
        faults.push(Fault::Conflict);
    }
    if operation == "TransactWriteItems" {
        faults.extend([Fault::HalfVisible, Fault::InProgress]);
    }
    let past_retries = [Fault::Throttle, Fault::LoseResponse].map(|fault| vec![fault; 9]);
    faults.into_iter().map(|fault| vec![fault]).chain(past_retries).collect()
}

/// Returns the operations that a function has sent.
fn operations(proxy: &Proxy, function: &str) -> BTreeSet<&'static str> {
    let calls = proxy.calls.lock().unwrap();
    let own = calls.iter().filter(|call| call.function.as_deref() == Some(function));
    let operations: BTreeSet<_> = own.map(|call| call.operation.clone()).collect();
    ["GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"]
        .into_iter()
        .filter(|operation| operations.contains(*operation))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_need_no_other_actions_during_faults() {
    let functions = samples().into_iter().flat_map(|sample| VERBS.map(|verb| (sample.collection, verb)));
    let tests: JoinSet<()> =
        functions.map(|(collection, verb)| assert_faults_need_no_other_actions(collection, verb)).collect();
    tests.join_all().await;
}

async fn assert_faults_need_no_other_actions(collection: &'static str, verb: &'static str) {
    let sample = samples().into_iter().find(|sample| sample.collection == collection).unwrap();
    let (proxy, server, _behind) = start_behind_proxy().await;
    for request in requests(&server, &sample, verb).await {
        send(&server, &request).await;
    }
    for operation in operations(&proxy, &format!("{}_{verb}", sample.collection)) {
        for faults in faults(operation) {
            for request in requests(&server, &sample, verb).await {
                proxy.fault(operation, &faults);
                let status = send(&server, &request).await.status().as_u16();
                proxy.clear_faults();
                let context = format!("{request:?} with {faults:?} in {operation}");
                assert_eq!(proxy.denied(), [], "{context}");
                assert!([200, 201, 204, 503].contains(&status), "{status} for {context}");
            }
        }
    }
}
