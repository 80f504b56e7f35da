//! One secret and its versions.

use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::GetSecretValueError,
};
use secrecy::SecretString;
use tokio::time::timeout;

/// The time limit of a fetch with its retries, which is below the timeout of every function.
const FETCH_LIMIT: Duration = Duration::from_secs(2);

/// A secret in Secrets Manager.
pub struct Secret {
    client: Client,
    arn: String,
}

/// A value that is made of the versions of a secret.
pub trait FromSecret: Sized + Send + Sync {
    /// Fetches the versions that the value needs, and checks them.
    ///
    /// # Errors
    /// Returns the cause in one line for the log, without the value of a secret.
    fn fetch(secret: &Secret) -> impl Future<Output = Result<Self, String>> + Send;
}

impl Secret {
    /// Creates a reference to a secret by its ARN.
    pub fn new(client: Client, arn: &str) -> Self {
        Self { client, arn: arn.to_owned() }
    }

    /// Fetches the value.
    ///
    /// # Errors
    /// Returns the cause in one line for the log, without the value of a secret.
    pub async fn fetch<T: FromSecret>(&self) -> Result<T, String> {
        let fetched = timeout(FETCH_LIMIT, T::fetch(self)).await;
        fetched.unwrap_or_else(|_| Err("Secrets Manager did not respond in time".into()))
    }

    /// Fetches the version with this staging label, or `None` if there is none.
    ///
    /// # Errors
    /// Returns the cause in one line for the log.
    pub async fn version(&self, stage: &str) -> Result<Option<SecretString>, String> {
        match self.client.get_secret_value().secret_id(&self.arn).version_stage(stage).send().await {
            Ok(output) => Ok(output.secret_string.map(SecretString::from)),
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(cause(&error)),
            },
        }
    }

    /// Returns the wall-clock time. The monotonic clock may stop while Lambda freezes the function.
    pub fn now(&self) -> SystemTime {
        self.client.config().time_source().map_or_else(SystemTime::now, |clock| clock.now())
    }
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
