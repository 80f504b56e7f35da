//! `users_cascade`: when a user is deleted, the items of that user are archived, and belong to nobody.

use std::sync::Arc;

use uuid::Uuid;

use super::{Change, Consumer, What, each};
use crate::{
    app::App,
    error::Error,
    record::{Edit, ListQuery, Order, Precondition, Record, Resource},
    resources::{Item, ItemStatus, User},
};

/// How many items are read at a time.
const BATCH: u8 = 25;
const WRITER: &str = "users_cascade";

/// The consumer behind the stream of users.
///
/// What it did stays done: a second time it meets only the items that are left.
pub fn users_cascade() -> impl Consumer {
    each(|app, change: Change<User>| async move {
        match change.what {
            What::Deleted { old } => archive_items_of(&app, old.id).await,
            What::Created { .. } | What::Updated { .. } => Ok(()),
        }
    })
}

async fn archive_items_of(app: &Arc<App>, user: Uuid) -> Result<(), Error> {
    let owner = Item::FILTERS.iter().find(|filter| filter.field == "ownerId").expect("items are found by owner");
    let mut query =
        ListQuery { limit: BATCH, order: Order::Ascending, filter: Some((owner, user.to_string())), cursor: None };
    loop {
        let page = app.store.table::<Item>().list(&query).await?;
        for item in page.data {
            archive(app, item, user).await?;
        }
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
