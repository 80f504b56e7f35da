//! The requests to DynamoDB: a rule costs none in addition, and a refusal is as cheap as a success.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    callers::Caller,
    items::{id_of, start},
    samples::{item, with},
    support::proxy::Proxy,
};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn rules_need_no_request_in_addition() {
    let (gateway, ada, eve) = start().await;
    let proxy = Proxy::start(gateway.dynamodb_url()).await;
    let gateway = gateway.through(&proxy.url);
    let id = |caller: &Caller| id_of(caller).as_str().unwrap().to_owned();
    let draft = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", item()).await.id());
    let active = with(item(), "status", "active");
    let active = format!("/v1/items/{}", gateway.post(&ada, "/v1/items", active).await.id());
    let (own, publish) = (format!("/v1/users/{}", id(&ada)), format!("{draft}/publish"));
    let (rename, give) = (json!({ "name": "x" }), json!({ "ownerId": id(&eve) }));
    let role = json!({ "role": "admin" });
    let none = Value::Null;
    let key = Caller::user(Uuid::new_v4()).of_kind("application");
    let (update, transaction) = (["UpdateItem"].as_slice(), ["TransactWriteItems"].as_slice());
    for (caller, method, path, body, status, expected) in [
        (&ada, "GET", &draft, &none, 200, ["GetItem"].as_slice()),
        (&eve, "GET", &draft, &none, 404, &["GetItem"]),
        (&eve, "PATCH", &draft, &rename, 404, update),
        (&eve, "PATCH", &active, &rename, 403, update),
        (&eve, "PATCH", &active, &give, 403, update),
        (&eve, "POST", &publish, &none, 404, update),
        (&eve, "DELETE", &draft, &none, 404, transaction),
        (&eve, "DELETE", &active, &none, 403, transaction),
        (&eve, "DELETE", &own, &none, 403, &["GetItem"]),
        (&eve, "PATCH", &own, &rename, 403, update),
        (&ada, "PATCH", &own, &role, 403, update),
        (&key, "PATCH", &draft, &rename, 403, &NONE),
        (&key, "GET", &own, &none, 403, &NONE),
        (&Caller::anonymous(), "GET", &draft, &none, 401, &NONE),
        (&ada, "PATCH", &draft, &rename, 200, update),
        (&ada, "POST", &publish, &none, 200, update),
        (&ada, "PATCH", &own, &rename, 200, update),
        (&ada, "GET", &"/v1/items".to_owned(), &none, 200, &["Query"; 5]),
        (&ada, "GET", &format!("/v1/items?ownerId={}", id(&ada)), &none, 200, &["Query"; 2]),
        (&Caller::user(Uuid::new_v4()).with_roles("admin"), "GET", &"/v1/items".to_owned(), &none, 200, &["Query"; 4]),
        (&ada, "DELETE", &draft, &none, 204, transaction),
    ] {
        proxy.take();
        let body = Some(body.clone()).filter(|body| !body.is_null());
        let answer = gateway.call(caller, method, path, &[], body).await;
        let sent: Vec<String> = proxy.take().into_iter().map(|exchange| exchange.operation).collect();
        assert_eq!(
            (answer.status, sent),
            (status, expected.iter().map(|name| (*name).to_owned()).collect()),
            "{method} {path}"
        );
    }
}
