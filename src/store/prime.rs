//! The request that opens the connection to DynamoDB during the cold start.

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
    /// Sends a request that runs through endpoint, credentials, signature, connection and TLS. The response is ignored.
    pub async fn prime(&self) {
        let request = self.client_without_retries.get_item().table_name(self.table_name("prime")).key(ID, string("0"));
        let _ = request.customize().interceptor(HealthCheck).send().await;
    }
}

/// Rewrites a request, just before it is sent, into the health check of DynamoDB's endpoints: `GET /`.
///
/// The health check needs no permission and no signature. So the role needs no extra grant, no capacity is used, and
/// the audit trail shows no denied request.
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
        // The SDK closes the connection after a success that is not JSON, but keeps it after an error status.
        *context.response_mut().status_mut() = 400.try_into()?;
        Ok(())
    }
}
