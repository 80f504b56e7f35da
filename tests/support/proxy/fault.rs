//! What can happen to a request on its way.

use axum::{
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::Call;

/// What happens to a request on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Another transaction holds the row.
    Conflict,
    /// Too many requests.
    Throttle,
    /// An error of DynamoDB's own, before anything was done.
    Crash,
    /// It is carried out, but the answer is lost.
    LoseAnswer,
    /// It is carried out, and the answer is lost after the test lets go.
    HoldAndLoseAnswer,
    /// The transaction meets another that is half visible: the last of its conditions fails, the others conflict.
    HalfVisible,
    /// The same transaction is still under way.
    InProgress,
    /// The index shows the rows of the first shard in this one, too, as one does that is behind a re-keying.
    OtherShard,
    /// A page without rows that is not the last, as an index full of deleted rows can give.
    EmptyPage,
    /// Another's request of the same operation comes right before it.
    After(&'static Value),
    /// A condition that fails comes without the item it met, as from an engine of before June 2023.
    WithoutItem,
}

const JSON: [(&str, &str); 1] = [("content-type", "application/x-amz-json-1.0")];

impl Fault {
    /// The fault [`After`](Self::After) this request, which is never freed: a test has few.
    pub fn after(request: Value) -> Self {
        Self::After(Box::leak(Box::new(request)))
    }

    /// The answer to a request that does not reach DynamoDB.
    pub(super) async fn answer_instead(&self, call: &Call) -> Option<Response> {
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

    /// The request as it reaches DynamoDB.
    pub(super) fn change(&self, body: Bytes) -> Bytes {
        if *self != Self::OtherShard {
            return body;
        }
        let mut query: Value = serde_json::from_slice(&body).unwrap();
        query["ExpressionAttributeValues"][":key"] = json!({ "S": "0" });
        query.to_string().into()
    }

    /// The answer as it comes back.
    pub(super) fn change_answer(&self, answer: Bytes) -> Bytes {
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

/// A transaction of which the last step is refused for this reason, and the others for a conflict.
fn last_cancelled(call: &Call, last: &str) -> Response {
    let mut codes = vec!["TransactionConflict"; call.body["TransactItems"].as_array().unwrap().len()];
    *codes.last_mut().unwrap() = last;
    cancelled(&codes)
}

/// A transaction whose steps are refused with these codes.
pub(super) fn cancelled(codes: &[&str]) -> Response {
    let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code })).collect();
    refusal("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

/// An error of DynamoDB's.
pub(super) fn refusal(code: &str, mut body: Value) -> Response {
    body["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    body["message"] = "injected".into();
    (StatusCode::BAD_REQUEST, JSON, body.to_string()).into_response()
}
