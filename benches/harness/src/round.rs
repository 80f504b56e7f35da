//! The measurement of one start of a program: init, first event, warm events.

use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    catalogue::{AUTHORIZER, Kind, Program},
    database::Database,
    error::Result,
    issuer::AUDIENCE,
    machine,
    options::Options,
    runtime_api::RuntimeApi,
    sample::Sample,
    stats,
};

/// A process that is killed on drop.
struct ChildGuard(Child);

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program once and measures it.
pub async fn measure(options: &Options, database: &Database, program: &Program) -> Result<Sample> {
    let mut events = Vec::new();
    for _ in 0..=options.warm {
        events.push(database.build_event(options, &program.function).await?);
    }
    let mut api = RuntimeApi::start().await?;
    let command = command(options, database, program, &api)?;
    let (start, running) = tokio::task::spawn_blocking(|| spawn_pinned(command)).await??;
    let init = api.wait_for_poll().await? - start;
    let process = running.0.id();

    let mut events = events.into_iter();
    let first = invoke(&mut api, events.next()).await?;
    let cpu = cpu_time(process)?;
    let mut warm = Vec::new();
    for event in events {
        warm.push(invoke(&mut api, Some(event)).await?);
    }
    let cpu = (cpu_time(process)? - cpu) / u32::try_from(warm.len())?.max(1);
    warm.sort();
    let [p50, p90, p99] = [50, 90, 99].map(|percent| stats::percentile(&warm, percent));
    Ok(Sample { init, first, p50, p90, p99, cpu, memory: peak_memory(process)? })
}

async fn invoke(api: &mut RuntimeApi, event: Option<String>) -> Result<Duration> {
    let (duration, response) = api.invoke(event.ok_or("there is an event")?).await?;
    let response: Value = serde_json::from_slice(&response)?;
    let is_success = response["statusCode"].as_u64().is_some_and(|status| (200..300).contains(&status));
    if is_success || response["policyDocument"].is_object() {
        Ok(duration)
    } else {
        Err(format!("the response is {response}").into())
    }
}

fn command(options: &Options, database: &Database, program: &Program, api: &RuntimeApi) -> Result<Command> {
    let tls = &database.tls;
    let trusted = if program.kind == Kind::Python { &tls.system_bundle } else { &tls.small_bundle };
    // Lambda reads a function's standard output with a separate process; here it goes to a file.
    let log = File::create(options.output_folder().join("function.log"))?;
    let mut command = Command::new(&program.command[0]);
    command
        .args(&program.command[1..])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_LAMBDA_RUNTIME_API", &api.address)
        .env("AWS_LAMBDA_FUNCTION_NAME", &program.function)
        .env("_HANDLER", &program.function)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        .env("AWS_ENDPOINT_URL_DYNAMODB", &tls.database)
        .env("TABLE_PREFIX", "local-")
        .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &database.secrets_url)
        .env("BENCH_WITHOUT", &program.without)
        // A Lambda always sees at least two cores, whatever its share of them.
        .env("TOKIO_WORKER_THREADS", "2")
        .env("AWS_CA_BUNDLE", trusted)
        .env("SSL_CERT_FILE", &tls.system_bundle)
        .env("NODE_EXTRA_CA_CERTS", &tls.own_root)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    if program.function == AUTHORIZER {
        command.env("ISSUER", &tls.issuer).env("AUDIENCE", AUDIENCE);
    }
    // As the stack has it: only those that sign cursors know the secret.
    if program.function.ends_with("_list") || program.function.ends_with("_history") {
        command.env("CURSOR_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:bench");
    }
    Ok(command)
}

/// Starts a process on the last core, from the current thread.
fn spawn_pinned(mut command: Command) -> Result<(Instant, ChildGuard)> {
    machine::pin(machine::cores() - 1)?;
    let start = Instant::now();
    let child = command.spawn();
    machine::pin(0)?;
    Ok((start, ChildGuard(child?)))
}

/// Returns the CPU time used by all threads of a process.
fn cpu_time(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn peak_memory(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak memory is known")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
