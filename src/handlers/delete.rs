//! `DELETE /v1/{collection}/{id}`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    record::Resource,
};

/// Deletes a record: 204. A second request gets 404.
pub async fn delete<R: Resource>(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (id, precondition) = Error::join(http::id(&request), http::precondition(&request))?;
    app.store.table::<R>(http::principal(&request)).delete(id, &precondition).await?;
    Ok(http::no_content())
}
