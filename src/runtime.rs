//! The way of every request: an event in, the handler, an answer out; the only place an error becomes one.

use std::{
    env,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    sync::{
        Arc, LazyLock,
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
use tokio::runtime::{Builder, LocalOptions};

use crate::{
    app::{self, App, Config, LogLevel, metered},
    error::{Crash, Error},
    http::{self, Answer, Request, RequestFacts},
    record::{format_time, now},
};

/// Whether this process has answered before.
static IS_WARM: AtomicBool = AtomicBool::new(false);

/// The fields that say which function and version wrote a line, where Lambda runs this process (Lambda developer guide,
/// "Defined runtime environment variables"). An alarm on a new version counts by `version`.
static WRITER: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let variables = [("function", "AWS_LAMBDA_FUNCTION_NAME"), ("version", "AWS_LAMBDA_FUNCTION_VERSION")];
    variables.into_iter().filter_map(|(field, variable)| Some((field, env::var(variable).ok()?))).collect()
});

/// What is kept of a Lambda's time to answer that there was not enough of it.
pub const ANSWER_MARGIN: Duration = Duration::from_millis(200);

/// How often an idle process looks up: less than the shortest timeout of a request to DynamoDB, and rarely.
const TICK: Duration = Duration::from_millis(500);

/// Runs a handler of requests as a Lambda function.
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

/// Runs a job as a Lambda function: it gets the event and the time it has, and an error of it is the function's.
pub fn serve_job<J, F>(job: J) -> ExitCode
where
    J: Fn(Arc<App>, Value, Duration) -> F + 'static,
    F: Future<Output = Result<Value, Error>>,
{
    serve_events(async move |app, event: Value, remaining| {
        let start = Instant::now();
        // Boxed, as a handler is.
        let outcome = Box::pin(job(app, event, remaining)).await;
        let cause = outcome.as_ref().err().map(cause_of);
        let level = if cause.is_some() { LogLevel::Error } else { LogLevel::Info };
        log(LogLevel::Info, level, start, || json!({ "cause": cause }));
        outcome.map_err(|_| cause.unwrap_or_default().into())
    })
}

/// Feeds the events of this Lambda to `work`, with the time each has.
pub fn serve_events<W, E, A>(work: W) -> ExitCode
where
    W: AsyncFn(Arc<App>, E, Duration) -> Result<A, lambda_runtime::Error> + 'static,
    E: for<'de> Deserialize<'de>,
    A: Serialize,
{
    report_panics();
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return stop(&error.to_string()),
    };
    let app = App::in_lambda(config);
    let served = block_on(async {
        app.prime().await;
        feed(app, work).await
    });
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => stop(&error.to_string()),
        Err(error) => stop(&error.to_string()),
    }
}

/// Runs a Lambda on the thread of the process: one request at a time is all it gets, a second thread would only cost.
///
/// What runs is a task: where the connection's task wakes it, it is only queued. A runtime's root is woken through the
/// driver, with a system call for each of an event's three answers.
///
/// # Errors
/// When there is no runtime to be had.
pub fn block_on<F>(work: F) -> io::Result<F::Output>
where
    F: Future + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        tokio::task::spawn_local(tick());
        Ok(tokio::task::spawn_local(work).await?)
    })
}

/// Keeps a timer that is due before those of an event: a timer that becomes the next one wakes the driver, with two
/// system calls more.
async fn tick() {
    loop {
        tokio::time::sleep(TICK).await;
    }
}

/// Answers the requests of a Lambda function with an app that is there.
///
/// # Errors
/// When Lambda is not to be reached any more.
pub async fn run<H, F>(app: Arc<App>, handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Arc<App>, Request) -> F,
    F: Future<Output = Result<Answer, Error>>,
{
    feed(app, async |app: Arc<App>, event: Box<RawValue>, remaining: Duration| {
        let limit = remaining.saturating_sub(ANSWER_MARGIN);
        Ok(respond(&app, &handler, event.get(), limit).await)
    })
    .await
}

async fn feed<W, E, A>(app: Arc<App>, work: W) -> Result<(), lambda_runtime::Error>
where
    W: AsyncFn(Arc<App>, E, Duration) -> Result<A, lambda_runtime::Error>,
    E: for<'de> Deserialize<'de>,
    A: Serialize,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| {
        let remaining = event.context.deadline().duration_since(std::time::SystemTime::now()).unwrap_or_default();
        work(app.clone(), event.payload, remaining)
    }))
    .await
}

/// Answers one REST proxy event within `limit`, whatever happens: an error, a panic or no time left.
///
/// It logs one line, in which nothing of the request's body, keys or headers is.
pub async fn respond<H, F>(app: &Arc<App>, handler: &H, event: &str, limit: Duration) -> ApiGatewayProxyResponse
where
    H: Fn(Arc<App>, Request) -> F,
    F: Future<Output = Result<Answer, Error>>,
{
    let start = Instant::now();
    let mut facts = RequestFacts::default();
    let work = async {
        let request = http::event(event)?;
        facts = RequestFacts::of(&request);
        // Boxed: inlined, the future's type is too deep for the compiler in a build without optimizations.
        Box::pin(handler(app.clone(), request)).await
    };
    let guarded = app::within(limit, AssertUnwindSafe(work).catch_unwind());
    let (outcome, capacity_units) = metered(guarded).await;
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
            "capacityUnits": capacity_units,
        });
        line.as_object_mut().expect("it is an object").extend(cause.map(|cause| ("cause".into(), cause.into())));
        line
    });
    into_event(answer)
}

/// Writes the line of one event, unless only what is worse is logged: its own fields, and those every line has.
pub fn log(least: LogLevel, level: LogLevel, start: Instant, fields: impl FnOnce() -> Value) {
    // Also where nothing is written: the next event finds the process warm.
    let is_cold_start = !IS_WARM.swap(true, Ordering::Relaxed);
    if level < least {
        return;
    }
    let mut line = fields();
    line["level"] = level.name().into();
    line["time"] = format_time(&now()).into();
    line["durationMs"] = ((start.elapsed().as_secs_f64() * 1e6).round() / 1e3).into();
    line["coldStart"] = is_cold_start.into();
    write_line(line);
}

/// What a line says of an error that is no caller's.
pub fn cause_of(error: &Error) -> String {
    error.cause().unwrap_or_else(|| format!("{error:?}"))
}

/// Writes a line to the log; one that nobody reads any more is no reason to stop.
pub fn write_line(mut line: Value) {
    for (field, value) in WRITER.iter() {
        line[*field] = value.as_str().into();
    }
    // In one piece: the lines of a process that logs from two threads do not mix, and there is one system call.
    let _ = io::stdout().write_all(format!("{line}\n").as_bytes());
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

/// Logs where a panic was, but not its message, which can hold a value of the request.
pub fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string);
        write_line(json!({ "level": LogLevel::Error.name(), "cause": "panic", "location": location }));
    }));
}

/// Logs why the function cannot run at all, which ends its process.
pub fn stop(reason: &str) -> ExitCode {
    write_line(json!({ "level": "FATAL", "cause": reason }));
    ExitCode::FAILURE
}
