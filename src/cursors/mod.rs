//! Signed positions of pages, and the keys that sign them.
//!
//! A deployment's keys are the versions `AWSCURRENT` and `AWSPREVIOUS` of a secret in AWS Secrets Manager: the current
//! one signs, both open. A rotation so leaves the cursors of pages in progress valid.

mod cursor;
mod fetched;
mod secret;

use std::sync::Arc;

use futures_util::future::{Either, Ready, ready, select};

use self::{
    cursor::{CursorKey, ParsedCursor, forged},
    fetched::FetchedKeys,
};
use crate::error::Error;

/// The keys of one moment.
pub struct KeyPair {
    current: CursorKey,
    previous: Option<CursorKey>,
}

impl KeyPair {
    /// Returns the cursor of the page after `position`, signed with the current key.
    pub fn seal(&self, list: &str, position: &[u8]) -> String {
        self.current.seal(list, position)
    }

    fn has_signed(&self, list: &str, cursor: &ParsedCursor) -> bool {
        let keys = [Some(&self.current), self.previous.as_ref()];
        keys.into_iter().flatten().any(|key| key.has_signed(list, cursor))
    }
}

/// The keys that sign and open cursors.
#[derive(Clone)]
pub struct CursorKeys(Source);

#[derive(Clone)]
enum Source {
    None,
    Fixed(Arc<KeyPair>),
    Fetched(Arc<FetchedKeys>),
}

impl CursorKeys {
    /// No keys, where no list is served.
    pub fn none() -> Self {
        Self(Source::None)
    }

    /// One key, made of a secret that does not change.
    pub fn fixed(secret: &str) -> Self {
        Self(Source::Fixed(Arc::new(KeyPair { current: CursorKey::new(secret), previous: None })))
    }

    /// The keys of a secret in Secrets Manager, fetched when they are needed.
    pub fn fetched(client: aws_sdk_secretsmanager::Client, arn: &str) -> Self {
        Self(Source::Fetched(Arc::new(FetchedKeys::new(client, arn))))
    }

    /// Starts to fetch the keys, and does not wait for them: the first request finds them, or the fetch under way.
    pub fn prime(&self) {
        if let Source::Fetched(keys) = &self.0 {
            let keys = keys.clone();
            tokio::spawn(async move { keys.get().await.map(drop) });
        }
    }

    /// Returns the position in a cursor: where the page before ended.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor that is malformed, forged, of another list, or expired;
    /// [`Error::Unavailable`] when the keys cannot be fetched.
    pub async fn open(&self, list: &str, cursor: &str) -> Result<Vec<u8>, Error> {
        let cursor = ParsedCursor::parse(cursor)?;
        let is_signed = match &self.0 {
            Source::None => return Err(no_keys()),
            Source::Fixed(keys) => keys.has_signed(list, &cursor),
            Source::Fetched(keys) => keys.have_signed(list, &cursor).await?,
        };
        if is_signed { cursor.into_position() } else { Err(forged()) }
    }

    /// Runs `work` while the keys are fetched, unless they are there.
    ///
    /// The future that comes with its output waits for the keys: a page that has no next one does not need them.
    pub async fn fetch_during<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> (T, impl Future<Output = Result<Arc<KeyPair>, Error>>) {
        let at_hand = |keys| -> Ready<Result<Arc<KeyPair>, Error>> { ready(keys) };
        let keys = match &self.0 {
            Source::None => return (work.await, Either::Left(at_hand(Err(no_keys())))),
            Source::Fixed(keys) => return (work.await, Either::Left(at_hand(Ok(keys.clone())))),
            Source::Fetched(keys) => keys,
        };
        if let Some(keys) = keys.at_hand() {
            return (work.await, Either::Left(at_hand(Ok(keys))));
        }
        match select(Box::pin(work), Box::pin(keys.get())).await {
            Either::Left((output, keys)) => (output, Either::Right(keys)),
            Either::Right((keys, work)) => (work.await, Either::Left(at_hand(keys))),
        }
    }
}

fn no_keys() -> Error {
    Error::Internal("the environment variable CURSOR_SECRET_ARN is not set".into())
}
