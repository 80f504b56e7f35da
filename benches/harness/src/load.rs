//! The local server under load, and list latency as the table grows.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{process::Command, task::JoinSet};

use crate::{
    error::Result,
    options::Options,
    pocketbase::PocketBase,
    server::{KEY, Server},
    stats::percentile,
    target::Target,
};

/// The numbers of concurrent connections.
const CONNECTIONS: [u32; 3] = [1, 16, 64];
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
const LIST_REQUESTS: usize = 500;

/// The result of one load on a server.
#[derive(Debug, Deserialize, Serialize)]
pub struct Load {
    /// The server's name.
    pub server: String,
    /// The kind of request.
    pub what: String,
    /// The number of concurrent connections.
    pub connections: u32,
    /// Successful responses per second.
    pub rate: f64,
    /// Latency percentiles in milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// The number of failed responses.
    pub failed: u64,
}

/// The latency of a page at one table size.
#[derive(Debug, Deserialize, Serialize)]
pub struct Page {
    /// The number of records in the table.
    pub records: usize,
    /// Latency percentiles in milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// The seconds it took to create the added records.
    pub filled: f64,
}

/// Measures get, list and create on each server with each number of connections.
pub async fn measure_load(options: &Options) -> Result<Vec<Load>> {
    let mut loads = Vec::new();
    let folder = options.output_folder().join("local");
    // The folder may not exist yet.
    let _ = fs::remove_dir_all(&folder);
    let server = Server::start(options, &["--dynamodb-port", "0", "--data", &folder.display().to_string()]).await?;
    fill(&server, 1_000).await?;
    let page: Value = get(&server, "/v1/items?limit=1").await?;
    let id = page["data"][0]["id"].as_str().ok_or("there is a record")?.to_owned();
    let header = format!("x-api-key={}", KEY);
    let (url, collection) = (server.url.clone(), "/v1/items".to_owned());
    measure_target(options, &Target { name: "this", url, header, collection, page: "limit=20", id }, &mut loads)
        .await?;
    drop(server);

    let pocketbase = PocketBase::start(options, body()).await?;
    measure_target(options, &pocketbase.target, &mut loads).await?;
    Ok(loads)
}

async fn measure_target(options: &Options, target: &Target, loads: &mut Vec<Load>) -> Result<()> {
    let Target { collection, page, id, .. } = target;
    for (what, method, path) in [
        ("get", "GET", format!("{collection}/{id}")),
        ("list of 20", "GET", format!("{collection}?{page}")),
        ("create", "POST", collection.clone()),
    ] {
        for connections in CONNECTIONS {
            eprintln!("load: {}, {what}, {connections} connections", target.name);
            loads.push(autocannon(options, target, what, (method, &path), connections).await?);
        }
    }
    Ok(())
}

async fn autocannon(
    options: &Options,
    target: &Target,
    what: &str,
    (method, path): (&str, &str),
    connections: u32,
) -> Result<Load> {
    let mut command = Command::new("node");
    command.arg(options.root.join("benches/peers/node_modules/autocannon/autocannon.js"));
    command.args(["--json", "--no-progress", "--method", method, "--headers", &target.header]);
    command.args(["--connections", &connections.to_string(), "--duration", &options.seconds.to_string()]);
    if method == "POST" {
        command.args(["--headers", "content-type=application/json", "--body", &body().to_string()]);
    }
    command.arg(format!("{}{path}", target.url)).stderr(Stdio::null());
    let result: Value = serde_json::from_slice(&command.output().await?.stdout)?;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    Ok(Load {
        server: target.name.to_owned(),
        what: what.to_owned(),
        connections,
        rate: number(&result["2xx"]) / number(&result["duration"]),
        p50: number(&result["latency"]["p50"]),
        p99: number(&result["latency"]["p99"]),
        failed: result["non2xx"].as_u64().unwrap_or_default() + result["errors"].as_u64().unwrap_or_default(),
    })
}

/// Measures the latency of a page of twenty records at each table size.
pub async fn measure_lists(options: &Options) -> Result<Vec<Page>> {
    // Without consumers, which would still be processing the new records.
    let server = Server::start(options, &["--dynamodb-port", "0", "--memory", "--no-consumers"]).await?;
    let (mut pages, mut present) = (Vec::new(), 0);
    for size in SIZES.into_iter().filter(|size| *size <= options.records) {
        eprintln!("lists: {size} records");
        let start = Instant::now();
        fill(&server, size - present).await?;
        present = size;
        let filled = start.elapsed().as_secs_f64();
        let mut times = Vec::new();
        for _ in 0..LIST_REQUESTS {
            let start = Instant::now();
            let page: Value = get(&server, "/v1/items?limit=20").await?;
            times.push(start.elapsed());
            if page["data"].as_array().map(Vec::len) != Some(20) {
                return Err("a page has twenty records".into());
            }
        }
        times.sort();
        let milliseconds = |percent| percentile(&times, percent).as_secs_f64() * 1e3;
        pages.push(Page { records: size, p50: milliseconds(50), p99: milliseconds(99), filled });
    }
    Ok(pages)
}

async fn get(server: &Server, path: &str) -> Result<Value> {
    thread_local! {
        static CLIENT: reqwest::Client = reqwest::Client::new();
    }
    let client = CLIENT.with(Clone::clone);
    let request = client.get(format!("{}{path}", server.url)).header("x-api-key", KEY);
    Ok(request.timeout(Duration::from_secs(20)).send().await?.error_for_status()?.json().await?)
}

fn body() -> Value {
    json!({ "name": "Espresso cup", "priceCents": 1250, "currency": "EUR", "status": "active", "tags": ["kitchen"] })
}

/// Creates records through the API.
async fn fill(server: &Server, count: usize) -> Result<()> {
    const WRITERS: usize = 16;
    let client = reqwest::Client::new();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let request = client.post(format!("{}/v1/items", server.url)).header("x-api-key", KEY).json(&body());
        let share = count / WRITERS + usize::from(writer < count % WRITERS);
        writers.spawn(async move {
            for _ in 0..share {
                let request = request.try_clone().ok_or("a body in memory can be sent again")?;
                request.send().await?.error_for_status()?;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    for result in writers.join_all().await {
        result?;
    }
    Ok(())
}
