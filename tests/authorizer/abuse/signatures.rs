//! Rows about algorithms, keys and signatures.

use ring::hmac;
use serde_json::{Value, json};

use super::{Forge, Row};
use crate::signer::{encode, hmac_token, message, with};

impl Forge {
    pub(super) fn signature_rows(&self) -> Vec<Row> {
        let mut rows = self.algorithm_rows();
        rows.extend(self.key_rows());
        rows.extend(self.broken_signature_rows());
        rows
    }

    fn algorithm_rows(&self) -> Vec<Row> {
        let claims = self.claims(json!({}));
        let unsigned = |algorithm: &str| message(&Self::header(json!({ "alg": algorithm })), &claims.to_string());
        let public_key = serde_json::to_string(&self.own.rsa_key()).unwrap();
        let hmac = |header: Value, secret: &[u8]| hmac_token(hmac::HMAC_SHA256, &Self::header(header), &claims, secret);
        let row = Self::row;
        vec![
            row("algorithm none", unsigned("none") + ".", "malformed"),
            row("algorithm None", unsigned("None") + ".", "malformed"),
            row("algorithm nOnE", unsigned("nOnE") + ".", "malformed"),
            row(
                "algorithm none with a signature",
                format!("{}.{}", unsigned("none"), encode("signature")),
                "malformed",
            ),
            row(
                "no algorithm",
                self.valid().replacen(self.valid().split('.').next().unwrap(), &encode(r#"{"kid":"rsa"}"#), 1),
                "malformed",
            ),
            row("algorithm in lower case", unsigned("rs256") + ".AAAA", "malformed"),
            row("HMAC with the public key", hmac(json!({ "alg": "HS256" }), public_key.as_bytes()), "algorithm"),
            row(
                "HMAC with the modulus",
                hmac(json!({ "alg": "HS256" }), self.own.rsa_key()["n"].as_str().unwrap().as_bytes()),
                "algorithm",
            ),
            row("HMAC with a secret of the set", hmac(json!({ "alg": "HS256", "kid": "oct" }), b"secret"), "algorithm"),
            row("HMAC named RS256", hmac(json!({}), public_key.as_bytes()), "signature"),
            row("HMAC named ES256", hmac(json!({ "alg": "ES256", "kid": "ec" }), public_key.as_bytes()), "signature"),
            row("RS512", self.token(json!({ "alg": "RS512" }), json!({})), "algorithm"),
            row("ES384", self.token(json!({ "alg": "ES384", "kid": "p384" }), json!({})), "algorithm"),
        ]
    }

    fn key_rows(&self) -> Vec<Row> {
        let attacker = |header: Value| self.other.token(&Self::header(header), &self.claims(json!({})));
        let own = |header: Value| self.token(header, json!({}));
        let url = format!("{}/attacker", self.issuer.url);
        let certificate = [encode("certificate")];
        let row = Self::row;
        vec![
            row("somebody else's RSA key", attacker(json!({})), "signature"),
            row("somebody else's EC key", attacker(json!({ "alg": "ES256", "kid": "ec" })), "signature"),
            row("somebody else's Ed25519 key", attacker(json!({ "alg": "EdDSA", "kid": "ed" })), "signature"),
            row("RSA key for ES256", own(json!({ "alg": "ES256" })), "key_mismatch"),
            row("EC key for RS256", own(json!({ "kid": "ec" })), "key_mismatch"),
            row("Ed25519 key for ES256", own(json!({ "alg": "ES256", "kid": "ed" })), "key_mismatch"),
            row("key of RS256 for PS256", own(json!({ "alg": "PS256", "kid": "rs256" })), "key_mismatch"),
            row("key of RS512", own(json!({ "kid": "rs512" })), "unknown_key"),
            row("key for encryption", own(json!({ "kid": "encryption" })), "unknown_key"),
            row("key that may not verify", own(json!({ "kid": "signing-only" })), "unknown_key"),
            row("key on another curve", own(json!({ "alg": "ES256", "kid": "p384" })), "unknown_key"),
            row("broken key", own(json!({ "kid": "broken" })), "unknown_key"),
            row("no key id", own(json!({ "kid": null })), "no_key_id"),
            row("empty key id", own(json!({ "kid": "" })), "no_key_id"),
            row("long key id", own(json!({ "kid": "k".repeat(300) })), "no_key_id"),
            row("key id is a number", own(json!({ "kid": 5 })), "malformed"),
            row("key id is a path", attacker(json!({ "kid": "../../../../dev/null" })), "unknown_key"),
            row("key id is a URL", attacker(json!({ "kid": url })), "unknown_key"),
            row("key id is a query", attacker(json!({ "kid": "x' UNION SELECT 'key" })), "unknown_key"),
            row("URL of a set", attacker(json!({ "kid": "attacker", "jku": url })), "unknown_key"),
            row("URL of a set for a known key", attacker(json!({ "jku": url })), "signature"),
            row("URL of a certificate", attacker(json!({ "x5u": url })), "signature"),
            row("key in the token", attacker(json!({ "jwk": self.other.rsa_key() })), "signature"),
            row("certificate in the token", attacker(json!({ "x5c": certificate })), "signature"),
            row("critical parameter", own(json!({ "crit": ["exp"] })), "critical_header"),
            row("unencoded payload", own(json!({ "crit": ["b64"], "b64": false })), "critical_header"),
            row("empty list of critical parameters", own(json!({ "crit": [] })), "critical_header"),
            row("logout token", own(json!({ "typ": "logout+jwt" })), "type"),
            row("proof of possession", own(json!({ "typ": "dpop+jwt" })), "type"),
        ]
    }

    fn broken_signature_rows(&self) -> Vec<Row> {
        let valid = self.valid();
        let parts: Vec<&str> = valid.split('.').collect();
        let (signed, signature) = (format!("{}.{}", parts[0], parts[1]), parts[2]);
        let bytes = self.own.signature("RS256", &signed);
        let another = self.token(json!({}), json!({ "sub": "eve" }));
        let another: Vec<&str> = another.split('.').collect();
        let es256 = message(&Self::header(json!({ "alg": "ES256", "kid": "ec" })), &self.claims(json!({})).to_string());
        let promoted = encode(with(self.claims(json!({})), json!({ "roles": ["admin"] })).to_string());
        let row = Self::row;
        vec![
            row("no signature", format!("{signed}."), "signature"),
            row("signature left out", signed.clone(), "malformed"),
            row("signature of another token", format!("{signed}.{}", another[2]), "signature"),
            row("changed claims", format!("{}.{promoted}.{signature}", parts[0]), "signature"),
            row(
                "changed header",
                format!("{}.{}.{signature}", encode(r#"{"alg":"PS256","kid":"rsa"}"#), parts[1]),
                "signature",
            ),
            row("shortened signature", format!("{signed}.{}", encode(&bytes[..bytes.len() - 1])), "signature"),
            row("lengthened signature", format!("{signed}.{}", encode([bytes.as_slice(), &[0]].concat())), "signature"),
            row(
                "signature in ASN.1",
                format!("{es256}.{}", encode(self.own.signature("ES256 in ASN.1", &es256))),
                "signature",
            ),
            row("signature of zeros", format!("{es256}.{}", encode([0; 64])), "signature"),
            row("Ed25519 signature of zeros", self.zeros("EdDSA", "ed"), "signature"),
        ]
    }

    fn zeros(&self, algorithm: &str, kid: &str) -> String {
        let header = Self::header(json!({ "alg": algorithm, "kid": kid }));
        format!("{}.{}", message(&header, &self.claims(json!({})).to_string()), encode([0; 64]))
    }
}
