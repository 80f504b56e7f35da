//! The Lambda behind `GET /v1/items/{id}/history`.

use serverless_crud::{handlers, resources::Item, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::history::<Item>)
}
