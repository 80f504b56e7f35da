//! The deployed REST API: what `make e2e` asks of it, on an emulator or on AWS.
//!
//! The address is in `E2E_URL`, `…/dev` and no slash, the premium tier's key in `E2E_KEY`, the basic tier's in
//! `E2E_BASIC_KEY`. `E2E_WITHOUT` lists the capabilities that the emulator lacks, separated by commas.

mod api;
mod gateway;
mod records;
