//! What is special to users: an e-mail address of their own.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    samples::{create, email, get, places, problem, read, send},
    support::TestServer,
};

#[tokio::test]
async fn an_email_that_is_taken_in_another_case_is_409_naming_the_field() {
    let server = TestServer::start().await;
    let email = email();
    create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    let body = json!({ "name": "Eve", "email": email.to_uppercase() });
    let problem = problem(send(&server, Method::POST, "/v1/users", &body).await, 409).await;
    assert_eq!(places(&problem), ["/email"]);
}

#[tokio::test]
async fn an_email_is_kept_as_written() {
    let server = TestServer::start().await;
    let record = create(&server, "users", &json!({ "name": "Ada", "email": "Ada.L@Example.com" })).await;
    assert_eq!(record["email"], "Ada.L@Example.com");
}

#[tokio::test]
async fn changing_an_email_to_a_taken_one_is_409_and_changes_nothing() {
    let server = TestServer::start().await;
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email() })).await;
    let eve = create(&server, "users", &json!({ "name": "Eve", "email": email() })).await;
    let path = format!("/v1/users/{}", eve["id"].as_str().unwrap());
    let problem_of_patch = send(&server, Method::PATCH, &path, &json!({ "email": ada["email"] })).await;
    assert_eq!(places(&problem(problem_of_patch, 409).await), ["/email"]);
    let problem_of_put = send(&server, Method::PUT, &path, &json!({ "name": "Eve", "email": ada["email"] })).await;
    assert_eq!(places(&problem(problem_of_put, 409).await), ["/email"]);
    assert_eq!(read(&server, &path).await, Some(eve));
}

#[tokio::test]
async fn changing_an_email_claims_the_new_one_and_frees_the_old_one() {
    let server = TestServer::start().await;
    let (old, new) = (email(), email());
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": old })).await;
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    let response = send(&server, Method::PATCH, &path, &json!({ "email": new })).await;
    assert_eq!(response.status(), StatusCode::OK);
    let changed: Value = response.json().await.unwrap();
    assert_eq!((changed["email"].as_str(), changed["version"].as_u64()), (Some(new.as_str()), Some(2)));
    assert_eq!(read(&server, &path).await, Some(changed));
    let taken = send(&server, Method::POST, "/v1/users", &json!({ "name": "Eve", "email": new })).await;
    problem(taken, 409).await;
    create(&server, "users", &json!({ "name": "Eve", "email": old })).await;
}

#[tokio::test]
async fn changing_only_the_case_of_an_email_is_no_conflict_with_oneself() {
    let server = TestServer::start().await;
    let email = email();
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    let response = send(&server, Method::PATCH, &path, &json!({ "email": email.to_uppercase() })).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.json::<Value>().await.unwrap()["email"], email.to_uppercase());
    let taken = send(&server, Method::POST, "/v1/users", &json!({ "name": "Eve", "email": email })).await;
    problem(taken, 409).await;
}

#[tokio::test]
async fn deleting_a_user_frees_the_email() {
    let server = TestServer::start().await;
    let email = email();
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    server.request(Method::DELETE, &path).send().await.unwrap();
    create(&server, "users", &json!({ "name": "Eve", "email": email.to_uppercase() })).await;
}

#[tokio::test]
async fn a_user_is_found_by_email_whatever_its_case() {
    let server = TestServer::start().await;
    let email = email();
    let ada = create(&server, "users", &json!({ "name": "Ada", "email": email })).await;
    create(&server, "users", &crate::samples::user()).await;
    let page: Value = get(&server, &format!("/v1/users?email={}", email.to_uppercase())).await.json().await.unwrap();
    assert_eq!(page, json!({ "data": [ada], "nextCursor": null }));
}
