//! The Lambda behind `GET /v1/users/{id}`.

use serverless_crud::{handlers, resources::User, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::get::<User>)
}
