//! The server as a process of its own, as `make run` starts it.

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
    /// Starts one on free ports, with its data in the folder.
    pub fn start(data: &Path, options: &[&str]) -> Self {
        Self::spawn(command(data, options))
    }

    /// Starts one by a command of [`command`]'s making.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program is built");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("The API listens on ").map(str::to_owned));
        // What nobody reads would fill the pipe, and the server would wait.
        let lines = Some(thread::spawn(move || lines.collect()));
        Self { child, url: url.expect("the server says where it listens"), lines, client: Client::new() }
    }

    /// Stops it and tells what it wrote since it started to listen.
    pub fn into_lines(mut self) -> Vec<String> {
        self.terminate();
        self.wait(Duration::from_secs(20));
        self.lines.take().expect("nobody else takes them").join().expect("reading does not panic")
    }

    /// A request with the API key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header("x-api-key", KEY)
    }

    /// Ends it at once: it cannot clean up.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("there is a kill").success());
    }

    /// Waits for its end.
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
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server that cannot start: its exit code and what it wrote to stderr.
pub fn fail(data: &Path, options: &[&str]) -> (Option<i32>, String) {
    let mut child = command(data, options).stderr(Stdio::piped()).spawn().expect("the program is built");
    let mut text = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut text).expect("it writes text");
    (child.wait().expect("it was started here").code(), text)
}

/// The command that starts a server on free ports, with its data in the folder.
pub fn command(data: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["--port", "0", "--dynamodb-port", "0", "--data"]).arg(data).args(options);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", "us-east-1");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}
