//! Attempts to reach what belongs to others. None gets in, changes anything, or learns that a hidden record exists.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    callers::Caller,
    gateway::{Answer, Gateway},
    samples::with,
};

/// A text in every record of the victim that others may not read.
const SECRET: &str = "s3cret";

/// The callers of the attempts.
#[derive(Clone, Copy, Debug)]
enum Attacker {
    /// A user with a record, in the victim's tenant.
    User,
    /// A user of another tenant.
    Foreigner,
    /// An administrator of another tenant.
    ForeignAdmin,
    /// A user with a role that no rule names, and all scopes one could think of.
    Claimant,
    /// An API key, on a stage that gives it no role.
    Key,
    /// An AWS role, on a stage that gives it no role.
    Service,
    /// A caller without credentials.
    Nobody,
    /// An application whose id is the victim's.
    Namesake,
}
use Attacker::{Claimant, ForeignAdmin, Foreigner, Key, Namesake, Nobody, Service, User};

/// The caller, method, path, body and expected status of each attempt. `{name}` stands for an id or text of the victim.
const ATTEMPTS: &[(Attacker, &str, &str, &str, i64)] = &[
    // The victim's draft, by every operation.
    (User, "GET", "/v1/items/{draft}", "", 404),
    (User, "PATCH", "/v1/items/{draft}", r#"{"name":"x"}"#, 404),
    (User, "PATCH", "/v1/items/{draft}", r#"{"ownerId":"{eve}"}"#, 404),
    (User, "PATCH", "/v1/items/{draft}", r#"{"status":"active"}"#, 404),
    (User, "PUT", "/v1/items/{draft}", r#"{"name":"x","priceCents":1,"currency":"EUR"}"#, 404),
    (User, "PUT", "/v1/items/{draft}", r#"{"name":"x","priceCents":1,"currency":"EUR","ownerId":"{eve}"}"#, 404),
    (User, "DELETE", "/v1/items/{draft}", "", 404),
    (User, "POST", "/v1/items/{draft}/publish", "", 404),
    (User, "GET", "/v1/items/{draft}/history", "", 404),
    (User, "GET", "/v1/items/{draft}/history?order=asc&limit=1", "", 404),
    (Key, "GET", "/v1/items/{draft}", "", 404),
    (Key, "PATCH", "/v1/items/{draft}", r#"{"name":"x"}"#, 403),
    (Key, "DELETE", "/v1/items/{draft}", "", 403),
    (Service, "GET", "/v1/items/{draft}", "", 404),
    (Service, "PUT", "/v1/items/{draft}", r#"{"name":"x","priceCents":1,"currency":"EUR"}"#, 403),
    (Claimant, "GET", "/v1/items/{draft}", "", 404),
    (Claimant, "DELETE", "/v1/items/{draft}", "", 404),
    (Namesake, "GET", "/v1/items/{draft}", "", 404),
    (Namesake, "PATCH", "/v1/items/{draft}", r#"{"name":"x"}"#, 403),
    (Namesake, "DELETE", "/v1/items/{draft}", "", 403),
    (Nobody, "GET", "/v1/items/{draft}", "", 401),
    (Nobody, "DELETE", "/v1/items/{draft}", "", 401),
    // The victim's active item, which may be read alone.
    (User, "PATCH", "/v1/items/{active}", r#"{"name":"x"}"#, 403),
    (User, "PATCH", "/v1/items/{active}", r#"{"ownerId":"{eve}"}"#, 403),
    (User, "PATCH", "/v1/items/{active}", r#"{"ownerId":null}"#, 403),
    (User, "PUT", "/v1/items/{active}", r#"{"name":"x","priceCents":1,"currency":"EUR"}"#, 403),
    (User, "DELETE", "/v1/items/{active}", "", 403),
    (User, "POST", "/v1/items/{active}/publish", "", 403),
    (User, "GET", "/v1/items/{active}/history", "", 404),
    (Key, "POST", "/v1/items/{active}/publish", "", 403),
    (Key, "GET", "/v1/items/{active}/history", "", 403),
    (Service, "DELETE", "/v1/items/{active}", "", 403),
    (Claimant, "PATCH", "/v1/items/{active}", r#"{"name":"x"}"#, 403),
    (Nobody, "GET", "/v1/items/{active}", "", 401),
    (Nobody, "GET", "/v1/items", "", 401),
    // Items in the victim's name.
    (User, "POST", "/v1/items", r#"{"name":"x","priceCents":1,"currency":"EUR","ownerId":"{ada}"}"#, 403),
    (Key, "POST", "/v1/items", r#"{"name":"x","priceCents":1,"currency":"EUR","ownerId":"{ada}"}"#, 403),
    (Key, "POST", "/v1/items", r#"{"name":"x","priceCents":1,"currency":"EUR"}"#, 403),
    (Namesake, "POST", "/v1/items", r#"{"name":"x","priceCents":1,"currency":"EUR","ownerId":"{ada}"}"#, 403),
    (Nobody, "POST", "/v1/items", r#"{"name":"x","priceCents":1,"currency":"EUR"}"#, 401),
    // The victim's draft, by filters.
    (User, "GET", "/v1/items?ownerId={ada}", "", 200),
    (User, "GET", "/v1/items?status=draft", "", 200),
    (User, "GET", "/v1/items?ownerId={ada}&status=draft", "", 400),
    (User, "GET", "/v1/items?limit=100", "", 200),
    (User, "GET", "/v1/items?id={draft}", "", 400),
    (Key, "GET", "/v1/items?status=draft", "", 200),
    (Claimant, "GET", "/v1/items?ownerId={ada}&order=asc", "", 200),
    // The victim's user.
    (User, "PATCH", "/v1/users/{ada}", r#"{"name":"x"}"#, 403),
    (User, "PATCH", "/v1/users/{ada}", r#"{"email":"eve@example.com"}"#, 403),
    (User, "PUT", "/v1/users/{ada}", r#"{"name":"x","email":"eve@example.com"}"#, 403),
    (User, "DELETE", "/v1/users/{ada}", "", 403),
    (User, "GET", "/v1/users/{ada}", "", 200),
    (User, "GET", "/v1/users", "", 200),
    (User, "GET", "/v1/users/{ada}/history", "", 404),
    (User, "GET", "/v1/users?email={email}", "", 403),
    (User, "GET", "/v1/users?phone=%2B442071838750", "", 400),
    (Claimant, "GET", "/v1/users?email={email}", "", 403),
    (Key, "GET", "/v1/users/{ada}", "", 403),
    (Key, "GET", "/v1/users", "", 403),
    (Key, "DELETE", "/v1/users/{ada}", "", 403),
    (Key, "POST", "/v1/users", r#"{"name":"x","email":"x@example.com"}"#, 403),
    (Namesake, "PATCH", "/v1/users/{ada}", r#"{"name":"x"}"#, 403),
    (Service, "GET", "/v1/users", "", 403),
    (Nobody, "GET", "/v1/users", "", 401),
    // Roles.
    (User, "PATCH", "/v1/users/{eve}", r#"{"role":"admin"}"#, 403),
    (User, "PATCH", "/v1/users/{eve}", r#"{"name":"x","role":"admin"}"#, 403),
    (User, "PUT", "/v1/users/{eve}", r#"{"name":"x","email":"eve@example.com","role":"admin"}"#, 403),
    (User, "POST", "/v1/users", r#"{"name":"x","email":"x@example.com","role":"admin"}"#, 403),
    (User, "PATCH", "/v1/users/{eve}", r#"{"id":"{ada}"}"#, 400),
    (User, "PATCH", "/v1/users/{eve}", r#"{"tenantId":"a"}"#, 400),
    (User, "PATCH", "/v1/users/{eve}", r#"{"writtenBy":"{ada}"}"#, 400),
    (Claimant, "PATCH", "/v1/users/{ada}", r#"{"role":"admin"}"#, 403),
    // A document of another tenant.
    (Foreigner, "GET", "/v1/docs/{doc}", "", 404),
    (Foreigner, "GET", "/v1/docs/{opendoc}", "", 404),
    (Foreigner, "PATCH", "/v1/docs/{opendoc}", r#"{"title":"x"}"#, 404),
    (Foreigner, "PUT", "/v1/docs/{opendoc}", r#"{"title":"x","state":"open"}"#, 404),
    (Foreigner, "DELETE", "/v1/docs/{opendoc}", "", 404),
    (Foreigner, "GET", "/v1/docs/{opendoc}/history", "", 404),
    (Foreigner, "GET", "/v1/docs", "", 200),
    (Foreigner, "GET", "/v1/docs?state=open", "", 200),
    (Foreigner, "GET", "/v1/docs?ownerId={ada}", "", 200),
    (Foreigner, "POST", "/v1/docs", r#"{"title":"y","state":"open","parentId":"{opendoc}"}"#, 409),
    (Foreigner, "POST", "/v1/docs", r#"{"title":"y","state":"open","tenantId":"a"}"#, 400),
    (ForeignAdmin, "GET", "/v1/docs/{doc}", "", 404),
    (ForeignAdmin, "PATCH", "/v1/docs/{doc}", r#"{"title":"x"}"#, 404),
    (ForeignAdmin, "DELETE", "/v1/docs/{doc}", "", 404),
    (ForeignAdmin, "GET", "/v1/docs?limit=100", "", 200),
    (ForeignAdmin, "GET", "/v1/docs?ownerId={ada}", "", 200),
    (ForeignAdmin, "GET", "/v1/docs/{doc}/history", "", 404),
    (User, "GET", "/v1/docs/{doc}", "", 404),
    (User, "PATCH", "/v1/docs/{opendoc}", r#"{"title":"x"}"#, 403),
    (User, "GET", "/v1/docs/{opendoc}", "", 200),
    (User, "GET", "/v1/docs", "", 200),
    (Key, "GET", "/v1/docs/{opendoc}", "", 403),
    (Key, "GET", "/v1/docs", "", 403),
    (Nobody, "GET", "/v1/docs/{opendoc}", "", 401),
    // A private profile.
    (User, "GET", "/v1/profiles/{ada}", "", 404),
    (User, "PATCH", "/v1/profiles/{ada}", r#"{"motto":"x"}"#, 404),
    (User, "DELETE", "/v1/profiles/{ada}", "", 404),
    (User, "GET", "/v1/profiles", "", 200),
    (User, "GET", "/v1/profiles/{ada}/history", "", 403),
    (Namesake, "GET", "/v1/profiles/{ada}", "", 403),
    (Namesake, "GET", "/v1/profiles", "", 403),
];

/// The victim's records, and the callers.
struct Scene {
    gateway: Gateway,
    ada: Caller,
    eve: Uuid,
    ada_id: Uuid,
    names: Vec<(&'static str, String)>,
    paths: Vec<String>,
}

impl Scene {
    async fn new() -> Self {
        let gateway = Gateway::start_with(|config| config.application_roles = Vec::new()).await;
        let (ada_id, eve) = (Uuid::now_v7(), Uuid::now_v7());
        let ada = Caller::user(ada_id).of_tenant("a").with_scopes("notes");
        let email = format!("{SECRET}@example.com");
        let user = json!({ "name": "Ada", "email": email, "phone": "+442071838750" });
        let eve_user = json!({ "name": "Eve", "email": "eve@example.org" });
        let item = json!({ "name": "Cup", "priceCents": 1, "currency": "EUR" });
        let secret = |body: &Value, field: &str| with(body.clone(), field, SECRET);
        let create = async |path: &str, body: Value| {
            let answer = gateway.post(&ada, path, body).await;
            assert_eq!(answer.status, 201, "{answer:?}");
            answer.id()
        };
        create("/v1/users", user).await;
        let second = gateway.post(&Caller::user(eve), "/v1/users", eve_user).await;
        assert_eq!(second.status, 201);
        let draft = create("/v1/items", secret(&item, "name")).await;
        let active = create("/v1/items", with(item, "status", "active")).await;
        let doc = create("/v1/docs", json!({ "title": SECRET, "state": "closed" })).await;
        let open = create("/v1/docs", json!({ "title": "Open", "state": "open", "note": SECRET })).await;
        create("/v1/profiles", json!({ "motto": SECRET })).await;
        let paths = vec![
            format!("/v1/items/{draft}"),
            format!("/v1/items/{active}"),
            format!("/v1/docs/{doc}"),
            format!("/v1/docs/{open}"),
            format!("/v1/users/{ada_id}"),
            format!("/v1/profiles/{ada_id}"),
        ];
        let ids = [("ada", ada_id.to_string()), ("eve", eve.to_string()), ("email", email)];
        let records = [("draft", draft), ("active", active), ("doc", doc), ("opendoc", open)];
        let names = ids.into_iter().chain(records).collect();
        Self { gateway, ada, eve, ada_id, names, paths }
    }

    fn caller(&self, attacker: Attacker) -> Caller {
        let eve = Caller::user(self.eve);
        match attacker {
            User => eve.of_tenant("a"),
            Foreigner => eve.of_tenant("b"),
            ForeignAdmin => Caller::user(self.ada_id).of_tenant("b").with_roles("admin"),
            Claimant => eve.with_roles("Admin root owner *").with_scopes("admin notes items:write openid *"),
            Key => Caller::key("app"),
            Service => Caller::service("arn:aws:iam::123456789012:user/admin"),
            Nobody => Caller::anonymous(),
            Namesake => Caller::key(&self.ada_id.to_string()),
        }
    }

    fn filled(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// Returns everything that the victim has, as the victim sees it.
    async fn state(&self) -> Vec<Answer> {
        let mut state = Vec::new();
        for path in &self.paths {
            let answer = self.gateway.get(&self.ada, path).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            state.push(answer);
        }
        state
    }
}

#[tokio::test]
async fn no_attempt_reaches_what_belongs_to_others() {
    let scene = Scene::new().await;
    let before = scene.state().await;
    for (attacker, method, path, body, status) in ATTEMPTS {
        let body = (!body.is_empty()).then(|| serde_json::from_str(&scene.filled(body)).unwrap());
        let path = scene.filled(path);
        // The headers of a client that knows the current version, of one that does not, and of one that repeats.
        for header in [None, Some(("If-Match", "\"1\"")), Some(("Idempotency-Key", "ada"))] {
            if header.is_some() && *method == "GET" {
                continue;
            }
            let headers: Vec<_> = header.into_iter().collect();
            let answer = scene.gateway.call(&scene.caller(*attacker), method, &path, &headers, body.clone()).await;
            let context = format!("{attacker:?} {method} {path} {body:?} {header:?}: {answer:?}");
            assert_eq!(answer.status, *status, "{context}");
            assert!(!answer.text().contains(SECRET), "{context}");
        }
    }
    assert_eq!(scene.state().await, before);
    assert!(ATTEMPTS.len() >= 60);
}

#[tokio::test]
async fn etag_of_a_hidden_record_is_not_confirmed() {
    let scene = Scene::new().await;
    let user = scene.caller(User);
    for (header, value) in [("If-None-Match", "\"1\""), ("If-None-Match", "*"), ("If-None-Match", "W/\"1\"")] {
        let path = scene.filled("/v1/items/{draft}");
        let answer = scene.gateway.call(&user, "GET", &path, &[(header, value)], None).await;
        assert_eq!(answer.status, 404, "{header}: {value}");
    }
    for value in ["\"1\"", "\"2\"", "*"] {
        for (path, status) in [("/v1/items/{draft}", 404), ("/v1/items/{active}", 403)] {
            let headers = [("If-Match", value)];
            let answer = scene.gateway.call(&user, "DELETE", &scene.filled(path), &headers, None).await;
            assert_eq!(answer.status, status, "{value} {path}");
        }
    }
}

#[tokio::test]
async fn idempotency_key_of_another_principal_returns_nothing_of_theirs() {
    let scene = Scene::new().await;
    let (key, body) = ([("Idempotency-Key", "order-1")], json!({ "title": "Same", "state": "open" }));
    let first = scene.gateway.call(&scene.ada, "POST", "/v1/docs", &key, Some(body.clone())).await;
    assert_eq!(first.status, 201);
    for attacker in [User, Foreigner, ForeignAdmin] {
        let answer = scene.gateway.call(&scene.caller(attacker), "POST", "/v1/docs", &key, Some(body.clone())).await;
        assert_ne!(answer.body["id"], first.body["id"], "{attacker:?}");
    }
    let again = scene.gateway.call(&scene.ada, "POST", "/v1/docs", &key, Some(body)).await;
    assert_eq!(again.body, first.body);
}

#[tokio::test]
async fn cursor_of_another_principal_is_invalid() {
    let scene = Scene::new().await;
    let page = scene.gateway.get(&scene.ada, "/v1/items?limit=1").await;
    let cursor = page.body["nextCursor"].as_str().unwrap();
    for attacker in [User, Foreigner, ForeignAdmin, Claimant, Key, Service, Namesake] {
        let path = format!("/v1/items?limit=1&cursor={cursor}");
        assert_eq!(scene.gateway.get(&scene.caller(attacker), &path).await.status, 400, "{attacker:?}");
    }
}
