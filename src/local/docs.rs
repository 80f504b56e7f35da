//! The pages about the API: `/openapi.json`, `/docs`, which shows it in Swagger UI, and `/`, which redirects there.

use std::sync::Arc;

use axum::http::{Response, StatusCode, header};
use lambda_http::Body;
use serde_json::json;
use utoipa_swagger_ui::Config;

use super::Options;
use crate::{functions::Service, http::Answer, openapi};

/// The page that embeds Swagger UI.
const PAGE: &str = include_str!("docs.html");

/// The content of the pages.
pub struct Docs {
    document: String,
    page: String,
    assets: Arc<Config<'static>>,
}

impl Docs {
    /// Returns the pages of a server. Their requests use its API key.
    pub fn new(service: &Service, options: &Options) -> Self {
        let mut document = openapi::document(service);
        // The server that delivered the page, whatever its host and port.
        document["servers"] = json!([{ "url": "/", "description": "This server." }]);
        let key = json!(options.key).to_string().replace('<', "\\u003c");
        Self {
            document: document.to_string(),
            page: PAGE.replace("\"{key}\"", &key),
            assets: Arc::new(Config::new(["/openapi.json"])),
        }
    }

    /// The page at a path.
    pub fn page(&self, path: &str) -> Option<Answer> {
        match path {
            "/" => Some(redirect("/docs")),
            "/openapi.json" => Some(answer("application/json", self.document.clone())),
            "/docs" | "/docs/" => Some(answer("text/html; charset=utf-8", self.page.clone())),
            _ => self.asset(path.strip_prefix("/docs/")?),
        }
    }

    fn asset(&self, name: &str) -> Option<Answer> {
        let file = utoipa_swagger_ui::serve(name, self.assets.clone()).ok().flatten()?;
        Some(answer(&file.content_type, file.bytes.into_owned()))
    }
}

fn redirect(location: &str) -> Answer {
    let builder = Response::builder().status(StatusCode::FOUND).header(header::LOCATION, location);
    builder.body(Body::Empty).expect("a path is a header value")
}

fn answer(media_type: &str, body: impl Into<Body>) -> Answer {
    let builder =
        Response::builder().header(header::CONTENT_TYPE, media_type).header(header::CACHE_CONTROL, "no-cache");
    builder.body(body.into()).expect("a media type is a header value")
}
