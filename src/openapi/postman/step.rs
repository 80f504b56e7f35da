//! One request of the collection, with the checks of its response.

use serde_json::{Value, json};

/// A request with its scripts.
pub struct Step {
    name: String,
    method: &'static str,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    has_key: bool,
    before: Vec<String>,
    after: Vec<String>,
}

impl Step {
    /// Returns a request that expects `status`.
    pub fn new(name: impl Into<String>, method: &'static str, path: impl Into<String>, status: u16) -> Self {
        let status = format!(r#"pm.test("answers {status}", () => pm.response.to.have.status({status}));"#);
        Self {
            name: name.into(),
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            has_key: true,
            before: Vec::new(),
            after: vec![status],
        }
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", serde_json::to_string_pretty(body).expect("a JSON value"))
    }

    /// Sets a body of any media type.
    pub fn body(mut self, media_type: &str, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self.header("Content-Type", media_type)
    }

    /// Removes the API key.
    pub fn without_key(mut self) -> Self {
        self.has_key = false;
        self
    }

    /// Adds a script line before the request.
    pub fn before(mut self, line: impl Into<String>) -> Self {
        self.before.push(line.into());
        self
    }

    /// Adds a script line after the response.
    pub fn after(mut self, line: impl Into<String>) -> Self {
        self.after.push(line.into());
        self
    }

    /// Checks that an expression about the response, or its `body`, is true.
    pub fn check(self, meaning: &str, expression: &str) -> Self {
        self.after(format!(r#"pm.test("{meaning}", () => pm.expect({expression}).to.equal(true));"#))
    }

    /// Stores the value of an expression in a variable.
    pub fn keep(self, variable: &str, expression: &str) -> Self {
        self.after(format!(r#"pm.collectionVariables.set("{variable}", {expression});"#))
    }

    /// Converts the step to an item of the collection.
    pub fn into_item(self) -> Value {
        let pair = |(key, value): (String, String)| json!({ "key": key, "value": value });
        let segments: Vec<&str> = self.path.trim_start_matches('/').split('/').collect();
        let query = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let separator = if query.is_empty() { "" } else { "?" };
        let mut request = json!({
            "method": self.method,
            "header": self.headers.into_iter().map(|(name, value)| pair((name.to_owned(), value))).collect::<Value>(),
            "url": {
                "raw": format!("{{{{baseUrl}}}}{}{separator}{query}", self.path),
                "host": ["{{baseUrl}}"],
                "path": segments,
                "query": self.query.into_iter().map(pair).collect::<Value>(),
            },
        });
        if let Some(body) = self.body {
            request["body"] = json!({ "mode": "raw", "raw": body });
        }
        if !self.has_key {
            request["auth"] = json!({ "type": "noauth" });
        }
        let reads_body = self.after.iter().any(|line| line.contains("body."));
        let read = reads_body.then(|| "const body = pm.response.json();".to_owned());
        let scripts = [("prerequest", self.before), ("test", read.into_iter().chain(self.after).collect())];
        let scripts = scripts.iter().filter(|(_, lines)| !lines.is_empty()).map(|(event, lines)| script(event, lines));
        json!({ "name": self.name, "request": request, "event": scripts.collect::<Value>() })
    }
}

/// Returns a script in Postman's format.
pub fn script(event: &str, lines: &[String]) -> Value {
    json!({ "listen": event, "script": { "type": "text/javascript", "exec": lines } })
}
