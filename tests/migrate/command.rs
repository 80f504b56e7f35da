//! The command: output, effects and exit codes.

use std::process::Output;

use serde_json::json;

use crate::raw::{bookkeeping, id, json_of, old_item, put, read, rows, run_command, server_with, write};

#[tokio::test(flavor = "multi_thread")]
async fn plan_counts_and_shows_five_examples_and_writes_nothing() {
    let server = server_with(40).await;
    let url = &server.dynamodb_url;
    let before = rows(url).await;
    let output = run_command(url, &["plan", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let plan = json_of(&output);
    for migration in plan["migrations"].as_array().unwrap() {
        assert_eq!((&migration["scanned"], &migration["wouldChange"]), (&json!(40), &json!(40)));
        assert_eq!(migration["examples"].as_array().unwrap().len(), 5);
    }
    let example = &plan["migrations"][0]["examples"][0];
    assert_eq!((&example["before"], &example["after"]), (&json!({ "currency": null }), &json!({ "currency": "EUR" })));
    let text = run_command(url, &["plan"]).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("40 of 40 records would change") && text.contains("+ currency: \"EUR\""), "{text}");
    assert!(text.contains("- tags: \"kitchen, coffee,kitchen\"") && text.contains("+ tags: [\"kitchen\",\"coffee\"]"));
    assert_eq!(rows(url).await, before);
    assert!(
        bookkeeping(url, "migration#0001").await.is_null()
            && bookkeeping(url, "migration-lock").await["holder"].is_null()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_reports_records_that_up_would_refuse() {
    let server = server_with(3).await;
    let url = &server.dynamodb_url;
    let folder = tempfile::tempdir().unwrap();
    let file = "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_exists(priceCents)\"\n\
        update = \"ADD priceCents :one\"\n[values]\n\":one\" = 1\n";
    write(folder.path(), "0001_items_endless.toml", file);
    let output = run_command(url, &["plan", "--folder", folder.path().to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stdout).contains("would still match the filter after its update"));
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_reports_records_that_would_still_match() {
    let server = server_with(3).await;
    let url = &server.dynamodb_url;
    let mut invalid_item = old_item(1);
    invalid_item["stock"] = json!({ "S": "none" });
    put(url, &[invalid_item]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_not_exists(note)\"\n\
        update = \"SET note = :one ADD stock :one\"\n[values]\n\":one\" = 1\n";
    write(folder.path(), "0001_items_stock.toml", file);
    let options = ["--json", "--folder", folder.path().to_str().unwrap()];
    let output = run_command(url, &[&["plan"], &options[..]].concat()).await;
    let plan = &json_of(&output)["migrations"][0];
    assert_eq!((output.status.code(), &plan["wouldChange"], &plan["refused"]), (Some(3), &json!(2), &json!(1)));
    assert_eq!((&plan["refusals"][0][0], plan["examples"].as_array().unwrap().len()), (&json!(id(1)), 2));
    assert_eq!(run_command(url, &[&["up"], &options[..]].concat()).await.status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_up_and_verify_report_the_state_and_exit_code() {
    let server = server_with(20).await;
    let url = &server.dynamodb_url;
    let states = |output: Output| {
        let all = json_of(&output)["migrations"].as_array().unwrap().clone();
        all.into_iter().map(|migration| migration["state"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(states(run_command(url, &["status", "--json"]).await), ["pending"; 3]);
    let output = run_command(url, &["up", "--to", "2", "--json"]).await;
    assert_eq!((output.status.code(), &json_of(&output)["pending"]), (Some(0), &json!(1)));
    assert_eq!(states(run_command(url, &["status", "--json"]).await), ["applied", "applied", "pending"]);
    assert_eq!(run_command(url, &["up"]).await.status.code(), Some(0));
    assert_eq!(run_command(url, &["verify"]).await.status.code(), Some(0));
    put(url, &[old_item(99)]).await;
    let output = run_command(url, &["verify", "--json"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(json_of(&output)["migrations"][0]["wouldChange"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_records_and_invalid_folders_have_distinct_exit_codes() {
    let server = server_with(3).await;
    let url = &server.dynamodb_url;
    let mut invalid_item = old_item(1);
    invalid_item["tags"] = json!({ "S": "x".repeat(50) });
    put(url, &[invalid_item]).await;
    let output = run_command(url, &["up"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains(&id(1)));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "0002_items_b.toml", "");
    assert_eq!(run_command(url, &["up", "--folder", folder.path().to_str().unwrap()]).await.status.code(), Some(6));
    assert_eq!(run_command("http://127.0.0.1:1", &["status"]).await.status.code(), Some(1));
    assert_eq!(run_command(url, &["up", "--max-wcu", "0"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_writes_a_valid_next_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for (name, file) in [("items_note", "0001_items_note.toml"), ("users-Note", "0002_users_note.toml")] {
        let output = run_command("http://127.0.0.1:1", &["new", name, "--folder", path]).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(folder.path().join(file).exists());
    }
    assert_eq!(read(folder.path()).unwrap().len(), 2);
    assert_eq!(run_command("http://127.0.0.1:1", &["new", "nothing", "--folder", path]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_ledger_and_lock_with_invalid_files() {
    let server = server_with(3).await;
    let url = &server.dynamodb_url;
    assert_eq!(run_command(url, &["up", "--to", "2"]).await.status.code(), Some(0));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "0001_items_a.toml", "table = 1");
    let folder = folder.path().to_str().unwrap();
    let output = run_command(url, &["status", "--json", "--folder", folder]).await;
    assert_eq!(output.status.code(), Some(6));
    let status = json_of(&output);
    let known = status["migrations"].as_array().unwrap().iter().map(|row| json!([row["name"], row["state"]]));
    let expected = ["items_default_currency", "items_list_shards"].map(|name| json!([name, "applied"]));
    assert_eq!(known.collect::<Vec<_>>(), expected);
    assert!(status["lock"].is_null() && status["error"].as_str().unwrap().contains("0001_items_a.toml"));
    let output = run_command(url, &["status", "--folder", folder]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("0002_items_list_shards") && text.contains("3 of 3 written"), "{text}");
}

#[tokio::test]
async fn too_short_lease_is_refused() {
    assert_eq!(run_command("http://127.0.0.1:1", &["up", "--lease", "9"]).await.status.code(), Some(2));
}
