//! API keys of customers, each bound to the usage plan of its tier.
//!
//! A key is created disabled, with the state `pending`, bound to its plan, shown, and only then enabled. So an interrupted
//! command leaves a key that nobody can use, and its repetition finds the key and completes it.

mod gateway;
mod key;
mod table;

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    connect::connect,
    failure::{ExitStatus, Failure},
    options::{KeysCommand, Options, Selection},
    output,
};
use gateway::Gateway;
use key::{CustomerKey, State};

/// Runs a command on keys.
pub async fn run(options: &Options, command: &KeysCommand) -> Result<(), Failure> {
    let stage =
        options.stage.as_deref().ok_or_else(|| Failure::new(ExitStatus::Usage, "name the stage: --stage dev"))?;
    let gateway = Gateway::new(&connect(options).await?, stage);
    match command {
        KeysCommand::Create { customer, tier } => create(options, &gateway, customer, tier).await,
        KeysCommand::List { customer } => list(options, &gateway, customer.as_deref()).await,
        KeysCommand::Rotate { customer, overlap_hours } => rotate(options, &gateway, customer, *overlap_hours).await,
        KeysCommand::Revoke(selection) => revoke(options, &gateway, selection).await,
    }
}

async fn create(options: &Options, gateway: &Gateway, customer: &str, tier: &str) -> Result<(), Failure> {
    let plan = gateway.plan(tier).await?;
    let keys = gateway.keys_of(customer).await?;
    let conflict = |reason| Err(Failure::new(ExitStatus::Conflict, reason));
    for CustomerKey { id, state, .. } in &keys {
        match state {
            State::Active(_) => {
                return conflict(format!("{customer} has the key {id}: `crud keys rotate` replaces it"));
            }
            State::Disabled => return conflict(format!("{customer} has the disabled key {id}: revoke it first")),
            State::Pending | State::Expires(_) => {}
        }
    }
    let pending = keys.iter().find(|key| key.state == State::Pending);
    if let Some(key) = pending.filter(|key| key.tier != tier) {
        return conflict(format!(
            "{customer} has a key of the tier {} from an interrupted command: revoke it first",
            key.tier
        ));
    }
    issue(options, gateway, pending, customer, tier, &plan).await
}

/// Creates a key, or completes the pending one, and shows its value.
async fn issue(
    options: &Options,
    gateway: &Gateway,
    pending: Option<&CustomerKey>,
    customer: &str,
    tier: &str,
    plan: &str,
) -> Result<(), Failure> {
    let (id, value) = match pending {
        Some(key) => (key.id.clone(), gateway.value(&key.id).await?),
        None => gateway.create(customer, tier).await?,
    };
    gateway.bind(&id, plan).await?;
    // Shown before it is enabled: a repetition of an interrupted command shows it again, and never after that.
    output::result(options, &json!({ "id": id, "customer": customer, "tier": tier, "value": value }), &value);
    gateway.set_state(&id, State::Active(Utc::now())).await?;
    output::notice(&format!("the key {id} of {customer} is active, in the tier {tier}"));
    Ok(())
}

async fn list(options: &Options, gateway: &Gateway, customer: Option<&str>) -> Result<(), Failure> {
    let keys = gateway.keys().await?;
    let mut keys: Vec<_> = keys.into_iter().filter(|key| customer.is_none_or(|name| key.customer == name)).collect();
    keys.sort_by(|one, other| (&one.customer, one.created).cmp(&(&other.customer, other.created)));
    output::result(options, &json!({ "keys": keys }), &table::of(&keys));
    Ok(())
}

/// Gives a customer a second key, and the first one an expiry.
///
/// If an interrupted rotation has enabled the new key, but not marked the old one, only that is left to do.
async fn rotate(options: &Options, gateway: &Gateway, customer: &str, overlap_hours: u32) -> Result<(), Failure> {
    let keys = gateway.keys_of(customer).await?;
    let pending = keys.iter().find(|key| key.state == State::Pending);
    let since = |key: &CustomerKey| if let State::Active(since) = key.state { Some(since) } else { None };
    let mut active: Vec<_> = keys.iter().filter(|key| since(key).is_some()).collect();
    active.sort_by_key(|key| since(key));
    let Some(newest) = active.last() else {
        let reason = format!("{customer} has no active key: `crud keys create` creates one");
        return Err(Failure::new(ExitStatus::NotFound, reason));
    };
    if active.len() == 1 || pending.is_some() {
        let tier = &newest.tier;
        let plan = gateway.plan(tier).await?;
        issue(options, gateway, pending, customer, tier, &plan).await?;
    } else {
        output::notice(&format!("the rotation to the key {} was interrupted, and is completed", newest.id));
        active.pop();
    }
    let expiry = DateTime::<Utc>::from(SystemTime::now() + Duration::from_secs(u64::from(overlap_hours) * 3600));
    for key in active {
        gateway.set_state(&key.id, State::Expires(expiry)).await?;
        let until = expiry.format("%Y-%m-%d %H:%M UTC");
        output::notice(&format!(
            "the key {} is valid until it is revoked, after {until}: `crud keys revoke --expired`",
            key.id
        ));
    }
    Ok(())
}

/// Deletes keys. An interrupted command leaves those that it has not reached, and its repetition deletes them.
async fn revoke(options: &Options, gateway: &Gateway, selection: &Selection) -> Result<(), Failure> {
    let now = Utc::now();
    let is_selected = |key: &CustomerKey| match (&selection.customer, &selection.id) {
        (Some(customer), _) => key.customer == *customer,
        (_, Some(id)) => key.id == *id,
        _ => matches!(key.state, State::Expires(at) if at <= now),
    };
    let keys: Vec<_> = gateway.keys().await?.into_iter().filter(is_selected).collect();
    if keys.is_empty() && !selection.expired {
        let reason = "there is no such key of a customer: `crud keys list` shows them";
        return Err(Failure::new(ExitStatus::NotFound, reason));
    }
    if options.yes {
        for key in &keys {
            gateway.delete(&key.id).await?;
        }
    } else if !keys.is_empty() {
        output::notice("nothing is revoked without --yes; it would be:");
    }
    let shown = if keys.is_empty() { "no key is expired".to_owned() } else { table::of(&keys) };
    output::result(options, &json!({ "revoked": options.yes, "keys": keys }), &shown);
    Ok(())
}
