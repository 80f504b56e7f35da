//! The principal that the claims of a token describe.

use serde_json::Value;

use super::{refusal::Reason, settings::Settings, token::Claims};
use crate::access::{Kind, MAX_TENANT_BYTES, Principal, user_id};

/// The maximum length of a subject (OpenID Connect Core 1.0, §2).
const MAX_LENGTH: usize = 255;

/// Returns the principal of a verified token.
///
/// # Errors
/// [`Reason::Claims`] if a claim is of the wrong type: a principal without some of its roles or without its tenant would be
/// another one.
pub fn principal(claims: &Claims, settings: &Settings) -> Result<Principal, Reason> {
    let subject = text(claims.get("sub").ok_or(Reason::Claims)?)?;
    let tenant = settings.tenant_claim.as_deref().and_then(|name| claim(claims, name));
    let roles = settings.roles_claims.iter().find_map(|name| claim(claims, name));
    Ok(Principal {
        kind: Kind::User,
        id: user_id(&settings.issuer, subject).to_string(),
        tenant: tenant.map(tenant_name).transpose()?,
        roles: roles.map_or_else(|| Ok(Vec::new()), |value| words(value, |text| vec![text]))?,
        scopes: claim(claims, &settings.scope_claim)
            .map_or_else(|| Ok(Vec::new()), |value| words(value, |text| text.split(' ').collect()))?,
        application: None,
    })
}

fn tenant_name(value: &Value) -> Result<String, Reason> {
    let name = text(value)?;
    if name.len() > MAX_TENANT_BYTES { Err(Reason::Claims) } else { Ok(name.to_owned()) }
}

/// Returns a claim by its name, or by a JSON Pointer (RFC 6901) if the name begins with a slash.
fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    let found = match name.strip_prefix('/').map(|rest| rest.split_once('/')) {
        None => claims.get(name),
        Some(None) => claims.get(&name[1..]),
        Some(Some((first, rest))) => claims.get(first)?.pointer(&format!("/{rest}")),
    };
    found.filter(|value| !value.is_null())
}

fn text(value: &Value) -> Result<&str, Reason> {
    let is_text = |text: &&str| !text.is_empty() && text.len() <= MAX_LENGTH && !text.contains(char::is_control);
    value.as_str().filter(is_text).ok_or(Reason::Claims)
}

/// Returns the words of a list, or of a text that `split` takes apart.
///
/// The context of the request separates them by spaces. An entry with a space in it would become two, and a group
/// `shop admin` the role `admin`: it is left out.
fn words<'a>(value: &'a Value, split: impl Fn(&'a str) -> Vec<&'a str>) -> Result<Vec<String>, Reason> {
    let entries = match value {
        Value::String(text) => split(text),
        Value::Array(list) => {
            list.iter().map(|entry| entry.as_str().ok_or(Reason::Claims)).collect::<Result<_, _>>()?
        }
        _ => return Err(Reason::Claims),
    };
    let is_word = |entry: &&str| !entry.is_empty() && !entry.contains(|c: char| c.is_whitespace() || c.is_control());
    Ok(entries.into_iter().filter(is_word).map(str::to_owned).collect())
}
