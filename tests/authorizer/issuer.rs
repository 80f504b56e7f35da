//! An issuer on this machine, which misbehaves on request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use serverless_crud::authorizer::{Discovery, Intervals, Keys, Settings};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::signer::{Signer, now};

/// The audience of the tokens.
pub const AUDIENCE: &str = "api";
/// The path of the configuration.
pub const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// An issuer.
#[derive(Clone)]
pub struct Issuer {
    /// The URL, which is the issuer's name.
    pub url: String,
    state: Arc<Mutex<IssuerState>>,
}

#[derive(Default)]
struct IssuerState {
    configuration: Value,
    keys: Value,
    requests: HashMap<String, usize>,
    faults: HashMap<String, Fault>,
}

/// A fault of the answers at a path.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16),
    /// A redirect to another path.
    Redirect(&'static str),
    ContentType(&'static str),
    Body(String),
    /// No answer.
    Silence,
}

impl Issuer {
    /// Starts an issuer with the public keys of a signer.
    pub async fn start(signer: &Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self { url: format!("http://{}", listener.local_addr().unwrap()), state: Arc::default() };
        issuer.publish(signer.set());
        issuer.configure(issuer.url.clone(), issuer.url.clone() + "/keys");
        let router = Router::new().fallback(answer).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// Starts an issuer behind TLS, and returns its certificate in PEM.
    pub async fn start_with_tls(signer: &Signer) -> (Self, String) {
        let behind = Self::start(signer).await;
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let key = signing_key.serialize_der().try_into().unwrap();
        let config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        behind.configure(url.clone(), format!("{url}/keys"));
        let (acceptor, address) = (TlsAcceptor::from(Arc::new(config)), behind.url.replace("http://", ""));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, address) = (acceptor.clone(), address.clone());
                tokio::spawn(async move {
                    let mut outside = acceptor.accept(stream).await.ok()?;
                    let mut inside = TcpStream::connect(address).await.ok()?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok()
                });
            }
        });
        (Self { url, state: behind.state }, cert.pem())
    }

    /// Replaces the published keys.
    pub fn publish(&self, keys: Value) {
        self.state.lock().unwrap().keys = keys;
    }

    /// Replaces the configuration.
    pub fn configure(&self, issuer: String, jwks_uri: String) {
        self.state.lock().unwrap().configuration = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
    }

    /// Sets the fault of the answers at a path, or removes it.
    pub fn fault(&self, path: &str, fault: Option<Fault>) {
        let faults = &mut self.state.lock().unwrap().faults;
        match fault {
            Some(fault) => drop(faults.insert(path.to_owned(), fault)),
            None => drop(faults.remove(path)),
        }
    }

    /// Returns the number of requests of a path.
    pub fn requests(&self, path: &str) -> usize {
        self.state.lock().unwrap().requests.get(path).copied().unwrap_or_default()
    }

    /// Returns the settings of an authorizer for this issuer.
    pub fn settings(&self) -> Settings {
        Settings::read(|name| match name {
            "ISSUER" => Some(self.url.clone()),
            "AUDIENCE" => Some(AUDIENCE.into()),
            "TENANT_CLAIM" => Some("tenant".into()),
            "ALLOW_HTTP_LOOPBACK" => Some("true".into()),
            "LOG_LEVEL" => Some("ERROR".into()),
            _ => None,
        })
        .unwrap()
    }

    /// Returns the keys of an authorizer for this issuer, with these intervals.
    pub fn keys(&self, intervals: Intervals) -> Keys {
        Keys::discovered(Discovery::new(&self.settings()), intervals)
    }

    /// Returns the claims of a valid token.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "ada", "iat": now(), "exp": now() + 600, "roles": ["reader"],
            "scope": "items:read",
        })
    }
}

async fn answer(State(issuer): State<Issuer>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (fault, document) = {
        let mut state = issuer.state.lock().unwrap();
        *state.requests.entry(path.clone()).or_default() += 1;
        let document = match path.as_str() {
            CONFIGURATION => state.configuration.clone(),
            "/keys" => state.keys.clone(),
            _ => Value::Null,
        };
        (state.faults.get(&path).cloned(), document)
    };
    if document.is_null() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let reply = |media_type: &str, body: String| {
        Response::builder().header("content-type", media_type).body(Body::from(body)).unwrap()
    };
    match fault {
        None => reply("application/json", document.to_string()),
        Some(Fault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Redirect(to)) => (StatusCode::FOUND, [("location", to)]).into_response(),
        Some(Fault::ContentType(media_type)) => reply(media_type, document.to_string()),
        Some(Fault::Body(body)) => reply("application/json", body),
        Some(Fault::Silence) => std::future::pending().await,
    }
}
