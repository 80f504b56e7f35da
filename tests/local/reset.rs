//! The deletion of the local data.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use reqwest::Method;

use crate::{process::Process, user};

/// Runs the command with this answer on its standard input.
fn reset(data: &Path, options: &[&str], answer: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.arg("--reset").arg("--data").arg(data).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program is built");
    // The command may end without reading it.
    let _ = child.stdin.take().expect("it is piped").write_all(answer.as_bytes());
    child.wait_with_output().expect("it ends")
}

async fn count_users(server: &Process) -> usize {
    let answer = server.request(Method::GET, "/v1/users").send().await.expect("an answer");
    let page: serde_json::Value = answer.json().await.expect("JSON");
    page["data"].as_array().expect("a list").len()
}

async fn with_a_user(data: &Path) {
    let server = Process::start(data, &[]);
    let created =
        server.request(Method::POST, "/v1/users").json(&user("ada@example.com")).send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    server.into_lines();
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_reset_deletes_all_records() {
    for (options, answer) in [(vec![], "y\n"), (vec!["--yes"], "")] {
        let folder = tempfile::tempdir().expect("a folder");
        with_a_user(folder.path()).await;
        let output = reset(folder.path(), &options, answer);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(count_users(&Process::start(folder.path(), &[])).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn declined_reset_deletes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    with_a_user(folder.path()).await;
    for answer in ["n\n", "\n", ""] {
        let output = reset(folder.path(), &[], answer);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Nothing was deleted."), "{output:?}");
    }
    assert_eq!(count_users(&Process::start(folder.path(), &[])).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_refuses_a_folder_in_use_and_a_folder_without_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path(), &[]);
    let output = reset(folder.path(), &["--yes"], "");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("another local server uses"), "{output:?}");
    assert_eq!(count_users(&server).await, 0);

    let other = tempfile::tempdir().expect("a folder");
    fs::write(other.path().join("notes.txt"), "mine").expect("it is writable");
    let output = reset(other.path(), &["--yes"], "");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds no data of a local server"), "{output:?}");
    assert!(other.path().join("notes.txt").exists());
}
