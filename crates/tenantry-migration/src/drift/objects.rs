//! Views, functions, triggers and the like, compared with the files of `objects/` in the server's words: what the files
//! say is made in a schema of its own, in a transaction that is rolled back, and read by the same query.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, TransactionTrait};
use tenantry_entity::Engine;

use crate::{
    error::{Result, sqlstate},
    report::{DATABASE, Finding},
    schema::{
        Schema, ddl,
        objects::{File, Kind, Made, files},
    },
    sql::{in_memory, parts},
};

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// One finding for each object.
    pub findings: Vec<Finding>,
    /// The statements that mend it.
    pub mended_by: Vec<String>,
    /// Whether the texts of objects were compared, and not only whether they are there.
    pub exact: bool,
}

/// Definitions by kind and name; several where functions have one name.
type Definitions = BTreeMap<(Kind, String), Vec<String>>;

/// Compares the objects that `entities` has with those of the database.
///
/// # Errors
///
/// If a query fails.
pub(super) async fn differences<C>(db: &C, engine: Engine, entities: &Schema) -> Result<Differences>
where
    C: ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction>,
{
    let files: Vec<File> = files(&entities.objects)
        .unwrap_or_default()
        .into_iter()
        .filter(|file| file.on.has(engine))
        .collect();
    if files.is_empty() {
        return Ok(Differences { exact: true, ..Differences::default() });
    }
    let live = definitions(db, engine).await?;
    let wanted = wanted(db, engine, entities).await?;
    let mut found = Differences { exact: wanted.is_some(), ..Differences::default() };
    let key = |made: &Made| (made.kind, made.name.clone());
    // The places of files that differ, and of those that need what they make.
    let mut again: BTreeSet<usize> = BTreeSet::new();
    for (at, file) in files.iter().enumerate() {
        for made in file.made() {
            let is = live.get(&key(made));
            let should = wanted.as_ref().and_then(|wanted| wanted.get(&key(made)));
            let code = match (is, should) {
                (None, _) => "object-missing",
                (Some(is), Some(should)) if is != should => "object-differs",
                _ => continue,
            };
            found.findings.push(finding(file, made, code));
            again.insert(at);
        }
    }
    loop {
        let needed: Vec<&str> =
            again.iter().flat_map(|at| files[*at].made()).map(|made| made.name.as_str()).collect();
        let mut others = files.iter().enumerate().filter(|(at, _)| !again.contains(at));
        let Some((at, _)) = others.find(|(_, file)| needed.iter().any(|name| file.needs(name)))
        else {
            break;
        };
        again.insert(at);
    }
    let is_there = |made: &Made| live.contains_key(&key(made));
    for at in again.iter().rev() {
        found.mended_by.extend(files[*at].drops_of(is_there));
    }
    for at in &again {
        found.mended_by.extend(files[*at].parts.iter().map(|part| part.sql.clone()));
    }
    Ok(found)
}

fn finding(file: &File, made: &Made, code: &'static str) -> Finding {
    let is = if code == "object-missing" { "missing" } else { "another than the file says" };
    Finding {
        code,
        table: made.on.as_ref().map_or(DATABASE, |table| table.trim_matches('"')).to_owned(),
        object: Some(made.name.clone()),
        message: format!(
            "the {} {} of objects/{}.sql is {is}",
            made.kind.sql().to_lowercase(),
            made.name,
            file.name
        ),
        help: "run what `migration diff --sql` prints, or change the file and run `migration generate`"
            .to_owned(),
    }
}

/// What the files make; `None` where the role may not make a schema, or the database takes no changes.
async fn wanted<C>(
    db: &C,
    engine: Engine,
    entities: &Schema,
) -> std::result::Result<Option<Definitions>, DbErr>
where
    C: ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction>,
{
    // Policies, keys and indexes change nothing of what an object is.
    let mut bare = entities.clone().without_access();
    // Those of other schemas are named with them, and are there.
    bare.tables.retain(|name, _| parts(name).0.is_none());
    for table in bare.tables.values_mut() {
        table.foreign_keys.clear();
        table.checks.clear();
    }
    let is_made_here =
        |sql: &String| !sql.trim_start().to_uppercase().starts_with("CREATE EXTENSION");
    let about = |sql: &String| {
        ["GRANT", "REVOKE"].iter().any(|word| sql.trim_start().to_uppercase().starts_with(word))
    };
    let statements: Vec<String> = ddl::create(&bare, engine)
        .into_iter()
        .filter(|sql| is_made_here(sql) && !about(sql))
        .collect();
    if engine == Engine::Sqlite {
        let memory = in_memory().await?;
        for sql in &statements {
            memory.execute_unprepared(sql).await?;
        }
        let found = definitions(&memory, engine).await;
        memory.close().await?;
        return found.map(Some);
    }
    let sql = "SELECT current_setting('search_path') AS path";
    let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
    let path: String = row.map_or(Ok(String::new()), |row| row.try_get("", "path"))?;
    let scratch = format!("tenantry_{:016x}", fastrand::u64(..));
    let begin = format!(
        "CREATE SCHEMA {scratch}; SET LOCAL search_path = {scratch}, {path}; {}",
        statements.join(";\n")
    );
    let transaction = db.begin().await?;
    let found = async {
        transaction.execute_unprepared(&begin).await?;
        let mut found = definitions(&transaction, engine).await?;
        for text in found.values_mut().flatten() {
            *text = text.replace(&format!("{scratch}."), "");
        }
        Ok(found)
    };
    let found = found.await;
    transaction.rollback().await?;
    match found {
        Ok(found) => Ok(Some(found)),
        // insufficient_privilege, read_only_sql_transaction
        Err(error) if matches!(sqlstate(&error).as_deref(), Some("42501" | "25006")) => Ok(None),
        Err(error) => Err(error),
    }
}

