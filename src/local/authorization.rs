//! The authorizer of the local gateway, and the issuer of the tokens that it accepts.

use std::path::Path;

use axum::http::HeaderMap;
use serde_json::{Map, Value};

use super::{
    Options, StartError,
    issuer::{AUDIENCE, Issuer, TENANT_CLAIM},
};
use crate::{
    app::LogLevel,
    authorizer::{self, Authorizer, AuthorizerEvent, Discovery, Intervals, Keys, Refusal, Settings},
    gateway::{self, GatewayResponse},
    http::Answer,
    operations::Operation,
};

/// The authorizer, with the local issuer unless the tokens are of another one.
pub struct Authorization {
    authorizer: Authorizer,
    issuer: Option<Issuer>,
}

impl Authorization {
    /// Opens the authorizer of a server at this URL. Its key is in the folder, if there is one.
    ///
    /// # Errors
    /// [`StartError::Folder`], or [`StartError::Issuer`] when the options describe none.
    pub fn open(
        options: &Options,
        folder: Option<&Path>,
        url: &str,
        operations: Vec<Operation>,
    ) -> Result<Self, StartError> {
        let (settings, keys, issuer) = if options.issuer.is_some() {
            let settings = external(options)?;
            let keys = Keys::discovered(Discovery::new(&settings), Intervals::default());
            (settings, keys, None)
        } else {
            let issuer = Issuer::create(folder, url)?;
            let settings = Settings { tenant_claim: Some(TENANT_CLAIM.into()), ..Settings::new(url, &[AUDIENCE]) };
            (settings, Keys::fixed(issuer.keys()), Some(issuer))
        };
        let log_level = if options.quiet { LogLevel::Error } else { LogLevel::Info };
        let authorizer = Authorizer::new(Settings { log_level, ..settings }, keys, operations);
        Ok(Self { authorizer, issuer })
    }

    /// Returns the local issuer.
    pub fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// Returns the document of the local issuer at a path.
    pub fn page(&self, path: &str) -> Option<Answer> {
        self.issuer()?.page(path)
    }

    /// Returns the members of `requestContext.authorizer`; none for a request without an `Authorization` header.
    ///
    /// # Errors
    /// The response of the gateway to a request that may not reach its function.
    pub async fn authorize(&self, request: &MethodRequest<'_>) -> Result<Option<Map<String, Value>>, GatewayResponse> {
        if !request.headers.contains_key("authorization") {
            return Ok(None);
        }
        let event = request.event();
        let authorized = authorizer::respond(&self.authorizer, &event).await.map_err(|refusal| match refusal {
            Refusal::Token(_) => gateway::UNAUTHORIZED,
            Refusal::Unavailable | Refusal::Event => gateway::AUTHORIZER_FAILURE,
        })?;
        if !authorized.policy_document.allows(&event.method_arn) {
            return Err(gateway::ACCESS_DENIED);
        }
        let mut members = authorized.context;
        members.insert("principalId".into(), authorized.principal_id.into());
        Ok(Some(members))
    }
}

/// A request that needs authorization.
pub struct MethodRequest<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// The headers as sent.
    pub headers: &'a HeaderMap,
    /// The request's id.
    pub id: &'a str,
}

impl MethodRequest<'_> {
    fn event(&self) -> AuthorizerEvent {
        let mut event = AuthorizerEvent::new("local", "local", self.id);
        event.method_arn = format!("arn:aws:execute-api:local:000000000000:local/local/{}{}", self.method, self.path);
        for (name, value) in self.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            event.add_header(name.as_str(), value);
        }
        event
    }
}

/// Reads the settings of another issuer: the options, and the variables of the authorizer function.
fn external(options: &Options) -> Result<Settings, StartError> {
    let settings = Settings::read(|name| match name {
        "ISSUER" => options.issuer.clone(),
        "AUDIENCE" => options.audience.clone(),
        "ALLOW_HTTP_LOOPBACK" => Some("true".into()),
        name => std::env::var(name).ok(),
    });
    settings.map_err(StartError::Issuer)
}
