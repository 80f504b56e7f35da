//! The functions with the permissions of their roles: all operations and the data invariants.

use std::collections::HashSet;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Api, answer, item, lacks, merged, path_of, samples, user};

const RACERS: usize = 8;

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn record_can_be_created_read_replaced_patched_listed_and_deleted() {
    let api = Api::new();
    for sample in samples() {
        let created = api.send(Method::POST, sample.path, &sample.body).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
        assert_eq!(created.header("etag"), "\"1\"");
        let path = path_of(&sample, &created.body);

        let location = api.at(sample.path).join(created.header("location")).expect("a URL");
        let found = answer(api.authorized(api.client.get(location))).await;
        assert_eq!((found.status, &found.body), (StatusCode::OK, &created.body));

        let replaced = api.send(Method::PUT, &path, &merged(&sample.body, &sample.change)).await;
        assert_eq!((replaced.status, replaced.header("etag")), (StatusCode::OK, "\"2\""));
        let patched = answer(
            api.request(Method::PATCH, &path)
                .header("content-type", "application/merge-patch+json")
                .body(sample.body.to_string()),
        )
        .await;
        assert_eq!((patched.status, patched.header("etag")), (StatusCode::OK, "\"3\""));
        assert_eq!(api.get(&path).await.body, patched.body);

        let listed = api.get(&format!("{}?limit=100", sample.path)).await;
        assert!(listed.body["data"].as_array().expect("records").contains(&patched.body));

        let deleted = answer(api.request(Method::DELETE, &path)).await;
        assert_eq!((deleted.status, deleted.body), (StatusCode::NO_CONTENT, Value::Null));
        api.get(&path).await.assert_problem(StatusCode::NOT_FOUND);
        answer(api.request(Method::DELETE, &path)).await.assert_problem(StatusCode::NOT_FOUND);
        api.send(Method::PUT, &path, &sample.body).await.assert_problem(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn stale_version_changes_nothing() {
    let api = Api::new();
    for sample in samples() {
        let record = api.created(&sample).await;
        let path = path_of(&sample, &record);
        let current = api.send(Method::PATCH, &path, &sample.change).await;
        for (method, body) in
            [(Method::PUT, &sample.body), (Method::PATCH, &sample.change), (Method::DELETE, &Value::Null)]
        {
            let request = api.request(method, &path).header("If-Match", "\"1\"");
            let request = if body.is_null() { request } else { request.json(body) };
            answer(request).await.assert_problem(StatusCode::PRECONDITION_FAILED);
        }
        assert_eq!(api.get(&path).await.body, current.body);

        let unchanged = answer(api.request(Method::GET, &path).header("If-None-Match", current.header("etag"))).await;
        assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn concurrent_writes_with_the_same_version_succeed_once() {
    let api = Api::new();
    for sample in samples() {
        let path = path_of(&sample, &api.created(&sample).await);
        let writers = (0..RACERS)
            .map(|_| answer(api.request(Method::PATCH, &path).header("If-Match", "\"1\"").json(&sample.change)));
        let statuses: Vec<_> = join_all(writers).await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{statuses:?}");
        assert_eq!(api.get(&path).await.header("etag"), "\"2\"");
    }
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn repeated_idempotency_key_creates_one_record() {
    let api = Api::new();
    for sample in samples() {
        let key = Uuid::now_v7().to_string();
        let create =
            |body: &Value| answer(api.request(Method::POST, sample.path).header("Idempotency-Key", &key).json(body));
        let answers = join_all((0..RACERS).map(|_| create(&sample.body))).await;
        let ids: HashSet<_> = answers.iter().map(|answer| answer.body["id"].to_string()).collect();
        assert!(answers.iter().all(|answer| answer.status == StatusCode::CREATED));
        assert_eq!(ids.len(), 1, "{ids:?}");
        create(&merged(&sample.body, &sample.change)).await.assert_problem(StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn email_is_unique_in_any_case() {
    let (api, sample) = (Api::new(), user());
    let email = sample.body["email"].as_str().expect("an e-mail").to_owned();
    let forms = (0..RACERS).map(|racer| if racer % 2 == 0 { email.to_uppercase() } else { email.clone() });
    let creates = forms.map(|email| json!({ "name": "Ada", "email": email }));
    let answers = join_all(creates.map(|body| async { api.send(Method::POST, "/v1/users", &{ body }).await })).await;
    let (created, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(created.len(), 1);
    for answer in refused {
        answer.assert_problem(StatusCode::CONFLICT);
        assert_eq!(answer.body["errors"][0]["pointer"], "/email");
    }

    let other = api.created(&user()).await;
    let change = json!({ "email": email });
    api.send(Method::PATCH, &path_of(&sample, &other), &change).await.assert_problem(StatusCode::CONFLICT);
    let freed = answer(api.request(Method::DELETE, &path_of(&sample, &created[0].body))).await;
    assert_eq!(freed.status, StatusCode::NO_CONTENT);
    let taken = api.send(Method::PATCH, &path_of(&sample, &other), &change).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn item_owner_must_exist() {
    let (api, sample) = (Api::new(), item());
    let owned_by = |id: &Value| merged(&sample.body, &json!({ "ownerId": id }));
    let answer = api.send(Method::POST, sample.path, &owned_by(&json!(Uuid::now_v7()))).await;
    answer.assert_problem(StatusCode::CONFLICT);
    assert_eq!(answer.body["errors"][0]["pointer"], "/ownerId");

    let owner = api.created(&user()).await;
    let item = api.send(Method::POST, sample.path, &owned_by(&owner["id"])).await;
    assert_eq!(item.status, StatusCode::CREATED, "{}", item.body);
    let owned = api.get(&format!("/v1/items?ownerId={}", owner["id"].as_str().expect("an id"))).await;
    assert_eq!(owned.body["data"], json!([item.body]));
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn list_links_return_each_record_once() {
    const RECORDS: usize = 5;
    let api = Api::new();
    let owner = api.created(&user()).await["id"].as_str().expect("an id").to_owned();
    let body = merged(&item().body, &json!({ "ownerId": owner }));
    for _ in 0..RECORDS {
        assert_eq!(api.send(Method::POST, "/v1/items", &body).await.status, StatusCode::CREATED);
    }
    let mut seen = Vec::new();
    let mut next = Some(api.at(&format!("/v1/items?ownerId={owner}&limit=2")));
    while let Some(url) = next {
        let page = answer(api.authorized(api.client.get(url.clone()))).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let records = page.body["data"].as_array().expect("records");
        seen.extend(records.iter().map(|record| record["id"].to_string()));
        let link = page.header("link").strip_prefix('<').and_then(|link| link.split_once('>')).map(|(link, _)| link);
        next = link.map(|link| url.join(link).expect("a link"));
    }
    assert_eq!(seen.len(), RECORDS);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "newest first: {seen:?}");
    api.get("/v1/items?cursor=forged").await.assert_problem(StatusCode::BAD_REQUEST);
}

#[tokio::test]
#[ignore = "needs a deployed API: make e2e"]
async fn invalid_body_is_refused_and_not_stored() {
    let api = Api::new();
    for sample in samples() {
        let invalid = merged(&sample.body, &json!({ "name": "", "unknown": 1 }));
        let answer = api.send(Method::POST, sample.path, &invalid).await;
        answer.assert_problem(StatusCode::BAD_REQUEST);
        let names_errors = answer.body["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        assert!(names_errors || lacks("gateway_responses"), "{}", answer.body);
    }
    let malformed = api.request(Method::POST, "/v1/items").header("content-type", "application/json").body("{");
    answer(malformed).await.assert_problem(StatusCode::BAD_REQUEST);
}
