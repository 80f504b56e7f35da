//! The record of a call to another service.

/// The service that a call is to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// DynamoDB.
    DynamoDb {
        /// The table, if the request names one alone.
        table: Option<String>,
        /// True if the request has a condition.
        has_condition: bool,
    },
    /// AWS Secrets Manager.
    SecretsManager,
    /// Amazon EventBridge.
    EventBridge,
    /// The upstream API.
    Upstream,
}

/// The outcome of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The number of attempts of the SDK; 0 if it is unknown.
    pub attempts: u32,
    /// The number of attempts that were throttled.
    pub throttles: u32,
    /// The status of the last response, if there is one.
    pub status: Option<u16>,
    /// The id of the last response.
    pub request_id: Option<String>,
    /// The consumed capacity units by table.
    pub units: Vec<(String, f64)>,
    /// The result of the condition, if it is known.
    pub is_condition_met: Option<bool>,
    /// True if there is no usable response.
    pub is_failure: bool,
}

/// A recorded call of a sampled request.
#[derive(Debug)]
pub(super) struct Span {
    pub id: u64,
    pub operation: &'static str,
    pub target: Target,
    /// The start in epoch seconds.
    pub start: f64,
    /// The end in epoch seconds, if the call was not cancelled.
    pub end: Option<f64>,
    pub outcome: Outcome,
}
