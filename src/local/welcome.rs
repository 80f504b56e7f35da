//! The message that the server prints after the start.

use serde_json::{Map, Value};

use super::{Options, Server};
use crate::functions::Service;

/// Returns the message: the URLs, the operations, the API keys and an example request.
pub fn welcome(server: &Server) -> String {
    let (url, dynamodb_url, key) = (server.url(), server.dynamodb_url(), server.key());
    let (service, options) = (server.service(), server.options());
    let data = match (&options.endpoint_url, options.memory) {
        (Some(_), _) => "there".to_owned(),
        (None, true) => "in memory".to_owned(),
        (None, false) => format!("in {}", options.data.display()),
    };
    let upstream = if options.upstream.is_some() { "the one of --upstream" } else { "a stand-in (--upstream URL)" };
    let table =
        service.tables().first().map(|table| format!("{}{}", options.table_prefix, table.name)).unwrap_or_default();
    let operations = service.operations().into_iter();
    let mut routes: Vec<_> =
        operations.map(|operation| format!("  {:<6} {}", operation.method, operation.path)).collect();
    routes.extend(["/health", "/openapi.json", "/docs"].map(|page| format!("  {:<6} {page}", "GET")));
    let routes = routes.join("\n");
    let example = example_request(service, url, key);
    format!(
        "
The API listens on {url}

{routes}

  x-api-key: {key}
  (premium)  {premium}{token}

Try it:
{example}

DynamoDB listens on {dynamodb_url}, the data is {data}. To look in:
  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws dynamodb scan --region us-east-1 \\
    --table-name {table} --endpoint-url {dynamodb_url}

The upstream API of actions is {upstream}.

Ctrl-C stops.
",
        premium = options.premium_key,
        token = token_hint(server),
    )
}

/// Returns the way to a token, for a server whose key is in its data folder.
fn token_hint(server: &Server) -> String {
    let options = server.options();
    if let Some(issuer) = &options.issuer {
        return format!("\n\nTo act as a user: -H 'authorization: Bearer TOKEN' with a token of {issuer}");
    }
    if options.memory {
        return String::new();
    }
    let defaults = Options::default();
    let data = (options.data != defaults.data).then(|| format!(" DATA={}", options.data.display()));
    let url =
        (options.port != defaults.port || options.host != defaults.host).then(|| format!(" URL={}", server.url()));
    let more = data.into_iter().chain(url).collect::<String>();
    format!(
        "\n\nTo act as a user: -H \"authorization: Bearer $(make -s token USER=ada{more})\", with ROLE=admin as another one"
    )
}

/// Returns a valid request: a create of the first resource with the required fields of its example.
fn example_request(service: &Service, url: &str, key: &str) -> String {
    let Some(resource) = service.resources().into_iter().next() else { return String::new() };
    let required = resource.schema["required"].as_array().cloned().unwrap_or_default();
    let fields = required.iter().filter_map(Value::as_str);
    let body: Map<String, Value> = fields.map(|field| (field.to_owned(), resource.example[field].clone())).collect();
    let body = Value::Object(body);
    let name = resource.name;
    format!("  curl -i {url}/v1/{name} -H 'x-api-key: {key}' -H 'content-type: application/json' \\\n    -d '{body}'")
}
