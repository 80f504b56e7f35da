//! The Lambda behind `PUT` and `PATCH /v1/users/{id}`.

use serverless_crud::{handlers, resources::User, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::update::<User>)
}
