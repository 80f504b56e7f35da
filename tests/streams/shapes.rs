//! Rows of another shape than the resource's, as migrations start from and pass through: nothing of them is lost.

use chrono::Utc;
use serde_json::{Value, json};

use crate::{
    entries::at,
    history,
    mapping::Rig,
    records::{id, image, record},
};

/// The row of an item as it was before there were currencies, and tags were a list.
fn of_the_past(item: usize, version: u64) -> Value {
    let mut image = image(item, version, "Cup");
    image.as_object_mut().unwrap().remove("currency");
    image["tags"] = json!({ "S": "kitchen,coffee" });
    image
}

/// What the first of two migrations makes of it.
fn half_way(item: usize, version: u64) -> Value {
    let mut image = of_the_past(item, version);
    image["currency"] = json!({ "S": "EUR" });
    image["writeId"] = json!({ "S": "migration-0001-a/0" });
    image["writtenBy"] = json!({ "S": "migration-0001-a" });
    image
}

fn changes() -> [Value; 4] {
    [
        record("MODIFY", 0, 0, Some(of_the_past(0, 1)), Some(half_way(0, 2))),
        record("MODIFY", 1, 0, Some(half_way(0, 2)), Some(image(0, 3, "Cup"))),
        record("REMOVE", 2, 1, Some(of_the_past(1, 4)), None),
        record("MODIFY", 3, 2, Some(image(2, 1, "Cup")), Some(image(2, 2, "Mug"))),
    ]
}

#[tokio::test]
async fn the_history_has_rows_of_another_shape_as_they_were() {
    let rig = Rig::start(1).await;
    let now = Utc::now().timestamp();
    rig.give("audit_append", &changes().map(|change| at(change, now))).await;
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
async fn the_bus_is_told_of_them_and_where_the_rows_are() {
    let rig = Rig::start(1).await;
    rig.give("events_publish", &changes()).await;
    let events = rig.bus.events.lock().unwrap().clone();
    let told = |event: &Value| json!([event["id"], event["dataref"].is_string(), event["data"]["new"].is_object()]);
    let expected =
        [("event-0", true, false), ("event-1", true, false), ("event-2", true, false), ("event-3", false, true)];
    assert_eq!(events.iter().map(told).collect::<Vec<_>>(), expected.map(|expected| json!(expected)));
}
