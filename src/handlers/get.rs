//! `GET /v1/{collection}/{id}`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    record::Resource,
};

/// Reads a record: 200 with `ETag`, or 304 if the client has this version.
pub async fn get<R: Resource>(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (id, cached) = Error::join(http::id(&request), http::not_modified_versions(&request))?;
    let record = app.store.table::<R>(http::principal(&request)).get(id).await?;
    let is_cached = cached.is_some_and(|versions| versions.holds(record.version));
    Ok(if is_cached { http::not_modified(&record) } else { http::ok(&record) })
}
