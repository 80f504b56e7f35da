//! Batches with a poison record anywhere in them: what is before it is done once, the rest comes again.

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
    resources::Item,
    streams::{self, Change, Consumer, EventRecord, Outcomes},
};

use crate::{
    mapping,
    records::{STREAM, bare, batch, id, image, modified, record, sequence},
    support::{config, dynamodb},
};

const LARGEST: usize = 100;
/// Few items, so that each changes often in a batch.
const ITEMS: usize = 7;
const AMPLE: Duration = Duration::from_secs(60);

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Poison {
    Fails,
    Panics,
    CannotBeDecoded,
    IsNoRecord,
    HasNoPlace,
    Hangs,
}

/// The sequence numbers a consumer has done, in order.
#[derive(Clone, Default)]
struct Done(Arc<Mutex<Vec<String>>>);

impl Done {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A consumer that meets its poison at a place.
fn consumer(done: &Done, poison: Option<(usize, Poison)>) -> impl Consumer {
    let (done, poison) = (done.clone(), poison.map(|(place, poison)| (sequence(place), poison)));
    streams::on_change(move |_, change: Change<Item>| {
        let (done, poison) = (done.clone(), poison.clone());
        async move {
            // What is side by side ends in any order.
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

/// The same without decoding, for many batches.
struct Plain {
    done: Done,
    fails_at: Option<String>,
}

impl Consumer for Plain {
    fn consume<'a>(&'a self, _: &'a Arc<App>, wave: &'a [&'a EventRecord]) -> Outcomes<'a> {
        let outcome = |record: &&EventRecord| {
            let sequence = record.change.sequence_number.clone().unwrap();
            if self.fails_at.as_ref() == Some(&sequence) {
                return Err(Error::Unavailable("not now".into()));
            }
            self.done.0.lock().unwrap().push(sequence);
            Ok(())
        };
        let outcomes = wave.iter().map(outcome).collect();
        Box::pin(async { outcomes })
    }
}

/// An app whose database nobody needs.
fn app() -> Arc<App> {
    App::new(config(), dynamodb("http://127.0.0.1:1"))
}

fn batch_of(size: usize, poison: Option<(usize, Poison)>) -> Vec<Value> {
    let mut records: Vec<Value> = (0..size).map(|place| modified(place, place * 3 % ITEMS)).collect();
    match poison {
        Some((place, Poison::CannotBeDecoded)) => records[place]["dynamodb"]["NewImage"]["priceCents"] = "no".into(),
        Some((place, Poison::IsNoRecord)) => {
            records[place]["dynamodb"].as_object_mut().unwrap().remove("SizeBytes");
            records[place]["eventName"] = Value::Null;
        }
        Some((place, Poison::HasNoPlace)) => {
            records[place]["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
        }
        _ => {}
    }
    records
}

/// The sequence number the answer names, if it names one.
async fn deliver(app: &Arc<App>, consumer: &dyn Consumer, records: &[Value], limit: Duration) -> Option<String> {
    deliver_event(app, consumer, &batch(records), limit).await
}

async fn deliver_event(app: &Arc<App>, consumer: &dyn Consumer, event: &str, limit: Duration) -> Option<String> {
    let response = streams::respond(app, "test", consumer, event, limit).await;
    assert!(response.batch_item_failures.len() < 2, "{response:?}");
    response.batch_item_failures.into_iter().next().map(|failure| failure.item_identifier)
}

fn item_of(sequence: &str) -> usize {
    let place: u128 = sequence.parse::<u128>().unwrap() - 100_000_000_000_000_000_000;
    usize::try_from(place).unwrap() * 3 % ITEMS
}

/// A batch of so many records that meets a poison at a place.
struct Case {
    size: usize,
    place: usize,
    poison: Poison,
}

impl Case {
    /// Delivers with the poison, then what is left without it, as Lambda would, and checks both.
    async fn check(&self, app: &Arc<App>, limit: Duration) {
        let Self { size, place, poison } = *self;
        let done = Done::default();
        let poisoned = Some((place, poison));
        let failed = deliver(app, &consumer(&done, poisoned), &batch_of(size, poisoned), limit).await;
        let begun_at = self.assert_failed(&done.take(), failed);
        let rest = &batch_of(size, None)[begun_at..];
        assert_eq!(deliver(app, &consumer(&done, None), rest, AMPLE).await, None, "{self}");
        self.assert_rest(&done.take(), begun_at);
    }

    /// The place the answer names: everything before it is done, once, and nothing on its key after it.
    fn assert_failed(&self, done: &[String], failed: Option<String>) -> usize {
        let poisoned = sequence(self.place);
        let failed = failed.unwrap_or_else(|| panic!("{self} fails"));
        assert_eq!(failed, poisoned, "{self}");
        let once: HashSet<&String> = done.iter().collect();
        let before = once.iter().filter(|done| ***done < poisoned).count();
        assert_eq!(before, self.place, "{self}: all before it are done");
        // Those beside one that hangs are not known to be done, and are tried again to find it.
        assert!(once.len() == done.len() || self.poison == Poison::Hangs, "{self}: each is done once");
        let is_after = |done: &String| *done >= poisoned && item_of(done) == item_of(&poisoned);
        assert!(!done.iter().any(is_after), "{self}: nothing after it on its key");
        (0..self.size).find(|place| sequence(*place) == failed).unwrap()
    }

    /// All of the rest is done, on each key in order.
    fn assert_rest(&self, done: &[String], begun_at: usize) {
        assert_eq!(done.len(), self.size - begun_at, "{self}: the rest is done");
        assert_in_order_on_each_key(done, self);
    }
}

fn assert_in_order_on_each_key(done: &[String], case: &Case) {
    let mut last: HashMap<usize, &String> = HashMap::new();
    for sequence in done {
        let before = last.insert(item_of(sequence), sequence);
        assert!(before.is_none_or(|before| before < sequence), "{case}: in order on each key");
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:?} at {} of {}", self.poison, self.place, self.size)
    }
}

#[tokio::test]
async fn a_failure_at_every_place_of_every_size_loses_nothing() {
    let (app, done) = (app(), Done::default());
    let records: Vec<String> = (0..LARGEST).map(|place| bare(place, place * 3 % ITEMS).to_string()).collect();
    let event = |records: &[String]| format!(r#"{{"Records":[{}]}}"#, records.join(","));
    for size in 1..=LARGEST {
        for place in 0..size {
            let case = Case { size, place, poison: Poison::Fails };
            let failing = Plain { done: done.clone(), fails_at: Some(sequence(place)) };
            let failed = deliver_event(&app, &failing, &event(&records[..size]), AMPLE).await;
            let begun_at = case.assert_failed(&done.take(), failed);
            let healed = Plain { done: done.clone(), fails_at: None };
            let rest = event(&records[begun_at..size]);
            assert_eq!(deliver_event(&app, &healed, &rest, AMPLE).await, None, "{case}");
            case.assert_rest(&done.take(), begun_at);
        }
    }
}

#[tokio::test]
async fn every_other_poison_loses_nothing_either() {
    let app = app();
    for poison in [Poison::Fails, Poison::Panics, Poison::CannotBeDecoded, Poison::IsNoRecord] {
        for size in [1, 2, 9, 10, 11, 23] {
            for place in 0..size {
                Case { size, place, poison }.check(&app, AMPLE).await;
            }
        }
    }
    for place in 0..12 {
        Case { size: 12, place, poison: Poison::Hangs }.check(&app, Duration::from_millis(600)).await;
    }
}

#[tokio::test]
async fn a_poison_record_alone_is_given_up_and_all_others_are_done() {
    let app = app();
    for poison in [Poison::Fails, Poison::CannotBeDecoded, Poison::IsNoRecord, Poison::HasNoPlace] {
        for size in [1, 2, 3, 10, 11, 33, LARGEST] {
            // All places of the small ones, some of the large.
            for place in (0..size).step_by(size / 10 + 1).chain([size - 1]) {
                let (case, done) = (Case { size, place, poison }, Done::default());
                let (poisoned, records) = (Some((place, poison)), batch_of(size, Some((place, poison))));
                let given_up = mapping::deliver(&app, "test", &consumer(&done, poisoned), &records).await;
                assert_eq!(given_up, [&records[place]], "{case}");
                let (mut done, mut seen) = (done.take(), HashSet::new());
                // Repeats aside.
                done.retain(|sequence| seen.insert(sequence.clone()));
                assert_in_order_on_each_key(&done, &case);
                done.sort();
                let others: Vec<String> = (0..size).filter(|other| *other != place).map(sequence).collect();
                assert_eq!(done, others, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_time_left_is_not_begun() {
    let done = Done::default();
    let failed = deliver(&app(), &consumer(&done, None), &batch_of(3, None), Duration::ZERO).await;
    assert_eq!(failed, Some(sequence(0)));
    assert_eq!(done.take(), Vec::<String>::new());
}

#[tokio::test]
async fn each_shard_has_its_own_first_failure() {
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
async fn what_is_no_batch_fails_as_a_whole() {
    for event in ["{}", "[]", "no", r#"{"Records":[{}]}"#] {
        let response = streams::respond(&app(), "test", &consumer(&Done::default(), None), event, AMPLE).await;
        // An empty name is the failure of the whole batch.
        assert_eq!(response.batch_item_failures.len(), 1, "{event}");
        assert_eq!(response.batch_item_failures[0].item_identifier, "", "{event}");
    }
}

#[tokio::test]
async fn a_change_has_its_kind_its_fields_its_cause_and_its_writer() {
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
    // Written past the store, which would have signed it.
    let mut unsigned = modified(3, 3);
    unsigned["dynamodb"]["NewImage"]["writeId"] = unsigned["dynamodb"]["OldImage"]["writeId"].clone();
    let created = record("INSERT", 0, 0, None, Some(image(0, 1, "Cup")));
    // Rows that are put back as they once were.
    let put_back = record("INSERT", 4, 4, None, Some(image(4, 3, "Cup")));
    let mut put_back_first = record("INSERT", 5, 5, None, Some(image(5, 1, "Cup")));
    let mut put_back_over = modified(6, 6);
    for record in [&mut put_back_first, &mut put_back_over] {
        record["dynamodb"]["NewImage"]["updatedAt"]["S"] = "2025-11-13T02:08:00.000Z".into();
    }
    let batch = [created, modified(1, 1), expired, unsigned, put_back, put_back_first, put_back_over];
    assert_eq!(deliver(&app(), &consumer, &batch, AMPLE).await, None);

    let seen: Vec<Value> = seen.lock().unwrap().iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    let told = |place: usize, name: &str| seen[place][name].clone();
    assert_eq!(seen[0]["action"], "created");
    assert_eq!((told(0, "old"), told(0, "new")["name"].clone()), (Value::Null, "Cup".into()));
    assert_eq!((told(0, "changedBy"), told(0, "id")), ("basic".into(), id(0).to_string().into()));
    assert_eq!(seen[1]["action"], "updated");
    assert_eq!((told(1, "changed"), told(1, "version")), (serde_json::json!(["name"]), 2.into()));
    assert_eq!((told(1, "time"), told(1, "cause")), ("2025-11-13T02:13:19.250Z".into(), "write".into()));
    assert_eq!((told(2, "action"), told(2, "cause")), ("deleted".into(), "expiry".into()));
    assert_eq!((told(2, "version"), told(2, "time")), (4.into(), "2025-11-13T02:13:20.000Z".into()));
    for unknown in 3..7 {
        assert_eq!(told(unknown, "changedBy"), Value::Null, "{unknown}");
        assert_eq!(told(unknown, "time"), "2025-11-13T02:13:20.000Z", "{unknown}");
    }
}
