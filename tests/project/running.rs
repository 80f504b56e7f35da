//! A local server in a separate process.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A server that is stopped when the value is dropped, also after a panic.
pub struct Running {
    child: Child,
    pub url: String,
    pub key: String,
    client: reqwest::Client,
    lines: Receiver<String>,
}

impl Running {
    /// Starts the server on free ports.
    pub fn start(mut command: Command) -> Self {
        command.args(["--port", "0", "--dynamodb-port", "0"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut after = |mark: &str| {
            let found = lines.find_map(|line| Some(line.ok()?.trim().strip_prefix(mark)?.to_owned()));
            found.unwrap_or_else(|| panic!("the server prints `{mark}`"))
        };
        let (url, key) = (after("The API listens on "), after("x-api-key: "));
        // A pipe that is not read would fill up and block the server.
        let (sender, received) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, url, key, client: reqwest::Client::new(), lines: received }
    }

    /// Waits for a line of the log that contains a text.
    pub fn expect_line(&self, text: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(text) {
                return;
            }
        }
        panic!("the server logs no line with {text}");
    }

    /// Creates a record, and returns the status and the body of the response.
    pub async fn post(&self, collection: &str, body: &Value) -> (u16, Value) {
        self.send(self.client.post(format!("{}/v1/{collection}", self.url)).json(body)).await
    }

    /// Gets a path, and returns the status and the body of the response.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.client.get(format!("{}/v1/{path}", self.url))).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.header("x-api-key", &self.key).send().await.expect("the server answers");
        (answer.status().as_u16(), answer.json().await.expect("answers are JSON"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
