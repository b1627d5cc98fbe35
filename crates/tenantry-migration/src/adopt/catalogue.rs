//! What a PostgreSQL database has that neither the model nor `objects/` carries: every kind of object that `pg_dump`
//! writes, each by name.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use tenantry_schema::adopt::Left;

use crate::{
    report::Finding,
    schema::rows,
    sql::{is_ours, name_in_model},
};

#[derive(FromQueryResult)]
struct Row {
    kind: String,
    /// The table that it belongs to, if it belongs to one.
    table_name: Option<String>,
    name: String,
    why: String,
}

/// Lists what is not carried over, and what of it a comparison would find. Of what belongs to a table, only that of
/// `tables`; the rest only of a whole database.
///
/// # Errors
///
/// If a query fails.
pub(super) async fn others<C: ConnectionTrait>(
    db: &C,
    tables: &BTreeSet<&str>,
    is_whole: bool,
    has_tenancy: bool,
) -> Result<(Vec<Left>, Vec<Finding>), DbErr> {
    let (mut left, mut attached) = (Vec::new(), Vec::new());
    for sql in [of_tables(), beside_tables(), elsewhere()] {
        for row in rows::<Row, C>(db, sql).await? {
            let is_adopted =
                row.table_name.as_deref().map_or(is_whole, |name| tables.contains(name));
            let is_access = ["row-level security", "policy"].contains(&row.kind.as_str());
            if !is_adopted || (is_access && has_tenancy) {
                continue;
            }
            if let (Some(table), "rule" | "trigger") = (&row.table_name, row.kind.as_str()) {
                attached.push(attached_to(table, &row.kind, &row.name));
            }
            let name = match row.table_name {
                Some(table) if table != row.name => format!("{table}: {}", row.name),
                _ => row.name,
            };
            left.push(Left { kind: row.kind, name, why: row.why });
        }
    }
    left.sort();
    left.dedup();
    Ok((left, attached))
}

/// What a comparison finds of a rule or a trigger that no migration made.
pub(super) fn attached_to(table: &str, kind: &str, name: &str) -> Finding {
    let code = if kind == "rule" { "rule-unexpected" } else { "trigger-unexpected" };
    Finding {
        code,
        table: table.to_owned(),
        object: Some(name.to_owned()),
        message: format!("the {kind} was there when the table was adopted"),
        help: String::new(),
    }
}

