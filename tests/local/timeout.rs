//! Functions that exceed their timeout, because DynamoDB does not respond.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{problem, process::Process, support::TestServer};

/// Starts a proxy to DynamoDB that can be blocked. A blocked proxy accepts requests but never responds.
async fn blockable(dynamodb_url: &str) -> (String, watch::Sender<bool>) {
    let (block, blocked) = watch::channel(false);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    let target = dynamodb_url.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (target, mut blocked) = (target.clone(), blocked.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(target).await.expect("DynamoDB listens");
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    _ = blocked.changed() => {}
                }
                // When blocked, the connection stays open.
                std::future::pending::<()>().await;
            });
        }
    });
    (url, block)
}

async fn on_silent_dynamodb(options: &[&str]) -> (reqwest::Response, Duration) {
    let dynamodb = TestServer::start().await;
    let (url, block) = blockable(&dynamodb.dynamodb_url).await;
    let folder = tempfile::tempdir().expect("a folder");
    let options = [&["--endpoint-url", &url, "--table-prefix", "other-"], options].concat();
    let data = folder.path().to_owned();
    let arguments: Vec<String> = options.into_iter().map(str::to_owned).collect();
    let start = move || Process::start(&data, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let server = tokio::task::spawn_blocking(start).await.expect("it starts");
    assert_eq!(server.request(Method::GET, "/v1/items").send().await.expect("an answer").status(), 200);
    block.send(true).expect("the way is in use");
    let start = Instant::now();
    let answer = server.request(Method::GET, "/v1/items").send().await.expect("an answer");
    (answer, start.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn function_timeout_is_503_of_the_function() {
    let (answer, time) = on_silent_dynamodb(&["--timeout", "1"]).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(time < Duration::from_secs(2), "{time:?}");
    problem(answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn integration_timeout_is_504_of_the_gateway() {
    let (answer, time) = on_silent_dynamodb(&["--timeout", "20", "--integration-timeout", "1"]).await;
    assert_eq!(answer.status(), 504);
    assert!(time < Duration::from_secs(2), "{time:?}");
    problem(answer).await;
}
