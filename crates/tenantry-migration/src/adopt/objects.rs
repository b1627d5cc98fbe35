//! Views, functions, triggers and the like of a live database, as the files of `objects/` that would make them.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use tenantry_entity::Engine;
use tenantry_schema::adopt::Left;

use super::catalogue::attached_to;
use crate::{
    report::Finding,
    schema::{objects::File, rows},
    sql::{is_ours, name_in_model},
};

#[derive(FromQueryResult)]
struct Row {
    /// The object's name, which its file gets as well.
    name: String,
    /// The table of a trigger.
    table_name: Option<String>,
    /// The enum type that it is, if it is one.
    enum_name: Option<String>,
    definition: String,
    /// What it is known by, for those that need it: the catalogue and the number of its row.
    key: String,
    /// The keys of what it needs of its own kind, and of tables.
    needs: Vec<String>,
}

/// The files, by their names without `.sql`, and what cannot be written into one.
///
/// Triggers are those of `tables`; the types of `enums` are made with the tables that have them. Of a database that is not
/// adopted as a whole, what belongs to no table was dealt with before, or is others', and a trigger is named.
///
/// # Errors
///
/// If the query fails.
pub(super) async fn objects<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    tables: &BTreeSet<&str>,
    enums: &BTreeSet<&str>,
    is_whole: bool,
) -> Result<(BTreeMap<String, String>, Vec<Left>, Vec<Finding>), DbErr> {
    let sql = if engine == Engine::Sqlite { ON_SQLITE } else { ON_POSTGRES };
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let (mut left, mut attached) = (Vec::new(), Vec::new());
    let mut found: Vec<Row> = if engine == Engine::Sqlite {
        rows::<PlainRow, C>(db, sql).await?.into_iter().map(Row::from).collect()
    } else {
        rows(db, sql).await?
    };
    found.retain(|row| row.table_name.as_deref().is_none_or(|table| tables.contains(table)));
    if !is_whole {
        for row in found {
            let Some(table) = row.table_name else { continue };
            attached.push(attached_to(&table, "trigger", &row.name));
            let why = "a part of a database is adopted without its triggers: write it into objects/ by hand";
            left.push(Left::new("trigger", &format!("{table}: {}", row.name), why));
        }
        return Ok((files, left, attached));
    }
    if engine != Engine::Sqlite {
        for row in without_needs(&mut found, &carried_tables(db, tables).await?) {
            let why = "it needs a table, a view or a function that is not carried over";
            attached.extend(row.table_name.map(|table| attached_to(&table, "trigger", &row.name)));
            left.push(Left::new("object", &row.name, why));
        }
    }
    for row in found {
        if row.enum_name.as_deref().is_some_and(|name| enums.contains(name)) {
            continue;
        }
        let name = file_name(&row.name);
        let statement = format!("{};\n", row.definition.trim().trim_end_matches(';'));
        if File::read(&name, &statement).is_err() {
            let why = "its text cannot be read: write it into objects/ by hand";
            left.push(Left::new("object", &row.name, why));
            continue;
        }
        files.entry(name).or_default().push_str(&statement);
    }
    Ok((files, left, attached))
}

/// Takes out what needs something that is neither one of the tables nor in the list, and what needs that.
fn without_needs(found: &mut Vec<Row>, tables: &BTreeSet<String>) -> Vec<Row> {
    let mut left = Vec::new();
    loop {
        let mut there = tables.clone();
        there.extend(found.iter().map(|row| row.key.clone()));
        let is_kept = |row: &Row| row.needs.iter().all(|need| there.contains(need));
        let (kept, gone): (Vec<Row>, Vec<Row>) = found.drain(..).partition(is_kept);
        *found = kept;
        if gone.is_empty() {
            return left;
        }
        left.extend(gone);
    }
}

