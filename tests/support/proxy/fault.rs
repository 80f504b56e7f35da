//! Faults of requests to DynamoDB.

use axum::{
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::Call;

/// A fault of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// No fault.
    None,
    /// Another open transaction contains the row.
    Conflict,
    /// The request is throttled.
    Throttle,
    /// DynamoDB fails with an internal error before it applies the request.
    Crash,
    /// The request is applied, but the response is lost.
    LoseResponse,
    /// The request is applied. The response is held until the test releases it, and then lost.
    HoldAndLoseResponse,
    /// Another transaction is half visible: the last condition fails, and the other steps conflict.
    HalfVisible,
    /// The same transaction is still in progress.
    InProgress,
    /// The index returns the rows of the first shard, like an index that lags behind a change of shards.
    OtherShard,
    /// The page is empty but not the last one, as in an index with many deleted rows.
    EmptyPage,
    /// Another request of the same operation is applied immediately before.
    After(&'static Value),
    /// A failed condition is returned without the current item, as by engines from before June 2023.
    WithoutItem,
}

const JSON: [(&str, &str); 1] = [("content-type", "application/x-amz-json-1.0")];

impl Fault {
    /// Creates the fault [`After`](Self::After) this request. The request is leaked, as tests need few.
    pub fn after(request: Value) -> Self {
        Self::After(Box::leak(Box::new(request)))
    }

    /// Returns the response to a request that does not reach DynamoDB.
    pub(super) async fn respond_instead(&self, call: &Call) -> Option<Response> {
        let answer = match self {
            Self::Conflict if call.operation == "TransactWriteItems" => last_cancelled(call, "TransactionConflict"),
            Self::HalfVisible => last_cancelled(call, "ConditionalCheckFailed"),
            Self::InProgress => refusal("TransactionInProgressException", json!({})),
            Self::Conflict => refusal("TransactionConflictException", json!({})),
            Self::Throttle => refusal("ProvisionedThroughputExceededException", json!({})),
            Self::Crash => (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response(),
            Self::EmptyPage => {
                let end = json!({ "id": { "S": "ffffffff-ffff-7fff-bfff-ffffffffffff" }, "listShard": { "S": "0" } });
                let page = json!({ "Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": end });
                (JSON, page.to_string()).into_response()
            }
            _ => return None,
        };
        Some(answer)
    }

    /// Returns the request as DynamoDB receives it.
    pub(super) fn change(&self, body: Bytes) -> Bytes {
        if *self != Self::OtherShard {
            return body;
        }
        let mut query: Value = serde_json::from_slice(&body).unwrap();
        query["ExpressionAttributeValues"][":key"] = json!({ "S": "0" });
        query.to_string().into()
    }

    /// Returns the response as the client receives it.
    pub(super) fn change_response(&self, answer: Bytes) -> Bytes {
        let (true, Ok(mut body)) = (*self == Self::WithoutItem, serde_json::from_slice::<Value>(&answer)) else {
            return answer;
        };
        let is_failure = body["__type"].is_string();
        if let Some(members) = body.as_object_mut().filter(|_| is_failure) {
            members.remove("Item");
        }
        for reason in body["CancellationReasons"].as_array_mut().into_iter().flatten() {
            reason.as_object_mut().map(|members| members.remove("Item"));
        }
        body.to_string().into()
    }
}

/// Creates the response to a transaction whose last step fails with this code and whose other steps conflict.
fn last_cancelled(call: &Call, last: &str) -> Response {
    let mut codes = vec!["TransactionConflict"; call.body["TransactItems"].as_array().unwrap().len()];
    *codes.last_mut().unwrap() = last;
    cancelled(&codes)
}

/// Creates the response to a transaction whose steps fail with these codes.
pub(super) fn cancelled(codes: &[&str]) -> Response {
    let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code })).collect();
    refusal("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

/// Creates an error response of DynamoDB.
pub(super) fn refusal(code: &str, mut body: Value) -> Response {
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    body["message"] = "injected".into();
    (StatusCode::BAD_REQUEST, JSON, body.to_string()).into_response()
}
