//! An operation: a method on a path, its handler, and its contract.

use std::{future, pin::Pin, sync::Arc};

use super::Contract;
use crate::{
    access::{Kind, Rule},
    app::App,
    error::Error,
    http::{self, Answer, Request},
    telemetry,
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
    /// The name of its Lambda function, which is Lambda's handler setting. Operations of one function differ in
    /// their methods.
    pub function: String,
    /// The principals that it allows.
    pub rule: Rule,
    /// The code.
    pub handler: Handler,
    /// The code without the name of the operation.
    unnamed: Handler,
    #[cfg(feature = "local")]
    contract: fn() -> Contract,
}

/// The code of an operation.
pub type Handler = Arc<dyn Fn(Arc<App>, Request) -> HandlerFuture + Send + Sync>;
/// The result of a [`Handler`].
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

impl Operation {
    /// Returns an operation with its own function.
    ///
    /// A request of a principal that the rule admits to no record is refused before the handler runs. The part of the rule
    /// about the record is evaluated by the store.
    pub fn new<H, F>(
        method: &'static str,
        path: impl Into<String>,
        name: impl Into<String>,
        rule: Rule,
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
        let unnamed: Handler = Arc::new(move |app, request| {
            let principal = http::principal(&request);
            if rule.may_admit(principal) {
                Box::pin(handler(app, request))
            } else {
                Box::pin(future::ready(Err(principal.refusal())))
            }
        });
        Self {
            method,
            path: path.into(),
            function: name.clone(),
            handler: named(&name, &unnamed),
            unnamed,
            name,
            rule,
            #[cfg(feature = "local")]
            contract,
        }
    }

    /// Returns another operation on the same path, with the same function.
    pub fn variant(&self, method: &'static str, name: impl Into<String>, contract: fn() -> Contract) -> Self {
        #[cfg(not(feature = "local"))]
        let _ = contract;
        let name = name.into();
        Self {
            method,
            handler: named(&name, &self.unnamed),
            name,
            #[cfg(feature = "local")]
            contract,
            ..self.clone()
        }
    }

    /// Returns true if callers need no credentials. A stage then asks for none, unless its options name the operation.
    pub fn is_public(&self) -> bool {
        self.rule.may_admit_kind(Kind::Anonymous)
    }

    /// Returns true if the path contains the id of a record.
    pub fn has_id(&self) -> bool {
        self.path.contains("{id}")
    }
}

/// Returns the code of an operation, which tells telemetry the name of the operation.
fn named(name: &str, handler: &Handler) -> Handler {
    let (name, handler) = (name.to_owned(), handler.clone());
    Arc::new(move |app, request| {
        telemetry::set_operation(&name);
        handler(app, request)
    })
}

#[cfg(feature = "local")]
impl Operation {
    /// Generates the contract of the operation.
    pub fn contract(&self) -> Contract {
        (self.contract)()
    }
}
