//! The files of `objects/`. Written by `generate`: what is changed here is overwritten.

/// Their texts, by their names without `.sql`.
pub const ALL: &[(&str, &str)] = &[
    ("changed_at.postgres", include_str!("../objects/changed_at.postgres.sql")),
    ("changed_at.sqlite", include_str!("../objects/changed_at.sqlite.sql")),
    ("open_orders.postgres", include_str!("../objects/open_orders.postgres.sql")),
    ("open_orders.sqlite", include_str!("../objects/open_orders.sqlite.sql")),
];
