//! The callers of requests, as API Gateway describes them in an event.

use serde_json::{Value, json};
use uuid::Uuid;

/// A caller: the parts of the request context that identify it.
#[derive(Clone, Debug)]
pub struct Caller {
    pub identity: Value,
    pub authorizer: Value,
}

impl Caller {
    /// A caller without credentials.
    pub fn anonymous() -> Self {
        Self { identity: json!({}), authorizer: Value::Null }
    }

    /// The holder of an API key. The tests' service gives it the role `admin`.
    pub fn key(id: &str) -> Self {
        Self { identity: json!({ "apiKeyId": id }), authorizer: Value::Null }
    }

    /// An AWS role.
    pub fn service(arn: &str) -> Self {
        Self { identity: json!({ "userArn": arn }), authorizer: Value::Null }
    }

    /// A user, who sends an API key too.
    pub fn user(id: Uuid) -> Self {
        let authorizer = json!({ "kind": "user", "principalId": id });
        Self { identity: json!({ "apiKeyId": "app" }), authorizer }
    }

    pub fn of_kind(mut self, kind: &str) -> Self {
        self.authorizer["kind"] = kind.into();
        self
    }

    pub fn with_roles(mut self, roles: &str) -> Self {
        self.authorizer["roles"] = roles.into();
        self
    }

    pub fn with_scopes(mut self, scopes: &str) -> Self {
        self.authorizer["scopes"] = scopes.into();
        self
    }

    pub fn of_tenant(mut self, tenant: &str) -> Self {
        self.authorizer["tenant"] = tenant.into();
        self
    }
}
