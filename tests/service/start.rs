//! The start of a function: the requests before the first event, and the trusted roots.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, StatusCode},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serverless_crud::{access::Principal, app::Config};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    runtime::app_at,
    support::{
        self, TestServer,
        fixtures::Item,
        in_memory,
        proxy::{Call, Fault, Proxy},
    },
};

/// The received requests: peer address, method and headers.
type Seen = Arc<Mutex<Vec<(SocketAddr, Method, String, HeaderMap)>>>;

/// Starts a DynamoDB that records all requests and responds with a fixed status.
async fn recorder(status: StatusCode) -> (String, Seen) {
    let seen = Seen::default();
    let record = async move |State(seen): State<Seen>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
        let (head, _) = request.into_parts();
        seen.lock().unwrap().push((peer, head.method, head.uri.to_string(), head.headers));
        (status, "healthy: dynamodb.us-east-1.amazonaws.com ")
    };
    let router = Router::new().fallback(record).with_state(seen.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (url, seen)
}

#[tokio::test]
async fn start_sends_an_unsigned_health_check() {
    let (url, seen) = recorder(StatusCode::OK).await;
    app_at(&url).prime().await;
    let seen = seen.lock().unwrap();
    let [(_, method, uri, headers)] = &seen[..] else { panic!("it is one request: {seen:?}") };
    assert_eq!((method, uri.as_str()), (&Method::GET, "/"));
    for name in ["authorization", "x-amz-security-token", "x-amz-target"] {
        assert!(!headers.contains_key(name), "{name} is not sent");
    }
}

#[tokio::test]
async fn first_request_reuses_the_connection_of_the_start() {
    for status in [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR] {
        let (url, seen) = recorder(status).await;
        let app = app_at(&url);
        app.prime().await;
        // The recorder has no records. Only the connection matters.
        let _ = app.store.table::<Item>(&Principal::system("test")).get(Uuid::now_v7()).await;
        let seen = seen.lock().unwrap();
        assert_eq!(seen[1].1, Method::POST);
        assert_eq!(seen[0].0, seen[1].0, "the connection is the same after {status}");
    }
}

#[tokio::test]
async fn start_succeeds_quickly_without_a_database() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    for url in [silent.as_str(), "http://127.0.0.1:1", "http://nowhere.invalid"] {
        let start = Instant::now();
        app_at(url).prime().await;
        assert!(start.elapsed() < Duration::from_millis(900), "{url} held up the start for {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn server_refuses_an_engine_without_items_of_failed_conditions() {
    let behind = TestServer::start().await;
    for (operation, feature) in [
        ("PutItem", "ReturnValuesOnConditionCheckFailure"),
        ("TransactWriteItems", "ReturnValuesOnConditionCheckFailure in TransactWriteItems"),
    ] {
        let rule = move |call: &Call| if call.operation == operation { Fault::WithoutItem } else { Fault::None };
        let proxy = Proxy::start_with(&behind.dynamodb_url, rule).await;
        let mut options = in_memory();
        options.endpoint_url = Some(proxy.url.clone());
        let expected = format!(
            "the DynamoDB at {} lacks {feature}, which conditional writes rely on: use a newer or another one",
            proxy.url
        );
        assert_eq!(support::start(options).await.err().unwrap().to_string(), expected);
    }
}

#[test]
fn functions_trust_the_five_amazon_roots() {
    let pem = include_bytes!("../../src/app/amazon-roots.pem");
    let roots: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap();
    assert_eq!(roots.len(), 5);
}

#[test]
fn aws_ca_bundle_replaces_the_roots() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pem = include_bytes!("../../src/app/amazon-roots.pem");
    let read = |bundle: &str| {
        Config::read(|name| match name {
            "AWS_CA_BUNDLE" => Some(bundle.to_owned()),
            _ => Some("local".to_owned()).filter(|_| ["AWS_REGION", "TABLE_PREFIX"].contains(&name)),
        })
    };
    assert_eq!(read(&file("good.pem", pem)).unwrap().ca_bundle.as_deref(), Some(&pem[..]));
    assert_eq!(read("").unwrap().ca_bundle, None);
    let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    for bundle in [file("empty.pem", b""), file("broken.pem", broken), "/nowhere.pem".to_owned()] {
        assert_eq!(read(&bundle).err().unwrap().name, "AWS_CA_BUNDLE");
    }
}
