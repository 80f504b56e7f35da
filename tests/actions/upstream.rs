//! An HTTPS server in the place of the upstream API, which answers each request as the test says.

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
    server::TlsStream,
};

/// The key that the server accepts at first.
pub const KEY: &str = "sk-4f1d2c3b4a5968778695";
/// A text in the server's bodies and headers that nobody may see.
pub const PRIVATE: &str = "upstream-private-text";
/// The path of the URL, which nobody may see either.
pub const PATH: &str = "/private-path";

/// The behaviour for one request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// 200 with this text.
    Text(String),
    /// 200 with a text that contains the number of the request.
    Numbered,
    /// As `Numbered`, once the test permits it.
    Held,
    /// A response of these lines and this body.
    Raw(&'static str, String),
    /// The headers never end.
    SlowHeaders,
    /// The body never ends, and nothing more is sent.
    SlowBody,
    /// The body never ends.
    EndlessBody,
    /// The connection is closed instead of a response.
    Close,
}

/// The server.
#[derive(Clone)]
pub struct Upstream {
    pub url: String,
    pub port: u16,
    /// A permit lets one held response go.
    pub permits: Arc<Semaphore>,
    /// Has a permit for each held request.
    pub held: Arc<Semaphore>,
    state: Arc<State>,
}

struct State {
    folder: TempDir,
    key: Mutex<String>,
    next: Mutex<VecDeque<Behaviour>>,
    bodies: Mutex<Vec<Value>>,
    connections: AtomicUsize,
}

type Stream = TlsStream<TcpStream>;

impl Upstream {
    /// Starts a server with a certificate for `localhost`.
    pub async fn start() -> Self {
        Self::start_as("localhost").await
    }

    /// Starts a server with a certificate for this name.
    pub async fn start_as(name: &str) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
        std::fs::write(folder.path().join("key"), format!("{KEY}\n")).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let tls = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            folder,
            key: Mutex::new(KEY.to_owned()),
            next: Mutex::default(),
            bodies: Mutex::default(),
            connections: AtomicUsize::default(),
        };
        let upstream = Self {
            url: format!("https://localhost:{port}{PATH}"),
            port,
            permits: Arc::new(Semaphore::new(0)),
            held: Arc::new(Semaphore::new(0)),
            state: Arc::new(state),
        };
        tokio::spawn(accept(upstream.clone(), listener, tls));
        upstream
    }

    /// Sets the behaviours for the next requests. Later ones get `Numbered`.
    pub fn answer_with(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        *self.state.next.lock().unwrap() = behaviours.into_iter().collect();
    }

    /// Replaces the key that the server accepts.
    pub fn set_key(&self, key: &str) {
        key.clone_into(&mut self.state.key.lock().unwrap());
    }

    /// Returns the number of requests.
    pub fn requests(&self) -> usize {
        self.bodies().len()
    }

    /// Returns the bodies of all requests.
    pub fn bodies(&self) -> Vec<Value> {
        self.state.bodies.lock().unwrap().clone()
    }

    /// Returns the number of connections.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Returns the file with the first key.
    pub fn key_file(&self) -> PathBuf {
        self.state.folder.path().join("key")
    }

    /// Returns the settings with which a client reaches and trusts the server.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let bundle = self.state.folder.path().join("ca.pem");
        vec![
            ("UPSTREAM_ALLOWED_ADDRESSES", "127.0.0.0/8,::1/128".to_owned()),
            ("UPSTREAM_CA_BUNDLE", bundle.to_str().unwrap().to_owned()),
        ]
    }

    async fn serve(&self, mut stream: Stream) -> io::Result<()> {
        while let Some((head, body)) = read_request(&mut stream).await? {
            let number = {
                let mut bodies = self.state.bodies.lock().unwrap();
                bodies.push(serde_json::from_slice(&body).unwrap());
                bodies.len()
            };
            let expected = format!("authorization: Bearer {}\r\n", self.state.key.lock().unwrap());
            if !head.contains(&expected) {
                respond(&mut stream, "401 Unauthorized\r\nwww-authenticate: Bearer", PRIVATE).await?;
                continue;
            }
            let behaviour = self.state.next.lock().unwrap().pop_front().unwrap_or(Behaviour::Numbered);
            self.behave(&mut stream, behaviour, number).await?;
        }
        Ok(())
    }

    async fn behave(&self, stream: &mut Stream, behaviour: Behaviour, number: usize) -> io::Result<()> {
        const OK: &str = "200 OK\r\ncontent-type: application/json; charset=utf-8";
        let text = |text: &str| serde_json::json!({ "text": text }).to_string();
        match behaviour {
            Behaviour::Text(answer) => respond(stream, OK, &text(&answer)).await,
            Behaviour::Numbered => respond(stream, OK, &text(&format!("answer {number}"))).await,
            Behaviour::Held => {
                self.held.add_permits(1);
                self.permits.acquire().await.unwrap().forget();
                respond(stream, OK, &text(&format!("answer {number}"))).await
            }
            Behaviour::Raw(head, body) => respond(stream, head, &body).await,
            Behaviour::Close => Err(io::ErrorKind::ConnectionReset.into()),
            Behaviour::SlowHeaders => {
                stream.write_all(format!("HTTP/1.1 200 OK\r\nx-name: {PRIVATE}").as_bytes()).await?;
                stream.flush().await?;
                std::future::pending().await
            }
            Behaviour::SlowBody => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
                stream.write_all(format!("{head}{PRIVATE}").as_bytes()).await?;
                stream.flush().await?;
                std::future::pending().await
            }
            Behaviour::EndlessBody => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                loop {
                    stream.write_all(format!("1000\r\n{:4096}\r\n", PRIVATE).as_bytes()).await?;
                }
            }
        }
    }
}

async fn accept(upstream: Upstream, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (upstream, tls) = (upstream.clone(), tls.clone());
        upstream.state.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move { upstream.serve(tls.accept(stream).await?).await });
    }
}

/// Returns the head and the body of the next request, or `None` at the end of the connection.
async fn read_request(stream: &mut Stream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some((head, body)))
}

/// Sends a response. `head` is the status and further headers; the length is that of the body unless it names one.
async fn respond(stream: &mut Stream, head: &str, body: &str) -> io::Result<()> {
    let length =
        if head.contains("content-length") { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    stream.write_all(format!("HTTP/1.1 {head}\r\n{length}\r\n{body}").as_bytes()).await?;
    stream.flush().await?;
    if head.contains("content-length") { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
}
