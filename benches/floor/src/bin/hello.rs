//! The hello: answers each event with the same 200.

use floor::{Result, serve};

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = br#"{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"hello"}"#;
    runtime.block_on(serve(async |_| Ok(answer.to_vec())))
}
