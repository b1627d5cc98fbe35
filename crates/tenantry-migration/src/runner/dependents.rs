//! What hangs on a table and would keep it from being dropped, or go with it: foreign keys of other
//! tables, and views.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sqlparser::tokenizer::Token;
use tenantry_entity::Engine;

use crate::{
    db::{literal, quoted},
    schema::{self, ForeignKey, Schema, attribute_names, expr},
    sql::{is_one_of, name_in_model, quoted_table},
};

/// Something that hangs on a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dependent {
    /// A foreign key that refers to the table.
    ForeignKey {
        /// The referring table; with its schema if it is not the current one.
        table: String,
        /// The referring table as an SQL name.
        sql_name: String,
        /// The constraint's name, where the engine keeps it.
        constraint: Option<String>,
        /// The referring columns.
        columns: Vec<String>,
        /// The table referred to.
        target: String,
        /// The columns referred to, in the order of `columns`.
        ref_columns: Vec<String>,
    },
    /// A table that inherits from the table.
    Heir {
        /// The heir; with its schema if it is not the current one.
        table: String,
        /// The heir as an SQL name.
        sql_name: String,
        /// The table inherited from.
        target: String,
    },
    /// A view that reads the table, itself or through another view.
    View {
        /// The view; with its schema if it is not the current one.
        name: String,
        /// The view as an SQL name.
        sql_name: String,
        /// Whether it is a materialized view.
        materialized: bool,
        /// The table, or the view in between.
        target: String,
        /// Columns of the target that it reads; empty where the engine does not tell.
        columns: Vec<String>,
    },
}

impl Dependent {
    /// A foreign key of a table in the current schema.
    #[must_use]
    pub fn foreign_key(table: &str, key: &ForeignKey) -> Self {
        Self::ForeignKey {
            table: table.to_owned(),
            sql_name: quoted_table(table),
            constraint: key.name.clone(),
            columns: key.columns.clone(),
            target: key.ref_table.clone(),
            ref_columns: key.ref_columns.clone(),
        }
    }

    /// What it is, for a person.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::ForeignKey { table, target, .. } => {
                format!("the table {table}, which refers to {target}")
            }
            Self::Heir { table, target, .. } => {
                format!("the table {table}, which inherits from {target}")
            }
            Self::View { name, target, .. } => format!("the view {name}, which reads {target}"),
        }
    }

    /// Whether it is a foreign key that `made` has as well. If what was made is not known, keys
    /// between the tables in `drops` pass for made.
    pub(super) fn is_one_of(&self, made: Option<&Schema>, drops: &[String]) -> bool {
        let Self::ForeignKey { table, columns, target, .. } = self else { return false };
        if made.is_none() {
            return drops.contains(table);
        }
        made.and_then(|made| made.tables.get(table)).is_some_and(|table| {
            table.foreign_keys.iter().any(|key| key.columns == *columns && key.ref_table == *target)
        })
    }

    /// Whether it is a foreign key of a table that is dropped itself.
    pub(super) fn goes_with(&self, drops: &[String]) -> bool {
        matches!(self, Self::ForeignKey { table, .. } if drops.contains(table))
    }

    /// The statement that lets the table be dropped: a table that refers to it stays, without the
    /// key. `None` where the engine has no such statement.
    pub(super) fn cut(&self, engine: Engine) -> Option<String> {
        match self {
            Self::ForeignKey { .. } if engine == Engine::Sqlite => None,
            Self::ForeignKey { sql_name, constraint, .. } => Some(format!(
                "ALTER TABLE {sql_name} DROP CONSTRAINT IF EXISTS {}",
                quoted(constraint.as_deref().unwrap_or_default())
            )),
            Self::Heir { sql_name, target, .. } => {
                Some(format!("ALTER TABLE {sql_name} NO INHERIT {}", quoted_table(target)))
            }
            // Without CASCADE, which would take along what was not announced; see `in_order`.
            Self::View { sql_name, materialized: false, .. } => {
                Some(format!("DROP VIEW IF EXISTS {sql_name}"))
            }
            Self::View { sql_name, .. } => {
                Some(format!("DROP MATERIALIZED VIEW IF EXISTS {sql_name}"))
            }
        }
    }
}

