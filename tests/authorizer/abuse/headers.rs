//! Rows about the `Authorization` header and the form of the token.

use serde_json::json;

use super::{Forge, Row};
use crate::signer::encode;

impl Forge {
    pub(super) fn header_rows(&self) -> Vec<Row> {
        let valid = self.valid();
        let row =
            |name, value: String, reason| Row { name, headers: vec![("Authorization", value)], reason, is_http: true };
        let event = |name, value: String| Row { is_http: false, ..row(name, value, "not_bearer") };
        let two = |name, first, second, is_http| {
            let headers = vec![(first, format!("Bearer {valid}")), (second, format!("Bearer {valid}"))];
            Row { name, headers, reason: "several_tokens", is_http }
        };
        let segments = |count: usize| vec![encode(r#"{"alg":"RS256"}"#); count].join(".");
        vec![
            Row { name: "no header", headers: Vec::new(), reason: "no_token", is_http: false },
            row("empty header", String::new(), "not_bearer"),
            row("scheme alone", "Bearer".into(), "not_bearer"),
            event("scheme and space alone", "Bearer ".into()),
            row("other scheme", format!("Basic {valid}"), "not_bearer"),
            row("no scheme", valid.clone(), "not_bearer"),
            row("two spaces", format!("Bearer  {valid}"), "not_bearer"),
            row("tab", format!("Bearer\t{valid}"), "not_bearer"),
            event("space before", format!(" Bearer {valid}")),
            event("space after", format!("Bearer {valid} ")),
            event("line feed after", format!("Bearer {valid}\n")),
            event("null character", format!("Bearer {valid}\0")),
            row("two tokens", format!("Bearer {valid} {valid}"), "not_bearer"),
            row("two credentials in one header", format!("Bearer {valid}, Bearer {valid}"), "not_bearer"),
            row("percent-encoded space", format!("Bearer%20{valid}"), "not_bearer"),
            two("two headers", "Authorization", "Authorization", true),
            two("two headers in different case", "Authorization", "authorization", false),
            row("larger than 8 KB", format!("Bearer {valid}{}", "A".repeat(9 * 1024)), "too_large"),
            Self::row("large valid token", self.token(json!({}), json!({ "more": "A".repeat(9 * 1024) })), "too_large"),
            Self::row("one segment", segments(1), "malformed"),
            Self::row("two segments", segments(2), "malformed"),
            Self::row("four segments", format!("{valid}.AAAA"), "malformed"),
            Self::row("five segments, encrypted", segments(5), "malformed"),
            Self::row("dots alone", "...".into(), "malformed"),
            Self::row("padding", format!("{valid}="), "not_bearer"),
            Self::row("header is not base64url", format!("A.{valid}"), "malformed"),
            Self::row(
                "header is not JSON",
                valid.replacen(valid.split('.').next().unwrap(), &encode("alg"), 1),
                "malformed",
            ),
        ]
    }
}
