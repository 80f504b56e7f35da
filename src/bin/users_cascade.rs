//! The Lambda behind the queue of deleted users that archives the items of one who is gone.

use serverless_crud::streams;

fn main() -> std::process::ExitCode {
    streams::serve_messages(streams::users_cascade())
}
