//! Measures the stream consumers of the local server and the memory that a backlog uses: `make bench-streams`.
//!
//! It writes rows directly to DynamoDB, far faster than the consumers read, and waits until the last one is processed.

#[path = "../tests/fixtures/mod.rs"]
mod fixtures;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region},
    types::{AttributeValue, PutRequest, WriteRequest},
};
use serverless_crud::{
    app,
    record::{Record, Resource},
    store::encode,
};

use fixtures::Item;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// The maximum number of rows in a batch.
const BATCH: usize = 25;
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

#[tokio::main]
async fn main() {
    println!("| changes | written in s | all processed after s | changes per second | peak memory MB |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for size in SIZES {
        run(size).await;
    }
}

async fn run(size: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut server, dynamodb) = start_server(folder.path());
    let start = Instant::now();
    let client = dynamodb_client(&dynamodb);
    for batch in 0..size / BATCH {
        write_batch(&client, batch).await;
    }
    let written = start.elapsed().as_secs_f64();
    wait_for_consumers(folder.path(), &client, size).await;
    let processed = start.elapsed().as_secs_f64();
    let memory = peak_memory(server.id());
    println!("| {size} | {written:.1} | {processed:.1} | {:.0} | {memory:.0} |", size as f64 / processed);
    server.kill().expect("the server is running");
    server.wait().expect("the server exits");
}

/// Starts the server as a child process. Returns it with its DynamoDB address.
fn start_server(folder: &Path) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixtures"));
    command.args(["local", "--port", "0", "--dynamodb-port", "0", "--quiet", "--data"]).arg(folder);
    let mut server = command.stdout(Stdio::piped()).spawn().expect("the program is built");
    let mut lines = BufReader::new(server.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
    let line = lines.find_map(|line| line.strip_prefix("DynamoDB listens on ").map(str::to_owned));
    let line = line.expect("the server prints its address");
    std::thread::spawn(move || lines.for_each(drop));
    (server, line.split(',').next().expect("the address comes first").to_owned())
}

fn dynamodb_client(url: &str) -> Client {
    let sdk = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
        .endpoint_url(url);
    app::client(sdk)
}

async fn write_batch(client: &Client, batch: usize) {
    let put = |number| {
        let item = Item { name: format!("{batch}-{number}"), ..Item::example() };
        let row = encode(&Record::new(item), &format!("{batch}-{number}"), None, None);
        WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(row)).build().expect("a row")).build()
    };
    let rows = (0..BATCH).map(put).collect();
    client.batch_write_item().request_items("local-items", rows).send().await.expect("the batch is accepted");
}

/// Waits until the last event is published and the last audit entry is written.
async fn wait_for_consumers(folder: &Path, client: &Client, size: usize) {
    let start = Instant::now();
    let mut events = 0;
    let mut published = File::open(folder.join("events.jsonl")).expect("the server has created the file");
    let mut text = Vec::new();
    while events < size || last_sequence(client, "audit_append").await != last_sequence(client, "events_publish").await
    {
        assert!(start.elapsed() < TIMEOUT, "{events} of {size}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        text.clear();
        published.read_to_end(&mut text).expect("the file is readable");
        events += text.iter().filter(|byte| **byte == b'\n').count();
    }
}

/// Returns the sequence number of the last change that a consumer processed.
async fn last_sequence(client: &Client, consumer: &str) -> Option<String> {
    let key = AttributeValue::S(format!("position#{consumer}#items"));
    let row =
        client.get_item().table_name("local-bookkeeping").key("pk", key).send().await.expect("the row is readable");
    row.item?.get("sequence")?.as_s().ok().cloned()
}

/// Returns the peak memory of the process in MB.
fn peak_memory(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
