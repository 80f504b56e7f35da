//! Faults between the service and DynamoDB, made on the wire: refusals, lost answers, silence.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use serverless_crud::routes::{Grant, routes};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    samples::{create, get, header, item, problem, read, samples, send, user},
    support::TestServer,
};

/// What happens to a request on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Another transaction holds the row.
    Conflict,
    /// Too many requests.
    Throttle,
    /// It is carried out, but the answer is lost.
    LoseAnswer,
    /// It is carried out, and the answer is lost after the test lets go.
    HoldAndLoseAnswer,
    /// The transaction meets another that is half visible: the last of its conditions fails, the others conflict.
    HalfVisible,
    /// The same transaction is still under way.
    InProgress,
    /// The index shows the rows of the first shard in this one, too, as one does that is behind a re-keying.
    OtherShard,
    /// A page without rows that is not the last, as an index full of deleted rows can give.
    EmptyPage,
}

/// A proxy in front of DynamoDB that faults and remembers requests.
#[derive(Clone)]
pub struct Proxy {
    /// How many requests have come, those that met a fault among them.
    pub requests: Arc<AtomicUsize>,
    target: String,
    client: Client,
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    held: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

/// A request that reached DynamoDB, and its answer.
#[derive(Clone, Debug)]
struct Exchange {
    operation: String,
    request: Value,
    answer: Value,
}

impl Proxy {
    /// Starts one in front of a server's DynamoDB, and another server that goes through it.
    pub async fn start() -> (Self, TestServer, TestServer) {
        let behind = TestServer::start().await;
        let proxy = Self {
            requests: Arc::default(),
            target: behind.dynamodb_url.clone(),
            client: Client::new(),
            faults: Arc::default(),
            exchanges: Arc::default(),
            held: Arc::new(Semaphore::new(0)),
            released: Arc::new(Semaphore::new(0)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let server = TestServer::start_with(|options| options.endpoint_url = Some(url)).await;
        proxy.take();
        (proxy, server, behind)
    }

    /// Makes the next requests of an operation meet these faults, in turn.
    pub fn fault(&self, operation: &'static str, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults.iter().map(|fault| (operation, *fault)));
    }

    /// Lets every request pass again.
    pub fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// The exchanges since the last time.
    fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.exchanges.lock().unwrap())
    }

    fn next_fault(&self, operation: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let place = faults.iter().position(|(of, _)| *of == operation)?;
        Some(faults.remove(place).1)
    }
}

async fn pass(State(proxy): State<Proxy>, headers: HeaderMap, body: Bytes) -> Response {
    proxy.requests.fetch_add(1, Ordering::Relaxed);
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let fault = proxy.next_fault(&operation);
    match fault {
        Some(Fault::Conflict) if operation == "TransactWriteItems" => return cancelled(&body, "TransactionConflict"),
        Some(Fault::HalfVisible) => return cancelled(&body, "ConditionalCheckFailed"),
        Some(Fault::InProgress) => return refusal("TransactionInProgressException", json!({})),
        Some(Fault::EmptyPage) => {
            let end = json!({ "id": { "S": "ffffffff-ffff-7fff-bfff-ffffffffffff" }, "listShard": { "S": "0" } });
            let page = json!({ "Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": end });
            return ([("content-type", "application/x-amz-json-1.0")], page.to_string()).into_response();
        }
        Some(Fault::Conflict) => return refusal("TransactionConflictException", json!({})),
        Some(Fault::Throttle) => return refusal("ProvisionedThroughputExceededException", json!({})),
        Some(Fault::LoseAnswer | Fault::HoldAndLoseAnswer | Fault::OtherShard) | None => {}
    }
    let body = if fault == Some(Fault::OtherShard) { of_first_shard(&body) } else { body };
    let mut headers = headers;
    headers.remove("host");
    let request = proxy.client.post(&proxy.target).headers(headers).body(body.clone());
    let answer = request.send().await.unwrap();
    let (status, content_type) = (answer.status(), answer.headers().get("content-type").cloned());
    let answer = answer.bytes().await.unwrap();
    proxy.exchanges.lock().unwrap().push(Exchange {
        operation,
        request: serde_json::from_slice(&body).unwrap_or_default(),
        answer: serde_json::from_slice(&answer).unwrap_or_default(),
    });
    if fault == Some(Fault::HoldAndLoseAnswer) {
        proxy.held.add_permits(1);
        proxy.released.acquire().await.unwrap().forget();
    }
    if fault.is_some_and(|fault| fault != Fault::OtherShard) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response();
    }
    let mut response = Response::builder().status(status);
    response.headers_mut().unwrap().extend(content_type.map(|value| (axum::http::header::CONTENT_TYPE, value)));
    response.body(Body::from(answer)).unwrap()
}

/// The query of a shard, asked of the first one.
fn of_first_shard(body: &[u8]) -> Bytes {
    let mut query: Value = serde_json::from_slice(body).unwrap();
    query["ExpressionAttributeValues"][":key"] = json!({ "S": "0" });
    query.to_string().into()
}

