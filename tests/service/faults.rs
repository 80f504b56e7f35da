//! Faults between the service and DynamoDB: refusals, lost responses and outages.

use reqwest::Method;
use serde_json::{Value, json};
use serverless_crud::local::Options;

use crate::{
    samples::{create, get, header, item, problem, read, samples, send, user},
    support::{
        TestServer,
        proxy::{Fault, Proxy},
    },
};

/// Starts a server with a DynamoDB behind a proxy. Returns the proxy, that server and the server of the DynamoDB.
pub async fn start_behind_proxy() -> (Proxy, TestServer, TestServer) {
    start_behind_proxy_with(|_| {}).await
}

/// Like [`start_behind_proxy`], with changed options.
pub async fn start_behind_proxy_with(change: impl FnOnce(&mut Options)) -> (Proxy, TestServer, TestServer) {
    let behind = TestServer::start().await;
    let proxy = Proxy::start(&behind.dynamodb_url).await;
    let url = proxy.url.clone();
    let server = TestServer::start_with(|options| {
        options.endpoint_url = Some(url);
        change(options);
    })
    .await;
    proxy.take();
    (proxy, server, behind)
}

#[tokio::test]
async fn create_with_lost_response_takes_effect_once() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for (collection, operation, body) in [("items", "PutItem", item()), ("users", "TransactWriteItems", user())] {
        proxy.fault(operation, &[Fault::LoseResponse]);
        let record = create(&server, collection, &body).await;
        let page: Value = get(&server, &format!("/v1/{collection}")).await.json().await.unwrap();
        assert_eq!(page["data"], json!([record]));
        assert_eq!(proxy.take().iter().filter(|exchange| exchange.operation == operation).count(), 2);
    }
}

#[tokio::test]
async fn update_with_lost_response_takes_effect_once() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let path = sample.path_of(&record);
        let (field, value) = sample.change;
        for (version, if_match) in [(2, "\"1\""), (3, "*")] {
            proxy.fault("UpdateItem", &[Fault::LoseResponse]);
            let request = server.request(Method::PATCH, &path).header("If-Match", if_match);
            let response = request.json(&json!({ field: value })).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let answer: Value = response.json().await.unwrap();
            assert_eq!(answer["version"], version);
            assert_eq!(read(&server, &path).await, Some(answer));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn update_with_lost_response_never_undoes_a_later_one() {
    let (proxy, server, behind) = start_behind_proxy().await;
    for sample in samples() {
        for if_match in ["\"1\"", "*"] {
            let path = sample.path_of(&sample.created(&server).await);
            proxy.fault("UpdateItem", &[Fault::HoldAndLoseResponse]);
            let request = server.request(Method::PATCH, &path).header("If-Match", if_match);
            let first = tokio::spawn(request.json(&json!({ "name": "First" })).send());
            proxy.held.acquire().await.unwrap().forget();
            let later = send(&behind, Method::PATCH, &path, &json!({ "name": "Later" })).await;
            assert_eq!(later.status(), 200);
            proxy.released.add_permits(1);
            // 200 would be a guess and 412 would be wrong.
            problem(first.await.unwrap().unwrap(), 503).await;
            assert_eq!(read(&server, &path).await, Some(later.json().await.unwrap()));
        }
    }
}

#[tokio::test]
async fn retry_during_half_visible_transaction_returns_the_first_response() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for sample in samples() {
        let body = (sample.body)();
        let post = || server.request(Method::POST, &sample.path()).header("Idempotency-Key", "half").json(&body).send();
        let first: Value = post().await.unwrap().json().await.unwrap();
        proxy.fault("TransactWriteItems", &[Fault::HalfVisible; 3]);
        let second = post().await.unwrap();
        assert_eq!(second.status(), 201);
        assert_eq!(second.json::<Value>().await.unwrap(), first);
    }
}

#[tokio::test]
async fn transaction_in_progress_is_not_repeated() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for sample in samples() {
        let path = sample.path_of(&sample.created(&server).await);
        proxy.take();
        proxy.fault("TransactWriteItems", &[Fault::InProgress]);
        assert_eq!(server.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
        let path = sample.path_of(&sample.created(&server).await);
        proxy.fault("TransactWriteItems", &[Fault::InProgress; 20]);
        let response = server.request(Method::DELETE, &path).send().await.unwrap();
        problem(response, 503).await;
        proxy.clear_faults();
    }
}

