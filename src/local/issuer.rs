//! The local issuer of tokens: a key in the data folder, and the documents that publish it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use axum::http::{Response, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use clap::Args;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::StartError;
use crate::{access::user_id, authorizer::Key, http::Answer};

/// The audience of local tokens.
pub const AUDIENCE: &str = "local";
/// The claim with the tenant in local tokens.
pub const TENANT_CLAIM: &str = "tenant";
/// The file of the key, a private key in PKCS#8 (RFC 5208).
const KEY_FILE: &str = "issuer-key.p8";
const CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";
const KEYS_PATH: &str = "/.well-known/jwks.json";
/// The namespace of the ids of local users, whatever the port of the server.
const USER_NAMESPACE: &str = "local";

/// The content of a local token.
#[derive(Args, Clone, Debug)]
pub struct TokenClaims {
    /// The name of the user, or their id if it is a UUID.
    #[arg(long)]
    pub user: String,
    /// A role; can be repeated.
    #[arg(long)]
    pub role: Vec<String>,
    /// The tenant.
    #[arg(long)]
    pub tenant: Option<String>,
    /// The scopes, separated by spaces.
    #[arg(long, default_value = "")]
    pub scope: String,
    /// The lifetime in seconds.
    #[arg(long, default_value_t = 3600)]
    pub ttl: u32,
}

/// The issuer.
pub struct Issuer {
    url: String,
    key: EcdsaKeyPair,
}

impl Issuer {
    /// Opens the issuer of a server at this URL. The key is created at the first start; without a folder it is new each time.
    ///
    /// # Errors
    /// [`StartError::Folder`] when the file of the key cannot be read or written.
    pub fn create(folder: Option<&Path>, url: &str) -> Result<Self, StartError> {
        match folder {
            Some(folder) if !folder.join(KEY_FILE).exists() => {
                let path = folder.join(KEY_FILE);
                let key = new_key();
                write_private(&path, &key).map_err(|cause| StartError::Folder { path: path.clone(), cause })?;
                Self::of_key(&key, &path, url)
            }
            Some(folder) => Self::open(folder, url),
            None => Self::of_key(&new_key(), Path::new(KEY_FILE), url),
        }
    }

    /// Opens the issuer of a server that was started with this folder.
    ///
    /// # Errors
    /// [`StartError::NoIssuer`] when there is no key, [`StartError::Folder`] when it cannot be read.
    pub fn open(folder: &Path, url: &str) -> Result<Self, StartError> {
        let path = folder.join(KEY_FILE);
        let key = fs::read(&path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => StartError::NoIssuer(folder.to_owned()),
            _ => StartError::Folder { path: path.clone(), cause },
        })?;
        Self::of_key(&key, &path, url)
    }

    fn of_key(key: &[u8], path: &Path, url: &str) -> Result<Self, StartError> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &SystemRandom::new());
        let cause = |_| StartError::Folder { path: path.to_owned(), cause: io::ErrorKind::InvalidData.into() };
        Ok(Self { url: url.to_owned(), key: key.map_err(cause)? })
    }

    /// Returns the key that verifies the tokens.
    pub fn keys(&self) -> Vec<Key> {
        Key::in_set(&self.key_set())
    }

    /// Returns the document at a path, if it is one of the issuer's.
    pub fn page(&self, path: &str) -> Option<Answer> {
        let document = match path {
            CONFIGURATION_PATH => self.configuration(),
            KEYS_PATH => self.key_set(),
            _ => return None,
        };
        let builder = Response::builder().header(header::CONTENT_TYPE, "application/json");
        Some(builder.body(document.to_string().into()).expect("a media type is a header value"))
    }

    /// Signs a token.
    pub fn token(&self, claims: &TokenClaims) -> String {
        let now = Utc::now().timestamp();
        let mut body = json!({
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": user_id(USER_NAMESPACE, &claims.user),
            "username": claims.user,
            "roles": claims.role,
            "scope": claims.scope,
            "iat": now,
            "exp": now + i64::from(claims.ttl),
        });
        if let Some(tenant) = &claims.tenant {
            body[TENANT_CLAIM] = tenant.as_str().into();
        }
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": self.key_id() });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&header), encode(&body));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).expect("the system has random numbers");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Returns the configuration (OpenID Connect Discovery 1.0, §3): only what verification needs, since nobody signs in here.
    fn configuration(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}{KEYS_PATH}", self.url),
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    fn key_set(&self) -> Value {
        // An uncompressed point: 4, then the coordinates (SEC 1, §2.3.3).
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let key =
            json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.key_id(), "x": x, "y": y });
        json!({ "keys": [key] })
    }

    fn key_id(&self) -> String {
        hex::encode(&Sha256::digest(self.key.public_key().as_ref())[..8])
    }
}

fn new_key() -> Vec<u8> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    key.expect("the system has random numbers").as_ref().to_vec()
}

/// Writes a file that only its owner can read. A crash leaves no part of it.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(part, path)
}
