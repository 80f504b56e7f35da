//! Parsing of `If-Match` and `If-None-Match`. Entity tags are record versions.

use lambda_http::Request;

use super::request::header;
use crate::{error::Error, record::Precondition};

const MAX_ENTITY_TAGS: usize = 20;

/// Returns the precondition in `If-Match`. Without the header, the record must exist.
///
/// # Errors
/// Returns [`Error::Invalid`] if the header is neither `*` nor a list of entity tags (RFC 9110 §13.1.1), and for
/// `If-None-Match`, which a write of an existing record can never satisfy.
///
/// # Examples
/// ```
/// use serverless_crud::{http::{Request, precondition}, record::Precondition};
///
/// let mut request = Request::default();
/// assert_eq!(precondition(&request)?, Precondition::Exists);
/// request.headers_mut().insert("if-match", r#""3", W/"4", "another service's""#.parse()?);
/// assert_eq!(precondition(&request)?, Precondition::VersionIn(vec![3]));
/// request.headers_mut().insert("if-match", "3".parse()?);
/// assert!(precondition(&request).is_err(), "an entity tag has quotation marks");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn precondition(request: &Request) -> Result<Precondition, Error> {
    if header(request, "if-none-match").is_some() {
        return Err(Error::header("If-None-Match", "is for GET alone: a write takes If-Match"));
    }
    let Some(value) = header(request, "if-match") else { return Ok(Precondition::Exists) };
    // If-Match uses strong comparison, so weak tags never match (RFC 9110 §8.8.3.2).
    versions(&value, |tag| !tag.is_weak).ok_or_else(|| Error::header("If-Match", MALFORMED))
}

/// Returns the versions in `If-None-Match`, which the client has cached.
///
/// # Errors
/// Returns [`Error::Invalid`] if the header is neither `*` nor a list of entity tags (RFC 9110 §13.1.2).
pub fn not_modified_versions(request: &Request) -> Result<Option<Precondition>, Error> {
    let Some(value) = header(request, "if-none-match") else { return Ok(None) };
    versions(&value, |_| true).map(Some).ok_or_else(|| Error::header("If-None-Match", MALFORMED))
}

const MALFORMED: &str = "must be * or a list of at most 20 ETags, as in \"3\"";

struct EntityTag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

fn versions(value: &str, counts: impl Fn(&EntityTag) -> bool) -> Option<Precondition> {
    if value.trim() == "*" {
        return Some(Precondition::Exists);
    }
    let tags = entity_tags(value)?;
    let is_in_bounds = (1..=MAX_ENTITY_TAGS).contains(&tags.len());
    let versions = tags.iter().filter(|tag| counts(tag)).filter_map(|tag| version(tag.opaque)).collect();
    is_in_bounds.then_some(Precondition::VersionIn(versions))
}

/// Parses a list of entity tags (RFC 9110 §8.8.3) and ignores empty elements (§5.6.1.2).
fn entity_tags(mut rest: &str) -> Option<Vec<EntityTag<'_>>> {
    let mut tags = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(EntityTag { is_weak, opaque });
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// Returns the version in an ETag of this service: digits without a leading zero.
fn version(tag: &str) -> Option<u64> {
    tag.parse().ok().filter(|version: &u64| version.to_string() == tag)
}
