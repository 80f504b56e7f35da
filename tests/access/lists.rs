//! Lists: the read rule as keys of indexes.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use serverless_crud::{openapi, store::unindexed_reads};
use uuid::Uuid;

use crate::{
    callers::Caller,
    gateway::Gateway,
    items::{id_of, start},
    samples::{Doc, Profile, item, with},
    support::service,
};

/// Creates items of both users and of nobody in every state. Returns those that Ada may read, newest first.
async fn fill(gateway: &Gateway, ada: &Caller, eve: &Caller) -> Vec<String> {
    let mut readable = Vec::new();
    for round in 0..3 {
        for status in ["draft", "active", "archived"] {
            for owner in [id_of(ada), id_of(eve), Value::Null] {
                let body = with(with(item(), "status", status), "ownerId", owner.clone());
                let id = gateway.post(&Caller::key("app"), "/v1/items", body).await.id();
                if status == "active" || owner == id_of(ada) {
                    readable.push(id);
                }
            }
        }
        assert!(round < 3);
    }
    readable.reverse();
    readable
}

#[tokio::test]
async fn list_holds_each_readable_record_once_in_order() {
    let (gateway, ada, eve) = start().await;
    let readable = fill(&gateway, &ada, &eve).await;
    for limit in [1, 2, 7, 100] {
        assert_eq!(gateway.list_all(&ada, &format!("/v1/items?limit={limit}")).await, readable, "{limit}");
        let mut ascending = gateway.list_all(&ada, &format!("/v1/items?order=asc&limit={limit}")).await;
        ascending.reverse();
        assert_eq!(ascending, readable, "{limit}");
    }
    assert_eq!(gateway.list_all(&Caller::key("app"), "/v1/items").await.len(), 27);
}

#[tokio::test]
async fn filter_shows_the_readable_records_alone() {
    let (gateway, ada, eve) = start().await;
    fill(&gateway, &ada, &eve).await;
    let (own, other) = (id_of(&ada).as_str().unwrap().to_owned(), id_of(&eve).as_str().unwrap().to_owned());
    for (query, expected) in [
        ("status=draft".to_owned(), 3),
        ("status=active".to_owned(), 9),
        (format!("ownerId={own}"), 9),
        (format!("ownerId={}", own.to_uppercase()), 9),
        (format!("ownerId={other}"), 3),
        (format!("ownerId={}", Uuid::new_v4()), 0),
    ] {
        for limit in [1, 100] {
            let found = gateway.list_all(&ada, &format!("/v1/items?{query}&limit={limit}")).await;
            assert_eq!(found.len(), expected, "{query} {limit}");
            assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), expected, "{query}");
        }
    }
}

#[tokio::test]
async fn cursor_belongs_to_the_principal_in_its_tenant() {
    let (gateway, ada, eve) = start().await;
    fill(&gateway, &ada, &eve).await;
    let page = gateway.get(&ada, "/v1/items?limit=1").await;
    let cursor = page.body["nextCursor"].as_str().unwrap();
    let next = format!("/v1/items?limit=1&cursor={cursor}");
    assert_eq!(gateway.get(&ada, &next).await.status, 200);
    assert_eq!(gateway.get(&ada.clone().with_roles("admin"), &next).await.status, 200, "roles are evaluated again");
    for other in [eve, Caller::key("app"), ada.clone().of_tenant("t"), ada.of_kind("service")] {
        assert_eq!(gateway.get(&other, &next).await.status, 400, "{other:?}");
    }
}

#[tokio::test]
async fn rule_without_an_index_is_refused() {
    assert_eq!(openapi::unindexed_reads(&service()), [] as [String; 0]);
    assert_eq!(unindexed_reads::<Doc>(), [] as [Vec<&str>; 0]);
    assert_eq!(unindexed_reads::<Profile>(), [] as [Vec<&str>; 0]);
    assert_eq!(unindexed_reads::<crate::samples::Unindexed>(), [["color"]]);
    let gateway = Gateway::start().await.with::<crate::samples::Unindexed>().await;
    let listed = gateway.get(&Caller::user(Uuid::new_v4()), "/v1/unindexed").await;
    assert_eq!((listed.status, &listed.body["status"]), (500, &json!(500)));
}
