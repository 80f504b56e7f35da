//! The rules of a resource: who may do what.

use std::fmt;

use super::{Condition, Kind, Predicate, Principal};

/// A rule: the principals that may do something, and the records that they may do it to.
///
/// A rule is a constant beside its resource. [`Rule::condition`] evaluates the part about the principal, and the store
/// puts the part about the record into its request to DynamoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everybody, without credentials too.
    Public,
    /// Users.
    SignedIn,
    /// Holders of an API key.
    Application,
    /// AWS roles and users.
    Service,
    /// The user to whom the record belongs, see [`Owner`].
    Owner,
    /// Principals with this role.
    Role(&'static str),
    /// Principals whose token has this scope.
    Scope(&'static str),
    /// Records whose text field has this value.
    Field {
        /// The field's JSON name.
        name: &'static str,
        /// The value.
        value: &'static str,
    },
    /// At least one of these rules holds.
    Any(&'static [Self]),
    /// All of these rules hold.
    All(&'static [Self]),
    /// Only parts of this service.
    Nobody,
}

/// Every principal but [`Kind::Anonymous`].
pub const IDENTIFIED: Rule = Rule::Any(&[Rule::SignedIn, Rule::Application, Rule::Service]);
/// Principals with the role `admin`.
pub const ADMIN: Rule = Rule::Role("admin");
/// The owner of a record, and principals with the role `admin`.
pub const OWNER_OR_ADMIN: Rule = Rule::Any(&[Rule::Owner, ADMIN]);

/// The rules of a resource's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The rule of a create, evaluated on the new record.
    pub create: Rule,
    /// The rule of a read, for the list too.
    pub read: Rule,
    /// The rule of an update, evaluated on the record before it.
    pub update: Rule,
    /// The rule of a delete.
    pub delete: Rule,
    /// The rule of a history, evaluated on the record that an entry shows.
    pub history: Rule,
}

impl Access {
    /// Everything for principals with the role `admin` alone.
    pub const ADMIN: Self = Self::all(ADMIN);

    /// Returns the same rule for every operation. `Access { read: …, ..Access::all(ADMIN) }` changes one of them.
    pub const fn all(rule: Rule) -> Self {
        Self { create: rule, read: rule, update: rule, delete: rule, history: rule }
    }
}

/// The place of a record's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Records have no owner.
    None,
    /// A field holds the owner's id. On a create and a replacement by a user, the default is this user.
    Field(&'static str),
    /// The record's own id is the owner's: the record describes the user.
    Id,
}

impl Owner {
    /// Returns the attribute with the owner's id, if records have an owner.
    pub fn attribute(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Field(field) => Some(field),
            Self::Id => Some("id"),
        }
    }
}

/// The rules of one field, for those who may read or change the record. [`Rule::Public`] is all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldAccess {
    /// The field's JSON name.
    pub field: &'static str,
    /// The rule of a read. Responses to others lack the field.
    pub read: Rule,
    /// The rule of a change. Others create it with its default, and keep its value.
    pub write: Rule,
}

impl FieldAccess {
    /// Returns a field that only some may read.
    pub const fn readable_by(field: &'static str, read: Rule) -> Self {
        Self { field, read, write: Rule::Public }
    }

    /// Returns a field that only some may change.
    pub const fn writable_by(field: &'static str, write: Rule) -> Self {
        Self { field, read: Rule::Public, write }
    }
}

