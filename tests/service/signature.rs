//! Signatures of requests to DynamoDB, compared with those of the SDK's library.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::{
    Client, Error,
    config::{
        BehaviorVersion, Builder, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
        interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
    types::AttributeValue,
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serverless_crud::app::{CachingSigner, client_with_http};

/// 2025-11-13T10:00:00Z.
const START: Duration = Duration::from_secs(1_763_028_000);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A request: its URL, headers and body.
type Seen = (String, Vec<(String, String)>, Vec<u8>);

/// An interceptor that records each request before and after it is signed.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<Seen>>>);

impl Recorder {
    fn record(&self, request: &HttpRequest) {
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = request.body().bytes().unwrap().to_vec();
        self.0.lock().unwrap().push((request.uri().to_owned(), headers, body));
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.record(context.request());
        Ok(())
    }

    fn read_after_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.record(context.request());
        Ok(())
    }
}

/// A clock that tests set.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<Mutex<Duration>>);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + START + *self.0.lock().unwrap()
    }
}

/// A DynamoDB with its own clock, which refuses signatures that differ by more than five minutes.
#[derive(Clone, Debug, Default)]
struct FakeDynamoDb(Clock);

impl HttpConnector for FakeDynamoDb {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let now = DateTime::<Utc>::from(self.0.now());
        let signed = request.headers().get("x-amz-date").unwrap();
        let signed = NaiveDateTime::parse_from_str(signed, "%Y%m%dT%H%M%SZ").unwrap().and_utc();
        let is_taken = (now - signed).abs() < TimeDelta::minutes(5);
        let refusal = r#"{ "__type": "com.amazon.coral.service#InvalidSignatureException" }"#;
        let (status, body) = if is_taken { (200_u16, "{}") } else { (400, refusal) };
        let mut response = HttpResponse::new(status.try_into().unwrap(), body.into());
        response.headers_mut().insert("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        HttpConnectorFuture::ready(Ok(response))
    }
}

struct Fixture {
    client: Client,
    witness: Recorder,
    clock: Clock,
    dynamodb: FakeDynamoDb,
}

impl Fixture {
    /// Sets the client's clock, and DynamoDB's too if `is_right`.
    fn set_clock(&self, time: Duration, is_right: bool) {
        *self.clock.0.lock().unwrap() = time;
        if is_right {
            *self.dynamodb.0.0.lock().unwrap() = time;
        }
    }
}

fn fixture(endpoint: Option<&str>) -> Fixture {
    let (witness, clock, dynamodb) = (Recorder::default(), Clock::default(), FakeDynamoDb::default());
    let connector = dynamodb.clone();
    let http = http_client_fn(move |_: &HttpConnectorSettings, _: &_| SharedHttpConnector::new(connector.clone()));
    let sdk = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .time_source(SharedTimeSource::new(clock.clone()))
        .interceptor(witness.clone());
    let sdk = CachingSigner::install(sdk, "eu-central-1");
    let sdk = endpoint.into_iter().fold(sdk, Builder::endpoint_url);
    Fixture { client: client_with_http(http, sdk), witness, clock, dynamodb }
}

fn credentials(id: &str, token: Option<&str>) -> Credentials {
    Credentials::new(id, format!("secret of {id}"), token.map(str::to_owned), None, "test")
}

/// Sends a read and a write with these credentials.
async fn send(fixture: &Fixture, credentials: Credentials, text: &str) {
    try_to_send(fixture, credentials, text).await.unwrap();
}

async fn try_to_send(fixture: &Fixture, credentials: Credentials, text: &str) -> Result<(), Error> {
    let own = Builder::new().credentials_provider(credentials);
    let key = AttributeValue::S(text.to_owned());
    let read = fixture.client.get_item().table_name("items").key("id", key.clone());
    read.customize().config_override(own.clone()).send().await?;
    let write = fixture.client.put_item().table_name("items").item("id", key);
    write.customize().config_override(own).send().await?;
    Ok(())
}

/// Returns the signature headers that the SDK's library computes.
fn reference((url, headers, body): &Seen, credentials: &Credentials, time: SystemTime) -> Vec<(String, String)> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("dynamodb")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new("POST", url, pairs, SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(request, &params.into()).unwrap().into_parts();
    let (added, _) = instructions.into_parts();
    let added = added.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned()));
    let mut all: Vec<_> = headers.iter().cloned().chain(added).collect();
    all.sort();
    all
}

/// Compares all recorded requests with the reference and removes them. Returns their number.
fn check(fixture: &Fixture, credentials: &Credentials) -> usize {
    let seen = std::mem::take(&mut *fixture.witness.0.lock().unwrap());
    for pair in seen.chunks(2) {
        let [before, after] = pair else { panic!("each request is recorded twice") };
        let mut signed = after.1.clone();
        signed.sort();
        assert_eq!(signed, reference(before, credentials, fixture.clock.now()));
    }
    seen.len() / 2
}

#[tokio::test]
async fn signatures_equal_those_of_the_sdk() {
    let endpoints =
        [None, Some("http://127.0.0.1:8000"), Some("https://localhost:443"), Some("http://localhost/prefix?query")];
    for endpoint in endpoints {
        let fixture = fixture(endpoint);
        for token in [None, Some("a token")] {
            for text in ["", "a", "Grüße, 世界", &"long ".repeat(2000)] {
                let credentials = credentials("AKIAIOSFODNN7EXAMPLE", token);
                send(&fixture, credentials.clone(), text).await;
                assert_eq!(check(&fixture, &credentials), 2, "{endpoint:?}");
            }
        }
    }
}

#[tokio::test]
async fn signing_key_changes_with_day_and_credentials() {
    let fixture = fixture(None);
    for day in [0, 1, 1, 2, 0] {
        fixture.set_clock(day * DAY, true);
        for id in ["AKIAFIRST", "AKIASECOND", "AKIAFIRST"] {
            let credentials = credentials(id, None);
            send(&fixture, credentials.clone(), "a").await;
            assert_eq!(check(&fixture, &credentials), 2, "day {day}, {id}");
        }
    }
}

#[tokio::test]
async fn wrong_clock_is_corrected_until_it_is_right() {
    let fixture = fixture(None);
    let credentials = credentials("AKIAIOSFODNN7EXAMPLE", Some("a token"));
    // The number of requests for both operations. The response to the first refused one contains the time.
    for (clock, requests) in [(Duration::ZERO, 2), (DAY / 12, 3), (DAY / 12, 2), (DAY / 24, 3)] {
        fixture.set_clock(clock, false);
        send(&fixture, credentials.clone(), "a").await;
        let sent = std::mem::take(&mut *fixture.witness.0.lock().unwrap()).len() / 2;
        assert_eq!(sent, requests, "{clock:?} ahead");
    }
    // The SDK needs one refused request to detect that the clock is right again.
    fixture.set_clock(Duration::ZERO, false);
    assert!(try_to_send(&fixture, credentials.clone(), "a").await.is_err());
    fixture.witness.0.lock().unwrap().clear();
    send(&fixture, credentials.clone(), "a").await;
    assert_eq!(check(&fixture, &credentials), 2, "the clock is right");
}
