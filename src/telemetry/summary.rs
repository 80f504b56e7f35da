//! The end of an event, as its line, its metrics and its segment report it.

use std::borrow::Cow;

use serde_json::Value;

use super::Level;

/// The end of an event.
#[derive(Debug, Default)]
pub struct Summary<'a> {
    /// The name of the event's function, if the event names no operation.
    pub function: &'a str,
    /// The status of the response to a request.
    pub status: Option<u16>,
    /// The method and path template of a request, such as `GET /v1/items/{id}`.
    pub route: &'a str,
    /// The kind of the principal of a request.
    pub principal_kind: Option<&'static str>,
    /// The size of the body of the response.
    pub bytes_out: usize,
    /// True if the event failed because of the service, whatever the status.
    pub has_failed: bool,
    /// The cause of a failure.
    pub cause: Option<Cow<'a, str>>,
}

impl Summary<'_> {
    /// Returns true if the event failed because of the service.
    pub fn is_failure(&self) -> bool {
        self.has_failed || self.status.is_some_and(|status| status >= 500)
    }

    /// Returns the method of a request.
    pub(super) fn method(&self) -> &str {
        self.route.split(' ').next().unwrap_or_default()
    }

    /// Returns the annotations of the event's segment, except those of the operation and the cause.
    pub(super) fn annotations(&self) -> Vec<(&'static str, Value)> {
        // `/v1/items/{id}`: the resource is the second part.
        let resource = self.route.split('/').nth(2).filter(|resource| !resource.is_empty());
        let status = self.status.map(|status| ("status", status.into()));
        let kind = self.principal_kind.map(|kind| ("principalKind", kind.into()));
        [status, kind, resource.map(|resource| ("resource", resource.into()))].into_iter().flatten().collect()
    }

    /// Returns the level of the line.
    pub(super) fn level(&self) -> Level {
        if self.is_failure() { Level::Error } else { Level::Info }
    }

    /// Returns true if the event is a read without an error, of which a sample is enough.
    pub(super) fn is_successful_read(&self) -> bool {
        self.status.is_some_and(|status| status < 400) && self.method() == "GET"
    }
}
