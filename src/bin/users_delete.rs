//! The Lambda behind `DELETE /v1/users/{id}`.

use serverless_crud::{handlers, resources::User, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::delete::<User>)
}
