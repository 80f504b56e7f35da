//! Parsing of requests.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use lambda_http::{Body, Request, RequestExt};
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use validator::Validate;

use super::{body, event::Context, json, principal::principal};
use crate::{
    access::{Condition, Kind, Owner},
    error::{Error, Violation},
    record::{Edit, IdempotencyKey, Resource, merge_patch, parse_id, to_object},
};

/// The maximum size of a body: DynamoDB's limit for one item.
pub const MAX_BODY_BYTES: usize = 400 * 1024;

const MAX_IDEMPOTENCY_KEY_LENGTH: usize = 255;

/// Returns the id in the path.
///
/// # Errors
/// Returns [`Error::Invalid`] if it is not a UUID.
pub fn id(request: &Request) -> Result<Uuid, Error> {
    let parameters = request.path_parameters_ref();
    let text = parameters.and_then(|parameters| parameters.first("id")).unwrap_or_default();
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    parse_id(&decoded).ok_or_else(|| Error::Invalid(vec![Violation::parameter("id", "must be a UUID")]))
}

/// Decodes the resource in the body of a `PUT`. Without an owner, it belongs to the user who sends it, unless this user
/// may update all records: what an administrator leaves out is removed.
///
/// # Errors
/// Returns [`Error::Invalid`] with all violations, [`Error::TooLarge`] or [`Error::UnsupportedMediaType`].
fn resource<R: Resource>(request: &Request) -> Result<R, Error> {
    let value = json_body(request, &["application/json"])?;
    let is_unconditional = R::ACCESS.update.condition(principal(request), R::OWNER) == Condition::Always;
    body::decode(if is_unconditional { value } else { with_owner::<R>(value, request, false) }).map_err(Error::Invalid)
}

/// Sets the owner to the user who sends the request, if the body names none. With `keeps_null`, a null names nobody.
fn with_owner<R: Resource>(mut body: Value, request: &Request, keeps_null: bool) -> Value {
    let principal = principal(request);
    if let (Owner::Field(field), Kind::User, Some(members)) = (R::OWNER, principal.kind, body.as_object_mut())
        && members.get(field).is_none_or(|owner| owner.is_null() && !keeps_null)
    {
        members.insert(field.to_owned(), principal.id.as_str().into());
    }
    body
}

/// Decodes the body of a `PUT`, which is a whole resource, or of a `PATCH`, which is a JSON Merge Patch (RFC 7396).
///
/// A patch is validated by merging it into a valid resource: all violations are then in the patch.
///
/// # Errors
/// Returns the same errors as `resource`. Null for a required field is a violation.
pub fn edit<R: Resource>(request: &Request) -> Result<Edit<R>, Error> {
    if request.method() == Method::PUT {
        return resource(request).map(Edit::Replace);
    }
    let patch = json_body(request, &["application/merge-patch+json", "application/json"])?;
    let Value::Object(patch) = patch else {
        return Err(Error::Invalid(vec![Violation::pointer("", "must be a JSON object")]));
    };
    let values = merged_into_example(&patch).map_err(Error::Invalid)?;
    Ok(Edit::Merge { patch, values })
}

/// Merges a patch into a valid resource, and returns the result or the violations in the patch.
pub fn merged_into_example<R: Resource>(patch: &Map<String, Value>) -> Result<R, Vec<Violation>> {
    let example = Value::Object(to_object(&R::example()));
    let mut merged = example.clone();
    merge_patch(&mut merged, &Value::Object(patch.clone()));
    restore_unknown(&mut merged, patch, &example);
    body::decode(merged)
}

/// Restores unknown members that null removed from the merge, so that they are refused.
///
/// An unknown member could have the name of an internal attribute, and null would remove that attribute from the row.
fn restore_unknown(merged: &mut Value, patch: &Map<String, Value>, example: &Value) {
    let Some(members) = merged.as_object_mut() else { return };
    for (name, value) in patch {
        match (value, example.get(name), members.get_mut(name)) {
            (Value::Null, None, None) => drop(members.insert(name.clone(), Value::Null)),
            (Value::Object(inner), known, Some(merged)) => {
                restore_unknown(merged, inner, known.unwrap_or(&Value::Null));
            }
            _ => {}
        }
    }
}