/// What belongs to tables.
fn of_tables() -> String {
    let (ours, name) = (is_ours("c.relnamespace"), name_in_model("c"));
    let table = format!("FROM pg_class c WHERE {ours} AND c.relkind IN ('r', 'p')");
    let column = format!(
        "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid \
         WHERE {ours} AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
    );
    let index = format!(
        "FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid \
         WHERE {ours} AND c.relkind IN ('r', 'p')"
    );
    let constraint = format!(
        "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE {ours} AND c.relkind IN ('r', 'p')"
    );
    [
        format!(
            "SELECT 'storage parameters' AS kind, {name} AS table_name, {name} AS name, \
             'how rows are stored changes nothing of what they are: ' || array_to_string(c.reloptions, ', ') AS why \
             {table} AND c.reloptions IS NOT NULL"
        ),
        format!(
            "SELECT 'tablespace', {name}, {name}, 'where files are is each server''s own' {table} \
             AND c.reltablespace <> 0"
        ),
        format!(
            "SELECT 'privileges', {name}, {name}, 'GRANT belongs to a file of objects/, or to the tenancy' {table} \
             AND c.relacl IS NOT NULL"
        ),
        format!(
            "SELECT 'row-level security', {name}, {name}, 'it comes with the tenancy' {table} AND c.relrowsecurity"
        ),
        format!(
            "SELECT 'policy', {name}, p.polname::text, 'policies come with the tenancy' FROM pg_policy p \
             JOIN pg_class c ON c.oid = p.polrelid WHERE {ours}"
        ),
        format!(
            "SELECT 'column storage', {name}, a.attname::text, 'how values are stored changes nothing of what they are' \
             {column} AND (a.attstorage <> t.typstorage OR a.attoptions IS NOT NULL \
             OR coalesce(to_jsonb(a) ->> 'attcompression', '') <> '')"
        ),
        format!(
            "SELECT 'column statistics', {name}, a.attname::text, 'it is a setting of the planner' {column} \
             AND coalesce((to_jsonb(a) ->> 'attstattarget')::integer, -1) >= 0"
        ),
        format!(
            "SELECT 'column privileges', {name}, a.attname::text, 'GRANT belongs to a file of objects/' {column} \
             AND a.attacl IS NOT NULL"
        ),
        format!(
            "SELECT 'storage parameters', {name}, n.relname::text, \
             'how an index is stored changes nothing of what it is: ' || array_to_string(n.reloptions, ', ') \
             {index} AND n.reloptions IS NOT NULL"
        ),
        format!(
            "SELECT 'serial column', {name}, a.attname::text, 'the migration makes an identity column, which counts \
             alike' {column} AND EXISTS (SELECT 1 FROM pg_depend o JOIN pg_attrdef d ON d.adrelid = c.oid \
             AND d.adnum = a.attnum WHERE o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid \
             AND o.refobjsubid = a.attnum AND o.classid = 'pg_class'::regclass AND o.deptype = 'a' \
             AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')"
        ),
        format!(
            "SELECT 'clustered index', {name}, n.relname::text, 'CLUSTER is repeated by hand' {index} AND i.indisclustered"
        ),
        format!(
            "SELECT 'unique constraint', {name}, k.conname::text, 'the migration makes a unique index of that name, which \
             refuses the same rows' {constraint} AND k.contype = 'u'"
        ),
        format!(
            "SELECT 'constraint trigger', {name}, k.conname::text, 'it is a trigger that may be deferred' {constraint} \
             AND k.contype = 't'"
        ),
        format!(
            "SELECT 'rule', {name}, r.rulename::text, 'write a trigger instead' FROM pg_rewrite r \
             JOIN pg_class c ON c.oid = r.ev_class WHERE {ours} AND r.rulename <> '_RETURN'"
        ),
        format!(
            "SELECT 'trigger', {name}, g.tgname::text, 'it is switched off or fires for a replica only' FROM pg_trigger g \
             JOIN pg_class c ON c.oid = g.tgrelid WHERE {ours} AND NOT g.tgisinternal AND g.tgenabled <> 'O'"
        ),
        comments(&ours, &name),
        format!(
            "SELECT 'sequence options', {name}, a.attname::text, \
             format('its numbers begin at %s, by steps of %s, from %s to %s%s', s.seqstart, s.seqincrement, s.seqmin, \
             s.seqmax, CASE WHEN s.seqcycle THEN ', and around' ELSE '' END) \
             FROM pg_sequence s JOIN pg_depend d ON d.objid = s.seqrelid AND d.classid = 'pg_class'::regclass \
             AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') \
             JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
             JOIN pg_class c ON c.oid = d.refobjid WHERE {ours} AND (s.seqstart, s.seqincrement, s.seqmin, s.seqcache) \
             <> (1, 1, 1, 1) OR {ours} AND s.seqcycle"
        ),
    ]
    .join(" UNION ALL ")
}

/// Comments on what belongs to tables, but for those on tables and columns.
fn comments(ours: &str, name: &str) -> String {
    format!(
        "SELECT 'comment', {name}, coalesce(n.relname, k.conname, g.tgname, r.rulename, p.polname)::text, \
             'COMMENT ON belongs to a file of objects/' FROM pg_description d \
             LEFT JOIN pg_index i ON d.classoid = 'pg_class'::regclass AND i.indexrelid = d.objoid \
             LEFT JOIN pg_class n ON n.oid = i.indexrelid \
             LEFT JOIN pg_constraint k ON d.classoid = 'pg_constraint'::regclass AND k.oid = d.objoid \
             LEFT JOIN pg_trigger g ON d.classoid = 'pg_trigger'::regclass AND g.oid = d.objoid \
             LEFT JOIN pg_rewrite r ON d.classoid = 'pg_rewrite'::regclass AND r.oid = d.objoid \
             LEFT JOIN pg_policy p ON d.classoid = 'pg_policy'::regclass AND p.oid = d.objoid \
             JOIN pg_class c ON c.oid = coalesce(i.indrelid, k.conrelid, g.tgrelid, r.ev_class, p.polrelid) WHERE {ours}"
    )
}

