//! The backfill of the attributes that new indexes require.

use super::{PageRequest, RawExpression, RowSchema, RowUpdate, WriteMarker, WriteOutcome};
use crate::{
    error::Error,
    store::{
        Store,
        row::{ID, MIGRATION},
    },
};

const PAGE: u16 = 500;
/// The maximum number of attempts for a row that other writers change at the same time.
const RACES: usize = 50;

impl Store {
    /// Sets the index attributes that the records of a table require. Returns the number of changed rows.
    ///
    /// Uses the same conditional writes as a migration, so the version of a changed row rises by one. Rows whose index
    /// attributes cannot be computed are left to a migration.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if DynamoDB does not respond.
    pub async fn rebuild_index_attributes(&self, schema: &RowSchema) -> Result<u64, Error> {
        let marker = WriteMarker::new(&format!("{MIGRATION}indexes-{}", uuid::Uuid::now_v7()), 0);
        let filter = RawExpression { text: format!("attribute_exists({ID})"), ..RawExpression::default() };
        let (mut after, mut changed) = (None::<String>, 0);
        loop {
            let page = self
                .scan_page(&PageRequest {
                    table: schema.table,
                    segment: (0, 1),
                    after: after.as_deref(),
                    limit: PAGE,
                    filter: &filter,
                    marker: &marker,
                    whole: true,
                })
                .await?;
            for mut row in page.rows {
                for _ in 0..RACES {
                    let update = RowUpdate::from_fields(schema, &row, &row.fields(schema), &filter, &marker);
                    let Ok(Some(update)) = update else { break };
                    match self.write_row(schema.table, row.id(), &update).await? {
                        WriteOutcome::ConditionFailed(Some(newer)) => row = newer,
                        WriteOutcome::Done => {
                            changed += 1;
                            break;
                        }
                        WriteOutcome::ConditionFailed(None) | WriteOutcome::Refused(_) => break,
                    }
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(changed),
            }
        }
    }
}
