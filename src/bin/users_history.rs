//! The Lambda behind `GET /v1/users/{id}/history`.

use serverless_crud::{handlers, resources::User, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::history::<User>)
}
