//! The recipes of docs/migrations.md, run as written there.

use std::fs;

use serde_json::{Value, json};

use crate::raw::{call, old_item, put, read, rows, run, server_with, settings, write};

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
