//! An operation: a method on a path, its handler, and its contract.

use std::{pin::Pin, sync::Arc};

use super::Contract;
use crate::{
    app::App,
    error::Error,
    http::{Answer, Request},
};

/// An operation of the API.
///
/// Every cold start builds the list of operations. The contract is behind a function pointer, which a build without the
/// feature `local` drops.
#[derive(Clone)]
pub struct Operation {
    /// The HTTP method.
    pub method: &'static str,
    /// The path template.
    pub path: String,
    /// The name of the operation: its operationId, its sample event and, unless [`Operation::function`] differs, its
    /// function.
    pub name: String,
    /// The name of its Lambda function, which is Lambda's handler setting. Operations of one function share the handler.
    pub function: String,
    /// The callers that it allows.
    pub access: Access,
    /// The code.
    pub handler: Handler,
    #[cfg(feature = "local")]
    contract: fn() -> Contract,
}

/// The callers that an operation allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Callers with an API key.
    ApiKey,
}

/// The code of an operation.
pub type Handler = Arc<dyn Fn(Arc<App>, Request) -> HandlerFuture + Send + Sync>;
/// The result of a [`Handler`].
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

impl Operation {
    /// Returns an operation with its own function, for callers with an API key.
    pub fn new<H, F>(
        method: &'static str,
        path: impl Into<String>,
        name: impl Into<String>,
        handler: H,
        contract: fn() -> Contract,
    ) -> Self
    where
        H: Fn(Arc<App>, Request) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        let name = name.into();
        #[cfg(not(feature = "local"))]
        let _ = contract;
        Self {
            method,
            path: path.into(),
            function: name.clone(),
            name,
            access: Access::ApiKey,
            handler: Arc::new(move |app, request| Box::pin(handler(app, request))),
            #[cfg(feature = "local")]
            contract,
        }
    }

    /// Returns another operation on the same path, with the same function.
    pub fn variant(&self, method: &'static str, name: impl Into<String>, contract: fn() -> Contract) -> Self {
        #[cfg(not(feature = "local"))]
        let _ = contract;
        Self {
            method,
            name: name.into(),
            #[cfg(feature = "local")]
            contract,
            ..self.clone()
        }
    }

    /// Returns true if the path contains the id of a record.
    pub fn has_id(&self) -> bool {
        self.path.contains("{id}")
    }
}

#[cfg(feature = "local")]
impl Operation {
    /// Generates the contract of the operation.
    pub fn contract(&self) -> Contract {
        (self.contract)()
    }
}
