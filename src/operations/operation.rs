//! An operation: a method on a path, the function that carries it out, and its contract.

use std::{pin::Pin, sync::Arc};

use super::Contract;
use crate::{
    app::App,
    error::Error,
    http::{Answer, Request},
};

/// An operation of the API.
///
/// A function's cold start builds the list of them: what only the contract needs is behind a function pointer, which a
/// build without the feature `local` drops.
#[derive(Clone)]
pub struct Operation {
    /// The HTTP method.
    pub method: &'static str,
    /// The path template.
    pub path: String,
    /// The operation's name: operationId, sample event and, unless [`Operation::function`] says otherwise, function.
    pub name: String,
    /// The function that carries it out: Lambda's handler setting. Operations that share one share the handler.
    pub function: String,
    /// The callers it lets through.
    pub access: Access,
    /// The code.
    pub handler: Handler,
    #[cfg(feature = "local")]
    contract: fn() -> Contract,
}

/// The callers an operation lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Those with an API key.
    ApiKey,
}

/// The code of an operation.
pub type Handler = Arc<dyn Fn(Arc<App>, Request) -> HandlerFuture + Send + Sync>;
/// The result of a [`Handler`].
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

impl Operation {
    /// An operation in a function of its own, for callers with an API key.
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

    /// Another operation on the same path, in the same function.
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

    /// Returns true if its path names a record.
    pub fn has_id(&self) -> bool {
        self.path.contains("{id}")
    }
}

#[cfg(feature = "local")]
impl Operation {
    /// Generates what the operation takes, answers and needs.
    pub fn contract(&self) -> Contract {
        (self.contract)()
    }
}
