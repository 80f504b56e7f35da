//! The recipes of docs/migrations.md and docs/access.md, run as written there.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tokio::task;

use crate::{
    raw::{call, id, old_item, put, read, rows, run, server_with, settings, write},
    support::TestServer,
};

/// Returns the files in a section of the guide.
fn files(section: &str) -> Vec<String> {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/migrations.md")).unwrap();
    let (_, text) = guide.split_once(section).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let files = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    files.map(|file| file.lines().map(|line| format!("{}\n", line.trim())).collect()).collect()
}

#[tokio::test]
async fn old_records_are_listed_by_a_new_filter_after_the_recipe() {
    let server = server_with(0).await;
    let url = &server.dynamodb_url;
    let mut row = old_item(1);
    (row["currency"], row["tags"]) = (json!({ "S": "EUR" }), json!({ "L": [] }));
    // One record lacks the field, for which the API returns the default.
    let mut without = old_item(2);
    (without["currency"], without["tags"]) = (row["currency"].clone(), row["tags"].clone());
    without.as_object_mut().unwrap().remove("status");
    put(url, &[row, without]).await;
    let listed = async |status: &str| {
        let path = format!("/v1/items?status={status}");
        let page: Value = server.request("GET", &path).send().await.unwrap().json().await.unwrap();
        page["data"].as_array().unwrap().len()
    };
    assert_eq!((listed("active").await, listed("draft").await), (0, 0));

    let files = files("## A new filter");
    assert_eq!(files.len(), 2, "one for a field that may be missing, one for a field with a default");
    let folder = tempfile::tempdir().unwrap();
    for (file, expected) in files.iter().zip([(1, 0), (1, 1)]) {
        let file =
            file.replace("weightGrams", "status").replace("attribute_exists(status)", "attribute_exists(#status)");
        let file = if file.contains("#status") { format!("{file}[names]\n\"#status\" = \"status\"\n") } else { file };
        write(folder.path(), "0001_items_status.toml", &file);
        let migrations = read(folder.path()).unwrap();
        let mut settings = settings();
        let report = run(url, migrations.clone(), &settings).await.unwrap();
        assert!(report.done, "{report:?}");
        assert_eq!((listed("active").await, listed("draft").await), expected);
        let before = rows(url).await;
        settings.again = Some(1);
        assert_eq!(run(url, migrations.clone(), &settings).await.unwrap().migrations[0].written, 0);
        assert_eq!(rows(url).await, before);
        let key = json!({ "TableName": "local-bookkeeping", "Key": { "pk": { "S": "migration#0001" } } });
        call(url, "DeleteItem", &key).await;
    }
}

/// Runs the script of docs/access.md that gives items an owner. It needs bash, curl and jq.
async fn adopt(server: &TestServer, owner: &str) -> Output {
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/access.md")).unwrap();
    let (_, text) = guide.split_once("## Ownership in a live table").unwrap();
    let script = text.split_once("```sh\n").unwrap().1.split("```").next().unwrap();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]);
    command.env("API", &server.url).env("KEY", &server.key).env("OWNER", owner);
    task::spawn_blocking(move || command.output()).await.unwrap().expect("bash runs")
}

async fn create(server: &TestServer, path: &str, body: &Value) -> String {
    let answer = server.request("POST", path).json(body).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn items_without_an_owner_are_adopted_by_the_script() {
    const ITEMS: usize = 120;
    let server = server_with(0).await;
    let items: Vec<_> = (1..=ITEMS)
        .map(|number| {
            let mut row = old_item(number);
            (row["currency"], row["tags"]) = (json!({ "S": "EUR" }), json!({ "L": [] }));
            row
        })
        .collect();
    put(&server.dynamodb_url, &items).await;
    let owner = create(&server, "/v1/users", &json!({ "name": "Ada", "email": "ada@example.com" })).await;
    let other = create(&server, "/v1/users", &json!({ "name": "Eve", "email": "eve@example.com" })).await;
    let body = json!({ "name": "Cup", "priceCents": 1, "currency": "EUR", "ownerId": other });
    let owned = create(&server, "/v1/items", &body).await;

    let output = adopt(&server, "0193b8c4-5b00-7000-8000-000000000001").await;
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("{} is left", id(1))), "no owner, no change");
    for _ in 0..2 {
        let output = adopt(&server, &owner).await;
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows = rows(&server.dynamodb_url).await;
        let owner_of = |row: &serde_json::Map<String, Value>| row["ownerId"]["S"].as_str().unwrap().to_owned();
        let (others, adopted): (Vec<_>, Vec<_>) = rows.iter().partition(|(id, _)| **id == owned);
        assert_eq!(owner_of(others[0].1), other, "items with an owner keep it");
        assert_eq!(adopted.len(), ITEMS);
        let versions: BTreeSet<_> = adopted.iter().map(|(_, row)| row["version"]["N"].as_str().unwrap()).collect();
        assert_eq!(versions, BTreeSet::from(["4"]), "each is changed once");
        assert!(adopted.iter().all(|(_, row)| owner_of(row) == owner));
    }
    let path = format!("/v1/items?limit=100&ownerId={owner}");
    let page: Value = server.request("GET", &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(page["data"].as_array().unwrap().len(), 100, "the index has the owner");
}
