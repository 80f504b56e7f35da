//! API keys and their usage plan: rate, burst and quota, each key on its own.

use std::{sync::Mutex, time::Duration};

use chrono::{DateTime, Datelike, Months, NaiveTime, Utc};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use super::Options;

/// The keys, with what each has used.
pub struct Plan {
    keys: Vec<Key>,
}

/// An API key.
pub struct Key {
    /// What `apiKeyId` says of it.
    pub id: &'static str,
    /// What the client sends.
    pub value: String,
    bucket: DefaultDirectRateLimiter,
    quota: Option<MonthlyQuota>,
}

/// Why a request is not let through.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// No key, or none that is known.
    UnknownKey,
    /// Too many requests at once.
    TooFast(Duration),
    /// No requests left this month.
    QuotaUsedUp(Duration),
}

impl Plan {
    /// The plan the options describe.
    pub fn new(options: &Options) -> Self {
        let key = |id, value: &String| Key {
            id,
            value: value.clone(),
            bucket: RateLimiter::direct(Quota::per_second(options.rate).allow_burst(options.burst)),
            quota: options.quota.map(MonthlyQuota::new),
        };
        Self { keys: vec![key("local-basic", &options.key), key("local-premium", &options.premium_key)] }
    }

    /// The key of a request, counting the request against its limits.
    ///
    /// # Errors
    /// The [`Refusal`], with the time until it makes sense to try again.
    pub fn admit(&self, presented: Option<&str>) -> Result<&Key, Refusal> {
        let key = self.keys.iter().find(|key| Some(key.value.as_str()) == presented).ok_or(Refusal::UnknownKey)?;
        let wait = |until: governor::NotUntil<_>| until.wait_time_from(DefaultClock::default().now());
        key.bucket.check().map_err(|until| Refusal::TooFast(wait(until)))?;
        match &key.quota {
            Some(quota) => quota.take(Utc::now()).map(|()| key),
            None => Ok(key),
        }
    }
}

/// So many requests a calendar month, counted from the server's start: a restart begins anew.
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
