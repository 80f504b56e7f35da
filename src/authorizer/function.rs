//! The authorizer as a Lambda function.

use std::{process::ExitCode, sync::Arc};

use lambda_http::lambda_runtime;

use super::{
    decision::{Authorized, Authorizer},
    discovery::Discovery,
    event::AuthorizerEvent,
    keys::Keys,
    refresh::Intervals,
    refusal::Refusal,
    settings::Settings,
};
use crate::{
    operations::Operation,
    runtime,
    telemetry::{Summary, observe},
};

/// The name of the function: Lambda's handler setting.
pub const FUNCTION: &str = "authorizer";

/// The text of an error that API Gateway answers with 401. It answers any other error with 500, see the gateway response
/// `AUTHORIZER_FAILURE` (Amazon API Gateway developer guide, "Troubleshooting" of Lambda authorizers).
const UNAUTHORIZED: &str = "Unauthorized";

/// Runs the authorizer of these operations as a Lambda function.
pub fn serve(operations: Vec<Operation>) -> ExitCode {
    let start = async move || {
        let settings = Settings::from_env()?;
        let keys = Keys::discovered(Discovery::new(&settings), Intervals::default());
        let authorizer = Authorizer::new(settings, keys, operations);
        authorizer.prime().await;
        Ok(Arc::new(authorizer))
    };
    runtime::serve_with(start, async |authorizer: Arc<Authorizer>, event: AuthorizerEvent, _| {
        let decided = respond(&authorizer, &event).await;
        decided.map_err(|refusal| match refusal {
            Refusal::Token(_) => UNAUTHORIZED.into(),
            Refusal::Unavailable => "the keys of the issuer are not available".into(),
            Refusal::Event => lambda_runtime::Error::from("the event is not of a method of its API"),
        })
    })
}

/// Decides about a request, and writes one log line, which has nothing of the token.
///
/// # Errors
/// A [`Refusal`].
pub async fn respond(authorizer: &Authorizer, event: &AuthorizerEvent) -> Result<Authorized, Refusal> {
    let (decided, observation) = observe(authorizer.decide(event)).await;
    let (decision, reason) = match &decided {
        Ok(authorized) if authorized.policy_document.allows(&event.method_arn) => ("allow", None),
        Ok(_) => ("deny", None),
        Err(Refusal::Token(reason)) => ("unauthorized", Some(reason.code())),
        Err(Refusal::Unavailable) => ("unavailable", Some("issuer")),
        Err(Refusal::Event) => ("unavailable", Some("event")),
    };
    let summary = Summary { function: FUNCTION, has_failed: decision == "unavailable", ..Summary::default() };
    observation.report(authorizer.settings().log_level, &summary, |line| {
        line.field("requestId", &event.request_context.request_id);
        line.field("decision", decision);
        // Lambda counts an error for it; one without a line is a crash.
        line.field("callFailed", decided.is_err());
        line.field("reason", reason);
        line.field("principalId", decided.as_ref().ok().map(|authorized| &authorized.principal_id));
    });
    decided
}
