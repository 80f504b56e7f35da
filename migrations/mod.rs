//! The Rust transforms, by the names the files of this folder give them: a module and a line each.

mod rekey;
mod split_tags;

use super::Transform;

/// Every transform there is.
pub const TRANSFORMS: &[(&str, Transform)] = &[("rekey", rekey::rekey), ("split_tags", split_tags::split_tags)];
