//! Every function of the service: Lambda's handler setting names the one to run.

use std::{env, process::ExitCode};

use serverless_crud::{functions, service};

fn main() -> ExitCode {
    functions::serve(&service(), &env::var("_HANDLER").unwrap_or_default())
}
