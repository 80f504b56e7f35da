//! PocketBase, from its PyPI package, with an equivalent collection.

use std::{fs, process::Stdio, time::Duration};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};

use crate::{error::Result, options::Options, target::Target};

const EMAIL: &str = "bench@example.com";
const PASSWORD: &str = "0123456789";
const RECORDS: &str = "/api/collections/items/records";

/// A running PocketBase.
pub struct PocketBase {
    /// The server and its collection.
    pub target: Target,
    _process: Child,
}

impl PocketBase {
    /// Starts a server with a thousand records that have this body.
    pub async fn start(options: &Options, body: Value) -> Result<Self> {
        let folder = options.output_folder().join("pocketbase");
        // The folder may not exist yet.
        let _ = fs::remove_dir_all(&folder);
        let program = options.root.canonicalize()?.join("benches/peers/.venv/bin/pocketbase");
        let folder = format!("--dir={}", folder.display());
        let superuser = ["superuser", "upsert", EMAIL, PASSWORD, &folder];
        let output = Command::new(&program).args(superuser).output().await?;
        if !output.status.success() {
            return Err(format!("PocketBase: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let mut command = Command::new(&program);
        command.args(["serve", &format!("--http={address}"), &folder]).kill_on_drop(true);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let url = format!("http://{address}");
        let id = prepare(&url, body).await?;
        let (header, collection) = ("accept=application/json".to_owned(), RECORDS.to_owned());
        let page = "perPage=20&sort=-id&skipTotal=1";
        Ok(Self { target: Target { name: "PocketBase", url, header, collection, page, id }, _process: process })
    }
}

/// Creates a public collection and its records. Returns the id of one record.
async fn prepare(url: &str, body: Value) -> Result<String> {
    let client = Client::new();
    for _ in 0..100 {
        if client.get(format!("{url}/api/health")).send().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let login = json!({ "identity": EMAIL, "password": PASSWORD });
    let login = client.post(format!("{url}/api/collections/_superusers/auth-with-password")).json(&login);
    let login: Value = login.send().await?.error_for_status()?.json().await?;
    let token = login["token"].as_str().ok_or("PocketBase gives a token")?;
    let collection = json!({
        "name": "items", "type": "base", "listRule": "", "viewRule": "", "createRule": "",
        "fields": [
            { "name": "name", "type": "text", "required": true, "max": 100 },
            { "name": "priceCents", "type": "number", "onlyInt": true, "min": 0 },
            { "name": "currency", "type": "text", "required": true, "pattern": "^[A-Z]{3}$" },
            { "name": "status", "type": "select", "values": ["draft", "active", "archived"] },
            { "name": "tags", "type": "json" },
        ],
    });
    let request = client.post(format!("{url}/api/collections")).header("authorization", token).json(&collection);
    request.send().await?.error_for_status()?;
    let mut id = Value::Null;
    for _ in 0..1_000 {
        let request = client.post(format!("{url}{RECORDS}")).json(&body);
        let mut record: Value = request.send().await?.error_for_status()?.json().await?;
        id = record["id"].take();
    }
    Ok(id.as_str().ok_or("a record has an id")?.to_owned())
}
