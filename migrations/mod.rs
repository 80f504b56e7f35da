//! The migration files, and the Rust transforms under the names that the files use.

mod split_tags;

use crate::migrate::Transform;

/// The names and contents of the files of this folder, which the build script lists.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// All transforms.
pub const TRANSFORMS: &[(&str, Transform)] = &[("split_tags", split_tags::split_tags)];
