//! The principal of a request: the person, application or service that sends it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;

/// The maximum length of a tenant, in bytes. Tenants are a part of index keys.
pub const MAX_TENANT_BYTES: usize = 128;

/// The principal of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Principal {
    /// The kind.
    pub kind: Kind,
    /// The id, unique among the principals of a kind. Empty for [`Kind::Anonymous`].
    pub id: String,
    /// The tenant it acts for, if any.
    pub tenant: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// The scopes of its token.
    pub scopes: Vec<String>,
    /// The id of the API key with which a user sends the request, if any.
    pub application: Option<String>,
}

/// The kind of a principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nobody: the request has no credentials.
    #[default]
    Anonymous,
    /// A person with a token. The id is a UUID, see [`user_id`].
    User,
    /// The holder of an API key. The id is that of the key.
    Application,
    /// An AWS role or user whose request is signed. The id is its ARN.
    Service,
    /// A part of this service, such as a consumer. It may do everything.
    #[serde(skip)]
    System,
}

impl Kind {
    /// Returns the serialized name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::Application => "application",
            Self::Service => "service",
            Self::System => "system",
        }
    }
}

impl Principal {
    /// The principal of a request without credentials.
    pub const ANONYMOUS: Self = Self {
        kind: Kind::Anonymous,
        id: String::new(),
        tenant: None,
        roles: Vec::new(),
        scopes: Vec::new(),
        application: None,
    };

    /// Creates a part of this service, by its name.
    pub fn system(name: &str) -> Self {
        Self { kind: Kind::System, id: name.to_owned(), ..Self::default() }
    }

    /// Returns the id, or `None` for [`Kind::Anonymous`].
    pub fn known_id(&self) -> Option<&str> {
        (self.kind != Kind::Anonymous).then_some(&self.id)
    }

    /// Returns the error for a request that this principal may not make: without credentials it may help to send some.
    pub fn refusal(&self) -> Error {
        if self.kind == Kind::Anonymous { Error::Unauthenticated } else { Error::Forbidden }
    }

    /// Returns true if the principal has the role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// Returns true if the principal's token has the scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    /// Returns a text that only this principal in this tenant has: the scope of its idempotency keys and cursors.
    ///
    /// The lengths keep two principals apart whose ids and tenants contain the separator.
    pub fn identity(&self) -> String {
        let tenant = self.tenant.as_deref().unwrap_or_default();
        let has_tenant = u8::from(self.tenant.is_some());
        format!("{} {}:{} {has_tenant}{}:{tenant}", self.kind.name(), self.id.len(), self.id, tenant.len())
    }
}

/// Returns the id of the user whom an issuer names `subject`, so that it can be the id of a record.
///
/// It is the subject if that is a UUID, as of Amazon Cognito, and otherwise a UUID of version 5 in the namespace of the
/// issuer (RFC 9562 §5.5). It is the same for each token of the user.
///
/// ```
/// use serverless_crud::access::user_id;
///
/// let issuer = "https://login.example.com";
/// assert_eq!(user_id(issuer, "9f86d081-884c-4d65-9a2f-eaa0c55ad015").to_string(), "9f86d081-884c-4d65-9a2f-eaa0c55ad015");
/// assert_eq!(user_id(issuer, "auth0|ada"), user_id(issuer, "auth0|ada"));
/// assert_ne!(user_id(issuer, "auth0|ada"), user_id("https://other.example.com", "auth0|ada"));
/// ```
pub fn user_id(issuer: &str, subject: &str) -> Uuid {
    // Only in the form that ids have, so that two subjects never share an id.
    let uuid = Uuid::try_parse(subject).ok().filter(|uuid| uuid.to_string() == subject);
    uuid.unwrap_or_else(|| {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, issuer.as_bytes());
        Uuid::new_v5(&namespace, subject.as_bytes())
    })
}
