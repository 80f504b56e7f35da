//! `PUT` and `PATCH /v1/{collection}/{id}`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    record::Resource,
};

/// Replaces a record (PUT) or merges a patch into it (PATCH): 200 with the new `ETag`.
pub async fn update<R: Resource>(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let target = Error::join(http::id(&request), http::precondition(&request));
    let ((id, precondition), edit) = Error::join(target, http::edit::<R>(&request))?;
    let record = app.store.table(http::principal(&request)).update(id, &precondition, &edit).await?;
    Ok(http::ok(&record))
}
