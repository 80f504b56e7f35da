//! Operates a deployed stage.

use std::{env, process::ExitCode};

use serverless_crud::operator;

fn main() -> ExitCode {
    operator::run(env::args_os())
}
