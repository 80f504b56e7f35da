//! The circuit breaker: it opens after repeated failures, says so, probes, and closes.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    paraphrase,
    process::Process,
    start,
    upstream::{Behaviour, Upstream},
};

const FAILURE: Behaviour = Behaviour::Raw("500 Internal Server Error", String::new());
const SETTINGS: [(&str, &str); 3] =
    [("UPSTREAM_CIRCUIT_FAILURES", "3"), ("UPSTREAM_CIRCUIT_SECONDS", "1"), ("UPSTREAM_ATTEMPTS", "1")];
/// A little more than the pause of the circuit.
const PAUSE: Duration = Duration::from_millis(1100);

#[tokio::test]
async fn open_circuit_gives_503_without_a_call_and_one_probe_closes_it() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &SETTINGS).await;
    upstream.answer_with(vec![FAILURE; 4]);
    for _ in 0..3 {
        assert_eq!(paraphrase(&server, "Old", None).await.status(), 502);
    }
    let response = paraphrase(&server, "Old", None).await;
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(upstream.requests(), 3);

    tokio::time::sleep(PAUSE).await;
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 502, "the probe fails");
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 503, "and the circuit is open again");
    assert_eq!(upstream.requests(), 4);

    tokio::time::sleep(PAUSE).await;
    upstream.answer_with([Behaviour::Held]);
    let probe = tokio::spawn(paraphrase_owned(&server));
    upstream.held.acquire().await.unwrap().forget();
    assert_eq!(paraphrase(&server, "Another", None).await.status(), 503, "there is one probe at a time");
    upstream.permits.add_permits(1);
    assert_eq!(probe.await.unwrap(), 200);
    assert_eq!(paraphrase(&server, "Another", None).await.status(), 200);
}

fn paraphrase_owned(server: &crate::support::TestServer) -> impl Future<Output = u16> + use<> {
    let request = server.request(Method::POST, "/v1/paraphrase").json(&json!({ "sourceText": "Old" }));
    async { request.send().await.unwrap().status().as_u16() }
}

#[tokio::test]
async fn successes_between_failures_keep_the_circuit_closed() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &SETTINGS).await;
    upstream.answer_with([FAILURE, FAILURE, Behaviour::Numbered, FAILURE, FAILURE, Behaviour::Numbered]);
    for status in [502, 502, 200, 502, 502, 200] {
        assert_eq!(paraphrase(&server, "Old", None).await.status(), status);
    }
}

#[tokio::test]
async fn refused_texts_do_not_open_the_circuit() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &SETTINGS).await;
    let refusals = ["400 Bad Request", "403 Forbidden", "422 Unprocessable Content", "302 Found", "200 OK"];
    upstream.answer_with(refusals.map(|head| Behaviour::Raw(head, String::new())));
    for _ in refusals {
        assert_eq!(paraphrase(&server, "Old", None).await.status(), 502);
    }
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_says_once_that_the_circuit_opens_and_closes() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::start().await);
    let key_file = upstream.key_file();
    let own = upstream.settings();
    let settings = own.iter().map(|(name, value)| format!("{name}={value}"));
    let settings: Vec<_> = settings.chain(SETTINGS.iter().map(|(name, value)| format!("{name}={value}"))).collect();
    let mut options = vec![
        "--json-logs",
        "--no-consumers",
        "--upstream",
        &upstream.url,
        "--upstream-key-file",
        key_file.to_str().unwrap(),
    ];
    settings.iter().for_each(|setting| options.extend(["--upstream-setting", setting]));
    let server = Process::start(folder.path(), &options);
    let send = async || {
        let request = server.request(Method::POST, "/v1/paraphrase").json(&json!({ "sourceText": "Old" }));
        request.send().await.unwrap().status().as_u16()
    };
    upstream.answer_with(vec![FAILURE; 4]);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(send().await);
    }
    tokio::time::sleep(PAUSE).await;
    statuses.push(send().await);
    tokio::time::sleep(PAUSE).await;
    statuses.push(send().await);
    assert_eq!(statuses, [502, 502, 502, 503, 502, 200]);

    let lines: Vec<Value> = server.into_lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let circuit: Vec<_> = lines.iter().filter_map(|line| line["upstreamCircuit"].as_str()).collect();
    assert_eq!(circuit, ["open", "closed"]);
    let of_requests: Vec<_> = lines.iter().filter_map(|line| line["circuit"].as_str()).collect();
    assert_eq!(of_requests, ["closed", "closed", "open", "open", "open", "closed"]);
}
