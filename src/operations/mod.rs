//! Operations as values, with their contracts, and the CRUD operations of a resource.

mod collection;
mod contract;
mod crud;
mod grant;
pub mod history;
mod operation;
pub mod parameters;
pub mod schema;

pub use collection::{Collection, pascal_case};
pub use contract::{ACTIONS, Body, Content, Contract, Link, Parameter, ProblemResponse, Response};
pub use crud::crud;
pub use grant::Grant;
pub use operation::{Handler, HandlerFuture, Operation};
