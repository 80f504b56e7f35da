//! Cursors: the position of a page, signed and bound to the query it came from.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    error::{Error, Violation},
    record::{ListQuery, now},
};

/// How long a cursor is good for, in seconds.
const LIFETIME: i64 = 24 * 60 * 60;
const POSITION_BYTES: usize = 24;
const SIGNATURE_BYTES: usize = 16;

/// Signs and checks cursors.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// A key from a secret of any length.
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length"))
    }

    /// The cursor of the page after `id`: expiry and id, signed together with the query.
    pub fn seal(&self, collection: &str, query: &ListQuery, id: Uuid) -> String {
        let expiry = now().timestamp() + LIFETIME;
        let mut bytes = [&expiry.to_be_bytes()[..], id.as_bytes()].concat();
        let signature = self.sign(collection, query, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where the page before ended.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that is malformed, forged, of another query, or expired.
    pub fn open(&self, collection: &str, query: &ListQuery, cursor: &str) -> Result<Uuid, Error> {
        let refused = |detail: &str| Error::Invalid(vec![Violation::parameter("cursor", detail)]);
        let forged = || refused("is not a cursor of this list: start again without one");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| forged())?;
        let (position, signature) = bytes.split_at_checked(POSITION_BYTES).ok_or_else(forged)?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(forged());
        }
        self.sign(collection, query, position).verify_truncated_left(signature).map_err(|_| forged())?;
        let (expiry, id) = position.split_first_chunk::<8>().ok_or_else(forged)?;
        if i64::from_be_bytes(*expiry) < now().timestamp() {
            return Err(refused("has expired: start again without one"));
        }
        Uuid::from_slice(id).map_err(|_| forged())
    }

    fn sign(&self, collection: &str, query: &ListQuery, position: &[u8]) -> Hmac<Sha256> {
        let filter = query.filter.as_ref().map(|(filter, value)| (filter.field, value));
        let bound = format!("{collection} {:?} {filter:?}", query.order);
        self.0.clone().chain_update(position).chain_update(bound.as_bytes())
    }
}
