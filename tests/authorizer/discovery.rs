//! The way to the issuer's keys: what is fetched, and from whom.

use std::io::Write;

use serde_json::{Value, json};
use serverless_crud::authorizer::{Discovery, Settings};

use crate::{
    function::{Function, event_with},
    issuer::{CONFIGURATION, Fault, Issuer},
    signer::Signer,
};

/// Fetches the keys of an issuer, and returns the cause of a failure.
async fn fetch(settings: &Settings) -> Result<usize, String> {
    let fetched = Discovery::new(settings).fetch().await;
    fetched.map(|keys| keys.len()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn keys_that_cannot_verify_tokens_are_left_out() {
    let issuer = Issuer::start(&Signer::new()).await;
    // `rsa`, `rs256`, `ec` and `ed` of the eleven.
    assert_eq!(fetch(&issuer.settings()).await, Ok(4));
}

#[tokio::test]
async fn misbehaving_issuer_is_not_believed() {
    let huge = format!("{{\"keys\":[],\"more\":\"{}\"}}", "x".repeat(300 * 1024));
    let faults = [
        (Fault::Status(404), "status 404"),
        (Fault::Status(500), "status 500"),
        (Fault::Status(204), "status 204"),
        (Fault::Redirect("/elsewhere"), "status 302"),
        (Fault::ContentType("text/html"), "is not JSON by its content type"),
        (Fault::ContentType("application/jsonp"), "is not JSON by its content type"),
        (Fault::Body("<html>".into()), "is not JSON"),
        (Fault::Body(huge), "the response is too large"),
    ];
    for path in [CONFIGURATION, "/keys"] {
        for (fault, cause) in &faults {
            let issuer = Issuer::start(&Signer::new()).await;
            issuer.fault(path, Some(fault.clone()));
            let expected = format!("{}{path}: {cause}", issuer.url);
            assert_eq!(fetch(&issuer.settings()).await, Err(expected));
            assert_eq!(issuer.requests("/elsewhere"), 0);
        }
    }
}

#[tokio::test]
async fn silent_issuer_is_given_up() {
    let issuer = Issuer::start(&Signer::new()).await;
    issuer.fault("/keys", Some(Fault::Silence));
    assert_eq!(fetch(&issuer.settings()).await, Err(format!("{} takes more than 3s", issuer.url)));
}

#[tokio::test]
async fn configuration_must_name_the_issuer_and_an_allowed_url() {
    let issuer = Issuer::start(&Signer::new()).await;
    let (url, keys) = (issuer.url.clone(), format!("{}/keys", issuer.url));
    for (name, jwks_uri, cause) in [
        ("https://issuer.example.com", keys.as_str(), "is the configuration of another issuer"),
        (&format!("{url}/"), &keys, "is the configuration of another issuer"),
        (&url, "http://issuer.example.com/keys", "http://issuer.example.com/keys: is not an https URL"),
        (&url, "file:///etc/passwd", "has no jwks_uri"),
        (&url, "/keys", "/keys: is not an https URL"),
        (&url, "", "has no jwks_uri"),
    ] {
        issuer.configure(name.to_owned(), jwks_uri.to_owned());
        let error = fetch(&issuer.settings()).await.unwrap_err();
        assert!(error.ends_with(cause), "{error}");
    }
    assert_eq!(issuer.requests("/keys"), 0);
}

#[tokio::test]
async fn set_without_a_key_for_tokens_is_a_failure() {
    let issuer = Issuer::start(&Signer::new()).await;
    for set in
        [json!({}), json!({ "keys": [] }), json!({ "keys": {} }), json!([]), json!({ "keys": [{ "kty": "oct" }] })]
    {
        issuer.publish(set);
        assert_eq!(fetch(&issuer.settings()).await, Err(format!("{}/keys has no key for tokens", issuer.url)));
    }
}

#[tokio::test]
async fn other_media_type_of_key_sets_is_read() {
    let issuer = Issuer::start(&Signer::new()).await;
    for media_type in ["application/jwk-set+json", "Application/JSON; charset=utf-8"] {
        issuer.fault("/keys", Some(Fault::ContentType(media_type)));
        assert_eq!(fetch(&issuer.settings()).await, Ok(4), "{media_type}");
    }
}

#[tokio::test]
async fn issuer_behind_tls_needs_a_trusted_certificate() {
    let signer = Signer::new();
    let (issuer, certificate) = Issuer::start_with_tls(&signer).await;
    let mut bundle = tempfile::NamedTempFile::new().unwrap();
    bundle.write_all(certificate.as_bytes()).unwrap();
    let token = signer.token(&json!({ "alg": "RS256", "kid": "rsa" }), &issuer.claims());

    let path = bundle.path().to_str().unwrap();
    let variables = [("AWS_CA_BUNDLE", path), ("ALLOW_HTTP_LOOPBACK", "false")];
    let mut function = Function::start(&issuer, &variables).await;
    assert!(function.invoke(event_with(&token)).await.0.is_ok());

    // Mozilla's roots do not sign the certificate.
    assert!(fetch(&issuer.settings()).await.unwrap_err().contains("certificate"));
}

#[tokio::test]
async fn unreachable_issuer_is_an_error_other_than_unauthorized() {
    let signer = Signer::new();
    let issuer = Issuer::start(&signer).await;
    issuer.fault(CONFIGURATION, Some(Fault::Status(500)));
    let token = signer.token(&json!({ "alg": "RS256", "kid": "rsa" }), &issuer.claims());
    let mut function = Function::start(&issuer, &[]).await;
    let (answer, start) = function.invoke(event_with(&token)).await;
    assert_eq!(answer, Err("the keys of the issuer are not available".to_owned()));
    let cause = format!("the issuer's keys cannot be fetched: {}{CONFIGURATION}: status 500", issuer.url);
    assert_eq!((&start["level"], &start["cause"]), (&json!("ERROR"), &Value::from(cause)));
}

#[tokio::test]
async fn discovery_url_can_be_elsewhere() {
    let signer = Signer::new();
    let issuer = Issuer::start(&signer).await;
    let name = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool";
    issuer.configure(name.into(), format!("{}/keys", issuer.url));
    let url = format!("{}{CONFIGURATION}", issuer.url);
    let mut function = Function::start(&issuer, &[("ISSUER", name), ("DISCOVERY_URL", &url)]).await;
    let claims = crate::signer::with(issuer.claims(), json!({ "iss": name }));
    let token = signer.token(&json!({ "alg": "RS256", "kid": "rsa" }), &claims);
    assert!(function.invoke(event_with(&token)).await.0.is_ok());
}
