//! The contract of an operation: what it takes, what it answers and what it needs.

use serde_json::Value;

use super::{Collection, Grant, schema};
use crate::error::Error;

/// What an operation takes, answers and needs.
pub struct Contract {
    /// The group it is listed in: the collection.
    pub tag: &'static str,
    /// What it does, in a few words.
    pub summary: String,
    /// What it does, in full.
    pub description: &'static str,
    /// What the path, the query and the headers can say.
    pub parameters: Vec<Parameter>,
    /// What it reads, where it reads a body.
    pub body: Option<Body>,
    /// The answers of a request that was carried out, the usual one first.
    pub responses: Vec<Response>,
    /// The answers of one that was not.
    pub problems: Vec<ProblemResponse>,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
    /// The secrets it reads: `cursor`, where it signs and opens cursors.
    pub secrets: &'static [&'static str],
}

/// A part of a request beside its body.
#[derive(Clone)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// The part of the request it is in: `path`, `query` or `header`.
    pub place: &'static str,
    /// What it means.
    pub description: String,
    /// Its schema, as OpenAPI 3.0 writes it.
    pub schema: Value,
    /// Whether other operations have the same one.
    pub is_shared: bool,
}

/// The body of a request.
pub struct Body {
    /// The media types it can have, the usual one first.
    pub media_types: &'static [&'static str],
    /// What must be in it. Its name is that of the model in `schemas/` which the gateway holds it against.
    pub content: Content,
}

/// A JSON document.
pub struct Content {
    /// The name of its schema.
    pub name: String,
    /// Its schema (draft 2020-12); it may refer to others of the document by `$ref`.
    pub schema: Value,
    /// A valid one.
    pub example: Value,
}

/// An answer that is no problem.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// What it says.
    pub description: &'static str,
    /// The names of its headers, all of which the document shares.
    pub headers: &'static [&'static str],
    /// The body, where it has one.
    pub content: Option<Content>,
    /// What can be done next.
    pub links: Vec<Link>,
}

/// An operation that what was answered can be handed to.
pub struct Link {
    /// Its name.
    pub operation: String,
    /// Its parameters, each with a runtime expression (OpenAPI 3.0.3, "Runtime Expressions").
    pub parameters: &'static [(&'static str, &'static str)],
}

/// An answer that is a problem (RFC 9457).
pub struct ProblemResponse {
    /// The HTTP status.
    pub status: u16,
    /// An error behind it, where the operation has one of its own; without, the one all operations share.
    pub error: Option<Error>,
}

/// The problems any operation can answer with, the gateway's own among them.
const ANY: [u16; 6] = [400, 403, 429, 500, 503, 504];

impl Contract {
    /// The contract of an operation that takes nothing and answers with problems only; what it has is added.
    pub fn new(tag: &'static str, summary: impl Into<String>, description: &'static str) -> Self {
        Self {
            tag,
            summary: summary.into(),
            description,
            parameters: Vec::new(),
            body: None,
            responses: Vec::new(),
            problems: ProblemResponse::shared(&ANY),
            grants: Vec::new(),
            secrets: &[],
        }
    }

    /// Adds problems that all operations with this status share.
    pub fn problems(mut self, statuses: &[u16]) -> Self {
        self.problems.extend(ProblemResponse::shared(statuses));
        self
    }

    /// Adds a problem of the operation's own.
    pub fn problem(mut self, status: u16, error: Error) -> Self {
        self.problems.push(ProblemResponse { status, error: Some(error) });
        self
    }

    /// Every status the operation can answer with.
    pub fn statuses(&self) -> Vec<u16> {
        let problems = self.problems.iter().map(|problem| problem.status);
        self.responses.iter().map(|response| response.status).chain(problems).collect()
    }
}

impl Response {
    /// A record, with its version in `ETag`.
    pub fn record(status: u16, collection: &Collection) -> Self {
        let (schema, example) = (schema::record(collection), schema::record_example(collection));
        let content = Content { name: collection.record_name(), schema, example };
        let description = "The record as it is now.";
        Self { status, description, headers: &["ETag"], content: Some(content), links: Vec::new() }
    }

    /// A page of a list, with the next one in `Link`.
    pub fn page(description: &'static str, content: Content) -> Self {
        Self { status: 200, description, headers: &["Link"], content: Some(content), links: Vec::new() }
    }

    /// An answer without a body.
    pub fn empty(status: u16, description: &'static str, headers: &'static [&'static str]) -> Self {
        Self { status, description, headers, content: None, links: Vec::new() }
    }
}

impl ProblemResponse {
    fn shared(statuses: &[u16]) -> Vec<Self> {
        statuses.iter().map(|status| Self { status: *status, error: None }).collect()
    }
}
