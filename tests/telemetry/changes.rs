//! The trace of a request in the change that it makes.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use serverless_crud::{
    record::Entry,
    streams::{self, Change},
};

use crate::{
    daemon::{Daemon, TRACE},
    requests::{app, item, send},
    support::{TestServer, dynamodb, fixtures::Item},
};

const HEX: &str = "5759e988bd862e3fe1be46a994272793";

/// Waits until this many events are published, and returns them.
async fn events(file: &Path, count: usize) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if events.len() >= count {
            return events;
        }
        assert!(Instant::now() < end, "the events did not come: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_trace_of_a_sampled_write_is_in_its_event_and_history() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let events_file = file.clone();
    let server = TestServer::start_with(|options| {
        options.no_consumers = false;
        options.events = Some(events_file);
    })
    .await;
    let (app, daemon) = (app(&server.dynamodb_url), Daemon::start());
    let mut segments = Vec::new();
    let (_, record) = send(&app, daemon.invocation(true), "items_create", None, item()).await;
    segments.push(Some(daemon.document()));
    let id = Some(&record["id"]);
    let change = |name: &str| json!({ "name": name });
    // The update that is not sampled does not keep the trace of the create.
    assert_eq!(send(&app, daemon.invocation(false), "items_patch", id, change("Mug")).await.0, 200);
    segments.push(None);
    assert_eq!(send(&app, daemon.invocation(true), "items_patch", id, change("Jug")).await.0, 200);
    segments.push(Some(daemon.document()));
    assert_eq!(send(&app, daemon.invocation(true), "items_delete", id, Value::Null).await.0, 204);
    segments.push(Some(daemon.document()));
    let expected: Vec<_> = segments
        .iter()
        .map(|segment| {
            let segment = segment.as_ref()?;
            Some(format!("00-{HEX}-{}-01", segment["id"].as_str().unwrap()))
        })
        .collect();
    let events = events(&file, 4).await;
    let of_events: Vec<_> = events.iter().map(|event| event["traceparent"].as_str().map(str::to_owned)).collect();
    assert_eq!(of_events, expected);
    assert!(events.iter().all(|event| event["data"].get("traceparent").is_none()));

    let of_history = loop {
        let rows = dynamodb(&server.dynamodb_url).scan().table_name("local-history").send().await.unwrap();
        let mut entries: Vec<Entry> =
            rows.items().iter().map(|row| serde_dynamo::from_item(row.clone()).unwrap()).collect();
        if entries.len() == 4 {
            entries.sort_by(|a, b| a.sequence.cmp(&b.sequence));
            break entries.into_iter().map(|entry| entry.traceparent).collect::<Vec<_>>();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(of_history, expected);
    let path = format!("/v1/items/{}/history", record["id"].as_str().unwrap());
    let page: Value = server.request("GET", &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(page["data"].as_array().unwrap().len(), 4);
    assert!(!page.to_string().contains("traceparent"), "the API does not show it");
}

fn stream_record(place: usize, write_id: &str) -> Value {
    let image = json!({
        "id": { "S": format!("019a7d3e-0c00-7000-8000-00000000000{place}") }, "version": { "N": "1" },
        "createdAt": { "S": "2026-01-02T03:04:05.678Z" }, "updatedAt": { "S": "2026-01-02T03:04:05.678Z" },
        "name": { "S": "Cup" }, "priceCents": { "N": "1" }, "currency": { "S": "EUR" }, "status": { "S": "draft" },
        "tags": { "L": [] }, "writeId": { "S": write_id },
    });
    json!({
        "eventID": format!("event-{place}"), "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "eventSourceARN": "arn:aws:dynamodb:local:000000000000:table/local-items/stream/2026", "awsRegion": "local",
        "eventVersion": "1.1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_767_323_045.0, "Keys": { "id": image["id"] }, "NewImage": image,
            "SequenceNumber": format!("10000000000000000000{place}"), "SizeBytes": 100,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    })
}

#[tokio::test]
async fn the_segment_of_a_batch_links_to_the_requests_that_caused_it() {
    let (app, daemon) = (app("http://127.0.0.1:1"), Daemon::start());
    let cause = "1-67000000-000000000000000000000001";
    let sampled = "019a7d3e-0c00-7000-8000-0000000000aa#00-67000000000000000000000000000001-00000000000000ab-01";
    let records = [stream_record(1, sampled), stream_record(2, "plain"), stream_record(3, sampled)];
    let batch = json!({ "Records": records }).to_string();
    let consumer = streams::on_change(|_, _: Change<Item>| async { Ok(()) });
    let work = streams::respond(&app, "items_notify", &consumer, &batch, Duration::from_secs(5));
    let response = daemon.invocation(true).run(work).await;
    assert_eq!(response.batch_item_failures, []);
    let document = daemon.document();
    assert_eq!((&document["name"], &document["trace_id"]), (&json!("items_notify"), &json!(TRACE)));
    assert_eq!(document["annotations"], json!({ "operation": "items_notify", "causeTraceId": cause }));
    let links = document["links"].as_array().unwrap();
    let found: Vec<_> = links.iter().map(|link| (link["trace_id"].as_str(), link["id"].as_str())).collect();
    assert_eq!(found, [(Some(cause), Some("00000000000000ab"))], "once, although two changes are of the request");
}

#[tokio::test]
async fn the_segment_of_a_message_links_to_the_request_that_caused_it() {
    let (app, daemon) = (app("http://127.0.0.1:1"), Daemon::start());
    let event = json!({
        "specversion": "1.0", "id": "event-1", "source": "urn:a:b", "type": "item.deleted", "subject": "1",
        "time": "2026-01-02T03:04:05.678Z", "sequence": "1", "datacontenttype": "application/json", "dataschema": "urn:s",
        "traceparent": "00-67000000000000000000000000000001-00000000000000ab-01", "data": {},
    });
    let body = json!({ "detail": event }).to_string();
    let message = json!({ "messageId": "1", "body": body, "eventSourceARN": "arn:aws:sqs:local:0:items_notify" });
    let batch = json!({ "Records": [message] }).to_string();
    // The event has no data, so it fails; its segment links all the same.
    let consumer = streams::on_event(|_, _: streams::Event<Item>| async { Ok(()) });
    let work = streams::respond_to_messages(&app, "items_notify", &consumer, &batch, Duration::from_secs(5));
    assert_eq!(daemon.invocation(true).run(work).await.unwrap().batch_item_failures.len(), 1);
    let document = daemon.document();
    assert_eq!((&document["fault"], &document["links"][0]["id"]), (&json!(true), &json!("00000000000000ab")));
}
