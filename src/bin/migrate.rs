//! Changes the data of live tables as the files in `migrations/` define: `make migrations`.

use std::{env, process::ExitCode};

use serverless_crud::{programs, service};

fn main() -> ExitCode {
    programs::migrate(service(), env::args_os().skip(1))
}
