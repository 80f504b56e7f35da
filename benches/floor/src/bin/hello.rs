//! Returns the same 200 response for each event.

use floor::{Result, serve};

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let response = br#"{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"hello"}"#;
    runtime.block_on(serve(async |_| Ok(response.to_vec())))
}
