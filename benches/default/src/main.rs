//! Reads an item from DynamoDB, with the default features and settings of every crate.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    let table = format!("{}items", std::env::var("TABLE_PREFIX")?);
    run(service_fn(|request: Request| get(&client, &table, request))).await
}

async fn get(client: &Client, table: &str, request: Request) -> Result<Response<Body>, Error> {
    let id = request.path_parameters().first("id").unwrap_or_default().to_owned();
    tracing::info!(id, "get");
    let key = AttributeValue::S(id);
    let output = client.get_item().table_name(table).key("id", key).consistent_read(true).send().await?;
    let Some(item) = output.item else { return Ok(Response::builder().status(404).body(Body::Empty)?) };
    let record: serde_json::Value = serde_dynamo::from_item(item)?;
    let body = serde_json::to_string(&record)?;
    Ok(Response::builder().status(200).header("content-type", "application/json").body(body.into())?)
}
