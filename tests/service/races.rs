//! Concurrent requests: the invariants hold in any order. Each race runs many times.

use std::collections::HashSet;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    samples::{create, email, get, item, read, samples, send, user},
    support::TestServer,
};

const ROUNDS: usize = 20;
const WRITERS: usize = 16;

/// Returns the statuses of a race with their counts.
fn tally(statuses: &[StatusCode]) -> Vec<(u16, usize)> {
    let mut codes: Vec<u16> = statuses.iter().map(StatusCode::as_u16).collect();
    codes.sort_unstable();
    codes.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_with_the_same_if_match_succeed_once() {
    let server = TestServer::start().await;
    for sample in samples() {
        for _ in 0..ROUNDS {
            let record = sample.created(&server).await;
            let path = sample.path_of(&record);
            let (field, _) = sample.change;
            let writers = (0..WRITERS).map(|writer| {
                let request = server.request(Method::PATCH, &path).header("If-Match", "\"1\"");
                request.json(&json!({ field: format!("Writer {writer}") })).send()
            });
            let answers: Vec<_> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
            let statuses: Vec<_> = answers.iter().map(reqwest::Response::status).collect();
            assert_eq!(tally(&statuses), [(200, 1), (412, WRITERS - 1)]);
            let winner = answers.into_iter().find(|answer| answer.status() == StatusCode::OK).unwrap();
            assert_eq!(read(&server, &path).await, Some(winner.json().await.unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_without_if_match_all_succeed() {
    let server = TestServer::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let path = sample.path_of(&record);
        let (field, value) = sample.change;
        let patch = json!({ field: value });
        let answers = join_all((0..WRITERS).map(|_| send(&server, Method::PATCH, &path, &patch))).await;
        let mut versions = HashSet::new();
        for answer in answers {
            assert_eq!(answer.status(), StatusCode::OK);
            versions.insert(answer.json::<Value>().await.unwrap()["version"].as_u64().unwrap());
        }
        assert_eq!(versions, (2..2 + WRITERS as u64).collect());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creates_with_the_same_email_succeed_once() {
    let server = TestServer::start().await;
    for _ in 0..ROUNDS {
        let email = email();
        let bodies: Vec<_> =
            (0..WRITERS).map(|writer| json!({ "name": "Ada", "email": mixed_case(&email, writer) })).collect();
        let answers = join_all(bodies.iter().map(|body| send(&server, Method::POST, "/v1/users", body))).await;
        let statuses: Vec<_> = answers.iter().map(reqwest::Response::status).collect();
        assert_eq!(tally(&statuses), [(201, 1), (409, WRITERS - 1)]);
        let page: Value = get(&server, &format!("/v1/users?email={email}")).await.json().await.unwrap();
        assert_eq!(page["data"].as_array().unwrap().len(), 1);
    }
}

fn mixed_case(email: &str, seed: usize) -> String {
    let flip = |(place, letter): (usize, char)| {
        if (seed >> (place % 4)) & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
    };
    email.chars().enumerate().map(flip).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_posts_with_one_idempotency_key_create_one_record() {
    let server = TestServer::start().await;
    for sample in samples() {
        for _ in 0..ROUNDS {
            let (key, body) = (Uuid::new_v4().to_string(), (sample.body)());
            let post =
                || server.request(Method::POST, &sample.path()).header("Idempotency-Key", &key).json(&body).send();
            let mut answers = HashSet::new();
            for answer in join_all((0..WRITERS).map(|_| post())).await {
                let answer = answer.unwrap();
                assert_eq!(answer.status(), StatusCode::CREATED);
                answers.insert(answer.text().await.unwrap());
            }
            assert_eq!(answers.len(), 1);
        }
        let mut seen = HashSet::new();
        let mut path = format!("{}?limit=100", sample.path());
        loop {
            let page: Value = get(&server, &path).await.json().await.unwrap();
            seen.extend(
                page["data"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("{}?limit=100&cursor={cursor}", sample.path());
        }
        assert_eq!(seen.len(), ROUNDS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_to_the_same_email_succeed_once() {
    let server = TestServer::start().await;
    for _ in 0..ROUNDS {
        let (wanted, ada, eve) =
            (email(), create(&server, "users", &user()).await, create(&server, "users", &user()).await);
        let change = async |user: &Value| {
            let path = format!("/v1/users/{}", user["id"].as_str().unwrap());
            send(&server, Method::PATCH, &path, &json!({ "email": wanted })).await.status()
        };
        let (first, second) = tokio::join!(change(&ada), change(&eve));
        assert_eq!(tally(&[first, second]), [(200, 1), (409, 1)]);
        // The user that was refused keeps its e-mail.
        let loser = if first == StatusCode::OK { &eve } else { &ada };
        let taken =
            send(&server, Method::POST, "/v1/users", &json!({ "name": "Mallory", "email": loser["email"] })).await;
        assert_eq!(taken.status(), StatusCode::CONFLICT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_email_changes_of_a_user_leave_one_claimed_email() {
    let server = TestServer::start().await;
    for _ in 0..ROUNDS {
        let ada = create(&server, "users", &user()).await;
        let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
        let wanted: Vec<_> = (0..4).map(|_| email()).collect();
        let patches: Vec<_> = wanted.iter().map(|email| json!({ "email": email })).collect();
        for answer in join_all(patches.iter().map(|patch| send(&server, Method::PATCH, &path, patch))).await {
            assert_eq!(answer.status(), StatusCode::OK);
        }
        let last = read(&server, &path).await.unwrap();
        assert_eq!(last["version"], 5);
        for email in wanted.iter().map(String::as_str).chain(ada["email"].as_str()) {
            let status =
                send(&server, Method::POST, "/v1/users", &json!({ "name": "Eve", "email": email })).await.status();
            let expected = if last["email"] == email { StatusCode::CONFLICT } else { StatusCode::CREATED };
            assert_eq!(status, expected, "{email}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_change_and_delete_of_a_user_releases_the_emails() {
    let server = TestServer::start().await;
    for _ in 0..ROUNDS {
        let (old, new) = (email(), email());
        let ada = create(&server, "users", &json!({ "name": "Ada", "email": old })).await;
        let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
        let patch = json!({ "email": new });
        let (changed, deleted) =
            tokio::join!(send(&server, Method::PATCH, &path, &patch), server.request(Method::DELETE, &path).send());
        assert!(matches!(changed.status().as_u16(), 200 | 404));
        assert_eq!(deleted.unwrap().status(), StatusCode::NO_CONTENT);
        for email in [old, new] {
            create(&server, "users", &json!({ "name": "Eve", "email": email })).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_deletes_succeed_once() {
    let server = TestServer::start().await;
    for sample in samples() {
        for _ in 0..ROUNDS {
            let path = sample.path_of(&sample.created(&server).await);
            let deletes = (0..WRITERS).map(|_| server.request(Method::DELETE, &path).send());
            let statuses: Vec<_> = join_all(deletes).await.into_iter().map(|answer| answer.unwrap().status()).collect();
            assert_eq!(tally(&statuses), [(204, 1), (404, WRITERS - 1)]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn item_owner_never_refers_to_a_user_deleted_before() {
    let server = TestServer::start().await;
    for _ in 0..ROUNDS {
        let owner = create(&server, "users", &user()).await;
        let owner_path = format!("/v1/users/{}", owner["id"].as_str().unwrap());
        let record = create(&server, "items", &item()).await;
        let path = format!("/v1/items/{}", record["id"].as_str().unwrap());
        let patch = json!({ "ownerId": owner["id"] });
        let (given, deleted) = tokio::join!(
            send(&server, Method::PATCH, &path, &patch),
            server.request(Method::DELETE, &owner_path).send()
        );
        assert!(matches!(given.status().as_u16(), 200 | 409));
        assert_eq!(deleted.unwrap().status(), StatusCode::NO_CONTENT);
        let other = create(&server, "items", &item()).await;
        let path = format!("/v1/items/{}", other["id"].as_str().unwrap());
        assert_eq!(send(&server, Method::PATCH, &path, &patch).await.status(), StatusCode::CONFLICT);
    }
}
