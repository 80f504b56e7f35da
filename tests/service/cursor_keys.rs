//! Cursor keys from Secrets Manager: fetches, rotation, forged cursors and outages.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use aws_smithy_async::time::TimeSource;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use lambda_http::Body;
use serde_json::{Value, json};
use serverless_crud::{
    access::Principal,
    app::{App, Config, CursorSecret, http_client, secrets_client},
    handlers,
    runtime::respond,
};
use uuid::Uuid;

use crate::{
    samples::{create, item},
    secrets::{ARN, Fault, Secrets},
    support::{TestServer, config, dynamodb, fixtures::Item},
};

const LIMIT: Duration = Duration::from_secs(9);
const FAULTS: [Fault; 4] = [Fault::Silence, Fault::Throttle, Fault::Denied, Fault::Broken];

/// A wall clock that tests can advance.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<AtomicU64>);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A function with lists that uses a server's database and a Secrets Manager.
struct Function {
    app: Arc<App>,
    clock: Clock,
}

impl Function {
    fn new(server: &TestServer, secrets_url: &str) -> Self {
        let clock = Clock::default();
        let sdk = aws_sdk_secretsmanager::config::Builder::new()
            .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
            .region(aws_sdk_secretsmanager::config::Region::new("local"))
            .credentials_provider(aws_sdk_secretsmanager::config::Credentials::for_tests())
            .time_source(clock.clone())
            .endpoint_url(secrets_url);
        let secrets = secrets_client(http_client(), sdk);
        let config = Config { cursor_secret: CursorSecret::Arn(ARN.into()), ..config() };
        Self { app: App::with_secrets(config, dynamodb(&server.dynamodb_url), Some(&secrets)), clock }
    }

    fn wait(&self, minutes: u64) {
        self.clock.0.fetch_add(minutes * 60, Ordering::Relaxed);
    }

    async fn get(&self, query: &[(&str, &str)]) -> ApiGatewayProxyResponse {
        let parameters: Value = query.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
        let event = json!({
            "resource": "/v1/items", "path": "/v1/items", "httpMethod": "GET", "headers": null,
            "multiValueHeaders": {}, "multiValueQueryStringParameters": parameters,
            "requestContext": {
                "requestId": "request-1", "resourcePath": "/v1/items", "httpMethod": "GET", "stage": "prod",
                "path": "/prod/v1/items", "identity": { "apiKeyId": "key-1" },
            },
            "isBase64Encoded": false,
        });
        respond(&self.app, &handlers::list::<Item>, &event.to_string(), LIMIT).await
    }

    /// Returns the status of the page after a cursor.
    async fn status(&self, cursor: &str) -> i64 {
        self.get(&[("limit", "1"), ("cursor", cursor)]).await.status_code
    }

    /// Returns the cursor of a page of one item.
    async fn cursor(&self) -> String {
        let answer = self.get(&[("limit", "1")]).await;
        assert_eq!(answer.status_code, 200);
        json_of(&answer)["nextCursor"].as_str().unwrap().to_owned()
    }
}

fn json_of(answer: &ApiGatewayProxyResponse) -> Value {
    let Some(Body::Text(text)) = &answer.body else { panic!("the answer has no text") };
    serde_json::from_str(text).unwrap()
}

fn assert_unavailable(answer: &ApiGatewayProxyResponse, context: &str) {
    assert_eq!(answer.status_code, 503, "{context}");
    assert_eq!(answer.multi_value_headers["retry-after"], "1", "{context}");
    assert_eq!(answer.multi_value_headers["content-type"], "application/problem+json", "{context}");
}

