//! Lists: concurrent queries on the shards of indexes, merged by id.

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::ReturnConsumedCapacity};
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{
    Store, Table,
    index_query::{IndexQuery, index_queries},
    request::to_error,
    row::{ID, Row, VERSION, decode, id, string},
};
use crate::{
    access::Condition,
    error::Error,
    record::{Filter, ListQuery, Order, Page, Resource, View},
};

impl<R: Resource> Table<'_, R> {
    /// Returns one page of the records that the principal may read, in the order of ids. Indexes are eventually consistent,
    /// so a new record may be missing.
    ///
    /// The cost does not depend on the size of the table: each conjunction of the read rule is a query of an index, and each
    /// of its shards is queried once, for one record more than the page holds. A page can be shorter than the limit and
    /// still have a next page, if records are large or an index holds records that do not match.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] for a cursor of another list, [`Error::Forbidden`] for a filter on a field that the
    /// principal may not read, [`Error::Corrupt`] for a record that cannot be decoded, and [`Error::Unavailable`] if the page
    /// needs a cursor and the cursor keys cannot be fetched.
    pub async fn list(&self, query: &ListQuery) -> Result<Page<View<R>>, Error> {
        self.require(&R::ACCESS.read)?;
        let filter = query.filter.as_ref().map(|(filter, value)| (*filter, value.as_str()));
        if filter.is_some_and(|(filter, _)| !self.may_filter(filter)) {
            return Err(self.principal.refusal());
        }
        let filter_text = filter.map(|(filter, value)| (filter.field, value));
        let list = format!("{} {} {:?} {filter_text:?}", self.principal.identity(), R::COLLECTION, query.order);
        let keys = &self.store.cursor_keys;
        let position = match &query.cursor {
            Some(cursor) => Some(keys.open(&list, cursor).await?),
            None => None,
        };
        let after = position.map(|position| Uuid::from_slice(&position).expect("list cursors hold an id"));
        // The keys of the indexes contain the tenant, so that its predicate is left out.
        let allowed = R::ACCESS.read.condition(self.principal, R::OWNER);
        let queries = index_queries::<R>(&allowed, filter, self.tenant())?;
        let shards = queries.iter().flat_map(|index| {
            let shards = 0..index.shards::<R>().read;
            let partition = move |shard| index.partition(shard, self.tenant());
            shards.map(move |shard| self.store.query_shard(self.name(), query, index, partition(shard), after))
        });
        let (pages, keys) = keys.fetch_during(try_join_all(shards)).await;
        let (rows, end) = merge(pages?, query);
        let records = rows.into_iter().map(|row| decode(row).map(|record| self.view(record)));
        let records = records.collect::<Result<Vec<View<R>>, _>>()?;
        let next = match end {
            Some(end) => Some(keys.await?.seal(&list, end.as_bytes())),
            None => None,
        };
        Ok(Page { data: records, next })
    }

    /// Returns true if the principal may read the field of a filter in all records. A filter would reveal the values.
    fn may_filter(&self, filter: &Filter) -> bool {
        let protected = R::PROTECTED.iter().find(|protected| protected.field == filter.field);
        protected.is_none_or(|field| field.read.condition(self.principal, R::OWNER) == Condition::Always)
    }
}

// The request, which is compiled once for all resources.
impl Store {
    /// Queries a partition of an index in a table.
    async fn query_shard(
        &self,
        table: String,
        query: &ListQuery,
        index: &IndexQuery<'_>,
        partition: String,
        after: Option<Uuid>,
    ) -> Result<ShardPage, Error> {
        let is_ascending = query.order == Order::Ascending;
        let request = self.client.query().table_name(table).index_name(index.index());
        let mut request = request
            .scan_index_forward(is_ascending)
            .limit(i32::from(query.limit) + 1)
            .expression_attribute_names("#key", index.attribute())
            .expression_attribute_values(":key", string(partition))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut condition = "#key = :key".to_owned();
        let after = after.map(|after| after.to_string());
        // A key condition can compare the id only once, so that a page after the only id needs no query.
        let bound = match (index.id, &after) {
            (Some(id), Some(after)) if (id > after.as_str()) != is_ascending || id == after => {
                return Ok(ShardPage { rows: Vec::new(), end: None });
            }
            (Some(id), _) => Some(("=", id)),
            (None, Some(after)) => Some((if is_ascending { ">" } else { "<" }, after.as_str())),
            (None, None) => None,
        };
        if let Some((comparison, id)) = bound {
            condition.push_str(&format!(" AND #id {comparison} :id"));
            request = request.expression_attribute_names("#id", ID).expression_attribute_values(":id", string(id));
        }
        let request = with_rest(request, &index.rest).key_condition_expression(condition);
        let output = request.send().await.map_err(to_error)?;
        let end = output.last_evaluated_key().map(id).filter(|end| !end.is_empty()).map(str::to_owned);
        Ok(ShardPage { rows: output.items.unwrap_or_default(), end })
    }
}

/// Adds the filter expression for the attributes that the index does not have as its key.
fn with_rest(mut request: QueryFluentBuilder, rest: &[(String, Vec<String>)]) -> QueryFluentBuilder {
    let mut filters = Vec::new();
    for (place, (attribute, values)) in rest.iter().enumerate() {
        request = request.expression_attribute_names(format!("#r{place}"), attribute);
        let mut names = Vec::new();
        for (index, value) in values.iter().enumerate() {
            names.push(format!(":r{place}x{index}"));
            request = request.expression_attribute_values(format!(":r{place}x{index}"), string(value));
        }
        filters.push(format!("#r{place} IN ({})", names.join(", ")));
    }
    if filters.is_empty() { request } else { request.filter_expression(filters.join(" AND ")) }
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
    // Two conjunctions of the rule can match the same record, and while a migration moves it between shards, an index may
    // show it in both. The newer version is kept.
    rows.dedup_by(|later, first| id(later) == id(first));
    let is_full = rows.len() > query.limit.into();
    rows.truncate(query.limit.into());
    let end = if is_full { rows.last().map(id) } else { horizon.as_deref() };
    let end = end.and_then(|end| end.parse().ok());
    (rows, end)
}
