//! Migrations with concurrent writers: no update is lost, no record is missed, and no deleted record returns.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::raw::{assert_migrated, call, id, old_item, put, rows, server_with, up};

const COUNT: usize = 240;

/// Adds to a number in one write with a version increment, as old code does.
async fn add(url: &str, number: usize) {
    let update = json!({
        "TableName": "local-items", "Key": { "id": { "S": id(number) } },
        "UpdateExpression": "SET priceCents = priceCents + :one, version = version + :one, writeId = :w",
        "ConditionExpression": "attribute_exists(id)",
        "ExpressionAttributeValues": { ":one": { "N": "1" }, ":w": { "S": format!("w{}", fastrand::u64(..)) } },
    });
    call(url, "UpdateItem", &update).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_are_not_lost_and_no_record_is_missed() {
    let server = server_with(COUNT).await;
    let url = server.dynamodb_url.clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer: usize| {
            let (url, is_over) = (url.clone(), is_over.clone());
            tokio::spawn(async move {
                // The model: the number of writes of each record.
                let mut written: BTreeMap<usize, u64> = BTreeMap::new();
                while !is_over.load(Ordering::Relaxed) {
                    let number = fastrand::usize(0..COUNT / 4 - 1) * 4 + writer;
                    add(&url, number).await;
                    *written.entry(number).or_default() += 1;
                }
                written
            })
        })
        .collect();
    let deleted = COUNT - 1;
    let key = json!({ "TableName": "local-items", "Key": { "id": { "S": id(deleted) } } });
    let (report, _) = tokio::join!(up(&url), call(&url, "DeleteItem", &key));
    is_over.store(true, Ordering::Relaxed);
    let mut model = BTreeMap::new();
    for writer in writers {
        model.extend(writer.await.unwrap());
    }
    assert!(report.done && model.values().sum::<u64>() > 100);
    let after = rows(&url).await;
    assert_eq!(after.len(), COUNT - 1);
    for number in 0..COUNT - 1 {
        let (row, writes) = (&after[&id(number)], model.get(&number).copied().unwrap_or_default());
        assert_eq!(row["priceCents"]["N"], (number as u64 + writes).to_string());
        assert_migrated(row, 3 + writes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_api_changes_persist_and_indexes_follow() {
    let server = server_with(0).await;
    let url = server.dynamodb_url.clone();
    // Readable by current code, but with the old key of the list.
    let readable = |number| {
        let mut row = old_item(number);
        (row["currency"], row["tags"]) =
            (json!({ "S": "EUR" }), json!({ "L": [{ "S": "kitchen" }, { "S": "coffee" }] }));
        row
    };
    put(&url, &(0..COUNT).map(readable).collect::<Vec<_>>()).await;
    let writer = async {
        let mut model: BTreeMap<String, &str> = BTreeMap::new();
        for round in 0..120 {
            let (id, status) = (id(fastrand::usize(0..COUNT)), ["draft", "archived"][round % 2]);
            let patch = server.request("PATCH", &format!("/v1/items/{id}")).json(&json!({ "status": status }));
            assert_eq!(patch.send().await.unwrap().status(), 200);
            model.insert(id, status);
        }
        model
    };
    let (report, model) = tokio::join!(up(&url), writer);
    assert!(report.done);
    for (id, row) in rows(&url).await {
        let status = model.get(&id).copied().unwrap_or("active");
        let shard = u8::from_str_radix(&id[34..], 16).unwrap() % 4;
        assert_eq!(row["status"]["S"], status);
        assert_eq!(row["statusKey"]["S"], format!("{status}#{shard}"));
        assert_eq!(row["listShard"]["S"], shard.to_string());
    }
    let mut listed = 0;
    for status in ["draft", "active", "archived"] {
        let mut path = format!("/v1/items?limit=100&status={status}");
        loop {
            let page: Value = server.request("GET", &path).send().await.unwrap().json().await.unwrap();
            listed += page["data"].as_array().unwrap().len();
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            path = format!("/v1/items?limit=100&status={status}&cursor={cursor}");
        }
    }
    assert_eq!(listed, COUNT);
}
