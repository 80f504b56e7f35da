//! The DynamoDB permissions of a function.

use serde::Serialize;

/// DynamoDB actions that a function's role allows on a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The table, without the deployment's prefix.
    pub table: &'static str,
    /// The actions, without `dynamodb:`.
    pub actions: Vec<&'static str>,
    /// The indexes that the actions are allowed on; empty for the table itself.
    pub indexes: Vec<String>,
}

impl Grant {
    /// Returns a grant of actions on a table itself.
    pub fn on(table: &'static str, actions: &[&'static str]) -> Self {
        Self { table, actions: actions.to_vec(), indexes: Vec::new() }
    }

    /// Merges grants into one for each table.
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
