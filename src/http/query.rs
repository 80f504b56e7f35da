//! Reads the query string of a list.

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
    let mut query = ListQuery { limit: DEFAULT_LIMIT, order: Order::default(), filter: None, cursor: None };
    let mut faults = Vec::new();
    let parameters: Vec<(&str, &str)> =
        request.query_string_parameters_ref().map(|map| map.iter().collect()).unwrap_or_default();
    for (index, (name, value)) in parameters.iter().enumerate() {
        let outcome = if parameters[..index].iter().any(|(earlier, _)| earlier == name) {
            Err("must come once".to_owned())
        } else {
            read_parameter::<R>(&mut query, name, value)
        };
        if let Err(detail) = outcome {
            faults.push(Violation::parameter(*name, detail));
        }
    }
    if faults.is_empty() { Ok(query) } else { Err(Error::Invalid(faults)) }
}

fn read_parameter<R: Resource>(query: &mut ListQuery, name: &str, value: &str) -> Result<(), String> {
    match name {
        "limit" => {
            let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            query.limit = limit.ok_or_else(|| format!("must be an integer from 1 to {MAX_LIMIT}"))?;
        }
        "order" => {
            query.order = match value {
                "asc" => Order::Ascending,
                "desc" => Order::Descending,
                _ => return Err("must be asc or desc".into()),
            };
        }
        "cursor" => query.cursor = Some(value.to_owned()),
        _ => {
            let Some(filter) = R::FILTERS.iter().find(|filter| filter.field == name) else {
                return Err(format!("is not a parameter of this list: it takes {}", parameter_names::<R>()));
            };
            if query.filter.is_some() {
                return Err("cannot be combined with another filter: each is served by an index of its own".into());
            }
            query.filter = Some((filter, filter_value::<R>(filter, value)?));
        }
    }
    Ok(())
}

fn parameter_names<R: Resource>() -> String {
    let filters = R::FILTERS.iter().map(|filter| filter.field);
    ["limit", "order", "cursor"].into_iter().chain(filters).collect::<Vec<_>>().join(", ")
}

/// Checks a filter's value as the field itself would be, and brings it to the field's stored form.
fn filter_value<R: Resource>(filter: &Filter, value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Err("must not be empty".into());
    }
    let is_text = to_object(&R::example()).get(filter.field).is_some_and(Value::is_string);
    let typed = if is_text { value.into() } else { serde_json::from_str(value).unwrap_or_else(|_| value.into()) };
    let resource = merged_into_example::<R>(&Map::from_iter([(filter.field.to_owned(), typed)]))
        .map_err(|faults| faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; "))?;
    Ok(match to_object(&resource).remove(filter.field) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => value.to_owned(),
    })
}
