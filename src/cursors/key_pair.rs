//! The keys of a deployment: the current and the previous one.

use super::cursor::{CursorKey, ParsedCursor};

/// The current and the previous key.
pub struct KeyPair {
    pub(super) current: CursorKey,
    pub(super) previous: Option<CursorKey>,
}

impl KeyPair {
    /// Creates the cursor of the page after `position`, signed with the current key.
    pub fn seal(&self, list: &str, position: &[u8]) -> String {
        self.current.seal(list, position)
    }

    /// Returns true if one of the keys signed the cursor for this list.
    pub fn has_signed(&self, list: &str, cursor: &ParsedCursor) -> bool {
        let keys = [Some(&self.current), self.previous.as_ref()];
        keys.into_iter().flatten().any(|key| key.has_signed(list, cursor))
    }
}
