//! What migrations call.
//!
//! A migration is frozen history, and so is everything it calls: a module here is append-only, and
//! a changed behaviour is a new module. The SQL of every migration is pinned by the tests.

pub mod context;
pub mod v1;
