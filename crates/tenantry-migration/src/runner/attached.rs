//! What is attached to tables and no migration makes: triggers, and on PostgreSQL rules, extended statistics,
//! sequences, places in a publication, and another owner.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use tenantry_entity::Engine;

use crate::db::literal;
use crate::sql::{is_ours, name_in_model};

/// Something attached to a table.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Attached {
    /// `trigger`, `rule`, `statistics`, `publication`, `sequence` or `owner`.
    pub(crate) kind: String,
    /// Its name; of an `owner`, who should be it.
    pub(crate) name: String,
    /// The table. SQLite keeps its name as the trigger spells it.
    pub(crate) table_name: String,
}

impl Attached {
    /// Whether it belongs to the table of that name.
    pub(crate) fn is_on(&self, table: &str, engine: Engine) -> bool {
        match engine {
            Engine::Sqlite => self.table_name.eq_ignore_ascii_case(table),
            _ => self.table_name == table,
        }
    }

    /// What it is, for a person.
    pub(crate) fn sentence(&self) -> String {
        format!("the {} {} on {}", self.kind, self.name, self.table_name)
    }
}

/// All that is attached to tables of the current schema. With the names of the bookkeeping table and the
/// application role, tables that belong to another role than that table are among it; not those that belong to
/// the application role, which is a finding of its own.
///
/// # Errors
///
/// If the query fails.
pub(crate) async fn attached<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    owned_like: Option<(&str, &str)>,
) -> Result<Vec<Attached>, DbErr> {
    let sql = if engine == Engine::Sqlite {
        "SELECT 'trigger' AS kind, name, tbl_name AS table_name FROM sqlite_schema \
         WHERE type = 'trigger' ORDER BY tbl_name, name"
            .to_owned()
    } else {
        let owners = owned_like.map(|(bookkeeping, role)| {
            format!(
                " UNION ALL SELECT 'owner', pg_get_userbyid(b.relowner)::text, o.oid FROM pg_class b \
                 JOIN pg_class o ON {} AND o.relowner <> b.relowner \
                 WHERE b.relname = {} AND b.relnamespace = (SELECT oid FROM pg_namespace \
                 WHERE nspname = current_schema()) \
                 AND pg_get_userbyid(o.relowner) <> {}",
                is_ours("o.relnamespace"),
                literal(bookkeeping),
                literal(role)
            )
        });
        format!(
            "SELECT x.kind, x.name, {name} AS table_name FROM ( \
             SELECT 'trigger' AS kind, tgname::text AS name, tgrelid AS oid FROM pg_trigger \
             WHERE NOT tgisinternal UNION ALL \
             SELECT 'rule', rulename::text, ev_class FROM pg_rewrite \
             WHERE rulename <> '_RETURN' UNION ALL \
             SELECT 'statistics', stxname::text, stxrelid FROM pg_statistic_ext UNION ALL \
             SELECT 'publication', p.pubname::text, r.prrelid FROM pg_publication_rel r \
             JOIN pg_publication p ON p.oid = r.prpubid UNION ALL \
             SELECT 'sequence', s.relname::text, d.refobjid FROM pg_depend d \
             JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
             WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass \
             AND d.deptype = 'a' AND NOT EXISTS (SELECT 1 FROM pg_depend u \
             WHERE u.classid = 'pg_attrdef'::regclass AND u.refobjid = s.oid){}) x \
             JOIN pg_class c ON c.oid = x.oid AND c.relkind IN ('r', 'p') \
             WHERE {ours} ORDER BY 3, 1, 2",
            owners.unwrap_or_default(),
            name = name_in_model("c"),
            ours = is_ours("c.relnamespace"),
        )
    };
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter().map(|row| Attached::from_query_result(row, "")).collect()
}
