//! `GET /v1/{collection}`

use std::sync::Arc;

use crate::{
    app::App,
    error::Error,
    http::{self, Answer, Request},
    record::Resource,
};

/// Lists records page by page: 200 with `nextCursor`, and `Link` if there is a next page.
pub async fn list<R: Resource>(app: Arc<App>, request: Request) -> Result<Answer, Error> {
    let query = http::list_query::<R>(&request)?;
    let page = app.store.table::<R>(http::principal(&request)).list(&query).await?;
    Ok(http::list(&request, &page))
}
