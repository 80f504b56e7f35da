//! The events in the file of the local server, validated against their schemas.

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{create_item, generated, history_of, path, send, server, until};

fn published(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_event_is_a_cloud_event_and_matches_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let user = json!({ "name": "Ada", "email": "ada@example.com", "phone": "+442071838750" });
    let user = send(&server, Method::POST, "/v1/users", &user).await;
    let item = create_item(&server, "Cup").await;
    let mut expected = BTreeSet::new();
    for (collection, record) in [("users", &user), ("items", &item)] {
        let path = path(collection, record);
        send(&server, Method::PATCH, &path, &json!({ "name": "Grace" })).await;
        send(&server, Method::DELETE, &path, &json!(null)).await;
        let entries = history_of(&server, &path, 3).await;
        expected.extend(entries.iter().map(|entry| entry["eventId"].as_str().unwrap().to_owned()));
    }
    let events = || async { Some(published(folder.path())).filter(|events| events.len() >= 6) };
    let events = until("the events", events).await;
    let ids: BTreeSet<String> = events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, expected, "the same ids as in the history");

    let mut kinds = BTreeSet::new();
    for event in &events {
        let kind = event["type"].as_str().unwrap();
        let schema: Value = serde_json::from_str(&generated(&format!("schemas/{kind}.v1.json"))).unwrap();
        assert_eq!(event["dataschema"], schema["$id"]);
        let faults: Vec<String> =
            jsonschema::validator_for(&schema).unwrap().iter_errors(&event["data"]).map(|e| e.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{kind}");
        assert_eq!((&event["specversion"], &event["datacontenttype"]), (&json!("1.0"), &json!("application/json")));
        assert_eq!(event["subject"], event["data"]["id"]);
        kinds.insert(kind.to_owned());
    }
    assert_eq!(kinds.len(), 6);
}
