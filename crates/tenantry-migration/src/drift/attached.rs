//! Findings on what is attached to the entities' tables by hand: triggers and rules, which can change what is
//! written, and an owner who made no migration.

use tenantry_entity::Engine;

use crate::sql::quoted_table;
use crate::{db::quoted, report::Finding, runner::Attached, schema::Schema};

/// Whether it is one, on a table of the entities. What the engine brings along belongs to it.
pub(super) fn is_found(it: &Attached, engine: Engine, entities: &Schema) -> bool {
    ["trigger", "rule", "owner"].contains(&it.kind.as_str())
        && engine.capability().built_in(&it.table_name).is_none()
        && entities.tables.keys().any(|name| it.is_on(name, engine))
}

pub(super) fn finding(it: &Attached, engine: Engine) -> Finding {
    let may_change = "may change or leave out what is written, and no migration made it";
    let (code, object, message) = match it.kind.as_str() {
        "owner" => (
            "table-owner",
            None,
            format!(
                "the table does not belong to {}, to whom what records the migrations belongs, so that \
                 migrations may not be able to alter it",
                it.name
            ),
        ),
        "rule" => ("rule-unexpected", Some(it.name.clone()), format!("the rule {may_change}")),
        _ => ("trigger-unexpected", Some(it.name.clone()), format!("the trigger {may_change}")),
    };
    let help = format!(
        "accept it in migration/accepted_drift.json with a reason, or run `{}`",
        undone(it, engine)
    );
    Finding { code, table: it.table_name.clone(), object, message, help }
}

/// The statement that makes it what the migrations made.
pub(super) fn undone(it: &Attached, engine: Engine) -> String {
    let (name, table) = (quoted(&it.name), quoted_table(&it.table_name));
    match it.kind.as_str() {
        "owner" => format!("ALTER TABLE {table} OWNER TO {name}"),
        "rule" => format!("DROP RULE {name} ON {table}"),
        _ if engine == Engine::Sqlite => format!("DROP TRIGGER {name}"),
        _ => format!("DROP TRIGGER {name} ON {table}"),
    }
}
