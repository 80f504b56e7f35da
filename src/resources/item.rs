//! Items: products with a price and an optional owner.

use crate::record::prelude::*;

/// Something with a price.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The name people see.
    #[validate(length(min = 1, max = 120))]
    pub name: String,
    /// More about it.
    #[validate(length(max = 2000))]
    pub description: Option<String>,
    /// The price in the currency's minor unit: cents, never a float.
    #[validate(range(min = 0, max = rules::MAX_INTEGER))]
    pub price_cents: i64,
    /// The ISO 4217 code of the price's currency.
    #[schemars(schema_with = "rules::currency")]
    pub currency: Currency,
    /// The state in the lifecycle.
    #[serde(default)]
    pub status: ItemStatus,
    /// Labels, each at most once.
    #[serde(default)]
    #[validate(length(max = 20), custom(function = "rules::labels"))]
    #[schemars(inner(length(min = 1, max = rules::MAX_LABEL_LENGTH)), extend("uniqueItems" = true))]
    pub tags: Vec<String>,
    /// The user it belongs to, who must exist.
    #[serde(default, deserialize_with = "optional_id")]
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

const ACTIVE: Rule = Rule::Field { name: "status", value: "active" };

impl Resource for Item {
    const NAME: &'static str = "item";
    const COLLECTION: &'static str = "items";
    const REFERENCES: &'static [Reference] = &[Reference::new("ownerId", "users")];
    const FILTERS: &'static [Filter] = &[Filter::id("ownerId"), Filter::exact("status").sharded(Shards::new(4))];
    const OWNER: Owner = Owner::Field("ownerId");
    const ACCESS: Access =
        Access { read: Rule::Any(&[Rule::All(&[IDENTIFIED, ACTIVE]), OWNER_OR_ADMIN]), ..Access::all(OWNER_OR_ADMIN) };

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
