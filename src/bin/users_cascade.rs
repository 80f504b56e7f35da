//! The Lambda behind the stream of users that archives the items of one who is gone.

use serverless_crud::streams;

fn main() -> std::process::ExitCode {
    streams::serve(streams::users_cascade())
}
