//! The event of a REQUEST authorizer. Only the used fields are read.
//!
//! The shape: Amazon API Gateway developer guide, "Input to an API Gateway Lambda authorizer".

use std::collections::HashMap;

use serde::Deserialize;

/// A request that API Gateway asks about.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent {
    /// The ARN of the method, with the path as the client sent it.
    pub method_arn: String,
    /// The headers by name, in the client's spelling.
    pub multi_value_headers: Option<HashMap<String, Vec<String>>>,
    /// The API, its stage, and the id of the request.
    pub request_context: RequestContext,
}

/// The context of the request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// The id of the API.
    pub api_id: String,
    /// The stage.
    pub stage: String,
    /// The id of the request.
    pub request_id: Option<String>,
}

impl AuthorizerEvent {
    /// Creates the event of a request to an API and its stage. ARN and headers are added to it.
    pub fn new(api_id: &str, stage: &str, request_id: &str) -> Self {
        let (api_id, stage, request_id) = (api_id.to_owned(), stage.to_owned(), Some(request_id.to_owned()));
        let request_context = RequestContext { api_id, stage, request_id };
        Self { method_arn: String::new(), multi_value_headers: None, request_context }
    }

    /// Adds a header.
    pub fn add_header(&mut self, name: &str, value: String) {
        self.multi_value_headers.get_or_insert_default().entry(name.to_owned()).or_default().push(value);
    }

    /// Returns all values of a header. Its name is compared without regard to case.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.multi_value_headers.iter().flatten();
        let named = headers.filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.flat_map(|(_, values)| values).map(String::as_str).collect()
    }
}