const ON_SQLITE: &str = "SELECT type AS kind, name, sql AS definition FROM sqlite_schema \
     WHERE type IN ('view', 'trigger') ORDER BY 1, 2, 3";

/// In the schema in which unqualified names are created; extensions of the whole database.
const ON_POSTGRES: &str = "WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) \
     SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind, relname::text AS name, \
     concat_ws(' ', array_to_string(reloptions, ','), pg_get_viewdef(oid)) AS definition \
     FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace IN (SELECT oid FROM here) UNION ALL \
     SELECT CASE prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, proname::text, \
     pg_get_functiondef(oid) FROM pg_proc \
     WHERE prokind IN ('f', 'p', 'w') AND pronamespace IN (SELECT oid FROM here) UNION ALL \
     SELECT 'aggregate', proname::text, concat_ws(' ', pg_get_function_arguments(p.oid), \
     (to_jsonb(a) - ARRAY['aggfnoid', 'aggtransspace'])::text) FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid \
     WHERE pronamespace IN (SELECT oid FROM here) UNION ALL \
     SELECT 'trigger', tgname::text, concat(tgenabled, ' ', pg_get_triggerdef(t.oid, true)) \
     FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
     WHERE NOT tgisinternal AND c.relnamespace IN (SELECT oid FROM here) UNION ALL \
     SELECT 'domain', typname::text, concat_ws(' ', format_type(typbasetype, typtypmod), typnotnull, typdefault, \
     (SELECT string_agg(conname || ' ' || pg_get_constraintdef(k.oid), ' ' ORDER BY conname) \
     FROM pg_constraint k WHERE k.contypid = t.oid AND contype = 'c')) \
     FROM pg_type t WHERE typtype = 'd' AND typnamespace IN (SELECT oid FROM here) UNION ALL \
     SELECT 'type', typname::text, coalesce((SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), \
     ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped), '') \
     FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid \
     WHERE (typtype IN ('e', 'r') OR c.relkind = 'c') AND typnamespace IN (SELECT oid FROM here) UNION ALL \
     SELECT 'collation', collname::text, (to_jsonb(l) - ARRAY['oid', 'collnamespace', 'collowner', 'collversion'])::text \
     FROM pg_collation l WHERE collnamespace IN (SELECT oid FROM here) UNION ALL \
     SELECT 'extension', extname::text, '' FROM pg_extension ORDER BY 1, 2, 3";

async fn definitions<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
) -> std::result::Result<Definitions, DbErr> {
    let sql = if engine == Engine::Sqlite { ON_SQLITE } else { ON_POSTGRES };
    let kinds = [
        Kind::Extension,
        Kind::Collation,
        Kind::Domain,
        Kind::Type,
        Kind::View,
        Kind::MaterializedView,
        Kind::Function,
        Kind::Procedure,
        Kind::Aggregate,
        Kind::Trigger,
    ];
    let schema = if engine == Engine::Sqlite {
        String::new()
    } else {
        let sql = "SELECT quote_ident(current_schema()) AS schema";
        let row = db.query_one_raw(Statement::from_string(engine.backend(), sql)).await?;
        row.map_or(Ok(String::new()), |row| row.try_get("", "schema"))?
    };
    let mut found = Definitions::new();
    for row in db.query_all_raw(Statement::from_string(engine.backend(), sql)).await? {
        let (kind, name): (String, String) = (row.try_get("", "kind")?, row.try_get("", "name")?);
        let Some(kind) = kinds.into_iter().find(|it| it.sql().eq_ignore_ascii_case(&kind)) else {
            continue;
        };
        let mut text: String = row.try_get("", "definition")?;
        if !schema.is_empty() {
            text = text.replace(&format!("{schema}."), "");
        }
        found.entry((kind, name)).or_default().push(text);
    }
    Ok(found)
}
