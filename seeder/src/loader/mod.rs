//! How rows reach the database.

mod insert;

pub(crate) use insert::insert;
