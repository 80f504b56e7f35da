//! How fast the local server brings changes to its consumers, and what memory a backlog costs: `make bench-streams`.
//!
//! It writes rows past the API, far faster than the consumers follow, and waits for the last of them.

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
    resources::Item,
    store::encode,
};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// The most rows a batch takes.
const BATCH: usize = 25;
const PATIENCE: Duration = Duration::from_secs(30 * 60);

#[tokio::main]
async fn main() {
    println!("| changes | written in s | all followed after s | changes a second | peak memory MB |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for size in SIZES {
        run(size).await;
    }
}

async fn run(size: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut server, dynamodb) = start(folder.path());
    let start = Instant::now();
    let client = client(&dynamodb);
    for batch in 0..size / BATCH {
        write(&client, batch).await;
    }
    let written = start.elapsed().as_secs_f64();
    wait(folder.path(), &client, size).await;
    let followed = start.elapsed().as_secs_f64();
    let memory = peak_memory(server.id());
    println!("| {size} | {written:.1} | {followed:.1} | {:.0} | {memory:.0} |", size as f64 / followed);
    server.kill().expect("it runs");
    server.wait().expect("it ends");
}

/// Starts the server as a program of its own; its DynamoDB is at the address.
fn start(folder: &Path) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["--port", "0", "--dynamodb-port", "0", "--quiet", "--data"]).arg(folder);
    let mut server = command.stdout(Stdio::piped()).spawn().expect("the program is built");
    let mut lines = BufReader::new(server.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let line = lines.find_map(|line| line.strip_prefix("DynamoDB listens on ").map(str::to_owned));
    let line = line.expect("the server says where it listens");
    std::thread::spawn(move || lines.for_each(drop));
    (server, line.split(',').next().expect("the address comes first").to_owned())
}

fn client(url: &str) -> Client {
    let sdk = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
        .endpoint_url(url);
    app::client(sdk)
}

async fn write(client: &Client, batch: usize) {
    let put = |number| {
        let item = Item { name: format!("{batch}-{number}"), ..Item::example() };
        let row = encode(&Record::new(item), &format!("{batch}-{number}"), None);
        WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(row)).build().expect("a row")).build()
    };
    let rows = (0..BATCH).map(put).collect();
    client.batch_write_item().request_items("local-items", rows).send().await.expect("it takes the batch");
}

/// Returns when the last event is published and the last entry written.
async fn wait(folder: &Path, client: &Client, size: usize) {
    let start = Instant::now();
    let mut events = 0;
    let mut published = File::open(folder.join("events.jsonl")).expect("the server has begun it");
    let mut text = Vec::new();
    while events < size || position(client, "audit_append").await != position(client, "events_publish").await {
        assert!(start.elapsed() < PATIENCE, "{events} of {size}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        text.clear();
        published.read_to_end(&mut text).expect("it is readable");
        events += text.iter().filter(|byte| **byte == b'\n').count();
    }
}

/// How far a consumer is.
async fn position(client: &Client, consumer: &str) -> Option<String> {
    let key = AttributeValue::S(format!("position#{consumer}#items"));
    let row = client.get_item().table_name("local-bookkeeping").key("pk", key).send().await.expect("it is there");
    row.item?.get("sequence")?.as_s().ok().cloned()
}

/// The most memory the process has had, in MB.
fn peak_memory(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
