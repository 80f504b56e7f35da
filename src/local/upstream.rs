//! The settings of the upstream API on this machine: a real one, or the stand-in.

use std::{collections::HashMap, env, fs, path::Path};

use secrecy::SecretString;

use super::{
    Options, StartError,
    upstream_stand_in::{KEY, UpstreamStandIn},
};
use crate::config::{ApiKey, ApiKeySource, UpstreamConfig};

/// Returns the settings, and the stand-in if they name no real API.
///
/// # Errors
/// When a setting is malformed, or the file of the key cannot be read.
pub async fn upstream(options: &Options) -> Result<(UpstreamConfig, Option<UpstreamStandIn>), StartError> {
    let settings: HashMap<_, _> = options.upstream_setting.iter().cloned().collect();
    let refused = |problem: String| StartError::Upstream(problem);
    let read = |other: &dyn Fn(&str) -> Option<String>| {
        let config = UpstreamConfig::read(|name| settings.get(name).cloned().or_else(|| other(name)));
        config.map_err(|error| refused(error.to_string()))?.ok_or_else(|| refused("there is no URL".into()))
    };
    let Some(url) = &options.upstream else {
        let stand_in = UpstreamStandIn::start().await.map_err(|error| refused(error.to_string()))?;
        let own = [
            ("UPSTREAM_URL", stand_in.url.as_str()),
            ("UPSTREAM_ALLOW_HTTP", "true"),
            ("UPSTREAM_ALLOWED_ADDRESSES", "127.0.0.1/32"),
        ];
        let config = read(&|name| own.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))?;
        return Ok((UpstreamConfig { key: key(KEY.into())?, ..config }, Some(stand_in)));
    };
    let config = read(&|name| match name {
        "UPSTREAM_URL" => Some(url.clone()),
        // The key comes from a file or a variable on this machine.
        "UPSTREAM_SECRET_ARN" => None,
        "UPSTREAM_KEY_HEADER" if options.upstream_key_header.is_some() => options.upstream_key_header.clone(),
        _ => env::var(name).ok(),
    })?;
    let secret = match &options.upstream_key_file {
        Some(path) => Some(read_key(path)?),
        None => env::var("UPSTREAM_SECRET").ok().map(SecretString::from),
    };
    Ok((UpstreamConfig { key: secret.map_or(Ok(ApiKeySource::None), key)?, ..config }, None))
}

fn read_key(path: &Path) -> Result<SecretString, StartError> {
    let text = fs::read_to_string(path);
    text.map(SecretString::from).map_err(|error| StartError::Upstream(format!("{}: {error}", path.display())))
}

fn key(secret: SecretString) -> Result<ApiKeySource, StartError> {
    ApiKey::new(&secret).map(ApiKeySource::Value).map_err(|problem| StartError::Upstream(problem.into()))
}
