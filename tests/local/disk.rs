//! A full disk: writes are rejected, the log reports it once, and the server recovers.
#![cfg(target_os = "linux")]

use std::{path::Path, process::Command};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    item,
    process::{Process, command},
};

/// The maximum file size in blocks of 512 or 1,024 bytes: more than an empty database needs, less than a full one.
const BLOCKS: &str = "4096";

/// Starts a server with a limited file size, so that a write of SQLite fails (setrlimit(2), `RLIMIT_FSIZE`).
fn limited(data: &Path) -> Process {
    let unlimited = command(data, &["--no-consumers", "--json-logs"]);
    let mut limited = Command::new("sh");
    // The signal that a write beyond the limit raises would end the process.
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f \"$0\"; exec \"$@\"", BLOCKS]).arg(unlimited.get_program());
    limited.args(unlimited.get_args()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    Process::spawn(limited)
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_is_logged_once_and_rejects_writes_until_it_has_space() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = limited(folder.path());
    let mut body = item();
    body["description"] = "x".repeat(2000).into();
    let post = || async { server.request(Method::POST, "/v1/items").json(&body).send().await.expect("an answer") };
    let mut refused = None;
    for _ in 0..4000 {
        let answer = post().await;
        if answer.status() != 201 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the disk is full at last");
    assert_eq!((refused.status().as_u16(), refused.headers().get("retry-after")), (500, None));
    for _ in 0..3 {
        assert_eq!(post().await.status(), 500);
    }
    let page = server.request(Method::GET, "/v1/items?limit=1").send().await.expect("an answer");
    assert_eq!(page.status(), 200, "reads go on");

    let id = server.id().to_string();
    let raised =
        Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status().expect("there is a prlimit");
    assert!(raised.success());
    assert_eq!(post().await.status(), 201);

    let lines = server.into_lines();
    let lines: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let named: Vec<&Value> = lines.iter().filter(|line| line["advice"].is_string()).collect();
    assert_eq!(named.len(), 1, "{named:?}");
    let cause = named[0]["cause"].as_str().expect("a text");
    assert!(cause.contains("dynamodb.sqlite cannot be written: "), "{cause}");
    assert_eq!(named[0]["level"], json!("ERROR"));
}
