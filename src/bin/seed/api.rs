//! A client of the API that retries while the server is busy.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use serverless_crud::record::{Record, Resource};
use uuid::Uuid;

/// The maximum number of attempts of a request while the server is busy.
const ATTEMPTS: u32 = 30;
const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum pause before a retry. A used-up quota asks for days.
const MAX_DELAY: Duration = Duration::from_secs(5);
const LARGER_PLAN: &str = "give a key of a larger plan with --key, or seed less with --users and --items";
const PAGE_SIZE: &str = "100";

/// An API to fill with records.
pub struct Api {
    client: Client,
    url: String,
    key: String,
}

/// A record that exists.
pub struct Created {
    /// The record's id.
    pub id: Uuid,
    /// True if this run created it.
    pub is_new: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "R: Resource")]
struct Page<R> {
    data: Vec<Record<R>>,
    next_cursor: Option<String>,
}

impl Api {
    /// Creates a client of the API at `url`.
    pub fn new(url: &str, key: &str) -> Self {
        let client = Client::builder().timeout(TIMEOUT).build().expect("no setting can fail");
        Self { client, url: url.trim_end_matches('/').into(), key: key.into() }
    }

    /// Creates a record once per idempotency key. Returns `None` on a conflict.
    pub async fn create<R: Resource>(
        &self,
        collection: &str,
        resource: &R,
        key: &str,
    ) -> Result<Option<Created>, String> {
        let url = format!("{}/v1/{collection}", self.url);
        let response = self.send(|| self.client.post(&url).header("idempotency-key", key).json(resource)).await?;
        if response.status() == StatusCode::CONFLICT {
            return Ok(None);
        }
        let record: Record<R> = read(response).await?;
        Ok(Some(Created { id: record.id, is_new: true }))
    }

    /// Returns all records that match a filter.
    pub async fn list<R: Resource>(&self, collection: &str, filter: &[(&str, &str)]) -> Result<Vec<Record<R>>, String> {
        let url = format!("{}/v1/{collection}", self.url);
        let (mut records, mut cursor) = (Vec::new(), None);
        loop {
            let query = Query { limit: PAGE_SIZE, cursor: cursor.take() };
            let page: Page<R> = read(self.send(|| self.client.get(&url).query(filter).query(&query)).await?).await?;
            records.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(records);
            }
        }
    }

    /// Sends a request, and retries it while the server is busy.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, String> {
        for _ in 0..ATTEMPTS {
            let response =
                request().header("x-api-key", &self.key).send().await.map_err(|error| self.connection_error(&error))?;
            let delay = retry_after(&response);
            match response.status() {
                StatusCode::TOO_MANY_REQUESTS if delay > MAX_DELAY => {
                    return Err(format!("the monthly quota of the API key's usage plan is used up: {LARGER_PLAN}"));
                }
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    tokio::time::sleep(with_jitter(delay.min(MAX_DELAY))).await;
                }
                StatusCode::FORBIDDEN => return Err("the server does not know the API key: give it with --key".into()),
                _ => return Ok(response),
            }
        }
        Err(format!("{} is too busy, or the usage plan of the API key too small: {LARGER_PLAN}", self.url))
    }

    fn connection_error(&self, error: &reqwest::Error) -> String {
        if error.is_builder() {
            return format!("{} is not an http URL", self.url);
        }
        format!("no server responds at {}: start one with `make run`, or give its address with --url", self.url)
    }
}

#[derive(Serialize)]
struct Query {
    limit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, String> {
    let (status, path) = (response.status(), response.url().path().to_owned());
    if !status.is_success() {
        let problem: Value = response.json().await.unwrap_or_default();
        return Err(format!("{path} responded {status}: {} {}", problem["detail"], problem["errors"]));
    }
    response.json().await.map_err(|error| format!("{path} returned an unreadable response: {error}"))
}

/// Returns the pause that `Retry-After` asks for.
fn retry_after(response: &Response) -> Duration {
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    Duration::from_secs(header.and_then(|text| text.parse().ok()).unwrap_or(1))
}

/// Lengthens a pause by up to a half, so that clients do not retry in step.
fn with_jitter(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + fastrand::f64() / 2.0)
}
