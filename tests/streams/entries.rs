//! The entries of `audit_append`: their principal, size limit, expiry and pages.

use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    create_item, history,
    mapping::Rig,
    path,
    records::{id, image, modified, record},
    send,
    support::{self, TestServer},
};

const DAY: i64 = 24 * 60 * 60;

/// Returns the record with this time.
pub fn at(mut record: Value, time: i64) -> Value {
    record["dynamodb"]["ApproximateCreationDateTime"] = time.into();
    record
}

fn path_of(item: usize) -> String {
    format!("/v1/items/{}", id(item))
}

/// Returns the versions in each page, up to the last page.
async fn pages(server: &TestServer, path: &str, limit: usize, order: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = format!("{path}/history?limit={limit}&order={order}{cursor}");
        let page: Value = server.request(Method::GET, &page).send().await.unwrap().json().await.unwrap();
        let entries = page["data"].as_array().unwrap();
        pages.push(entries.iter().map(|entry| entry["version"].clone()).collect());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn deletion_has_a_principal_only_if_recorded_at_its_time() {
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
async fn entry_expires_by_the_time_of_the_stream_record() {
    let rig = Rig::start(1).await;
    let now = Utc::now().timestamp();
    let mut ahead = image(0, 1, "Cup");
    ahead["updatedAt"]["S"] = "2099-01-01T00:00:00.000Z".into();
    rig.deliver("audit_append", &[at(record("INSERT", 0, 0, None, Some(ahead)), now)]).await;
    let rows = support::dynamodb(&rig.server.dynamodb_url).scan().table_name("local-history").send().await.unwrap();
    let expires_at: i64 = rows.items()[0]["expiresAt"].as_n().unwrap().parse().unwrap();
    assert_eq!(expires_at, now + DAY);
}

#[tokio::test]
async fn oversized_entry_keeps_what_fits() {
    let rig = Rig::start(1).await;
    let now = Utc::now().timestamp();
    let half = "x".repeat(210 * 1024);
    // A row of the maximum size: an entry with it is too large.
    let whole = "x".repeat(400 * 1024 - 400);
    let changes = [
        record("MODIFY", 0, 0, Some(image(0, 1, &half)), Some(image(0, 2, "Mug"))),
        record("MODIFY", 1, 1, Some(image(1, 1, &half)), Some(image(1, 2, &half[1..]))),
        record("MODIFY", 2, 2, Some(image(2, 1, "Cup")), Some(image(2, 2, &whole))),
        record("REMOVE", 3, 3, Some(image(3, 1, &whole)), None),
    ];
    rig.deliver("audit_append", &changes.map(|change| at(change, now))).await;
    for (item, has_old, has_new) in [(0, true, true), (1, false, true), (2, false, false), (3, false, false)] {
        let entries = history(&rig.server, &path_of(item)).await;
        assert_eq!(entries.len(), 1, "{item}");
        assert_eq!((entries[0]["old"].is_object(), entries[0]["new"].is_object()), (has_old, has_new), "{item}");
        assert!(entries[0]["changed"].as_array().unwrap().contains(&json!("name")), "{item}");
    }
}

#[tokio::test]
async fn last_page_has_no_cursor_and_expired_entries_are_hidden() {
    let rig = Rig::start(1).await;
    let now = Utc::now().timestamp();
    let change = |place: usize, time| {
        let mut change = modified(place, 0);
        change["dynamodb"]["NewImage"]["version"]["N"] = (place + 1).to_string().into();
        at(change, time)
    };
    rig.deliver("audit_append", &(0..5).map(|place| change(place, now - 2 * DAY)).collect::<Vec<_>>()).await;
    let expired = rig.server.request(Method::GET, &format!("{}/history", path_of(0))).send().await.unwrap();
    assert_eq!(expired.status(), 404, "nothing is left of it");
    rig.deliver("audit_append", &(5..11).map(|place| change(place, now)).collect::<Vec<_>>()).await;
    let versions = |versions: &[u64]| versions.iter().map(|version| json!(version)).collect::<Vec<_>>();
    for (limit, desc, asc) in [
        (2, vec![versions(&[11, 10]), versions(&[9, 8]), versions(&[7, 6])], vec![6, 8, 10]),
        (3, vec![versions(&[11, 10, 9]), versions(&[8, 7, 6])], vec![6, 9]),
        (4, vec![versions(&[11, 10, 9, 8]), versions(&[7, 6])], vec![6, 10]),
        (6, vec![versions(&[11, 10, 9, 8, 7, 6])], vec![6]),
        (100, vec![versions(&[11, 10, 9, 8, 7, 6])], vec![6]),
    ] {
        assert_eq!(pages(&rig.server, &path_of(0), limit, "desc").await, desc, "{limit}");
        let firsts = pages(&rig.server, &path_of(0), limit, "asc").await;
        assert_eq!(firsts.concat(), versions(&[6, 7, 8, 9, 10, 11]), "{limit}");
        assert_eq!(firsts.iter().map(|page| page[0].clone()).collect::<Value>(), json!(asc), "{limit}");
    }
}