fn json_body(request: &Request, accepted: &'static [&'static str]) -> Result<Value, Error> {
    let media_type = header(request, "content-type").unwrap_or_else(|| accepted[0].to_owned());
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !accepted.iter().any(|accepted| essence.eq_ignore_ascii_case(accepted)) {
        return Err(Error::UnsupportedMediaType { expected: accepted });
    }
    let bytes: &[u8] = match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    };
    if bytes.len() > MAX_BODY_BYTES {
        return Err(Error::TooLarge);
    }
    if bytes.is_empty() {
        return Err(Error::Invalid(vec![Violation::pointer("", "is missing")]));
    }
    json::parse(bytes).map_err(|fault| Error::Invalid(vec![fault]))
}

/// Returns the value of a header. Repeated headers are joined to one list (RFC 9110 §5.2).
pub fn header(request: &Request, name: &str) -> Option<String> {
    let values: Vec<_> =
        request.headers().get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Decodes the resource in the body of a `POST`, and its idempotency key if any. Without an owner, it belongs to the user
/// who sends it, unless one who may create any record sends null.
///
/// # Errors
/// Returns the same errors as `resource`. A key that is empty, too long or not printable ASCII is a violation.
pub fn creation<R: Resource>(request: &Request) -> Result<(R, Option<IdempotencyKey>), Error> {
    let may_create_any = R::ACCESS.create.condition(principal(request), R::OWNER) == Condition::Always;
    keyed(request, |value| body::decode(with_owner::<R>(value, request, may_create_any)))
}

/// Decodes the body of an action, and its idempotency key if any. `example` has every field of the body.
///
/// # Errors
/// Returns the same errors as [`creation`].
pub fn input<T: Serialize + DeserializeOwned + Validate>(
    request: &Request,
    example: &T,
) -> Result<(T, Option<IdempotencyKey>), Error> {
    keyed(request, |value| body::decode_as(value, example))
}

fn keyed<T>(
    request: &Request,
    decode: impl Fn(Value) -> Result<T, Vec<Violation>>,
) -> Result<(T, Option<IdempotencyKey>), Error> {
    let key = idempotency_key(request);
    let body = json_body(request, &["application/json"]).and_then(|value| {
        let fingerprint = matches!(key, Ok(Some(_))).then(|| URL_SAFE_NO_PAD.encode(Sha256::digest(value.to_string())));
        Ok((decode(value).map_err(Error::Invalid)?, fingerprint))
    });
    let (key, (decoded, fingerprint)) = Error::join(key, body)?;
    Ok((decoded, key.zip(fingerprint).map(|(key, fingerprint)| IdempotencyKey { key, fingerprint })))
}

/// Returns the idempotency key, bare or quoted as in the IETF draft. The principal and its tenant are a prefix, so that
/// two of them can use the same idempotency key.
fn idempotency_key(request: &Request) -> Result<Option<String>, Error> {
    let Some(value) = header(request, "idempotency-key") else { return Ok(None) };
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(&value);
    let is_printable = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY_LENGTH || !is_printable {
        let detail = format!("must be 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters without spaces");
        return Err(Error::header("Idempotency-Key", detail));
    }
    Ok(Some(format!("{}/{key}", principal(request).identity())))
}

/// The facts of a request that logs and responses need.
#[derive(Clone, Debug, Default)]
pub struct RequestFacts {
    /// The request id of API Gateway.
    pub request_id: String,
    /// The method and path template, such as `GET /v1/items/{id}`.
    pub route: String,
    /// The `Origin` header, if any.
    pub origin: Option<String>,
    /// The kind and id of the principal.
    pub principal: (Kind, String),
    /// The size of the body.
    pub body_length: usize,
    /// The time that was left when the response was ready.
    pub time_left: Duration,
}

impl RequestFacts {
    /// Returns the facts of a request.
    pub fn of(request: &Request) -> Self {
        let context = Context::of(request).cloned().unwrap_or_default();
        Self {
            request_id: context.request_id.unwrap_or_default(),
            route: format!("{} {}", request.method(), context.resource_path.unwrap_or_default()),
            origin: header(request, "origin"),
            principal: (principal(request).kind, principal(request).id.clone()),
            body_length: length(request.body()),
            time_left: Duration::ZERO,
        }
    }
}

/// Returns the size of a body in bytes.
pub fn length(body: &Body) -> usize {
    match body {
        Body::Text(text) => text.len(),
        Body::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}
