//! What `audit_append` writes: who, how large, for how long, and what of it is shown.

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    create_item, history,
    mapping::Rig,
    path,
    records::{id, image, record},
    send,
    support::{self, TestServer},
};

const DAY: i64 = 24 * 60 * 60;

/// The change as it happened at a time.
fn at(mut record: Value, time: i64) -> Value {
    record["dynamodb"]["ApproximateCreationDateTime"] = time.into();
    record
}

fn path_of(item: usize) -> String {
    format!("/v1/items/{}", id(item))
}

#[tokio::test]
async fn a_deletion_is_its_signers_only_where_the_signature_is_of_its_time() {
    for (age, who) in [(60, json!("local-basic")), (600, Value::Null)] {
        let mut rig = Rig::start(1).await;
        rig.age = age;
        let item = create_item(&rig.server, "Cup").await;
        let path = path("items", &item);
        send(&rig.server, Method::DELETE, &path, &json!(null)).await;
        rig.drain("audit_append").await;
        let entries = history(&rig.server, &path).await;
        assert_eq!((&entries[0]["action"], &entries[0]["changedBy"]), (&json!("deleted"), &who), "{age} s");
    }
}

#[tokio::test]
async fn an_entry_expires_by_the_time_of_its_change_whatever_the_row_says() {
    let rig = Rig::start(1).await;
    let now = Utc::now().timestamp();
    let mut ahead = image(0, 1, "Cup");
    ahead["updatedAt"]["S"] = "2099-01-01T00:00:00.000Z".into();
    rig.give("audit_append", &[at(record("INSERT", 0, 0, None, Some(ahead)), now)]).await;
    let rows = support::dynamodb(&rig.server.dynamodb_url).scan().table_name("local-history").send().await.unwrap();
    let expires_at: i64 = rows.items()[0]["expiresAt"].as_n().unwrap().parse().unwrap();
    assert_eq!(expires_at, now + DAY);
}

#[tokio::test]
async fn of_an_entry_that_is_too_large_as_much_is_kept_as_fits() {
    let rig = Rig::start(1).await;
    let now = Utc::now().timestamp();
    let half = "x".repeat(210 * 1024);
    // As large as a row may be: with what an entry says besides, it is too much.
    let whole = "x".repeat(400 * 1024 - 400);
    let changes = [
        record("MODIFY", 0, 0, Some(image(0, 1, &half)), Some(image(0, 2, "Mug"))),
        record("MODIFY", 1, 1, Some(image(1, 1, &half)), Some(image(1, 2, &half[1..]))),
        record("MODIFY", 2, 2, Some(image(2, 1, "Cup")), Some(image(2, 2, &whole))),
        record("REMOVE", 3, 3, Some(image(3, 1, &whole)), None),
    ];
    rig.give("audit_append", &changes.map(|change| at(change, now))).await;
    for (item, has_old, has_new) in [(0, true, true), (1, false, true), (2, false, false), (3, false, false)] {
        let entries = history(&rig.server, &path_of(item)).await;
        assert_eq!(entries.len(), 1, "{item}");
        assert_eq!((entries[0]["old"].is_object(), entries[0]["new"].is_object()), (has_old, has_new), "{item}");
        assert!(entries[0]["changed"].as_array().unwrap().contains(&json!("name")), "{item}");
    }
}
