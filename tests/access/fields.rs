//! Fields that only some may read or change.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    callers::Caller,
    gateway::Gateway,
    items::{id_of, start},
    samples::{user, with},
};

fn path_of(caller: &Caller) -> String {
    format!("/v1/users/{}", id_of(caller).as_str().unwrap())
}

fn admin() -> Caller {
    Caller::user(Uuid::new_v4()).with_roles("admin")
}

#[tokio::test]
async fn address_and_phone_are_shown_to_the_user_and_administrators_alone() {
    let (gateway, ada, eve) = start().await;
    let phone = json!({ "phone": "+442071838750" });
    assert_eq!(gateway.patch(&ada, &path_of(&ada), phone).await.status, 200);
    for (caller, shows) in [(&ada, true), (&admin(), true), (&Caller::key("app"), true), (&eve, false)] {
        let read = gateway.get(caller, &path_of(&ada)).await;
        assert_eq!((read.status, read.body["name"].as_str()), (200, Some("Ada")));
        let page = gateway.get(caller, "/v1/users").await;
        let listed = page.body["data"].as_array().unwrap().iter().find(|user| user["id"] == id_of(&ada)).unwrap();
        for record in [&read.body, listed] {
            for field in ["email", "phone"] {
                assert_eq!(record.get(field).is_some(), shows, "{field} for {caller:?}");
            }
        }
        assert_eq!(read.headers["etag"], "\"2\"");
    }
}

#[tokio::test]
async fn filter_by_a_hidden_field_returns_403() {
    let (gateway, ada, eve) = start().await;
    let email = gateway.get(&ada, &path_of(&ada)).await.body["email"].as_str().unwrap().to_owned();
    for caller in [&ada, &eve] {
        assert_eq!(gateway.get(caller, &format!("/v1/users?email={email}")).await.status, 403);
        assert_eq!(gateway.get(caller, "/v1/users?email=nobody@example.com").await.status, 403);
    }
    assert_eq!(gateway.get(&admin(), &format!("/v1/users?email={email}")).await.ids().len(), 1);
}

#[tokio::test]
async fn only_administrators_set_a_role() {
    let (gateway, ada, _) = start().await;
    let path = path_of(&ada);
    let promoted = json!({ "role": "admin" });
    let stranger = Caller::user(Uuid::new_v4());
    assert_eq!(gateway.post(&stranger, "/v1/users", with(user(), "role", "admin")).await.status, 403);
    assert_eq!(gateway.get(&stranger, &path_of(&stranger)).await.status, 404, "nothing was created");
    assert_eq!(gateway.post(&stranger, "/v1/users", with(user(), "role", "member")).await.status, 201);
    let own = gateway.get(&ada, &path).await.body;
    let whole = json!({ "name": "Ada", "email": own["email"], "role": "admin" });
    let also = json!({ "name": "A", "email": "new@example.com", "role": "admin" });
    for (method, body) in [("PATCH", &promoted), ("PUT", &whole), ("PATCH", &also), ("PUT", &also)] {
        assert_eq!(gateway.call(&ada, method, &path, &[], Some(body.clone())).await.status, 403, "{method} {body}");
    }
    assert_eq!(gateway.get(&ada, &path).await.body, own);
    assert_eq!(gateway.patch(&ada, &path, json!({ "role": "member", "name": "A" })).await.status, 200);
    assert_eq!(gateway.patch(&ada, &path, json!({ "role": null })).await.status, 200);
    assert_eq!(gateway.patch(&admin(), &path, promoted).await.body["role"], "admin");
    for (body, status) in
        [(json!({ "name": "B" }), 200), (json!({ "role": "member" }), 403), (json!({ "role": null }), 403)]
    {
        assert_eq!(gateway.patch(&ada, &path, body.clone()).await.status, status, "{body}");
    }
    assert_eq!(gateway.put(&ada, &path, json!({ "name": "B", "email": own["email"] })).await.status, 403);
    assert_eq!(gateway.get(&ada, &path).await.body["role"], "admin");
}

#[tokio::test]
async fn rule_of_a_field_can_depend_on_the_record() {
    let gateway = Gateway::start().await;
    let tenant = |caller: Caller| caller.of_tenant("t");
    let (ada, eve) = (Uuid::new_v4(), Uuid::new_v4());
    let (plain, writer) = (tenant(Caller::user(ada)), tenant(Caller::user(ada)).with_scopes("notes"));
    let body = json!({ "title": "One", "state": "open", "note": "secret" });
    assert_eq!(gateway.post(&plain, "/v1/docs", body.clone()).await.status, 403);
    let created = gateway.post(&writer, "/v1/docs", body).await;
    let path = format!("/v1/docs/{}", created.id());
    assert_eq!(created.body["note"], "secret");
    assert_eq!(gateway.get(&tenant(Caller::user(eve)), &path).await.body.get("note"), None);
    let other = tenant(Caller::user(eve)).with_roles("admin").with_scopes("notes");
    let note = json!({ "note": "other" });
    for (caller, status) in [(&plain, 403), (&other, 403), (&writer, 200)] {
        assert_eq!(gateway.patch(caller, &path, note.clone()).await.status, status, "{caller:?}");
    }
    assert_eq!(gateway.patch(&other, &path, json!({ "note": "other", "state": "closed" })).await.status, 200);
    let changed = gateway.patch(&plain, &path, json!({ "note": Value::Null })).await;
    assert_eq!(changed.status, 403);
}
