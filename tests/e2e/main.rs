//! End-to-end tests of the deployed REST API on an emulator or AWS: `make e2e`.
//!
//! `E2E_URL` holds the address, `…/dev` without a slash, `E2E_KEY` the key of the premium tier and `E2E_BASIC_KEY` the
//! key of the basic tier. `E2E_ADMIN_TOKEN`, `E2E_MEMBER_TOKEN` and `E2E_OTHER_TOKEN` hold tokens of an administrator and of two
//! users, `E2E_ID_TOKEN` an ID token, `E2E_STRANGER_TOKEN` one for another application. `E2E_WITHOUT` lists the capabilities that the emulator lacks, separated by
//! commas.

mod api;
mod gateway;
mod records;
mod tokens;
