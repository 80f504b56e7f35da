//! Signs tokens with the keys of an issuer, of somebody else, or not at all.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
        RsaEncoding, RsaKeyPair,
    },
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value, json};

/// The keys of an issuer.
pub struct Signer {
    rsa: RsaKeyPair,
    ec: Vec<u8>,
    p384: Vec<u8>,
    ed: Ed25519KeyPair,
}

impl Signer {
    /// Returns the keys of the issuer. Only the RSA key is always the same.
    pub fn new() -> Self {
        Self::of(include_bytes!("keys/issuer.pem"))
    }

    /// Returns the keys of somebody else.
    pub fn other() -> Self {
        Self::of(include_bytes!("keys/other.pem"))
    }

    fn of(rsa: &[u8]) -> Self {
        let random = SystemRandom::new();
        let rsa = PrivatePkcs8KeyDer::from_pem_slice(rsa).unwrap();
        let ec = |algorithm| EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap().as_ref().to_vec();
        Self {
            rsa: RsaKeyPair::from_pkcs8(rsa.secret_pkcs8_der()).unwrap(),
            ec: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            p384: ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            ed: Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap(),
        }
    }

    /// Returns the set that the issuer publishes.
    ///
    /// `rsa`, `ec` and `ed` are for tokens. Others are for one algorithm, another use, or of a kind that is not accepted.
    pub fn set(&self) -> Value {
        let ec = |name, pair: &[u8], algorithm, size: usize| {
            let key = EcdsaKeyPair::from_pkcs8(algorithm, pair, &SystemRandom::new()).unwrap();
            let (x, y) = key.public_key().as_ref()[1..].split_at(size);
            json!({ "kty": "EC", "crv": name, "x": encode(x), "y": encode(y) })
        };
        let p256 = ec("P-256", &self.ec, &ECDSA_P256_SHA256_FIXED_SIGNING, 32);
        let p384 = ec("P-384", &self.p384, &ECDSA_P384_SHA384_FIXED_SIGNING, 48);
        let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(self.ed.public_key()) });
        json!({ "keys": [
            with(self.rsa_key(), json!({ "kid": "rsa" })),
            with(self.rsa_key(), json!({ "kid": "rs256", "alg": "RS256", "use": "sig" })),
            with(self.rsa_key(), json!({ "kid": "rs512", "alg": "RS512", "use": "sig" })),
            with(self.rsa_key(), json!({ "kid": "encryption", "use": "enc" })),
            with(self.rsa_key(), json!({ "kid": "signing-only", "key_ops": ["sign"] })),
            with(p256, json!({ "kid": "ec", "alg": "ES256" })),
            with(p384, json!({ "kid": "p384" })),
            with(ed, json!({ "kid": "ed", "alg": "EdDSA" })),
            { "kty": "oct", "kid": "oct", "k": encode("secret") },
            { "kty": "RSA", "kid": "broken", "n": "!" },
            { "kid": 5 },
        ] })
    }

    /// Returns the public RSA key as a JSON Web Key.
    pub fn rsa_key(&self) -> Value {
        let PublicKeyComponents::<Vec<u8>> { n, e } = self.rsa.public().into();
        json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
    }

    /// Returns a token signed by the algorithm in its header.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, &claims.to_string());
        let signature = self.signature(header["alg"].as_str().unwrap(), &message);
        format!("{message}.{}", encode(signature))
    }

    /// Returns the signature of a message.
    pub fn signature(&self, algorithm: &str, message: &str) -> Vec<u8> {
        match algorithm {
            "RS256" => self.rsa(&RSA_PKCS1_SHA256, message),
            "RS512" => self.rsa(&RSA_PKCS1_SHA512, message),
            "PS256" => self.rsa(&RSA_PSS_SHA256, message),
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.ec, message),
            "ES256 in ASN.1" => ec(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.ec, message),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING, &self.p384, message),
            "EdDSA" => self.ed.sign(message.as_bytes()).as_ref().to_vec(),
            other => panic!("no key for {other}"),
        }
    }

    fn rsa(&self, encoding: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public().modulus_len()];
        self.rsa.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        signature
    }
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, pair: &[u8], message: &str) -> Vec<u8> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(algorithm, pair, &random).unwrap();
    key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
}

/// Returns a token with an HMAC of this secret.
pub fn hmac_token(algorithm: hmac::Algorithm, header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, &claims.to_string());
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", encode(tag))
}

/// Returns the signed part of a token.
pub fn message(header: &Value, claims: &str) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims))
}

/// Returns a text in base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns an object with the members of another one added, or removed where they are null.
pub fn with(mut object: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("it is an object") };
    for (name, value) in members {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(&name)),
            value => object[name] = value,
        }
    }
    object
}

/// Returns the time as tokens state it.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
