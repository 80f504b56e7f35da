//! A CRUD backend on AWS Lambda and DynamoDB.
//!
//! # Modules
//!
//! | module | content |
//! | --- | --- |
//! | [`resources`] | the stored resources: one struct each, with its constraints |
//! | [`record`] | the types that all modules share: `Resource`, `Record`, `Edit`, `ListQuery` |
//! | [`error`] | the error type |
//! | [`http`] | parsing of requests, construction of responses and problems |
//! | [`handlers`] | the CRUD handlers, generic over the resource |
//! | [`store`] | typed tables over DynamoDB |
//! | [`cursors`] | signed cursors of pages, and the keys that sign them |
//! | [`config`] | the settings, from environment variables |
//! | `deadline` | the deadline of the current task |
//! | [`app`] | the application that a cold start builds |
//! | [`actions`] | the operations beyond CRUD |
//! | [`operations`] | the list of operations with their contracts |
//! | [`openapi`] | the documents derived from the operations |
//! | [`functions`] | the functions of the executable, by name |
//! | [`migrate`] | migrations of the data of live tables, from `migrations/` |
//! | [`runtime`] | the runtime, which turns events into responses |
//! | [`streams`] | the consumers of table streams and queues |
//! | `local` | the local server: gateway and embedded DynamoDB |
//!
//! # The path of a request
//!
//! API Gateway sends `PATCH /v1/items/{id}` as an event to the function `items_update`, which [`functions`] looks up by
//! the name in Lambda's handler setting. [`runtime`] parses the event into a request and calls [`handlers::update`]. The
//! handler gets the id, the precondition and the edit from [`http`] and passes them to [`store::Table::update`], which
//! sends one conditional write. [`http`] converts the record to the response. [`runtime`] converts an [`error::Error`]
//! to a problem.
//!
//! # The path of a change
//!
//! DynamoDB writes the change to the stream of the table, and Lambda sends batches of stream records to two consumers.
//! [`streams::respond`] decodes each record into a [`streams::Change`], passes the changes of a record to the consumer
//! in order, and returns the first failed one, from which Lambda retries. [`streams::answer`] makes Lambda bisect a batch
//! that begins with a failed record, so that no other record is discarded with it. One of the consumers publishes the
//! change on the event bus. All further consumers receive it through queues: [`streams::respond_to_messages`].
#![forbid(unsafe_code)]

pub mod actions;
pub mod app;
pub mod config;
pub mod cursors;
mod deadline;
pub mod error;
pub mod functions;
pub mod handlers;
pub mod http;
#[cfg(feature = "local")]
pub mod local;
pub mod migrate;
#[cfg(feature = "local")]
pub mod openapi;
pub mod operations;
pub mod record;
pub mod resources;
pub mod runtime;
pub mod store;
pub mod streams;