/// The same in an order in which each can be cut off: a view after those that read it.
pub(super) fn in_order(mut dependents: Vec<Dependent>) -> Vec<Dependent> {
    let mut ordered = Vec::with_capacity(dependents.len());
    while !dependents.is_empty() {
        let is_read = |one: &Dependent| {
            let Dependent::View { name, .. } = one else { return false };
            let name = name.rsplit('.').next().unwrap_or_default();
            dependents.iter().any(|other| {
                matches!(other, Dependent::View { target, .. } if target == name && other != one)
            })
        };
        let (later, mut now): (Vec<Dependent>, Vec<Dependent>) =
            dependents.iter().cloned().partition(is_read);
        if now.is_empty() {
            // Views of one name in two schemas, say: the server tells.
            ordered.extend(later);
            break;
        }
        ordered.append(&mut now);
        dependents = later;
    }
    ordered
}

/// Everything that hangs on `tables` and is none of them, plus the foreign keys between them.
///
/// # Errors
///
/// If a catalogue query fails.
pub async fn dependents<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[String],
) -> Result<Vec<Dependent>, DbErr> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    if engine == Engine::Sqlite {
        on_sqlite(db, tables).await
    } else {
        on_postgres(db, engine, tables).await
    }
}

/// The schema in which Nile keeps shadows of tables, as others have measured.
const SHADOWS: &str = "public_nile_internal";

async fn on_sqlite<C: ConnectionTrait>(db: &C, tables: &[String]) -> Result<Vec<Dependent>, DbErr> {
    // Names differ in case only here, and mean the same.
    let known = |name: &str| tables.iter().find(|table| table.eq_ignore_ascii_case(name));
    let live = schema::read(db, Engine::Sqlite, "").await?;
    let mut found: Vec<Dependent> = Vec::new();
    for table in live.tables.values() {
        for key in &table.foreign_keys {
            if let Some(target) = known(&key.ref_table) {
                let key = ForeignKey { ref_table: target.clone(), ..key.clone() };
                found.push(Dependent::foreign_key(&table.name, &key));
            }
        }
    }
    let sql = "SELECT name, sql AS definition FROM sqlite_schema WHERE type = 'view' ORDER BY name";
    let mut views: Vec<(String, Vec<String>)> = Vec::new();
    for row in db.query_all_raw(Statement::from_string(Engine::Sqlite.backend(), sql)).await? {
        let (name, definition): (String, String) =
            (row.try_get("", "name")?, row.try_get("", "definition")?);
        views.push((name, tables_read(&definition)));
    }
    // A view may read a table through other views.
    let mut read: Vec<String> = tables.to_vec();
    loop {
        let same = |a: &String, b: &String| a.eq_ignore_ascii_case(b);
        let next = views.iter().find_map(|(view, reads)| {
            let target = reads.iter().find_map(|name| read.iter().find(|r| same(r, name)))?;
            (!read.iter().any(|r| same(r, view))).then(|| (view.clone(), target.clone()))
        });
        let Some((name, target)) = next else { return Ok(found) };
        read.push(name.clone());
        let sql_name = quoted_table(&name);
        let columns = Vec::new();
        found.push(Dependent::View { name, sql_name, materialized: false, target, columns });
    }
}

/// The names that stand where a query names its tables: after FROM and JOIN, and after the commas
/// between them.
fn tables_read(definition: &str) -> Vec<String> {
    let tokens = expr::tokens(definition).unwrap_or_default();
    let mut names = Vec::new();
    let (mut in_from, mut expected) = (false, false);
    for token in &tokens {
        match (token, expr::word(token).as_deref()) {
            (_, Some("from" | "join")) => (in_from, expected) = (true, true),
            (_, Some("where" | "group" | "order" | "on" | "using" | "select" | "limit")) => {
                (in_from, expected) = (false, false);
            }
            (Token::Comma, _) => expected = in_from,
            // A schema's name in front of the table's.
            (Token::Period, _) if in_from => expected = true,
            (_, Some(word)) if expected => {
                names.push(word.to_owned());
                expected = false;
            }
            _ => {}
        }
    }
    names
}

