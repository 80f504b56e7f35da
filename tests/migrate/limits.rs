//! What a run may use: capacity, writes at once, and the time it was given.

use serverless_crud::migrate;

use crate::raw::{rows, run, server_with, settings};

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_write_is_when_it_was_sent() {
    let server = server_with(30).await;
    let url = &server.dynamodb_url;
    let mut settings = settings();
    (settings.max_wcu, settings.to) = (Some(60.0), Some(1));
    assert!(run(url, migrate::compiled().unwrap(), &settings).await.unwrap().done);
    let rows = rows(url).await;
    let times = rows.values().map(|row| row["updatedAt"]["S"].as_str().unwrap());
    let times: Vec<_> = times.map(|time| chrono::DateTime::parse_from_rfc3339(time).unwrap()).collect();
    let span = *times.iter().max().unwrap() - *times.iter().min().unwrap();
    assert!(span.num_milliseconds() > 250, "{span}");
}
