//! Transaction steps that guard unique values, references and idempotency keys.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Store, Table,
    row::{ID, Row, TENANT, WRITTEN_BY, field_text, in_tenant, number, string},
    schema::{BOOKKEEPING, BOOKKEEPING_KEY, EXPIRES_AT},
    transaction,
};
use crate::{
    access::{Condition, Kind},
    error::{Error, Violation},
    record::{IdempotencyKey, Record, Resource, Unique, format_time, now},
    telemetry,
};

/// The lifetime of an idempotency key, in seconds.
pub const IDEMPOTENCY_LIFETIME: i64 = 24 * 60 * 60;

/// The lifetime of the row that names the deleter of a record, in seconds. It exceeds the time that any stage keeps a
/// failed change for replay (`cdk/lib/stages.ts`, `failedDays`).
const DELETER_LIFETIME: i64 = 100 * 24 * 60 * 60;

const FINGERPRINT: &str = "fingerprint";
/// The attribute for the time at which a bookkeeping row was written.
pub const CREATED_AT: &str = "createdAt";

/// The attribute for the trace context of a deletion.
pub const TRACEPARENT: &str = "traceparent";

/// A step of a transaction with the subject of its condition.
pub struct Step {
    pub action: TransactWriteItem,
    pub guard: Guard,
}

/// The subject of a step's condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Guard {
    /// The record itself: it exists, is absent, or has the expected version.
    Record,
    /// The idempotency key: it is unused.
    IdempotencyKey,
    /// A field. Holds the violation to report if the condition fails.
    Field(Violation),
    /// A row whose condition always holds, or that has none.
    None,
}

/// The guards whose conditions failed, with the current rows.
pub struct Refusal(Vec<(Guard, Option<Row>)>);

impl Refusal {
    /// Returns the current row of the record if the guard of the record failed. The inner option is `None` if the record
    /// does not exist.
    pub fn take_record(&mut self) -> Option<Option<Row>> {
        let found = self.0.iter_mut().find(|(guard, _)| *guard == Guard::Record);
        found.map(|(_, row)| row.take())
    }

    /// Returns the row of the idempotency key if the key was used before.
    pub fn take_idempotency_key(&mut self) -> Option<Row> {
        let found = self.0.iter_mut().find(|(guard, _)| *guard == Guard::IdempotencyKey);
        found.and_then(|(_, row)| row.take())
    }

    /// Returns the error that names the conflicting fields.
    pub fn into_conflict(self) -> Error {
        let fields = self.0.into_iter().filter_map(|(guard, _)| match guard {
            Guard::Field(violation) => Some(violation),
            _ => None,
        });
        let fields: Vec<_> = fields.collect();
        if fields.is_empty() {
            return Error::Internal("another record holds a unique value of this record".into());
        }
        Error::Conflict(fields)
    }
}

/// Runs the steps as one transaction. The inner error holds the guards whose conditions failed.
pub async fn commit(store: &Store, steps: Vec<Step>) -> Result<Result<(), Refusal>, Error> {
    let (actions, guards): (Vec<_>, Vec<_>) = steps.into_iter().map(|step| (step.action, step.guard)).unzip();
    let outcome = transaction::transact(store, actions).await?;
    Ok(outcome.map_err(|rejections| {
        Refusal(rejections.into_iter().map(|(place, row)| (guards[place].clone(), row)).collect())
    }))
}

/// Returns the steps that claim and release unique values and check references for a change from `old` to `new`.
///
/// `old` is empty for a create, `new` for a delete.
pub fn field_steps<R: Resource>(
    table: &Table<R>,
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
        steps.extend(new.map(|value| claim(table, id, unique, value)));
        steps.extend(old.map(|value| release(table, id, unique, value)));
    }
    let mut checked = Vec::new();
    for reference in R::REFERENCES {
        let target = field_text(new, reference.field)
            // A record that refers to itself exists.
            .filter(|target| field_text(old, reference.field).as_ref() != Some(target) && *target != id.to_string());
        // A transaction may name each row only once.
        if let Some(target) = target.filter(|target| !checked.contains(&(reference.collection, target.clone()))) {
            steps.push(require(table, reference.field, reference.collection, &target));
            checked.push((reference.collection, target));
        }
    }
    steps
}

fn claim<R: Resource>(table: &Table<R>, id: Uuid, unique: &Unique, value: String) -> Step {
    let put = Put::builder()
        .table_name(table.store.table_name(BOOKKEEPING))
        .item(BOOKKEEPING_KEY, string(unique_key(table, unique, value)))
        .item(ID, string(id))
        .condition_expression(FREE_OR_OWN)
        .expression_attribute_names("#pk", BOOKKEEPING_KEY)
        .expression_attribute_names("#id", ID)
        .expression_attribute_values(":id", string(id));
    let taken = Violation::field(unique.field, format!("is taken by another {}", R::NAME));
    Step { action: transaction::put(put), guard: Guard::Field(taken) }
}

