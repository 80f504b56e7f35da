//! Retries: which failures are tried again, and how often.

use std::time::Duration;

use crate::{
    answer, configure, paraphrase, start,
    support::TestServer,
    upstream::{Behaviour, PRIVATE, Upstream},
};

fn status(head: &'static str) -> Behaviour {
    Behaviour::Raw(head, PRIVATE.to_owned())
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[("UPSTREAM_TIMEOUT_MS", "500")]).await;
    let failures = [
        Behaviour::Close,
        Behaviour::SlowHeaders,
        status("429 Too Many Requests"),
        status("429 Too Many Requests\r\nretry-after: 1"),
        status("500 Internal Server Error"),
        status("502 Bad Gateway"),
        status("503 Service Unavailable\r\nretry-after: Sat, 01 Jan 2000 00:00:00 GMT"),
    ];
    for failure in failures {
        let before = upstream.requests();
        upstream.answer_with([failure.clone(), Behaviour::Text("New".into())]);
        let (status, text) = answer(paraphrase(&server, "Old", None).await).await;
        assert_eq!((status, text), (200, "New".into()), "{failure:?}");
        assert_eq!(upstream.requests() - before, 2, "{failure:?}");
    }
}

#[tokio::test]
async fn attempts_are_bounded() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[("UPSTREAM_ATTEMPTS", "2")]).await;
    upstream.answer_with(vec![status("500 Internal Server Error"); 9]);
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 502);
    assert_eq!(upstream.requests(), 2);
}

#[tokio::test]
async fn lasting_failures_are_not_tried_again() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    for (count, head) in ["400 Bad Request", "401 Unauthorized", "404 Not Found", "302 Found"].into_iter().enumerate() {
        upstream.answer_with([status(head)]);
        assert_eq!(paraphrase(&server, "Old", None).await.status(), 502, "{head}");
        assert_eq!(upstream.requests(), count + 1, "{head}");
    }
}

#[tokio::test]
async fn api_that_is_not_idempotent_gets_no_request_twice() {
    let upstream = Upstream::start().await;
    let settings = [("UPSTREAM_IDEMPOTENT", "false"), ("UPSTREAM_TIMEOUT_MS", "300")];
    let server = start(&upstream, &settings).await;
    let failures = [Behaviour::Close, Behaviour::SlowBody, status("500 Internal Server Error"), status("503 Busy")];
    for (count, failure) in failures.into_iter().enumerate() {
        upstream.answer_with([failure.clone()]);
        assert!(paraphrase(&server, "Old", None).await.status().is_server_error(), "{failure:?}");
        assert_eq!(upstream.requests(), count + 1, "{failure:?}");
    }
    // A throttled request was refused as a whole.
    upstream.answer_with([status("429 Too Many Requests")]);
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 200);
}

#[tokio::test]
async fn pause_that_does_not_fit_is_told_to_the_client() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[]).await;
    for (head, expected) in [
        ("429 Too Many Requests\r\nretry-after: 60", "60"),
        ("429 Too Many Requests\r\nretry-after: 99999999", "300"),
        ("503 Service Unavailable\r\nretry-after: 18446744073709551615", "300"),
    ] {
        let before = upstream.requests();
        upstream.answer_with([status(head)]);
        let response = paraphrase(&server, "Old", None).await;
        assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, expected));
        assert_eq!(upstream.requests() - before, 1, "{head}");
    }
}

#[tokio::test]
async fn call_ends_before_the_function_does() {
    let upstream = Upstream::start().await;
    let server = TestServer::start_with(|options| {
        configure(options, &upstream, &[]);
        options.timeout = 1.5;
    });
    let server = server.await;
    upstream.answer_with(vec![Behaviour::SlowHeaders; 9]);
    // 503 would be the function's own timeout.
    assert_eq!(paraphrase(&server, "Old", Some("key")).await.status(), 504);
    // The claim of the key was released within the time that was left.
    upstream.answer_with([]);
    assert_eq!(paraphrase(&server, "Old", Some("key")).await.status(), 200);
}

#[tokio::test]
async fn lost_idle_connection_is_replaced() {
    let upstream = Upstream::start().await;
    let server = start(&upstream, &[("UPSTREAM_ATTEMPTS", "1")]).await;
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 200);
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 200);
    assert_eq!(upstream.connections(), 1);
    upstream.answer_with([Behaviour::Close]);
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 502);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(paraphrase(&server, "Old", None).await.status(), 200);
    assert_eq!(upstream.connections(), 2);
}
