//! How rows reach the database.

mod insert;

pub(crate) use insert::{insert, insert_by_tenant};
