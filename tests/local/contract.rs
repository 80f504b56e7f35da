//! The statuses of functions are checked against the contract of their operation.

use std::sync::Arc;

use serverless_crud::{
    access::IDENTIFIED,
    app::App,
    error::Error,
    functions::Service,
    http::{self, Answer, Request},
    local,
    operations::{Contract, Operation, Response, parameters},
};

use crate::{problem, support::in_memory};

/// Answers 204, or 404 for the nil UUID.
async fn probe(_app: Arc<App>, request: Request) -> Result<Answer, Error> {
    if http::id(&request)?.is_nil() { Err(Error::NotFound) } else { Ok(http::no_content()) }
}

/// Describes the operation without its 204.
fn operation() -> Operation {
    Operation::new("GET", "/v1/probes/{id}", "probes_get", IDENTIFIED, probe, || Contract {
        parameters: vec![parameters::id()],
        responses: vec![Response::empty(304, "Nothing has changed.", &[])],
        ..Contract::new("probes", "Get probe", "Answers what the contract does not declare.").problems(&[404])
    })
}

#[tokio::test]
async fn undeclared_status_is_a_server_error() {
    let server = local::start(Service::new().action(operation), in_memory()).await.expect("it starts");
    let client = reqwest::Client::new();
    let get = async |id: uuid::Uuid| {
        let request = client.get(format!("{}/v1/probes/{id}", server.url()));
        request.header("x-api-key", server.key()).send().await.expect("an answer")
    };
    let answer = get(uuid::Uuid::now_v7()).await;
    assert_eq!(answer.status(), 500);
    let detail = problem(answer).await["detail"].clone();
    assert_eq!(detail, "probes_get answered 204, which its contract does not declare.");
    assert_eq!(get(uuid::Uuid::nil()).await.status(), 404, "a declared status passes");
    drop(client);
    server.shutdown().await;
}