#[tokio::test]
async fn empty_page_before_the_end_skips_no_records() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    let mut expected = Vec::new();
    for _ in 0..14 {
        expected.insert(0, create(&server, "items", &item()).await);
    }
    proxy.fault("Query", &[Fault::EmptyPage, Fault::EmptyPage]);
    let (mut found, mut path) = (Vec::new(), "/v1/items?limit=5".to_owned());
    loop {
        let page: Value = get(&server, &path).await.json().await.unwrap();
        found.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/items?limit=5&cursor={cursor}");
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn record_in_two_shards_is_listed_once() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    let mut expected = Vec::new();
    for _ in 0..30 {
        let record = create(&server, "items", &item()).await;
        let id: uuid::Uuid = record["id"].as_str().unwrap().parse().unwrap();
        if id.as_bytes()[15].is_multiple_of(4) {
            expected.insert(0, record);
        }
    }
    let (mut found, mut path) = (Vec::new(), "/v1/items?limit=3".to_owned());
    loop {
        proxy.fault("Query", &[Fault::OtherShard; 4]);
        let page: Value = get(&server, &path).await.json().await.unwrap();
        found.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/items?limit=3&cursor={cursor}");
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn expired_idempotency_key_is_new_before_its_row_is_deleted() {
    let (_proxy, server, behind) = start_behind_proxy().await;
    let post = || server.request(Method::POST, "/v1/items").header("Idempotency-Key", "old").json(&item()).send();
    let first: Value = post().await.unwrap().json().await.unwrap();
    let keys = json!({
        "TableName": "local-bookkeeping", "FilterExpression": "begins_with(pk, :kind)",
        "ExpressionAttributeValues": { ":kind": { "S": "idempotency#" } },
    });
    let rows = raw(&behind, "Scan", &keys).await;
    let update = json!({
        "TableName": "local-bookkeeping", "Key": { "pk": rows["Items"][0]["pk"] },
        "UpdateExpression": "SET expiresAt = :past", "ExpressionAttributeValues": { ":past": { "N": "1" } },
    });
    raw(&behind, "UpdateItem", &update).await;
    let second: Value = post().await.unwrap().json().await.unwrap();
    assert_ne!(second["id"], first["id"]);
    let third: Value = post().await.unwrap().json().await.unwrap();
    assert_eq!(third, second);
}

#[tokio::test]
async fn email_change_with_lost_response_takes_effect_once() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    let record = create(&server, "users", &user()).await;
    let path = format!("/v1/users/{}", record["id"].as_str().unwrap());
    proxy.fault("TransactWriteItems", &[Fault::LoseResponse]);
    let request = server.request(Method::PATCH, &path).header("If-Match", "\"1\"");
    let response = request.json(&json!({ "email": crate::samples::email() })).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["version"], 2);
    assert_eq!(read(&server, &path).await, Some(answer));
}

#[tokio::test]
async fn delete_with_lost_response_succeeds() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for sample in samples() {
        let path = sample.path_of(&sample.created(&server).await);
        proxy.fault("TransactWriteItems", &[Fault::LoseResponse]);
        assert_eq!(server.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
        assert_eq!(read(&server, &path).await, None);
    }
}

#[tokio::test]
async fn write_in_conflict_with_transactions_is_retried() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    for (collection, operation, body) in [("items", "PutItem", item()), ("users", "TransactWriteItems", user())] {
        proxy.fault(operation, &[Fault::Conflict; 5]);
        let record = create(&server, collection, &body).await;
        let path = format!("/v1/{collection}/{}", record["id"].as_str().unwrap());
        proxy.fault("UpdateItem", &[Fault::Conflict; 5]);
        assert_eq!(send(&server, Method::PATCH, &path, &json!({ "name": "Changed" })).await.status(), 200);
        proxy.fault("TransactWriteItems", &[Fault::Conflict; 5]);
        assert_eq!(server.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    }
}

#[tokio::test]
async fn exhausted_retries_return_503_and_write_nothing() {
    let (proxy, server, _behind) = start_behind_proxy_with(|options| options.timeout = 1.5).await;
    for (collection, operation, body) in [("items", "PutItem", item()), ("users", "TransactWriteItems", user())] {
        for fault in [Fault::Throttle, Fault::Conflict] {
            proxy.fault(operation, &[fault; 1000]);
            let response = send(&server, Method::POST, &format!("/v1/{collection}"), &body).await;
            assert_eq!(header(&response, "retry-after"), "1");
            let problem = problem(response, 503).await;
            assert!(!problem.to_string().contains("injected"), "nothing internal is shown");
            proxy.clear_faults();
            let page: Value = get(&server, &format!("/v1/{collection}")).await.json().await.unwrap();
            assert_eq!(page["data"], json!([]));
        }
    }
}