/// What stands beside tables in their schemas.
fn beside_tables() -> String {
    let here = |namespace: &str| is_ours(namespace);
    let own = |class: &str, oid: &str| {
        format!(
            "NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '{class}'::regclass AND e.objid = {oid} \
             AND e.deptype = 'e')"
        )
    };
    [
        format!(
            "SELECT 'sequence' AS kind, NULL::text AS table_name, c.relname::text AS name, \
             'entities have none: a migration written by hand makes it' AS why FROM pg_class c \
             WHERE c.relkind = 'S' AND {} AND {} AND NOT EXISTS (SELECT 1 FROM pg_depend d \
             WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') \
             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0)",
            here("c.relnamespace"),
            own("pg_class", "c.oid")
        ),
        format!(
            "SELECT 'foreign table', NULL, c.relname::text, 'its rows are another server''s' FROM pg_class c \
             WHERE c.relkind = 'f' AND {}",
            here("c.relnamespace")
        ),
        format!(
            "SELECT 'privileges', NULL, c.relname::text, 'GRANT belongs to a file of objects/' FROM pg_class c \
             WHERE c.relkind IN ('S', 'v', 'm') AND c.relacl IS NOT NULL AND {}",
            here("c.relnamespace")
        ),
        format!(
            "SELECT 'rule', NULL, r.rulename::text, 'write a trigger instead' FROM pg_rewrite r \
             JOIN pg_class c ON c.oid = r.ev_class WHERE c.relkind IN ('v', 'm') AND r.rulename <> '_RETURN' AND {}",
            here("c.relnamespace")
        ),
        format!(
            "SELECT 'aggregate', NULL, p.oid::regprocedure::text, 'an ordered set is made by a migration written by hand' FROM pg_proc p \
             JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE a.aggkind <> 'n' AND {} AND {}",
            here("p.pronamespace"),
            own("pg_proc", "p.oid")
        ),
        format!(
            "SELECT 'privileges', NULL, p.oid::regprocedure::text, 'GRANT belongs to a file of objects/' FROM pg_proc p \
             WHERE p.proacl IS NOT NULL AND {} AND {}",
            here("p.pronamespace"),
            own("pg_proc", "p.oid")
        ),
        format!(
            "SELECT 'type', NULL, t.oid::regtype::text, 'objects/ gets enums, composite types and types with checks' FROM pg_type t \
             WHERE t.typtype IN ('r', 'b') AND t.typelem = 0 AND {} AND {}",
            here("t.typnamespace"),
            own("pg_type", "t.oid")
        ),
        format!(
            "SELECT 'comment', NULL, pg_describe_object(d.classoid, d.objoid, d.objsubid), \
             'COMMENT ON belongs to a file of objects/' FROM pg_description d \
             CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o \
             WHERE o.schema IN (SELECT nspname FROM pg_namespace n WHERE {}) AND d.objoid >= 16384 \
             AND o.type NOT IN ('table', 'table column', 'index', 'table constraint', 'trigger', 'rule', 'policy') \
             AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid \
             AND e.deptype = 'e')",
            here("n.oid")
        ),
        in_other_schemas(&own),
        // What has no catalogue of its own above is asked for its name.
        [
            ("pg_conversion", "conversion", "connamespace"),
            ("pg_operator", "operator", "oprnamespace"),
            ("pg_opclass", "operator class", "opcnamespace"),
            ("pg_opfamily", "operator family", "opfnamespace"),
            ("pg_statistic_ext", "statistics", "stxnamespace"),
            ("pg_ts_config", "text search", "cfgnamespace"),
            ("pg_ts_dict", "text search", "dictnamespace"),
            ("pg_ts_parser", "text search", "prsnamespace"),
            ("pg_ts_template", "text search", "tmplnamespace"),
        ]
        .map(|(class, kind, namespace)| {
            format!(
                "SELECT '{kind}', NULL, (pg_identify_object('{class}'::regclass, x.oid, 0)).identity, \
                 'a migration written by hand makes it' FROM {class} x WHERE {} AND {}",
                here(&format!("x.{namespace}")),
                own(class, "x.oid")
            )
        })
        .join(" UNION ALL "),
    ]
    .join(" UNION ALL ")
}

