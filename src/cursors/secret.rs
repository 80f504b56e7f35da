//! The secret in AWS Secrets Manager that holds the cursor keys.

use std::time::Duration;

use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput},
};
use tokio::time::timeout;

use super::{KeyPair, cursor::CursorKey};

/// The time limit of a fetch with its retries, which is below the timeout of every function.
const FETCH_LIMIT: Duration = Duration::from_secs(2);
const MIN_SECRET_LENGTH: usize = 32;

/// A secret in Secrets Manager.
pub struct Secret {
    client: Client,
    arn: String,
}

impl Secret {
    /// Creates a reference to a secret by its ARN.
    pub fn new(client: Client, arn: &str) -> Self {
        Self { client, arn: arn.to_owned() }
    }

    /// Fetches the current and the previous version concurrently.
    ///
    /// A secret that was never rotated has no previous version. A malformed previous version is ignored, because it cannot
    /// have signed a cursor.
    ///
    /// # Errors
    /// Returns the cause in one line for the log, without the value of a secret.
    pub async fn fetch(&self) -> Result<KeyPair, String> {
        let both = async { tokio::try_join!(self.version("AWSCURRENT"), self.version("AWSPREVIOUS")) };
        let (current, previous) =
            timeout(FETCH_LIMIT, both).await.map_err(|_| "Secrets Manager did not respond in time")??;
        let current = current.ok_or("the cursor secret has no current version")?;
        let current = key(&current).ok_or("the cursor secret is malformed: it must have at least 32 characters")?;
        Ok(KeyPair { current, previous: previous.as_ref().and_then(key) })
    }

    async fn version(&self, stage: &str) -> Result<Option<GetSecretValueOutput>, String> {
        match self.client.get_secret_value().secret_id(&self.arn).version_stage(stage).send().await {
            Ok(output) => Ok(Some(output)),
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(cause(&error)),
            },
        }
    }
}

fn key(version: &GetSecretValueOutput) -> Option<CursorKey> {
    version.secret_string().filter(|secret| secret.len() >= MIN_SECRET_LENGTH).map(CursorKey::new)
}

/// Returns the cause in one line for the log. The whole error would contain the response.
fn cause(error: &SdkError<GetSecretValueError>) -> String {
    match error {
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message());
            let (code, message) = (code.unwrap_or("an error"), message.unwrap_or("no message"));
            format!("Secrets Manager answered {code}: {message}")
        }
        SdkError::TimeoutError(_) => "Secrets Manager did not respond in time".into(),
        SdkError::DispatchFailure(_) => "Secrets Manager could not be reached".into(),
        _ => "the response of Secrets Manager could not be read".into(),
    }
}
