//! Signed cursors of pages, and the keys that sign them.
//!
//! The keys of a deployment are the versions `AWSCURRENT` and `AWSPREVIOUS` of a secret in AWS Secrets Manager. The
//! current key signs, and both verify. So existing cursors remain valid after a rotation.

mod cursor;
mod fetched;
mod key_pair;
mod secret;

use std::sync::Arc;

use futures_util::future::{Either, Ready, ready, select};

use self::{
    cursor::{CursorKey, ParsedCursor, invalid_cursor},
    fetched::FetchedKeys,
};
use crate::error::Error;
pub use key_pair::KeyPair;

/// The source of the keys that sign and verify cursors.
#[derive(Clone)]
pub struct CursorKeys(Source);

#[derive(Clone)]
enum Source {
    None,
    Fixed(Arc<KeyPair>),
    Fetched(Arc<FetchedKeys>),
}

impl CursorKeys {
    /// Creates a source without keys, for functions without lists.
    pub fn none() -> Self {
        Self(Source::None)
    }

    /// Creates a source of one key from a fixed secret.
    pub fn fixed(secret: &str) -> Self {
        Self(Source::Fixed(Arc::new(KeyPair { current: CursorKey::new(secret), previous: None })))
    }

    /// Creates a source that fetches the keys from a secret in Secrets Manager when they are needed.
    pub fn fetched(client: aws_sdk_secretsmanager::Client, arn: &str) -> Self {
        Self(Source::Fetched(Arc::new(FetchedKeys::new(client, arn))))
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
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// use serverless_crud::cursors::CursorKeys;
    ///
    /// let keys = CursorKeys::fixed("a secret of any length");
    /// let (_page, pair) = keys.fetch_during(async { "a page" }).await;
    /// let cursor = pair.await?.seal("items?order=asc", b"position");
    /// assert_eq!(keys.open("items?order=asc", &cursor).await?, b"position");
    /// assert!(keys.open("items?order=desc", &cursor).await.is_err(), "a cursor is bound to its list");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })
    /// ```
    pub async fn open(&self, list: &str, cursor: &str) -> Result<Vec<u8>, Error> {
        let cursor = ParsedCursor::parse(cursor)?;
        let is_signed = match &self.0 {
            Source::None => return Err(no_keys()),
            Source::Fixed(keys) => keys.has_signed(list, &cursor),
            Source::Fetched(keys) => keys.have_signed(list, &cursor).await?,
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
        match select(Box::pin(work), Box::pin(keys.get())).await {
            Either::Left((output, keys)) => (output, Either::Right(keys)),
            Either::Right((keys, work)) => (work.await, Either::Left(immediate(keys))),
        }
    }
}

fn no_keys() -> Error {
    Error::Internal("the environment variable CURSOR_SECRET_ARN is not set".into())
}
