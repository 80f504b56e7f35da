//! The programs of a project. Each takes the service of the project and the arguments of the command line.

mod contract;
mod local;
mod migrate;

pub use contract::contract;
pub use local::local;
pub use migrate::migrate;
