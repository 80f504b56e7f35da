//! The local issuer, its tokens, and the gateway that takes them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use reqwest::Method;
use serde_json::{Value, json};

use serverless_crud::{
    access::{Kind, Rule},
    error::Error,
    http,
    operations::{Contract, Operation, Response},
};

use crate::{
    item, problem,
    process::Process,
    support::{TestServer, service},
    user,
};

/// Runs the command that prints a token, and returns its output or error.
fn token(data: &Path, url: &str, options: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixtures"));
    let output = command.args(["local", "token", "--url", url, "--data"]).arg(data).args(options).output();
    let output = output.expect("the program is built");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Returns the id of an item that a user creates with an idempotency key.
async fn create(server: &TestServer, token: &str) -> Value {
    let request = server.request("POST", "/v1/items").bearer_auth(token).header("idempotency-key", "1");
    let answer = request.json(&item()).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.expect("JSON")["id"].clone()
}

async fn document(url: &str, path: &str) -> Value {
    let answer = reqwest::get(format!("{url}{path}")).await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn public_operation_needs_no_credentials_and_takes_a_key_or_token() {
    fn operation() -> Operation {
        let contract = || Contract {
            responses: vec![Response::empty(204, "Nothing.", &[])],
            ..Contract::new("items", "Test", "A test.").problems(&[404])
        };
        let handler = async |_, request: http::Request| match http::principal(&request).kind {
            Kind::Anonymous => Ok(http::no_content()),
            _ => Err(Error::NotFound),
        };
        Operation::new("GET", "/v1/items/offers", "items_offers", Rule::Public, handler, contract)
    }
    let server = TestServer::of(service().action(operation), |_| {}).await;
    let path = "/v1/items/offers";
    assert_eq!(server.anonymous("GET", path).send().await.expect("an answer").status(), 204);
    assert_eq!(server.request("GET", path).send().await.expect("an answer").status(), 404, "the key is known");
    let with_token = server.anonymous("GET", path).bearer_auth(server.token("ada", &[]));
    assert_eq!(with_token.send().await.expect("an answer").status(), 404, "the user is known");
    let with_unknown_key = server.anonymous("GET", path).header("x-api-key", "unknown");
    assert_eq!(with_unknown_key.send().await.expect("an answer").status(), 403);
    assert_eq!(server.anonymous("GET", "/v1/items").send().await.expect("an answer").status(), 403);
}

#[tokio::test]
async fn command_prints_a_token_that_the_server_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path(), &[]);
    let options =
        ["--user", "ada", "--role", "admin", "--role", "editor", "--tenant", "acme", "--scope", "a b", "--ttl", "60"];
    let token = token(folder.path(), &server.url, &options).expect("a token");
    let answer = server.request(Method::GET, "/v1/items").bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let other = crate::tokens::token(folder.path(), "http://127.0.0.1:1", &["--user", "ada"]).expect("a token");
    let answer = server.request(Method::GET, "/v1/items").bearer_auth(&other).send().await.expect("an answer");
    assert_eq!(answer.status(), 401, "the issuer is another server");
}

#[tokio::test]
async fn key_is_kept_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[]);
    let keys = document(&server.url, "/.well-known/jwks.json").await;
    server.terminate();
    server.wait(std::time::Duration::from_secs(20));
    let file = fs::metadata(folder.path().join("issuer-key.p8")).expect("there is a key");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let again = Process::start(folder.path(), &[]);
    assert_eq!(document(&again.url, "/.well-known/jwks.json").await, keys);
}

#[test]
fn command_without_a_key_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = token(folder.path(), "http://127.0.0.1:3000", &["--user", "ada"]).expect_err("there is no key");
    let folder = folder.path().display();
    let expected = format!("error: {folder} has no key to sign tokens with: start the server with this folder once");
    assert_eq!(error, expected);
}

#[tokio::test]
async fn documents_lead_to_the_public_key() {
    let server = TestServer::start().await;
    let configuration = document(&server.url, "/.well-known/openid-configuration").await;
    assert_eq!(configuration["issuer"], server.url);
    let keys_url = configuration["jwks_uri"].as_str().expect("a URL");
    let keys = document(&server.url, keys_url.strip_prefix(&server.url).expect("it is on the server")).await;
    let key = keys["keys"][0].as_object().expect("there is a key");
    assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("EC"), &json!("ES256"), &json!("sig")));
    assert!(!key.contains_key("d"), "the private key stays here");
}

#[tokio::test]
async fn principal_is_the_user_of_the_token() {
    let server = TestServer::start().await;
    let (ada, again, eve) = (server.token("ada", &[]), server.token("ada", &["reader"]), server.token("eve", &[]));
    for (token, email) in [(&ada, "ada@example.com"), (&eve, "eve@example.com")] {
        let answer = server.request("POST", "/v1/users").bearer_auth(token).json(&user(email)).send().await;
        assert_eq!(answer.expect("an answer").status(), 201);
    }
    let first = create(&server, &ada).await;
    assert_eq!(create(&server, &again).await, first, "a second token of a user is the same principal");
    assert_ne!(create(&server, &eve).await, first, "an idempotency key is the user's own");
}

#[tokio::test]
async fn token_does_not_replace_the_api_key() {
    let server = TestServer::start().await;
    let request = server.anonymous("GET", "/v1/items").bearer_auth(server.token("ada", &[]));
    assert_eq!(request.send().await.expect("an answer").status(), 403);
}

#[tokio::test]
async fn invalid_token_is_401_also_without_a_key() {
    let server = TestServer::start().await;
    for request in [server.request("GET", "/v1/items"), server.anonymous("GET", "/v1/items")] {
        let answer = request.bearer_auth("invalid").send().await.expect("an answer");
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
        problem(answer).await;
    }
}

#[tokio::test]
async fn token_of_another_server_is_refused() {
    let (server, other) = (TestServer::start().await, TestServer::start().await);
    let answer = server.request("GET", "/v1/items").bearer_auth(other.token("ada", &["admin"])).send().await;
    assert_eq!(answer.expect("an answer").status(), 401);
}

#[tokio::test]
async fn paths_without_a_function_need_no_token() {
    let server = TestServer::start().await;
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/items", 405),
        ("OPTIONS", "/v1/items", 204),
        ("GET", "/health", 200),
        ("POST", "/.well-known/jwks.json", 405),
    ] {
        let answer = server.anonymous(method, path).bearer_auth("invalid").send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path}");
    }
}

#[tokio::test]
async fn unreachable_issuer_is_503_and_not_an_invalid_token() {
    let server = TestServer::start_with(|options| {
        (options.issuer, options.audience) = (Some("http://127.0.0.1:1".into()), Some("api".into()));
    })
    .await;
    // The header and the claims of a token of this issuer, which nobody signed.
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjEifQ.AAAA";
    let answer = server.request("GET", "/v1/items").bearer_auth(token).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    problem(answer).await;
    let answer = server.request("GET", "/v1/items").send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "a request without a token does not need the issuer");
    let documents = server.anonymous("GET", "/.well-known/openid-configuration").send().await.expect("an answer");
    assert_eq!(documents.status(), 404, "the tokens are not of the local issuer");
}
