//! Serves `items_get` with the optimizations in `BENCH_WITHOUT` switched off.

#[path = "../../../tests/fixtures/item.rs"]
mod item;

use std::{env, error::Error, sync::Arc};

use aws_config::{BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::{Config as Sdk, config::SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use serverless_crud::{
    app::{App, Config, client_with_http},
    handlers, runtime,
};
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    runtime::report_panics();
    let without = env::var("BENCH_WITHOUT").unwrap_or_default();
    let has = move |lever: &str| !without.split(',').any(|off| off == lever);
    let is_single = has("current-thread");
    let config = Config::from_env()?;
    let work = async move {
        let app = app(config, &has).await;
        if has("priming") {
            app.prime().await;
        }
        runtime::run(app, handlers::get::<item::Item>).await
    };
    let mut builder = if is_single { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    let served = builder.enable_all().build()?.block_on(work);
    served.map_err(|error| error.to_string().into())
}

async fn app(config: Config, has: impl Fn(&str) -> bool) -> Arc<App> {
    let http = http_client(&config, has("ring"), has("small-trust-store"));
    let sdk = if has("env-credentials") {
        Sdk::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(EnvironmentVariableCredentialsProvider::new())
    } else {
        aws_sdk_dynamodb::config::Builder::from(
            &aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).load().await,
        )
    };
    let sdk = match &config.endpoint_url {
        Some(url) => sdk.endpoint_url(url),
        None => sdk,
    };
    App::new(config, client_with_http(http, sdk))
}

fn http_client(config: &Config, is_ring: bool, is_small: bool) -> SharedHttpClient {
    let crypto = if is_ring { CryptoMode::Ring } else { CryptoMode::AwsLc };
    let bundle = config.ca_bundle.clone().filter(|_| is_small);
    // The system store, which the harness sets through SSL_CERT_FILE, also contains the certificate of its endpoint.
    let roots = bundle.map_or_else(TrustStore::default, |pem| TrustStore::empty().with_pem_certificate(pem));
    let context = TlsContext::builder().with_trust_store(roots).build().expect("the trust store is valid");
    let builder = aws_smithy_http_client::Builder::new();
    builder.tls_provider(Provider::Rustls(crypto)).tls_context(context).build_https()
}
