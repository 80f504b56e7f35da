//! Signed cursors of pages, and the keys that sign them.
//!
//! The keys of a deployment are the versions `AWSCURRENT` and `AWSPREVIOUS` of a secret in AWS Secrets Manager. The
//! current key signs, and both verify. So existing cursors remain valid after a rotation.

mod cursor;
mod key_pair;

use std::sync::Arc;

use futures_util::future::{Either, Ready, ready, select};

use self::cursor::{ParsedCursor, invalid_cursor};
use crate::{error::Error, secrets::Fetched};

pub use key_pair::KeyPair;

/// The source of the keys that sign and verify cursors.
#[derive(Clone)]
pub struct CursorKeys(Source);

#[derive(Clone)]
enum Source {
    None,
    Fixed(Arc<KeyPair>),
    Fetched(Arc<Fetched<KeyPair>>),
}

impl CursorKeys {
    /// Creates a source without keys, for functions without lists.
    pub fn none() -> Self {
        Self(Source::None)
    }

    /// Creates a source of one key from a fixed secret.
    pub fn fixed(secret: &str) -> Self {
        Self(Source::Fixed(Arc::new(KeyPair::fixed(secret))))
    }

    /// Creates a source that fetches the keys from a secret in Secrets Manager when they are needed.
    pub fn fetched(client: aws_sdk_secretsmanager::Client, arn: &str) -> Self {
        Self(Source::Fetched(Arc::new(Fetched::new(client, arn))))
    }

    /// Starts to fetch the keys in the background, so that the first request finds them or the running fetch.
    pub fn prime(&self) {
        if let Source::Fetched(keys) = &self.0 {
            let keys = keys.clone();
            tokio::spawn(async move { keys.get().await.map(drop) });
        }
    }

    /// Verifies a cursor and returns the position in it: the end of the previous page.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] for a cursor that is malformed, forged, expired or of another list, and
    /// [`Error::Unavailable`] if the keys cannot be fetched.
    ///
    /// # Examples
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    /// # runtime.block_on(async {
    /// use serverless_crud::cursors::CursorKeys;
    ///
    /// let keys = CursorKeys::fixed("a secret of any length");
    /// let (_page, pair) = keys.fetch_during(async { "a page" }).await;
    /// let cursor = pair.await?.seal("items?order=asc", b"position");
    /// assert_eq!(keys.open("items?order=asc", &cursor).await?, b"position");
    /// assert!(keys.open("items?order=desc", &cursor).await.is_err(), "a cursor is bound to its list");
    /// # Ok::<_, serverless_crud::error::Error>(())
    /// # }).expect("the cursor is valid");
    /// ```
    pub async fn open(&self, list: &str, cursor: &str) -> Result<Vec<u8>, Error> {
        let cursor = ParsedCursor::parse(cursor)?;
        let is_signed = match &self.0 {
            Source::None => return Err(no_keys()),
            Source::Fixed(keys) => keys.has_signed(list, &cursor),
            Source::Fetched(keys) => have_signed(keys, list, &cursor).await?,
        };
        if is_signed { cursor.into_position() } else { Err(invalid_cursor()) }
    }

    /// Runs `work`, and fetches the keys at the same time if needed.
    ///
    /// Returns the output and a future that waits for the keys. A page without a next one does not need them.
    pub async fn fetch_during<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> (T, impl Future<Output = Result<Arc<KeyPair>, Error>>) {
        let immediate = |keys| -> Ready<Result<Arc<KeyPair>, Error>> { ready(keys) };
        let keys = match &self.0 {
            Source::None => return (work.await, Either::Left(immediate(Err(no_keys())))),
            Source::Fixed(keys) => return (work.await, Either::Left(immediate(Ok(keys.clone())))),
            Source::Fetched(keys) => keys,
        };
        if let Some(keys) = keys.fresh() {
            return (work.await, Either::Left(immediate(Ok(keys))));
        }
        let fetched = async { keys.get().await.map(|cached| cached.value) };
        match select(Box::pin(work), Box::pin(fetched)).await {
            Either::Left((output, keys)) => (output, Either::Right(keys)),
            Either::Right((keys, work)) => (work.await, Either::Left(immediate(keys))),
        }
    }
}

/// Returns true if one of the keys signed the cursor. Refetches the keys if a newer one may have signed it.
///
/// # Errors
/// Returns [`Error::Unavailable`] if Secrets Manager does not return the keys, or if unknown signatures have caused too
/// many fetches. The client can retry.
async fn have_signed(keys: &Fetched<KeyPair>, list: &str, cursor: &ParsedCursor) -> Result<bool, Error> {
    let arrival = keys.started();
    let cached = keys.get().await?;
    if cached.value.has_signed(list, cursor) {
        return Ok(true);
    }
    if cached.fetch > arrival || !cursor.may_be_newer_than(cached.time, keys.now()) {
        return Ok(false);
    }
    Ok(keys.fetch_since(arrival).await?.value.has_signed(list, cursor))
}

fn no_keys() -> Error {
    Error::Internal("the environment variable CURSOR_SECRET_ARN is not set".into())
}
