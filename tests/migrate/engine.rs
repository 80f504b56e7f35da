//! The test migrations on old tables: each record is changed once.

use serde_json::{Value, json};
use serverless_crud::store::State;

use crate::raw::{
    assert_migrated, bookkeeping, call, clear_ledger, fixtures, id, migrations, old_item, put, read, rows, run,
    server_with, settings, up, write,
};

#[tokio::test]
async fn migrations_change_each_old_record_once() {
    let server = server_with(130).await;
    let url = &server.dynamodb_url;
    let report = up(url).await;
    assert!(report.done);
    assert_eq!(report.migrations.iter().map(|ran| (ran.scanned, ran.written)).collect::<Vec<_>>(), [(130, 130); 3]);
    let after = rows(url).await;
    assert_eq!(after.len(), 130);
    after.values().for_each(|row| assert_migrated(row, 3));

    assert_eq!(up(url).await.migrations.len(), 0);
    clear_ledger(url, &migrations()).await;
    let again = up(url).await;
    assert!(again.done && again.migrations.iter().all(|ran| ran.written == 0 && ran.scanned == 130));
    assert_eq!(rows(url).await, after);
}

#[tokio::test]
async fn new_file_is_applied_after_the_applied_ones() {
    let server = server_with(20).await;
    let url = &server.dynamodb_url;
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(fixtures()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    up(url).await;
    let fourth = "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_not_exists(note)\"\n\
        update = \"SET note = :note\"\n[values]\n\":note\" = \"n\"\n";
    write(folder.path(), "0004_items_note.toml", fourth);
    let grown = || read(folder.path()).unwrap();
    let report = run(url, grown(), &settings()).await.unwrap();
    assert_eq!(report.migrations.iter().map(|ran| (ran.number, ran.written)).collect::<Vec<_>>(), [(4, 20)]);
    rows(url).await.values().for_each(|row| assert_migrated(row, 4));

    clear_ledger(url, &grown()).await;
    put(url, &[old_item(99)]).await;
    let report = run(url, grown(), &settings()).await.unwrap();
    assert_eq!(report.migrations.iter().map(|ran| ran.written).collect::<Vec<_>>(), [1; 4]);
    assert_migrated(&rows(url).await[&id(99)], 4);
}

#[tokio::test]
async fn migrated_records_are_served_by_the_api_and_its_lists() {
    let server = server_with(30).await;
    up(&server.dynamodb_url).await;
    for list in ["/v1/items?limit=100", "/v1/items?limit=100&status=active"] {
        let page: Value = server.request("GET", list).send().await.unwrap().json().await.unwrap();
        assert_eq!(page["data"].as_array().unwrap().len(), 30, "{list}");
    }
}

#[tokio::test]
async fn current_records_match_no_migration() {
    let server = server_with(0).await;
    for tags in [json!([]), json!(["a, b", " c "])] {
        let body = json!({ "name": "Cup", "priceCents": 1, "currency": "USD", "tags": tags });
        assert_eq!(server.request("POST", "/v1/items").json(&body).send().await.unwrap().status(), 201);
    }
    let before = rows(&server.dynamodb_url).await;
    let report = up(&server.dynamodb_url).await;
    assert!(report.done && report.migrations.iter().all(|ran| ran.written == 0 && ran.scanned == 2));
    assert_eq!(rows(&server.dynamodb_url).await, before);
}

#[tokio::test]
async fn tables_with_zero_and_one_record_are_migrated() {
    for count in [0, 1] {
        let server = server_with(count).await;
        let report = up(&server.dynamodb_url).await;
        assert!(report.done && report.migrations.len() == 3);
        rows(&server.dynamodb_url).await.values().for_each(|row| assert_migrated(row, 3));
    }
}

#[tokio::test]
async fn record_near_the_size_limit_is_migrated() {
    let server = server_with(0).await;
    let mut row = old_item(1);
    row["legacy"] = json!({ "S": "x".repeat(390 * 1024) });
    put(&server.dynamodb_url, &[row]).await;
    assert!(up(&server.dynamodb_url).await.done);
    let row = &rows(&server.dynamodb_url).await[&id(1)];
    assert_migrated(row, 3);
    assert_eq!(row["legacy"]["S"].as_str().unwrap().len(), 390 * 1024);
}

#[tokio::test]
async fn transform_keeps_other_attributes_as_stored() {
    let server = server_with(0).await;
    let mut row = old_item(1);
    let odd = json!({ "SS": ["b", "a"] });
    let precise = json!({ "N": "12345678901234567890123456789012345678" });
    (row["odd"], row["precise"]) = (odd.clone(), precise.clone());
    put(&server.dynamodb_url, &[row]).await;
    assert!(up(&server.dynamodb_url).await.done);
    let row = &rows(&server.dynamodb_url).await[&id(1)];
    assert_eq!((&row["precise"], row["odd"]["SS"].as_array().unwrap().len()), (&precise, 2));
}

#[tokio::test]
async fn refused_record_is_reported_and_the_rest_is_migrated() {
    let server = server_with(60).await;
    let url = &server.dynamodb_url;
    let mut invalid_item = old_item(7);
    invalid_item["tags"] = json!({ "S": "x".repeat(41) });
    put(url, &[invalid_item]).await;
    let report = up(url).await;
    assert!(!report.done && !report.stopped);
    let last = report.migrations.last().unwrap();
    assert_eq!((last.number, last.state, last.written, last.refused), (3, State::Incomplete, 59, 1));
    assert_eq!(last.refusals, [(id(7), "a tag is longer than 40 characters".to_owned())]);
    let mut after = rows(url).await;
    assert_eq!(after[&id(7)]["tags"], json!({ "S": "x".repeat(41) }));
    assert_eq!(after[&id(7)]["version"], json!({ "N": "5" }));
    after.remove(&id(7));
    after.values().for_each(|row| assert_migrated(row, 3));

    // After the record is fixed, the next run completes the migration.
    let fix = json!({
        "TableName": "local-items", "Key": { "id": { "S": id(7) } }, "UpdateExpression": "SET tags = :tags",
        "ExpressionAttributeValues": { ":tags": { "S": "kitchen, coffee" } },
    });
    call(url, "UpdateItem", &fix).await;
    let report = up(url).await;
    assert!(report.done);
    assert_eq!((report.migrations[0].scanned, report.migrations[0].written), (60, 60));
    rows(url).await.values().for_each(|row| assert_migrated(row, 3));
}

#[tokio::test]
async fn migration_whose_result_matches_its_filter_stops_at_the_first_record() {
    let server = server_with(40).await;
    let url = &server.dynamodb_url;
    let folder = tempfile::tempdir().unwrap();
    let endless = "table = \"items\"\ndescription = \"d\"\nfilter = \"priceCents >= :zero\"\n\
        update = \"ADD priceCents :one\"\n[values]\n\":zero\" = 0\n\":one\" = 1\n";
    crate::raw::write(folder.path(), "0001_items_endless.toml", endless);
    for _ in 0..2 {
        let mut settings = settings();
        settings.parallelism.segments = 1;
        let failure = run(url, read(folder.path()).unwrap(), &settings).await.unwrap_err().to_string();
        assert!(failure.contains("still matches the filter after its update"), "{failure}");
        // A second run does not write the record again either.
        let written = rows(url).await.values().filter(|row| row["version"]["N"] == "4").count();
        assert_eq!(written, 1);
    }
}

#[tokio::test]
async fn expression_with_all_clauses_is_combined_with_system_attributes() {
    let server = server_with(30).await;
    let url = &server.dynamodb_url;
    let folder = tempfile::tempdir().unwrap();
    let file = "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_exists(tags) AND #state = :active\"\n\
        update = \"remove tags set #label = :label, note = if_not_exists(note, :label) ADD priceCents :ten\"\n\
        [names]\n\"#state\" = \"status\"\n\"#label\" = \"label\"\n\
        [values]\n\":active\" = \"active\"\n\":label\" = \"old\"\n\":ten\" = 10\n";
    crate::raw::write(folder.path(), "0001_items_label.toml", file);
    assert!(run(url, read(folder.path()).unwrap(), &settings()).await.unwrap().done);
    for (number, row) in rows(url).await.values().enumerate() {
        assert_eq!(
            (&row["label"], &row["note"], row.get("tags")),
            (&json!({ "S": "old" }), &json!({ "S": "old" }), None)
        );
        assert_eq!(row["priceCents"], json!({ "N": (number + 10).to_string() }));
        assert_eq!(row["version"], json!({ "N": "4" }));
    }
}

#[tokio::test]
async fn ledger_entries_are_complete_and_never_expire() {
    let server = server_with(25).await;
    up(&server.dynamodb_url).await;
    let row = bookkeeping(&server.dynamodb_url, "migration#0001").await;
    assert_eq!((&row["name"]["S"], &row["who"]["S"]), (&json!("items_default_currency"), &json!("a test")));
    assert_eq!((&row["state"]["S"], row.get("expiresAt")), (&json!("applied"), None));
    assert!(
        row["startedAt"]["S"].is_string() && row["finishedAt"]["S"].is_string() && row["checksum"]["S"].is_string()
    );
    let segments = row["segments"]["L"].as_array().unwrap();
    let written: u64 = segments.iter().map(|s| s["M"]["written"]["N"].as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!((segments.len(), written), (3, 25));
}

#[tokio::test]
async fn applied_migration_can_run_again() {
    let server = server_with(10).await;
    let url = &server.dynamodb_url;
    up(url).await;
    put(url, &[old_item(99)]).await;
    let mut settings = settings();
    settings.again = Some(1);
    let report = run(url, migrations(), &settings).await.unwrap();
    assert_eq!((report.done, report.migrations[0].written), (true, 1));
}
