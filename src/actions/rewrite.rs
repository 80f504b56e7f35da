//! The rewriting of a text by the upstream API, which actions share.

use crate::{app::App, error::Error, telemetry};

/// Returns the text that the upstream API makes of `text`, or the cached one if the same caller had it made before.
///
/// Concurrent equal requests of an instance share one call.
///
/// # Errors
/// Returns [`Error::BadUpstream`], [`Error::UpstreamBusy`] or [`Error::UpstreamTimeout`].
pub async fn rewrite(app: &App, caller: &str, text: &str) -> Result<String, Error> {
    let (upstream, answers) = (app.upstream()?, app.store.answers());
    let digest = upstream.digest(caller, text);
    let call = async {
        let Some(lifetime) = upstream.cache_lifetime() else { return upstream.transform(text).await };
        let cached = answers.cached(&digest).await;
        telemetry::add_field("cacheHit", cached.is_some());
        if let Some(answer) = cached {
            return Ok(answer);
        }
        let answer = upstream.transform(text).await?;
        answers.cache(&digest, &answer, lifetime).await;
        Ok(answer)
    };
    Ok(upstream.share(&digest, call).await?)
}
