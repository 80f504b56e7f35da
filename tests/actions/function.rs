//! The function `paraphrase` as Lambda runs it, with events of API Gateway.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::Body;
use serde_json::{Value, json};
use serverless_crud::{
    app::{App, Config, http_client, secrets_client},
    config::{ApiKey, ApiKeySource, UpstreamConfig},
    operations::Handler,
    runtime::respond,
};

use crate::{
    secrets::{ARN, Secrets},
    support::{config, dynamodb, service},
    upstream::{KEY, Upstream},
};

/// The function.
#[derive(Clone)]
pub struct Function {
    pub app: Arc<App>,
    handler: Handler,
    limit: Duration,
}

impl Function {
    /// Creates the function with a fixed key.
    pub fn new(dynamodb_url: &str, upstream: &Upstream, settings: &[(&str, &str)]) -> Self {
        let key = ApiKeySource::Value(ApiKey::new(&KEY.to_owned().into()).unwrap());
        let config = UpstreamConfig { key, ..settings_of(upstream, settings) };
        Self::of(App::new(Config { upstream: Some(config), ..self::config() }, dynamodb(dynamodb_url)))
    }

    /// Creates the function with its key in Secrets Manager.
    pub fn with_secret(dynamodb_url: &str, upstream: &Upstream, secrets: &Secrets) -> Self {
        use aws_sdk_secretsmanager::config::{BehaviorVersion, Builder, Credentials, Region};

        let config = settings_of(upstream, &[("UPSTREAM_SECRET_ARN", ARN)]);
        let sdk = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("local"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(&secrets.url);
        let secrets = secrets_client(http_client(), sdk);
        let config = Config { upstream: Some(config), ..self::config() };
        Self::of(App::with_secrets(config, dynamodb(dynamodb_url), Some(&secrets)))
    }

    fn of(app: Arc<App>) -> Self {
        let operation = service().operations().into_iter().find(|operation| operation.name == "paraphrase").unwrap();
        Self { app, handler: operation.handler, limit: Duration::from_secs(9) }
    }

    /// Sets the time that the function has.
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Sends a text, and returns the status and the body of the response.
    pub async fn paraphrase(&self, text: &str, key: Option<&str>) -> (i64, Value) {
        let headers: Value = key.into_iter().map(|key| ("idempotency-key".to_owned(), json!([key]))).collect();
        let event = json!({
            "resource": "/v1/paraphrase", "path": "/v1/paraphrase", "httpMethod": "POST", "headers": null,
            "multiValueHeaders": headers,
            "requestContext": {
                "requestId": "request-1", "resourcePath": "/v1/paraphrase", "httpMethod": "POST",
                "path": "/prod/v1/paraphrase", "identity": { "apiKeyId": "key-1" },
            },
            "body": json!({ "sourceText": text }).to_string(), "isBase64Encoded": false,
        });
        let call = |app, request| (self.handler)(app, request);
        let response = respond(&self.app, &call, &event.to_string(), self.limit).await;
        (response.status_code, body(&response))
    }
}

/// Returns the settings with which a function reaches `upstream`.
fn settings_of(upstream: &Upstream, settings: &[(&str, &str)]) -> UpstreamConfig {
    let own = upstream.settings();
    let url = ("UPSTREAM_URL", upstream.url.as_str());
    let mut all: Vec<_> =
        settings.iter().copied().chain(own.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    all.push(url);
    let find = |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    UpstreamConfig::read(find).unwrap().unwrap()
}

fn body(response: &ApiGatewayProxyResponse) -> Value {
    let Some(Body::Text(text)) = &response.body else { panic!("{response:?}") };
    serde_json::from_str(text).unwrap()
}
