//! The operations beyond CRUD: one file each, with its handler and its contract.

pub mod publish;
