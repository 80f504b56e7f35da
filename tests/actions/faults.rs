//! Every fault of the upstream API gives its problem, and neither responses nor logs show the key, the address or a text.

use std::path::Path;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    process::Process,
    support::TestServer,
    upstream::{Behaviour, KEY, PATH, PRIVATE, Upstream},
};

const BAD: &str = "A service that this one relies on gave no usable response: try again later.";
const BUSY: &str = "A service that this one relies on is busy: try again later.";
const LATE: &str = "A service that this one relies on did not respond in time: try again.";

/// Starts the local server in a process of its own, whose output is its log.
fn start(folder: &Path, upstream: &Upstream, settings: &[&str]) -> Process {
    let key_file = upstream.key_file();
    let mut options = vec![
        "--json-logs",
        "--no-consumers",
        "--upstream",
        &upstream.url,
        "--upstream-key-file",
        key_file.to_str().unwrap(),
    ];
    let own: Vec<String> = upstream.settings().iter().map(|(name, value)| format!("{name}={value}")).collect();
    for setting in own.iter().map(String::as_str).chain(settings.iter().copied()) {
        options.extend(["--upstream-setting", setting]);
    }
    Process::start(folder, &options)
}

async fn paraphrase(server: &Process) -> Response {
    let request =
        server.request(Method::POST, "/v1/paraphrase").header("Idempotency-Key", uuid::Uuid::new_v4().to_string());
    request.json(&json!({ "sourceText": "A text." })).send().await.unwrap()
}

fn json_body(body: impl Into<String>) -> Behaviour {
    Behaviour::Raw("200 OK\r\ncontent-type: application/json", body.into())
}

fn status(head: &'static str) -> Behaviour {
    Behaviour::Raw(head, PRIVATE.to_owned())
}

/// Asserts that the problem is as declared, and that the response shows nothing private.
async fn assert_problem(response: Response, status: u16, detail: &str, port: u16, context: &str) {
    assert_eq!(response.status().as_u16(), status, "{context}");
    let headers = format!("{:?}", response.headers());
    assert_eq!(response.headers().contains_key("retry-after"), status == 503, "{context}");
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["status"], &body["detail"]), (&json!(status), &json!(detail)), "{context}");
    assert_nothing_private(&format!("{headers} {body}"), port);
}

fn assert_nothing_private(text: &str, port: u16) {
    for private in [KEY, PRIVATE, PATH, "A text.", &format!("localhost:{port}"), &format!("127.0.0.1:{port}")] {
        assert!(!text.contains(private), "{private} is in {text}");
    }
}

