//! The API's client: patient with a server that is busy, short with one that refuses.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use serverless_crud::record::{Record, Resource};
use uuid::Uuid;

/// How often a request is sent in all, when the server is busy.
const ATTEMPTS: u32 = 30;
const TIMEOUT: Duration = Duration::from_secs(30);
const PAGE: &str = "100";

/// An API to fill.
pub struct Api {
    client: Client,
    url: String,
    key: String,
}

/// A record that is there now.
pub struct Created {
    /// Its id.
    pub id: Uuid,
    /// Whether it was not there before.
    pub is_new: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "R: Resource")]
struct Page<R> {
    data: Vec<Record<R>>,
    next_cursor: Option<String>,
}

impl Api {
    /// The API at `url`.
    pub fn new(url: &str, key: &str) -> Self {
        let client = Client::builder().timeout(TIMEOUT).build().expect("no setting can fail");
        Self { client, url: url.trim_end_matches('/').into(), key: key.into() }
    }

    /// Creates a record, once for each key; none when it conflicts with others.
    pub async fn create<R: Resource>(
        &self,
        collection: &str,
        resource: &R,
        key: &str,
    ) -> Result<Option<Created>, String> {
        let url = format!("{}/v1/{collection}", self.url);
        let answer = self.send(|| self.client.post(&url).header("idempotency-key", key).json(resource)).await?;
        if answer.status() == StatusCode::CONFLICT {
            return Ok(None);
        }
        let record: Record<R> = read(answer).await?;
        Ok(Some(Created { id: record.id, is_new: true }))
    }

    /// All records a filter finds.
    pub async fn list<R: Resource>(&self, collection: &str, filter: &[(&str, &str)]) -> Result<Vec<Record<R>>, String> {
        let url = format!("{}/v1/{collection}", self.url);
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let query = Query { limit: PAGE, cursor: cursor.take() };
            let page: Page<R> = read(self.send(|| self.client.get(&url).query(filter).query(&query)).await?).await?;
            found.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    /// Sends a request, again while the server asks to come back later.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, String> {
        for _ in 0..ATTEMPTS {
            let answer =
                request().header("x-api-key", &self.key).send().await.map_err(|error| self.unreachable(&error))?;
            match answer.status() {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    tokio::time::sleep(wait(&answer)).await
                }
                StatusCode::FORBIDDEN => return Err("the server does not know the API key: give it with --key".into()),
                _ => return Ok(answer),
            }
        }
        Err(format!("{} is too busy", self.url))
    }

    fn unreachable(&self, error: &reqwest::Error) -> String {
        if error.is_builder() {
            return format!("{} is not an http URL", self.url);
        }
        format!("no server answers at {}: start one with `make run`, or give its address with --url", self.url)
    }
}

#[derive(Serialize)]
struct Query {
    limit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, String> {
    let (status, path) = (answer.status(), answer.url().path().to_owned());
    if !status.is_success() {
        let problem: Value = answer.json().await.unwrap_or_default();
        return Err(format!("{path} answered {status}: {} {}", problem["detail"], problem["errors"]));
    }
    answer.json().await.map_err(|error| format!("{path} answered what cannot be read: {error}"))
}

/// What `Retry-After` asks for, spread a little so that not all come back at once.
fn wait(answer: &Response) -> Duration {
    let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let seconds: u64 = header.and_then(|text| text.parse().ok()).unwrap_or(1);
    // A used-up quota is a matter of weeks: it is tried a few times and reported.
    Duration::from_secs(seconds.min(5)).mul_f64(1.0 + fastrand::f64() / 2.0)
}
