//! Request signing for DynamoDB with a cached signing key.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4Signer};
use aws_sdk_dynamodb::{
    config::{
        Builder, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
        interceptors::BeforeDeserializationInterceptorContextRef,
    },
    error::BoxError,
};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_runtime_api::client::{
    auth::{AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign},
    identity::{Identity, SharedIdentityResolver},
    orchestrator::HttpRequest,
    runtime_components::GetIdentityResolver,
};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

const SERVICE: &str = "dynamodb";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";
/// The headers that are not signed, because a proxy may change them. The SDK does not sign them either.
const UNSIGNED: [&str; 4] = ["authorization", "transfer-encoding", "user-agent", "x-amzn-trace-id"];
/// The headers that the signature adds. The SDK signs requests that already have one of them.
const ADDED: [&str; 3] = ["host", DATE, TOKEN];

/// The tolerated difference to DynamoDB's clock. AWS accepts signatures up to five minutes old.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// A signer with the same output as the SDK's, byte for byte, and less work.
///
/// The SDK derives the key for each request, although it is valid for a day, and copies the headers four times. This
/// signer caches the key and builds the canonical request once. It leaves to the SDK all requests other than plain ones
/// of DynamoDB's protocol, and all requests while the clock is wrong, since the SDK corrects for the difference.
///
/// Signature Version 4: IAM User Guide, "Create a signed AWS API request".
#[derive(Clone)]
pub struct CachingSigner(Arc<Signer>);

struct Signer {
    region: Region,
    sdk: SigV4Signer,
    cached: Mutex<Option<Key>>,
    is_clock_off: AtomicBool,
}

struct Key {
    access_key_id: String,
    day: String,
    bytes: Vec<u8>,
}

impl CachingSigner {
    /// Installs the signer in a client of DynamoDB.
    pub fn install(sdk: Builder, region: &str) -> Builder {
        let signer = Signer {
            region: Region::new(region.to_owned()),
            sdk: SigV4Signer::new(),
            cached: Mutex::default(),
            is_clock_off: AtomicBool::default(),
        };
        let signer = Self(Arc::new(signer));
        sdk.interceptor(signer.clone()).push_auth_scheme(signer)
    }
}

impl fmt::Debug for CachingSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CachingSigner")
    }
}

impl AuthScheme for CachingSigner {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME_ID)
    }

    fn signer(&self) -> &dyn Sign {
        self
    }
}

impl Sign for CachingSigner {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        endpoint: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        settings: &ConfigBag,
    ) -> Result<(), BoxError> {
        let signer = &self.0;
        let is_clock_off = signer.is_clock_off.load(Ordering::Relaxed);
        let now = components.time_source().map(|clock| clock.now()).filter(|_| !is_clock_off);
        let Some(headers) = now.and_then(|now| signer.headers(request, identity, now)) else {
            return signer.sdk.sign_http_request(request, identity, endpoint, components, settings);
        };
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }
}

impl Intercept for CachingSigner {
    fn name(&self) -> &'static str {
        "CachingSigner"
    }

    /// Compares the clock with the `Date` header of each response.
    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        if let (Some(date), Some(clock)) = (date, components.time_source()) {
            let difference = date.signed_duration_since(DateTime::<Utc>::from(clock.now())).abs();
            self.0.is_clock_off.store(difference > TOLERANCE, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Signer {
    /// Returns the headers that sign a request, or `None` if the SDK must sign it.
    fn headers(
        &self,
        request: &HttpRequest,
        identity: &Identity,
        now: SystemTime,
    ) -> Option<Vec<(&'static str, String)>> {
        let credentials = identity.data::<Credentials>()?;
        let time = DateTime::<Utc>::from(now).format("%Y%m%dT%H%M%SZ").to_string();
        let token = credentials.session_token();
        let host = host(request.uri())?;
        let added = [("host", host), (DATE, &time)].into_iter().chain(token.map(|token| (TOKEN, token)));
        let (canonical, names) = canonical(request, added)?;
        let day = &time[..8];
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let digest = hex::encode(Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let signature = calculate_signature(self.key(credentials, day, now), text.as_bytes());
        let id = credentials.access_key_id();
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        let token = token.map(|token| (TOKEN, token.to_owned()));
        Some([("authorization", authorization), (DATE, time)].into_iter().chain(token).collect())
    }

    fn key(&self, credentials: &Credentials, day: &str, now: SystemTime) -> Vec<u8> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*cached
            && key.access_key_id == credentials.access_key_id()
            && key.day == day
        {
            return key.bytes.clone();
        }
        let key = generate_signing_key(credentials.secret_access_key(), now, self.region.as_ref(), SERVICE);
        let bytes = key.as_ref().to_vec();
        let access_key_id = credentials.access_key_id().to_owned();
        *cached = Some(Key { access_key_id, day: day.to_owned(), bytes: bytes.clone() });
        bytes
    }
}

/// Returns the value of the `Host` header for a URL without path or query.
fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    (!host.contains(['/', '?', '@']) && !host.ends_with(default_port)).then_some(host)
}

/// Returns the canonical request and the names of its headers.
fn canonical<'a>(
    request: &'a HttpRequest,
    added: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<(String, String)> {
    let body = request.body().bytes().filter(|_| request.method() == "POST")?;
    let mut headers: Vec<(&str, &str)> =
        request.headers().iter().filter(|(name, _)| !UNSIGNED.contains(name)).collect();
    if !headers.iter().all(|(name, value)| is_plain(name, value)) {
        return None;
    }
    headers.extend(added);
    headers.sort_unstable();
    if headers.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return None;
    }
    let length: usize = headers.iter().map(|(name, value)| 2 * name.len() + value.len() + 3).sum();
    let mut text = String::with_capacity(length + 80);
    text.push_str("POST\n/\n\n");
    for (name, value) in &headers {
        text.extend([name, ":", value, "\n"]);
    }
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    text.extend(["\n", &names, "\n", &hex::encode(Sha256::digest(body))]);
    Some((text, names))
}

/// Returns true if a header is in canonical form: it has no spaces to trim or to fold.
fn is_plain(name: &str, value: &str) -> bool {
    !ADDED.contains(&name) && value.trim_matches(' ').len() == value.len() && !value.contains("  ")
}
