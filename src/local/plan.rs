//! API keys and their usage plan: rate, burst and quota of each key.

use std::{sync::Mutex, time::Duration};

use chrono::{DateTime, Datelike, Months, NaiveTime, Utc};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use super::Options;

/// The API keys, with their usage.
pub struct Plan {
    keys: Vec<Key>,
}

/// An API key.
pub struct Key {
    /// The value of `apiKeyId` in events.
    pub id: &'static str,
    /// The value of the header `x-api-key`.
    pub value: String,
    bucket: DefaultDirectRateLimiter,
    quota: Option<MonthlyQuota>,
}

/// The reason why a request is rejected.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// The key is missing or unknown.
    UnknownKey,
    /// The rate limit is exceeded.
    RateExceeded(Duration),
    /// The monthly quota is used up.
    QuotaUsedUp(Duration),
}

impl Plan {
    /// Returns the plan that the options describe.
    pub fn new(options: &Options) -> Self {
        let key = |id, value: &String| Key {
            id,
            value: value.clone(),
            bucket: RateLimiter::direct(Quota::per_second(options.rate).allow_burst(options.burst)),
            quota: options.quota.map(MonthlyQuota::new),
        };
        Self { keys: vec![key("local-basic", &options.key), key("local-premium", &options.premium_key)] }
    }

    /// Returns the key of a request, and counts the request against its limits.
    ///
    /// # Errors
    /// The [`Refusal`], with the time until a retry can succeed.
    pub fn admit(&self, presented: Option<&str>) -> Result<&Key, Refusal> {
        let key = self.keys.iter().find(|key| Some(key.value.as_str()) == presented).ok_or(Refusal::UnknownKey)?;
        let wait = |until: governor::NotUntil<_>| until.wait_time_from(DefaultClock::default().now());
        key.bucket.check().map_err(|until| Refusal::RateExceeded(wait(until)))?;
        match &key.quota {
            Some(quota) => quota.take(Utc::now()).map(|()| key),
            None => Ok(key),
        }
    }
}

/// A quota per calendar month. The count starts at zero when the server starts.
struct MonthlyQuota {
    limit: u64,
    used: Mutex<(u32, u64)>,
}

impl MonthlyQuota {
    fn new(limit: u64) -> Self {
        Self { limit, used: Mutex::default() }
    }

    fn take(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let mut used = self.used.lock().expect("nothing panics while it holds the lock");
        if used.0 != now.month() {
            *used = (now.month(), 0);
        }
        if used.1 >= self.limit {
            return Err(Refusal::QuotaUsedUp(until_next_month(now)));
        }
        used.1 += 1;
        Ok(())
    }
}

fn until_next_month(now: DateTime<Utc>) -> Duration {
    let first_day = now.date_naive().with_day(1).and_then(|day| day.checked_add_months(Months::new(1)));
    let start = first_day.expect("the clock is far from the end of the calendar").and_time(NaiveTime::MIN).and_utc();
    (start - now).to_std().unwrap_or_default()
}
