//! Resources of the tests, and bodies of the project's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serverless_crud::{
    access::{ADMIN, Access, FieldAccess, IDENTIFIED, OWNER_OR_ADMIN, Owner, Rule},
    record::{Filter, Normalization, Reference, Resource, Shards, Unique, optional_id},
};
use uuid::Uuid;
use validator::Validate;

/// A document of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doc {
    pub title: String,
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    pub owner_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_id")]
    pub parent_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Resource for Doc {
    const NAME: &'static str = "doc";
    const COLLECTION: &'static str = "docs";
    const UNIQUE: &'static [Unique] = &[Unique { field: "title", normalization: Normalization::None }];
    const REFERENCES: &'static [Reference] = &[Reference { field: "parentId", collection: "docs" }];
    const FILTERS: &'static [Filter] = &[
        Filter { field: "ownerId", normalization: Normalization::Lowercase, shards: Shards::new(1) },
        Filter { field: "state", normalization: Normalization::Lowercase, shards: Shards::new(3) },
        Filter { field: "title", normalization: Normalization::None, shards: Shards::new(1) },
    ];
    const OWNER: Owner = Owner::Field("ownerId");
    const TENANT: bool = true;
    const ACCESS: Access = Access {
        create: IDENTIFIED,
        read: Rule::Any(&[Rule::Field { name: "state", value: "open" }, OWNER_OR_ADMIN]),
        update: OWNER_OR_ADMIN,
        delete: OWNER_OR_ADMIN,
        history: OWNER_OR_ADMIN,
    };
    const PROTECTED: &'static [FieldAccess] =
        &[FieldAccess { field: "note", read: OWNER_OR_ADMIN, write: Rule::All(&[Rule::Owner, Rule::Scope("notes")]) }];

    fn example() -> Self {
        let id = Some(Uuid::from_u128(1));
        Self { title: "Plan".into(), state: "open".into(), owner_id: id, parent_id: id, note: Some("n".into()) }
    }
}

/// A private profile, of which each user has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub motto: String,
}

impl Resource for Profile {
    const NAME: &'static str = "profile";
    const COLLECTION: &'static str = "profiles";
    const OWNER: Owner = Owner::Id;
    const ACCESS: Access = Access {
        create: OWNER_OR_ADMIN,
        read: OWNER_OR_ADMIN,
        update: Rule::Owner,
        delete: Rule::Owner,
        history: ADMIN,
    };

    fn example() -> Self {
        Self { motto: "Be brief".into() }
    }
}

pub fn item() -> Value {
    json!({ "name": "Cup", "priceCents": 1250, "currency": "EUR" })
}

pub fn user() -> Value {
    json!({ "name": "Ada", "email": format!("{}@example.com", Uuid::new_v4().simple()) })
}

pub fn doc(title: &str) -> Value {
    json!({ "title": title, "state": "closed" })
}

/// Returns the body with another value of a field.
pub fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

/// A resource whose read rule no index serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
pub struct Unindexed {
    pub color: String,
}

impl Resource for Unindexed {
    const NAME: &'static str = "unindexed";
    const COLLECTION: &'static str = "unindexed";
    const ACCESS: Access =
        Access { read: Rule::Any(&[ADMIN, Rule::Field { name: "color", value: "red" }]), ..Access::ADMIN };

    fn example() -> Self {
        Self { color: "red".into() }
    }
}
