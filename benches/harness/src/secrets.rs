//! A Secrets Manager with one secret, for the functions that sign cursors.

use axum::{Router, routing::post};
use tokio::net::TcpListener;

use crate::error::Result;

/// Starts one, without TLS; returns its address.
pub async fn start() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let answer = format!(r#"{{"SecretString":"{}"}}"#, "0".repeat(64));
    let secret = async move || ([("content-type", "application/x-amz-json-1.1")], answer);
    let router = Router::new().route("/", post(secret));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}
