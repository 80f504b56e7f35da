//! The requests of a resource: successful and rejected ones of each operation, in an order that can be run.

use serde_json::{Map, Value, json};

use super::{
    actions::{of_collection, of_no_collection},
    references::referenced,
    step::Step,
    values::{body, can_repeat, fresh_values, nullable_field, plain_required_field, variable},
};
use crate::operations::{Collection, Operation};

/// Requests with the heading of each.
type Steps = Vec<(String, Step)>;

/// Returns every request of a resource, in order.
pub fn steps(resources: &[Collection], actions: &[Operation], collection: &Collection) -> Steps {
    let paths = Paths {
        collection,
        list: format!("/v1/{}", collection.name),
        record: format!("/v1/{0}/{{{{{0}_id}}}}", collection.name),
    };
    let references = referenced(resources, collection);
    let (before, after): (Vec<_>, Vec<_>) = references.into_iter().unzip();
    let beyond = of_collection(actions, collection).into_iter().flat_map(|(heading, steps)| under(heading, steps));
    under("given", before)
        .chain(under("create", paths.create()))
        .chain(under("get", paths.get()))
        .chain(under("list", paths.list()))
        .chain(under("update", paths.update()))
        .chain(under("patch", paths.patch()))
        .chain(under("history", paths.history()))
        .chain(under("delete", paths.delete()))
        .chain(beyond)
        .chain(under("clear up", after.into_iter().rev().collect()))
        .collect()
}

/// Returns the requests of the operations that belong to no resource.
pub fn of_no_resource(actions: &[Operation]) -> Steps {
    of_no_collection(actions).into_iter().flat_map(|(heading, steps)| under(heading, steps)).collect()
}

fn under(heading: impl Into<String>, steps: Vec<Step>) -> impl Iterator<Item = (String, Step)> {
    let heading = heading.into();
    steps.into_iter().map(move |step| (heading.clone(), step))
}

/// A resource and its paths.
struct Paths<'a> {
    collection: &'a Collection,
    list: String,
    record: String,
}

