//! End-to-end tests of the deployed REST API on an emulator or AWS: `make e2e`.
//!
//! `E2E_URL` holds the address, `…/dev` without a slash, `E2E_KEY` the key of the premium tier and `E2E_BASIC_KEY` the
//! key of the basic tier. `E2E_WITHOUT` lists the capabilities that the emulator lacks, separated by
//! commas.

mod api;
mod gateway;
mod records;
