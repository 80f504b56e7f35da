//! The Lambda runtime loop: turns events into requests, and results into responses. Errors become responses only here.

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use futures_util::FutureExt;
use lambda_http::{
    Body,
    lambda_runtime::{self, LambdaEvent, service_fn},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tokio::runtime::Builder;

use crate::{
    app::{App, Config, ConfigError, LogLevel},
    deadline,
    error::{Crash, Error},
    http::{self, Answer, Request, RequestFacts, Roles},
    record::{format_time, now},
    store::metered,
    telemetry::{with_fields, write_line},
};

/// Set once this process has handled an event.
static IS_WARM: AtomicBool = AtomicBool::new(false);

/// The part of the function's timeout that is reserved for the response to a request that runs out of time.
pub const ANSWER_MARGIN: Duration = Duration::from_millis(200);

/// Runs a request handler as a Lambda function.
pub fn serve<H, F>(handler: H) -> ExitCode
where
    H: Fn(Arc<App>, Request) -> F + 'static,
    F: Future<Output = Result<Answer, Error>>,
{
    serve_events(async move |app: Arc<App>, event: Box<RawValue>, remaining| {
        let limit = remaining.saturating_sub(ANSWER_MARGIN);
        Ok(respond(&app, &handler, event.get(), limit).await)
    })
}

/// Runs a job as a Lambda function.
///
/// The job receives the event and the remaining time. An error of the job fails the invocation.
pub fn serve_job<J, F>(job: J) -> ExitCode
where
    J: Fn(Arc<App>, Value, Duration) -> F + 'static,
    F: Future<Output = Result<Value, Error>>,
{
    serve_events(async move |app, event: Value, remaining| {
        let start = Instant::now();
        // Boxed for the same reason as a handler in `respond`.
        let outcome = Box::pin(job(app, event, remaining)).await;
        let cause = outcome.as_ref().err().map(cause_of);
        let level = if cause.is_some() { LogLevel::Error } else { LogLevel::Info };
        log(LogLevel::Info, level, start, || json!({ "cause": cause }));
        outcome.map_err(|_| cause.unwrap_or_default().into())
    })
}

/// Calls `work` with every event of this Lambda function and the remaining time of its invocation.
pub fn serve_events<W, E, A>(work: W) -> ExitCode
where
    W: AsyncFn(Arc<App>, E, Duration) -> Result<A, lambda_runtime::Error> + 'static,
    E: for<'de> Deserialize<'de>,
    A: Serialize,
{
    let start = async || {
        let app = App::in_lambda(Config::from_env()?);
        app.prime().await;
        Ok(app)
    };
    serve_with(start, work)
}

/// Calls `work` with the state that `start` creates, and every event of this Lambda function with the remaining time of its
/// invocation.
pub fn serve_with<S, W, E, A>(start: impl AsyncFnOnce() -> Result<Arc<S>, ConfigError> + 'static, work: W) -> ExitCode
where
    S: 'static,
    W: AsyncFn(Arc<S>, E, Duration) -> Result<A, lambda_runtime::Error> + 'static,
    E: for<'de> Deserialize<'de>,
    A: Serialize,
{
    report_panics();
    let served = block_on(async {
        let state = start().await.map_err(|error| error.to_string())?;
        run_loop(state, work).await.map_err(|error| error.to_string())
    });
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(reason)) => stop(&reason),
        Err(error) => stop(&error.to_string()),
    }
}

/// Runs a future to completion on a single-threaded runtime.
///
/// A Lambda instance handles one request at a time, so that a second thread would only add cost.
///
/// # Errors
/// When the runtime cannot be built.
fn block_on<F: Future>(work: F) -> io::Result<F::Output> {
    Ok(Builder::new_current_thread().enable_all().build()?.block_on(work))
}

/// Runs a request handler as a Lambda function, with an app that the caller built.
///
/// # Errors
/// When the Lambda runtime API cannot be reached any more.
pub async fn run<H, F>(app: Arc<App>, handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Arc<App>, Request) -> F,
    F: Future<Output = Result<Answer, Error>>,
{
    run_loop(app, async |app: Arc<App>, event: Box<RawValue>, remaining: Duration| {
        let limit = remaining.saturating_sub(ANSWER_MARGIN);
        Ok(respond(&app, &handler, event.get(), limit).await)
    })
    .await
}

