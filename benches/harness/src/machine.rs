//! The machine's description and CPU affinity.

use std::{fs, process::Command, thread};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use crate::error::Result;

/// Returns the number of cores.
pub fn cores() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let counted = text.lines().filter(|line| line.starts_with("processor")).count();
    counted.max(1).max(thread::available_parallelism().map_or(1, Into::into))
}

/// Pins this thread, and those it starts, to one core.
pub fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Allows this thread to run on any core.
pub fn unpin() -> Result<()> {
    let mut set = CpuSet::new();
    for core in 0..cores() {
        set.set(core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Returns a one-line description of the machine.
pub fn description() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let version = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_else(|_| format!("no {program}"))
    };
    format!(
        "{}, {} cores, {}, Linux {}; {}; Node {}; {}",
        model.unwrap_or("a processor without a name"),
        cores(),
        std::env::consts::ARCH,
        version("uname", "-r").split('-').next().unwrap_or_default(),
        version("rustc", "--version").split(" (").next().unwrap_or_default(),
        version("node", "--version"),
        version("python3", "--version"),
    )
}
