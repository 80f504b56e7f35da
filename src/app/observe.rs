//! The observation of requests to DynamoDB: their attempts, throttles, capacity and conditions.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
    },
    error::{BoxError, ProvideErrorMetadata},
    operation::{
        RequestId,
        delete_item::{DeleteItemError, DeleteItemInput, DeleteItemOutput},
        get_item::{GetItemError, GetItemInput, GetItemOutput},
        put_item::{PutItemError, PutItemInput, PutItemOutput},
        query::{QueryError, QueryInput, QueryOutput},
        scan::{ScanError, ScanInput, ScanOutput},
        transact_write_items::{TransactWriteItemsError, TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemError, UpdateItemInput, UpdateItemOutput},
    },
    types::{CancellationReason, ConsumedCapacity},
};
use aws_smithy_runtime_api::client::{
    interceptors::context::{Error, Input, Output},
    orchestrator::OrchestratorError,
    retries::RequestAttempts,
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use crate::{
    store::is_throttling,
    telemetry::{Call, Outcome, Target},
};

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// An interceptor that reports each request as a [`Call`].
#[derive(Debug)]
pub struct Observe;

/// A request in progress.
#[derive(Debug)]
struct Observed {
    call: Mutex<Call>,
    throttles: AtomicU32,
}

impl Storable for Observed {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Observe {
    fn name(&self) -> &'static str {
        "Observe"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = Call::start(true, || describe(context.input()));
        settings.interceptor_state().store_put(Observed { call: call.into(), throttles: AtomicU32::new(0) });
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(observed), Some(Err(error))) = (settings.load::<Observed>(), context.output_or_error())
            && Failure::of(error).is_throttled
        {
            observed.throttles.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(observed), Some(response)) = (settings.load::<Observed>(), context.output_or_error()) else {
            return Ok(());
        };
        let mut outcome = match response {
            Ok(output) => Outcome { units: units(output), request_id: request_id(output), ..Outcome::default() },
            Err(error) => {
                let is_condition_met = Failure::of(error).is_condition_failed.then_some(false);
                Outcome { is_condition_met, is_failure: is_condition_met.is_none(), ..Outcome::default() }
            }
        };
        outcome.attempts = settings.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        outcome.throttles = observed.throttles.load(Ordering::Relaxed);
        outcome.status = context.response().map(|response| response.status().as_u16());
        observed.call.lock().unwrap_or_else(PoisonError::into_inner).end(outcome);
        Ok(())
    }
}

/// Returns the operation of a request, with its table if it names one alone.
fn describe(input: &Input) -> (&'static str, Target) {
    macro_rules! of_one_table {
        ($($operation:literal $input:ident $has_condition:expr;)*) => {
            $(if let Some(input) = input.downcast_ref::<$input>() {
                let has_condition: fn(&$input) -> bool = $has_condition;
                let (table, has_condition) = (input.table_name.clone(), has_condition(input));
                return ($operation, Target::DynamoDb { table, has_condition });
            })*
        };
    }
    of_one_table! {
        "GetItem" GetItemInput |_| false;
        "Query" QueryInput |_| false;
        "Scan" ScanInput |_| false;
        "PutItem" PutItemInput |input| input.condition_expression.is_some();
        "UpdateItem" UpdateItemInput |input| input.condition_expression.is_some();
        "DeleteItem" DeleteItemInput |input| input.condition_expression.is_some();
    }
    if input.downcast_ref::<TransactWriteItemsInput>().is_some() {
        return ("TransactWriteItems", Target::DynamoDb { table: None, has_condition: true });
    }
    ("other", Target::DynamoDb { table: None, has_condition: false })
}

/// Returns the consumed capacity units by table.
fn units(output: &Output) -> Vec<(String, f64)> {
    macro_rules! of_one_table {
        ($($output:ident),*) => {
            $(if let Some(output) = output.downcast_ref::<$output>() {
                return output.consumed_capacity().and_then(units_of_table).into_iter().collect();
            })*
        };
    }
    of_one_table!(GetItemOutput, QueryOutput, UpdateItemOutput, PutItemOutput, DeleteItemOutput, ScanOutput);
    let transaction = output.downcast_ref::<TransactWriteItemsOutput>();
    let tables = transaction.map(TransactWriteItemsOutput::consumed_capacity).unwrap_or_default();
    tables.iter().filter_map(units_of_table).collect()
}

fn units_of_table(consumed: &ConsumedCapacity) -> Option<(String, f64)> {
    Some((consumed.table_name().unwrap_or_default().to_owned(), consumed.capacity_units()?))
}

/// Returns the id of a response, for sampled requests.
fn request_id(output: &Output) -> Option<String> {
    if !crate::telemetry::is_traced() {
        return None;
    }
    macro_rules! id {
        ($($output:ident),*) => {
            $(if let Some(output) = output.downcast_ref::<$output>() {
                return output.request_id().map(str::to_owned);
            })*
        };
    }
    id!(
        GetItemOutput,
        QueryOutput,
        UpdateItemOutput,
        PutItemOutput,
        DeleteItemOutput,
        ScanOutput,
        TransactWriteItemsOutput
    );
    None
}

/// The kind of a failed attempt.
#[derive(Default)]
struct Failure {
    is_throttled: bool,
    is_condition_failed: bool,
}

impl Failure {
    fn of(error: &OrchestratorError<Error>) -> Self {
        let Some(error) = error.as_operation_error() else { return Self::default() };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.downcast_ref() {
            let codes = || cancelled.cancellation_reasons().iter().filter_map(CancellationReason::code);
            let is_throttled = codes().any(is_throttling);
            return Self { is_throttled, is_condition_failed: codes().any(|code| code == CONDITION_FAILED) };
        }
        macro_rules! code {
            ($($error:ident),*) => {
                None$(.or_else(|| error.downcast_ref::<$error>().and_then(ProvideErrorMetadata::code)))*
            };
        }
        let code = code!(
            GetItemError,
            QueryError,
            UpdateItemError,
            PutItemError,
            DeleteItemError,
            ScanError,
            TransactWriteItemsError
        );
        Self {
            is_throttled: code.is_some_and(is_throttling),
            is_condition_failed: code == Some("ConditionalCheckFailedException"),
        }
    }
}
