//! Lists during a change of the number of shards.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serverless_crud::{
    access::Principal,
    record::{Filter, ListQuery, Normalization, Order, Record, Resource, Shards},
    store::Store,
};
use uuid::Uuid;
use validator::{Validate, ValidationErrors};

use crate::{
    runtime::app_at,
    support::{TestServer, fixtures::Item},
};

/// The items of a release that writes `WRITTEN` shards and reads `READ` shards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Release<const WRITTEN: u8, const READ: u8>(Item);

impl<const WRITTEN: u8, const READ: u8> Validate for Release<WRITTEN, READ> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        self.0.validate()
    }
}

impl<const WRITTEN: u8, const READ: u8> Resource for Release<WRITTEN, READ> {
    const NAME: &'static str = Item::NAME;
    const COLLECTION: &'static str = Item::COLLECTION;
    const LIST_SHARDS: Shards = Shards::raised(WRITTEN, READ);
    const FILTERS: &'static [Filter] =
        &[Filter { field: "status", normalization: Normalization::None, shards: Self::LIST_SHARDS }];

    fn example() -> Self {
        Self(Item { owner_id: None, ..Item::example() })
    }
}

/// Adds a record for each last byte of an id, so that each shard has some.
async fn fill<R: Resource>(store: &Store) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    for byte in 0..=u8::MAX {
        let mut record = Record::new(R::example());
        let mut id = record.id.into_bytes();
        id[15] = byte;
        record.id = Uuid::from_bytes(id);
        ids.insert(store.table::<R>(&Principal::system("test")).insert(record, None).await.unwrap().id);
    }
    ids
}

/// Returns the ids of the whole list, or of the list filtered by the example's status.
async fn list_ids<R: Resource>(store: &Store, is_filtered: bool) -> BTreeSet<Uuid> {
    let filter = is_filtered.then(|| (&R::FILTERS[0], "active".to_owned()));
    let mut query = ListQuery { limit: 100, order: Order::Ascending, filter, cursor: None };
    let mut ids = BTreeSet::new();
    loop {
        let page = store.table::<R>(&Principal::system("test")).list(&query).await.unwrap();
        ids.extend(page.data.iter().map(|record| record.id));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_include_records_of_every_shard_count() {
    let server = TestServer::start().await;
    let store = &app_at(&server.dynamodb_url).store;
    let mut all = fill::<Release<2, 2>>(store).await;
    // The first release raises `read`, the second raises `written`, and the third lowers `written`.
    assert!(list_ids::<Release<2, 8>>(store, false).await == all);
    all.extend(fill::<Release<8, 8>>(store).await);
    assert!(list_ids::<Release<2, 8>>(store, false).await == all, "the release before, while both run");
    all.extend(fill::<Release<2, 8>>(store).await);
    for is_filtered in [false, true] {
        assert!(list_ids::<Release<2, 8>>(store, is_filtered).await == all);
        assert!(list_ids::<Release<2, 2>>(store, is_filtered).await != all, "which is why `read` never falls");
    }
}
