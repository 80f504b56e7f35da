//! `GET /v1/{collection}/{id}/history`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    record::Resource,
};

/// Pages through the changes of a record, newest first, also of one that is deleted: 200 with `nextCursor`.
///
/// The history follows the record by the time its stream takes: a record without an entry yet has an empty one.
pub async fn history<R: Resource>(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let (id, query) = Error::join(http::id(&request), http::history_query(&request))?;
    let page = app.store.history(R::COLLECTION, id, &query).await?;
    if page.data.is_empty() && page.next.is_none() && query.cursor.is_none() {
        app.store.table::<R>().get(id).await?;
    }
    Ok(http::list(&request, &page))
}
