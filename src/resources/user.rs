//! The user resource: a person with a unique e-mail address.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use crate::{
    access::{ADMIN, Access, FieldAccess, OWNER_OR_ADMIN, Owner, Rule},
    record::{Filter, Normalization, Resource, Shards, Unique, normalize_email},
};

/// E.164: a plus, a country code that does not start with 0, at most 15 digits in all.
static E164: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\+[1-9][0-9]{1,14}$").expect("the pattern is valid"));

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct User {
    /// The name people see.
    #[validate(length(min = 1, max = 120))]
    pub name: String,
    /// The e-mail address, unique whatever its case, kept as written.
    #[validate(custom(function = "check_email"), length(max = 254))]
    #[schemars(email)]
    pub email: String,
    /// The role of the user.
    #[serde(default)]
    pub role: UserRole,
    /// The phone number in E.164 form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[validate(regex(path = *E164))]
    pub phone: Option<String>,
}

/// The roles of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserRole {
    /// An ordinary user.
    #[default]
    Member,
    /// One who runs the place.
    Admin,
}

impl Resource for User {
    const NAME: &'static str = "user";
    const COLLECTION: &'static str = "users";
    const UNIQUE: &'static [Unique] = &[Unique { field: "email", normalization: Normalization::EmailAddress }];
    const FILTERS: &'static [Filter] =
        &[Filter { field: "email", normalization: Normalization::EmailAddress, shards: Shards::new(1) }];

    const OWNER: Owner = Owner::Id;
    const ACCESS: Access = Access {
        create: OWNER_OR_ADMIN,
        read: Rule::Any(&[Rule::SignedIn, ADMIN]),
        update: OWNER_OR_ADMIN,
        delete: OWNER_OR_ADMIN,
        history: OWNER_OR_ADMIN,
    };
    const PROTECTED: &'static [FieldAccess] = &[
        FieldAccess { field: "email", read: OWNER_OR_ADMIN, write: Rule::Public },
        FieldAccess { field: "phone", read: OWNER_OR_ADMIN, write: Rule::Public },
        FieldAccess { field: "role", read: Rule::Public, write: ADMIN },
    ];

    fn example() -> Self {
        Self {
            name: "Ada Lovelace".into(),
            email: "Ada@example.com".into(),
            role: UserRole::Admin,
            phone: Some("+442071838750".into()),
        }
    }
}

fn check_email(email: &str) -> Result<(), ValidationError> {
    normalize_email(email).map(drop).ok_or_else(|| ValidationError::new("email"))
}