#[tokio::test]
async fn short_throttle_is_retried() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    proxy.fault("PutItem", &[Fault::Throttle]);
    let record = create(&server, "items", &item()).await;
    proxy.fault("GetItem", &[Fault::Throttle]);
    assert!(read(&server, &format!("/v1/items/{}", record["id"].as_str().unwrap())).await.is_some());
    proxy.fault("Query", &[Fault::Throttle]);
    assert_eq!(get(&server, "/v1/items").await.status(), 200);
}

#[tokio::test]
async fn corrupt_record_returns_an_error_with_its_id() {
    let (_proxy, server, behind) = start_behind_proxy().await;
    let record = create(&server, "items", &item()).await;
    let other = create(&server, "items", &item()).await;
    let id = record["id"].as_str().unwrap();
    let update = json!({
        "TableName": "local-items", "Key": { "id": { "S": id } },
        "UpdateExpression": "SET priceCents = :p", "ExpressionAttributeValues": { ":p": { "S": "secret" } },
    });
    raw(&behind, "UpdateItem", &update).await;
    for path in [format!("/v1/items/{id}"), "/v1/items".into()] {
        let problem = problem(get(&server, &path).await, 500).await;
        assert!(problem["detail"].as_str().unwrap().contains(id));
        assert!(!problem.to_string().contains("secret"));
    }
    assert!(read(&server, &format!("/v1/items/{}", other["id"].as_str().unwrap())).await.is_some());
}

#[tokio::test]
async fn record_of_another_schema_version_is_readable() {
    let (_proxy, server, behind) = start_behind_proxy().await;
    let record = create(&server, "items", &item()).await;
    let update = json!({
        "TableName": "local-items", "Key": { "id": { "S": record["id"] } },
        "UpdateExpression": "REMOVE #s, tags SET colour = :c", "ExpressionAttributeNames": { "#s": "status" },
        "ExpressionAttributeValues": { ":c": { "S": "red" } },
    });
    raw(&behind, "UpdateItem", &update).await;
    let path = format!("/v1/items/{}", record["id"].as_str().unwrap());
    assert_eq!(read(&server, &path).await, Some(record));
}

/// Sends a request directly to DynamoDB.
pub async fn raw(server: &TestServer, operation: &str, body: &Value) -> Value {
    let request =
        server.client.post(&server.dynamodb_url).header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    let request = request
        .header("content-type", "application/x-amz-json-1.0")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        )
        .header("x-amz-date", "20260101T000000Z");
    let response = request.body(body.to_string()).send().await.unwrap();
    let status = response.status();
    let answer: Value = response.json().await.unwrap();
    assert!(status.is_success(), "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn page_cost_is_independent_of_table_size() {
    let (proxy, server, behind) = start_behind_proxy().await;
    let mut costs = Vec::new();
    let mut filled = 0;
    for size in [100, 20_000] {
        fill(&behind, size - filled).await;
        filled = size;
        proxy.take();
        let mut cost = Vec::new();
        let mut path = "/v1/items?limit=20".to_owned();
        for _ in 0..3 {
            let page: Value = get(&server, &path).await.json().await.unwrap();
            assert_eq!(page["data"].as_array().unwrap().len(), 20);
            path = format!("/v1/items?limit=20&cursor={}", page["nextCursor"].as_str().unwrap());
            let exchanges = proxy.take();
            assert!(exchanges.iter().all(|exchange| exchange.operation == "Query"));
            let read: u64 = exchanges.iter().map(|exchange| exchange.answer["ScannedCount"].as_u64().unwrap()).sum();
            assert!(read <= 4 * 21, "{read} records read");
            cost.push(exchanges.len());
        }
        costs.push(cost);
    }
    assert_eq!(costs, [[4, 4, 4], [4, 4, 4]]);
}

/// Puts rows like those of creates, 25 per request.
async fn fill(server: &TestServer, count: usize) {
    let rows: Vec<Value> = (0..count)
        .map(|_| {
            let id = uuid::Uuid::now_v7();
            let item = json!({
                "id": { "S": id }, "version": { "N": "1" }, "createdAt": { "S": "2026-01-01T00:00:00.000Z" },
                "updatedAt": { "S": "2026-01-01T00:00:00.000Z" }, "name": { "S": "Cup" }, "priceCents": { "N": "1" },
                "currency": { "S": "EUR" }, "listShard": { "S": (id.as_bytes()[15] % 4).to_string() },
            });
            json!({ "PutRequest": { "Item": item } })
        })
        .collect();
    for rows in rows.chunks(25) {
        raw(server, "BatchWriteItem", &json!({ "RequestItems": { "local-items": rows } })).await;
    }
}
