//! A server to put under load.

/// A server to put under load, with a thousand records.
pub struct Target {
    /// The name in the table.
    pub name: &'static str,
    /// As in `http://127.0.0.1:3000`.
    pub url: String,
    /// A header sent with each request, as in `x-api-key=…`.
    pub header: String,
    /// The path of the collection, for lists and creates.
    pub collection: String,
    /// The query of a page of twenty records, newest first.
    pub page: &'static str,
    /// The id of a record.
    pub id: String,
}
