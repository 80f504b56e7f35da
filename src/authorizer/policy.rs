//! The policy of a principal: the methods of the API that it may call.
//!
//! API Gateway caches the policy by the token, and evaluates it for each request with the token, whatever its method
//! (Amazon API Gateway developer guide, "Output from an API Gateway Lambda authorizer"). So it covers the whole API, and
//! nothing but this API and stage.

use serde::Serialize;

use crate::operations::Operation;

/// The ARN of a method: `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`.
#[derive(Clone, Copy, Debug)]
pub struct MethodArn<'a> {
    /// The part up to the account, with the colon after it.
    prefix: &'a str,
    /// The id of the API.
    pub api: &'a str,
    /// The stage.
    pub stage: &'a str,
}

impl<'a> MethodArn<'a> {
    /// Parses the ARN. Returns none for another service's, or one whose API or stage is not a plain name.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, _partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let mut segments = resource.split('/');
        let (api, stage, method) = (segments.next()?, segments.next()?, segments.next()?);
        // A wildcard in one of them would widen the policy.
        let is_name = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_method =
            arn == "arn" && service == "execute-api" && [region, account, api, stage, method].into_iter().all(is_name);
        is_method.then(|| Self { prefix: &text[..text.len() - resource.len()], api, stage })
    }

    fn resource(&self, pattern: &str) -> String {
        format!("{}{}/{}/{pattern}", self.prefix, self.api, self.stage)
    }
}

/// The policy document (IAM user guide, "IAM JSON policy elements reference").
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: Effect,
    resource: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
enum Effect {
    Allow,
    Deny,
}

impl Policy {
    /// Creates the policy that allows those of the operations which `is_allowed` selects.
    ///
    /// A `*` in a policy spans several segments of a path: the pattern of `GET /v1/items/{id}` also matches
    /// `GET /v1/items/{id}/history`. An operation that is not allowed, but matched, is denied by its own pattern, and a Deny
    /// takes precedence.
    pub fn new(arn: MethodArn, operations: &[Operation], is_allowed: impl Fn(&Operation) -> bool) -> Self {
        let (allowed, others): (Vec<&Operation>, Vec<_>) =
            operations.iter().partition(|operation| is_allowed(operation));
        let allow = without_covered(allowed.iter().map(|operation| pattern(operation, &others)).collect());
        let others = others.into_iter().map(|operation| format!("{}/{}", operation.method, path_pattern(operation)));
        let deny: Vec<_> = others.filter(|other| allow.iter().any(|own| matches(own, other))).collect();
        // A policy needs a statement. This one denies the whole stage.
        let deny = if allow.is_empty() { vec!["*".into()] } else { deny };
        let statement = |effect, patterns: Vec<String>| Statement {
            action: "execute-api:Invoke",
            effect,
            resource: patterns.iter().map(|pattern| arn.resource(pattern)).collect(),
        };
        let statements = [statement(Effect::Allow, allow), statement(Effect::Deny, deny)];
        let statements = statements.into_iter().filter(|statement| !statement.resource.is_empty());
        Self { version: "2012-10-17", statement: statements.collect() }
    }

    /// Returns true if the policy allows a call of the method with this ARN, as API Gateway evaluates it.
    pub fn allows(&self, method_arn: &str) -> bool {
        let has = |effect| {
            let statements = self.statement.iter().filter(|statement| statement.effect == effect);
            statements.flat_map(|statement| &statement.resource).any(|pattern| matches(pattern, method_arn))
        };
        has(Effect::Allow) && !has(Effect::Deny)
    }
}

/// Returns the pattern of an allowed operation: for any method if none of the path is forbidden.
///
/// That keeps the policy of a large API small: API Gateway's limit of an authorizer's result is not documented for REST
/// APIs, and 8 KB for WebSocket APIs.
fn pattern(operation: &Operation, others: &[&Operation]) -> String {
    let is_whole = others.iter().all(|other| other.path != operation.path);
    format!("{}/{}", if is_whole { "*" } else { operation.method }, path_pattern(operation))
}

/// Returns the path with `*` for its parameters, without the first slash.
fn path_pattern(operation: &Operation) -> String {
    let segments = operation.path.trim_start_matches('/').split('/');
    segments.map(|segment| if segment.starts_with('{') { "*" } else { segment }).collect::<Vec<_>>().join("/")
}

/// Removes duplicates, and patterns that another one covers.
fn without_covered(mut patterns: Vec<String>) -> Vec<String> {
    patterns.sort();
    patterns.dedup();
    let is_covered = |pattern: &String| patterns.iter().any(|other| other != pattern && matches(other, pattern));
    patterns.iter().filter(|pattern| !is_covered(pattern)).cloned().collect()
}

/// Returns true if a pattern matches a text. A `*` stands for any characters (IAM user guide, "IAM JSON policy elements:
/// Resource").
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(place) = text.find(part) else { return false };
        text = &text[place + part.len()..];
    }
    text.ends_with(last)
}