async fn run_loop<S, W, E, A>(state: Arc<S>, work: W) -> Result<(), lambda_runtime::Error>
where
    W: AsyncFn(Arc<S>, E, Duration) -> Result<A, lambda_runtime::Error>,
    E: for<'de> Deserialize<'de>,
    A: Serialize,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| {
        let remaining = event.context.deadline().duration_since(std::time::SystemTime::now()).unwrap_or_default();
        work(state.clone(), event.payload, remaining)
    }))
    .await
}

/// Returns the response to one REST proxy event within `limit`, also after an error, a panic or a timeout.
///
/// It writes one log line, which contains nothing of the request's body, keys or headers.
pub async fn respond<H, F>(app: &Arc<App>, handler: &H, event: &str, limit: Duration) -> ApiGatewayProxyResponse
where
    H: Fn(Arc<App>, Request) -> F,
    F: Future<Output = Result<Answer, Error>>,
{
    let start = Instant::now();
    let mut facts = RequestFacts::default();
    let work = async {
        let mut request = http::event(event)?;
        let config = &app.config;
        let roles = Roles { of_applications: &config.application_roles, of_services: &config.service_roles };
        http::identify(&mut request, roles);
        facts = RequestFacts::of(&request);
        // Boxed: inlined, the future's type is too deep for the compiler in a build without optimizations.
        Box::pin(handler(app.clone(), request)).await
    };
    let guarded = deadline::within(limit, AssertUnwindSafe(work).catch_unwind());
    let ((outcome, capacity_units), fields) = with_fields(metered(guarded)).await;
    let result = match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Error::Internal(Crash("the handler panicked").into())),
        Err(_elapsed) => Err(Error::Unavailable(Crash("the function's time ran out").into())),
    };
    let cause = result.as_ref().err().and_then(Error::cause);
    let mut answer = result.unwrap_or_else(|error| http::problem(&error, &facts.request_id));
    http::cors::allow(&mut answer, facts.origin.as_deref(), &app.config.cors_origins);
    let level = if answer.status().is_server_error() { LogLevel::Error } else { LogLevel::Info };
    log(app.config.log_level, level, start, || {
        let mut line = json!({
            "requestId": facts.request_id,
            "route": facts.route,
            "status": answer.status().as_u16(),
            "principalKind": facts.principal.0.name(),
            "principalId": facts.principal.1,
            "capacityUnits": capacity_units,
        });
        let cause = cause.map(|cause| ("cause".into(), cause.into()));
        line.as_object_mut().expect("it is an object").extend(fields.into_iter().chain(cause));
        line
    });
    into_event(answer)
}

/// Writes the log line of one event, if `level` is at least `min_level`.
///
/// The line has the given fields and the fields that every line has: level, time, duration and cold start.
pub fn log(min_level: LogLevel, level: LogLevel, start: Instant, fields: impl FnOnce() -> Value) {
    // Set even when no line is written: the next event is not a cold start.
    let is_cold_start = !IS_WARM.swap(true, Ordering::Relaxed);
    if level < min_level {
        return;
    }
    let mut line = fields();
    line["level"] = level.name().into();
    line["time"] = format_time(&now()).into();
    line["durationMs"] = ((start.elapsed().as_secs_f64() * 1e6).round() / 1e3).into();
    line["coldStart"] = is_cold_start.into();
    write_line(line);
}

/// Returns the cause of an error for the log. An error that the client caused has none: its debug form is returned.
pub fn cause_of(error: &Error) -> String {
    error.cause().unwrap_or_else(|| format!("{error:?}"))
}

fn into_event(answer: Answer) -> ApiGatewayProxyResponse {
    let (parts, body) = answer.into_parts();
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = parts.status.as_u16().into();
    response.multi_value_headers = parts.headers;
    response.body = match body {
        Body::Empty => None,
        body => Some(body),
    };
    response
}

/// Installs a panic hook that logs the location of a panic, but not its message, which can contain request data.
pub fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string);
        write_line(json!({ "level": LogLevel::Error.name(), "cause": "panic", "location": location }));
    }));
}

/// Logs the reason why the function cannot start, and returns the exit code of a failure.
pub fn stop(reason: &str) -> ExitCode {
    write_line(json!({ "level": "FATAL", "cause": reason }));
    ExitCode::FAILURE
}
