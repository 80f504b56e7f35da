//! The API key: fixed, or from Secrets Manager.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;

use crate::{
    config::ApiKey,
    error::Error,
    secrets::{Cached, Fetched, FromSecret, Secret},
};

impl FromSecret for ApiKey {
    async fn fetch(secret: &Secret) -> Result<Self, String> {
        let current = secret.version("AWSCURRENT").await?;
        let current = current.ok_or("the secret of the upstream API has no current version")?;
        Self::new(&current).map_err(str::to_owned)
    }
}

/// The source of the API key.
#[derive(Clone)]
pub struct ApiKeys(Source);

#[derive(Clone)]
enum Source {
    None,
    Fixed(Arc<ApiKey>),
    Fetched(Arc<Fetched<ApiKey>>),
}

/// The key of one attempt.
pub struct UsedKey {
    /// The key, if the API needs one.
    pub key: Option<Arc<ApiKey>>,
    fetch: u64,
}

impl ApiKeys {
    /// Creates a source without a key.
    pub fn none() -> Self {
        Self(Source::None)
    }

    /// Creates a source of a fixed key.
    pub fn fixed(key: ApiKey) -> Self {
        Self(Source::Fixed(Arc::new(key)))
    }

    /// Creates a source that fetches the key from a secret in Secrets Manager when it is needed.
    pub fn fetched(client: Client, arn: &str) -> Self {
        Self(Source::Fetched(Arc::new(Fetched::new(client, arn))))
    }

    /// Starts to fetch the key in the background, so that the first request finds it or the running fetch.
    pub fn prime(&self) {
        if let Source::Fetched(fetched) = &self.0 {
            let fetched = fetched.clone();
            tokio::spawn(async move { fetched.get().await.map(drop) });
        }
    }

    /// Returns the key.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if Secrets Manager does not return it.
    pub async fn get(&self) -> Result<UsedKey, Error> {
        match &self.0 {
            Source::None => Ok(UsedKey { key: None, fetch: 0 }),
            Source::Fixed(key) => Ok(UsedKey { key: Some(key.clone()), fetch: 0 }),
            Source::Fetched(fetched) => Ok(UsedKey::of(fetched.get().await?)),
        }
    }

    /// Fetches the key again after the API refused one, and returns it if it is another.
    ///
    /// Concurrent callers share one fetch, and there are few fetches in a row: then there is no other key either.
    pub async fn other_than(&self, refused: &UsedKey) -> Option<UsedKey> {
        let (Source::Fetched(fetched), Some(key)) = (&self.0, &refused.key) else { return None };
        let newer = UsedKey::of(fetched.fetch_since(refused.fetch).await.ok()?);
        let is_same = newer.key.as_ref().is_some_and(|newer| newer.is_same(key));
        (!is_same).then_some(newer)
    }
}

impl UsedKey {
    fn of(cached: Cached<ApiKey>) -> Self {
        Self { key: Some(cached.value), fetch: cached.fetch }
    }
}
