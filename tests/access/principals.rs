//! The principal of a request, from the event.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use uuid::Uuid;

use crate::{
    callers::Caller,
    gateway::Gateway,
    samples::{item, user},
    support::dynamodb,
};

const UNKNOWN: &str = "/v1/items/019a7d3e-0c00-7000-8000-000000000002";

#[tokio::test]
async fn request_without_credentials_returns_401_with_a_challenge() {
    let gateway = Gateway::start().await;
    for (method, path) in [("GET", "/v1/items"), ("GET", UNKNOWN), ("POST", "/v1/items"), ("DELETE", UNKNOWN)] {
        let answer = gateway.call(&Caller::anonymous(), method, path, &[], Some(json!({}))).await;
        assert_eq!(answer.status, 401, "{method} {path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn incomplete_or_malformed_authorizer_context_is_no_principal() {
    let gateway = Gateway::start().await;
    let id = Uuid::new_v4().to_string();
    for authorizer in [
        json!({}),
        json!({ "principalId": id }),
        json!({ "kind": "user" }),
        json!({ "kind": "user", "principalId": "" }),
        json!({ "kind": "user", "principalId": "ada" }),
        json!({ "kind": "system", "principalId": id }),
        json!({ "kind": "anonymous", "principalId": id, "roles": "admin" }),
        json!({ "kind": "root", "principalId": id, "roles": "admin" }),
        json!({ "kind": "USER", "principalId": id, "roles": "admin" }),
        json!({ "kind": "user", "principalId": id, "roles": "admin", "tenant": "t".repeat(129) }),
    ] {
        // The key alone would have the role admin.
        let caller = Caller { identity: json!({ "apiKeyId": "app" }), authorizer };
        assert_eq!(gateway.get(&caller, "/v1/items").await.status, 401, "{caller:?}");
    }
}

#[tokio::test]
async fn user_with_an_api_key_has_only_the_roles_of_the_token() {
    let gateway = Gateway::start().await;
    let created = gateway.post(&Caller::key("app"), "/v1/items", item()).await;
    let path = format!("/v1/items/{}", created.id());
    assert_eq!(gateway.get(&Caller::user(Uuid::new_v4()), &path).await.status, 404);
    let admin = Caller::user(Uuid::new_v4()).with_roles("editor admin");
    assert_eq!(gateway.get(&admin, &path).await.status, 200);
}

#[tokio::test]
async fn roles_are_whole_words() {
    let gateway = Gateway::start().await;
    let path = format!("/v1/items/{}", gateway.post(&Caller::key("app"), "/v1/items", item()).await.id());
    for roles in ["", "Admin", "ADMIN", "admins", "superadmin", "admin,editor", "not-admin", "admin\n", "\tadmin", "*"]
    {
        let caller = Caller::user(Uuid::new_v4()).with_roles(roles);
        assert_eq!(gateway.get(&caller, &path).await.status, 404, "{roles:?}");
    }
}

#[tokio::test]
async fn applications_and_services_have_no_roles_by_default() {
    let gateway = Gateway::start_with(|config| config.application_roles = Vec::new()).await;
    let role = Caller::service("arn:aws:sts::123456789012:assumed-role/admin/admin");
    for caller in [Caller::key("admin"), role, Caller::key("app").of_kind("application")] {
        let created = gateway.post(&caller, "/v1/items", item()).await;
        assert!([401, 403].contains(&created.status), "{created:?}");
    }
}

#[tokio::test]
async fn sessions_of_one_aws_role_are_one_principal() {
    let gateway = Gateway::start_with(|config| config.service_roles = vec!["admin".into()]).await;
    let session = |session: &str| Caller::service(&format!("arn:aws:sts::123456789012:assumed-role/{session}"));
    let mut ids = Vec::new();
    for caller in [session("Batch/one"), session("Batch/two"), session("Other/one")] {
        let key = [("Idempotency-Key", "one")];
        ids.push(gateway.call(&caller, "POST", "/v1/items", &key, Some(item())).await.id());
    }
    assert_eq!(ids[0], ids[1], "another session of the same role repeats the request");
    assert_ne!(ids[0], ids[2], "another role has idempotency keys of its own");
}

#[tokio::test]
async fn idempotency_key_belongs_to_the_principal_in_its_tenant() {
    let gateway = Gateway::start().await;
    let (ada, eve) = (Uuid::new_v4(), Uuid::new_v4());
    let admin = |id| Caller::user(id).with_roles("admin");
    let create = async |caller: &Caller| {
        let (key, body) = ([("Idempotency-Key", "same")], json!({ "name": "Ada", "email": "ada@example.com" }));
        gateway.call(caller, "POST", "/v1/users", &key, Some(body)).await
    };
    let first = create(&admin(ada)).await;
    assert_eq!(create(&admin(ada).with_scopes("other")).await.id(), first.id());
    for other in [
        admin(eve),
        admin(ada).of_tenant("a"),
        admin(ada).of_tenant("b"),
        Caller::key(&ada.to_string()),
        admin(ada).of_kind("application"),
        admin(ada).of_kind("service"),
    ] {
        assert_eq!(create(&other).await.status, 409, "not the first one's record, and the address is taken: {other:?}");
    }
}

#[tokio::test]
async fn principal_is_the_author_in_the_row() {
    let gateway = Gateway::start().await;
    let ada = Uuid::new_v4();
    let caller = Caller::user(ada);
    assert_eq!(gateway.post(&caller, "/v1/users", user()).await.id(), ada.to_string());
    let client = dynamodb(gateway.dynamodb_url());
    let key = AttributeValue::S(ada.to_string());
    let row = client.get_item().table_name("local-users").key("id", key).send().await.unwrap().item.unwrap();
    assert_eq!(row["writtenBy"].as_s().unwrap(), &ada.to_string());
}
