//! Writes openapi.json and every other generated file: `make contract`.

use std::{env, process::ExitCode};

use serverless_crud::{programs, service};

fn main() -> ExitCode {
    programs::contract(service(), env::args_os().skip(1))
}
