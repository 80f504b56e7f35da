//! Tokens that nobody may get in with: each is refused for its own reason, by the function and by the local gateway.

mod claims;
mod headers;
mod signatures;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    function::{Function, event},
    issuer::{AUDIENCE, Issuer},
    signer::{Signer, with},
    support::TestServer,
};

/// A request that is refused.
struct Row {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    reason: &'static str,
    /// False for a request that HTTP cannot carry, or changes on its way.
    is_http: bool,
}

/// The keys and claims that the rows start from.
struct Forge {
    issuer: Issuer,
    /// The keys of the issuer.
    own: Signer,
    /// Somebody else's keys.
    other: Signer,
}

impl Forge {
    /// Returns a row with this token.
    fn row(name: &'static str, token: String, reason: &'static str) -> Row {
        Row { name, headers: vec![("Authorization", format!("Bearer {token}"))], reason, is_http: true }
    }

    /// Returns the header of a valid token, with these members changed.
    fn header(members: Value) -> Value {
        with(json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" }), members)
    }

    /// Returns the claims of a valid token, with these members changed.
    fn claims(&self, members: Value) -> Value {
        with(self.issuer.claims(), members)
    }

    /// Returns a token of the issuer with these header members and claims changed.
    fn token(&self, header: Value, claims: Value) -> String {
        self.own.token(&Self::header(header), &self.claims(claims))
    }

    /// Returns a valid token.
    fn valid(&self) -> String {
        self.token(json!({}), json!({}))
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = self.header_rows();
        rows.extend(self.signature_rows());
        rows.extend(self.claim_rows());
        rows
    }
}

async fn forge() -> Forge {
    let own = Signer::new();
    Forge { issuer: Issuer::start(&own).await, own, other: Signer::other() }
}

#[tokio::test]
async fn function_refuses_every_row_for_its_reason_and_logs_nothing_of_the_token() {
    let forge = forge().await;
    let mut function = Function::start(&forge.issuer, &[("TENANT_CLAIM", "tenant")]).await;
    for row in forge.rows() {
        let headers: Vec<_> = row.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (answer, line) = function.invoke(event(&headers)).await;
        assert_eq!(answer, Err("Unauthorized".to_owned()), "{}", row.name);
        assert_eq!((&line["decision"], &line["reason"]), (&json!("unauthorized"), &json!(row.reason)), "{}", row.name);
        for (_, value) in headers {
            // A segment of a token has more than 20 characters, unless the row is about shorter ones.
            let parts = value.split([' ', '.']).filter(|part| part.len() > 20);
            parts.for_each(|part| assert!(!line.to_string().contains(part), "{}: {line}", row.name));
        }
    }
    assert_eq!(forge.issuer.requests("/attacker"), 0, "no URL in a token is fetched");
}

#[tokio::test]
async fn gateway_answers_every_row_with_401() {
    let forge = forge().await;
    let server = TestServer::start_with(|options| {
        (options.issuer, options.audience) = (Some(forge.issuer.url.clone()), Some(AUDIENCE.into()));
    })
    .await;
    for row in forge.rows().into_iter().filter(|row| row.is_http && !row.name.contains("tenant")) {
        let request = row
            .headers
            .iter()
            .fold(server.request("GET", "/v1/items"), |request, (name, value)| request.header(*name, value));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{}", row.name);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer error=\"invalid_token\"", "{}", row.name);
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{}", row.name);
    }
    assert_eq!(forge.issuer.requests("/attacker"), 0, "no URL in a token is fetched");
}

#[tokio::test]
async fn valid_tokens_get_in() {
    let forge = forge().await;
    let mut function = Function::start(&forge.issuer, &[]).await;
    let now = crate::signer::now();
    let cognito = json!({ "aud": null, "client_id": AUDIENCE, "token_use": "access" });
    let tokens = [
        forge.valid(),
        forge.token(json!({ "alg": "PS256" }), json!({})),
        forge.token(json!({ "alg": "ES256", "kid": "ec" }), json!({})),
        forge.token(json!({ "alg": "EdDSA", "kid": "ed" }), json!({})),
        forge.token(json!({ "kid": "rs256" }), json!({})),
        forge.token(json!({ "typ": "at+jwt" }), json!({})),
        forge.token(json!({ "typ": "application/at+JWT" }), json!({})),
        forge.token(json!({ "typ": null }), json!({})),
        forge.token(json!({ "jku": format!("{}/attacker", forge.issuer.url) }), json!({})),
        forge.token(json!({}), cognito),
        forge.token(json!({}), json!({ "aud": ["another", AUDIENCE] })),
        forge.token(json!({}), json!({ "exp": now - 30, "nbf": now + 30, "iat": now + 30 })),
        forge.token(json!({}), json!({ "exp": now as f64 + 60.5, "iat": null, "roles": null, "scope": null })),
    ];
    for token in tokens {
        let (answer, line) = function.invoke(crate::function::event_with(&token)).await;
        assert!(answer.is_ok(), "{answer:?} {line}");
        assert_eq!(line["decision"], "allow");
        token.split('.').for_each(|part| assert!(!line.to_string().contains(part), "{line}"));
    }
    for scheme in ["bearer", "BEARER"] {
        let header = format!("{scheme} {}", forge.valid());
        assert!(function.invoke(event(&[("authorization", &header)])).await.0.is_ok(), "{scheme}");
    }
    assert_eq!(forge.issuer.requests("/keys"), 1, "all keys were fetched at the start");
}
