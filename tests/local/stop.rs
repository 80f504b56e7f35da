//! The shutdown: requests in flight finish, and no write is lost.
#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use reqwest::Method;
use serde_json::Value;

use crate::{item, process::Process};

const SOON: Duration = Duration::from_millis(300);

/// Sends the first half of a `POST` of an item, and returns the connection and the second half.
fn half_a_post(server: &Process) -> (TcpStream, String) {
    let body = item().to_string();
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let (first, second) = body.split_at(body.len() / 2);
    let length = body.len();
    let head = format!("POST /v1/items HTTP/1.1\r\nhost: {address}\r\nx-api-key: local-basic-key-0123456789\r\n");
    write!(stream, "{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{first}")
        .expect("it is sent");
    thread::sleep(SOON);
    (stream, second.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_requests_in_flight_and_loses_no_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[]);
    let (mut stream, rest) = half_a_post(&server);
    server.terminate();
    thread::sleep(SOON);
    let refused = TcpStream::connect(server.url.trim_start_matches("http://"));
    assert!(refused.is_err(), "no new connection is accepted");
    stream.write_all(rest.as_bytes()).expect("the connection is still there");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and the end of the connection");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(server.wait(Duration::from_secs(5)).code(), Some(0));

    let server = Process::start(folder.path(), &[]);
    let answer = server.request(Method::GET, "/v1/items").send().await.expect("an answer");
    let page: Value = answer.json().await.expect("JSON");
    assert_eq!(page["data"].as_array().expect("a list").len(), 1);
}

#[test]
fn idle_connection_does_not_delay_the_shutdown() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[]);
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).expect("the server listens");
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is sent");
    thread::sleep(SOON);
    server.terminate();
    assert_eq!(server.wait(Duration::from_secs(4)).code(), Some(0));
}

#[test]
fn second_signal_ends_the_process_immediately() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[]);
    let _half = half_a_post(&server);
    server.terminate();
    thread::sleep(SOON);
    server.terminate();
    assert_eq!(server.wait(Duration::from_secs(3)).code(), Some(1));
}

#[test]
fn hanging_request_delays_the_shutdown_by_at_most_ten_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[]);
    let _half = half_a_post(&server);
    server.terminate();
    assert_eq!(server.wait(Duration::from_secs(16)).code(), Some(0));
}