/// Stops the server. Asserts that its log has a line with this cause for each request and nothing private.
fn assert_log(server: Process, port: u16, statuses: &[u16], cause: &str) {
    let lines = server.into_lines();
    lines.iter().for_each(|line| assert_nothing_private(line, port));
    let lines: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let lines: Vec<_> = lines.iter().filter(|line| line["route"] == "POST /v1/paraphrase").collect();
    assert_eq!(
        lines.iter().map(|line| line["status"].as_u64().unwrap()).collect::<Vec<_>>(),
        statuses.iter().map(|status| u64::from(*status)).collect::<Vec<_>>()
    );
    for line in lines {
        assert!(line["cause"].is_string() && line["upstreamMs"].is_u64() && line["upstreamAttempts"] == 1, "{line}");
        assert_eq!(line["circuit"], "closed");
        assert!(line["cause"].as_str().unwrap().contains(cause), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_gives_its_problem_and_shows_nothing_private() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::start().await);
    let settings = ["UPSTREAM_TIMEOUT_MS=300", "UPSTREAM_ATTEMPTS=1", "UPSTREAM_CIRCUIT_FAILURES=1000"];
    let server = start(folder.path(), &upstream, &settings);
    let short = format!("{{\"text\":\"{PRIVATE}\"}}");
    let faults = [
        (Behaviour::SlowHeaders, 504, LATE),
        (Behaviour::SlowBody, 504, LATE),
        (Behaviour::EndlessBody, 502, BAD),
        (Behaviour::Close, 502, BAD),
        (Behaviour::Raw("200 OK\r\ncontent-type: application/json\r\ncontent-length: 999", short.clone()), 502, BAD),
        (Behaviour::Raw("200 OK\r\ncontent-type: application/json\r\ncontent-length: 5", short), 502, BAD),
        (Behaviour::Raw("200 OK\r\ncontent-type: text/html", format!("{{\"text\":\"{PRIVATE}\"}}")), 502, BAD),
        (Behaviour::Raw("200 OK", format!("{{\"text\":\"{PRIVATE}\"}}")), 502, BAD),
        (json_body(format!("{{\"text\":\"{PRIVATE}")), 502, BAD),
        (json_body(format!("{{\"other\":\"{PRIVATE}\"}}")), 502, BAD),
        (json_body(format!("{{\"text\":{{\"{PRIVATE}\":1}}}}")), 502, BAD),
        (json_body(r#"{"text":""}"#), 502, BAD),
        (json_body("[".repeat(10_000)), 502, BAD),
        (status("400 Bad Request"), 502, BAD),
        (status("403 Forbidden"), 502, BAD),
        (status("404 Not Found"), 502, BAD),
        (status("429 Too Many Requests"), 503, BUSY),
        (status("500 Internal Server Error"), 502, BAD),
        (status("503 Service Unavailable"), 503, BUSY),
        (status("204 No Content"), 502, BAD),
        (status("302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/"), 502, BAD),
        (Behaviour::Raw("not HTTP", PRIVATE.to_owned()), 502, BAD),
    ];
    for (fault, status, detail) in &faults {
        upstream.answer_with([fault.clone()]);
        assert_problem(paraphrase(&server).await, *status, detail, upstream.port, &format!("{fault:?}")).await;
    }
    assert_eq!(upstream.requests(), faults.len());
    assert_log(server, upstream.port, &faults.map(|(_, status, _)| status), "the upstream API");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_is_not_followed() {
    let (upstream, target) = (Upstream::start().await, Upstream::start().await);
    let server = crate::start(&upstream, &[]).await;
    for code in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let head: &'static str = format!("{code}\r\nlocation: {}", target.url).leak();
        upstream.answer_with([status(head)]);
        assert_eq!(crate::paraphrase(&server, "A text.", None).await.status(), 502, "{code}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_of_another_name_is_refused() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::start_as("api.example.com").await);
    let server = start(folder.path(), &upstream, &["UPSTREAM_ATTEMPTS=1"]);
    assert_problem(paraphrase(&server).await, 502, BAD, upstream.port, "another name").await;
    assert_eq!(upstream.requests(), 0);
    assert_log(server, upstream.port, &[502], "its certificate is not acceptable");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_certificate_is_refused() {
    let (folder, upstream, other) = (tempfile::tempdir().unwrap(), Upstream::start().await, Upstream::start().await);
    let (_, bundle) = other.settings().into_iter().find(|(name, _)| *name == "UPSTREAM_CA_BUNDLE").unwrap();
    let server = start(folder.path(), &upstream, &[&format!("UPSTREAM_CA_BUNDLE={bundle}"), "UPSTREAM_ATTEMPTS=1"]);
    assert_problem(paraphrase(&server).await, 502, BAD, upstream.port, "unknown certificate").await;
    assert_eq!(upstream.requests(), 0);
    assert_log(server, upstream.port, &[502], "its certificate is not acceptable");
}

#[tokio::test(flavor = "multi_thread")]
async fn name_of_a_private_address_is_refused() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::start().await);
    let server = start(folder.path(), &upstream, &["UPSTREAM_ALLOWED_ADDRESSES=10.0.0.0/8"]);
    assert_problem(paraphrase(&server).await, 502, BAD, upstream.port, "a private address").await;
    assert_eq!(upstream.connections(), 0);
    assert_log(server, upstream.port, &[502], "its address is not allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_connection_gives_a_problem() {
    let (folder, mut upstream) = (tempfile::tempdir().unwrap(), Upstream::start().await);
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    upstream.url = format!("https://localhost:{unused}{PATH}");
    let server = start(folder.path(), &upstream, &["UPSTREAM_ATTEMPTS=1"]);
    assert_problem(paraphrase(&server).await, 502, BAD, unused, "a refused connection").await;
    assert_log(server, unused, &[502], "it could not be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn input_is_checked_before_a_call() {
    let upstream = Upstream::start().await;
    let server = crate::start(&upstream, &[]).await;
    for (text, status) in [("", 400), (&"é".repeat(5001), 400), (&"é".repeat(5000), 200)] {
        assert_eq!(crate::paraphrase(&server, text, None).await.status(), status);
    }
    for body in [json!({}), json!({ "sourceText": 1 }), json!({ "sourceText": "a", "other": 1 }), json!([])] {
        let response = server.request(Method::POST, "/v1/paraphrase").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{body}");
    }
    let large = json!({ "sourceText": "a".repeat(500_000) });
    let without_models = TestServer::start_with(|options| {
        crate::configure(options, &upstream, &[]);
        options.no_validation = true;
    });
    let without_models = without_models.await;
    let response = without_models.request(Method::POST, "/v1/paraphrase").json(&large).send().await.unwrap();
    assert_eq!(response.status(), 413);
    let response = without_models.request(Method::POST, "/v1/paraphrase").json(&json!({})).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(upstream.requests(), 1);
}
