//! List queries and pages.

use super::Filter;

/// The query of a list request.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// The maximum number of records per page, 1 to 100.
    pub limit: u8,
    /// The order, by creation time in a list of records and by time of the change in a history.
    pub order: Order,
    /// The filter and its value.
    pub filter: Option<(&'static Filter, String)>,
    /// The cursor from the previous page, as the client sent it.
    pub cursor: Option<String>,
}

/// The order of a list by id, which is the order of creation.
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
    /// The elements in the requested order.
    pub data: Vec<T>,
    /// The cursor of the next page, if any.
    pub next: Option<String>,
}
