//! The consumers of the events of the bus: one file each, with its code and its definition.

pub mod users_cascade;
