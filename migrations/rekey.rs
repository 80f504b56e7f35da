//! Recomputes index attributes: every rewrite does so, and the record itself stays unchanged.

use super::super::Fields;

/// Returns the record unchanged.
pub fn rekey(record: Fields) -> Result<Fields, String> {
    Ok(record)
}