async fn on_postgres<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &[String],
) -> Result<Vec<Dependent>, DbErr> {
    // What the engine brings along is where its own search path finds it; and where it keeps shadows
    // of tables, they are its own affair.
    let built_ins = engine.capability().built_ins.iter();
    let built_ins: Vec<String> = built_ins
        .filter(|it| tables.iter().any(|table| table == it.table))
        .map(|it| format!("UNION SELECT to_regclass({})::oid ", literal(it.table)))
        .collect();
    // By oid, so that neither another schema's names nor a key that was never validated escape.
    let sql = format!(
        "WITH RECURSIVE ours AS ( \
         SELECT c.oid FROM pg_class c WHERE c.relkind IN ('r', 'p') AND {ours} {built_ins}), \
         reading (oid, target) AS ( \
         SELECT oid, NULL::oid FROM ours UNION \
         SELECT r.ev_class, d.refobjid FROM reading JOIN pg_depend d ON d.refobjid = reading.oid \
         AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_rewrite'::regclass \
         JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> reading.oid) \
         SELECT 'view' AS kind, {view} AS name, {view_sql} AS sql_name, {target} AS target, \
         v.relkind = 'm' AS materialized, NULL::text AS constraint_name, \
         ARRAY(SELECT DISTINCT a.attname::text FROM pg_rewrite w JOIN pg_depend d \
         ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid \
         AND d.refclassid = 'pg_class'::regclass AND d.refobjid = reading.target \
         JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
         WHERE w.ev_class = v.oid ORDER BY 1) AS columns, ARRAY[]::text[] AS ref_columns \
         FROM reading JOIN pg_class v ON v.oid = reading.oid AND v.relkind IN ('v', 'm') \
         JOIN pg_namespace vn ON vn.oid = v.relnamespace \
         JOIN pg_class t ON t.oid = reading.target \
         UNION ALL \
         SELECT 'heir', {view}, {view_sql}, {target}, false, NULL, ARRAY[]::text[], \
         ARRAY[]::text[] \
         FROM pg_inherits i JOIN pg_class v ON v.oid = i.inhrelid AND NOT v.relispartition \
         JOIN pg_namespace vn ON vn.oid = v.relnamespace \
         JOIN pg_class t ON t.oid = i.inhparent \
         WHERE i.inhparent IN (SELECT oid FROM ours) AND vn.nspname <> '{SHADOWS}' \
         UNION ALL \
         SELECT 'key', {view}, {view_sql}, {target}, false, k.conname::text, \
         {columns}, {ref_columns} \
         FROM pg_constraint k JOIN pg_class v ON v.oid = k.conrelid \
         JOIN pg_namespace vn ON vn.oid = v.relnamespace \
         JOIN pg_class t ON t.oid = k.confrelid \
         WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (SELECT oid FROM ours) \
         AND vn.nspname <> '{SHADOWS}' \
         ORDER BY 1, 2, 4",
        ours = is_one_of("c", tables.iter().map(String::as_str)),
        built_ins = built_ins.concat(),
        view = "CASE WHEN vn.nspname = current_schema() THEN v.relname::text \
                ELSE vn.nspname || '.' || v.relname END",
        columns = attribute_names("k.conkey", "k.conrelid"),
        ref_columns = attribute_names("k.confkey", "k.confrelid"),
        target = name_in_model("t"),
        view_sql = "format('%I.%I', vn.nspname, v.relname)",
    );
    let rows = db.query_all_raw(Statement::from_string(Engine::Postgres.backend(), sql)).await?;
    rows.iter()
        .map(|row| {
            let (name, sql_name): (String, String) =
                (row.try_get("", "name")?, row.try_get("", "sql_name")?);
            let target: String = row.try_get("", "target")?;
            let kind: String = row.try_get("", "kind")?;
            Ok(match kind.as_str() {
                "key" => Dependent::ForeignKey {
                    table: name,
                    sql_name,
                    constraint: row.try_get("", "constraint_name")?,
                    columns: row.try_get("", "columns")?,
                    target,
                    ref_columns: row.try_get("", "ref_columns")?,
                },
                "heir" => Dependent::Heir { table: name, sql_name, target },
                _ => Dependent::View {
                    name,
                    sql_name,
                    materialized: row.try_get("", "materialized")?,
                    target,
                    columns: row.try_get("", "columns")?,
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::tables_read;

    #[test]
    fn only_tables_are_taken_for_tables() {
        let sql = "CREATE VIEW v AS SELECT l.email, count(*) AS users FROM main.leads l, \"T\" t \
                   LEFT JOIN notes ON notes.id = companies WHERE domains = (SELECT 1 FROM tenants)";
        assert_eq!(tables_read(sql), ["main", "leads", "t", "notes", "tenants"]);
    }
}
