//! Faults between the consumers and AWS: afterwards no change is missing or duplicated.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use serverless_crud::{functions::Source, operations::Grant};

use crate::{
    create_item,
    faulty_proxy::DOWN,
    history,
    mapping::{Rig, sequence},
    path, send,
    support::{TestServer, service},
};

const ITEMS: usize = 12;
const FAULTS: u32 = 30;

/// Creates, changes and deletes records, and returns their paths.
async fn write(server: &TestServer) -> Vec<String> {
    let mut paths = Vec::new();
    for number in 0..ITEMS {
        let user = json!({ "name": "Ada", "email": format!("{number}@example.com") });
        let user = send(server, Method::POST, "/v1/users", &user).await;
        let item = create_item(server, "Cup").await;
        let (user_path, item_path) = (path("users", &user), path("items", &item));
        for name in ["Mug", "Jug"] {
            send(server, Method::PATCH, &item_path, &json!({ "name": name, "ownerId": user["id"] })).await;
        }
        if number % 3 == 0 {
            send(server, Method::DELETE, &user_path, &json!(null)).await;
        }
        if number % 4 == 0 {
            send(server, Method::DELETE, &item_path, &json!(null)).await;
        }
        paths.extend([user_path, item_path]);
    }
    paths
}

/// Returns the ids of all changes in the stream, in order, by the path of their record.
async fn changes(rig: &Rig) -> BTreeMap<String, Vec<String>> {
    let mut changes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for collection in ["items", "users"] {
        let (_, mut records) = rig.records(&format!("local-{collection}")).await;
        records.sort_by_key(|record| sequence(record).to_owned());
        for record in records {
            let id = record["dynamodb"]["Keys"]["id"]["S"].as_str().unwrap();
            let event = record["eventID"].as_str().unwrap().to_owned();
            changes.entry(format!("/v1/{collection}/{id}")).or_default().push(event);
        }
    }
    changes
}

fn ids(entries: &[Value], name: &str) -> Vec<String> {
    entries.iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn history_has_every_change_once_despite_faults() {
    for seed in [1, 2] {
        let mut rig = Rig::start(seed).await;
        let paths = write(&rig.server).await;
        rig.dynamodb.set_faults(FAULTS);
        rig.drain("audit_append").await;
        // A second delivery of all records changes nothing.
        rig.drain("audit_append").await;
        let changes = changes(&rig).await;
        assert_eq!(changes.len(), paths.len());
        for (path, events) in changes {
            let mut found = ids(&history(&rig.server, &path).await, "eventId");
            found.reverse();
            assert_eq!(found, events, "{path}");
        }
    }
}

#[tokio::test]
async fn bus_has_every_change_in_order_despite_faults() {
    for seed in [1, 2] {
        let mut rig = Rig::start(seed).await;
        write(&rig.server).await;
        rig.bus.set_faults(FAULTS);
        rig.dynamodb.set_faults(FAULTS / 3);
        rig.drain("events_publish").await;
        let published = rig.bus.events.lock().unwrap().clone();
        assert!(published.iter().all(|event| event["bus"] == "test"));
        let mut first: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut contents: BTreeMap<String, Value> = BTreeMap::new();
        for event in published {
            let collection = event["source"].as_str().unwrap().rsplit('-').next().unwrap().to_owned();
            let path = format!("/v1/{collection}/{}", event["subject"].as_str().unwrap());
            let id = event["id"].as_str().unwrap().to_owned();
            match contents.get(&id) {
                Some(before) => assert_eq!(before, &event, "a repeat is the same"),
                None => {
                    first.entry(path).or_default().push(id.clone());
                    contents.insert(id, event);
                }
            }
        }
        assert_eq!(first, changes(&rig).await);
    }
}

#[tokio::test]
async fn consumer_loses_no_change_while_the_bus_is_down() {
    let mut rig = Rig::start(3).await;
    create_item(&rig.server, "Cup").await;
    rig.bus.set_faults(DOWN);
    let failing = tokio::time::timeout(std::time::Duration::from_secs(2), rig.drain("events_publish")).await;
    assert!(failing.is_err(), "it does not come through");
    rig.bus.set_faults(0);
    rig.drain("events_publish").await;
    let published: BTreeSet<String> = ids(&rig.bus.events.lock().unwrap(), "id").into_iter().collect();
    assert_eq!(published.len(), 1);
}

#[tokio::test]
async fn consumer_grants_match_its_dynamodb_requests() {
    let mut rig = Rig::start(4).await;
    write(&rig.server).await;
    for consumer in service().consumers() {
        rig.take_operations();
        if matches!(consumer.source, Source::Events { .. }) {
            let events = rig.published(consumer.name).await;
            rig.take_operations();
            assert_eq!(rig.pass(consumer.name, "", TimeDelta::zero(), events).await, Vec::<Value>::new());
        } else {
            rig.drain(consumer.name).await;
        }
        if consumer.name == "users_cascade" {
            // `GetItem` is only needed for an item that changes while it is archived, which does not happen here.
            rig.dynamodb.operations.lock().unwrap().insert(("local-items".into(), "GetItem".into()));
        }
        let granted = |grant: &Grant| {
            let table = format!("local-{}", grant.table);
            let indexes = grant.indexes.iter().map(|index| format!("{table}/index/{index}"));
            let places = if grant.indexes.is_empty() { vec![table.clone()] } else { indexes.collect() };
            let of_place =
                |place: String| grant.actions.iter().map(move |action| (place.clone(), (*action).to_owned()));
            places.into_iter().flat_map(of_place).collect::<Vec<_>>()
        };
        let granted: BTreeSet<_> = consumer.grants.iter().flat_map(granted).collect();
        assert_eq!(rig.take_operations(), granted, "{}", consumer.name);
    }
}
