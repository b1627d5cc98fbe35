//! The SQL that makes a live database what the entities say.

use std::fmt::Write as _;

use tenantry_entity::Engine;

use super::Drift;
use crate::{
    db::quoted,
    diff::{Change, Renames},
    error::Result,
    lock,
    ops::{
        context::{ApplicationRole, Context},
        v1::{FOREIGN_KEYS_ENFORCED, is_distribution},
    },
    plan::{Backfills, PlannedMigration, Request, plan},
    runner::{Direction, record_in},
    schema::ddl,
    sql::quoted_table,
};

/// A script for psql or sqlite3, with what each change may cost; empty if nothing differs.
///
/// # Errors
///
/// If the statements cannot be recorded, which they always can.
pub async fn mend(drift: &Drift, engine: Engine) -> Result<String> {
    // What is there, in neutral words: what the entities say, with every difference taken back.
    let mut there = drift.entities.clone();
    // Objects are mended by themselves, after all else.
    there.objects.clear();
    let wanted = there.clone();
    for change in &drift.changes {
        change.undo(&mut there);
    }
    let (renames, backfills) = (Renames::default(), Backfills::new());
    let request = Request {
        from: &there.sorted(),
        to: &wanted,
        renames: &renames,
        backfills: &backfills,
        plain_fill: false,
    };
    let plan = plan(&request);
    let planned = PlannedMigration { up: plan.operations, ..PlannedMigration::default() };
    let context = match &drift.application_role {
        Some(role) => {
            let application_role = ApplicationRole { name: role.name.clone(), exists: role.exists };
            Context { engine, application_role, tenancy: drift.tenancy }
        }
        None => Context::usual(engine),
    };
    let statements = record_in(context, &planned, Direction::Up).await?;
    let (indexes, options) = (plain_indexes(drift, engine), options(drift, engine));
    let attached = &drift.attached;
    let lists = [&statements, &indexes, &options, attached, &drift.objects];
    if lists.iter().all(|list| list.is_empty()) {
        return Ok(String::new());
    }
    let mut script = String::new();
    for change in &plan.changes {
        let _ = writeln!(script, "-- {}: {}", change.hazard(), one_line(&change.to_string()));
    }
    for (table, column) in &plan.unfilled {
        let _ = writeln!(script, "-- first give every row a value in {table}.{column}");
    }
    for dependent in &drift.in_the_way {
        let _ = writeln!(
            script,
            "-- may be in the way, so drop it first and make it again: {}",
            one_line(dependent)
        );
    }
    let rebuilds = statements.iter().any(|sql| sql == FOREIGN_KEYS_ENFORCED);
    if rebuilds {
        script.push_str("PRAGMA foreign_keys = 0;\n");
    }
    script.push_str("BEGIN;\n");
    if engine.capability().distributes_tables {
        let _ = writeln!(script, "{};", lock::ON_CITUS);
    }
    for sql in attached {
        let _ = writeln!(script, "{sql};");
    }
    for sql in &options {
        let _ = writeln!(script, "{sql}");
    }
    for sql in &indexes {
        let _ = writeln!(script, "{sql};");
    }
    for sql in statements.iter().filter(|sql| !sql.starts_with("SELECT ") || is_distribution(sql)) {
        let sql = constraint_dropped(sql, drift).unwrap_or_else(|| sql.clone());
        let _ = writeln!(script, "{sql};");
    }
    for sql in &drift.objects {
        let _ = writeln!(script, "{sql};");
    }
    if rebuilds {
        // Says which rows refer to nothing, if there are any.
        script.push_str("PRAGMA foreign_key_check;\n");
    }
    script.push_str("COMMIT;\n");
    Ok(script)
}

/// The statement that drops the constraint, for one that drops the index behind it.
fn constraint_dropped(sql: &str, drift: &Drift) -> Option<String> {
    let index =
        drift.constraints.iter().find(|name| sql == format!("DROP INDEX {}", quoted(name)))?;
    let table = drift.changes.iter().find_map(|change| match change {
        Change::DropIndex { table, index: gone } | Change::AlterIndex { table, from: gone, .. } => {
            (gone.name == *index).then_some(table)
        }
        _ => None,
    })?;
    Some(format!("ALTER TABLE {} DROP CONSTRAINT {}", quoted_table(table), quoted(index)))
}

/// Lines of the script that remove options of live columns and tables, such as a collation. None for SQLite,
/// where the plan recreates the table.
fn options(drift: &Drift, engine: Engine) -> Vec<String> {
    if engine.capability().rebuilds_tables {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for change in &drift.changes {
        let Change::AlterOptions { table, column, from, .. } = change else { continue };
        for option in from {
            let done = match column {
                Some(column) => without_column_option(column, option),
                None => without_table_option(option),
            };
            let place = column.iter().fold(table.clone(), |table, it| format!("{table}.{it}"));
            lines.push(match done {
                Some(done) => format!("ALTER TABLE {} {done};", quoted_table(table)),
                None => format!("-- cannot be mended by a statement: {place} is {option}"),
            });
        }
    }
    lines
}

/// The action of an ALTER TABLE that removes an option of a column; `None` if none does.
fn without_column_option(column: &str, option: &str) -> Option<String> {
    let action = match option {
        option if option.ends_with(" AS IDENTITY") => "DROP IDENTITY".to_owned(),
        option if option.starts_with("NOT NULL ") => "SET NOT NULL".to_owned(),
        _ => return None,
    };
    Some(format!("ALTER COLUMN {} {action}", quoted(column)))
}

/// The same for an option of a table; `None` if no statement removes it.
fn without_table_option(option: &str) -> Option<String> {
    match option {
        "UNLOGGED" => Some("SET LOGGED".to_owned()),
        option if option.starts_with("REPLICA IDENTITY") => {
            Some("REPLICA IDENTITY DEFAULT".to_owned())
        }
        option => {
            let parent = option.strip_prefix("INHERITS (")?.strip_suffix(')')?;
            (!parent.contains(',')).then(|| format!("NO INHERIT {parent}"))
        }
    }
}

/// The statements that make plain indexes of uniques that the engine does not keep: what is planned in
/// neutral words does not know of them.
pub(crate) fn plain_indexes(drift: &Drift, engine: Engine) -> Vec<String> {
    let mut statements = Vec::new();
    for change in &drift.changes {
        let Change::AlterIndex { table, from, to } = change else { continue };
        let neutral = drift.entities.tables.get(table).and_then(|table| {
            table.indexes.iter().find(|index| index.name == to.name && index.unique)
        });
        let (Some(_), Some(table)) = (neutral, drift.expected.tables.get(table)) else { continue };
        if from.unique && !to.unique {
            statements.push(format!("DROP INDEX {}", quoted(&from.name)));
            statements.push(engine.backend().build(&ddl::create_index(table, to)).to_string());
        }
    }
    statements
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
