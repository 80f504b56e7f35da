//! Parsing of the query string of lists and histories.

use lambda_http::{Request, RequestExt};
use serde_json::{Map, Value};

use super::request::merged_into_example;
use crate::{
    error::{Error, Violation},
    record::{Filter, ListQuery, Order, Resource, to_object},
};

/// The default number of records per page.
pub const DEFAULT_LIMIT: u8 = 20;
/// The maximum number of records per page.
pub const MAX_LIMIT: u8 = 100;

/// Parses the query of a list: `limit`, `order`, `cursor` and at most one filter.
///
/// # Errors
/// Returns [`Error::Invalid`] with all unknown, repeated or malformed parameters.
pub fn list_query<R: Resource>(request: &Request) -> Result<ListQuery, Error> {
    read_query(request, read_filter::<R>)
}

/// Parses the query of a history: `limit`, `order` and `cursor`.
///
/// # Errors
/// Returns the same errors as [`list_query`].
pub fn history_query(request: &Request) -> Result<ListQuery, Error> {
    read_query(request, |_, _, _| Err(unknown(&[])))
}

/// A parser of the parameters that only some lists have. Returns the violations.
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

/// Validates a filter's value like the same field in a body, and converts it to the stored form.
fn filter_value<R: Resource>(filter: &Filter, value: &str) -> Result<String, Vec<String>> {
    let example = to_object(&R::example());
    let sent = typed(value, example.get(filter.field));
    let resource = merged_into_example::<R>(&Map::from_iter([(filter.field.to_owned(), sent)]))
        .map_err(|faults| faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>())?;
    match to_object(&resource).remove(filter.field) {
        // DynamoDB does not accept empty index keys.
        Some(Value::String(text)) if text.is_empty() => Err(vec!["must not be empty".into()]),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Ok(other.to_string()),
        None => Ok(value.to_owned()),
    }
}

/// Converts a query parameter to a JSON value of the same type as the field's example.
///
/// `null` is ordinary text, since a filter always matches a value.
fn typed(text: &str, example: Option<&Value>) -> Value {
    match (example, serde_json::from_str(text)) {
        (Some(Value::Number(_)), Ok(number @ Value::Number(_))) => number,
        (Some(Value::Bool(_)), Ok(boolean @ Value::Bool(_))) => boolean,
        _ => text.into(),
    }
}
