//! A gateway that calls the functions with the identity of any caller.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lambda_http::Body;
use serde_json::{Map, Value, json};
use serverless_crud::{
    app::{App, Config},
    operations::{Operation, crud},
    runtime::respond,
    store::{create_missing_tables, resource_table},
};

use crate::{
    callers::Caller,
    samples::{Doc, Profile},
    support::{TestServer, config, dynamodb, service},
};

const LIMIT: Duration = Duration::from_secs(20);

/// The service on an empty database.
pub struct Gateway {
    pub app: Arc<App>,
    operations: Vec<Operation>,
    server: TestServer,
}

/// A response.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: i64,
    pub headers: HashMap<String, String>,
    pub body: Value,
}

impl Answer {
    /// Returns the body without what differs between any two responses.
    pub fn text(&self) -> String {
        let mut body = self.body.clone();
        body.as_object_mut().map(|members| members.remove("requestId"));
        format!("{} {body}", self.status)
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no record: {self:?}")).to_owned()
    }

    /// Returns the ids of the records in a page.
    pub fn ids(&self) -> Vec<String> {
        let data = self.body["data"].as_array().unwrap_or_else(|| panic!("no page: {self:?}"));
        data.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl Gateway {
    /// Starts a service whose API keys have the role `admin`.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a service with changed settings.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let server = TestServer::start().await;
        let mut config = config();
        change(&mut config);
        let app = App::new(config, dynamodb(&server.dynamodb_url));
        let mut all = service().operations();
        all.extend(crud::<Doc>());
        all.extend(crud::<Profile>());
        let mut needed = service().tables();
        needed.extend([resource_table::<Doc>(), resource_table::<Profile>()]);
        needed.iter_mut().for_each(|table| table.stream = false);
        create_missing_tables(&app.store, &needed).await.unwrap();
        Self { app, operations: all, server }
    }

    /// Adds the operations of another resource and its table.
    pub async fn with<R: serverless_crud::record::Resource>(mut self) -> Self {
        let mut table = resource_table::<R>();
        table.stream = false;
        create_missing_tables(&self.app.store, &[table]).await.unwrap();
        self.operations.extend(crud::<R>());
        self
    }

    /// Sends the requests to DynamoDB to another URL.
    pub fn through(self, dynamodb_url: &str) -> Self {
        Self { app: App::new(self.app.config.clone(), dynamodb(dynamodb_url)), ..self }
    }

    pub fn dynamodb_url(&self) -> &str {
        &self.server.dynamodb_url
    }

    pub async fn get(&self, caller: &Caller, path: &str) -> Answer {
        self.call(caller, "GET", path, &[], None).await
    }

    pub async fn post(&self, caller: &Caller, path: &str, body: Value) -> Answer {
        self.call(caller, "POST", path, &[], Some(body)).await
    }

    pub async fn patch(&self, caller: &Caller, path: &str, body: Value) -> Answer {
        self.call(caller, "PATCH", path, &[], Some(body)).await
    }

    pub async fn put(&self, caller: &Caller, path: &str, body: Value) -> Answer {
        self.call(caller, "PUT", path, &[], Some(body)).await
    }

    pub async fn delete(&self, caller: &Caller, path: &str) -> Answer {
        self.call(caller, "DELETE", path, &[], None).await
    }

    /// Reads all pages of a list and returns the ids in order.
    pub async fn list_all(&self, caller: &Caller, path: &str) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.get(caller, &format!("{path}{separator}{cursor}")).await;
            assert_eq!(page.status, 200, "{page:?}");
            ids.extend(page.ids());
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = format!("cursor={next}"),
                None => return ids,
            }
        }
    }

    /// Calls the operation at a path with a query string.
    pub async fn call(
        &self,
        caller: &Caller,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (operation, parameters) = self.operation(method, path);
        let query: HashMap<&str, Vec<&str>> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, vec![value])).collect();
        let event = json!({
            "resource": operation.path, "path": path, "httpMethod": method,
            "multiValueHeaders": headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect::<Map<_, _>>(),
            "multiValueQueryStringParameters": query,
            "pathParameters": parameters,
            "requestContext": {
                "requestId": "request", "resourcePath": operation.path, "path": path,
                "identity": caller.identity, "authorizer": caller.authorizer,
            },
            "body": body.map(|body| body.to_string()), "isBase64Encoded": false,
        });
        let handler = &operation.handler;
        let answer = respond(&self.app, &|app, request| handler(app, request), &event.to_string(), LIMIT).await;
        let headers = answer.multi_value_headers.iter();
        let is_declared = operation.contract().statuses().iter().any(|status| i64::from(*status) == answer.status_code);
        assert!(is_declared, "{} does not declare {}", operation.name, answer.status_code);
        Answer {
            status: answer.status_code,
            headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
            body: match answer.body {
                Some(Body::Text(text)) => serde_json::from_str(&text).unwrap(),
                _ => Value::Null,
            },
        }
    }

    fn operation(&self, method: &str, path: &str) -> (&Operation, HashMap<&str, String>) {
        let parts: Vec<&str> = path.split('/').collect();
        let matches = |operation: &&Operation| {
            let template: Vec<&str> = operation.path.split('/').collect();
            let is_same = |(template, part): (&&str, &&str)| *template == "{id}" || template == part;
            operation.method == method && template.len() == parts.len() && template.iter().zip(&parts).all(is_same)
        };
        let operation = self.operations.iter().find(matches).unwrap_or_else(|| panic!("no operation {method} {path}"));
        let parameters = operation.has_id().then(|| ("id", parts[3].to_owned()));
        (operation, parameters.into_iter().collect())
    }
}
