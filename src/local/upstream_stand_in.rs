//! A stand-in for the upstream API on the loopback interface, which reverses the order of the words of a text.

use std::{io, net::Ipv4Addr};

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, task::JoinHandle};

/// The key that the stand-in accepts.
pub const KEY: &str = "upstream-stand-in-key";

/// The running stand-in.
pub struct UpstreamStandIn {
    /// Its URL.
    pub url: String,
    server: JoinHandle<io::Result<()>>,
}

/// The body of a request and of a response.
#[derive(Deserialize, Serialize)]
struct Text {
    text: String,
}

impl UpstreamStandIn {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When nothing can be listened on.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let router = Router::new().fallback(answer);
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, server })
    }
}

impl Drop for UpstreamStandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(headers: HeaderMap, Json(Text { text }): Json<Text>) -> Response {
    if headers.get(AUTHORIZATION).is_none_or(|value| value.as_bytes() != format!("Bearer {KEY}").as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // The same length, so that the answer fits where the text did.
    let words: Vec<&str> = text.split(' ').rev().collect();
    Json(Text { text: words.join(" ") }).into_response()
}
