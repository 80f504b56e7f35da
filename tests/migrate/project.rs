//! The project's migrations: each one applies, and a repeat changes nothing.

use serde_json::{Value, json};
use serverless_crud::{service, store::State};

use crate::{
    raw::{Rows, clear_ledger, old_item, put, rows, run, settings},
    support::TestServer,
};

/// Starts a server with a record of each resource without references, and items in their oldest form.
async fn server() -> TestServer {
    let server = TestServer::start_with(|options| options.no_migrations = true).await;
    for collection in service().resources() {
        let path = format!("/v1/{}", collection.name);
        let mut body = collection.example.clone();
        for reference in collection.references {
            body.as_object_mut().unwrap().remove(reference.field);
        }
        // Resources that require another record are skipped.
        server.request("POST", &path).json(&body).send().await.unwrap();
    }
    put(&server.dynamodb_url, &(0..30).map(old_item).collect::<Vec<_>>()).await;
    server
}

#[tokio::test]
async fn migrations_apply_and_repeats_change_nothing() {
    let server = server().await;
    let url = &server.dynamodb_url;
    let all = service().migration_sources().compiled().unwrap();
    for migration in &all {
        let mut settings = settings();
        settings.to = Some(migration.number);
        let report = run(url, all.clone(), &settings).await.unwrap();
        let ran = &report.migrations[0];
        assert_eq!((ran.number, ran.state, ran.refused), (migration.number, State::Applied, 0), "{ran:?}");
        let before: Rows = rows(url).await;
        (settings.to, settings.again) = (None, Some(migration.number));
        let report = run(url, all.clone(), &settings).await.unwrap();
        assert_eq!(report.migrations[0].written, 0, "{}", migration.title());
        assert_eq!(rows(url).await, before);
    }
    clear_ledger(url, &all).await;
    let report = run(url, all, &settings()).await.unwrap();
    assert!(report.done && report.migrations.iter().all(|ran| ran.written == 0), "{report:?}");
}

#[tokio::test]
async fn oldest_items_are_served_and_listed_after_all_migrations() {
    let server = server().await;
    run(&server.dynamodb_url, service().migration_sources().compiled().unwrap(), &settings()).await.unwrap();
    for list in ["/v1/items?limit=100", "/v1/items?limit=100&status=active"] {
        let page: Value = server.request("GET", list).send().await.unwrap().json().await.unwrap();
        let old = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["createdAt"] == json!("2024-01-01T00:00:00.000Z"));
        assert_eq!(old.count(), 30, "{list}");
    }
}
