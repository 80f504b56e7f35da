//! The principal of a request, from the context of the REST proxy event.

use lambda_http::Request;
use uuid::Uuid;

use super::event::{Authorizer, Context};
use crate::access::{Kind, MAX_TENANT_BYTES, Principal};

/// The roles of principals that have no token, from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Roles<'a> {
    /// The roles of the holders of API keys.
    pub of_applications: &'a [String],
    /// The roles of AWS roles and users.
    pub of_services: &'a [String],
}

/// Sets the principal of a request, which [`principal`] returns.
///
/// It is the authorizer's if an authorizer ran, else the IAM identity that signed the request, else the API key. A user
/// who sends an API key too has only the roles of the token.
pub fn identify(request: &mut Request, roles: Roles) {
    let principal = Context::of(request).map_or(Principal::ANONYMOUS, |context| from_context(context, roles));
    request.extensions_mut().insert(principal);
}

/// Returns the principal of a request.
pub fn principal(request: &Request) -> &Principal {
    static ANONYMOUS: Principal = Principal::ANONYMOUS;
    request.extensions().get().unwrap_or(&ANONYMOUS)
}

fn from_context(context: &Context, roles: Roles) -> Principal {
    let identity = &context.identity;
    // An authorizer whose context names no principal does not fall back to the API key.
    if let Some(authorizer) = &context.authorizer {
        return from_authorizer(authorizer, identity.api_key_id.as_ref()).unwrap_or_default();
    }
    let (kind, id, roles) = match (&identity.user_arn, &identity.api_key_id) {
        (Some(arn), _) => (Kind::Service, without_session(arn), roles.of_services),
        (None, Some(key)) => (Kind::Application, key.as_str(), roles.of_applications),
        (None, None) => return Principal::ANONYMOUS,
    };
    Principal { kind, id: id.to_owned(), roles: roles.to_vec(), ..Principal::default() }
}

/// Returns the authorizer's principal, or `None` if its context is incomplete or malformed.
fn from_authorizer(authorizer: &Authorizer, api_key: Option<&String>) -> Option<Principal> {
    let id = authorizer.principal_id.as_deref().filter(|id| !id.is_empty())?;
    let kind = match authorizer.kind.as_deref()? {
        "user" => Kind::User,
        "application" => Kind::Application,
        "service" => Kind::Service,
        _ => return None,
    };
    // A user's id is compared with the ids of records, which are in this form.
    let id = if kind == Kind::User { Uuid::try_parse(id).ok()?.to_string() } else { id.to_owned() };
    let tenant = authorizer.tenant.clone().filter(|tenant| !tenant.is_empty());
    if tenant.as_ref().is_some_and(|tenant| tenant.len() > MAX_TENANT_BYTES) {
        return None;
    }
    let words = |text: &Option<String>| {
        text.iter().flat_map(|text| text.split(' ')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (roles, scopes) = (words(&authorizer.roles), words(&authorizer.scopes));
    let application = api_key.filter(|_| kind == Kind::User).cloned();
    Some(Principal { kind, id, tenant, roles, scopes, application })
}

/// Returns an ARN without the name of the session, which differs each time the role is assumed.
///
/// `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION` (IAM user guide, "IAM identifiers").
fn without_session(arn: &str) -> &str {
    let is_assumed = arn.split(':').nth(5).is_some_and(|resource| resource.starts_with("assumed-role/"));
    if is_assumed { arn.rsplit_once('/').map_or(arn, |(role, _)| role) } else { arn }
}