impl Paths<'_> {
    fn create(&self) -> Vec<Step> {
        let Self { collection, list, .. } = self;
        let name = collection.name;
        let whole = Value::Object(body(collection, ""));
        let key = format!("{{{{{name}_key}}}}");
        let create = Step::new("Create", "POST", list, 201)
            .before(fresh_values(collection, ""))
            .before(format!(r#"pm.collectionVariables.set("{name}_key", pm.variables.replaceIn("{{{{$guid}}}}"));"#))
            .header("Idempotency-Key", &key)
            .json(&whole);
        let mut steps = vec![
            self.keep_filters(self.is_record(create, 1))
                .check("names its place", r#"pm.response.headers.get("Location").endsWith("/" + body.id)"#)
                .keep(&format!("{name}_id"), "body.id"),
            Step::new("Create again with the same Idempotency-Key", "POST", list, 201)
                .header("Idempotency-Key", &key)
                .json(&whole)
                .check("is the same record", &format!(r#"body.id === pm.collectionVariables.get("{name}_id")"#)),
        ];
        steps.extend(nullable_field(collection).map(|field| {
            Step::new("Another body with the same Idempotency-Key", "POST", list, 422)
                .header("Idempotency-Key", &key)
                .json(&without(&body(collection, ""), &field))
        }));
        steps.extend(self.conflicts());
        steps.extend([
            Step::new("Invalid body", "POST", list, 400).json(&json!({ "noSuchField": true })),
            Step::new("Malformed JSON", "POST", list, 400).body("application/json", "{"),
            Step::new("Body of another type", "POST", list, 415).body("text/plain", whole.to_string()),
            Step::new("Missing API key", "POST", list, 403).json(&whole).without_key(),
        ]);
        steps
    }

    /// Returns requests with values that are not unique, and with references to missing records.
    fn conflicts(&self) -> Vec<Step> {
        let Self { collection, list, .. } = self;
        let taken = collection.unique.iter().map(|unique| {
            let (held, again) = (variable(collection, "", unique.field), variable(collection, "_again", unique.field));
            let case = if unique.normalization.ignores_case() { ".toUpperCase()" } else { "" };
            let line = format!(r#"pm.collectionVariables.set("{again}", pm.collectionVariables.get("{held}"){case});"#);
            let step = Step::new(format!("Duplicate {}", unique.field), "POST", list, 409)
                .json(&body(collection, "_again").into());
            names_field(step.before(line), unique.field)
        });
        let missing = collection.references.iter().map(|reference| {
            let mut body = body(collection, "_other");
            body.insert(reference.field.into(), "{{$guid}}".into());
            let step = Step::new(format!("Unknown {}", reference.field), "POST", list, 409)
                .before(fresh_values(collection, "_other"));
            names_field(step.json(&body.into()), reference.field)
        });
        taken.chain(missing).collect()
    }

    fn get(&self) -> Vec<Step> {
        let Self { list, record, .. } = self;
        vec![
            self.is_record(Step::new("Get", "GET", record, 200), 1),
            Step::new("Get what has not changed", "GET", record, 304).header("If-None-Match", "\"1\""),
            Step::new("Malformed id", "GET", format!("{list}/1"), 400),
            Step::new("Unknown id", "GET", format!("{list}/{{{{$guid}}}}"), 404),
            Step::new("Missing API key", "GET", record, 403).without_key(),
        ]
    }

    fn list(&self) -> Vec<Step> {
        let Self { collection, list, .. } = self;
        let (name, cursor) = (collection.name, format!("{}_cursor", collection.name));
        let first_page = || {
            Step::new("List", "GET", list, 200)
                .query("limit", "1")
                .check("is a page", "Array.isArray(body.data) && body.data.length <= 1")
        };
        let mut steps = Vec::new();
        if can_repeat(collection) {
            steps.extend([
                Step::new("Create another", "POST", list, 201)
                    .before(fresh_values(collection, "_other"))
                    .json(&body(collection, "_other").into())
                    .keep(&format!("{name}_other_id"), "body.id"),
                first_page()
                    .check("links to the next page", r#"pm.response.headers.get("Link").includes("rel=\"next\"")"#)
                    .keep(&cursor, "body.nextCursor"),
                Step::new("Next page", "GET", list, 200)
                    .query("limit", "1")
                    .query("cursor", format!("{{{{{cursor}}}}}")),
                Step::new("Cursor of another query", "GET", list, 400)
                    .query("order", "asc")
                    .query("cursor", format!("{{{{{cursor}}}}}")),
                Step::new("Delete the other", "DELETE", format!("{list}/{{{{{name}_other_id}}}}"), 204),
            ]);
        } else {
            steps.push(first_page());
        }
        steps.extend(collection.filters.iter().map(|filter| {
            let variable = variable(collection, "_filter", filter.field);
            let step = Step::new(format!("Filter by {}", filter.field), "GET", list, 200)
                .query(filter.field, format!("{{{{{variable}}}}}"));
            let expected = format!(r#"decodeURIComponent(pm.collectionVariables.get("{variable}")).toLowerCase()"#);
            step.check(
                "has what was asked for",
                &format!("body.data.every((record) => String(record.{}).toLowerCase() === {expected})", filter.field),
            )
        }));
        steps.extend([
            Step::new("Forged cursor", "GET", list, 400).query("cursor", "forged"),
            Step::new("Limit out of range", "GET", list, 400).query("limit", "101"),
            Step::new("Unknown parameter", "GET", list, 400).query("noSuchField", "1"),
        ]);
        steps
    }

    fn update(&self) -> Vec<Step> {
        let Self { collection, list, record } = self;
        let whole = Value::Object(body(collection, ""));
        vec![
            self.is_record(Step::new("Replace", "PUT", record, 200).header("If-Match", "\"1\"").json(&whole), 2),
            Step::new("Stale If-Match", "PUT", record, 412).header("If-Match", "\"1\"").json(&whole),
            Step::new("Unknown id", "PUT", format!("{list}/{{{{$guid}}}}"), 404).json(&whole),
            Step::new("Invalid body", "PUT", record, 400).json(&json!({ "noSuchField": true })),
        ]
    }

    fn patch(&self) -> Vec<Step> {
        let Self { collection, list, record } = self;
        let removed = nullable_field(collection);
        let patch: Map<String, Value> = removed.iter().map(|field| (field.clone(), Value::Null)).collect();
        let patch = Value::Object(patch).to_string();
        let media_type = "application/merge-patch+json";
        let step = Step::new("Patch", "PATCH", record, 200).header("If-Match", "\"2\"").body(media_type, &patch);
        let step = removed
            .iter()
            .fold(step, |step, field| step.check("null takes a field away", &format!("body.{field} === undefined")));
        let mut steps = vec![
            self.is_record(step, 3),
            Step::new("Stale If-Match", "PATCH", record, 412).header("If-Match", "\"2\"").body(media_type, &patch),
            Step::new("Unknown id", "PATCH", format!("{list}/{{{{$guid}}}}"), 404).body(media_type, &patch),
        ];
        steps.extend(plain_required_field(collection).map(|field| {
            let step = Step::new("Null for a required field", "PATCH", record, 400);
            names_field(step.body(media_type, json!({ field: null }).to_string()), field)
        }));
        steps
    }

    fn history(&self) -> Vec<Step> {
        let Self { list, record, .. } = self;
        let path = format!("{record}/history");
        vec![
            Step::new("History", "GET", &path, 200).check("is a page", "Array.isArray(body.data)"),
            Step::new("History of an unknown id", "GET", format!("{list}/{{{{$guid}}}}/history"), 404),
            Step::new("Forged cursor", "GET", &path, 400).query("cursor", "forged"),
        ]
    }

    fn delete(&self) -> Vec<Step> {
        let record = &self.record;
        vec![
            Step::new("Stale If-Match", "DELETE", record, 412).header("If-Match", "\"1\""),
            Step::new("Delete", "DELETE", record, 204).header("If-Match", "\"3\""),
            Step::new("Delete again", "DELETE", record, 404),
        ]
    }

    fn is_record(&self, step: Step, version: u32) -> Step {
        let schema = format!(r#"JSON.parse(pm.collectionVariables.get("schema_{}"))"#, self.collection.singular);
        step.after(format!(r#"pm.test("is a record", () => pm.response.to.have.jsonSchema({schema}));"#))
            .check(&format!("has version {version}"), &format!("body.version === {version}"))
            .check("has its ETag", r#"pm.response.headers.get("ETag") === "\"" + body.version + "\"""#)
    }

    fn keep_filters(&self, step: Step) -> Step {
        self.collection.filters.iter().fold(step, |step, filter| {
            let variable = variable(self.collection, "_filter", filter.field);
            step.keep(&variable, &format!("encodeURIComponent(body.{})", filter.field))
        })
    }
}

fn names_field(step: Step, field: &str) -> Step {
    step.check("names the field", &format!(r#"body.errors.some((fault) => fault.pointer === "/{field}")"#))
}

fn without(body: &Map<String, Value>, field: &str) -> Value {
    body.iter().filter(|(name, _)| *name != field).map(|(name, value)| (name.clone(), value.clone())).collect()
}
