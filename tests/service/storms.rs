//! Outages of the database: retries have a budget and respect the deadline.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use serverless_crud::{access::Principal, deadline::within};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    faults::start_behind_proxy,
    runtime::app_at,
    samples::{create, item},
    support::{fixtures::Item, proxy::Fault},
};

/// The maximum number of unsuccessful retries of a store, in the SDK and its own.
const BUDGET: usize = 100;
const STORM: usize = 200;

#[tokio::test]
async fn retry_budget_limits_requests_during_an_outage() {
    let (proxy, server, _behind) = start_behind_proxy().await;
    let record = create(&server, "items", &item()).await;
    let path = format!("/v1/items/{}", record["id"].as_str().unwrap());
    for (method, operation) in [(Method::GET, "GetItem"), (Method::PATCH, "UpdateItem")] {
        proxy.fault(operation, &[Fault::Throttle; 8 * STORM]);
        let before = proxy.requests.load(Ordering::Relaxed);
        let calls = (0..STORM).map(|_| {
            let request = server.request(method.clone(), &path).json(&json!({ "name": "Changed" }));
            request.header("If-Match", "*").send()
        });
        for response in join_all(calls).await {
            assert_eq!(response.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        }
        let asked = proxy.requests.load(Ordering::Relaxed) - before;
        // Without a budget there would be three or eight times the requests. A failed update is followed by one read.
        let plain = if operation == "GetItem" { STORM } else { 2 * STORM };
        assert!((STORM + 1..=plain + BUDGET + 10).contains(&asked), "{asked} requests for {STORM} of {operation}");
        proxy.clear_faults();
        // When the database responds again, requests succeed and the budget refills.
        let response = server.request(method.clone(), &path).json(&json!({ "name": "Changed" }));
        assert_eq!(response.header("If-Match", "*").send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn hanging_request_leaves_time_for_a_retry() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = app_at(&format!("http://{}", listener.local_addr().unwrap()));
    let silent = tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.push(connection);
            if connections.len() == 2 {
                return;
            }
        }
    });
    let limit = Duration::from_secs(2);
    let start = Instant::now();
    let principal = Principal::system("test");
    let items = app.store.table::<Item>(&principal);
    let read = within(limit, items.get(Uuid::now_v7()));
    let (read, second) = tokio::join!(read, tokio::time::timeout(limit, silent));
    assert!(!matches!(read, Ok(Ok(_))));
    assert!(second.is_ok(), "the request is sent a second time");
    assert!(start.elapsed() < limit + Duration::from_millis(500), "it is over in time: {:?}", start.elapsed());
}
