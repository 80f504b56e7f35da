//! The Lambda behind `POST /v1/users`.

use serverless_crud::{handlers, resources::User, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::create::<User>)
}
