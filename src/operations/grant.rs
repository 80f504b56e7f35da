//! DynamoDB actions that a function's role allows.

use serde::Serialize;

/// DynamoDB actions on a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The table, without the deployment's prefix.
    pub table: &'static str,
    /// The actions, without `dynamodb:`.
    pub actions: Vec<&'static str>,
    /// The indexes of the table they are on; none where they are on the table itself.
    pub indexes: Vec<String>,
}

impl Grant {
    /// Actions on a table itself.
    pub fn on(table: &'static str, actions: &[&'static str]) -> Self {
        Self { table, actions: actions.to_vec(), indexes: Vec::new() }
    }

    /// One grant for each table.
    pub fn merged(grants: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut merged: Vec<Self> = Vec::new();
        for grant in grants {
            match merged.iter_mut().find(|known| known.table == grant.table) {
                Some(known) => known.actions.extend(grant.actions),
                None => merged.push(grant),
            }
        }
        merged
    }
}
