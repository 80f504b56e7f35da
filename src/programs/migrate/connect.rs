//! The connection to the tables of a stage, with the default AWS credential chain, or of the local server.

use std::env;

use crate::{app, cursors::CursorKeys, local::embedded_client, store::Store};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{Client, config::Builder};

use super::{options::Options, status::CommandError};

/// The prefix of the names of all stages.
const PROJECT: &str = "serverless-crud";
const LOCAL_URL: &str = "http://127.0.0.1:8000";

/// Connects to the tables that the options select.
///
/// # Errors
/// Returns an error if no region is configured.
pub async fn connect(options: &Options) -> Result<Store, CommandError> {
    let prefix = match &options.stage {
        Some(stage) => format!("{PROJECT}-{stage}-"),
        None => options.table_prefix.clone(),
    };
    let url = match (&options.endpoint_url, &options.stage) {
        (None, None) if options.profile.is_none() && options.region.is_none() => Some(LOCAL_URL.to_owned()),
        (url, _) => url.clone(),
    };
    let client = match &url {
        Some(url) if has_no_credentials(options) && is_local(url) => embedded_client(url),
        _ => connect_with_credential_chain(options, url.as_deref()).await?,
    };
    // This command creates no list cursors.
    Ok(Store::new(client, &prefix, CursorKeys::none()))
}

fn is_local(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local))
}

fn has_no_credentials(options: &Options) -> bool {
    let is_unset = |name: &&str| env::var_os(name).is_none();
    options.profile.is_none() && ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].iter().all(is_unset)
}

async fn connect_with_credential_chain(options: &Options, url: Option<&str>) -> Result<Client, CommandError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(app::http_client());
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let shared = loader.load().await;
    if shared.region().is_none() {
        return Err(CommandError::Usage("no AWS region: give --region, or set AWS_REGION".into()));
    }
    let sdk = Builder::from(&shared);
    Ok(app::client(match url {
        Some(url) => sdk.endpoint_url(url),
        None => sdk,
    }))
}
