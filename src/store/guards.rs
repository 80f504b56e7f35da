//! What a write must keep true besides its own record: unique values, references, idempotency keys.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Store,
    row::{ID, Row, WRITTEN_BY, field_text, number, string},
    schema::{BOOKKEEPING, BOOKKEEPING_KEY, EXPIRES_AT},
    transaction,
};
use crate::{
    error::{Error, Violation},
    record::{IdempotencyKey, Record, Resource, Unique, format_time, now},
};

/// How long an idempotency key is remembered, in seconds.
pub const IDEMPOTENCY_LIFETIME: i64 = 24 * 60 * 60;

/// How long it is remembered who deleted a record, in seconds: longer than any stage keeps a failed change for replay
/// (`cdk/lib/stages.ts`, `failedDays`).
const SIGNATURE_LIFETIME: i64 = 100 * 24 * 60 * 60;

const FINGERPRINT: &str = "fingerprint";
/// When a row of bookkeeping was written.
pub const CREATED_AT: &str = "createdAt";

/// A step of a transaction, and what it means when its condition does not hold.
pub struct Step {
    pub action: TransactWriteItem,
    pub guards: Guard,
}

/// What a step's condition is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Guard {
    /// The record itself: that it exists, is absent, or has the version expected.
    Record,
    /// That the idempotency key is new.
    IdempotencyKey,
    /// A field that conflicts otherwise.
    Field(Violation),
    /// A row of ours that is always as it should be.
    Nothing,
}

/// The guards that refused a transaction, with the rows they met.
pub struct Refusal(Vec<(Guard, Option<Row>)>);

impl Refusal {
    /// Whether the record was not as expected, and the row it was met as: none when there is none.
    pub fn record(&mut self) -> Option<Option<Row>> {
        let found = self.0.iter_mut().find(|(guard, _)| *guard == Guard::Record);
        found.map(|(_, row)| row.take())
    }

    /// The row of the idempotency key, when it came before.
    pub fn idempotency_key(&mut self) -> Option<Row> {
        let found = self.0.iter_mut().find(|(guard, _)| *guard == Guard::IdempotencyKey);
        found.and_then(|(_, row)| row.take())
    }

    /// The conflicts with other records.
    pub fn conflict(self) -> Error {
        let fields = self.0.into_iter().filter_map(|(guard, _)| match guard {
            Guard::Field(violation) => Some(violation),
            _ => None,
        });
        let fields: Vec<_> = fields.collect();
        if fields.is_empty() {
            return Error::Internal("a unique value of the record is held by another".into());
        }
        Error::Conflict(fields)
    }
}

/// Carries out the steps as one; within, whose conditions refused them.
pub async fn commit(store: &Store, steps: Vec<Step>) -> Result<Result<(), Refusal>, Error> {
    let (actions, guards): (Vec<_>, Vec<_>) = steps.into_iter().map(|step| (step.action, step.guards)).unzip();
    let outcome = transaction::transact(store, actions).await?;
    Ok(outcome.map_err(|rejections| {
        Refusal(rejections.into_iter().map(|(place, row)| (guards[place].clone(), row)).collect())
    }))
}

/// The steps that take a record's fields from `old` to `new`: unique values claimed and freed,
/// references checked. An empty `old` is a record that is being created, an empty `new` one being deleted.
pub fn field_steps<R: Resource>(
    store: &Store,
    id: Uuid,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for unique in R::UNIQUE {
        let value = |object| field_text(object, unique.field).map(|text| unique.normalization.apply(&text));
        let (old, new) = (value(old), value(new));
        if old == new {
            continue;
        }
        steps.extend(new.map(|value| claim::<R>(store, id, unique, &value)));
        steps.extend(old.map(|value| release::<R>(store, id, unique, &value)));
    }
    let mut checked = Vec::new();
    for reference in R::REFERENCES {
        let target = field_text(new, reference.field)
            // A record that refers to itself is there.
            .filter(|target| field_text(old, reference.field).as_ref() != Some(target) && *target != id.to_string());
        // A transaction names a row once at most.
        if let Some(target) = target.filter(|target| !checked.contains(&(reference.collection, target.clone()))) {
            steps.push(require(store, reference.field, reference.collection, &target));
            checked.push((reference.collection, target));
        }
    }
    steps
}

fn claim<R: Resource>(store: &Store, id: Uuid, unique: &Unique, value: &str) -> Step {
    let put = Put::builder()
        .table_name(store.table_name(BOOKKEEPING))
        .item(BOOKKEEPING_KEY, string(unique_key::<R>(unique, value)))
        .item(ID, string(id))
        .condition_expression(FREE_OR_OWN)
        .expression_attribute_names("#pk", BOOKKEEPING_KEY)
        .expression_attribute_names("#id", ID)
        .expression_attribute_values(":id", string(id));
    let taken = Violation::field(unique.field, format!("is taken by another {}", R::NAME));
    Step { action: transaction::put(put), guards: Guard::Field(taken) }
}

