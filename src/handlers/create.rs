//! `POST /v1/{collection}`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    record::{Record, Resource},
};

/// Creates a record: 201 with `Location` and `ETag`. An `Idempotency-Key` makes repeats safe.
pub async fn create<R: Resource>(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (resource, key) = http::creation::<R>(&request)?;
    let record = app.store.table(http::principal(&request)).insert(Record::new(resource), key.as_ref()).await?;
    Ok(http::created(&request, &record))
}
