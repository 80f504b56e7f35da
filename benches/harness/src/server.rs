//! The local server as a child process.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{error::Result, options::Options};

/// The API key of the basic plan.
pub const KEY: &str = "local-basic-key-0123456789";

/// A running local server.
pub struct Server {
    /// As in `http://127.0.0.1:3000`.
    pub url: String,
    _process: Child,
}

impl Server {
    /// Starts a server on a free port, without logs and rate limits.
    pub async fn start(options: &Options, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(options.root.join(&options.server));
        command.args(["local", "--port", "0", "--quiet", "--rate", "1000000", "--burst", "1000000"]).args(arguments);
        // Without AWS credentials the server treats the endpoint as an emulator.
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_PROFILE").kill_on_drop(true);
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("the output is piped")?;
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(url) = line.strip_prefix("The API listens on ") {
                let url = url.to_owned();
                // An unread pipe would fill up and block the server.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { url, _process: process });
            }
        }
        Err("the local server does not start".into())
    }
}
