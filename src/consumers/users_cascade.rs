//! `users_cascade`: archives the items of a deleted user, and removes their owner.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use crate::{
    access::Principal,
    app::App,
    error::Error,
    functions::ConsumerDefinition,
    operations::Grant,
    record::{Action, Edit, ListQuery, Order, Precondition, Record, Resource, View, now},
    resources::{Item, ItemStatus, User},
    streams::{Event, Repeat, on_event},
};

/// The index that finds the items of an owner, named by the field of its filter.
const OWNER_INDEX: &str = "ownerId";
/// The number of items per page.
const PAGE_SIZE: u8 = 25;
/// The maximum number of concurrent writes.
const CONCURRENCY: usize = 8;
/// The schedule of repeated passes. The index is eventually consistent, and DynamoDB gives no bound for its delay: an
/// item that got the owner just before the deletion can be missing in the first pass. A later pass finds it.
const PASSES: Repeat = Repeat::new(Duration::from_secs(15 * 60), Duration::from_secs(6 * 60 * 60));
const NAME: &str = "users_cascade";

/// Defines the consumer of the deletions of users.
pub fn definition() -> ConsumerDefinition {
    ConsumerDefinition::of_events(NAME, &[(User::NAME, Action::Deleted)], on_event(archive_items_of).repeated(PASSES))
        // After this delay, the index of owners usually contains all items for the first pass.
        .delayed(5)
        .granted([
            Grant { indexes: vec![OWNER_INDEX.into()], ..Grant::on(Item::COLLECTION, &["Query"]) },
            Grant::on(Item::COLLECTION, &["GetItem", "UpdateItem"]),
            Grant::on(User::COLLECTION, &["GetItem"]),
        ])
}

/// Archives the items of the deleted user. A repeated pass changes nothing that is done: it finds only the remaining
/// items.
async fn archive_items_of(app: Arc<App>, event: Event<User>) -> Result<(), Error> {
    Cascade::new(&app, &event).archive_items().await
}

/// The cascade of one deletion.
struct Cascade<'a> {
    app: &'a Arc<App>,
    user: Uuid,
    deleted_at: DateTime<Utc>,
    principal: Principal,
}

impl<'a> Cascade<'a> {
    fn new(app: &'a Arc<App>, event: &Event<User>) -> Self {
        Self { app, user: event.record, deleted_at: event.time, principal: Principal::system(NAME) }
    }

    async fn archive_items(&self) -> Result<(), Error> {
        let owner = Item::FILTERS.iter().find(|filter| filter.field == OWNER_INDEX).expect("items are found by owner");
        let filter = Some((owner, self.user.to_string()));
        let mut query = ListQuery { limit: PAGE_SIZE, order: Order::Ascending, filter, cursor: None };
        let until = self.last_change().await?;
        loop {
            let page = self.app.store.table::<Item>(&self.principal).list(&query).await?;
            let items = stream::iter(page.data).map(View::into_record);
            let archived = items.map(|item| self.archive(item, until)).buffer_unordered(CONCURRENCY);
            // All archive calls of the page complete before the first error is returned.
            archived.collect::<Vec<_>>().await.into_iter().collect::<Result<(), _>>()?;
            // The index is eventually consistent and can still contain archived items, so that pages continue at the
            // cursor.
            query.cursor = page.next;
            if query.cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Returns the time of the last change up to which an item of the user is from before the deletion.
    ///
    /// A user who signs up again has the same id. The items since then are not to be archived: the user has to exist when
    /// an item gets this owner, so that a user who does not exist now got none since the deletion.
    async fn last_change(&self) -> Result<DateTime<Utc>, Error> {
        let now = now();
        match self.app.store.table::<User>(&self.principal).get(self.user).await {
            Ok(_) => Ok(self.deleted_at),
            Err(Error::NotFound) => Ok(now),
            Err(error) => Err(error),
        }
    }

    /// Archives the item if it still belongs to the user. A concurrent write leads to a retry with the new version.
    async fn archive(&self, mut item: Record<Item>, mut until: DateTime<Utc>) -> Result<(), Error> {
        let table = self.app.store.table::<Item>(&self.principal);
        while item.resource.owner_id == Some(self.user) {
            if item.updated_at > until {
                until = self.last_change().await?;
                if item.updated_at > until {
                    return Ok(());
                }
            }
            let archived = Item { owner_id: None, status: ItemStatus::Archived, ..item.resource };
            let precondition = Precondition::VersionIn(vec![item.version]);
            match table.update(item.id, &precondition, &Edit::Replace(archived)).await {
                Ok(_) | Err(Error::NotFound) => return Ok(()),
                Err(Error::StaleVersion) => {}
                Err(error) => return Err(error),
            }
            item = match table.get(item.id).await {
                Ok(item) => item.into_record(),
                Err(Error::NotFound) => return Ok(()),
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }
}
