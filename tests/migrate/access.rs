//! The DynamoDB actions of a run, compared with the grants of its function.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    raw::{call, old_item, read, run, server_with, settings, write},
    support::{
        proxy::{Action, Grants, Proxy},
        service,
    },
};

#[tokio::test]
async fn run_uses_exactly_its_granted_actions() {
    let server = server_with(5).await;
    let proxy = Proxy::start(&server.dynamodb_url).await;
    let folder = tempfile::tempdir().unwrap();
    let tables: Vec<_> = service().row_schemas().into_iter().map(|schema| schema.table).collect();
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
    assert!(run(&proxy.url, read(folder.path()).unwrap(), &settings()).await.is_err());

    let calls = proxy.calls.lock().unwrap();
    let used: BTreeSet<_> = calls.iter().flat_map(|call| Action::required_by(&call.operation, &call.body)).collect();
    assert_eq!(used, Grants::declared().of("migrations_run"));
    assert_eq!(proxy.denied(), []);
}
