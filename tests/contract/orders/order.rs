//! An order of a user.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use crate::record::{Filter, Normalization, Reference, Resource, Shards, required_id};

/// The number of partitions per status. Three values share all orders, so that one partition each would be too hot.
const STATUS_SHARDS: Shards = Shards::new(4);

/// An order of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Order {
    /// The buyer, an existing user.
    #[serde(deserialize_with = "required_id")]
    pub user_id: Uuid,
    /// The order lines.
    #[validate(nested, length(min = 1, max = 50))]
    pub lines: Vec<Line>,
    /// The progress of the order.
    #[serde(default)]
    pub status: OrderStatus,
    /// The weight in grams.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(range(min = 1, max = 1_000_000))]
    pub weight_grams: Option<i64>,
    /// The discount, as a fraction of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(range(min = 0.0, max = 1.0))]
    pub discount: Option<f64>,
    /// True if it is wrapped as a gift.
    #[serde(default)]
    pub gift: bool,
    /// The delivery date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// A note for the recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 200))]
    pub note: Option<String>,
    /// The delivery address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(nested)]
    pub address: Option<Address>,
}

/// A quantity of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The item.
    #[serde(deserialize_with = "required_id")]
    pub item_id: Uuid,
    /// The quantity.
    #[validate(range(min = 1, max = 1000))]
    pub quantity: u32,
}

/// A postal address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street and number.
    #[validate(length(min = 1, max = 200))]
    pub street: String,
    /// The door, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 20))]
    pub door: Option<String>,
}

/// The progress of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// The order is placed.
    #[default]
    Placed,
    /// The order is paid.
    Paid,
    /// The order is shipped.
    Shipped,
}

impl Resource for Order {
    const NAME: &'static str = "order";
    const COLLECTION: &'static str = "orders";
    const REFERENCES: &'static [Reference] = &[Reference { field: "userId", collection: "users" }];
    const FILTERS: &'static [Filter] = &[
        Filter { field: "userId", normalization: Normalization::Lowercase, shards: Shards::new(1) },
        Filter { field: "status", normalization: Normalization::None, shards: STATUS_SHARDS },
        Filter { field: "weightGrams", normalization: Normalization::None, shards: Shards::new(1) },
        Filter { field: "discount", normalization: Normalization::None, shards: Shards::new(1) },
        Filter { field: "gift", normalization: Normalization::None, shards: Shards::new(4) },
        Filter { field: "dueAt", normalization: Normalization::None, shards: Shards::new(1) },
        Filter { field: "note", normalization: Normalization::Lowercase, shards: Shards::new(1) },
    ];

    fn example() -> Self {
        Self {
            user_id: Uuid::from_u128(0x019a_7d3e_0c00_7000_8000_0000_0000_0001),
            lines: vec![Line { item_id: Uuid::from_u128(0x019a_7d3e_0c00_7000_8000_0000_0000_0003), quantity: 2 }],
            status: OrderStatus::Paid,
            weight_grams: Some(1250),
            discount: Some(0.25),
            gift: true,
            due_at: DateTime::from_timestamp(1_764_000_000, 0),
            note: Some("For Ada".into()),
            address: Some(Address { street: "Main Street 1".into(), door: Some("2b".into()) }),
        }
    }
}
