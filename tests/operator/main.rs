//! Tests of the command `crud` without a deployed stage. `make e2e` runs it on one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Output},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

/// Runs the command on a machine without settings of AWS, except the given variables.
fn crud(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let home = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crud"));
    command.env_clear().env("HOME", home.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.args(arguments).envs(variables.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const CREDENTIALS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "eu-central-1")];
const LIST: [&str; 4] = ["keys", "list", "--stage", "dev"];

fn assert_fails(output: &Output, code: i32, reason: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.starts_with(&format!("crud: {reason}")), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn missing_credentials_are_reported_in_one_line() {
    let output = crud(&LIST, &[("AWS_REGION", "eu-central-1")]);
    assert_fails(&output, 5, "no AWS credentials: give --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID");
}

#[test]
fn missing_region_is_reported_in_one_line() {
    assert_fails(&crud(&LIST, &CREDENTIALS[..2]), 2, "no AWS region: give --region, or set AWS_REGION");
}

#[test]
fn missing_stage_is_reported_in_one_line() {
    assert_fails(&crud(&LIST[..2], &CREDENTIALS), 2, "name the stage: --stage dev");
}

#[test]
fn unreachable_endpoint_is_reported_in_one_line_with_the_permission() {
    let output = crud(&[&LIST[..], &["--endpoint-url", "http://127.0.0.1:9"]].concat(), &CREDENTIALS);
    assert_fails(&output, 1, "apigateway:GET on /apikeys got no valid answer: ");
}

#[test]
fn invalid_answer_is_reported_without_its_content() {
    const VALUE: &str = "a-value-of-a-key-0123456789";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let body = format!(r#"{{"item": [{{"value": "{VALUE}", "enabled": "{VALUE}"}}]}}"#);
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).unwrap();
    });
    let variables = [&CREDENTIALS[..], &[("AWS_MAX_ATTEMPTS", "1")]].concat();
    let output = crud(&[&LIST[..], &["--endpoint-url", &url]].concat(), &variables);
    server.join().unwrap();
    assert_fails(&output, 1, "apigateway:GET on /apikeys got no valid answer: ");
    assert!(!text(&output.stderr).contains(VALUE), "{}", text(&output.stderr));
}

#[test]
fn failure_is_json_on_request() {
    let output = crud(&[&LIST[..], &["--json"]].concat(), &[("AWS_REGION", "eu-central-1")]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["error"].as_str().unwrap().starts_with("no AWS credentials"), "{answer}");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn invalid_options_are_refused_before_any_request() {
    for (arguments, reason) in [
        (["keys", "create", "--customer", "Acme Inc", "--tier", "basic"].as_slice(), "lower-case letters"),
        (&["keys", "list", "--stage", "Dev"], "lower-case letters"),
        (&["keys", "rotate", "--customer", "acme", "--overlap-hours", "9000"], "9000 is not in 0..=8760"),
        (&["keys", "revoke", "--yes"], "--customer"),
        (&["keys", "revoke", "--customer", "acme", "--expired"], "cannot be used with"),
    ] {
        let output = crud(arguments, &CREDENTIALS);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(reason), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "fish", "zsh"] {
        let output = crud(&["completions", shell], &[]);
        assert!(output.status.success());
        for name in ["keys", "create", "rotate", "revoke"] {
            assert!(text(&output.stdout).contains(name), "{shell}: {name}");
        }
    }
}
