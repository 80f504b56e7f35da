//! The Lambda behind `PUT` and `PATCH /v1/items/{id}`.

use serverless_crud::{handlers, resources::Item, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::update::<Item>)
}
