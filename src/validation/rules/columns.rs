//! Every column is there, with its type, nullability and default, and no other.

use migration::{diff::Change, report::Finding};

use super::{Facts, default, structural};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.changes.iter().filter_map(finding).collect()
}

fn finding(change: &Change) -> Option<Finding> {
    let (code, table, message) = match change {
        Change::AddColumn { table, column } => {
            ("column-missing", table, format!("the column {} does not exist", column.name))
        }
        Change::DropColumn { table, column } => {
            ("column-unexpected", table, format!("no entity has the column {}", column.name))
        }
        Change::AlterType { table, from, to } => {
            ("column-type", table, format!("{} is {}, and should be {}", to.name, from.ty, to.ty))
        }
        Change::AlterNullable { table, to, .. } => {
            let message = if to.nullable {
                format!("{} refuses NULL, and should take it", to.name)
            } else {
                format!("{} takes NULL, and should refuse it", to.name)
            };
            ("column-nullability", table, message)
        }
        Change::AlterDefault { table, from, to } => {
            let (from_text, to_text) =
                (default(from.default.as_ref()), default(to.default.as_ref()));
            (
                "column-default",
                table,
                format!("{} has {from_text}, and should have {to_text}", to.name),
            )
        }
        _ => return None,
    };
    Some(structural(code, table, message))
}
