//! The principal that the function tells API Gateway.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    function::{Function, event_with},
    issuer::Issuer,
    signer::{Signer, with},
};

/// Returns the answers to tokens with these claims changed.
async fn answers<const N: usize>(variables: &[(&str, &str)], changes: [Value; N]) -> [Value; N] {
    let signer = Signer::new();
    let issuer = Issuer::start(&signer).await;
    let mut function = Function::start(&issuer, variables).await;
    let mut answers = Vec::new();
    for change in changes {
        let token = signer.token(&json!({ "alg": "ES256", "kid": "ec" }), &with(issuer.claims(), change));
        answers.push(function.invoke(event_with(&token)).await.0.unwrap());
    }
    answers.try_into().unwrap()
}

#[tokio::test]
async fn subject_is_the_id_of_the_principal() {
    let subject = "9f86d081-884c-4d65-9a2f-eaa0c55ad015";
    let [uuid, text, again, other] = answers(
        &[],
        [
            json!({ "sub": subject }),
            json!({ "sub": "auth0|ada" }),
            json!({ "sub": "auth0|ada" }),
            json!({ "sub": "eve" }),
        ],
    )
    .await;
    assert_eq!(uuid["principalId"], subject);
    let id = |answer: &Value| answer["principalId"].as_str().unwrap().parse::<Uuid>().unwrap();
    assert_eq!(id(&text).get_version_num(), 5);
    assert_eq!(id(&text), id(&again));
    assert_ne!(id(&text), id(&other));
}

#[tokio::test]
async fn context_has_kind_tenant_roles_and_scopes_as_strings() {
    let claims = json!({ "roles": ["reader", "editor"], "scope": "items:read items:write", "tenant": "acme" });
    let [with_tenant, without] =
        answers(&[("TENANT_CLAIM", "tenant")], [claims, json!({ "roles": null, "scope": null })]).await;
    let expected =
        json!({ "kind": "user", "tenant": "acme", "roles": "reader editor", "scopes": "items:read items:write" });
    assert_eq!(with_tenant["context"], expected);
    assert_eq!(without["context"], json!({ "kind": "user", "roles": "", "scopes": "" }));
}

#[tokio::test]
async fn tenant_of_a_token_does_not_count_without_a_configured_claim() {
    let [answer] = answers(&[], [json!({ "tenant": "acme" })]).await;
    assert_eq!(answer["context"].get("tenant"), None);
}

#[tokio::test]
async fn claims_are_configurable_by_name_or_pointer() {
    let variables = [
        ("ROLES_CLAIM", "/realm_access/roles"),
        ("TENANT_CLAIM", "https://example.com/tenant"),
        ("SCOPE_CLAIM", "scp"),
    ];
    let claims = json!({
        "roles": ["admin"], "scope": "all", "realm_access": { "roles": ["reader"] }, "scp": ["items:read"],
        "https://example.com/tenant": "acme",
    });
    let [answer] = answers(&variables, [claims]).await;
    let expected = json!({ "kind": "user", "tenant": "acme", "roles": "reader", "scopes": "items:read" });
    assert_eq!(answer["context"], expected);
}

#[tokio::test]
async fn groups_of_cognito_are_roles() {
    let [both, one] = answers(&[], [json!({ "cognito:groups": ["admin"] }), json!({})]).await;
    assert_eq!((&both["context"]["roles"], &one["context"]["roles"]), (&json!("admin"), &json!("reader")));
}

#[tokio::test]
async fn role_with_a_space_does_not_become_two() {
    let [list, text, scope] = answers(
        &[],
        [
            json!({ "roles": ["shop admin", "reader", "line\nfeed", ""] }),
            json!({ "roles": "shop admin" }),
            json!({ "scope": ["items:read", "a b"] }),
        ],
    )
    .await;
    assert_eq!(list["context"]["roles"], "reader");
    assert_eq!(text["context"]["roles"], "");
    assert_eq!(scope["context"]["scopes"], "items:read");
}
