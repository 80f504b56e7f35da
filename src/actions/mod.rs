//! The operations beyond CRUD: one file each, with its handler and its contract.

pub mod describe;
pub mod paraphrase;
pub mod publish;
