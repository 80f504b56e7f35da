//! The contract of an operation: its parameters, responses and permissions.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Collection, Grant, pascal_case, schema};
use crate::{config::UPSTREAM_VARIABLES, error::Error};

/// The group of operations that belong to no collection.
pub const ACTIONS: &str = "actions";

/// The contract of an operation.
pub struct Contract {
    /// The group in the document: the collection, or [`ACTIONS`].
    pub tag: &'static str,
    /// A summary of a few words.
    pub summary: String,
    /// A full description.
    pub description: &'static str,
    /// The parameters in the path, the query and the headers.
    pub parameters: Vec<Parameter>,
    /// The request body, if it has one.
    pub body: Option<Body>,
    /// The success responses, the most common one first.
    pub responses: Vec<Response>,
    /// The error responses.
    pub problems: Vec<ProblemResponse>,
    /// The DynamoDB actions it needs, and no others.
    pub grants: Vec<Grant>,
    /// The secrets it reads: `cursor` if it signs and verifies cursors, `upstream` if it calls the upstream API.
    pub secrets: &'static [&'static str],
    /// True if it calls the upstream API.
    pub upstream: bool,
    /// The environment variables of its function beside those of all functions. Most are optional.
    pub environment: &'static [&'static str],
}

/// A parameter of a request.
#[derive(Clone)]
pub struct Parameter {
    /// The name.
    pub name: &'static str,
    /// The location of the parameter: `path`, `query` or `header`.
    pub place: &'static str,
    /// The description.
    pub description: String,
    /// The schema in the dialect of OpenAPI 3.0.
    pub schema: Value,
    /// True if other operations have the same parameter.
    pub is_shared: bool,
}

/// The body of a request.
pub struct Body {
    /// The accepted media types, the most common one first.
    pub media_types: &'static [&'static str],
    /// The content. Its name is the name of the gateway's model in `schemas/`.
    pub content: Content,
}

/// A JSON document.
pub struct Content {
    /// The name of the schema.
    pub name: String,
    /// The schema (draft 2020-12). It may refer to other schemas of the document by `$ref`.
    pub schema: Value,
    /// A valid example.
    pub example: Value,
}

/// A success response.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The description.
    pub description: &'static str,
    /// The names of its headers, which are shared components of the document.
    pub headers: &'static [&'static str],
    /// The body, if it has one.
    pub content: Option<Content>,
    /// The links to operations that can follow.
    pub links: Vec<Link>,
}

/// A link to an operation that takes values of the response as parameters.
pub struct Link {
    /// The name of the operation.
    pub operation: String,
    /// The parameters, each with a runtime expression (OpenAPI 3.0.3, "Runtime Expressions").
    pub parameters: &'static [(&'static str, &'static str)],
}

/// A problem response (RFC 9457).
pub struct ProblemResponse {
    /// The HTTP status.
    pub status: u16,
    /// The operation's own error; if none, the shared problem of this status.
    pub error: Option<Error>,
}

/// The problems that any operation can respond with, including those of the gateway.
const ANY: [u16; 7] = [400, 401, 403, 429, 500, 503, 504];

impl Contract {
    /// Returns a contract without parameters and success responses, to which these are added.
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
            upstream: false,
            environment: &[],
        }
    }

    /// Adds the shared problems of these statuses.
    pub fn problems(mut self, statuses: &[u16]) -> Self {
        self.problems.extend(ProblemResponse::shared(statuses));
        self
    }

    /// Adds a problem that only this operation has.
    pub fn problem(mut self, status: u16, error: Error) -> Self {
        self.problems.push(ProblemResponse { status, error: Some(error) });
        self
    }

    /// Adds what an operation needs that calls the upstream API, and the problems of such calls.
    pub fn calling_upstream(self) -> Self {
        let (secrets, environment): (&[_], &[_]) = (&["upstream"], &UPSTREAM_VARIABLES);
        Self { secrets, environment, upstream: true, ..self }
            .problem(502, Error::BadUpstream("".into()))
            .problem(503, Error::UpstreamBusy { retry_after: 1, cause: "".into() })
            .problem(504, Error::UpstreamTimeout("".into()))
    }

    /// Returns every status that the operation can respond with.
    pub fn statuses(&self) -> Vec<u16> {
        let problems = self.problems.iter().map(|problem| problem.status);
        self.responses.iter().map(|response| response.status).chain(problems).collect()
    }
}

impl Body {
    /// Returns a JSON body of which `example` has every field. `name` is that of the operation.
    pub fn json<T: Serialize + JsonSchema>(name: &str, example: &T) -> Self {
        Self { media_types: &["application/json"], content: Content::of(pascal_case(name), example) }
    }
}

impl Content {
    /// Returns the content of a type, with an example of it.
    pub fn of<T: Serialize + JsonSchema>(name: impl Into<String>, example: &T) -> Self {
        let example = serde_json::to_value(example).expect("bodies are structs of JSON values");
        Self { name: name.into(), schema: schema::of::<T>(), example }
    }
}

impl Response {
    /// Returns a 200 response with a JSON body.
    pub fn json(description: &'static str, content: Content) -> Self {
        Self { status: 200, description, headers: &[], content: Some(content), links: Vec::new() }
    }

    /// Returns a response with a record, and its version in `ETag`.
    pub fn record(status: u16, collection: &Collection) -> Self {
        let (schema, example) = (schema::view(collection), schema::record_example(collection));
        let content = Content { name: collection.record_name(), schema, example };
        let description = "The record as it is now.";
        Self { status, description, headers: &["ETag"], content: Some(content), links: Vec::new() }
    }

    /// Returns a response with a page of a list, and the next page in `Link`.
    pub fn page(description: &'static str, content: Content) -> Self {
        Self { status: 200, description, headers: &["Link"], content: Some(content), links: Vec::new() }
    }

    /// Returns a response without a body.
    pub fn empty(status: u16, description: &'static str, headers: &'static [&'static str]) -> Self {
        Self { status, description, headers, content: None, links: Vec::new() }
    }
}

impl ProblemResponse {
    fn shared(statuses: &[u16]) -> Vec<Self> {
        statuses.iter().map(|status| Self { status: *status, error: None }).collect()
    }
}
