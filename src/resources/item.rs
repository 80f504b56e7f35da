//! The item resource: a product with a price and an optional owner.

use std::{borrow::Cow, collections::HashSet};

use iso_currency::{Currency, IntoEnumIterator};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::{Validate, ValidationError};

use crate::{
    access::{Access, IDENTIFIED, OWNER_OR_ADMIN, Owner, Rule},
    record::{Filter, Normalization, Reference, Resource, Shards, optional_id},
};

/// The largest integer that all JSON parsers represent exactly (RFC 8259 §6).
const MAX_PRICE: i64 = 9_007_199_254_740_991;
const MAX_TAG_LENGTH: usize = 40;
/// The shards of each status. Few values share all items.
const STATUS_SHARDS: Shards = Shards::new(4);

/// Something with a price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Item {
    /// The name people see.
    #[validate(length(min = 1, max = 120))]
    pub name: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(length(max = 2000))]
    pub description: Option<String>,
    /// The price in the currency's minor unit: cents, never a float.
    #[validate(range(min = 0, max = MAX_PRICE))]
    pub price_cents: i64,
    /// The ISO 4217 code of the price's currency.
    #[schemars(schema_with = "currency_schema")]
    pub currency: Currency,
    /// The state in the lifecycle.
    #[serde(default)]
    pub status: ItemStatus,
    /// Labels, each at most once.
    #[serde(default)]
    #[validate(length(max = 20), custom(function = "check_tags"))]
    #[schemars(inner(length(min = 1, max = MAX_TAG_LENGTH)), extend("uniqueItems" = true))]
    pub tags: Vec<String>,
    /// The user it belongs to, who must exist.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    pub owner_id: Option<Uuid>,
}

/// The states of an item in its lifecycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ItemStatus {
    /// Not yet shown.
    #[default]
    Draft,
    /// On offer.
    Active,
    /// Kept for the record.
    Archived,
}

impl Resource for Item {
    const NAME: &'static str = "item";
    const COLLECTION: &'static str = "items";
    const REFERENCES: &'static [Reference] = &[Reference { field: "ownerId", collection: "users" }];
    const FILTERS: &'static [Filter] = &[
        Filter { field: "ownerId", normalization: Normalization::Lowercase, shards: Shards::new(1) },
        Filter { field: "status", normalization: Normalization::None, shards: STATUS_SHARDS },
    ];

    const OWNER: Owner = Owner::Field("ownerId");
    const ACCESS: Access = Access {
        create: OWNER_OR_ADMIN,
        read: Rule::Any(&[Rule::All(&[IDENTIFIED, Rule::Field { name: "status", value: "active" }]), OWNER_OR_ADMIN]),
        update: OWNER_OR_ADMIN,
        delete: OWNER_OR_ADMIN,
        history: OWNER_OR_ADMIN,
    };

    fn example() -> Self {
        Self {
            name: "Espresso cup".into(),
            description: Some("Stoneware, 80 ml, dishwasher safe.".into()),
            price_cents: 1250,
            currency: Currency::EUR,
            status: ItemStatus::Active,
            tags: vec!["kitchen".into(), "coffee".into()],
            owner_id: Some(Uuid::from_u128(0x019a_7d3e_0c00_7000_8000_0000_0000_0001)),
        }
    }
}

fn check_tags(tags: &[String]) -> Result<(), ValidationError> {
    if !tags.iter().all(|tag| (1..=MAX_TAG_LENGTH).contains(&tag.chars().count())) {
        let message = format!("each must have 1 to {MAX_TAG_LENGTH} characters");
        return Err(ValidationError::new("tag_length").with_message(message.into()));
    }
    let mut seen = HashSet::new();
    if !tags.iter().all(|tag| seen.insert(tag)) {
        return Err(ValidationError::new("unique").with_message(Cow::from("must not hold the same tag twice")));
    }
    Ok(())
}

fn currency_schema(_: &mut SchemaGenerator) -> Schema {
    let codes: Vec<_> = Currency::iter().map(|currency| currency.code()).collect();
    json_schema!({ "type": "string", "enum": codes })
}