/// A transaction of which the last step is refused for this reason, and the others for a conflict.
fn cancelled(body: &[u8], last: &str) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap();
    let mut reasons =
        vec![json!({ "Code": "TransactionConflict" }); request["TransactItems"].as_array().unwrap().len()];
    *reasons.last_mut().unwrap() = json!({ "Code": last });
    refusal("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

fn refusal(code: &str, mut body: Value) -> Response {
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    body["message"] = "injected".into();
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body.to_string()).into_response()
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_made_once() {
    let (proxy, server, _behind) = Proxy::start().await;
    for (collection, operation, body) in [("items", "PutItem", item()), ("users", "TransactWriteItems", user())] {
        proxy.fault(operation, &[Fault::LoseAnswer]);
        let record = create(&server, collection, &body).await;
        let page: Value = get(&server, &format!("/v1/{collection}")).await.json().await.unwrap();
        assert_eq!(page["data"], json!([record]));
        assert_eq!(proxy.take().iter().filter(|exchange| exchange.operation == operation).count(), 2);
    }
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_made_once_and_succeeds() {
    let (proxy, server, _behind) = Proxy::start().await;
    for sample in samples() {
        let record = sample.created(&server).await;
        let path = sample.path_of(&record);
        let (field, value) = sample.change;
        for (version, if_match) in [(2, "\"1\""), (3, "*")] {
            proxy.fault("UpdateItem", &[Fault::LoseAnswer]);
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
async fn an_update_whose_answer_was_lost_never_undoes_a_later_one_and_never_claims_to_have_failed() {
    let (proxy, server, behind) = Proxy::start().await;
    for sample in samples() {
        for if_match in ["\"1\"", "*"] {
            let path = sample.path_of(&sample.created(&server).await);
            proxy.fault("UpdateItem", &[Fault::HoldAndLoseAnswer]);
            let request = server.request(Method::PATCH, &path).header("If-Match", if_match);
            let first = tokio::spawn(request.json(&json!({ "name": "First" })).send());
            proxy.held.acquire().await.unwrap().forget();
            let later = send(&behind, Method::PATCH, &path, &json!({ "name": "Later" })).await;
            assert_eq!(later.status(), 200);
            proxy.released.add_permits(1);
            // Neither 200, which it cannot know, nor 412, which would be untrue.
            problem(first.await.unwrap().unwrap(), 503).await;
            assert_eq!(read(&server, &path).await, Some(later.json().await.unwrap()));
        }
    }
}

#[tokio::test]
async fn a_repeat_that_meets_its_first_attempt_half_visible_still_gets_the_first_answer() {
    let (proxy, server, _behind) = Proxy::start().await;
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
async fn a_transaction_that_is_still_under_way_is_not_begun_again() {
    let (proxy, server, _behind) = Proxy::start().await;
    for sample in samples() {
        let path = sample.path_of(&sample.created(&server).await);
        proxy.take();
        proxy.fault("TransactWriteItems", &[Fault::InProgress]);
        assert_eq!(server.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
        let path = sample.path_of(&sample.created(&server).await);
        proxy.fault("TransactWriteItems", &[Fault::InProgress; 20]);
        let response = server.request(Method::DELETE, &path).send().await.unwrap();
        problem(response, 503).await;
        proxy.faults.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn a_page_without_rows_that_is_not_the_last_skips_nothing() {
    let (proxy, server, _behind) = Proxy::start().await;
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
async fn a_record_that_two_shards_show_comes_once() {
    let (proxy, server, _behind) = Proxy::start().await;
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
async fn an_idempotency_key_past_its_time_counts_as_new_though_its_row_is_still_there() {
    let (_proxy, server, behind) = Proxy::start().await;
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
async fn a_change_of_email_whose_answer_was_lost_is_made_once_and_succeeds() {
    let (proxy, server, _behind) = Proxy::start().await;
    let record = create(&server, "users", &user()).await;
    let path = format!("/v1/users/{}", record["id"].as_str().unwrap());
    proxy.fault("TransactWriteItems", &[Fault::LoseAnswer]);
    let request = server.request(Method::PATCH, &path).header("If-Match", "\"1\"");
    let response = request.json(&json!({ "email": crate::samples::email() })).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["version"], 2);
    assert_eq!(read(&server, &path).await, Some(answer));
}

#[tokio::test]
async fn a_delete_whose_answer_was_lost_succeeds() {
    let (proxy, server, _behind) = Proxy::start().await;
    for sample in samples() {
        let path = sample.path_of(&sample.created(&server).await);
        proxy.fault("TransactWriteItems", &[Fault::LoseAnswer]);
        assert_eq!(server.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
        assert_eq!(read(&server, &path).await, None);
    }
}

#[tokio::test]
async fn a_write_that_meets_transactions_on_its_rows_waits_for_them() {
    let (proxy, server, _behind) = Proxy::start().await;
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
async fn past_the_retries_a_busy_database_is_503_with_retry_after_and_nothing_is_written() {
    let (proxy, server, _behind) = Proxy::start().await;
    for (collection, operation, body) in [("items", "PutItem", item()), ("users", "TransactWriteItems", user())] {
        for fault in [Fault::Throttle, Fault::Conflict] {
            proxy.fault(operation, &[fault; 20]);
            let response = send(&server, Method::POST, &format!("/v1/{collection}"), &body).await;
            assert_eq!(header(&response, "retry-after"), "1");
            let problem = problem(response, 503).await;
            assert!(!problem.to_string().contains("injected"), "nothing internal is shown");
            proxy.faults.lock().unwrap().clear();
            let page: Value = get(&server, &format!("/v1/{collection}")).await.json().await.unwrap();
            assert_eq!(page["data"], json!([]));
        }
    }
}

#[tokio::test]
async fn a_throttle_that_passes_is_not_seen() {
    let (proxy, server, _behind) = Proxy::start().await;
    proxy.fault("PutItem", &[Fault::Throttle]);
    let record = create(&server, "items", &item()).await;
    proxy.fault("GetItem", &[Fault::Throttle]);
    assert!(read(&server, &format!("/v1/items/{}", record["id"].as_str().unwrap())).await.is_some());
    proxy.fault("Query", &[Fault::Throttle]);
    assert_eq!(get(&server, "/v1/items").await.status(), 200);
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_is_an_error_naming_it_and_never_skipped() {
    let (_proxy, server, behind) = Proxy::start().await;
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
async fn a_record_of_an_older_or_newer_shape_still_reads() {
    let (_proxy, server, behind) = Proxy::start().await;
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

/// Sends a request to DynamoDB itself.
async fn raw(server: &TestServer, operation: &str, body: &Value) -> Value {
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

/// The actions on tables and indexes an exchange takes; the index of a table itself is empty.
fn actions(exchange: &Exchange) -> Vec<(String, String, String)> {
    let table = |body: &Value| body["TableName"].as_str().unwrap().trim_start_matches("local-").to_owned();
    let Some(steps) = exchange.request["TransactItems"].as_array() else {
        let index = exchange.request["IndexName"].as_str().unwrap_or_default().to_owned();
        return vec![(table(&exchange.request), exchange.operation.clone(), index)];
    };
    let step = |step: &Value| {
        let (kind, body) = step.as_object().unwrap().iter().next().unwrap();
        let action = if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
        (table(body), action, String::new())
    };
    steps.iter().map(step).collect()
}

#[tokio::test]
async fn each_function_takes_exactly_the_actions_it_is_granted() {
    let (proxy, server, _behind) = Proxy::start().await;
    for sample in samples() {
        let owner = create(&server, "users", &user()).await["id"].clone();
        let reference = if sample.collection == "items" { json!({ "ownerId": owner }) } else { json!({}) };
        let unique = if sample.collection == "users" { json!({ "email": crate::samples::email() }) } else { json!({}) };
        let mut body = (sample.body)();
        body.as_object_mut().unwrap().extend(reference.as_object().unwrap().clone());
        let plain = sample.created(&server).await;
        let path = sample.path_of(&plain);
        proxy.take();

        let mut taken: Vec<(String, Vec<Exchange>)> = Vec::new();
        let mut note = |verb: &str| taken.push((format!("{}_{verb}", sample.collection), proxy.take()));
        let request = server.request(Method::POST, &sample.path()).header("Idempotency-Key", "grants");
        assert_eq!(request.json(&body).send().await.unwrap().status(), 201);
        note("create");
        assert_eq!(get(&server, &path).await.status(), 200);
        note("get");
        for query in ["", "?order=asc"].into_iter().map(str::to_owned).chain(filters(sample.collection, &owner)) {
            assert_eq!(get(&server, &format!("{}{query}", sample.path())).await.status(), 200);
        }
        note("list");
        for patch in [json!({ "name": "Changed" }), reference, unique] {
            assert_eq!(send(&server, Method::PATCH, &path, &patch).await.status(), 200);
        }
        note("update");
        assert_eq!(server.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
        note("delete");

        for (function, exchanges) in taken {
            let mut used: Vec<_> = exchanges.iter().flat_map(actions).collect();
            used.sort();
            used.dedup();
            let route = routes().into_iter().find(|route| route.function == function).unwrap();
            let each = |grant: &Grant| {
                let places = if grant.indexes.is_empty() { vec![String::new()] } else { grant.indexes.clone() };
                let one = |(action, index): (&&str, String)| (grant.table.to_owned(), (*action).to_owned(), index);
                let of_index = |index: String| grant.actions.iter().map(move |action| (action, index.clone()));
                places.into_iter().flat_map(of_index).map(one).collect::<Vec<_>>()
            };
            let mut granted: Vec<_> = route.grants.iter().flat_map(each).collect();
            granted.sort();
            assert_eq!(used, granted, "{function}");
        }
    }
}

fn filters(collection: &str, owner: &Value) -> Vec<String> {
    match collection {
        "items" => vec!["?status=draft".into(), format!("?ownerId={}", owner.as_str().unwrap())],
        _ => vec!["?email=ada@example.com".into()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_at_100_and_at_20_000_records() {
    let (proxy, server, behind) = Proxy::start().await;
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

/// Puts rows as a create leaves them, 25 a request.
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
