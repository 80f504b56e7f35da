//! The grants of each function, enforced as by IAM.

use std::collections::{BTreeSet, HashMap};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use serverless_crud::operations::Grant;

use super::Call;
use crate::support::service;

/// A DynamoDB action on a table or an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// The table, without the prefix.
    pub table: String,
    /// The index, or an empty string for the table itself.
    pub index: String,
    /// The action, without `dynamodb:`.
    pub name: String,
}

/// The actions that the contract grants to each function.
pub struct Grants(HashMap<String, BTreeSet<Action>>);

impl Grants {
    /// Returns the grants of all operations, consumers and jobs.
    pub fn declared() -> Self {
        let service = service();
        let operations =
            service.operations().into_iter().map(|operation| (operation.function.clone(), operation.contract().grants));
        let consumers = service.consumers().into_iter().map(|consumer| (consumer.name.to_owned(), consumer.grants));
        let jobs = service.jobs().into_iter().map(|job| (job.name.to_owned(), job.grants));
        Self(operations.chain(consumers).chain(jobs).map(|(function, grants)| (function, granted(&grants))).collect())
    }

    /// Returns the actions of a function.
    pub fn of(&self, function: &str) -> BTreeSet<Action> {
        self.0.get(function).cloned().unwrap_or_default()
    }

    /// Returns the first action of a request that its function lacks, with the response of IAM.
    pub fn deny(&self, call: &Call) -> Option<(Action, Response)> {
        let function = call.function.as_deref()?;
        let granted = self.of(function);
        let action =
            Action::required_by(&call.operation, &call.body).into_iter().find(|action| !granted.contains(action))?;
        let place = if action.index.is_empty() { String::new() } else { format!("/index/{}", action.index) };
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/{function}/{function} is not authorized to perform: \
             dynamodb:{} on resource: arn:aws:dynamodb:eu-central-1:123456789012:table/local-{}{place} because no \
             identity-based policy allows the dynamodb:{} action",
            action.name, action.table, action.name
        );
        let body = json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "Message": message });
        let kind = [("content-type", "application/x-amz-json-1.0")];
        Some((action, (StatusCode::BAD_REQUEST, kind, body.to_string()).into_response()))
    }
}

impl Action {
    /// Returns the actions that a request needs. A transaction needs the action of each step.
    pub fn required_by(operation: &str, body: &Value) -> Vec<Self> {
        let action = |body: &Value, name: &str| Self {
            table: body["TableName"].as_str().unwrap_or_default().trim_start_matches("local-").to_owned(),
            index: body["IndexName"].as_str().unwrap_or_default().to_owned(),
            name: name.to_owned(),
        };
        let Some(steps) = body["TransactItems"].as_array() else { return vec![action(body, operation)] };
        let step = |step: &Value| {
            let (kind, body) = step.as_object().unwrap().iter().next().unwrap();
            action(body, &format!("{kind}Item"))
        };
        steps.iter().map(step).collect()
    }
}

fn granted(grants: &[Grant]) -> BTreeSet<Action> {
    let of_grant = |grant: &Grant| {
        let indexes = if grant.indexes.is_empty() { vec![String::new()] } else { grant.indexes.clone() };
        let action = |index: &String, name: &str| Action {
            table: grant.table.to_owned(),
            index: index.clone(),
            name: name.to_owned(),
        };
        let of_index = |index: &String| grant.actions.iter().map(|name| action(index, name)).collect::<Vec<_>>();
        indexes.iter().flat_map(of_index).collect::<Vec<_>>()
    };
    grants.iter().flat_map(of_grant).collect()
}
