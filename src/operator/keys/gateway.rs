//! The requests to API Gateway. Each names the permission that it needs.

use aws_config::SdkConfig;
use aws_sdk_apigateway::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    types::{Op, PatchOperation},
};

use super::{
    super::{
        PROJECT,
        failure::{ExitStatus, Failure},
    },
    key::{CustomerKey, State, TAGS},
};

/// The keys and usage plans of a stage.
pub struct Gateway {
    client: Client,
    stage: String,
}

impl Gateway {
    /// Creates a client for the keys of a stage.
    pub fn new(config: &SdkConfig, stage: &str) -> Self {
        Self { client: Client::new(config), stage: stage.to_owned() }
    }

    /// Returns the prefix of the names of the stage.
    fn prefix(&self) -> String {
        format!("{PROJECT}-{}-", self.stage)
    }

    /// Returns the prefix of the names of its customers' keys.
    fn key_prefix(&self) -> String {
        format!("{}customer-", self.prefix())
    }

    /// Returns the id of the usage plan of a tier, which the stack names after the stage and the tier.
    pub async fn plan(&self, tier: &str) -> Result<String, Failure> {
        let mut tiers = Vec::new();
        let mut pages = self.client.get_usage_plans().into_paginator().items().send();
        while let Some(plan) = pages.next().await {
            let plan = plan.map_err(|error| Failure::of_request("apigateway:GET on /usageplans", &error))?;
            let name = plan.name().and_then(|name| name.strip_prefix(&self.prefix()));
            // A tier has no hyphen: with one it is the plan of a stage whose name begins with this one's.
            let Some((name, id)) = name.filter(|name| !name.contains('-')).zip(plan.id()) else { continue };
            if name == tier {
                return Ok(id.to_owned());
            }
            tiers.push(name.to_owned());
        }
        Err(Failure::new(
            ExitStatus::NotFound,
            match tiers.as_slice() {
                [] => format!("there is no stage {} with usage plans in this region and account", self.stage),
                tiers => format!("{} has no tier {tier}: its tiers are {}", self.stage, tiers.join(", ")),
            },
        ))
    }

    /// Returns the keys of all customers.
    pub async fn keys(&self) -> Result<Vec<CustomerKey>, Failure> {
        let mut keys = Vec::new();
        let request = self.client.get_api_keys().name_query(self.key_prefix()).include_values(false);
        let mut pages = request.into_paginator().items().send();
        while let Some(key) = pages.next().await {
            let key = key.map_err(|error| Failure::of_request("apigateway:GET on /apikeys", &error))?;
            keys.extend(CustomerKey::read(&key, &self.stage));
        }
        Ok(keys)
    }

    /// Returns the keys of a customer.
    pub async fn keys_of(&self, customer: &str) -> Result<Vec<CustomerKey>, Failure> {
        Ok(self.keys().await?.into_iter().filter(|key| key.customer == customer).collect())
    }

    /// Creates a disabled key. Returns its id and its value.
    pub async fn create(&self, customer: &str, tier: &str) -> Result<(String, String), Failure> {
        let mut request = self.client.create_api_key().name(format!("{}{customer}", self.key_prefix()));
        for (name, value) in TAGS.into_iter().zip([customer, tier, &self.stage]) {
            request = request.tags(name, value);
        }
        let key = request.tags("project", PROJECT).enabled(false).description(State::Pending.to_string()).send().await;
        let key = key.map_err(|error| Failure::of_request("apigateway:POST on /apikeys", &error))?;
        complete(key.id, key.value)
    }

    /// Returns the value of a key.
    pub async fn value(&self, id: &str) -> Result<String, Failure> {
        let key = self.client.get_api_key().api_key(id).include_value(true).send().await;
        let key = key.map_err(|error| Failure::of_request(&format!("apigateway:GET on /apikeys/{id}"), &error))?;
        complete(key.id, key.value).map(|(_, value)| value)
    }

    /// Binds a key to a usage plan, unless it is bound already.
    pub async fn bind(&self, id: &str, plan: &str) -> Result<(), Failure> {
        let bound = self.client.create_usage_plan_key().usage_plan_id(plan).key_id(id).key_type("API_KEY").send().await;
        let Err(error) = bound else { return Ok(()) };
        let permission = format!("apigateway:POST on /usageplans/{plan}/keys");
        let failure = Failure::of_request(&permission, &error);
        if error.code() != Some("ConflictException") {
            return Err(failure);
        }
        let found = self.client.get_usage_plan_key().usage_plan_id(plan).key_id(id).send().await;
        found.map(drop).map_err(|_| failure)
    }

    /// Sets the state of a key, and enables it if that is [`State::Active`].
    pub async fn set_state(&self, id: &str, state: State) -> Result<(), Failure> {
        let replace =
            |path: &str, value: &str| PatchOperation::builder().op(Op::Replace).path(path).value(value).build();
        let mut update = self.client.update_api_key().api_key(id);
        update = update.patch_operations(replace("/description", &state.to_string()));
        if matches!(state, State::Active(_)) {
            update = update.patch_operations(replace("/enabled", "true"));
        }
        let updated = update.send().await;
        updated.map(drop).map_err(|error| Failure::of_request(&format!("apigateway:PATCH on /apikeys/{id}"), &error))
    }

    /// Deletes a key, unless it is gone already.
    pub async fn delete(&self, id: &str) -> Result<(), Failure> {
        let deleted = self.client.delete_api_key().api_key(id).send().await;
        deleted.map(drop).or_else(|error| {
            if is_missing(&error) {
                Ok(())
            } else {
                Err(Failure::of_request(&format!("apigateway:DELETE on /apikeys/{id}"), &error))
            }
        })
    }
}

fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("NotFoundException")
}

fn complete(id: Option<String>, value: Option<String>) -> Result<(String, String), Failure> {
    id.zip(value).ok_or_else(|| Failure::new(ExitStatus::Failed, "AWS answered without the id or the value of the key"))
}
