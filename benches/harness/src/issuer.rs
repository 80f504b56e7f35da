//! An OpenID Connect issuer with one key, for the authorizer.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{Json, Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use crate::{error::Result, options::Options};

/// The accepted audience of the tokens.
pub const AUDIENCE: &str = "bench";
const KEY_ID: &str = "bench";
const LIFETIME: Duration = Duration::from_secs(3600);

/// The issuer.
pub struct Issuer {
    /// The address of its documents, without TLS.
    pub address: String,
    listener: Option<TcpListener>,
    key: RsaKeyPair,
}

impl Issuer {
    /// Creates an issuer with a free port.
    pub async fn create(options: &Options) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let pem = fs::read(options.root.join("tests/authorizer/keys/issuer.pem"))?;
        let key = RsaKeyPair::from_pkcs8(PrivatePkcs8KeyDer::from_pem_slice(&pem)?.secret_pkcs8_der());
        let key = key.map_err(|error| error.to_string())?;
        Ok(Self { address: listener.local_addr()?.to_string(), listener: Some(listener), key })
    }

    /// Serves the documents of an issuer with this URL.
    pub fn serve(&mut self, url: &str) {
        let configuration = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let PublicKeyComponents::<Vec<u8>> { n, e } = self.key.public().into();
        let key = json!({ "kty": "RSA", "kid": KEY_ID, "alg": "RS256", "n": BASE64.encode(n), "e": BASE64.encode(e) });
        let documents = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(configuration)))
            .route("/keys", get(async move || Json(json!({ "keys": [key] }))));
        if let Some(listener) = self.listener.take() {
            tokio::spawn(async move { axum::serve(listener, documents).await });
        }
    }

    /// Returns the event of a request with a token of an issuer with this URL.
    pub fn event(&self, url: &str) -> Result<String> {
        let api = "arn:aws:execute-api:us-east-1:000000000000:abcdef1234/prod";
        Ok(json!({
            "type": "REQUEST",
            "methodArn": format!("{api}/GET/v1/items"),
            "multiValueHeaders": { "Authorization": [format!("Bearer {}", self.token(url)?)] },
            "requestContext": { "apiId": "abcdef1234", "stage": "prod", "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef" },
        })
        .to_string())
    }

    fn token(&self, url: &str) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": url,
            "sub": "9f86d081-884c-4d65-9a2f-eaa0c55ad015",
            "client_id": AUDIENCE,
            "token_use": "access",
            "cognito:groups": ["member"],
            "iat": now,
            "exp": now + LIFETIME.as_secs(),
        });
        let encode = |part: &Value| BASE64.encode(part.to_string());
        let message = format!("{}.{}", encode(&json!({ "alg": "RS256", "kid": KEY_ID })), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let signed = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
        signed.map_err(|error| error.to_string())?;
        Ok(format!("{message}.{}", BASE64.encode(signature)))
    }
}
