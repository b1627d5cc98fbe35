#![doc = include_str!("../README.md")]

pub mod adopt;
pub mod diff;
pub mod direction;
pub mod error;
#[doc(hidden)]
pub mod fingerprint;
pub mod generate;
pub mod lint;
#[doc(hidden)]
pub mod list;
pub mod ops;
pub mod plan;
pub mod report;
pub mod schema;
pub mod sentence;
pub mod sql;

pub use direction::Direction;
pub use error::{Error, ModelError, Result};
