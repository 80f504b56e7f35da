//! Rows about the claims of tokens that the issuer signed.

use serde_json::{Value, json};

use super::{Forge, Row};
use crate::{
    issuer::AUDIENCE,
    signer::{encode, message, now},
};

impl Forge {
    pub(super) fn claim_rows(&self) -> Vec<Row> {
        let mut rows = self.audience_rows();
        rows.extend(self.time_rows());
        rows.extend(self.malformed_claim_rows());
        rows
    }

    fn claim_row(&self, name: &'static str, claims: Value, reason: &'static str) -> Row {
        Self::row(name, self.token(json!({}), claims), reason)
    }

    fn audience_rows(&self) -> Vec<Row> {
        let url = &self.issuer.url;
        vec![
            self.claim_row("another issuer", json!({ "iss": "https://issuer.example.com" }), "issuer"),
            self.claim_row("issuer with a slash", json!({ "iss": format!("{url}/") }), "issuer"),
            self.claim_row("issuer with more behind it", json!({ "iss": format!("{url}.example.com") }), "issuer"),
            self.claim_row("issuer in upper case", json!({ "iss": url.to_uppercase() }), "issuer"),
            self.claim_row("list of issuers", json!({ "iss": [url] }), "issuer"),
            self.claim_row("no issuer", json!({ "iss": null }), "issuer"),
            self.claim_row("another audience", json!({ "aud": "another" }), "audience"),
            self.claim_row("audience with more behind it", json!({ "aud": format!("{AUDIENCE}2") }), "audience"),
            self.claim_row("audience in upper case", json!({ "aud": AUDIENCE.to_uppercase() }), "audience"),
            self.claim_row("list of other audiences", json!({ "aud": ["one", "two"] }), "audience"),
            self.claim_row("empty list of audiences", json!({ "aud": [] }), "audience"),
            self.claim_row("audience is a number", json!({ "aud": 5 }), "audience"),
            self.claim_row("audience is an object", json!({ "aud": { "0": AUDIENCE } }), "audience"),
            self.claim_row("no audience", json!({ "aud": null }), "audience"),
            self.claim_row("client id without a use", json!({ "aud": null, "client_id": AUDIENCE }), "audience"),
            self.claim_row(
                "another client id",
                json!({ "aud": null, "client_id": "another", "token_use": "access" }),
                "audience",
            ),
            self.claim_row("ID token of Cognito", json!({ "token_use": "id" }), "type"),
            self.claim_row("ID token with a client id", json!({ "client_id": AUDIENCE, "token_use": "id" }), "type"),
            self.claim_row("use is a list", json!({ "token_use": ["access"] }), "type"),
        ]
    }

    fn time_rows(&self) -> Vec<Row> {
        vec![
            self.claim_row("expired", json!({ "exp": now() - 70 }), "expired"),
            self.claim_row("expired long ago", json!({ "exp": 1 }), "expired"),
            self.claim_row("no expiry", json!({ "exp": null }), "claims"),
            self.claim_row("expiry is a text", json!({ "exp": (now() + 600).to_string() }), "claims"),
            self.claim_row("negative expiry", json!({ "exp": -1 }), "claims"),
            self.claim_row("immense expiry", json!({ "exp": 1e300 }), "claims"),
            self.claim_row("not yet valid", json!({ "nbf": now() + 120 }), "not_yet_valid"),
            self.claim_row("start is a text", json!({ "nbf": "0" }), "claims"),
            self.claim_row("issued in the future", json!({ "iat": now() + 120 }), "not_yet_valid"),
            self.claim_row("time of issue is a text", json!({ "iat": "0" }), "claims"),
        ]
    }

    fn malformed_claim_rows(&self) -> Vec<Row> {
        let raw = |name, claims: String, reason| {
            let message = message(&Self::header(json!({})), &claims);
            let signature = encode(self.own.signature("RS256", &message));
            Self::row(name, format!("{message}.{signature}"), reason)
        };
        let claims = self.claims(json!({})).to_string();
        let twice = |member: &str| claims.replacen('{', &format!("{{{member},"), 1);
        vec![
            self.claim_row("no subject", json!({ "sub": null }), "claims"),
            self.claim_row("empty subject", json!({ "sub": "" }), "claims"),
            self.claim_row("subject is a number", json!({ "sub": 5 }), "claims"),
            self.claim_row("long subject", json!({ "sub": "s".repeat(256) }), "claims"),
            self.claim_row("subject with a line feed", json!({ "sub": "ada\nrole" }), "claims"),
            self.claim_row("roles are a number", json!({ "roles": 5 }), "claims"),
            self.claim_row("role is an object", json!({ "roles": [{ "name": "admin" }] }), "claims"),
            self.claim_row("scope is an object", json!({ "scope": { "items": "write" } }), "claims"),
            self.claim_row("tenant is a list", json!({ "tenant": ["one", "two"] }), "claims"),
            self.claim_row("empty tenant", json!({ "tenant": "" }), "claims"),
            raw("two subjects", twice(r#""sub":"admin""#), "malformed"),
            raw("two expiries", twice(r#""exp":4102444800"#), "malformed"),
            raw("two audiences", twice(r#""aud":"another""#), "malformed"),
            raw("two issuers", twice(r#""iss":"another""#), "malformed"),
            raw("claims are a list", "[]".into(), "malformed"),
            raw("claims are not JSON", "claims".into(), "malformed"),
        ]
    }
}
