//! Refused records and invalid expressions: reports, writes and resumption.

use std::time::Duration;

use serde_json::json;
use serverless_crud::{
    migrate::{Change, Failure, Report, Transform},
    store::State,
};

use crate::{
    raw::{
        bookkeeping, call, id, migrations, old_item, put, put_into, read, rows, rows_of, run, server_with, settings,
        up, write,
    },
    support::proxy::{Call, Fault, Proxy},
};

/// Applies one file.
async fn apply(url: &str, segments: u16, file: &str) -> Result<Report, Failure> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "0001_items_a.toml", file);
    let mut settings = settings();
    settings.parallelism.segments = segments;
    run(url, read(folder.path()).unwrap(), &settings).await
}

#[tokio::test]
async fn incomplete_migration_resumes_and_writes_no_record_twice() {
    let server = server_with(0).await;
    let url = &server.dynamodb_url;
    // The first record no longer matches after one write. The others still would.
    let items = (0..40).map(|number| {
        let mut row = old_item(number);
        row["priceCents"] = json!({ "N": if number == 0 { "95" } else { "5" } });
        row["stock"] = if number == 7 { json!({ "S": "none" }) } else { json!({ "N": "1" }) };
        row
    });
    put(url, &items.collect::<Vec<_>>()).await;
    let file = "table = \"items\"\ndescription = \"d\"\nfilter = \"priceCents < :hundred\"\n\
        update = \"ADD priceCents :ten, stock :ten\"\n[values]\n\":hundred\" = 100\n\":ten\" = 10\n";
    let report = apply(url, 1, file).await.unwrap();
    let first = report.migrations.last().unwrap();
    assert_eq!((first.state, first.written, first.refused), (State::Incomplete, 39, 1));
    let started = bookkeeping(url, "migration#0001").await["startedAt"].clone();

    // Another write removes one of the markers. The counts stay.
    let touch = |number: usize, update: &str, values: serde_json::Value| {
        let body = json!({
            "TableName": "local-items", "Key": { "id": { "S": id(number) } }, "UpdateExpression": update,
            "ExpressionAttributeValues": values,
        });
        async move { call(url, "UpdateItem", &body).await }
    };
    touch(3, "SET writeId = :w, priceCents = :p", json!({ ":w": { "S": "w" }, ":p": { "N": "500" } })).await;
    touch(7, "SET stock = :s", json!({ ":s": { "N": "1" } })).await;
    let report = apply(url, 1, file).await.unwrap();
    let second = &report.migrations[0];
    assert_eq!((report.done, second.scanned, second.written, second.refused), (true, 40, 40, 0));
    let ledger = bookkeeping(url, "migration#0001").await;
    assert_eq!((&ledger["startedAt"], &ledger["state"]["S"]), (&started, &json!("applied")));
    for (place, row) in rows(url).await.values().enumerate().filter(|(place, _)| *place != 3) {
        let price = if place == 0 { "105" } else { "15" };
        assert_eq!((&row["priceCents"]["N"], &row["stock"]["N"]), (&json!(price), &json!("11")), "{place}");
    }
}

#[tokio::test]
async fn first_fifty_refused_records_are_reported() {
    let server = server_with(0).await;
    let url = &server.dynamodb_url;
    let invalid_item = (0..90).map(|number| {
        let mut row = old_item(number);
        row["tags"] = json!({ "S": "x".repeat(41) });
        row
    });
    put(url, &invalid_item.collect::<Vec<_>>()).await;
    let report = up(url).await;
    let last = report.migrations.last().unwrap();
    assert_eq!((last.refused, last.refusals.len()), (90, 50));
}

#[tokio::test]
async fn migration_whose_result_matches_writes_one_record_with_several_segments() {
    let server = server_with(60).await;
    let url = &server.dynamodb_url;
    let endless = "table = \"items\"\ndescription = \"d\"\nfilter = \"priceCents >= :zero\"\n\
        update = \"ADD priceCents :one\"\n[values]\n\":zero\" = 0\n\":one\" = 1\n";
    for _ in 0..3 {
        let failure = apply(url, 4, endless).await.unwrap_err().to_string();
        assert!(failure.contains("still matches the filter after its update"), "{failure}");
        let written = rows(url).await.values().filter(|row| row["version"]["N"] != "3").count();
        assert_eq!(written, 1);
    }
}

#[tokio::test]
async fn invalid_expression_stops_the_run_and_can_be_fixed() {
    let server = server_with(20).await;
    let url = &server.dynamodb_url;
    let file = |update: &str| {
        format!(
            "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_not_exists(note)\"\n\
             update = \"{update}\"\n[values]\n\":note\" = \"n\"\n"
        )
    };
    let failure = apply(url, 2, &file("SET note == :note")).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(_)), "{failure}");
    let message = failure.to_string();
    assert!(
        message.starts_with("0001_items_a: DynamoDB cannot parse it") && message.contains("token: \"=\""),
        "{message}"
    );
    let report = apply(url, 2, &file("SET note = :note")).await.unwrap();
    assert_eq!((report.done, report.migrations[0].written), (true, 20));
}

#[tokio::test]
async fn invalid_filter_stops_the_run_and_can_be_fixed() {
    let server = server_with(20).await;
    let url = &server.dynamodb_url;
    let file = |filter: &str| {
        format!("table = \"items\"\ndescription = \"d\"\nfilter = \"{filter}\"\nupdate = \"REMOVE tags\"\n")
    };
    let failure = apply(url, 2, &file("attribute_exists(tags) OR OR attribute_exists(tags)")).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(_)), "{failure}");
    assert!(failure.to_string().starts_with("0001_items_a: DynamoDB cannot parse it"), "{failure}");
    assert!(apply(url, 2, &file("attribute_exists(tags)")).await.unwrap().done);
}

