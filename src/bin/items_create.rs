//! The Lambda behind `POST /v1/items`.

use serverless_crud::{handlers, resources::Item, runtime};

fn main() -> std::process::ExitCode {
    runtime::serve(handlers::create::<Item>)
}
