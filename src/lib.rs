//! A CRUD backend on AWS Lambda and DynamoDB.
//!
//! # The rooms
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`resources`] | what is stored: a struct each, with its constraints |
//! | [`record`] | the words all rooms share: `Resource`, `Record`, `Edit`, `ListQuery` |
//! | [`error`] | what can go wrong, by what the caller can do about it |
//! | [`http`] | reads requests, writes answers and problems |
//! | [`handlers`] | the verbs, generic over the resource |
//! | [`store`] | typed tables over DynamoDB |
//! | [`cursors`] | signed positions of pages, and the keys that sign them |
//! | [`config`] | the settings, from the environment |
//! | `deadline` | the time limit of the work in progress |
//! | [`app`] | what a cold start builds |
//! | [`actions`] | the operations beyond CRUD |
//! | [`operations`] | the list of operations, each with its contract |
//! | [`openapi`] | the contract as documents, derived from the list |
//! | [`functions`] | the functions of the one executable, by name |
//! | [`migrate`] | changes the data of live tables, as `migrations/` says |
//! | [`runtime`] | events in, answers out |
//! | [`streams`] | changes out of the tables' streams, and what is done with them |
//! | `local` | the local server: gateway and embedded DynamoDB |
//!
//! # The walk of a request
//!
//! API Gateway sends `PATCH /v1/items/{id}` as an event to the function `items_update`, which [`functions`]
//! found under the name in Lambda's handler setting. [`runtime`] reads it into a request and calls [`handlers::update`], which asks [`http`] for the id, the precondition and
//! the edit, and hands them to [`store::Table::update`]: one conditional write. The record comes back
//! through [`http`] as the answer; an [`error::Error`] comes back through [`runtime`] as a problem.
//!
//! # The walk of a change
//!
//! DynamoDB writes the change into the table's stream, and Lambda hands batches of it to two consumers.
//! [`streams::respond`] decodes each record into a [`streams::Change`], gives it to the consumer in the order of
//! its record, and answers with the first that failed, from which Lambda goes on. [`streams::answer`] has Lambda
//! halve a batch that begins with it, so that it takes no other along where it is given up. One of the two publishes
//! the change on the bus, from which every further consumer has it through a queue: [`streams::respond_to_messages`].
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
