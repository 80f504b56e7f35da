//! Raw rows, the test migrations and the command.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use serverless_crud::{
    cursors::CursorKeys,
    migrate::{self, Failure, Halt, Migration, Progress, Report, Settings},
    store::Store,
};

use crate::support::{TestServer, dynamodb_as, service};

/// The time limit for a run of the command and for conditions that tests wait for.
const LIMIT: Duration = Duration::from_secs(120);

/// The rows of the items table by id.
pub type Rows = BTreeMap<String, Map<String, Value>>;

/// Sends a raw request.
pub async fn call(url: &str, operation: &str, body: &Value) -> Value {
    let request = reqwest::Client::new()
        .post(url)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0");
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{operation}: {answer}");
    answer
}

/// Returns the id of item number `number`. Its last byte, and so its shard, varies.
pub fn id(number: usize) -> String {
    format!("01890000-0000-7000-8000-{number:012x}")
}

/// Returns an item as stored before all migrations.
pub fn old_item(number: usize) -> Value {
    json!({
        "id": { "S": id(number) },
        "version": { "N": "3" },
        "createdAt": { "S": "2024-01-01T00:00:00.000Z" },
        "updatedAt": { "S": "2024-01-01T00:00:00.000Z" },
        "name": { "S": format!("Item {number}") },
        "priceCents": { "N": number.to_string() },
        "status": { "S": "active" },
        "tags": { "S": "kitchen, coffee,kitchen" },
        "listShard": { "S": "0" },
    })
}

/// Puts rows into the items table in batches.
pub async fn put(url: &str, rows: &[Value]) {
    put_into(url, "items", rows).await;
}

/// Puts rows into a table in batches.
pub async fn put_into(url: &str, table: &str, rows: &[Value]) {
    let table = format!("local-{table}");
    for chunk in rows.chunks(25) {
        let puts: Vec<_> = chunk.iter().map(|row| json!({ "PutRequest": { "Item": row } })).collect();
        call(url, "BatchWriteItem", &json!({ "RequestItems": { &table: puts } })).await;
    }
}

/// Reads all rows of the items table.
pub async fn rows(url: &str) -> Rows {
    rows_of(url, "items").await
}

/// Reads all rows of a table.
pub async fn rows_of(url: &str, table: &str) -> Rows {
    let (mut rows, mut start) = (Rows::new(), Value::Null);
    loop {
        let mut body = json!({ "TableName": format!("local-{table}"), "ConsistentRead": true, "Limit": 500 });
        if !start.is_null() {
            body["ExclusiveStartKey"] = start;
        }
        let page = call(url, "Scan", &body).await;
        for item in page["Items"].as_array().unwrap() {
            rows.insert(item["id"]["S"].as_str().unwrap().to_owned(), item.as_object().unwrap().clone());
        }
        start = page["LastEvaluatedKey"].clone();
        if start.is_null() {
            return rows;
        }
    }
}

/// Reads a row of the bookkeeping table.
pub async fn bookkeeping(url: &str, key: &str) -> Value {
    call(url, "GetItem", &json!({ "TableName": "local-bookkeeping", "Key": { "pk": { "S": key } } })).await["Item"]
        .clone()
}

/// Returns the folder of the test migrations.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/migrations")
}

/// Reads the test migrations.
pub fn migrations() -> Vec<Migration> {
    read(&fixtures()).unwrap()
}

/// Reads the migrations of a folder.
pub fn read(folder: &Path) -> Result<Vec<Migration>, Failure> {
    service().migration_sources().read(folder)
}

/// Deletes the ledger entries of migrations.
pub async fn clear_ledger(url: &str, migrations: &[Migration]) {
    for key in migrations.iter().map(|migration| format!("migration#{:04}", migration.number)) {
        call(url, "DeleteItem", &json!({ "TableName": "local-bookkeeping", "Key": { "pk": { "S": key } } })).await;
    }
}

