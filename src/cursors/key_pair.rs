//! The keys of a deployment, which are versions of a secret.

use secrecy::{ExposeSecret, SecretString};

use super::cursor::{CursorKey, ParsedCursor};
use crate::secrets::{FromSecret, Secret};

const MIN_SECRET_LENGTH: usize = 32;

/// The current and the previous key.
pub struct KeyPair {
    current: CursorKey,
    previous: Option<CursorKey>,
}

impl KeyPair {
    /// Creates a pair with a current key alone.
    pub(super) fn fixed(secret: &str) -> Self {
        Self { current: CursorKey::new(secret), previous: None }
    }

    /// Creates the cursor of the page after `position`, signed with the current key.
    pub fn seal(&self, list: &str, position: &[u8]) -> String {
        self.current.seal(list, position)
    }

    /// Returns true if one of the keys signed the cursor.
    pub(super) fn has_signed(&self, list: &str, cursor: &ParsedCursor) -> bool {
        let keys = [Some(&self.current), self.previous.as_ref()];
        keys.into_iter().flatten().any(|key| key.has_signed(list, cursor))
    }
}

impl FromSecret for KeyPair {
    /// Fetches the current and the previous version concurrently.
    ///
    /// A secret that was never rotated has no previous version. A malformed previous version is ignored, because it cannot
    /// have signed a cursor.
    async fn fetch(secret: &Secret) -> Result<Self, String> {
        let (current, previous) = tokio::try_join!(secret.version("AWSCURRENT"), secret.version("AWSPREVIOUS"))?;
        let current = current.ok_or("the cursor secret has no current version")?;
        let current = key(&current).ok_or("the cursor secret is malformed: it must have at least 32 characters")?;
        Ok(Self { current, previous: previous.as_ref().and_then(key) })
    }
}

fn key(version: &SecretString) -> Option<CursorKey> {
    Some(version.expose_secret()).filter(|secret| secret.len() >= MIN_SECRET_LENGTH).map(CursorKey::new)
}
