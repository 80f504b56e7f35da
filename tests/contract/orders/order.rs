//! An order: what a user buys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use crate::record::{Filter, Reference, Resource, Shards, required_id};

/// How many partitions one status is spread over: three values share all the orders.
const STATUS_SHARDS: Shards = Shards::new(4);

/// What a user buys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Order {
    /// The user who buys, who must exist.
    #[serde(deserialize_with = "required_id")]
    pub user_id: Uuid,
    /// What is bought.
    #[validate(nested, length(min = 1, max = 50))]
    pub lines: Vec<Line>,
    /// How far the order is.
    #[serde(default)]
    pub status: OrderStatus,
}

/// So many of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// The item.
    #[serde(deserialize_with = "required_id")]
    pub item_id: Uuid,
    /// How many of it.
    #[validate(range(min = 1, max = 1000))]
    pub quantity: u32,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Taken.
    #[default]
    Placed,
    /// Paid for.
    Paid,
    /// On its way.
    Shipped,
}

impl Resource for Order {
    const NAME: &'static str = "order";
    const COLLECTION: &'static str = "orders";
    const REFERENCES: &'static [Reference] = &[Reference { field: "userId", collection: "users" }];
    const FILTERS: &'static [Filter] = &[
        Filter { field: "userId", ignore_case: true, shards: Shards::new(1) },
        Filter { field: "status", ignore_case: false, shards: STATUS_SHARDS },
    ];

    fn example() -> Self {
        Self {
            user_id: Uuid::from_u128(0x019a_7d3e_0c00_7000_8000_0000_0000_0001),
            lines: vec![Line { item_id: Uuid::from_u128(0x019a_7d3e_0c00_7000_8000_0000_0000_0003), quantity: 2 }],
            status: OrderStatus::Paid,
        }
    }
}
