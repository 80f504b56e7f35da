//! The floor: reads an item from DynamoDB with TLS and a signature, and without an SDK.

use std::{collections::BTreeMap, env, fs, sync::Arc};

use bytes::Bytes;
use floor::{Connection, Result, connect, send, serve};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::Request;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const TARGET: &str = "DynamoDB_20120810.GetItem";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut database = Database::from_env()?;
    runtime.block_on(serve(async |event| database.handle(&event).await))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    path_parameters: BTreeMap<String, String>,
}

/// A DynamoDB client that connects at the first request.
struct Database {
    tls: TlsConnector,
    connection: Option<Connection>,
    host: String,
    table: String,
    region: String,
    key_id: String,
    secret: String,
}

impl Database {
    fn from_env() -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&fs::read(env::var("AWS_CA_BUNDLE")?)?) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self {
            tls: Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into(),
            connection: None,
            host: env::var("AWS_ENDPOINT_URL_DYNAMODB")?.replace("https://", ""),
            table: format!("{}items", env::var("TABLE_PREFIX")?),
            region: env::var("AWS_REGION")?,
            key_id: env::var("AWS_ACCESS_KEY_ID")?,
            secret: env::var("AWS_SECRET_ACCESS_KEY")?,
        })
    }

    async fn handle(&mut self, event: &[u8]) -> Result<Vec<u8>> {
        let event: Event = serde_json::from_slice(event)?;
        let body = json!({
            "TableName": self.table, "Key": { "id": { "S": event.path_parameters["id"] } }, "ConsistentRead": true,
        });
        let request = self.sign(body.to_string())?;
        if self.connection.is_none() {
            let stream = TcpStream::connect(&self.host).await?;
            stream.set_nodelay(true)?;
            let name = self.host.split(':').next().unwrap_or_default().to_owned();
            let stream = self.tls.connect(ServerName::try_from(name)?, stream).await?;
            self.connection = Some(connect(stream).await?);
        }
        let connection = self.connection.as_mut().ok_or("there is a connection")?;
        let (_, response) = send(connection, request).await?;
        let mut response: Value = serde_json::from_slice(&response)?;
        let item = response["Item"].as_object_mut().ok_or("there is no such item")?;
        let item: BTreeMap<_, _> = item.iter_mut().map(|(name, value)| (name, to_json(value.take()))).collect();
        let body = serde_json::to_string(&item)?;
        let headers = json!({ "content-type": "application/json" });
        Ok(serde_json::to_vec(&json!({ "statusCode": 200, "headers": headers, "body": body }))?)
    }

    /// Builds a request with Signature Version 4.
    fn sign(&self, body: String) -> Result<Request<Full<Bytes>>> {
        let time = chrono::Utc::now().format("%Y%m%dT%H%M%SZ").to_string();
        let (date, host, region) = (&time[..8], &self.host, &self.region);
        let canonical = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:{host}\nx-amz-date:{time}\nx-amz-target:{TARGET}\n\n\
             content-type;host;x-amz-date;x-amz-target\n{}",
            hex(&Sha256::digest(&body))
        );
        let scope = format!("{date}/{region}/dynamodb/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key =
            [date, region, "dynamodb", "aws4_request"].into_iter().try_fold(first, |key, part| mac(&key, part))?;
        let signature = hex(&mac(&key, &text)?);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature={signature}",
            self.key_id
        );
        let request = Request::post("/").header("host", host).header("content-type", "application/x-amz-json-1.0");
        let request = request.header("x-amz-date", time).header("x-amz-target", TARGET);
        Ok(request.header("authorization", authorization).body(Full::from(body))?)
    }
}

fn mac(key: &[u8], text: &str) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Converts a typed attribute to plain JSON.
fn to_json(value: Value) -> Value {
    let Value::Object(typed) = value else { return value };
    match typed.into_iter().next() {
        Some((kind, Value::String(text))) if kind == "N" => text.parse::<i64>().map_or(text.into(), Into::into),
        Some((kind, Value::Array(list))) if kind == "L" => list.into_iter().map(to_json).collect(),
        Some((_, value)) => value,
        None => Value::Null,
    }
}
