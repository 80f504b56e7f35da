//! What a run asks of DynamoDB, held against what its function may do.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use serverless_crud::{migrate, routes};

use crate::{
    raw::{call, old_item, run, server_with, settings, write},
    wire::{Fault, Proxy},
};

/// The actions on tables a request takes.
fn actions((operation, body): &(String, Value)) -> Vec<(String, String)> {
    let table = |body: &Value| body["TableName"].as_str().unwrap().trim_start_matches("local-").to_owned();
    let Some(steps) = body["TransactItems"].as_array() else { return vec![(table(body), operation.clone())] };
    let step = |step: &Value| {
        let (kind, body) = step.as_object().unwrap().iter().next().unwrap();
        (table(body), if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") })
    };
    steps.iter().map(step).collect()
}

#[tokio::test]
async fn a_run_takes_exactly_the_actions_its_function_is_granted() {
    let server = server_with(5).await;
    let proxy = Proxy::start(&server.dynamodb_url, |_, _| Fault::None).await;
    let folder = tempfile::tempdir().unwrap();
    let tables: Vec<_> = routes::resources().iter().map(|collection| collection.name).collect();
    for (number, table) in (1..).zip(&tables) {
        let row = json!({ "TableName": format!("local-{table}"), "Item": old_item(5) });
        call(&server.dynamodb_url, "PutItem", &row).await;
        let file = format!(
            "table = \"{table}\"\ndescription = \"d\"\nfilter = \"attribute_not_exists(note)\"\n\
             update = \"SET note = :note\"\n[values]\n\":note\" = \"n\"\n"
        );
        write(folder.path(), &format!("{number:04}_{table}_note.toml"), &file);
    }
    let endless = "table = \"items\"\ndescription = \"d\"\nfilter = \"attribute_exists(id)\"\n\
        update = \"SET label = :label\"\n[values]\n\":label\" = \"l\"\n";
    write(folder.path(), &format!("{:04}_items_endless.toml", tables.len() + 1), endless);
    assert!(run(&proxy.url, migrate::read(folder.path()).unwrap(), &settings()).await.is_err());

    let used: BTreeSet<_> = proxy.requests.lock().unwrap().iter().flat_map(actions).collect();
    let job = routes::jobs().into_iter().find(|job| job.name == "migrations_run").unwrap();
    let granted = job.grants.iter().flat_map(|grant| {
        grant.actions.iter().map(|action| (grant.table.to_owned(), (*action).to_owned())).collect::<Vec<_>>()
    });
    assert_eq!(used, granted.collect());
}