/// Applies a transform to the items without a note.
async fn apply_transform(url: &str, transform: Transform) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let file = "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_not_exists(note)\"\n\
        transform = \"rekey\"\n";
    write(folder.path(), "0001_items_a.toml", file);
    let mut migrations = read(folder.path()).unwrap();
    migrations[0].change = Change::Transform(transform);
    run(url, migrations, &settings()).await.unwrap()
}

#[tokio::test]
async fn panicking_transform_refuses_only_its_record() {
    let server = server_with(20).await;
    let url = &server.dynamodb_url;
    let report = apply_transform(url, |mut fields| {
        assert_ne!(fields["id"], id(7), "no record of the kind is known");
        fields.insert("note".into(), "n".into());
        Ok(fields)
    });
    let ran = &report.await.migrations[0];
    assert_eq!((ran.written, ran.refused), (19, 1));
    assert_eq!(ran.refusals, [(id(7), "the transform panicked".to_owned())]);
    assert!(bookkeeping(url, "migration-lock").await.get("holder").is_none());
}

#[tokio::test]
async fn too_long_update_refuses_only_its_record() {
    let server = server_with(20).await;
    let url = &server.dynamodb_url;
    let report = apply_transform(url, |mut fields| {
        let more = if fields["id"] == id(7) { 400 } else { 1 };
        fields.extend((0..more).map(|number| (format!("more{number}"), number.into())));
        fields.insert("note".into(), "n".into());
        Ok(fields)
    });
    let ran = &report.await.migrations[0];
    assert_eq!((ran.written, ran.refused, &ran.refusals[0].0), (19, 1, &id(7)));
}

#[tokio::test]
async fn transform_keeps_values_that_json_cannot_represent() {
    let server = server_with(0).await;
    let url = &server.dynamodb_url;
    let odd = [
        json!({ "M": { "serial": { "N": "12345678901234567890123" } } }),
        json!({ "M": { "of": { "SS": ["a"] } } }),
        json!({ "M": { "of": { "B": "AAE=" } } }),
        json!({ "M": { "of": { "N": "1.5" } } }),
    ];
    let with_odd = |(number, odd): (usize, &serde_json::Value)| {
        let mut row = old_item(number);
        row["odd"] = odd.clone();
        row
    };
    put(url, &odd.iter().enumerate().map(with_odd).collect::<Vec<_>>()).await;
    let report = apply_transform(url, |mut fields| {
        fields.insert("note".into(), "n".into());
        fields.entry("odd").or_insert(json!({}))["more"] = 1.into();
        Ok(fields)
    });
    let ran = &report.await.migrations[0];
    assert_eq!((ran.written, ran.refused), (1, 3));
    let why = "`odd` has a set, a binary value or a number JSON cannot hold";
    assert!(ran.refusals.iter().all(|(_, reason)| reason == why), "{:?}", ran.refusals);
    let after = rows(url).await;
    for (number, odd) in odd.iter().enumerate().take(3) {
        assert_eq!(after[&id(number)]["odd"], *odd);
    }
    assert_eq!(after[&id(3)]["odd"]["M"], json!({ "of": { "N": "1.5" }, "more": { "N": "1" } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_beyond_the_lease_is_not_reported_as_another_run() {
    let server = server_with(40).await;
    let away = Proxy::start_with(&server.dynamodb_url, |Call { operation, body, .. }| {
        let is_beat = body["UpdateExpression"] == "SET #beat = :beat";
        let is_record = operation == "UpdateItem" && body["TableName"] == "local-items";
        if is_record || is_beat { Fault::Throttle } else { Fault::None }
    })
    .await;
    let mut settings = settings();
    settings.lock.lease = Duration::from_secs(3);
    let failure = run(&away.url, migrations(), &settings).await.unwrap_err();
    assert!(matches!(failure, Failure::Store(_)), "{failure}");
}

/// A filter, a reference or a unique field can be declared after a migration that wrote the field was applied.
#[tokio::test]
async fn expression_on_a_declared_field_applies_without_records_and_changes_none() {
    for (table, update, reason) in [
        ("items", "SET note = :v REMOVE statusKey", "writes `statusKey`, which is computed from the record"),
        ("items", "SET #status = :v", "writes `status`, which an index is made of: use a transform"),
        ("items", "SET ownerId = :v", "writes `ownerId`, which is unique or refers to a record"),
        ("users", "SET email = :v", "writes `email`, which is unique or refers to a record"),
    ] {
        let names = if update.contains('#') { "[names]\n\"#status\" = \"status\"\n" } else { "" };
        let file = format!(
            "table = \"{table}\"\ndescription = \"d\"\nfilter = \"legacy = :yes\"\nupdate = \"{update}\"\n{names}\
             [values]\n\":v\" = \"value\"\n\":yes\" = \"yes\"\n"
        );
        let server = server_with(0).await;
        let url = &server.dynamodb_url;
        let report = apply(url, 1, &file).await.unwrap();
        assert_eq!((report.done, report.migrations[0].state), (true, State::Applied), "{update}");
        assert!(apply(url, 1, &file).await.unwrap().done, "{update}");

        let server = server_with(0).await;
        let url = &server.dynamodb_url;
        let mut row = old_item(1);
        row["legacy"] = json!({ "S": "yes" });
        put_into(url, table, &[row]).await;
        let before = rows_of(url, table).await;
        let report = apply(url, 1, &file).await.unwrap();
        let ran = &report.migrations[0];
        assert_eq!((report.done, ran.state, ran.written, ran.refused), (false, State::Incomplete, 0, 1), "{update}");
        assert!(format!("{ran:?}").contains(reason), "{ran:?}");
        assert_eq!(rows_of(url, table).await, before, "{update}");
    }
}
