//! Reads the query string of a list or a history.

use lambda_http::{Request, RequestExt};
use serde_json::{Map, Value};

use super::request::merged_into_example;
use crate::{
    error::{Error, Violation},
    record::{Filter, ListQuery, Order, Resource, to_object},
};

/// How many records a page holds unless the request says so.
pub const DEFAULT_LIMIT: u8 = 20;
/// The most records a page holds.
pub const MAX_LIMIT: u8 = 100;

/// What a list request asks for: `limit`, `order`, `cursor` and at most one filter.
///
/// # Errors
/// [`Error::Invalid`] with every parameter that is unknown, repeated or malformed.
pub fn list_query<R: Resource>(request: &Request) -> Result<ListQuery, Error> {
    read_query(request, read_filter::<R>)
}

/// What a history request asks for: `limit`, `order` and `cursor`.
///
/// # Errors
/// As [`list_query`].
pub fn history_query(request: &Request) -> Result<ListQuery, Error> {
    read_query(request, |_, _, _| Err(unknown(&[])))
}

/// Reads a parameter that not every list has, or says what is wrong with it.
type ReadOther = fn(&mut ListQuery, &str, &str) -> Result<(), Vec<String>>;

fn read_query(request: &Request, read_other: ReadOther) -> Result<ListQuery, Error> {
    let mut query = ListQuery { limit: DEFAULT_LIMIT, order: Order::default(), filter: None, cursor: None };
    let mut faults = Vec::new();
    let parameters: Vec<(&str, &str)> =
        request.query_string_parameters_ref().map(|map| map.iter().collect()).unwrap_or_default();
    for (index, (name, value)) in parameters.iter().enumerate() {
        let outcome = if parameters[..index].iter().any(|(earlier, _)| earlier == name) {
            Err(vec!["must come once".to_owned()])
        } else {
            read_parameter(&mut query, name, value, read_other)
        };
        let details = outcome.err().unwrap_or_default();
        faults.extend(details.into_iter().map(|detail| Violation::parameter(*name, detail)));
    }
    if faults.is_empty() { Ok(query) } else { Err(Error::Invalid(faults)) }
}

fn read_parameter(query: &mut ListQuery, name: &str, value: &str, read_other: ReadOther) -> Result<(), Vec<String>> {
    match name {
        "limit" => {
            let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            query.limit = limit.ok_or_else(|| vec![format!("must be an integer from 1 to {MAX_LIMIT}")])?;
        }
        "order" => {
            query.order = match value {
                "asc" => Order::Ascending,
                "desc" => Order::Descending,
                _ => return Err(vec!["must be asc or desc".into()]),
            };
        }
        "cursor" => query.cursor = Some(value.to_owned()),
        _ => read_other(query, name, value)?,
    }
    Ok(())
}

fn read_filter<R: Resource>(query: &mut ListQuery, name: &str, value: &str) -> Result<(), Vec<String>> {
    let filter = R::FILTERS.iter().find(|filter| filter.field == name).ok_or_else(|| unknown(R::FILTERS))?;
    if query.filter.is_some() {
        return Err(vec!["cannot be combined with another filter: each is served by an index of its own".into()]);
    }
    query.filter = Some((filter, filter_value::<R>(filter, value)?));
    Ok(())
}

fn unknown(filters: &[Filter]) -> Vec<String> {
    let filters = filters.iter().map(|filter| filter.field);
    let names = ["limit", "order", "cursor"].into_iter().chain(filters).collect::<Vec<_>>().join(", ");
    vec![format!("is not a parameter of this list: it takes {names}")]
}

/// Checks a filter's value as the same value of the field in a body would be, and brings it to the field's stored form.
fn filter_value<R: Resource>(filter: &Filter, value: &str) -> Result<String, Vec<String>> {
    let example = to_object(&R::example());
    let sent = typed(value, example.get(filter.field));
    let resource = merged_into_example::<R>(&Map::from_iter([(filter.field.to_owned(), sent)]))
        .map_err(|faults| faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>())?;
    match to_object(&resource).remove(filter.field) {
        // An index has no empty keys.
        Some(Value::String(text)) if text.is_empty() => Err(vec!["must not be empty".into()]),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Ok(other.to_string()),
        None => Ok(value.to_owned()),
    }
}

/// The JSON value a query parameter stands for: text has no types, the field's example says which is meant.
///
/// A filter looks for a value, so that `null` is a text like any other.
fn typed(text: &str, example: Option<&Value>) -> Value {
    match (example, serde_json::from_str(text)) {
        (Some(Value::Number(_)), Ok(number @ Value::Number(_))) => number,
        (Some(Value::Bool(_)), Ok(boolean @ Value::Bool(_))) => boolean,
        _ => text.into(),
    }
}
