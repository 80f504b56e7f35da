//! The first request to DynamoDB, which asks for nothing.

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
};

use super::{
    Store,
    row::{ID, string},
};

impl Store {
    /// Goes the way of every request: endpoint, credentials, signature, connection, TLS. DynamoDB's answer is no matter.
    pub async fn prime(&self) {
        let request = self.client_without_retries.get_item().table_name(self.table_name("prime")).key(ID, string("0"));
        let _ = request.customize().interceptor(HealthCheck).send().await;
    }
}

/// Turns a request, just before it is sent, into the health check each endpoint of DynamoDB answers: `GET /`.
///
/// It needs no right and has no signature, so that a role holds nothing for it, no capacity is used, and nothing is
/// denied, which an audit trail would count.
#[derive(Debug)]
struct HealthCheck;

impl Intercept for HealthCheck {
    fn name(&self) -> &'static str {
        "HealthCheck"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_method("GET")?;
        *request.body_mut() = "".into();
        for name in ["authorization", "content-length", "content-type", "x-amz-security-token", "x-amz-target"] {
            request.headers_mut().remove(name);
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A success that is not JSON would count as a broken connection, and close it. A refusal keeps it.
        *context.response_mut().status_mut() = 400.try_into()?;
        Ok(())
    }
}