impl Rule {
    /// Returns the condition that a record must satisfy for this principal.
    pub fn condition<'a>(&self, principal: &'a Principal, owner: Owner) -> Condition<'a> {
        if principal.kind == Kind::System {
            return Condition::Always;
        }
        match *self {
            Self::Public => Condition::Always,
            Self::SignedIn => Condition::when(principal.kind == Kind::User),
            Self::Application => Condition::when(principal.kind == Kind::Application),
            Self::Service => Condition::when(principal.kind == Kind::Service),
            Self::Owner => match owner.attribute().filter(|_| principal.kind == Kind::User) {
                Some(attribute) => Condition::is(Predicate { attribute, value: &principal.id }),
                None => Condition::Never,
            },
            Self::Role(role) => Condition::when(principal.has_role(role)),
            Self::Scope(scope) => Condition::when(principal.has_scope(scope)),
            Self::Field { name, value } => Condition::is(Predicate { attribute: name, value }),
            Self::Any(rules) => {
                rules.iter().fold(Condition::Never, |all, rule| all.or(rule.condition(principal, owner)))
            }
            Self::All(rules) => {
                rules.iter().fold(Condition::Always, |all, rule| all.and(rule.condition(principal, owner)))
            }
            Self::Nobody => Condition::Never,
        }
    }

    /// Returns true if the principal may do it to some record.
    pub fn may_admit(&self, principal: &Principal) -> bool {
        self.condition(principal, Owner::Id) != Condition::Never
    }

    /// Returns true if a principal of this kind may do it to some record, with the right roles and scopes.
    pub fn may_admit_kind(&self, kind: Kind) -> bool {
        match self {
            Self::Public | Self::Field { .. } => true,
            Self::SignedIn | Self::Owner => kind == Kind::User,
            Self::Application => kind == Kind::Application,
            Self::Service => kind == Kind::Service,
            Self::Role(_) => kind != Kind::Anonymous,
            Self::Scope(_) => kind == Kind::User,
            Self::Any(rules) => rules.iter().any(|rule| rule.may_admit_kind(kind)),
            Self::All(rules) => rules.iter().all(|rule| rule.may_admit_kind(kind)),
            Self::Nobody => false,
        }
    }

    fn field_text(&self) -> Option<String> {
        let Self::Field { name, value } = self else { return None };
        Some(format!("`{name}` is `{value}`"))
    }

    /// Returns the attributes in each conjunction of predicates that [`Rule::condition`] can return.
    pub fn conjunctions(&self, owner: Owner) -> Vec<Vec<&'static str>> {
        match self {
            Self::Nobody => Vec::new(),
            Self::Owner => owner.attribute().into_iter().map(|attribute| vec![attribute]).collect(),
            Self::Field { name, .. } => vec![vec![name]],
            Self::Any(rules) => rules.iter().flat_map(|rule| rule.conjunctions(owner)).collect(),
            Self::All(rules) => rules.iter().fold(vec![Vec::new()], |all, rule| {
                let next = rule.conjunctions(owner);
                all.iter().flat_map(|one| next.iter().map(|other| [one.as_slice(), other].concat())).collect()
            }),
            _ => vec![Vec::new()],
        }
    }
}

/// Writes the rule as the contract states it.
///
/// ```
/// use serverless_crud::access::{IDENTIFIED, OWNER_OR_ADMIN, Rule};
///
/// const ACTIVE: Rule = Rule::Field { name: "status", value: "active" };
/// assert_eq!(OWNER_OR_ADMIN.to_string(), "the owner, or the role `admin`");
/// assert_eq!(Rule::All(&[IDENTIFIED, ACTIVE]).to_string(), "every caller with credentials if `status` is `active`");
/// ```
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Public => formatter.write_str("everybody"),
            Self::SignedIn => formatter.write_str("a signed-in user"),
            Self::Application => formatter.write_str("an application"),
            Self::Service => formatter.write_str("an AWS service"),
            Self::Owner => formatter.write_str("the owner"),
            Self::Role(role) => write!(formatter, "the role `{role}`"),
            Self::Scope(scope) => write!(formatter, "the scope `{scope}`"),
            Self::Field { .. } => write!(formatter, "everybody if {}", self.field_text().unwrap_or_default()),
            Self::Any(_) if *self == IDENTIFIED => formatter.write_str("every caller with credentials"),
            Self::Any(rules) => {
                let parts: Vec<String> = rules.iter().map(Self::to_string).collect();
                formatter.write_str(&parts.join(", or "))
            }
            Self::All(rules) => {
                let principals = rules.iter().filter(|rule| rule.field_text().is_none()).map(Self::to_string);
                let fields: Vec<String> = rules.iter().filter_map(Self::field_text).collect();
                let principals = principals.collect::<Vec<_>>().join(" and ");
                let principals = if principals.is_empty() { "everybody".to_owned() } else { principals };
                let separator = if fields.is_empty() { "" } else { " if " };
                write!(formatter, "{principals}{separator}{}", fields.join(" and "))
            }
            Self::Nobody => formatter.write_str("nobody"),
        }
    }
}
