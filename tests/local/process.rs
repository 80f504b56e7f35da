//! A server in a separate process, as `make run` starts it.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder};

const KEY: &str = "local-basic-key-0123456789";

/// A running server process.
pub struct Process {
    child: Child,
    pub url: String,
    lines: Option<JoinHandle<Vec<String>>>,
    client: Client,
}

impl Process {
    /// Starts a server on free ports, with its data in the folder.
    pub fn start(data: &Path, options: &[&str]) -> Self {
        Self::spawn(command(data, options))
    }

    /// Starts a server by a command that [`command`] returned.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program is built");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("The API listens on ").map(str::to_owned));
        // A pipe that is not read would fill up and block the server.
        let lines = Some(thread::spawn(move || lines.collect()));
        Self { child, url: url.expect("the server says where it listens"), lines, client: Client::new() }
    }

    /// Stops the server and returns its output since it started to listen.
    pub fn into_lines(mut self) -> Vec<String> {
        self.terminate();
        self.wait(Duration::from_secs(20));
        self.lines.take().expect("nobody else takes them").join().expect("reading does not panic")
    }

    /// Returns a request with the API key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header("x-api-key", KEY)
    }

    /// Kills the server, which cannot clean up.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("there is a kill").success());
    }

    /// Waits for the process to end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.child.try_wait().expect("it was started here") {
                return status;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("it still runs");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a server that fails to start, and returns its exit code and stderr.
pub fn fail(data: &Path, options: &[&str]) -> (Option<i32>, String) {
    let mut child = command(data, options).stderr(Stdio::piped()).spawn().expect("the program is built");
    let mut text = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut text).expect("it writes text");
    (child.wait().expect("it was started here").code(), text)
}

/// Returns the command that starts a server on free ports, with its data in the folder.
pub fn command(data: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixtures"));
    command.arg("local");
    command.args(["--port", "0", "--dynamodb-port", "0", "--data"]).arg(data).args(options);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", "us-east-1");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
