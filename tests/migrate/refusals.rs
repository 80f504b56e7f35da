//! Records and expressions that refuse: what is reported, what is written, and how it goes on.

use serde_json::json;

use crate::raw::{old_item, put, server_with, up};

#[tokio::test]
async fn of_records_that_refuse_the_first_fifty_are_named_whatever_the_segments() {
    let server = server_with(0).await;
    let url = &server.dynamodb_url;
    let poison = (0..90).map(|number| {
        let mut row = old_item(number);
        row["tags"] = json!({ "S": "x".repeat(41) });
        row
    });
    put(url, &poison.collect::<Vec<_>>()).await;
    let report = up(url).await;
    let last = report.migrations.last().unwrap();
    assert_eq!((last.refused, last.refusals.len()), (90, 50));
}
