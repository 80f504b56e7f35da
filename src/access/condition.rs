//! The part of a rule that depends on the record, once the principal is known.

use super::Principal;

/// The attribute with the tenant of a record.
pub const TENANT: &str = "tenantId";

/// The records to which a principal may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// All records.
    Always,
    /// No record.
    Never,
    /// The records that satisfy all predicates of at least one of these conjunctions. There is at least one, none is
    /// empty, and none contradicts itself.
    Where(Vec<Vec<Predicate<'a>>>),
}

/// The predicate that a text attribute of a record has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicate<'a> {
    /// The attribute.
    pub attribute: &'static str,
    /// The value.
    pub value: &'a str,
}

impl<'a> Condition<'a> {
    /// Returns the condition that is the same for all records.
    pub fn when(holds: bool) -> Self {
        if holds { Self::Always } else { Self::Never }
    }

    /// Returns the condition of one predicate.
    pub fn is(predicate: Predicate<'a>) -> Self {
        Self::Where(vec![vec![predicate]])
    }

    /// Returns the condition that at least one of the two holds.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, only) | (only, Self::Never) => only,
            (Self::Where(first), Self::Where(second)) => Self::simplified(first.into_iter().chain(second)),
        }
    }

    /// Returns the condition that both hold.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, only) | (only, Self::Always) => only,
            (Self::Where(first), Self::Where(second)) => {
                Self::simplified(first.iter().flat_map(|one| second.iter().filter_map(|other| joined(one, other))))
            }
        }
    }

    /// Returns the condition that also requires the principal's tenant. Without a tenant it never holds.
    pub fn in_tenant_of(self, principal: &'a Principal) -> Self {
        match &principal.tenant {
            Some(tenant) => self.and(Self::is(Predicate { attribute: TENANT, value: tenant })),
            None => Self::Never,
        }
    }

    /// Returns true if a record satisfies the condition. `attribute` returns its text attributes.
    pub fn holds<'r>(&self, attribute: impl Fn(&str) -> Option<&'r str>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Where(conjunctions) => conjunctions.iter().any(|predicates| {
                predicates.iter().all(|predicate| attribute(predicate.attribute) == Some(predicate.value))
            }),
        }
    }

    /// Drops each conjunction that contains another one.
    fn simplified(conjunctions: impl Iterator<Item = Vec<Predicate<'a>>>) -> Self {
        let mut kept: Vec<Vec<Predicate>> = Vec::new();
        for conjunction in conjunctions {
            let contains = |outer: &[Predicate], inner: &[Predicate]| inner.iter().all(|part| outer.contains(part));
            if !kept.iter().any(|known| contains(&conjunction, known)) {
                kept.retain(|known| !contains(known, &conjunction));
                kept.push(conjunction);
            }
        }
        if kept.is_empty() { Self::Never } else { Self::Where(kept) }
    }
}

/// Returns the predicates of both conjunctions, or `None` if they contradict each other.
fn joined<'a>(first: &[Predicate<'a>], second: &[Predicate<'a>]) -> Option<Vec<Predicate<'a>>> {
    let mut all = first.to_vec();
    for predicate in second {
        match all.iter().find(|known| known.attribute == predicate.attribute) {
            Some(known) if known.value == predicate.value => {}
            Some(_) => return None,
            None => all.push(*predicate),
        }
    }
    Some(all)
}
