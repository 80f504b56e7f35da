//! The Rust transforms, listed under the names that migration files use.

mod rekey;
mod split_tags;

use super::Transform;

/// All transforms.
pub const TRANSFORMS: &[(&str, Transform)] = &[("rekey", rekey::rekey), ("split_tags", split_tags::split_tags)];