fn release<R: Resource>(table: &Table<R>, id: Uuid, unique: &Unique, value: String) -> Step {
    let delete = Delete::builder()
        .table_name(table.store.table_name(BOOKKEEPING))
        .key(BOOKKEEPING_KEY, string(unique_key(table, unique, value)))
        .condition_expression(FREE_OR_OWN)
        .expression_attribute_names("#pk", BOOKKEEPING_KEY)
        .expression_attribute_names("#id", ID)
        .expression_attribute_values(":id", string(id));
    Step { action: transaction::delete(delete), guard: Guard::None }
}

/// The condition that a unique value is free or already belongs to the record.
const FREE_OR_OWN: &str = "attribute_not_exists(#pk) OR #id = :id";

/// Returns the step that requires that a record exists. A record of another tenant does not exist for the principal.
fn require<R: Resource>(table: &Table<R>, field: &str, collection: &str, id: &str) -> Step {
    let mut check = ConditionCheck::builder()
        .table_name(table.store.table_name(collection))
        .key(ID, string(id))
        .expression_attribute_names("#id", ID);
    let mut condition = "attribute_exists(#id)".to_owned();
    if table.principal.kind != Kind::System {
        check = check.expression_attribute_names("#tenant", TENANT);
        match &table.principal.tenant {
            Some(tenant) => {
                check = check.expression_attribute_values(":tenant", string(tenant));
                condition.push_str(" AND (attribute_not_exists(#tenant) OR #tenant = :tenant)");
            }
            None => condition.push_str(" AND attribute_not_exists(#tenant)"),
        }
    }
    let check = check.condition_expression(condition);
    let is_own = table.principal.kind == Kind::User && table.principal.id == id;
    let detail = match is_own.then(|| table.condition(&R::ACCESS.create)) {
        None => format!("names no record of {collection}"),
        Some(Condition::Always) => {
            format!("names you, who have no record of {collection}: name another one, or null for none")
        }
        Some(_) => format!("names you, who have no record of {collection} yet: create it with POST /v1/{collection}"),
    };
    let missing = Violation::field(field, detail);
    Step { action: transaction::check(check), guard: Guard::Field(missing) }
}

/// Returns the step that stores a create under its idempotency key. It fails if the key is in use.
pub fn idempotency_step<R: Resource>(store: &Store, key: &IdempotencyKey, record: &Record<R>) -> Step {
    let now = record.created_at.timestamp();
    let put = Put::builder()
        .table_name(store.table_name(BOOKKEEPING))
        .item(BOOKKEEPING_KEY, string(hashed_key("idempotency", R::COLLECTION, "", &key.key)))
        .item(ID, string(record.id))
        .item(CREATED_AT, string(format_time(&record.created_at)))
        .item(FINGERPRINT, string(&key.fingerprint))
        .item(EXPIRES_AT, number(now + IDEMPOTENCY_LIFETIME))
        // DynamoDB deletes expired rows with a delay. An expired row counts as absent.
        .condition_expression("attribute_not_exists(#pk) OR #expiresAt < :now")
        .expression_attribute_names("#pk", BOOKKEEPING_KEY)
        .expression_attribute_names("#expiresAt", EXPIRES_AT)
        .expression_attribute_values(":now", number(now));
    Step { action: transaction::put(put), guard: Guard::IdempotencyKey }
}

/// Returns the step that stores the principal that deletes a record. The stream shows only the last writer of the row.
pub fn deleter_step<R: Resource>(store: &Store, id: Uuid, writer: &str) -> Step {
    let now = now();
    let put = Put::builder()
        .table_name(store.table_name(BOOKKEEPING))
        .item(BOOKKEEPING_KEY, string(deletion_key(R::COLLECTION, id)))
        .item(WRITTEN_BY, string(writer))
        .item(CREATED_AT, string(format_time(&now)))
        .item(EXPIRES_AT, number(now.timestamp() + DELETER_LIFETIME));
    let put = match telemetry::traceparent() {
        Some(traceparent) => put.item(TRACEPARENT, string(traceparent)),
        None => put,
    };
    Step { action: transaction::put(put), guard: Guard::None }
}

/// Returns the key of the row that names the deleter of a record.
pub fn deletion_key(collection: &str, id: Uuid) -> String {
    format!("deletion#{collection}#{id}")
}

/// Returns the record that the first request with the key created.
///
/// The body is the same, so only the id and the time are stored.
///
/// # Errors
/// Returns [`Error::IdempotencyKeyReused`] if the first request had another body.
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

fn unique_key<R: Resource>(table: &Table<R>, unique: &Unique, value: String) -> String {
    hashed_key("unique", R::COLLECTION, unique.field, &in_tenant(table.tenant(), value))
}

/// Returns the key of a bookkeeping row. The value is hashed because it may be long or personal.
pub fn hashed_key(kind: &str, collection: &str, field: &str, value: &str) -> String {
    format!("{kind}#{collection}#{field}#{}", URL_SAFE_NO_PAD.encode(Sha256::digest(value)))
}
