//! `users_cascade`: when a user is deleted, the items of that user are archived, and belong to nobody.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::{Event, EventConsumer, Repeat, on_event};
use crate::{
    app::App,
    error::Error,
    record::{Action, Edit, ListQuery, Order, Precondition, Record, Resource},
    resources::{Item, ItemStatus, User},
};

/// The index the items are found by: the filter's field names it.
pub const OWNER_INDEX: &str = "ownerId";
/// How many items are read at a time.
const BATCH: u8 = 25;
/// How many of them are archived at a time.
const SIDE_BY_SIDE: usize = 8;
/// An item can be given to a user until the user is deleted, and the index it is found by follows its table by a time
/// that DynamoDB bounds nowhere: what a pass does not find, a later one does, for six hours.
const PASSES: Repeat = Repeat::new(Duration::from_secs(15 * 60), Duration::from_secs(6 * 60 * 60));
const WRITER: &str = "users_cascade";

/// The consumer of the deletions of users.
///
/// What it did stays done: another pass meets only the items that are left.
pub fn users_cascade() -> impl EventConsumer {
    on_event(|app, event: Event<User>| async move {
        match event.action {
            Action::Deleted => archive_items_of(&app, event.record).await,
            Action::Created | Action::Updated => Ok(()),
        }
    })
    .repeated(PASSES)
}

async fn archive_items_of(app: &Arc<App>, user: Uuid) -> Result<(), Error> {
    let owner = Item::FILTERS.iter().find(|filter| filter.field == OWNER_INDEX).expect("items are found by owner");
    let mut query =
        ListQuery { limit: BATCH, order: Order::Ascending, filter: Some((owner, user.to_string())), cursor: None };
    loop {
        let page = app.store.table::<Item>().list(&query).await?;
        let archived = stream::iter(page.data).map(|item| archive(app, item, user)).buffer_unordered(SIDE_BY_SIDE);
        // One that fails leaves none of the others half done.
        archived.collect::<Vec<_>>().await.into_iter().collect::<Result<(), _>>()?;
        // The index follows its table: what was archived may still be in it, so that pages go by position.
        query.cursor = page.next;
        if query.cursor.is_none() {
            return Ok(());
        }
    }
}

/// Archives the item while it is the user's, whatever else is written to it meanwhile.
async fn archive(app: &Arc<App>, mut item: Record<Item>, user: Uuid) -> Result<(), Error> {
    let table = app.store.table::<Item>().written_by(Some(WRITER.into()));
    while item.resource.owner_id == Some(user) {
        let archived = Item { owner_id: None, status: ItemStatus::Archived, ..item.resource };
        let still = Precondition::VersionIn(vec![item.version]);
        match table.update(item.id, &still, &Edit::Replace(archived)).await {
            Ok(_) | Err(Error::NotFound) => return Ok(()),
            Err(Error::StaleVersion) => {}
            Err(error) => return Err(error),
        }
        item = match table.get(item.id).await {
            Ok(item) => item,
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
    }
    Ok(())
}
