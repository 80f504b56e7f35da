//! Lists: what is asked for, and a page of it.

use super::Filter;

/// What a list request asks for.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// The most records a page holds, 1 to 100.
    pub limit: u8,
    /// By time: of creation in a list of records, of the change in a history.
    pub order: Order,
    /// The filter's field and value.
    pub filter: Option<(&'static Filter, String)>,
    /// Where the page before this one ended, as the client sent it.
    pub cursor: Option<String>,
}

/// The order of a list, by id and so by creation time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it, in the order asked for.
    pub data: Vec<T>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
}
