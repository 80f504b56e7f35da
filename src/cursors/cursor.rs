//! Cursors: positions of pages, signed and bound to their query.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    error::{Error, Violation},
    record::now,
};

/// The lifetime of a cursor, in seconds.
const LIFETIME: i64 = 24 * 60 * 60;
const EXPIRY_BYTES: usize = 8;
const SIGNATURE_BYTES: usize = 16;
/// The tolerated difference between the clocks of two functions. A cursor's time is in whole seconds.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// A key that signs cursors.
pub struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// Creates a key from a secret of any length.
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC accepts keys of any length"))
    }

    /// Creates the cursor of the page after `position`: expiry and position, signed together with the list.
    pub fn seal(&self, list: &str, position: &[u8]) -> String {
        let expiry = now().timestamp() + LIFETIME;
        let mut bytes = [&expiry.to_be_bytes()[..], position].concat();
        let signature = self.sign(list, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Returns true if this key signed the cursor for this list.
    pub fn has_signed(&self, list: &str, cursor: &ParsedCursor) -> bool {
        self.sign(list, cursor.signed()).verify_truncated_left(&cursor.bytes[cursor.end..]).is_ok()
    }

    fn sign(&self, list: &str, bytes: &[u8]) -> Hmac<Sha256> {
        // The length separates the signed bytes from the name of the list.
        self.0.clone().chain_update(bytes.len().to_be_bytes()).chain_update(bytes).chain_update(list.as_bytes())
    }
}

/// A cursor whose signature is not verified yet.
pub struct ParsedCursor {
    bytes: Vec<u8>,
    /// The offset of the signature.
    end: usize,
    /// The expiry, as a Unix time.
    expiry: i64,
}

impl ParsedCursor {
    /// Parses a cursor.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if the text is malformed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parsed = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| {
            let end = bytes.len().checked_sub(SIGNATURE_BYTES).filter(|end| *end > EXPIRY_BYTES)?;
            let expiry = i64::from_be_bytes(*bytes.first_chunk::<EXPIRY_BYTES>()?);
            Some(Self { bytes, end, expiry })
        });
        parsed.ok_or_else(invalid_cursor)
    }

    /// Returns the position. The caller must have verified the signature.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if the cursor has expired.
    pub fn into_position(mut self) -> Result<Vec<u8>, Error> {
        if self.expiry < now().timestamp() {
            return Err(cursor_violation("has expired: start again without one"));
        }
        self.bytes.truncate(self.end);
        Ok(self.bytes.split_off(EXPIRY_BYTES))
    }

    /// Returns true if, according to its claimed time of issue, a key newer than `known` may have signed it before `now`.
    pub fn may_be_newer_than(&self, known: SystemTime, now: SystemTime) -> bool {
        let Some(issued) = self.expiry.checked_sub(LIFETIME).and_then(|time| u64::try_from(time).ok()) else {
            return false;
        };
        let Some(issued) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(issued)) else { return false };
        known < issued + CLOCK_TOLERANCE && issued < now + CLOCK_TOLERANCE
    }

    fn signed(&self) -> &[u8] {
        &self.bytes[..self.end]
    }
}

/// Creates the error for a cursor that is malformed, forged or of another list.
pub fn invalid_cursor() -> Error {
    cursor_violation("is not a cursor of this list: start again without one")
}

fn cursor_violation(detail: &str) -> Error {
    Error::Invalid(vec![Violation::parameter("cursor", detail)])
}