/// The keys of tables, as [`Row::key`].
async fn carried_tables<C: ConnectionTrait>(
    db: &C,
    tables: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, DbErr> {
    let sql = format!(
        "SELECT {} AS name, 'pg_class ' || c.oid AS key FROM pg_class c WHERE {} AND c.relkind IN ('r', 'p')",
        name_in_model("c"),
        is_ours("c.relnamespace")
    );
    let stmt = Statement::from_string(db.get_database_backend(), sql);
    let mut keys = BTreeSet::new();
    for row in db.query_all_raw(stmt).await? {
        let (name, key): (String, String) = (row.try_get("", "name")?, row.try_get("", "key")?);
        if tables.contains(name.as_str()) {
            keys.insert(key);
        }
    }
    Ok(keys)
}

/// An object of a database in which it is not known what needs what.
#[derive(FromQueryResult)]
struct PlainRow {
    name: String,
    table_name: Option<String>,
    definition: String,
}

impl From<PlainRow> for Row {
    fn from(row: PlainRow) -> Self {
        let PlainRow { name, table_name, definition } = row;
        Self { key: name.clone(), needs: Vec::new(), enum_name: None, name, table_name, definition }
    }
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '_' })
        .collect();
    if plain.is_empty() { "unnamed".to_owned() } else { plain }
}

const ON_SQLITE: &str = "SELECT name, CASE type WHEN 'trigger' THEN tbl_name END AS table_name, \
     NULL AS enum_name, sql AS definition FROM sqlite_schema WHERE type IN ('view', 'trigger') AND sql IS NOT NULL \
     ORDER BY type DESC, name";

