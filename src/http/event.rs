//! The REST proxy event (payload version 1.0) API Gateway sends: what is read of it, and nothing else.

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

/// What API Gateway knows of a request besides the request itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// API Gateway's id of the request.
    pub request_id: Option<String>,
    /// The path template, as in `/v1/items/{id}`.
    pub resource_path: Option<String>,
    /// The path as the client sees it, with the stage or base path.
    pub path: Option<String>,
    #[serde(default)]
    identity: Identity,
    authorizer: Option<Authorizer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    api_key_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorizer {
    principal_id: Option<String>,
}

impl Context {
    /// That of a request.
    pub fn of(request: &Request) -> Option<&Self> {
        request.extensions().get()
    }
}

/// Who sends the request, as far as API Gateway knows: an authorizer's principal, or the id of the API key.
pub fn caller(request: &Request) -> Option<String> {
    let context = Context::of(request)?;
    let principal = context.authorizer.as_ref().and_then(|authorizer| authorizer.principal_id.as_ref());
    principal.or(context.identity.api_key_id.as_ref()).cloned()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    http_method: Text<'a>,
    #[serde(borrow)]
    multi_value_headers: Option<Headers<'a>>,
    multi_value_query_string_parameters: Option<HashMap<String, Vec<String>>>,
    /// Read only where an event, one written by hand for a test, has no lists.
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

/// A text that is copied only where the event has it escaped.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

type Headers<'a> = BTreeMap<Text<'a>, Vec<Text<'a>>>;

/// Reads an event.
///
/// # Errors
/// When `text` is no such event.
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

/// A map of values as one of lists with one value each.
fn single_values<'a, K, V, M>(map: Option<&'a RawValue>) -> Result<M, serde_json::Error>
where
    K: Deserialize<'a> + Ord,
    V: Deserialize<'a>,
    M: FromIterator<(K, Vec<V>)>,
{
    let map: Option<BTreeMap<K, V>> = map.map(|text| serde_json::from_str(text.get())).transpose()?;
    Ok(map.into_iter().flatten().map(|(name, value)| (name, vec![value])).collect())
}

/// The headers. `http` refuses control characters in a value: each becomes a space. A precondition or an idempotency
/// key does not survive that, so that the request is refused; without the header it would be carried out unguarded.
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
