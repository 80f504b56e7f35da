//! Parsing of the REST proxy event (payload version 1.0) that API Gateway sends. Only the used fields are read.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    error::Error as StdError,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use lambda_http::{Body, Request, RequestExt};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// The context that API Gateway adds to a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The request id of API Gateway.
    pub request_id: Option<String>,
    /// The path template, such as `/v1/items/{id}`.
    pub resource_path: Option<String>,
    /// The path that the client sent, with the stage or base path.
    pub path: Option<String>,
    #[serde(default)]
    pub(super) identity: Identity,
    pub(super) authorizer: Option<Authorizer>,
}

/// The API key or IAM identity of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub api_key_id: Option<String>,
    pub user_arn: Option<String>,
}

/// The context that the authorizer returned. API Gateway passes texts, numbers and booleans, all as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authorizer {
    pub kind: Option<String>,
    pub principal_id: Option<String>,
    pub tenant: Option<String>,
    pub roles: Option<String>,
    pub scopes: Option<String>,
}

impl Context {
    /// Returns the context of a request.
    pub fn of(request: &Request) -> Option<&Self> {
        request.extensions().get()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    http_method: Text<'a>,
    #[serde(borrow)]
    multi_value_headers: Option<Headers<'a>>,
    multi_value_query_string_parameters: Option<HashMap<String, Vec<String>>>,
    /// Parsed only if the event has no multi-value headers, as in test events written by hand.
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    query_string_parameters: Option<&'a RawValue>,
    path_parameters: Option<HashMap<String, String>>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(default)]
    request_context: Context,
}

/// A string that borrows from the event unless it contains escapes.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

type Headers<'a> = BTreeMap<Text<'a>, Vec<Text<'a>>>;

/// Parses an event.
///
/// # Errors
/// Returns [`Error::Internal`] if `text` is not such an event.
pub fn event(text: &str) -> Result<Request, Error> {
    read(text).map_err(Error::Internal)
}

fn read(text: &str) -> Result<Request, Box<dyn StdError + Send + Sync>> {
    let event: Event = serde_json::from_str(text)?;
    let mut request = Request::new(match event.body {
        None => Body::Empty,
        Some(body) if event.is_base64_encoded => Body::Binary(STANDARD.decode(&*body.0)?),
        Some(body) => Body::Text(body.0.into_owned()),
    });
    *request.method_mut() = event.http_method.0.parse()?;
    *request.headers_mut() = headers(&match (event.multi_value_headers, event.headers) {
        (Some(lists), _) => lists,
        (None, single) => single_values(single)?,
    })?;
    let query = match (event.multi_value_query_string_parameters, event.query_string_parameters) {
        (Some(lists), _) => lists,
        (None, single) => single_values(single)?,
    };
    *request.extensions_mut() = Extensions::new()
        .with_query_string_parameters(query)
        .with_path_parameters(event.path_parameters.unwrap_or_default());
    request.extensions_mut().insert(event.request_context);
    Ok(request)
}

/// Converts a map of values to a map of single-element lists.
fn single_values<'a, K, V, M>(map: Option<&'a RawValue>) -> Result<M, serde_json::Error>
where
    K: Deserialize<'a> + Ord,
    V: Deserialize<'a>,
    M: FromIterator<(K, Vec<V>)>,
{
    let map: Option<BTreeMap<K, V>> = map.map(|text| serde_json::from_str(text.get())).transpose()?;
    Ok(map.into_iter().flatten().map(|(name, value)| (name, vec![value])).collect())
}

/// Converts the headers. The `http` crate refuses control characters in values, so each becomes a space. A precondition
/// or idempotency key is then invalid and the request is refused. Without the header, the request would run unguarded.
fn headers(lists: &Headers) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::with_capacity(lists.len());
    for (Text(name), values) in lists {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        for Text(value) in values {
            let value = HeaderValue::from_str(value)
                .or_else(|_| HeaderValue::from_bytes(value.replace(char::is_control, " ").as_bytes()))?;
            headers.append(&name, value);
        }
    }
    Ok(headers)
}
