//! The rewriting of a text by the upstream API, which actions share.

use super::App;
use crate::{access::Principal, error::Error, telemetry};

impl App {
    /// Returns the text that the upstream API makes of `text`, or the cached one if the same principal had it made before.
    ///
    /// Concurrent equal requests of an instance share one call.
    ///
    /// # Errors
    /// Returns [`Error::BadUpstream`], [`Error::UpstreamBusy`] or [`Error::UpstreamTimeout`].
    pub async fn rewrite(&self, principal: &Principal, text: &str) -> Result<String, Error> {
        let (upstream, answers) = (self.upstream()?, self.store.answers());
        let digest = upstream.digest(&principal.identity(), text);
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
        // Boxed: inlined, the future's type is too deep for the compiler in a build without optimizations.
        let result = upstream.share(&digest, Box::pin(call)).await;
        if result.is_err() {
            // The alarms on the upstream API count it, and those on the function leave it out.
            telemetry::add_field("upstreamFailed", true);
        }
        Ok(result?)
    }
}
