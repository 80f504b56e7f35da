//! Users with tokens of the stage's user pool: what they may do, and tokens that are refused.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::{Answer, Api, answer, item, lacks, merged, path_of, variable};

/// The signature is the last of three parts; its first character has six bits of it.
fn with_other_signature(token: &str) -> String {
    let place = token.rfind('.').expect("a signature") + 1;
    let other = if &token[place..=place] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..place], &token[place + 1..])
}

async fn patch(api: &Api, path: &str, body: &Value) -> Answer {
    api.send(Method::PATCH, path, body).await
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn only_its_owner_and_administrators_change_an_item() {
    if lacks("tokens") {
        return;
    }
    let (owner, other, admin) = (Api::of("MEMBER"), Api::of("OTHER"), Api::of("ADMIN"));
    let sample = item();
    let record = owner.created(&merged_item("active")).await;
    let path = path_of(&sample, &record);
    assert!(record["ownerId"].is_string(), "{record}");
    assert_eq!(other.get(&path).await.status, StatusCode::OK);
    for (method, body) in [(Method::PATCH, &sample.change), (Method::PUT, &sample.body), (Method::DELETE, &Value::Null)]
    {
        other.send(method, &path, body).await.assert_problem(StatusCode::FORBIDDEN);
    }
    assert_eq!(owner.get(&path).await.body, record);
    assert_eq!(patch(&owner, &path, &json!({ "name": "Mine" })).await.status, StatusCode::OK);
    assert_eq!(patch(&admin, &path, &json!({ "name": "Ours" })).await.status, StatusCode::OK);
    assert_eq!(answer(owner.request(Method::DELETE, &path)).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn draft_does_not_exist_for_others() {
    if lacks("tokens") {
        return;
    }
    let (owner, other, admin) = (Api::of("MEMBER"), Api::of("OTHER"), Api::of("ADMIN"));
    let record = owner.created(&merged_item("draft")).await;
    let path = path_of(&item(), &record);
    other.get(&path).await.assert_problem(StatusCode::NOT_FOUND);
    patch(&other, &path, &json!({ "name": "Mine" })).await.assert_problem(StatusCode::NOT_FOUND);
    other.get(&format!("{path}/history")).await.assert_problem(StatusCode::NOT_FOUND);
    let owners = format!("/v1/items?ownerId={}", record["ownerId"].as_str().expect("an owner"));
    let lists = |body: &Value| body["data"].as_array().expect("records").contains(&record);
    assert!(!lists(&other.get(&owners).await.body));
    assert!(lists(&owner.get(&owners).await.body));
    assert_eq!(admin.get(&path).await.body, record);
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn user_cannot_become_administrator() {
    if lacks("tokens") {
        return;
    }
    let api = Api::of("MEMBER");
    let users = api.get("/v1/users?email=member@example.com").await;
    users.assert_problem(StatusCode::FORBIDDEN);
    let listed = Api::of("ADMIN").get("/v1/users?email=member@example.com").await.body;
    let path = format!("/v1/users/{}", listed["data"][0]["id"].as_str().expect("the own record"));
    patch(&api, &path, &json!({ "role": "admin" })).await.assert_problem(StatusCode::FORBIDDEN);
    assert_eq!(patch(&api, &path, &json!({ "name": "Member" })).await.status, StatusCode::OK);
    patch(&Api::of("OTHER"), &path, &json!({ "name": "Mine" })).await.assert_problem(StatusCode::FORBIDDEN);
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn request_without_a_valid_token_is_refused() {
    if lacks("tokens") {
        return;
    }
    let api = Api::new();
    let valid = variable("E2E_MEMBER_TOKEN");
    let unsigned = format!("{}.", valid.rsplit_once('.').expect("a signature").0);
    let others = [variable("E2E_ID_TOKEN"), variable("E2E_STRANGER_TOKEN")];
    let [id, stranger] = others.map(|token| format!("Bearer {token}"));
    for credentials in [
        None,
        Some("Basic YWRhOmFkYQ==".into()),
        Some(format!("Bearer {}", with_other_signature(&valid))),
        Some(format!("Bearer {unsigned}")),
        Some(id),
        Some(stranger),
    ] {
        for (method, path) in [(Method::GET, "/v1/items"), (Method::POST, "/v1/users")] {
            let request = api.anonymous(method, path).header("x-api-key", &api.key);
            let request = credentials.iter().fold(request, |request, text| request.header("authorization", text));
            let answer = answer(request).await;
            answer.assert_problem(StatusCode::UNAUTHORIZED);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{:?}", answer.headers);
        }
    }
}

fn merged_item(status: &str) -> crate::api::Sample {
    let sample = item();
    let body = merged(&sample.body, &json!({ "status": status }));
    crate::api::Sample { body, ..sample }
}