/// In the schema in which unqualified names are created, which the server leaves out in front of names; extensions of
/// the whole database. What belongs to an extension comes with it.
const ON_POSTGRES: &str = "WITH here AS (SELECT oid, quote_ident(nspname) || '.' AS prefix FROM pg_namespace \
     WHERE nspname = current_schema()), \
     own AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'), \
     found AS ( \
     SELECT extname::text AS name, NULL::text AS table_name, NULL::text AS enum_name, \
     format('CREATE EXTENSION IF NOT EXISTS %I', extname) AS definition, 0 AS place, extname::text AS by_name, \
     'pg_extension'::regclass AS class, e.oid AS id \
     FROM pg_extension e WHERE extname <> 'plpgsql' UNION ALL \
     SELECT collname::text, NULL, NULL, format('CREATE COLLATION %I (provider = %s, %s%s)', collname, \
     CASE collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END, \
     CASE WHEN collprovider = 'c' THEN format('lc_collate = %L, lc_ctype = %L', l.collcollate, l.collctype) \
     ELSE format('locale = %L', coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collcollate)) \
     END, CASE WHEN collisdeterministic THEN '' ELSE ', deterministic = false' END), 1, collname::text, \
     'pg_collation'::regclass, l.oid FROM pg_collation l JOIN here ON here.oid = collnamespace UNION ALL \
     SELECT typname::text, NULL, typname::text, format('CREATE TYPE %I AS ENUM (%s)', typname, \
     (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)), \
     1, typname::text, 'pg_type'::regclass, t.oid FROM pg_type t JOIN here ON here.oid = typnamespace \
     WHERE typtype = 'e' UNION ALL \
     SELECT typname::text, NULL, NULL, format('CREATE DOMAIN %I AS %s%s%s%s%s', typname, \
     format_type(typbasetype, typtypmod), \
     CASE WHEN typcollation NOT IN (0, (SELECT b.typcollation FROM pg_type b WHERE b.oid = t.typbasetype)) \
     THEN (SELECT format(' COLLATE %I', collname) FROM pg_collation c WHERE c.oid = t.typcollation) ELSE '' END, \
     coalesce(' DEFAULT ' || typdefault, ''), CASE WHEN typnotnull THEN ' NOT NULL' ELSE '' END, \
     (SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_get_constraintdef(k.oid)), '' ORDER BY conname) \
     FROM pg_constraint k WHERE k.contypid = t.oid AND contype = 'c')), 1, typname::text, 'pg_type'::regclass, t.oid \
     FROM pg_type t JOIN here ON here.oid = typnamespace WHERE typtype = 'd' UNION ALL \
     SELECT typname::text, NULL, NULL, format('CREATE TYPE %I AS (%s)', typname, \
     (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) \
     FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)), 1, typname::text, \
     'pg_type'::regclass, t.oid FROM pg_type t JOIN here ON here.oid = typnamespace \
     JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' UNION ALL \
     SELECT proname::text, NULL, NULL, regexp_replace(pg_get_functiondef(p.oid), \
     '^CREATE OR REPLACE (FUNCTION|PROCEDURE) ' || regexp_replace(here.prefix, '([^[:alnum:]_])', '\\\\\\1', 'g'), \
     'CREATE \\1 '), 2, p.oid::regprocedure::text, 'pg_proc'::regclass, p.oid \
     FROM pg_proc p JOIN here ON here.oid = pronamespace WHERE prokind IN ('f', 'p', 'w') UNION ALL \
     SELECT proname::text, NULL, NULL, format('CREATE AGGREGATE %I(%s) (%s)', proname, \
     coalesce(nullif(pg_get_function_arguments(p.oid), ''), '*'), concat_ws(', ', 'SFUNC = ' || aggtransfn, \
     'STYPE = ' || format_type(aggtranstype, NULL), 'SSPACE = ' || nullif(aggtransspace, 0), \
     'FINALFUNC = ' || nullif(aggfinalfn, 0), CASE WHEN aggfinalextra THEN 'FINALFUNC_EXTRA' END, \
     'COMBINEFUNC = ' || nullif(aggcombinefn, 0), 'SERIALFUNC = ' || nullif(aggserialfn, 0), \
     'DESERIALFUNC = ' || nullif(aggdeserialfn, 0), 'INITCOND = ' || quote_literal(agginitval), \
     'SORTOP = OPERATOR(' || nullif(aggsortop, 0)::regoperator || ')', \
     CASE proparallel WHEN 's' THEN 'PARALLEL = safe' WHEN 'r' THEN 'PARALLEL = restricted' END)), 3, \
     p.oid::regprocedure::text, 'pg_proc'::regclass, p.oid FROM pg_proc p JOIN here ON here.oid = pronamespace \
     JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE aggkind = 'n' UNION ALL \
     SELECT relname::text, NULL, NULL, format('CREATE %s %I%s AS%s%s', \
     CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, relname, \
     coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', ''), chr(10), \
     rtrim(pg_get_viewdef(c.oid), ';')) || coalesce((SELECT string_agg(';' || chr(10) || \
     replace(pg_get_indexdef(indexrelid), ' ON ' || here.prefix, ' ON '), '' ORDER BY indexrelid) \
     FROM pg_index WHERE indrelid = c.oid), ''), 4, relname::text, 'pg_class'::regclass, c.oid \
     FROM pg_class c JOIN here ON here.oid = relnamespace WHERE relkind IN ('v', 'm') UNION ALL \
     SELECT tgname::text, c.relname::text, NULL, replace(pg_get_triggerdef(t.oid), \
     ' ON ' || here.prefix, ' ON '), 5, c.relname::text || ' ' || tgname, 'pg_trigger'::regclass, t.oid \
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN here ON here.oid = c.relnamespace \
     WHERE NOT tgisinternal AND tgparentid = 0 AND tgenabled = 'O' AND c.relkind IN ('r', 'p', 'v')) \
     SELECT name, CASE WHEN class = 'pg_trigger'::regclass AND NOT EXISTS (SELECT 1 FROM found v \
     WHERE v.class = 'pg_class'::regclass AND v.name = found.table_name) THEN table_name END AS table_name, enum_name, \
     definition, class::text || ' ' || id AS key, \
     ARRAY(SELECT DISTINCT d.refclassid::regclass::text || ' ' || d.refobjid FROM pg_depend d \
     LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid \
     WHERE (d.classid = found.class AND d.objid = found.id OR found.class = 'pg_class'::regclass AND r.ev_class = found.id) \
     AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass) AND d.deptype IN ('n', 'a') \
     AND d.refobjid <> found.id AND d.refobjid >= 16384 \
     AND (d.refclassid, d.refobjid) NOT IN (SELECT classid, objid FROM own)) AS needs \
     FROM found WHERE (class, id) NOT IN (SELECT classid::regclass, objid FROM own) ORDER BY place, by_name";
