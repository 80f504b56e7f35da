//! Users: persons with a unique e-mail address.

use crate::record::prelude::*;

/// A person.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The name people see.
    #[validate(length(min = 1, max = 120))]
    pub name: String,
    /// The e-mail address, unique whatever its case, kept as written.
    #[validate(custom(function = "rules::email"), length(max = 254))]
    #[schemars(email)]
    pub email: String,
    /// The role of the user.
    #[serde(default)]
    pub role: UserRole,
    /// The phone number in E.164 form.
    #[validate(custom(function = "rules::phone"))]
    #[schemars(regex(pattern = rules::PHONE))]
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
    const UNIQUE: &'static [Unique] = &[Unique::email("email")];
    const FILTERS: &'static [Filter] = &[Filter::email("email")];
    const OWNER: Owner = Owner::Id;
    const ACCESS: Access = Access { read: Rule::Any(&[Rule::SignedIn, ADMIN]), ..Access::all(OWNER_OR_ADMIN) };
    const PROTECTED: &'static [FieldAccess] = &[
        FieldAccess::readable_by("email", OWNER_OR_ADMIN),
        FieldAccess::readable_by("phone", OWNER_OR_ADMIN),
        FieldAccess::writable_by("role", ADMIN),
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
