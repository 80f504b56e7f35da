//! Malformed and unusual requests: none causes a 5xx response or stops the server.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use crate::support::TestServer;

const KEY: &str = "x-api-key: local-basic-key-0123456789\r\n";

/// Sends raw bytes and returns the response, which is empty if the server closes the connection.
fn exchange(url: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("it is not zero");
    // The server may respond before all bytes are sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

async fn assert_no_5xx(requests: Vec<Vec<u8>>) {
    let server = TestServer::start().await;
    for request in requests {
        let url = server.url.clone();
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        let answer = tokio::task::spawn_blocking(move || exchange(&url, &request)).await.expect("no panic");
        let status: Option<u16> = answer.get(9..12).and_then(|text| text.parse().ok());
        assert!(status.is_none_or(|status| status < 500), "{shown:?} -> {answer}");
    }
    let answer = server.request("GET", "/v1/items").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<serde_json::Value>().await.expect("JSON")["data"], serde_json::json!([]));
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n{KEY}connection: close\r\n\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_paths_cause_no_5xx() {
    let long = format!("/v1/items/{}", "x".repeat(60_000));
    let longer = format!("/v1/items/{}", "x".repeat(70_000));
    let paths = [
        "/v1/items/%",
        "/v1/items/%zz",
        "/v1/items/%00",
        "/v1/items/%ff",
        "/v1/items/..%2f..",
        "/v1/items/../users",
        "/v1/items/%2e%2e",
        "/v1/items/%F0%9F%92%A9",
        "/v1/items/{id}",
        "/v1/items/a b",
        "/v1/items/;",
        "/v1/items/\\",
        "/v1/items/[",
        "/v1/items/|\"<>",
        "//",
        "///",
        "//v1/items",
        "/v1//items",
        "/%2F",
        "*",
        "",
        "v1/items",
        "#",
        "/#",
        "?",
        "http://x/v1/items",
        "https://[::1/v1/items",
        "http://:80/v1/items",
        "//x:99999/",
        "/v1/items?#",
        &long,
        &longer,
    ];
    let methods = ["GET", "POST", "PATCH", "OPTIONS", "HEAD", "CONNECT", "TRACE", "get", "G@T", ""];
    let request = |method: &str, path: &str| {
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{KEY}connection: close\r\n\r\n").into_bytes()
    };
    assert_no_5xx(paths.iter().flat_map(|path| methods.map(|method| request(method, path))).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_queries_cause_no_5xx() {
    let many = (0..5000).map(|number| format!("p{number}=1&")).collect::<String>();
    let same = "limit=1&".repeat(5000);
    let long = format!("cursor={}", "A".repeat(50_000));
    let queries = [
        "",
        "&&&",
        "=",
        "=1",
        "limit",
        "limit=",
        "%",
        "%zz=%",
        "limit=%ff%fe",
        "%00=%00",
        "limit=1&limit=2",
        "a[]=1&a[]=2",
        "limit=999999999999999999999",
        "limit=-1",
        "cursor=%00",
        "ownerId=%00",
        "status=%F0%9F%92%A9",
        "order=desc%0d%0ax",
        &many,
        &same,
        &long,
    ];
    assert_no_5xx(queries.iter().map(|query| get(&format!("/v1/items?{query}"))).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_headers_cause_no_5xx() {
    let hosts =
        ["", "[::", "[::1]:x", "999.999.999.999", "1.2.3.4.5", "a b", "xn--a", "x:99999", "/", "@", "%", "é", "a\tb"];
    let hosts = hosts.map(|host| format!("host: {host}\r\n"));
    let many = (0..99).map(|number| format!("h{number}: {}\r\n", "x".repeat(100))).collect::<String>();
    let too_many = (0..500).map(|number| format!("h{number}: x\r\n")).collect::<String>();
    let long = format!("user-agent: {}\r\n", "x".repeat(100_000));
    let others = [
        "x-forwarded-proto: javascript\r\n",
        "x-forwarded-proto: é\r\n",
        "x-forwarded-proto: ://\r\n",
        "x-forwarded-for: ,,,\r\n",
        "user-agent: \u{1f4a9}\r\n",
        "origin: é\r\n",
        "origin: null\r\n",
        "origin: \r\n",
        "if-match: é\r\n",
        "if-none-match: \"\u{1f4a9}\"\r\n",
        "idempotency-key: é\r\n",
        "content-type: é\r\n",
        "x-api-key: é\r\n",
        "content-type: application/json\r\ncontent-type: text/plain\r\n",
        "expect: 100-continue\r\n",
        "content-length: 99999999999\r\n",
        "content-length: -1\r\n",
        "content-length: 1\r\ncontent-length: 2\r\n",
        "transfer-encoding: chunked\r\n",
        "transfer-encoding: gzip\r\n",
        "upgrade: websocket\r\nconnection: upgrade\r\n",
        ": x\r\n",
        "nocolon\r\n",
        "a\u{0}b: x\r\n",
        "x: a\u{0}b\r\n",
        "x-amzn-requestid: x\r\n",
        &many,
        &too_many,
        &long,
    ];
    let headers = hosts.iter().map(String::as_str).chain(others);
    let path = "/v1/items/019a7d3e-0c00-7000-8000-000000000001";
    let lines = [format!("GET {path}"), format!("PUT {path}"), "POST /v1/users".into(), "OPTIONS /v1/items".into()];
    let request =
        |line: &String, header: &str| format!("{line} HTTP/1.1\r\n{KEY}{header}connection: close\r\n\r\n{{}}");
    assert_no_5xx(
        headers.flat_map(|header| lines.iter().map(move |line| request(line, header).into_bytes())).collect(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latin_1_and_control_bytes_in_headers_cause_no_5xx() {
    let request = |name: &str, value: &[u8]| {
        let head = format!("GET /v1/items HTTP/1.1\r\nhost: x\r\n{KEY}connection: close\r\n{name}: ");
        [head.as_bytes(), value, b"\r\n\r\n"].concat()
    };
    let names = ["host", "origin", "user-agent", "x-forwarded-proto", "if-none-match", "x-other"];
    let values: [&[u8]; 4] = [b"\xff", b"\xe9\x80", b"\x01", b"\x7f"];
    assert_no_5xx(names.iter().flat_map(|name| values.map(|value| request(name, value))).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_http_causes_no_5xx() {
    let requests: [&[u8]; 8] = [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/items HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ];
    assert_no_5xx(requests.iter().map(|request| request.to_vec()).collect()).await;
}
