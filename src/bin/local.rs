//! Serves the API on this machine: `make run`, and prints tokens of its users: `make token`.

use std::{env, process::ExitCode};

use serverless_crud::{programs, service};

fn main() -> ExitCode {
    programs::local(service(), env::args_os().skip(1))
}
