//! A CRUD backend on AWS Lambda and DynamoDB.
//!
//! A resource is a struct in [`resources`]: its fields, their constraints, its unique fields, references and filters. An
//! operation is a value of [`operations`]: method, path, parameters, responses, permissions and handler. The Lambda
//! functions, the tables, the API with its validation, the OpenAPI document and the client follow from these two.
//!
//! To read the code, follow one request below, from [`handlers::update`] to [`store::Table::update`]. To change it, start
//! with CONTRIBUTING.md: it has the steps to add a field, a filter, a resource, an action or a consumer.
//!
//! # Modules
//!
//! | module | content |
//! | --- | --- |
//! | [`service`] | the list of what this project serves: its resources, actions, consumers and migrations |
//! | [`resources`] | the resources: one struct each, with the constraints of its fields |
//! | [`access`] | the principal of a request, and the rules of what it may do |
//! | [`record`] | the types that all modules share: `Resource`, `Record`, `Edit`, `ListQuery` |
//! | [`error`] | the error enum, by what the client can do about an error |
//! | [`http`] | parsing of requests, building of responses and problem details |
//! | [`https`] | the HTTPS client for APIs other than those of AWS |
//! | [`handlers`] | the CRUD handlers, generic over the resource |
//! | [`actions`] | the operations beyond CRUD, one file each |
//! | [`consumers`] | the consumers of events, one file each |
//! | [`operations`] | operations as values with their contracts, and the CRUD operations |
//! | [`store`] | typed access to the DynamoDB tables |
//! | [`secrets`] | secrets in AWS Secrets Manager |
//! | [`cursors`] | signed positions in a list, and the keys that sign them |
//! | [`config`] | the configuration, read from environment variables |
//! | [`deadline`] | the deadline of the current request |
//! | [`upstream`] | the client of another service's API, for actions |
//! | [`telemetry`] | the log line of each event, its metrics and its X-Ray segments |
//! | [`app`] | the state that a cold start builds and all requests share |
//! | [`authorizer`] | the authorizer: bearer tokens in, policies of what their users may call out |
//! | [`functions`] | a service: the list of its operations, consumers and jobs, which are the Lambda functions of the one executable |
//! | [`runtime`] | the Lambda runtime loop: events in, responses out |
//! | [`streams`] | the consumers of the tables' change streams and of the event bus |
//! | [`migrate`] | data migrations on live tables |
//! | `gateway` | routes, proxy events and own responses of API Gateway (feature `local`) |
//! | `openapi` | the OpenAPI document and the event schemas (feature `local`) |
//! | `local` | the local server: a gateway and an embedded DynamoDB (feature `local`) |
//! | `operator` | the operator's command `crud` (feature `operator`) |
//! | `programs` | the programs in `src/bin`, which take the service (feature `local`) |
//!
//! # One request
//!
//! A client sends `PATCH /v1/items/{id}`.
//!
//! 1. API Gateway checks the API key and the body, and invokes the function `items_update` with a proxy event.
//!    [`functions::serve`] selected the function at the cold start by Lambda's handler setting.
//! 2. [`runtime::respond`] parses the event into a request and calls [`handlers::update`] with a time limit.
//! 3. The handler uses [`http`] to read the id, the precondition and the edit from the request.
//! 4. [`store::Table::update`] sends one conditional write to DynamoDB. The precondition and the access rule for the
//!    [`access::Principal`] are part of its condition expression, so that a concurrent write cannot come in between.
//! 5. The handler returns the new record as a response. If any step returned an [`error::Error`], the runtime turns it
//!    into a problem details response (RFC 9457).
//! 6. The runtime writes one log line, which has the metrics too, and returns the response to API Gateway.
//!
//! # One change
//!
//! The write above is also a record in the stream of its table.
//!
//! 1. Lambda delivers batches of stream records to two functions: `audit_append` and `events_publish`.
//! 2. [`streams::respond_or_fail`] decodes each record and passes it to the function's [`streams::Consumer`]. Records
//!    of the same item keep their order.
//! 3. The response names the first record that failed. Lambda retries from there, and sends a record that keeps failing
//!    to a bucket for failed records.
//! 4. `audit_append` writes the change to the history of the item. `events_publish` publishes it to EventBridge.
//! 5. EventBridge puts the event into the queue of each subscribed consumer. Lambda passes the messages to
//!    [`streams::respond_to_messages`], which calls the [`streams::EventConsumer`]. Messages that fail stay in the
//!    queue, and finally go to its dead-letter queue.
#![forbid(unsafe_code)]

pub mod access;
pub mod actions;
pub mod app;
pub mod authorizer;
pub mod config;
pub mod consumers;
pub mod cursors;
pub mod deadline;
pub mod error;
pub mod functions;
#[cfg(feature = "local")]
pub mod gateway;
pub mod handlers;
pub mod http;
pub mod https;
#[cfg(feature = "local")]
pub mod local;
pub mod migrate;
#[path = "../migrations/mod.rs"]
mod migrations;
#[cfg(feature = "local")]
pub mod openapi;
pub mod operations;
#[cfg(feature = "operator")]
pub mod operator;
#[cfg(feature = "local")]
pub mod programs;
pub mod record;
pub mod resources;
pub mod runtime;
pub mod secrets;
mod service;
pub mod store;
pub mod streams;
pub mod telemetry;
pub mod upstream;

pub use service::service;
