//! Reads request bodies and converts responses.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use axum::{
    body::{Body, Bytes},
    http::{Response, StatusCode},
};
use futures_util::StreamExt;
use tokio::time;

use crate::gateway::REQUEST_TOO_LARGE;

/// API Gateway's limit for a payload.
const MAX_PAYLOAD: usize = 10 * 1024 * 1024;
/// The maximum time that a client has to send its body.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// Reads a body to its end, but buffers no more than the maximum size.
///
/// # Errors
/// The status and the detail of the response to a body that is rejected.
pub async fn read(body: Body) -> Result<Bytes, (StatusCode, &'static str)> {
    let mut kept = Vec::new();
    let mut length = 0;
    let mut chunks = body.into_data_stream();
    let all = async {
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| (StatusCode::BAD_REQUEST, "The body cannot be read."))?;
            length += chunk.len();
            if length <= MAX_PAYLOAD {
                kept.extend_from_slice(&chunk);
            }
        }
        Ok(())
    };
    time::timeout(BODY_LIMIT, all).await.unwrap_or(Err((StatusCode::REQUEST_TIMEOUT, "The body came too slowly.")))?;
    if length > MAX_PAYLOAD {
        return Err((REQUEST_TOO_LARGE.status, REQUEST_TOO_LARGE.detail));
    }
    Ok(kept.into())
}

/// A function's answer as HTTP.
pub fn into_response(answer: ApiGatewayProxyResponse) -> Response<Body> {
    let status = u16::try_from(answer.status_code).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = Response::new(answer.body.map_or_else(Body::empty, into_body));
    *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().extend(answer.multi_value_headers);
    response.headers_mut().extend(answer.headers);
    response
}

/// A body written in memory, as axum sends it.
pub fn into_body(body: lambda_http::Body) -> Body {
    match body {
        lambda_http::Body::Text(text) => text.into(),
        lambda_http::Body::Binary(bytes) => bytes.into(),
        _ => Body::empty(),
    }
}
