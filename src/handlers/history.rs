//! `GET /v1/{collection}/{id}/history`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    record::Resource,
};

/// Lists the changes of a record page by page, also of a deleted one: 200 with `nextCursor`.
///
/// The history lags behind the record by the delay of the stream. A new record without an entry has an empty history.
pub async fn history<R: Resource>(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (id, query) = Error::join(http::id(&request), http::history_query(&request))?;
    let page = app.store.table::<R>(http::principal(&request)).history(id, &query).await?;
    Ok(http::list(&request, &page))
}
