//! The CRUD handlers, generic over the resource.

mod create;
mod delete;
mod get;
mod history;
mod list;
mod update;

pub use create::create;
pub use delete::delete;
pub use get::get;
pub use history::history;
pub use list::list;
pub use update::update;
