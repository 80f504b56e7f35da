//! The API key of the upstream API.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// An API key. Its debug form does not contain it, and its memory is cleared when it is dropped.
#[derive(Clone, Debug)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Creates a key. White space at its end is ignored, as of a file.
    ///
    /// # Errors
    /// Returns a description if it cannot be sent in a header.
    pub fn new(key: &SecretString) -> Result<Self, &'static str> {
        let key = key.expose_secret().trim_end();
        let is_printable = !key.is_empty() && key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let problem = "the API key of the upstream API is malformed: it must be printable ASCII";
        if is_printable { Ok(Self(key.into())) } else { Err(problem) }
    }

    /// Returns the value of the header. Its debug form does not contain the key.
    pub fn header(&self, scheme: Option<&str>) -> HeaderValue {
        let key = self.0.expose_secret();
        let text = scheme.map_or_else(|| key.to_owned(), |scheme| format!("{scheme} {key}"));
        let mut value = HeaderValue::try_from(text).expect("the key is printable ASCII");
        value.set_sensitive(true);
        value
    }

    /// Returns true if both are the same key.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}
