//! Tables without the index of a new filter: the embedded database is updated, tables of other endpoints are not.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, CreateGlobalSecondaryIndexAction,
        DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType,
    },
};
use serde_json::{Value, json};

use crate::{
    item,
    support::{self, TestServer, dynamodb},
};

async fn on_disk(folder: &tempfile::TempDir) -> TestServer {
    TestServer::start_with(|options| {
        options.memory = false;
        options.data = folder.path().to_owned();
    })
    .await
}

async fn create(server: &TestServer, status: &str) -> Value {
    let mut body = item();
    body["status"] = status.into();
    let answer = server.request("POST", "/v1/items").json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    answer.json().await.expect("a record")
}

async fn listed(server: &TestServer, query: &str) -> Vec<Value> {
    let answer = server.request("GET", &format!("/v1/items?{query}")).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{query}");
    answer.json::<Value>().await.expect("a page")["data"].as_array().expect("a list").clone()
}

/// Reverts the items to the state before the filter `status`: without the index and its key attributes.
async fn remove_status_index(client: &Client, records: &[Value]) {
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name("status").build().expect("whole");
    change_index(client, GlobalSecondaryIndexUpdate::builder().delete(delete).build()).await;
    for record in records {
        let id = AttributeValue::S(record["id"].as_str().expect("an id").into());
        let request =
            client.update_item().table_name("local-items").key("id", id).update_expression("REMOVE statusKey");
        request.send().await.expect("any row can be changed");
    }
}

/// Adds an index `status` with another key than in the contract.
async fn add_other_status(client: &Client) {
    let key = KeySchemaElement::builder().attribute_name("otherKey").key_type(KeyType::Hash).build().expect("whole");
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    let create = CreateGlobalSecondaryIndexAction::builder().index_name("status").key_schema(key).projection(all);
    let create = create.build().expect("whole");
    change_index(client, GlobalSecondaryIndexUpdate::builder().create(create).build()).await;
}

async fn change_index(client: &Client, update: GlobalSecondaryIndexUpdate) {
    let is_deletion = update.delete().is_some();
    let keys = (!is_deletion).then(|| vec![attribute("otherKey")]);
    let request = client.update_table().table_name("local-items").set_attribute_definitions(keys);
    request.global_secondary_index_updates(update).send().await.expect("it is changed");
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let output = client.describe_table().table_name("local-items").send().await.expect("it is there");
        let table = output.table.expect("it is described");
        let has_index = table.global_secondary_indexes().iter().any(|index| index.index_name() == Some("status"));
        if has_index != is_deletion {
            break;
        }
        assert!(Instant::now() < end, "the index does not change");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn attribute(name: &str) -> AttributeDefinition {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
    definition.build().expect("whole")
}

#[tokio::test]
async fn new_filter_lists_existing_records_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = on_disk(&folder).await;
    let records = [create(&server, "active").await, create(&server, "draft").await, create(&server, "active").await];
    let client = dynamodb(&server.dynamodb_url);
    remove_status_index(&client, &records).await;
    server.stop().await;

    let server = on_disk(&folder).await;
    let found = listed(&server, "status=active").await;
    let expected = [&records[2], &records[0]].map(|record| (record["id"].clone(), json!(2)));
    let versions = |page: &[Value]| -> Vec<_> {
        page.iter().map(|record| (record["id"].clone(), record["version"].clone())).collect()
    };
    assert_eq!(versions(&found), expected, "each was written once more");
    assert_eq!(listed(&server, "status=draft").await.len(), 1);
    server.stop().await;

    let server = on_disk(&folder).await;
    assert_eq!(listed(&server, "status=active").await, found, "a second start leaves them alone");
    server.stop().await;
}

#[tokio::test]
async fn index_with_another_key_is_recreated() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = on_disk(&folder).await;
    let record = create(&server, "active").await;
    let client = dynamodb(&server.dynamodb_url);
    remove_status_index(&client, &[record]).await;
    add_other_status(&client).await;
    server.stop().await;

    let server = on_disk(&folder).await;
    assert_eq!(listed(&server, "status=active").await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn tables_of_another_endpoint_are_unchanged_and_the_difference_is_one_line() {
    let database = TestServer::start().await;
    let client = dynamodb(&database.dynamodb_url);
    let failure = async |prefix: &str| {
        let mut options = support::in_memory();
        options.endpoint_url = Some(database.dynamodb_url.clone());
        options.table_prefix = prefix.into();
        support::start(options).await.err().expect("it does not start").to_string()
    };
    remove_status_index(&client, &[]).await;
    assert_eq!(
        failure("local-").await,
        "the table local-items has no index `status`, which the filter of that name reads: add it by a deployment, and \
         key the records from before as docs/migrations.md says"
    );
    add_other_status(&client).await;
    assert_eq!(
        failure("local-").await,
        "the table local-items has an index `status` that is keyed by `otherKey` and not by `statusKey`: delete it with \
         `aws dynamodb update-table`, and add it by a deployment"
    );
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().expect("whole");
    let table = client.create_table().table_name("other-items").billing_mode(BillingMode::PayPerRequest);
    table.key_schema(key).attribute_definitions(attribute("pk")).send().await.expect("it is made");
    let error = failure("other-").await;
    assert!(
        error.starts_with("the table other-items is keyed by `pk` and not by `id`: choose other tables"),
        "{error}"
    );
}