/// Returns a unique cursor with an invalid signature.
fn forge(cursor: &str) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    let end = bytes.len();
    bytes[end - 16..].copy_from_slice(Uuid::now_v7().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn server_with_items() -> TestServer {
    let server = TestServer::start().await;
    for _ in 0..3 {
        create(&server, "items", &item()).await;
    }
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_keeps_cursors_valid_on_all_instances() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    let (old, new) = (Function::new(&server, &secrets.url), Function::new(&server, &secrets.url));
    let before = old.cursor().await;
    secrets.rotate();
    // The instance from after the rotation accepts the old key's cursors, and the one from before the new key's.
    assert_eq!(new.status(&before).await, 200);
    let after = new.cursor().await;
    let fetches = secrets.fetches();
    assert_eq!(old.status(&after).await, 200);
    assert_eq!(secrets.fetches(), fetches + 1, "the new key is fetched once");
    assert_eq!(old.status(&after).await, 200);
    assert_eq!(old.status(&before).await, 200);
    assert_eq!(secrets.fetches(), fetches + 1, "and then known");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_from_two_rotations_ago_is_refused() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    let function = Function::new(&server, &secrets.url);
    let old = function.cursor().await;
    secrets.rotate();
    secrets.rotate();
    assert_eq!(function.status(&old).await, 200, "keys are kept for five minutes");
    function.wait(6);
    assert_eq!(function.status(&old).await, 400);
    assert_eq!(Function::new(&server, &secrets.url).status(&function.cursor().await).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousand_concurrent_forged_cursors_cause_two_fetches() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    let function = Function::new(&server, &secrets.url);
    let cursor = function.cursor().await;
    let fetches = secrets.fetches();
    let forged: Vec<_> = (0..1000).map(|_| forge(&cursor)).collect();
    for answer in join_all(forged.iter().map(async |forged| function.get(&[("cursor", forged)]).await)).await {
        match answer.status_code {
            400 => assert_eq!(json_of(&answer)["errors"][0]["parameter"], "cursor"),
            // The keys were fetched twice just before, so the client must retry.
            _ => assert_unavailable(&answer, "forged"),
        }
    }
    let caused = secrets.fetches() - fetches;
    assert!((1..=2).contains(&caused), "{caused} fetches");
    assert_eq!(function.status(&cursor).await, 200);
    assert_eq!(secrets.fetches(), fetches + caused);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_cursor_with_unknown_signature_is_refused_without_a_fetch() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    let function = Function::new(&server, &secrets.url);
    let cursor = function.cursor().await;
    function.wait(6);
    assert_eq!(function.status(&cursor).await, 200);
    let fetches = secrets.fetches();
    assert_eq!(function.status(&forge(&cursor)).await, 400);
    for malformed in ["", "%", "AAAA", "not a cursor"] {
        assert_eq!(function.status(malformed).await, 400, "{malformed}");
    }
    assert_eq!(secrets.fetches(), fetches);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_manager_failure_returns_503_with_retry_after() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    let cursor = Function::new(&server, &secrets.url).cursor().await;
    let answers = FAULTS.map(async |fault| {
        let secrets = Secrets::start().await;
        secrets.fault(Some(fault));
        let function = Function::new(&server, &secrets.url);
        assert_unavailable(&function.get(&[("limit", "1")]).await, &format!("{fault:?}"));
        assert_unavailable(&function.get(&[("cursor", &cursor)]).await, &format!("{fault:?}"));
        assert_eq!(function.get(&[]).await.status_code, 200, "a page without a next one needs no key: {fault:?}");
        secrets.fault(None);
        assert_eq!(function.get(&[("limit", "1")]).await.status_code, 200, "{fault:?}");
    });
    join_all(answers).await;
    let unreachable = Function::new(&server, "http://127.0.0.1:1");
    assert_unavailable(&unreachable.get(&[("limit", "1")]).await, "unreachable");
    assert_eq!(unreachable.get(&[]).await.status_code, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_keys_remain_in_use_for_an_hour_without_secrets_manager() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    let function = Function::new(&server, &secrets.url);
    let cursor = function.cursor().await;
    secrets.fault(Some(Fault::Denied));
    function.wait(50);
    assert_eq!(function.status(&cursor).await, 200);
    assert_eq!(function.status(&function.cursor().await).await, 200);
    function.wait(15);
    assert_unavailable(&function.get(&[("cursor", &cursor)]).await, "the keys are too old");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_secret_returns_503_and_is_not_logged() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    secrets.put("leaked");
    let function = Function::new(&server, &secrets.url);
    let answer = function.get(&[("limit", "1")]).await;
    assert_unavailable(&answer, "malformed");
    assert!(!json_of(&answer).to_string().contains("leaked"));
    let query = serverless_crud::record::ListQuery { limit: 1, order: Default::default(), filter: None, cursor: None };
    let error = function.app.store.table::<Item>(&Principal::system("test")).list(&query).await.err().unwrap();
    let cause = error.cause().unwrap();
    assert_eq!(cause, "the cursor secret is malformed: it must have at least 32 characters");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_fetches_the_keys_in_the_background() {
    let (server, secrets) = (server_with_items().await, Secrets::start().await);
    secrets.fault(Some(Fault::Silence));
    let function = Function::new(&server, &secrets.url);
    function.app.prime().await;
    assert_eq!(function.get(&[]).await.status_code, 200, "the start ends while the fetch is under way");
    let secrets = Secrets::start().await;
    let function = Function::new(&server, &secrets.url);
    function.app.prime().await;
    function.cursor().await;
    assert_eq!(secrets.fetches(), 1, "the first request takes the fetch of the start");
}

#[tokio::test]
async fn function_without_cursors_fetches_no_secret() {
    let (server, secrets) = (TestServer::start().await, Secrets::start().await);
    let function = Function::new(&server, &secrets.url);
    let mut seen = Vec::new();
    for (method, handler) in [("POST", "create"), ("GET", "get")] {
        let id = Uuid::now_v7().to_string();
        let event = json!({
            "resource": "/v1/items/{id}", "path": "/v1/items/1", "httpMethod": method, "headers": null,
            "multiValueHeaders": { "Content-Type": ["application/json"] }, "pathParameters": { "id": id },
            "requestContext": {
                "requestId": "request-1", "resourcePath": "/v1/items/{id}", "httpMethod": method, "stage": "prod",
                "path": "/prod/v1/items/1", "identity": { "apiKeyId": "key-1" },
            },
            "body": item().to_string(), "isBase64Encoded": false,
        })
        .to_string();
        let answer = match handler {
            "create" => respond(&function.app, &handlers::create::<Item>, &event, LIMIT).await,
            _ => respond(&function.app, &handlers::get::<Item>, &event, LIMIT).await,
        };
        seen.push(answer.status_code);
    }
    assert_eq!(seen, [201, 404]);
    assert_eq!(secrets.fetches(), 0);
}
