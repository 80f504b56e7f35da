//! The start: an error is reported in one line, and stored data is available again.

use std::{fs, net::TcpListener, path::Path};

use serde_json::{Value, json};
use serverless_crud::{
    functions::Service,
    local::{Options, StartError},
};

use crate::{
    process,
    support::{self, TestServer, fixtures::User, service, start},
    user,
};

async fn failure(options: Options) -> StartError {
    match start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

fn on_disk(data: &Path) -> Options {
    Options { memory: false, data: data.to_owned(), ..support::in_memory() }
}

#[tokio::test]
async fn port_in_use_is_reported_with_the_option_to_change_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it listens").port();
    let error = failure(Options { port, ..support::in_memory() }).await.to_string();
    assert_eq!(error, format!("port {port} is in use: stop what listens there, or choose another with --port"));
    let error = failure(Options { dynamodb_port: port, ..support::in_memory() }).await.to_string();
    assert!(error.contains(&port.to_string()) && error.ends_with("--dynamodb-port"), "{error}");
}

#[tokio::test]
async fn unavailable_host_is_reported() {
    let error = failure(Options { host: "192.0.2.1".into(), ..support::in_memory() }).await.to_string();
    assert!(error.starts_with("cannot listen on 192.0.2.1:0: "), "{error}");
}

#[tokio::test]
async fn unwritable_folder_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("it is writable");
    for path in [file.clone(), file.join("below")] {
        let error = failure(on_disk(&path)).await;
        assert!(matches!(error, StartError::Folder { .. }), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn corrupt_database_is_reported_and_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dynamodb.sqlite");
    fs::write(&file, "no database at all, but long enough to be read as one ".repeat(100)).expect("it is writable");
    let before = fs::read(&file).expect("it is readable");
    let error = failure(on_disk(folder.path())).await;
    let expected = "it is not a SQLite database; move it away to start with an empty one";
    assert_eq!(error.to_string(), format!("cannot read the database {}: {expected}", file.display()));
    assert_eq!(fs::read(&file).expect("it is readable"), before);
}

#[tokio::test]
async fn damaged_database_is_reported_at_any_step_of_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start_with(|options| *options = on_disk(folder.path())).await;
    for number in 0..20 {
        let body = user(&format!("{number}@example.com"));
        assert_eq!(server.request("POST", "/v1/users").json(&body).send().await.expect("an answer").status(), 201);
    }
    server.stop().await;
    let file = folder.path().join("dynamodb.sqlite");
    let whole = fs::read(&file).expect("it is readable");
    let mut refused = 0;
    for part in [0, 2, 3] {
        let (mut damaged, length) = (whole.clone(), whole.len() / 4);
        damaged[(part * length).max(4096)..(part + 1) * length].fill(0x13);
        fs::write(&file, &damaged).expect("it is writable");
        match start(on_disk(folder.path())).await {
            // The start does not read the damaged pages.
            Ok(server) => server.shutdown().await,
            Err(error) => {
                refused += 1;
                assert!(matches!(error, StartError::Database { .. }), "{error}");
                assert!(error.to_string().ends_with("; move it away to start with an empty one"), "{error}");
            }
        }
        for end in ["-wal", "-shm"] {
            // A missing file is not an error.
            let _ = fs::remove_file(format!("{}{end}", file.display()));
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn second_server_on_the_same_folder_is_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = start(on_disk(folder.path())).await.expect("it starts");
    let error = failure(on_disk(folder.path())).await;
    assert!(matches!(error, StartError::FolderInUse(_)), "{error:?}");
    first.shutdown().await;
    start(on_disk(folder.path())).await.expect("the folder is free again").shutdown().await;
}

#[test]
fn failed_start_writes_one_line_and_exits_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port was free");
    let url = format!("http://{closed}");
    let (code, text) = process::fail(folder.path(), &["--endpoint-url", &url]);
    assert_eq!(code, Some(1));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with(&format!("error: no DynamoDB answers at {url}: ")), "{text}");
}

#[tokio::test]
async fn records_and_cursors_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = |options: &mut Options| *options = on_disk(folder.path());
    let server = TestServer::start_with(disk).await;
    for number in 0..3 {
        let body = user(&format!("{number}@example.com"));
        assert_eq!(server.request("POST", "/v1/users").json(&body).send().await.expect("an answer").status(), 201);
    }
    let first: Value = get(&server, "/v1/users?limit=2").await;
    let cursor = first["nextCursor"].as_str().expect("there is a next page").to_owned();
    server.stop().await;

    let server = TestServer::start_with(disk).await;
    // A cursor contains the time when it was issued.
    assert_eq!(get(&server, "/v1/users?limit=2").await["data"], first["data"]);
    let next = get(&server, &format!("/v1/users?limit=2&cursor={cursor}")).await;
    assert_eq!(next["data"].as_array().expect("a list").len(), 1);
    let taken = server.request("POST", "/v1/users").json(&user("1@EXAMPLE.com")).send().await.expect("an answer");
    assert_eq!(taken.status(), 409);
}

async fn get(server: &TestServer, path: &str) -> Value {
    let answer = server.request("GET", path).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn service_without_event_consumers_starts_in_memory() {
    let service = Service::new().resource::<User>();
    let server = TestServer::of(service, |options| options.no_consumers = false).await;
    assert_eq!(get(&server, "/v1/users").await["data"], json!([]));
}

#[tokio::test]
async fn embedded_dynamodb_serves_other_tools() {
    let server = TestServer::start().await;
    let request = server.client.post(&server.dynamodb_url).header("x-amz-target", "DynamoDB_20120810.ListTables");
    let credential = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request";
    let request = request
        .header("authorization", format!("{credential}, SignedHeaders=host;x-amz-date, Signature=0"))
        .header("x-amz-date", "20260101T000000Z")
        .header("content-type", "application/x-amz-json-1.0");
    let answer: Value = request.body("{}").send().await.expect("an answer").json().await.expect("JSON");
    let mut tables: Vec<_> = service().tables().iter().map(|table| format!("local-{}", table.name)).collect();
    tables.sort();
    assert_eq!(answer["TableNames"], json!(tables));
}
