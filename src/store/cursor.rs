//! Cursors: the position of a page, signed and bound to the query it came from.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    error::{Error, Violation},
    record::now,
};

/// How long a cursor is good for, in seconds.
const LIFETIME: i64 = 24 * 60 * 60;
const EXPIRY_BYTES: usize = 8;
const SIGNATURE_BYTES: usize = 16;

/// Signs and checks cursors.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// A key from a secret of any length.
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length"))
    }

    /// The cursor of the page after `position`: expiry and position, signed together with the list it is of.
    pub fn seal(&self, list: &str, position: &[u8]) -> String {
        let expiry = now().timestamp() + LIFETIME;
        let mut bytes = [&expiry.to_be_bytes()[..], position].concat();
        let signature = self.sign(list, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where the page before ended.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that is malformed, forged, of another list, or expired.
    pub fn open(&self, list: &str, cursor: &str) -> Result<Vec<u8>, Error> {
        let refused = |detail: &str| Error::Invalid(vec![Violation::parameter("cursor", detail)]);
        let forged = || refused("is not a cursor of this list: start again without one");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| forged())?;
        let end = bytes.len().checked_sub(SIGNATURE_BYTES).filter(|end| *end > EXPIRY_BYTES).ok_or_else(forged)?;
        let (signed, signature) = bytes.split_at(end);
        self.sign(list, signed).verify_truncated_left(signature).map_err(|_| forged())?;
        let (expiry, position) = signed.split_first_chunk::<EXPIRY_BYTES>().ok_or_else(forged)?;
        if i64::from_be_bytes(*expiry) < now().timestamp() {
            return Err(refused("has expired: start again without one"));
        }
        Ok(position.to_vec())
    }

    fn sign(&self, list: &str, bytes: &[u8]) -> Hmac<Sha256> {
        // The length keeps what is signed apart from what it is bound to.
        self.0.clone().chain_update(bytes.len().to_be_bytes()).chain_update(bytes).chain_update(list.as_bytes())
    }
}
