//! Changes of rows with another shape than the resource has today: none of them is lost.

use chrono::Utc;
use serde_json::{Value, json};

use crate::{
    entries::at,
    history,
    mapping::Rig,
    records::{id, image, record},
};

/// Returns the row of an item in an old shape: without a currency, and with a list of tags.
fn old_shape(item: usize, version: u64) -> Value {
    let mut image = image(item, version, "Cup");
    image.as_object_mut().unwrap().remove("currency");
    image["tags"] = json!({ "S": "kitchen,coffee" });
    image
}

/// Returns the row after the first of two migrations.
fn intermediate_shape(item: usize, version: u64) -> Value {
    let mut image = old_shape(item, version);
    image["currency"] = json!({ "S": "EUR" });
    image["writeId"] = json!({ "S": "migration-0001-a/0" });
    image["writtenBy"] = json!({ "S": "migration-0001-a" });
    image
}

fn changes() -> [Value; 4] {
    [
        record("MODIFY", 0, 0, Some(old_shape(0, 1)), Some(intermediate_shape(0, 2))),
        record("MODIFY", 1, 0, Some(intermediate_shape(0, 2)), Some(image(0, 3, "Cup"))),
        record("REMOVE", 2, 1, Some(old_shape(1, 4)), None),
        record("MODIFY", 3, 2, Some(image(2, 1, "Cup")), Some(image(2, 2, "Mug"))),
    ]
}

#[tokio::test]
async fn history_keeps_rows_of_another_shape_unchanged() {
    let rig = Rig::start(1).await;
    let now = Utc::now().timestamp();
    rig.deliver("audit_append", &changes().map(|change| at(change, now))).await;
    let entries = history(&rig.server, &format!("/v1/items/{}", id(0))).await;
    let told = |entry: &Value| json!([entry["version"], entry["changedBy"], entry["changed"]]);
    assert_eq!(told(&entries[0]), json!([3, "basic", ["tags"]]));
    assert_eq!(told(&entries[1]), json!([2, "migration-0001-a", ["currency"]]));
    assert_eq!(entries[1]["old"]["tags"], "kitchen,coffee");
    assert_eq!(entries[1]["new"]["currency"], "EUR");
    assert_eq!(entries[1]["new"].get("writeId"), None, "what is the store's own stays with it");
    let entries = history(&rig.server, &format!("/v1/items/{}", id(1))).await;
    assert_eq!((&entries[0]["action"], &entries[0]["version"]), (&json!("deleted"), &json!(4)));
}

#[tokio::test]
async fn events_of_another_shape_refer_to_the_history() {
    let rig = Rig::start(1).await;
    rig.deliver("events_publish", &changes()).await;
    let events = rig.bus.events.lock().unwrap().clone();
    let told = |event: &Value| json!([event["id"], event["dataref"].is_string(), event["data"]["new"].is_object()]);
    let expected =
        [("event-0", true, false), ("event-1", true, false), ("event-2", true, false), ("event-3", false, true)];
    assert_eq!(events.iter().map(told).collect::<Vec<_>>(), expected.map(|expected| json!(expected)));
}
