//! Access: the principal of a request, and the rules that say what a principal may do.

mod principal;

pub use principal::{Kind, Principal, user_id};
