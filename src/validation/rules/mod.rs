//! One rule a file; see the recipe in [`super`].

mod checks;
mod columns;
mod foreign_keys;
mod indexes;
mod orphans;
mod primary_keys;
mod sample_rows;
mod tables;

use migration::report::Finding;

use super::facts::Facts;

/// A rule: what it finds wrong with the facts.
type Rule = fn(&Facts) -> Vec<Finding>;

/// Every rule.
pub(super) const ALL: &[Rule] = &[
    tables::check,
    columns::check,
    primary_keys::check,
    foreign_keys::check,
    indexes::check,
    checks::check,
    orphans::check,
    sample_rows::check,
];

/// What to do about a schema that differs. It was changed by hand, or a migration is pending.
const MEND: &str = "run `cargo run -p migration -- status`: apply what is pending, or undo what was \
                    changed by hand";

/// A finding about the schema.
fn structural(code: &'static str, table: &str, message: String) -> Finding {
    Finding { code, table: table.to_owned(), message, help: MEND.to_owned() }
}

/// `the default 'x'` or `no default`
fn default(text: Option<&String>) -> String {
    text.map_or_else(|| "no default".to_owned(), |text| format!("the default {text}"))
}
