//! Validation of migration files before any write.

use crate::{
    raw::{migrations, read, rows, run, server_with, settings, up, write},
    support::service,
};

const GOOD: &str = "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_not_exists(note)\"\n\
    update = \"SET note = :note\"\n[values]\n\":note\" = \"n\"\n";

fn faults(content: &str) -> String {
    service().migration_sources().parse("0001_items_note.toml", content).err().unwrap_or_default().join("\n")
}

#[test]
fn valid_file_is_accepted_as_toml_and_json() {
    assert_eq!(faults(GOOD), "");
    let json = r#"{ "table": "items", "description": "d", "filter": "attribute_exists(a)", "update": "REMOVE a" }"#;
    assert!(service().migration_sources().parse("0001_items_note.json", json).is_ok());
}

#[test]
fn invalid_file_is_refused_with_the_fault() {
    let tables = service().row_schemas().into_iter().map(|schema| schema.table).collect::<Vec<_>>().join(" or ");
    let no_table = format!("there is no table `nothing`: use {tables}");
    for (old, new, expected) in [
        ("\"items\"", "\"nothing\"", no_table.as_str()),
        ("SET note", "SET version", "writes `version`, which every write sets by itself"),
        ("SET note", "SET updatedAt", "writes `updatedAt`, which every write sets by itself"),
        ("SET note", "SET id", "writes `id`, which never changes"),
        ("SET note", "SET listShard", "writes `listShard`, which is computed from the record"),
        ("SET note", "SET #status", "uses #status, which is not in `names` or `values`"),
        ("SET note = :note", "SET note = :note SET a = :note", "has SET twice"),
        ("SET note = :note", "note = :note", "must begin with SET, REMOVE, ADD or DELETE"),
        ("SET note = :note", "SET ", "has nothing after SET"),
        (
            "update = \"SET note = :note\"",
            "transform = \"nothing\"",
            "the transform `nothing` is not in migrations/mod.rs",
        ),
        ("description = \"d\"", "description = \"d\"\ntransform = \"rekey\"", "needs either `update` or `transform`"),
        ("\":note\" = \"n\"", "\":note\" = \"n\"\n\":other\" = 1", "`:other` is not used"),
        ("filter = \"attribute_not_exists(note)\"", "filter = \" \"", "`filter` is empty"),
        ("description", "descriptoin", "unknown field `descriptoin`"),
        (
            "\":note\" = \"n\"",
            "\":note\" = [2024-01-01]",
            "`2024-01-01` is a date, which DynamoDB does not support: put it in quotes",
        ),
        ("\":note\" = \"n\"", "\":note\" = { of = nan }", "`NaN` is not a valid DynamoDB number"),
    ] {
        let content = GOOD.replace(old, new);
        assert!(faults(&content).contains(expected), "{content}\n{}", faults(&content));
    }
}

#[test]
fn file_with_an_invalid_name_is_refused() {
    for name in ["1_items.toml", "0000_items.toml", "0001_Items.toml", "0001.toml", "0001_items.yaml"] {
        assert!(service().migration_sources().parse(name, GOOD).is_err(), "{name}");
    }
}

#[test]
fn gaps_and_duplicate_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "0001_items_a.toml", GOOD);
    write(folder.path(), "0003_items_c.toml", GOOD);
    let read = || read(folder.path()).err().map(|failure| failure.to_string()).unwrap_or_default();
    assert_eq!(read(), "migration 0002 is missing: numbers must be consecutive");
    write(folder.path(), "0002_items_b.toml", GOOD);
    assert_eq!(read(), "");
    write(folder.path(), "0002_items_d.toml", GOOD);
    assert!(read().contains("0002_items_b and 0002_items_d have the same number"));
}

#[tokio::test]
async fn applied_file_must_not_change_or_disappear() {
    let server = server_with(5).await;
    let url = &server.dynamodb_url;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "0001_items_a.toml", GOOD);
    let up_folder = || async { run(url, read(folder.path()).unwrap(), &settings()).await };
    up_folder().await.unwrap();
    let before = rows(url).await;

    write(folder.path(), "0001_items_a.toml", &GOOD.replace("\"n\"", "\"m\""));
    let failure = up_folder().await.unwrap_err().to_string();
    assert!(
        failure.contains("0001_items_a was edited after it had begun here") && failure.contains("restore the file")
    );

    std::fs::remove_file(folder.path().join("0001_items_a.toml")).unwrap();
    let failure = up_folder().await.unwrap_err().to_string();
    assert!(failure.contains("0001_items_a was applied here, but its file is missing"), "{failure}");
    assert_eq!(rows(url).await, before);

    // Line endings do not affect the checksum.
    write(folder.path(), "0001_items_a.toml", &GOOD.replace('\n', "\r\n"));
    assert!(up_folder().await.unwrap().done);
}

#[tokio::test]
async fn selected_migration_must_exist() {
    let server = server_with(1).await;
    let url = &server.dynamodb_url;
    for (to, again) in [(Some(9), None), (None, Some(9)), (None, Some(1))] {
        let mut settings = settings();
        (settings.to, settings.again) = (to, again);
        assert!(run(url, migrations(), &settings).await.is_err());
    }
    let mut settings = settings();
    settings.to = Some(1);
    let report = run(url, migrations(), &settings).await.unwrap();
    assert_eq!((report.done, report.migrations.len(), report.pending), (true, 1, 2));
    assert_eq!(up(url).await.migrations.len(), 2);
}

#[tokio::test]
async fn file_without_writes_may_change_or_disappear() {
    let server = server_with(5).await;
    let url = &server.dynamodb_url;
    let folder = tempfile::tempdir().unwrap();
    let up_folder = || async { run(url, read(folder.path()).unwrap(), &settings()).await };
    // DynamoDB refuses to add a number to a string.
    let bad = GOOD
        .replace("SET note = :note", "ADD #name :note")
        .replace("[values]", "[names]\n\"#name\" = \"name\"\n[values]");
    write(folder.path(), "0001_items_a.toml", &bad.replace("\"n\"", "1"));
    let report = up_folder().await.unwrap();
    assert_eq!((report.done, report.migrations[0].written, report.migrations[0].refused), (false, 0, 5));

    std::fs::remove_file(folder.path().join("0001_items_a.toml")).unwrap();
    assert!(up_folder().await.unwrap().done);
    write(folder.path(), "0001_items_b.toml", GOOD);
    let report = up_folder().await.unwrap();
    assert_eq!((report.done, report.migrations[0].written), (true, 5));
}

#[tokio::test]
async fn file_with_writes_must_not_change() {
    let server = server_with(5).await;
    let url = &server.dynamodb_url;
    let mut other = crate::raw::old_item(9);
    other["stock"] = serde_json::json!({ "N": "1" });
    crate::raw::put(url, &[other]).await;
    let folder = tempfile::tempdir().unwrap();
    let up_folder = || async { run(url, read(folder.path()).unwrap(), &settings()).await };
    // Only one record has the attribute that is copied.
    let copies = GOOD.replace("SET note = :note", "SET note = stock").replace("[values]\n\":note\" = \"n\"\n", "");
    write(folder.path(), "0001_items_a.toml", &copies);
    let report = up_folder().await.unwrap();
    assert_eq!((report.migrations[0].written, report.migrations[0].refused), (1, 5));
    write(folder.path(), "0001_items_a.toml", GOOD);
    let failure = up_folder().await.unwrap_err().to_string();
    assert!(failure.contains("0001_items_a was edited after it had begun here"), "{failure}");
}
