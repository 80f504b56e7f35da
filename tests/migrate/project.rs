//! The migrations of the project: each one applies, and a repeat changes nothing.

use std::collections::BTreeMap;

use serverless_crud::{service, store::State};

use crate::{
    raw::{Rows, clear_ledger, rows_of, run, settings},
    support::TestServer,
};

/// Starts a server with a record of each resource without references.
async fn server() -> TestServer {
    let server = TestServer::of(service(), |options| options.no_migrations = true).await;
    for collection in service().resources() {
        let mut body = collection.example.clone();
        for reference in collection.references {
            body.as_object_mut().unwrap().remove(reference.field);
        }
        // Resources that require another record are skipped.
        server.request("POST", &collection.path()).json(&body).send().await.unwrap();
    }
    server
}

async fn all_rows(url: &str) -> BTreeMap<&'static str, Rows> {
    let mut all = BTreeMap::new();
    for collection in service().resources() {
        all.insert(collection.name, rows_of(url, collection.name).await);
    }
    all
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
        let before = all_rows(url).await;
        (settings.to, settings.again) = (None, Some(migration.number));
        let report = run(url, all.clone(), &settings).await.unwrap();
        assert_eq!(report.migrations[0].written, 0, "{}", migration.title());
        assert_eq!(all_rows(url).await, before);
    }
    clear_ledger(url, &all).await;
    let report = run(url, all, &settings()).await.unwrap();
    assert!(report.done && report.migrations.iter().all(|ran| ran.written == 0), "{report:?}");
}
