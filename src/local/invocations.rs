//! Lambda's `Invoke` API for the stream consumers, on the loopback interface only. `make replay` calls it.

use std::{fs, io, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path as PathPart, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    app::App,
    functions::{ConsumerDefinition, Service, Source},
    streams::{self, Consumer},
};

/// The maximum duration of an invocation.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The largest event a function takes (Lambda developer guide, "Lambda quotas").
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// The stream consumers by name.
type Consumers = Vec<(&'static str, Arc<dyn Consumer>)>;

/// The running listener.
pub struct Invocations {
    server: JoinHandle<io::Result<()>>,
}

impl Invocations {
    /// Listens on a free port, and writes the URL to the file.
    ///
    /// # Errors
    /// When the file cannot be written, or nothing can be listened on.
    pub async fn start(service: &Service, app: &Arc<App>, file: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let of_streams = |definition: ConsumerDefinition| match definition.source {
            Source::Streams { consumer, .. } => Some((definition.name, consumer)),
            Source::Events { .. } => None,
        };
        let consumers: Consumers = service.consumers().into_iter().filter_map(of_streams).collect();
        fs::write(file, format!("http://{}", listener.local_addr()?))?;
        let service = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .layer(DefaultBodyLimit::max(MAX_BYTES))
            .with_state((app.clone(), Arc::new(consumers)));
        Ok(Self { server: tokio::spawn(async { axum::serve(listener, service).await }) })
    }

    /// Stops listening.
    pub fn stop(self) {
        self.server.abort();
    }
}

/// Implements `Invoke` (Lambda API reference).
async fn invoke(
    State((app, consumers)): State<(Arc<App>, Arc<Consumers>)>,
    PathPart(name): PathPart<String>,
    event: String,
) -> Response {
    let consumer = consumers.iter().find(|(function, _)| name == format!("local-{function}"));
    let Some((function, consumer)) = consumer else {
        let error = json!({ "Type": "User", "Message": format!("Function not found: {name}") });
        let kind = [("x-amzn-errortype", "ResourceNotFoundException")];
        return (StatusCode::NOT_FOUND, kind, Json(error)).into_response();
    };
    match streams::respond_or_fail(&app, function, consumer.as_ref(), &event, TIME_LIMIT).await {
        Ok(response) => Json(response).into_response(),
        Err(cause) => {
            let error = json!({ "errorType": "Error", "errorMessage": cause });
            ([("x-amz-function-error", "Unhandled")], Json(error)).into_response()
        }
    }
}
