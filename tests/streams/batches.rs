//! Batches with a failing record at any position: earlier records are handled once, the rest is retried.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use serverless_crud::{
    app::App,
    error::Error,
    streams::{self, Change, Consumer, EventRecord, Outcomes},
};

use crate::{
    mapping,
    records::{STREAM, bare, batch, id, image, modified, record, sequence},
    support::{config, dynamodb, fixtures::Item},
};

const LARGEST: usize = 100;
/// A small number of items, so that each changes several times in a batch.
const ITEMS: usize = 7;
const AMPLE: Duration = Duration::from_secs(60);

/// The fault of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Poison {
    Fails,
    Panics,
    CannotBeDecoded,
    NotARecord,
    NoSequenceNumber,
    Hangs,
}

/// The sequence numbers that a consumer has handled, in order.
#[derive(Clone, Default)]
struct Done(Arc<Mutex<Vec<String>>>);

impl Done {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Returns a consumer that fails at an index.
fn consumer(done: &Done, poison: Option<(usize, Poison)>) -> impl Consumer {
    let (done, poison) = (done.clone(), poison.map(|(index, poison)| (sequence(index), poison)));
    streams::on_change(move |_, change: Change<Item>| {
        let (done, poison) = (done.clone(), poison.clone());
        async move {
            // Concurrent changes can complete in any order.
            tokio::task::yield_now().await;
            match poison.filter(|(sequence, _)| *sequence == change.sequence) {
                Some((_, Poison::Fails)) => return Err(Error::Unavailable("not now".into())),
                Some((_, Poison::Panics)) => panic!("poison"),
                Some((_, Poison::Hangs)) => std::future::pending().await,
                _ => {}
            }
            done.0.lock().unwrap().push(change.sequence);
            Ok(())
        }
    })
}

/// A consumer without decoding, which is fast enough for many batches.
struct Plain {
    done: Done,
    fails_at: Option<String>,
}

impl Consumer for Plain {
    fn consume<'a>(&'a self, _: &'a Arc<App>, records: &'a [&'a EventRecord]) -> Outcomes<'a> {
        let outcome = |record: &&EventRecord| {
            let sequence = record.change.sequence_number.clone().unwrap();
            if self.fails_at.as_ref() == Some(&sequence) {
                return Err(Error::Unavailable("not now".into()));
            }
            self.done.0.lock().unwrap().push(sequence);
            Ok(())
        };
        let outcomes = records.iter().map(outcome).collect();
        Box::pin(async { outcomes })
    }
}

/// Returns an app without a database.
fn app() -> Arc<App> {
    App::new(config(), dynamodb("http://127.0.0.1:1"))
}

fn batch_of(size: usize, poison: Option<(usize, Poison)>) -> Vec<Value> {
    let mut records: Vec<Value> = (0..size).map(|index| modified(index, index * 3 % ITEMS)).collect();
    match poison {
        Some((index, Poison::CannotBeDecoded)) => records[index]["dynamodb"]["NewImage"]["priceCents"] = "no".into(),
        Some((index, Poison::NotARecord)) => {
            records[index]["dynamodb"].as_object_mut().unwrap().remove("SizeBytes");
            records[index]["eventName"] = Value::Null;
        }
        Some((index, Poison::NoSequenceNumber)) => {
            records[index]["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
        }
        _ => {}
    }
    records
}

/// Delivers a batch and returns the sequence number in the response, if any.
async fn deliver(app: &Arc<App>, consumer: &dyn Consumer, records: &[Value], limit: Duration) -> Option<String> {
    deliver_event(app, consumer, &batch(records), limit).await
}

async fn deliver_event(app: &Arc<App>, consumer: &dyn Consumer, event: &str, limit: Duration) -> Option<String> {
    let response = streams::respond(app, "test", consumer, event, limit).await;
    assert!(response.batch_item_failures.len() < 2, "{response:?}");
    response.batch_item_failures.into_iter().next().map(|failure| failure.item_identifier)
}

fn item_of(sequence: &str) -> usize {
    let index: u128 = sequence.parse::<u128>().unwrap() - 100_000_000_000_000_000_000;
    usize::try_from(index).unwrap() * 3 % ITEMS
}

/// A batch of `size` records with a poison record at an index.
struct Case {
    size: usize,
    index: usize,
    poison: Poison,
}

impl Case {
    /// Delivers the batch with the poison record, then the rest without it, and checks both.
    async fn check(&self, app: &Arc<App>, limit: Duration) {
        let Self { size, index, poison } = *self;
        let done = Done::default();
        let poisoned = Some((index, poison));
        let failed = deliver(app, &consumer(&done, poisoned), &batch_of(size, poisoned), limit).await;
        let rest_start = self.assert_failed(&done.take(), failed);
        let rest = &batch_of(size, None)[rest_start..];
        assert_eq!(deliver(app, &consumer(&done, None), rest, AMPLE).await, None, "{self}");
        self.assert_rest(&done.take(), rest_start);
    }

    /// Returns the index of the failure. All earlier records were handled once, and no later record of the same key.
    fn assert_failed(&self, done: &[String], failed: Option<String>) -> usize {
        let poisoned = sequence(self.index);
        let failed = failed.unwrap_or_else(|| panic!("{self} fails"));
        assert_eq!(failed, poisoned, "{self}");
        let once: HashSet<&String> = done.iter().collect();
        let before = once.iter().filter(|done| ***done < poisoned).count();
        assert_eq!(before, self.index, "{self}: all before it are done");
        // The group of a record that hangs is retried one by one, so that some records are handled twice.
        assert!(once.len() == done.len() || self.poison == Poison::Hangs, "{self}: each is done once");
        let is_after = |done: &String| *done >= poisoned && item_of(done) == item_of(&poisoned);
        assert!(!done.iter().any(is_after), "{self}: nothing after it on its key");
        (0..self.size).find(|index| sequence(*index) == failed).unwrap()
    }

    /// Asserts that all remaining records are handled, in order for each key.
    fn assert_rest(&self, done: &[String], rest_start: usize) {
        assert_eq!(done.len(), self.size - rest_start, "{self}: the rest is done");
        assert_order_per_key(done, self);
    }
}

fn assert_order_per_key(done: &[String], case: &Case) {
    let mut last: HashMap<usize, &String> = HashMap::new();
    for sequence in done {
        let before = last.insert(item_of(sequence), sequence);
        assert!(before.is_none_or(|before| before < sequence), "{case}: in order on each key");
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:?} at {} of {}", self.poison, self.index, self.size)
    }
}

#[tokio::test]
async fn failure_at_any_index_loses_no_record() {
    let (app, done) = (app(), Done::default());
    let records: Vec<String> = (0..LARGEST).map(|index| bare(index, index * 3 % ITEMS).to_string()).collect();
    let event = |records: &[String]| format!(r#"{{"Records":[{}]}}"#, records.join(","));
    for size in 1..=LARGEST {
        for index in 0..size {
            let case = Case { size, index, poison: Poison::Fails };
            let failing = Plain { done: done.clone(), fails_at: Some(sequence(index)) };
            let failed = deliver_event(&app, &failing, &event(&records[..size]), AMPLE).await;
            let rest_start = case.assert_failed(&done.take(), failed);
            let recovered = Plain { done: done.clone(), fails_at: None };
            let rest = event(&records[rest_start..size]);
            assert_eq!(deliver_event(&app, &recovered, &rest, AMPLE).await, None, "{case}");
            case.assert_rest(&done.take(), rest_start);
        }
    }
}

#[tokio::test]
async fn any_kind_of_poison_record_loses_no_other_record() {
    let app = app();
    for poison in [Poison::Fails, Poison::Panics, Poison::CannotBeDecoded, Poison::NotARecord] {
        for size in [1, 2, 9, 10, 11, 23] {
            for index in 0..size {
                Case { size, index, poison }.check(&app, AMPLE).await;
            }
        }
    }
    for index in 0..12 {
        Case { size: 12, index, poison: Poison::Hangs }.check(&app, Duration::from_millis(600)).await;
    }
}

#[tokio::test]
async fn only_the_poison_record_is_discarded() {
    let app = app();
    for poison in [Poison::Fails, Poison::CannotBeDecoded, Poison::NotARecord, Poison::NoSequenceNumber] {
        for size in [1, 2, 3, 10, 11, 33, LARGEST] {
            // Every index of small batches, and some of large ones.
            for index in (0..size).step_by(size / 10 + 1).chain([size - 1]) {
                let (case, done) = (Case { size, index, poison }, Done::default());
                let (poisoned, records) = (Some((index, poison)), batch_of(size, Some((index, poison))));
                let discarded = mapping::deliver(&app, "test", &consumer(&done, poisoned), &records).await;
                assert_eq!(discarded, [&records[index]], "{case}");
                let (mut done, mut seen) = (done.take(), HashSet::new());
                // Without repeats.
                done.retain(|sequence| seen.insert(sequence.clone()));
                assert_order_per_key(&done, &case);
                done.sort();
                let others: Vec<String> = (0..size).filter(|other| *other != index).map(sequence).collect();
                assert_eq!(done, others, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn records_are_not_started_after_the_deadline() {
    let done = Done::default();
    let failed = deliver(&app(), &consumer(&done, None), &batch_of(3, None), Duration::ZERO).await;
    assert_eq!(failed, Some(sequence(0)));
    assert_eq!(done.take(), Vec::<String>::new());
}

#[tokio::test]
async fn each_shard_reports_its_first_failure() {
    let mut records = batch_of(6, None);
    for record in &mut records[3..] {
        record["eventSourceARN"] = STREAM.replace("stream/2026", "stream/2027").into();
    }
    records[1]["dynamodb"]["NewImage"] = Value::Null;
    records[4]["dynamodb"]["NewImage"] = Value::Null;
    let done = Done::default();
    let response = streams::respond(&app(), "test", &consumer(&done, None), &batch(&records), AMPLE).await;
    let named: Vec<_> = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    assert_eq!(named, [sequence(1), sequence(4)]);
}

#[tokio::test]
async fn invalid_event_fails_as_a_whole_batch() {
    for event in ["{}", "[]", "no", r#"{"Records":[{}]}"#] {
        let response = streams::respond(&app(), "test", &consumer(&Done::default(), None), event, AMPLE).await;
        // An empty sequence number is the failure of the whole batch.
        assert_eq!(response.batch_item_failures.len(), 1, "{event}");
        assert_eq!(response.batch_item_failures[0].item_identifier, "", "{event}");
    }
}

#[tokio::test]
async fn change_has_kind_fields_cause_and_principal() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let consumer = {
        let seen = seen.clone();
        streams::on_change(move |_, change: Change<Item>| {
            seen.lock().unwrap().push(change.into_entry());
            async { Ok(()) }
        })
    };
    let mut expired = record("REMOVE", 2, 2, Some(image(2, 4, "Cup")), None);
    expired["userIdentity"] = serde_json::json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    // Written by another writer, which leaves the write id unchanged.
    let mut unsigned = modified(3, 3);
    unsigned["dynamodb"]["NewImage"]["writeId"] = unsigned["dynamodb"]["OldImage"]["writeId"].clone();
    let created = record("INSERT", 0, 0, None, Some(image(0, 1, "Cup")));
    // Restored rows, which have an old write id and time.
    let restored = record("INSERT", 4, 4, None, Some(image(4, 3, "Cup")));
    let mut restored_first = record("INSERT", 5, 5, None, Some(image(5, 1, "Cup")));
    let mut restored_over = modified(6, 6);
    for record in [&mut restored_first, &mut restored_over] {
        record["dynamodb"]["NewImage"]["updatedAt"]["S"] = "2025-11-13T02:08:00.000Z".into();
    }
    let batch = [created, modified(1, 1), expired, unsigned, restored, restored_first, restored_over];
    assert_eq!(deliver(&app(), &consumer, &batch, AMPLE).await, None);

    let seen: Vec<Value> = seen.lock().unwrap().iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    let field = |index: usize, name: &str| seen[index][name].clone();
    assert_eq!(seen[0]["action"], "created");
    assert_eq!((field(0, "old"), field(0, "new")["name"].clone()), (Value::Null, "Cup".into()));
    assert_eq!((field(0, "changedBy"), field(0, "id")), ("basic".into(), id(0).to_string().into()));
    assert_eq!(seen[1]["action"], "updated");
    assert_eq!((field(1, "changed"), field(1, "version")), (serde_json::json!(["name"]), 2.into()));
    assert_eq!((field(1, "time"), field(1, "cause")), ("2025-11-13T02:13:19.250Z".into(), "write".into()));
    assert_eq!((field(2, "action"), field(2, "cause")), ("deleted".into(), "expiry".into()));
    assert_eq!((field(2, "version"), field(2, "time")), (4.into(), "2025-11-13T02:13:20.000Z".into()));
    for unknown in 3..7 {
        assert_eq!(field(unknown, "changedBy"), Value::Null, "{unknown}");
        assert_eq!(field(unknown, "time"), "2025-11-13T02:13:20.000Z", "{unknown}");
    }
}
