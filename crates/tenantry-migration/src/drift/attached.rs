//! Triggers and rules on the entities' tables, and foreign keys whose triggers are disabled. No migration
//! makes any of them, and each can change what is written.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use tenantry_entity::Engine;

use crate::{db::quoted, report::Finding, schema::Schema};

#[derive(FromQueryResult)]
struct Row {
    kind: String,
    name: String,
    table_name: String,
}

/// A finding for each.
pub(super) async fn attached<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    entities: &Schema,
) -> Result<Vec<Finding>, DbErr> {
    let sql = match engine {
        Engine::Sqlite => {
            "SELECT 'trigger' AS kind, name, tbl_name AS table_name FROM sqlite_schema \
             WHERE type = 'trigger' ORDER BY tbl_name, name"
        }
        _ => {
            "SELECT DISTINCT x.kind, x.name, c.relname::text AS table_name FROM ( \
             SELECT 'trigger' AS kind, tgname::text AS name, tgrelid AS oid FROM pg_trigger \
             WHERE NOT tgisinternal UNION ALL \
             SELECT 'foreign key', k.conname::text, k.conrelid FROM pg_trigger t \
             JOIN pg_constraint k ON k.oid = t.tgconstraint AND k.contype = 'f' \
             WHERE t.tgisinternal AND t.tgenabled IN ('D', 'R') UNION ALL \
             SELECT 'rule', rulename::text, ev_class FROM pg_rewrite \
             WHERE rulename <> '_RETURN') x \
             JOIN pg_class c ON c.oid = x.oid AND c.relkind IN ('r', 'p') \
             WHERE c.relnamespace = \
             (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY 3, 1, 2"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let rows: Vec<Row> =
        rows.iter().map(|row| Row::from_query_result(row, "")).collect::<Result<_, _>>()?;
    // SQLite keeps the table's name as the trigger spells it.
    let is_ours = |row: &Row| entities.tables.keys().any(|name| row.is_on(name, engine));
    Ok(rows.into_iter().filter(is_ours).map(|row| row.finding(engine)).collect())
}

impl Row {
    fn is_on(&self, table: &str, engine: Engine) -> bool {
        match engine {
            Engine::Sqlite => self.table_name.eq_ignore_ascii_case(table),
            _ => self.table_name == table,
        }
    }

    fn finding(self, engine: Engine) -> Finding {
        let (name, table) = (quoted(&self.name), quoted(&self.table_name));
        let accept = "accept it in migration/accepted_drift.json with a reason, or run";
        let (code, message, help) = match self.kind.as_str() {
            "foreign key" => (
                "foreign-key-disabled",
                "its triggers are disabled, so the server accepts rows that refer to nothing",
                format!(
                    "as a superuser, run `ALTER TABLE {table} ENABLE TRIGGER ALL`, and look for such rows"
                ),
            ),
            "rule" => (
                "rule-unexpected",
                "the rule may change or leave out what is written, and no migration made it",
                format!("{accept} `DROP RULE {name} ON {table}`"),
            ),
            _ => (
                "trigger-unexpected",
                "the trigger may change or leave out what is written, and no migration made it",
                match engine {
                    Engine::Sqlite => format!("{accept} `DROP TRIGGER {name}`"),
                    _ => format!("{accept} `DROP TRIGGER {name} ON {table}`"),
                },
            ),
        };
        Finding {
            code,
            table: self.table_name,
            object: Some(self.name),
            message: message.to_owned(),
            help,
        }
    }
}
