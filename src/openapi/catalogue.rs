//! The event catalogue: a schema and an example for each kind of event.

use serde_json::{Map, Value, json};

use super::file::File;
use crate::{
    operations::{
        Collection,
        history::{EXAMPLE_EVENT, EXAMPLE_SEQUENCE, EXAMPLE_TRACEPARENT, data, data_example},
        schema::{self, EXAMPLE_ID, EXAMPLE_TIME},
    },
    record::Action,
    streams::{CloudEvent, SCHEMA_VERSION, schema_id},
};

const INTRODUCTION: &str = include_str!("catalogue.md");

/// Returns the schemas, and the page with an example of each.
pub fn files(resources: &[Collection]) -> Vec<File> {
    let kinds = || resources.iter().flat_map(|collection| Action::ALL.map(|action| (collection, action)));
    let schema = |(collection, action): (&Collection, Action)| {
        let path = format!("schemas/{}.v{SCHEMA_VERSION}.json", kind(collection, action));
        File::pretty(path, &data_schema(collection, action))
    };
    let examples: String = kinds().map(|(collection, action)| section(collection, action)).collect();
    let page = File { path: "docs/events.md".into(), content: format!("{INTRODUCTION}{examples}") };
    kinds().map(schema).chain([page]).collect()
}

fn kind(collection: &Collection, action: Action) -> String {
    format!("{}.{}", collection.singular, action.name())
}

fn data_schema(collection: &Collection, action: Action) -> Value {
    let mut record = schema::record(collection);
    // Readers must ignore unknown fields, so that a field can be added.
    schema::visit(&mut record, &mut |members| drop(members.remove("additionalProperties")));
    let kind = kind(collection, action);
    let mut schema = data(record.clone(), record);
    let absent = match action {
        Action::Created => Some("old"),
        Action::Updated => None,
        Action::Deleted => Some("new"),
    };
    let members = schema["properties"].as_object_mut().expect("it was put there");
    absent.map(|name| members.remove(name));
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_id(&kind),
        "title": kind,
    });
    whole.as_object_mut().expect("it is one").append(schema.as_object_mut().unwrap_or(&mut Map::new()));
    whole
}

fn section(collection: &Collection, action: Action) -> String {
    let kind = kind(collection, action);
    let example = serde_json::to_string_pretty(&example(collection, action)).expect("an event is JSON");
    format!("\n### `{kind}`\n\nSchema: `schemas/{kind}.v{SCHEMA_VERSION}.json`\n\n```json\n{example}\n```\n")
}

/// Returns an example of the event in `detail`.
fn example(collection: &Collection, action: Action) -> CloudEvent {
    let Value::Object(data) = data_example(collection, action) else { unreachable!("it is an object") };
    let kind = kind(collection, action);
    CloudEvent {
        specversion: "1.0".into(),
        id: EXAMPLE_EVENT.into(),
        source: format!("urn:{0}:{0}-prod-{1}", env!("CARGO_PKG_NAME"), collection.name),
        dataschema: schema_id(&kind),
        r#type: kind,
        subject: EXAMPLE_ID.into(),
        time: EXAMPLE_TIME.into(),
        sequence: EXAMPLE_SEQUENCE.into(),
        datacontenttype: "application/json".into(),
        dataref: None,
        traceparent: Some(EXAMPLE_TRACEPARENT.into()),
        data,
    }
}
