//! The connection to AWS, with the default credential chain.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_apigateway::config::ProvideCredentials;

use super::{
    failure::{ExitStatus, Failure},
    options::Options,
};
use crate::app;

/// Loads the configuration of the AWS clients.
///
/// # Errors
/// When there is no region, or there are no credentials.
pub async fn connect(options: &Options) -> Result<SdkConfig, Failure> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(app::http_client());
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(Failure::new(ExitStatus::Usage, "no AWS region: give --region, or set AWS_REGION"));
    }
    let no_credentials = |cause: &str| {
        let advice = "give --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID";
        Failure::new(ExitStatus::Denied, format!("no AWS credentials: {advice}{cause}"))
    };
    let provider = shared.credentials_provider().ok_or_else(|| no_credentials(""))?;
    provider.provide_credentials().await.map_err(|error| no_credentials(&format!(" ({error})")))?;
    Ok(shared)
}
