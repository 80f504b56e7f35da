//! A customer's key, and its state.

use std::fmt;

use aws_sdk_apigateway::types::ApiKey;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// The tags of a customer's key.
pub const TAGS: [&str; 3] = ["customer", "tier", "stage"];
const PENDING: &str = "pending";
const ACTIVE: &str = "active since ";
const EXPIRES: &str = "expires ";

/// A key of a customer, without its value.
#[derive(Clone, Debug, Serialize)]
pub struct CustomerKey {
    /// The id, which the service takes as the principal.
    pub id: String,
    /// The customer.
    pub customer: String,
    /// The tier.
    pub tier: String,
    /// The state.
    pub state: State,
    /// The time of its creation.
    #[serde(serialize_with = "time")]
    pub created: DateTime<Utc>,
}

/// The state of a key, kept in its description, which one request changes together with `enabled`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    /// Created, and not yet enabled.
    Pending,
    /// In use, since this time.
    Active(DateTime<Utc>),
    /// Replaced: it may be deleted from this time on.
    Expires(DateTime<Utc>),
    /// Disabled by somebody else.
    Disabled,
}

impl State {
    /// Reads the state of a key. One that somebody else described is in use since its creation.
    fn of(key: &ApiKey, created: DateTime<Utc>) -> Self {
        let description = key.description().unwrap_or_default();
        let time_after = |word| {
            let time = description.strip_prefix(word).map(DateTime::parse_from_rfc3339);
            time.and_then(Result::ok).map(DateTime::<Utc>::from)
        };
        match (time_after(EXPIRES), key.enabled()) {
            (_, false) if description == PENDING => Self::Pending,
            (Some(at), _) => Self::Expires(at),
            (None, true) => Self::Active(time_after(ACTIVE).unwrap_or(created)),
            (None, false) => Self::Disabled,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Pending => formatter.write_str(PENDING),
            Self::Active(since) => write!(formatter, "{ACTIVE}{}", text_of(*since)),
            Self::Expires(at) => write!(formatter, "{EXPIRES}{}", text_of(*at)),
            Self::Disabled => formatter.write_str("disabled"),
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl CustomerKey {
    /// Reads a key. Returns none for one of another stage, or one that is no customer's, such as those of the stacks.
    pub fn read(key: &ApiKey, stage: &str) -> Option<Self> {
        let tags = key.tags()?;
        let [customer, tier, own] = TAGS.map(|name| tags.get(name));
        let created = key.created_date().and_then(|time| DateTime::from_timestamp(time.secs(), 0)).unwrap_or_default();
        (own? == stage).then_some(())?;
        Some(Self {
            id: key.id()?.to_owned(),
            customer: customer?.clone(),
            tier: tier?.clone(),
            state: State::of(key, created),
            created,
        })
    }
}

fn text_of(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn time<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text_of(*time))
}
