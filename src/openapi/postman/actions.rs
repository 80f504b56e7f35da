//! The requests of the operations beyond CRUD, as their contracts describe them.

use super::{
    step::Step,
    values::{fresh_values, is_required, plain_body},
};
use crate::{
    openapi::dialect,
    operations::{ACTIONS, Body, Collection, Contract, Operation},
};

/// A version that no new record has.
const STALE: &str = "\"9\"";
/// The version of a new record.
const FIRST: &str = "\"1\"";

/// Returns the requests of each operation beyond CRUD on a collection, by its summary.
pub fn of_collection(actions: &[Operation], collection: &Collection) -> Vec<(String, Vec<Step>)> {
    tagged(actions, collection.name, Some(collection))
}

/// Returns the requests of each operation that belongs to no collection, by its summary.
pub fn of_no_collection(actions: &[Operation]) -> Vec<(String, Vec<Step>)> {
    tagged(actions, ACTIONS, None)
}

fn tagged(actions: &[Operation], tag: &str, collection: Option<&Collection>) -> Vec<(String, Vec<Step>)> {
    let described = actions.iter().map(|operation| (operation.contract(), operation));
    let own = described.filter(|(contract, _)| contract.tag == tag);
    own.map(|(contract, operation)| (contract.summary.clone(), steps(collection, operation, &contract))).collect()
}

/// Returns a valid request to the operation, on a new record if it needs one, and requests that it rejects.
fn steps(collection: Option<&Collection>, operation: &Operation, contract: &Contract) -> Vec<Step> {
    let variable = format!("{}_id", operation.name);
    let request = |name: &str, id: &str, status: u16| {
        let step = Step::new(name, operation.method, operation.path.replace("{id}", id), status);
        contract.body.iter().fold(step, with_body)
    };
    let own = format!("{{{{{variable}}}}}");
    let takes_version = contract.parameters.iter().any(|parameter| parameter.name == "If-Match");
    let can_be_stale = takes_version && has_problem(contract, 412);
    let mut steps = Vec::new();
    let target = collection.filter(|_| operation.has_id());
    steps.extend(target.map(|collection| create(collection, &variable)));
    if can_be_stale {
        steps.push(request("Stale If-Match", &own, 412).header("If-Match", STALE));
    }
    let success = request(&contract.summary, &own, contract.responses.first().map_or(200, |response| response.status));
    let success = if takes_version { success.header("If-Match", FIRST) } else { success };
    steps.push(with_checks(success, collection, contract));
    if operation.has_id() {
        steps.push(request("Malformed id", "1", 400));
        steps.extend(has_problem(contract, 404).then(|| request("Unknown id", "{{$guid}}", 404)));
    }
    steps.push(request("Missing API key", &own, 403).without_key());
    steps
        .extend(target.map(|collection| Step::new("Delete it", "DELETE", format!("{}/{own}", collection.path()), 204)));
    steps
}

fn has_problem(contract: &Contract, status: u16) -> bool {
    contract.problems.iter().any(|problem| problem.status == status)
}

fn with_body(step: Step, body: &Body) -> Step {
    body.media_types
        .iter()
        .take(1)
        .fold(step, |step, media_type| step.body(media_type, body.content.example.to_string()))
}

/// Creates a record with only the required fields.
fn create(collection: &Collection, variable: &str) -> Step {
    let suffix = "_acted_on";
    let mut body = plain_body(collection, suffix);
    body.retain(|field, _| is_required(collection, field));
    Step::new(format!("A new {}", collection.singular), "POST", collection.path(), 201)
        .before(fresh_values(collection, suffix))
        .json(&body.into())
        .keep(variable, "body.id")
}

/// Checks the response against the first response of the contract.
fn with_checks(step: Step, collection: Option<&Collection>, contract: &Contract) -> Step {
    let Some(response) = contract.responses.first() else { return step };
    let step = response.content.iter().fold(step, |step, content| {
        let record_of = collection.filter(|collection| content.name == collection.record_name());
        let schema = match record_of {
            Some(collection) => {
                format!(r#"JSON.parse(pm.collectionVariables.get("schema_{}"))"#, collection.singular)
            }
            None => dialect::draft7(content.schema.clone()).to_string(),
        };
        step.after(format!(r#"pm.test("has the declared form", () => pm.response.to.have.jsonSchema({schema}));"#))
    });
    let has_etag = response.headers.contains(&"ETag");
    if has_etag { step.check("has an ETag", r#"pm.response.headers.has("ETag")"#) } else { step }
}