/// Why objects of other schemas are not carried over.
const WHY: &str = "objects/ is for one schema: a migration written by hand makes it";

/// Objects in schemas besides the one that commands work in: files of `objects/` are compared there only.
fn in_other_schemas(own: &dyn Fn(&str, &str) -> String) -> String {
    let here = |namespace: &str| {
        let ours = is_ours(namespace);
        format!(
            "{ours} AND {namespace} <> (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
        )
    };
    [
        format!(
            "SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, NULL, c.oid::regclass::text, '{WHY}' \
             FROM pg_class c WHERE c.relkind IN ('v', 'm') AND {} AND {}",
            here("c.relnamespace"),
            own("pg_class", "c.oid")
        ),
        format!(
            "SELECT 'function', NULL, p.oid::regprocedure::text, '{WHY}' FROM pg_proc p WHERE p.prokind <> 'a' AND {} AND {}",
            here("p.pronamespace"),
            own("pg_proc", "p.oid")
        ),
        format!(
            "SELECT 'type', NULL, t.oid::regtype::text, '{WHY}' FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid \
             WHERE (t.typtype IN ('e', 'd') OR c.relkind = 'c') AND {} AND {}",
            here("t.typnamespace"),
            own("pg_type", "t.oid")
        ),
        format!(
            "SELECT 'collation', NULL, format('%I.%I', n.nspname, l.collname), '{WHY}' FROM pg_collation l \
             JOIN pg_namespace n ON n.oid = l.collnamespace WHERE {}",
            here("l.collnamespace")
        ),
        format!(
            "SELECT 'trigger', {}, g.tgname::text, '{WHY}' FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid \
             WHERE NOT g.tgisinternal AND {}",
            name_in_model("c"),
            here("c.relnamespace")
        ),
    ]
    .join(" UNION ALL ")
}

/// What belongs to the database and not to a schema, and schemas that were not asked for.
fn elsewhere() -> String {
    let plain = [
        ("pg_cast", "cast"),
        ("pg_language", "language"),
        ("pg_event_trigger", "event trigger"),
        ("pg_publication", "publication"),
        ("pg_foreign_data_wrapper", "foreign-data wrapper"),
        ("pg_foreign_server", "server"),
        ("pg_transform", "transform"),
        ("pg_am", "access method"),
        ("pg_default_acl", "default privileges"),
    ]
    .map(|(class, kind)| {
        format!(
            "SELECT '{kind}' AS kind, NULL::text AS table_name, \
             (pg_identify_object('{class}'::regclass, x.oid, 0)).identity AS name, \
             'it is the whole database''s: a migration written by hand makes it' AS why FROM {class} x \
             WHERE x.oid >= 16384 AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '{class}'::regclass \
             AND e.objid = x.oid AND e.deptype = 'e')"
        )
    })
    .join(" UNION ALL ");
    let not_ours = is_ours("n.oid");
    format!(
        "{plain} UNION ALL SELECT 'subscription', NULL, subname::text, 'it is each server''s own' FROM pg_subscription \
         WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         UNION ALL SELECT 'large object', NULL, count(*)::text || ' of them', 'rows keep no large objects' \
         FROM pg_largeobject_metadata HAVING count(*) > 0 \
         UNION ALL SELECT 'user mapping', NULL, usename::text || ' on ' || srvname, 'it is each server''s own' \
         FROM pg_user_mappings \
         UNION ALL SELECT 'security label', NULL, objname, 'it is the whole database''s' FROM pg_seclabels \
         WHERE objtype NOT IN ('database', 'role', 'tablespace') \
         UNION ALL SELECT 'schema', NULL, n.nspname::text, CASE (SELECT count(*) FROM pg_class c \
         WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) WHEN 0 \
         THEN 'no table or view is in it' ELSE 'its tables and views are left alone: --schema adopts them as well' END \
         FROM pg_namespace n WHERE n.oid >= 16384 AND NOT {not_ours} AND n.nspname NOT LIKE 'pg\\_%' \
         AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid \
         AND e.deptype = 'e')"
    )
}
