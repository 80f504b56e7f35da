//! Lists: concurrent queries on the shards of an index, merged by id.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{
    Store, Table,
    request::{record_capacity, to_error},
    row::{ID, LIST_INDEX, LIST_SHARD, Row, VERSION, decode, filter_attribute, filter_key, id, list_key, string},
};
use crate::{
    error::Error,
    record::{ListQuery, Order, Page, Record, Resource},
};

impl<R: Resource> Table<'_, R> {
    /// Returns one page in the order of ids. Indexes are eventually consistent, so a new record may be missing.
    ///
    /// The cost does not depend on the size of the table: each shard is queried once, for one record more than the page
    /// holds. A page can be shorter than the limit and still have a next page, if records are large.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] for a cursor of another list, [`Error::Corrupt`] for a record that cannot be decoded, and
    /// [`Error::Unavailable`] if the page needs a cursor and the cursor keys cannot be fetched.
    pub async fn list(&self, query: &ListQuery) -> Result<Page<Record<R>>, Error> {
        let shards = query.filter.as_ref().map_or(R::LIST_SHARDS, |(filter, _)| filter.shards);
        let (rows, next) = self.store.list(R::COLLECTION, shards.read, query).await?;
        let data = rows.into_iter().map(decode).collect::<Result<Vec<Record<R>>, _>>()?;
        Ok(Page { data, next })
    }
}

// The requests, which are compiled once for all resources.
impl Store {
    /// Returns the rows of a page, and the cursor of the next one if there may be more.
    async fn list(&self, collection: &str, shards: u8, query: &ListQuery) -> Result<(Vec<Row>, Option<String>), Error> {
        let filter = query.filter.as_ref().map(|(filter, value)| (filter.field, value));
        let list = format!("{collection} {:?} {filter:?}", query.order);
        let keys = &self.cursor_keys;
        let position = match &query.cursor {
            Some(cursor) => Some(keys.open(&list, cursor).await?),
            None => None,
        };
        let after = position.map(|position| Uuid::from_slice(&position).expect("list cursors hold an id"));
        let pages = try_join_all((0..shards).map(|shard| self.query_shard(collection, query, shard, after)));
        let (pages, keys) = keys.fetch_during(pages).await;
        let (rows, end) = merge(pages?, query);
        let next = match end {
            Some(end) => Some(keys.await?.seal(&list, end.as_bytes())),
            None => None,
        };
        Ok((rows, next))
    }

    async fn query_shard(
        &self,
        collection: &str,
        query: &ListQuery,
        shard: u8,
        after: Option<Uuid>,
    ) -> Result<ShardPage, Error> {
        let (index, attribute, key) = match &query.filter {
            Some((filter, value)) => (filter.field, filter_attribute(filter), filter_key(filter, value, shard)),
            None => (LIST_INDEX, LIST_SHARD.to_owned(), list_key(shard)),
        };
        let request = self.client.query().table_name(self.table_name(collection)).index_name(index);
        let mut request = request
            .scan_index_forward(query.order == Order::Ascending)
            .limit(i32::from(query.limit) + 1)
            .expression_attribute_names("#key", attribute)
            .expression_attribute_values(":key", string(key))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut condition = "#key = :key".to_owned();
        if let Some(after) = after {
            let comparison = if query.order == Order::Ascending { ">" } else { "<" };
            condition.push_str(&format!(" AND #id {comparison} :after"));
            request =
                request.expression_attribute_names("#id", ID).expression_attribute_values(":after", string(after));
        }
        let output = request.key_condition_expression(condition).send().await.map_err(to_error)?;
        record_capacity(output.consumed_capacity());
        let end = output.last_evaluated_key().map(id).filter(|end| !end.is_empty()).map(str::to_owned);
        Ok(ShardPage { rows: output.items.unwrap_or_default(), end })
    }
}

/// The response of one shard.
struct ShardPage {
    rows: Vec<Row>,
    /// The last id read, if the shard may hold more rows.
    end: Option<String>,
}

fn version(row: &Row) -> Option<u64> {
    row.get(VERSION)?.as_n().ok()?.parse().ok()
}

/// Returns the rows of the page, and its last id if there may be more.
///
/// A shard may hold more rows after the last id read. Rows after the earliest of these ids are left out, so that no row
/// is skipped.
fn merge(pages: Vec<ShardPage>, query: &ListQuery) -> (Vec<Row>, Option<Uuid>) {
    let is_before = |a: &str, b: &str| if query.order == Order::Ascending { a < b } else { a > b };
    let ends = pages.iter().filter_map(|page| page.end.as_deref());
    let horizon = ends.reduce(|first, end| if is_before(end, first) { end } else { first }).map(str::to_owned);
    let mut rows: Vec<Row> = pages.into_iter().flat_map(|page| page.rows).collect();
    rows.retain(|row| horizon.as_deref().is_none_or(|horizon| !is_before(horizon, id(row))));
    rows.sort_by(|a, b| {
        let order = if query.order == Order::Ascending { id(a).cmp(id(b)) } else { id(b).cmp(id(a)) };
        order.then_with(|| version(b).cmp(&version(a)))
    });
    // While a migration moves a record between shards, an index may show it in both. The newer version is kept.
    rows.dedup_by(|later, first| id(later) == id(first));
    let is_full = rows.len() > query.limit.into();
    rows.truncate(query.limit.into());
    let end = if is_full { rows.last().map(id) } else { horizon.as_deref() };
    let end = end.and_then(|end| end.parse().ok());
    (rows, end)
}
