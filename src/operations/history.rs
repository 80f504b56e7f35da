//! The schemas of a history entry and of an event's data.

use serde_json::{Value, json};

use super::{
    Collection,
    schema::{self, EXAMPLE_TIME},
};
use crate::record::Action;

/// The name of an entry's schema.
pub const ENTRY: &str = "HistoryEntry";
/// The name of the schema of a page of entries.
pub const PAGE: &str = "HistoryPage";

/// The event id of examples.
pub const EXAMPLE_EVENT: &str = "7de3041dd709b024af6f29e4fa13d34c";
/// The sequence number of examples.
pub const EXAMPLE_SEQUENCE: &str = "0000000000000000000800000000003126276362";
/// The trace context of examples.
pub const EXAMPLE_TRACEPARENT: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
const EXAMPLE_CALLER: &str = "basic";

/// Returns the schema of a history entry of any resource. Its records have the shape of their time, not today's.
pub fn entry() -> Value {
    let action: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
    let mut schema = data(json!({ "type": "object" }), json!({ "type": "object" }));
    schema["description"] = "One change of a record.".into();
    let fields = [
        ("eventId", json!({ "type": "string", "description": "The change's id, the same in its event." })),
        ("action", json!({ "type": "string", "enum": action, "description": "What happened." })),
        (
            "sequence",
            json!({ "type": "string", "description": "The place of the change among those of the record: the later has the larger text." }),
        ),
        ("time", json!({ "type": "string", "format": "date-time", "description": "When, in UTC." })),
    ];
    let required = schema["required"].as_array_mut().expect("it was put there");
    required.splice(0..0, fields.iter().map(|(name, _)| json!(name)));
    for (name, field) in fields {
        schema["properties"][name] = field;
    }
    schema
}

/// Returns the schema of an event's data, with the schemas of the records before and after the change.
pub fn data(old: Value, new: Value) -> Value {
    let described = |mut schema: Value, text: &str| {
        schema["description"] = text.into();
        schema
    };
    json!({
        "type": "object",
        "required": ["id", "version", "cause", "changed"],
        "properties": {
            "id": { "type": "string", "format": "uuid", "description": "The record's id." },
            "version": { "type": "integer", "format": "int64", "minimum": 1, "description": "The version the change made; of a deletion, the last one." },
            "cause": { "type": "string", "enum": ["write", "expiry"], "description": "Whether something wrote it, or its time to live ran out." },
            "changedBy": { "type": "string", "description": "Who did it: the id of the user or the API key, the ARN of an AWS role, or a part of the service." },
            "tenantId": { "type": "string", "description": "The record's tenant, if its resource has tenants." },
            "changed": { "type": "array", "items": { "type": "string" }, "description": "The names of the fields whose values differ." },
            "old": described(old, "The record before."),
            "new": described(new, "The record after."),
        },
    })
}

/// Returns an example of an event's data.
pub fn data_example(collection: &Collection, action: Action) -> Value {
    let names: Vec<String> =
        collection.example.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let before = schema::record_example(collection);
    let mut after = before.clone();
    let is_update = action == Action::Updated;
    if is_update {
        after["version"] = 2.into();
        after["name"] = "Another name".into();
    }
    let mut data = json!({
        "id": schema::EXAMPLE_ID,
        "version": if is_update { 2 } else { 1 },
        "cause": "write",
        "changedBy": EXAMPLE_CALLER,
        "changed": if is_update { vec!["name".to_owned()] } else { names },
    });
    if action != Action::Created {
        data["old"] = before;
    }
    if action != Action::Deleted {
        data["new"] = after;
    }
    data
}

/// Returns an example of a history with one entry.
pub fn page_example(collection: &Collection) -> Value {
    let mut entry = data_example(collection, Action::Created);
    entry["eventId"] = EXAMPLE_EVENT.into();
    entry["action"] = Action::Created.name().into();
    entry["time"] = EXAMPLE_TIME.into();
    entry["sequence"] = EXAMPLE_SEQUENCE.into();
    json!({ "data": [entry], "nextCursor": null })
}
