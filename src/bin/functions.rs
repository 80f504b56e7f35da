//! Every function of the service: Lambda's handler setting names the one to run.

use std::{env, process::ExitCode};

use serverless_crud::functions;

fn main() -> ExitCode {
    functions::serve(&env::var("_HANDLER").unwrap_or_default())
}
