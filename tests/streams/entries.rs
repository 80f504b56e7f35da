//! What `audit_append` writes: who, how large, for how long, and what of it is shown.

use chrono::Utc;
use serde_json::{Value, json};

use crate::{
    history,
    mapping::Rig,
    records::{id, image, record},
};

/// The change as it happened at a time.
fn at(mut record: Value, time: i64) -> Value {
    record["dynamodb"]["ApproximateCreationDateTime"] = time.into();
    record
}

fn path_of(item: usize) -> String {
    format!("/v1/items/{}", id(item))
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
