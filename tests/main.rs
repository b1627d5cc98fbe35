//! The integration tests: one binary, because linking SeaORM is slow.
//!
//! Each test runs on SQLite and on a real PostgreSQL, with a database of its own; see [`support`].
//! Files are named by what they prove.

#![allow(
    clippy::assigning_clones,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::panic,
    clippy::semicolon_if_nothing_returned,
    clippy::single_match_else,
    clippy::too_many_lines,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test may stop at the first surprise, and no crate links it"
)]

#[macro_use]
mod support;

mod adoption;
mod any_entities;
mod application_role;
mod atomicity;
mod backup;
mod bad_input;
mod blocked;
mod budget;
mod citus;
mod contract;
mod conversions;
mod destruction;
mod division;
mod drift;
mod end_to_end;
mod entities;
mod equivalence;
mod example_shop;
mod frozen_history;
mod generated;
mod generated_source;
mod isolation;
mod journal;
mod killed;
mod library;
mod lint;
mod loading;
mod model;
mod nile;
mod objects;
mod pgbouncer;
mod proof;
mod property;
mod racing;
mod reach;
mod rebuild;
mod rehearsal;
mod round_trip;
mod sample_keys;
mod schemas;
mod scope;
mod sealed;
mod seeding;
mod shape;
mod tenancy_shapes;
mod tenant_api;
mod trials;
mod types;
mod validation;