/// Starts a server with `count` old items and an empty ledger.
pub async fn server_with(count: usize) -> TestServer {
    let server = TestServer::start_with(|options| options.no_migrations = true).await;
    put(&server.dynamodb_url, &(0..count).map(old_item).collect::<Vec<_>>()).await;
    server
}

/// Creates the store of the job. A proxy checks its requests against the grants.
pub fn store(url: &str) -> Store {
    Store::new(dynamodb_as(url, "migrations_run"), "local-", CursorKeys::none())
}

/// Returns settings for small tables.
pub fn settings() -> Settings {
    let mut settings = Settings::new("a test");
    settings.parallelism.segments = 3;
    settings.parallelism.page_size = 20;
    settings
}

/// Applies the pending test migrations.
pub async fn up(url: &str) -> Report {
    run(url, migrations(), &settings()).await.unwrap()
}

/// Applies migrations.
pub async fn run(url: &str, migrations: Vec<Migration>, settings: &Settings) -> Result<Report, Failure> {
    let (store, halt, progress) = (store(url), Halt::default(), Progress::default());
    let run = migrate::up(&store, migrations, settings, &halt, &progress);
    tokio::time::timeout(LIMIT, run).await.expect("the run ends")
}

/// Creates the command for the tables at `url`, with the test migrations unless a folder is given.
pub fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixtures"));
    command
        .arg("migrate")
        .args(["--endpoint-url", url])
        .args(arguments)
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_ACCESS_KEY_ID");
    if !arguments.contains(&"--folder") {
        command.arg("--folder").arg(fixtures());
    }
    command
}

/// Runs the command to completion without blocking the server.
pub async fn run_command(url: &str, arguments: &[&str]) -> Output {
    let mut command = command(url, arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    match tokio::time::timeout(LIMIT, output).await {
        Ok(output) => output.unwrap(),
        Err(_) => {
            // The runtime would wait for it, and the test would never end.
            kill(id, "-KILL");
            panic!("{arguments:?} did not end");
        }
    }
}

/// A running command, which is killed on drop.
pub struct Running(pub Child);

impl Running {
    /// Starts the command.
    pub fn start(url: &str, arguments: &[&str]) -> Self {
        Self(command(url, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Sends a signal to the command.
    pub fn signal(&self, signal: &str) {
        kill(self.0.id(), signal);
    }

    /// Waits until the command exits.
    pub async fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the command's end", async || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command may have exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kill(id: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &id.to_string()]).status().unwrap().success());
}

/// Waits until a condition is true, and panics after the time limit.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition().await {
        assert!(Instant::now() < end, "timeout: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the first migration has a checkpoint.
pub async fn first_checkpoint(url: &str) {
    until("the first checkpoint", async || {
        !bookkeeping(url, "migration#0001").await["segments"]["L"][0]["M"]["after"].is_null()
    })
    .await;
}

/// Parses the output of the command as JSON.
pub fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Writes a migration file.
pub fn write(folder: &Path, file: &str, content: &str) {
    std::fs::write(folder.join(file), content).unwrap();
}

/// Asserts that an old item has been migrated by the three migrations with `writes` writes.
pub fn assert_migrated(row: &Map<String, Value>, writes: u64) {
    let uuid = row["id"]["S"].as_str().unwrap();
    let shard = u8::from_str_radix(&uuid[34..], 16).unwrap() % 4;
    assert_eq!(row["currency"], json!({ "S": "EUR" }));
    assert_eq!(row["tags"], json!({ "L": [{ "S": "kitchen" }, { "S": "coffee" }] }));
    assert_eq!(row["listShard"], json!({ "S": shard.to_string() }));
    assert_eq!(row["statusKey"], json!({ "S": format!("active#{shard}") }));
    assert_eq!(row["version"], json!({ "N": (3 + writes).to_string() }));
    assert_ne!(row["updatedAt"], json!({ "S": "2024-01-01T00:00:00.000Z" }));
}
