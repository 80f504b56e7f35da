//! Batches of a consumer's queue: failed messages stay in the queue, and no others.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use serverless_crud::{
    app::App,
    error::Error,
    record::Action,
    streams::{self, BatchResponse, ChangeKind, Event},
};

use crate::{
    create_item, generated,
    mapping::Rig,
    path, send,
    support::{
        config, dynamodb,
        fixtures::{Item, User},
    },
};

const AMPLE: Duration = Duration::from_secs(60);

/// Returns an event of the event catalogue.
fn event(kind: &str) -> Value {
    let page = generated("docs/events.md");
    let section = page.split(&format!("### `{kind}`")).nth(1).unwrap();
    serde_json::from_str(section.split("```json\n").nth(1).unwrap().split("```").next().unwrap()).unwrap()
}

fn message(id: &str, body: &str) -> Value {
    json!({ "messageId": id, "body": body, "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:crud-test" })
}

fn envelope(event: &Value) -> String {
    json!({ "detail-type": event["type"], "source": "serverless-crud", "detail": event }).to_string()
}

fn app() -> Arc<App> {
    App::new(config(), dynamodb("http://127.0.0.1:1"))
}

fn remaining(response: &BatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

#[tokio::test]
async fn only_messages_that_fail_panic_or_are_invalid_stay_in_the_queue() {
    let done = Arc::new(Mutex::new(Vec::new()));
    let seen = done.clone();
    let consumer = streams::on_event(move |_, event: Event<Item>| {
        let seen = seen.clone();
        async move {
            match event.version {
                2 => return Err(Error::Unavailable("not now".into())),
                3 => panic!("poison"),
                _ => {}
            }
            seen.lock().unwrap().push(event.version);
            Ok(())
        }
    });
    let of_version = |version: u64| {
        let mut event = event("item.updated");
        event["data"]["version"] = version.into();
        envelope(&event)
    };
    let messages = [
        message("done", &of_version(1)),
        message("fails", &of_version(2)),
        message("panics", &of_version(3)),
        message("of another resource", &envelope(&event("user.deleted"))),
        message("no event", "{}"),
        message("no JSON", "{"),
        message("done too", &of_version(4)),
    ];
    let batch = json!({ "Records": messages }).to_string();
    let response = streams::respond_to_messages(&app(), "test", &consumer, &batch, AMPLE).await.unwrap();
    assert_eq!(remaining(&response), ["fails", "panics", "of another resource", "no event", "no JSON"]);
    assert_eq!(*done.lock().unwrap(), [1, 4]);
    let strange = streams::respond_to_messages(&app(), "test", &consumer, "{}", AMPLE).await;
    assert!(strange.is_err(), "all of it stays");
}

#[tokio::test]
async fn event_has_the_records_of_its_change_or_none() {
    let whole = Event::<Item>::decode(serde_json::from_value(event("item.updated")).unwrap()).unwrap();
    let Some(ChangeKind::Updated { old, new, changed }) = whole.kind().unwrap() else { panic!("{whole:?}") };
    assert_eq!((old.version, new.version, changed), (1, 2, vec!["name".to_owned()]));
    assert_eq!(whole.sequence.len(), 40);

    let mut large = event("user.deleted");
    large["data"].as_object_mut().unwrap().remove("old");
    let large = Event::<User>::decode(serde_json::from_value(large).unwrap()).unwrap();
    assert!(large.kind().unwrap().is_none());
    assert_eq!(
        (large.action, large.record.to_string()),
        (Action::Deleted, event("user.deleted")["subject"].as_str().unwrap().into())
    );

    let mut old = event("item.created");
    old["data"]["new"].as_object_mut().unwrap().remove("name");
    let old = Event::<Item>::decode(serde_json::from_value(old).unwrap()).unwrap();
    assert!(old.kind().is_err(), "a record of another shape is not taken for none");
}

#[tokio::test]
async fn published_events_of_a_record_are_ordered_by_sequence() {
    let mut rig = Rig::start(1).await;
    let item = create_item(&rig.server, "Cup").await;
    let path = path("items", &item);
    send(&rig.server, Method::PATCH, &path, &json!({ "name": "Mug" })).await;
    send(&rig.server, Method::DELETE, &path, &json!(null)).await;
    rig.drain("events_publish").await;
    let events = rig.bus.events.lock().unwrap().clone();
    let mut read: Vec<_> = events
        .into_iter()
        .map(|event| Event::<Item>::decode(serde_json::from_value(event).unwrap()).unwrap())
        .collect();
    read.sort_by(|one, other| one.sequence.cmp(&other.sequence));
    let actions: Vec<_> = read.iter().map(|event| event.action).collect();
    assert_eq!(actions, [Action::Created, Action::Updated, Action::Deleted]);
    assert!(read.is_sorted_by(|one, other| other.time - one.time >= TimeDelta::zero()));
}
