//! `/health`: the state of the server's dependencies.

use std::time::Duration;

use axum::http::{Response, StatusCode, header};
use serde_json::{Map, Value, json};
use tokio::{net::TcpStream, time};

use crate::{
    app::App,
    http::{Answer, Problem},
};

/// The maximum time that a dependency has to respond.
const LIMIT: Duration = Duration::from_secs(2);

/// Returns 200 if every dependency responds, otherwise 503 with a problem that lists the failed ones and their causes.
pub async fn health(app: &App, request_id: &str) -> Answer {
    let mut dependencies = Map::from_iter([("dynamodb".to_owned(), dynamodb(app).await)]);
    if let Some(url) = &app.config.events_endpoint_url {
        dependencies.insert("eventBus".into(), event_bus(url).await);
    }
    let failed: Vec<&str> =
        dependencies.iter().filter(|(_, state)| *state != "ok").map(|(name, _)| name.as_str()).collect();
    if failed.is_empty() {
        let body = json!({ "status": "ok", "dependencies": dependencies });
        return answer(StatusCode::OK, "application/json", &body);
    }
    let detail = format!("Not reachable: {}.", failed.join(", "));
    let mut body = json!(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail, request_id));
    body["dependencies"] = dependencies.into();
    answer(StatusCode::SERVICE_UNAVAILABLE, "application/problem+json", &body)
}

async fn dynamodb(app: &App) -> Value {
    match time::timeout(LIMIT, app.store.check_health()).await {
        Ok(Ok(())) => "ok".into(),
        Ok(Err(error)) => error.cause().unwrap_or_else(|| "DynamoDB refuses".into()).into(),
        Err(_) => "DynamoDB did not answer in time".into(),
    }
}

async fn event_bus(url: &str) -> Value {
    let address = url.trim_start_matches("http://");
    match time::timeout(LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => "ok".into(),
        Ok(Err(error)) => error.to_string().into(),
        Err(_) => "the event bus did not answer in time".into(),
    }
}

fn answer(status: StatusCode, media_type: &str, body: &Value) -> Answer {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "no-store")
        .body(body.to_string().into())
        .expect("the status and headers are valid")
}