fn release<R: Resource>(store: &Store, id: Uuid, unique: &Unique, value: &str) -> Step {
    let delete = Delete::builder()
        .table_name(store.table_name(BOOKKEEPING))
        .key(BOOKKEEPING_KEY, string(unique_key::<R>(unique, value)))
        .condition_expression(FREE_OR_OWN)
        .expression_attribute_names("#pk", BOOKKEEPING_KEY)
        .expression_attribute_names("#id", ID)
        .expression_attribute_values(":id", string(id));
    Step { action: transaction::delete(delete), guards: Guard::Nothing }
}

/// The row of a unique value is free, or already the record's own.
const FREE_OR_OWN: &str = "attribute_not_exists(#pk) OR #id = :id";

fn require(store: &Store, field: &str, collection: &str, id: &str) -> Step {
    let check = ConditionCheck::builder()
        .table_name(store.table_name(collection))
        .key(ID, string(id))
        .condition_expression("attribute_exists(#id)")
        .expression_attribute_names("#id", ID);
    let missing = Violation::field(field, format!("names no record of {collection}"));
    Step { action: transaction::check(check), guards: Guard::Field(missing) }
}

/// The step that remembers a create under its key, unless the key is remembered already.
pub fn idempotency_step<R: Resource>(store: &Store, key: &IdempotencyKey, record: &Record<R>) -> Step {
    let now = record.created_at.timestamp();
    let put = Put::builder()
        .table_name(store.table_name(BOOKKEEPING))
        .item(BOOKKEEPING_KEY, string(hashed_key("idempotency", R::COLLECTION, "", &key.key)))
        .item(ID, string(record.id))
        .item(CREATED_AT, string(format_time(&record.created_at)))
        .item(FINGERPRINT, string(&key.fingerprint))
        .item(EXPIRES_AT, number(now + IDEMPOTENCY_LIFETIME))
        // DynamoDB deletes expired rows when it gets to it: an expired one counts as gone.
        .condition_expression("attribute_not_exists(#pk) OR #expiresAt < :now")
        .expression_attribute_names("#pk", BOOKKEEPING_KEY)
        .expression_attribute_names("#expiresAt", EXPIRES_AT)
        .expression_attribute_values(":now", number(now));
    Step { action: transaction::put(put), guards: Guard::IdempotencyKey }
}

/// The step that remembers who deletes a record: the stream shows the row as its last writer left it.
pub fn deleter_step<R: Resource>(store: &Store, id: Uuid, writer: &str) -> Step {
    let now = now();
    let put = Put::builder()
        .table_name(store.table_name(BOOKKEEPING))
        .item(BOOKKEEPING_KEY, string(deletion_key(R::COLLECTION, id)))
        .item(WRITTEN_BY, string(writer))
        .item(CREATED_AT, string(format_time(&now)))
        .item(EXPIRES_AT, number(now.timestamp() + SIGNATURE_LIFETIME));
    Step { action: transaction::put(put), guards: Guard::Nothing }
}

/// The key of the row that says who deleted a record.
pub fn deletion_key(collection: &str, id: Uuid) -> String {
    format!("deletion#{collection}#{id}")
}

/// The record the first request under the key made, as it answered then.
///
/// The body is the same, so that only the id and the time need to have been kept.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`] when the body was another.
pub fn replay<R: Resource>(row: &Row, key: &IdempotencyKey, resource: R) -> Result<Record<R>, Error> {
    let text = |name: &str| row.get(name).and_then(|value: &AttributeValue| value.as_s().ok());
    if text(FINGERPRINT) != Some(&key.fingerprint) {
        return Err(Error::IdempotencyKeyReused);
    }
    let id = text(ID).and_then(|id| id.parse().ok());
    let time = text(CREATED_AT).and_then(|time| time.parse::<DateTime<Utc>>().ok());
    let (Some(id), Some(created_at)) = (id, time) else {
        return Err(Error::Internal("an idempotency row has no id or time".into()));
    };
    Ok(Record { id, version: 1, created_at, updated_at: created_at, resource })
}

fn unique_key<R: Resource>(unique: &Unique, value: &str) -> String {
    hashed_key("unique", R::COLLECTION, unique.field, value)
}

/// The key of a bookkeeping row, with the value hashed: it may be long, and it may be personal.
fn hashed_key(kind: &str, collection: &str, field: &str, value: &str) -> String {
    format!("{kind}#{collection}#{field}#{}", URL_SAFE_NO_PAD.encode(Sha256::digest(value)))
}
