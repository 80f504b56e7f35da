//! The decision about a request.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    bearer,
    event::AuthorizerEvent,
    identity,
    keys::Keys,
    policy::{MethodArn, Policy},
    refusal::Refusal,
    settings::Settings,
    token,
};
use crate::{access::Principal, operations::Operation};

/// The authorizer of an API.
pub struct Authorizer {
    settings: Settings,
    keys: Keys,
    operations: Vec<Operation>,
}

/// A decision that API Gateway caches: the principal, and what it may call.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorized {
    /// The id of the principal.
    pub principal_id: String,
    /// The policy.
    pub policy_document: Policy,
    /// The context of the request: strings, which the function receives in `requestContext.authorizer`.
    pub context: Map<String, Value>,
}

impl Authorizer {
    /// Creates the authorizer of an API with these operations.
    pub fn new(settings: Settings, keys: Keys, operations: Vec<Operation>) -> Self {
        Self { settings, keys, operations }
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Fetches the issuer's keys for the first request.
    pub async fn prime(&self) {
        self.keys.prime().await;
    }

    /// Decides about a request.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub async fn decide(&self, event: &AuthorizerEvent) -> Result<Authorized, Refusal> {
        let context = &event.request_context;
        let arn = MethodArn::parse(&event.method_arn).ok_or(Refusal::Event)?;
        if (arn.api, arn.stage) != (context.api_id.as_str(), context.stage.as_str()) {
            return Err(Refusal::Event);
        }
        let token = bearer::token(&event.header("authorization"))?;
        let claims = token::verify(token, &self.settings, &self.keys).await?;
        let principal = identity::principal(&claims, &self.settings)?;
        let policy_document = Policy::new(arn, &self.operations, |operation| operation.rule.may_admit(&principal));
        Ok(Authorized { policy_document, context: members(&principal), principal_id: principal.id })
    }
}

/// Returns the members of the context, from which the function reads the principal.
fn members(principal: &Principal) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("kind".into(), principal.kind.name().into());
    members.insert("roles".into(), principal.roles.join(" ").into());
    members.insert("scopes".into(), principal.scopes.join(" ").into());
    members.extend(principal.tenant.iter().map(|tenant| ("tenant".into(), tenant.as_str().into())));
    members
}
