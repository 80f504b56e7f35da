//! A minimal Lambda runtime: one connection to the Runtime API and nothing else.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The result of any step. Every error ends the function.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// An HTTP connection that carries requests.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens an HTTP connection over a stream.
///
/// # Errors
/// Returns an error if the handshake fails.
pub async fn connect<S>(stream: S) -> Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a request. Returns the `lambda-runtime-aws-request-id` and body of the response.
///
/// # Errors
/// Returns an error if the connection ends.
pub async fn send(connection: &mut Connection, request: Request<Full<Bytes>>) -> Result<(String, Bytes)> {
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let id = response.headers().get("lambda-runtime-aws-request-id").map(|id| id.to_str().map(str::to_owned));
    let id = id.transpose()?.unwrap_or_default();
    Ok((id, response.into_body().collect().await?.to_bytes()))
}

/// Handles events in a loop.
///
/// # Errors
/// Returns an error if the Runtime API is gone or the handler fails.
pub async fn serve(mut handler: impl AsyncFnMut(Bytes) -> Result<Vec<u8>>) -> Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API")?;
    let stream = tokio::net::TcpStream::connect(&api).await?;
    stream.set_nodelay(true)?;
    let mut connection = connect(stream).await?;
    let base = "/2018-06-01/runtime/invocation";
    loop {
        let next = Request::get(format!("{base}/next")).header("host", &api).body(Full::default())?;
        let (id, event) = send(&mut connection, next).await?;
        let response = handler(event).await?;
        let path = format!("{base}/{id}/response");
        send(&mut connection, Request::post(path).header("host", &api).body(Full::from(response))?).await?;
    }
}
