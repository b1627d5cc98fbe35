//! Reads a schema from a live PostgreSQL: four queries over `pg_catalog`, however many tables.
//!
//! `information_schema` shows neither index predicates nor invalid indexes, hides what the role
//! does not own, and is slow on Nile; `pg_catalog` is none of that.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use tenantry_entity::Engine;

use serde::Deserialize;

use super::{
    Action, Check, Column, ColumnType, Distribution, ForeignKey, Generated, Grantee, Index,
    IndexPart, Policy, PrimaryKey, RowSecurity, Schema, Table, rows,
};
use crate::{
    ops::v1::GRANTABLE,
    sql::{is_ours, literal, name_in_model},
};

/// Which namespace to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Namespace {
    /// The schema that unqualified names are created in, and the tables that the engine brings
    /// along, wherever they are.
    Current(Engine),
    /// This session's temporary tables.
    Temporary,
}

impl Namespace {
    /// SQL that is true for the tables of the namespace, as `c` in `pg_class`.
    fn tables(self) -> String {
        match self {
            Self::Current(engine) => {
                let mut ours = is_ours("c.relnamespace");
                for built_in in engine.capability().built_ins {
                    ours += " OR c.oid = to_regclass(";
                    ours += &literal(built_in.table);
                    ours += ")";
                }
                format!("({ours})")
            }
            Self::Temporary => "c.relnamespace = pg_my_temp_schema()".to_owned(),
        }
    }

    /// SQL for the name of a relation.
    fn name(self, relation: &str) -> String {
        match self {
            Self::Current(_) => name_in_model(relation),
            Self::Temporary => format!("{relation}.relname::text"),
        }
    }

    fn is_distributed(self) -> bool {
        match self {
            Self::Current(engine) => engine.capability().distributes_tables,
            Self::Temporary => false,
        }
    }

    fn has_access(self) -> bool {
        match self {
            Self::Current(engine) => engine.capability().row_level_security,
            Self::Temporary => true,
        }
    }
}

#[derive(FromQueryResult)]
struct ColumnRow {
    table_name: String,
    column_name: Option<String>,
    column_type: Option<String>,
    nullable: Option<bool>,
    default_expr: Option<String>,
    collation: Option<String>,
    /// Empty for those that a column does not have.
    options: Option<Vec<String>>,
    /// The same of the table.
    table_options: Vec<String>,
}

#[derive(FromQueryResult)]
struct ConstraintRow {
    table_name: String,
    name: String,
    kind: String,
    columns: Vec<String>,
    ref_table: Option<String>,
    ref_columns: Vec<String>,
    on_delete: String,
    on_update: String,
    /// Empty for those that a key does not have.
    options: Vec<String>,
    check_expr: Option<String>,
}

#[derive(FromQueryResult)]
struct IndexRow {
    table_name: String,
    name: String,
    is_unique: bool,
    method: String,
    parts: Vec<String>,
    /// Empty for the default one.
    operator_classes: Vec<String>,
    collations: Vec<String>,
    descending: Vec<bool>,
    options: Vec<String>,
    predicate: Option<String>,
}

#[derive(FromQueryResult)]
struct EnumRow {
    name: String,
    /// As the types of columns are written.
    spelled: String,
    labels: Vec<String>,
}

#[derive(FromQueryResult)]
struct DistributionRow {
    table_name: String,
    method: String,
    replication: String,
    column_name: Option<String>,
}

#[derive(FromQueryResult)]
struct AccessRow {
    table_name: String,
    is_enabled: bool,
    is_forced: bool,
    /// JSON: a list of policies.
    policies: String,
    /// JSON: a list of [`Privilege`]s.
    privileges: String,
}

#[derive(Deserialize)]
struct Privilege {
    grantee: Grantee,
    name: String,
    grantable: bool,
}

/// Reads every ordinary and partitioned table of `namespace`.
///
/// Indexes that are not valid, and foreign keys and checks that were never validated, say so: they do not
/// hold, so they are not what the entities ask for.
pub(super) async fn read<C: ConnectionTrait>(
    db: &C,
    namespace: Namespace,
    application_role: &str,
) -> Result<Schema, DbErr> {
    let (ours, name) = (namespace.tables(), namespace.name("c"));
    let columns: Vec<ColumnRow> = rows(
        db,
        format!(
            "SELECT {name} AS table_name, a.attname::text AS column_name, \
             format_type(a.atttypid, a.atttypmod) AS column_type, NOT a.attnotnull AS nullable, \
             pg_get_expr(d.adbin, d.adrelid, true) AS default_expr, \
             {COLLATION} AS collation, {COLUMN_OPTIONS} AS options, {TABLE_OPTIONS} AS table_options \
             FROM pg_class c \
             LEFT JOIN pg_attribute a \
             ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
             WHERE {ours} AND c.relkind IN ('r', 'p') \
             ORDER BY c.relname, a.attnum"
        ),
    )
    .await?;
    let constraints: Vec<ConstraintRow> = rows(
        db,
        format!(
            "SELECT {name} AS table_name, k.conname::text AS name, \
             k.contype::text AS kind, {columns} AS columns, \
             CASE WHEN r.relnamespace = c.relnamespace OR r.relnamespace = \
             (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) THEN {target} \
             ELSE (SELECT nspname FROM pg_namespace WHERE oid = r.relnamespace) || '.' \
             || r.relname END AS ref_table, \
             {ref_columns} AS ref_columns, k.confdeltype::text AS on_delete, \
             k.confupdtype::text AS on_update, \
             {CONSTRAINT_OPTIONS} AS options, \
             pg_get_expr(k.conbin, k.conrelid, true) AS check_expr \
             FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
             LEFT JOIN pg_class r ON r.oid = k.confrelid \
             WHERE {ours} AND (k.contype IN ('p', 'f', 'c') OR k.contype = 'n' AND NOT k.convalidated) \
             ORDER BY c.relname, k.conname",
            target = namespace.name("r"),
            columns = attribute_names("k.conkey", "k.conrelid"),
            ref_columns = attribute_names("k.confkey", "k.confrelid"),
        ),
    )
    .await?;
    let indexes: Vec<IndexRow> = rows(
        db,
        format!(
            "SELECT {name} AS table_name, n.relname::text AS name, \
             i.indisunique AS is_unique, am.amname::text AS method, p.parts, p.operator_classes, \
             p.descending, p.collations, \
             p.included || {INDEX_OPTIONS} AS options, \
             pg_get_expr(i.indpred, i.indrelid, true) AS predicate \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
             JOIN pg_class n ON n.oid = i.indexrelid JOIN pg_am am ON am.oid = n.relam \
             LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid \
             AND k.contype IN ('u', 'x') \
             CROSS JOIN LATERAL ({INDEX_PARTS}) p \
             WHERE {ours} AND c.relkind IN ('r', 'p') \
             AND NOT i.indisprimary \
             ORDER BY c.relname, n.relname"
        ),
    )
    .await?;
    let mut schema = assemble(columns, constraints, indexes);
    if has_other_types(&schema) {
        let own = match namespace {
            Namespace::Current(_) => {
                "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
            }
            Namespace::Temporary => "pg_my_temp_schema()",
        };
        let found: Vec<EnumRow> = rows(
            db,
            format!(
                "SELECT t.typname::text AS name, format_type(t.oid, NULL) AS spelled, \
                 array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels \
                 FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid \
                 WHERE t.typnamespace = {own} GROUP BY t.oid ORDER BY t.typname"
            ),
        )
        .await?;
        add_enums(&mut schema, found);
    }
    if namespace.has_access() {
        for row in rows::<AccessRow, _>(db, access_query((&ours, &name), application_role)).await? {
            let Some(table) = schema.tables.get_mut(&row.table_name) else { continue };
            add_access(table, &row)?;
        }
    }
    if namespace.is_distributed() {
        for row in rows::<DistributionRow, _>(db, distribution_query(&ours, &name)).await? {
            let Some(table) = schema.tables.get_mut(&row.table_name) else { continue };
            table.distribution = Some(distribution(row));
        }
    }
    Ok(schema.sorted())
}

/// SQL for what the column `a` has besides its type, NULL and the expression of its default, `d`.
const COLUMN_OPTIONS: &str = "ARRAY[CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY' \
     WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' ELSE '' END, \
     CASE a.attgenerated WHEN '' THEN '' WHEN 'v' THEN 'VIRTUAL' ELSE 'STORED' END, \
     CASE WHEN d.adbin IS NOT NULL AND a.attgenerated = '' AND a.atttypid IN (20, 21, 23) \
     AND EXISTS (SELECT 1 FROM pg_depend o JOIN pg_class q ON q.oid = o.objid AND q.relkind = 'S' \
     WHERE o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid AND o.refobjsubid = a.attnum \
     AND o.classid = 'pg_class'::regclass AND o.deptype = 'a') \
     THEN 'SERIAL' ELSE '' END]";

/// SQL for the collation of the column `a`, where it is not its type's.
const COLLATION: &str = "CASE WHEN a.attcollation <> (SELECT typcollation FROM pg_type WHERE oid = a.atttypid) \
     THEN (SELECT collname::text FROM pg_collation WHERE oid = a.attcollation) END";

/// SQL for what the table `c` is besides its columns. Where its pages are and how full, changes nothing.
const TABLE_OPTIONS: &str = "ARRAY[CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE '' END, \
     CASE c.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' \
     WHEN 'n' THEN 'REPLICA IDENTITY NOTHING' WHEN 'i' THEN 'REPLICA IDENTITY USING INDEX' \
     ELSE '' END, \
     CASE c.relkind WHEN 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) ELSE '' END, \
     CASE WHEN c.relhassubclass OR EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = c.oid) THEN \
     coalesce((SELECT string_agg(DISTINCT CASE WHEN h.inhrelid = c.oid THEN \
     'INHERITS (' || h.inhparent::regclass::text || ')' \
     ELSE 'HAS THE CHILD ' || h.inhrelid::regclass::text END, ', ') \
     FROM pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent)), '') ELSE '' END]";

/// SQL for what the constraint `k` is besides its columns, target and actions. The server is asked for its text
/// where the catalogues of some versions only have a column for it: `NOT ENFORCED`, and the columns that
/// `ON DELETE SET NULL` sets. 403 is `btree`: any other method keeps a range from overlapping another.
const CONSTRAINT_OPTIONS: &str = "ARRAY[CASE WHEN k.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' \
     WHEN k.condeferrable THEN 'DEFERRABLE' ELSE '' END, \
     CASE k.confmatchtype WHEN 'f' THEN 'MATCH FULL' ELSE '' END, \
     CASE WHEN k.convalidated THEN '' WHEN pg_get_constraintdef(k.oid) ~ ' NOT ENFORCED$' \
     THEN 'NOT ENFORCED' ELSE 'NOT VALID' END, \
     CASE WHEN k.contype = 'c' AND k.connoinherit THEN 'NO INHERIT' ELSE '' END, \
     CASE WHEN k.confdeltype IN ('n', 'd') THEN coalesce('SETS ' || substring( \
     pg_get_constraintdef(k.oid) FROM 'ON DELETE SET [A-Z]+ ([(][^)]*[)])'), '') ELSE '' END, \
     CASE WHEN k.contype IN ('p', 'f') AND EXISTS (SELECT 1 FROM pg_class \
     WHERE oid = k.conindid AND relam <> 403 AND relkind = 'i') THEN 'WITHOUT OVERLAPS' ELSE '' END, \
     CASE WHEN k.contype = 'f' AND EXISTS (SELECT 1 FROM pg_trigger t \
     WHERE t.tgconstraint = k.oid AND t.tgenabled IN ('D', 'R')) THEN 'DISABLED' ELSE '' END]";

/// SQL for what the index `i` is besides its key, `k` being the constraint that it backs.
const INDEX_OPTIONS: &str = "ARRAY[CASE WHEN i.indisunique \
     AND position('NULLS NOT DISTINCT' IN pg_get_indexdef(i.indexrelid)) > 0 \
     THEN 'NULLS NOT DISTINCT' ELSE '' END, \
     CASE WHEN k.condeferred THEN 'DEFERRABLE INITIALLY DEFERRED' \
     WHEN k.condeferrable THEN 'DEFERRABLE' ELSE '' END, \
     CASE k.contype WHEN 'x' THEN pg_get_constraintdef(k.oid) ELSE '' END, \
     CASE WHEN i.indisvalid THEN '' ELSE 'INVALID' END]";

/// SQL for what the index `i` has as its key, in which order, and what it includes. `unnest` tells the
/// planner that there are few. 100 is the database's own collation.
const INDEX_PARTS: &str = "SELECT coalesce(array_agg(CASE k.suffix WHEN '' THEN k.part \
     ELSE coalesce(quote_ident(k.column_name), k.part) || k.suffix END ORDER BY k.number) \
     FILTER (WHERE k.number <= i.indnkeyatts), '{}') AS parts, \
     coalesce(array_agg(k.collation ORDER BY k.number) \
     FILTER (WHERE k.number <= i.indnkeyatts), '{}') AS collations, \
     coalesce(array_agg(k.class ORDER BY k.number) \
     FILTER (WHERE k.number <= i.indnkeyatts), '{}') AS operator_classes, \
     coalesce(array_agg((k.option & 1) = 1 ORDER BY k.number) \
     FILTER (WHERE k.number <= i.indnkeyatts), '{}') AS descending, \
     coalesce(array_agg('INCLUDE ' || k.part ORDER BY k.number) \
     FILTER (WHERE k.number > i.indnkeyatts), '{}') AS included \
     FROM (SELECT u.number, u.option, a.attname AS column_name, coalesce(a.attname, \
     pg_get_indexdef(i.indexrelid, u.number::integer, true)) AS part, \
     coalesce((SELECT opcname::text FROM pg_opclass WHERE oid = u.class AND NOT opcdefault), '') \
     AS class, \
     CASE WHEN u.collated NOT IN (0, coalesce(a.attcollation, 100)) THEN \
     (SELECT collname::text FROM pg_collation WHERE oid = u.collated) ELSE '' END AS collation, \
     CASE u.option & 3 WHEN 1 THEN ' NULLS LAST' WHEN 2 THEN ' NULLS FIRST' ELSE '' END \
     AS suffix \
     FROM unnest(i.indkey, i.indclass, i.indcollation, i.indoption) WITH ORDINALITY \
     u (attribute, class, collated, option, number) \
     LEFT JOIN pg_attribute a \
     ON a.attrelid = i.indrelid AND a.attnum = u.attribute AND a.attnum > 0) k";

/// Where rows are, of every table that is in Citus's metadata:
/// <https://docs.citusdata.com/en/stable/develop/api_metadata.html#partition-table>
fn distribution_query(ours: &str, name: &str) -> String {
    format!(
        "SELECT {name} AS table_name, d.partmethod::text AS method, \
         d.repmodel::text AS replication, \
         column_to_column_name(d.logicalrelid, d.partkey) AS column_name \
         FROM pg_dist_partition d JOIN pg_class c ON c.oid = d.logicalrelid WHERE {ours}"
    )
}

fn distribution(row: DistributionRow) -> Distribution {
    match (row.method.as_str(), row.replication.as_str(), row.column_name) {
        ("h", _, Some(column)) => Distribution::By(column),
        ("n", "t", _) => Distribution::Replicated,
        ("n", _, _) => Distribution::Other("on one node, in Citus's metadata".to_owned()),
        (method, ..) => Distribution::Other(format!("distributed by the method {method}")),
    }
}

#[derive(FromQueryResult)]
struct CommentRow {
    table_name: String,
    column_name: Option<String>,
    description: String,
}

/// Gives a schema that was read the comments of its tables and columns, of those that have one in `wanted` too:
/// what else is said in a database is no difference.
///
/// # Errors
///
/// If the query fails.
pub async fn read_comments<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    live: &mut Schema,
    wanted: &Schema,
) -> Result<(), DbErr> {
    let is_said = wanted.tables.values().any(|table| table.comments().next().is_some());
    if !is_said || !engine.capability().comments {
        return Ok(());
    }
    for CommentRow { table_name, column_name, description } in comments(db, engine).await? {
        let (Some(table), Some(wanted)) =
            (live.tables.get_mut(&table_name), wanted.tables.get(&table_name))
        else {
            continue;
        };
        match column_name {
            None => table.comment = wanted.comment.is_some().then_some(description),
            Some(name) => {
                let is_wanted = wanted.column(&name).is_some_and(|it| it.comment.is_some());
                let column = table.columns.iter_mut().find(|column| column.name == name);
                if let Some(column) = column.filter(|_| is_wanted) {
                    column.comment = Some(description);
                }
            }
        }
    }
    Ok(())
}

/// Gives a schema that was read every comment of its tables and columns.
///
/// # Errors
///
/// If the query fails.
pub async fn read_all_comments<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    live: &mut Schema,
) -> Result<(), DbErr> {
    if !engine.capability().comments {
        return Ok(());
    }
    for CommentRow { table_name, column_name, description } in comments(db, engine).await? {
        let Some(table) = live.tables.get_mut(&table_name) else { continue };
        let place = match column_name {
            None => Some(&mut table.comment),
            Some(name) => {
                let column = table.columns.iter_mut().find(|column| column.name == name);
                column.map(|column| &mut column.comment)
            }
        };
        if let Some(place) = place {
            *place = Some(description);
        }
    }
    Ok(())
}

async fn comments<C: ConnectionTrait>(db: &C, engine: Engine) -> Result<Vec<CommentRow>, DbErr> {
    let (ours, name) = (Namespace::Current(engine).tables(), Namespace::Current(engine).name("c"));
    let sql = format!(
        "SELECT {name} AS table_name, a.attname::text AS column_name, d.description \
         FROM pg_class c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass \
         LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0 \
         WHERE {ours} AND c.relkind IN ('r', 'p')"
    );
    rows(db, sql).await
}

/// Policies, and the privileges of PUBLIC and the application role, also those on columns.
fn access_query((ours, name): (&str, &str), application_role: &str) -> String {
    format!(
        "SELECT {name} AS table_name, c.relrowsecurity AS is_enabled, \
         c.relforcerowsecurity AS is_forced, \
         coalesce((SELECT json_agg(json_build_object('name', p.polname, \
         'restrictive', NOT p.polpermissive, \
         'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' \
         WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, \
         'roles', ARRAY(SELECT r.rolname FROM pg_roles r WHERE r.oid = ANY (p.polroles) \
         ORDER BY r.rolname), \
         'using', pg_get_expr(p.polqual, p.polrelid, true), \
         'with_check', pg_get_expr(p.polwithcheck, p.polrelid, true))) \
         FROM pg_policy p WHERE p.polrelid = c.oid), '[]')::text AS policies, \
         coalesce((SELECT json_agg(json_build_object( \
         'grantee', CASE a.grantee WHEN 0 THEN 'public' ELSE 'application' END, \
         'name', a.privilege_type || coalesce(' (' || quote_ident(a.attname) || ')', ''), \
         'grantable', a.is_grantable)) \
         FROM (SELECT e.*, NULL::name AS attname FROM aclexplode(c.relacl) e \
         UNION ALL SELECT e.*, t.attname FROM pg_attribute t CROSS JOIN aclexplode(t.attacl) e \
         WHERE t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped) a \
         WHERE a.grantee <> c.relowner AND (a.grantee = 0 OR a.grantee = \
         (SELECT oid FROM pg_roles WHERE rolname = {role}))), '[]')::text AS privileges \
         FROM pg_class c WHERE {ours} AND c.relkind IN ('r', 'p') \
         ORDER BY c.relname",
        role = literal(application_role),
    )
}

fn add_access(table: &mut Table, row: &AccessRow) -> Result<(), DbErr> {
    let broken = |error: serde_json::Error| DbErr::Type(error.to_string());
    table.row_security = match (row.is_enabled, row.is_forced) {
        (false, _) => RowSecurity::Disabled,
        (true, false) => RowSecurity::Enabled,
        (true, true) => RowSecurity::Forced,
    };
    table.policies = serde_json::from_str::<Vec<Policy>>(&row.policies).map_err(broken)?;
    let privileges: Vec<Privilege> = serde_json::from_str(&row.privileges).map_err(broken)?;
    for grantee in [Grantee::Application, Grantee::Public] {
        let mut all = Vec::new();
        for one in privileges.iter().filter(|one| one.grantee == grantee) {
            all.push(one.name.clone());
            if one.grantable {
                all.push(format!("{}{GRANTABLE}", one.name));
            }
        }
        table.set_privileges(grantee, all);
    }
    Ok(())
}

/// SQL for the names of the attributes numbered in an array, in the array's order.
#[must_use]
pub fn attribute_names(numbers: &str, relation: &str) -> String {
    format!(
        "ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY AS u(num, ord) \
         JOIN pg_attribute a ON a.attrelid = {relation} AND a.attnum = u.num ORDER BY u.ord)"
    )
}

/// What [`COLUMN_OPTIONS`] says of columns that the database numbers.
const SERIAL: &str = "SERIAL";
const IDENTITY: &str = "GENERATED BY DEFAULT AS IDENTITY";
/// The same of generated columns.
const STORED: &str = "STORED";
const VIRTUAL: &str = "VIRTUAL";

fn without_empty(options: Vec<String>) -> Vec<String> {
    options.into_iter().filter(|option| !option.is_empty()).collect()
}

/// Whether a column has a type that may be an enum.
fn has_other_types(schema: &Schema) -> bool {
    let mut columns = schema.tables.values().flat_map(|table| &table.columns);
    columns.any(|column| matches!(column.ty, ColumnType::Other(_)))
}

/// Gives the columns that have an enum type its name, and the schema its values.
fn add_enums(schema: &mut Schema, found: Vec<EnumRow>) {
    for EnumRow { name, spelled, labels } in found {
        let list = format!("{spelled}[]");
        let mut is_used = false;
        for column in schema.tables.values_mut().flat_map(|table| &mut table.columns) {
            let ColumnType::Other(text) = &column.ty else { continue };
            column.ty = match text {
                text if *text == spelled => ColumnType::Enum(name.clone()),
                text if *text == list => ColumnType::EnumArray(name.clone()),
                _ => continue,
            };
            is_used = true;
        }
        if is_used {
            schema.enums.insert(name, labels);
        }
    }
}

fn assemble(
    columns: Vec<ColumnRow>,
    constraints: Vec<ConstraintRow>,
    indexes: Vec<IndexRow>,
) -> Schema {
    let mut schema = Schema::default();
    for row in columns {
        let table = schema.tables.entry(row.table_name.clone()).or_insert_with(|| Table {
            options: without_empty(row.table_options),
            ..Table::new(row.table_name)
        });
        if let (Some(name), Some(ty)) = (row.column_name, row.column_type) {
            let mut options = without_empty(row.options.unwrap_or_default());
            let mut default = row.default_expr;
            // `serial` is an older word for the same: <https://wiki.postgresql.org/wiki/Don%27t_Do_This#Don.27t_use_serial>
            let counts = [SERIAL, IDENTITY].into_iter().find(|it| options.iter().any(|o| o == it));
            let is_next = |text: &String| text.starts_with("nextval(");
            let auto_increment = match counts {
                Some(SERIAL) => default.take_if(|text| is_next(text)).is_some(),
                other => other.is_some(),
            };
            let mut generated = None;
            for kept in [STORED, VIRTUAL] {
                if options.iter().any(|option| option == kept) {
                    let expr = default.take().unwrap_or_default();
                    generated = Some(Generated { expr, stored: kept == STORED });
                }
            }
            options.retain(|it| ![SERIAL, IDENTITY, STORED, VIRTUAL].contains(&it.as_str()));
            table.columns.push(Column {
                name,
                ty: ColumnType::parse(&ty),
                nullable: row.nullable.unwrap_or(true),
                default,
                auto_increment,
                generated,
                collation: row.collation,
                comment: None,
                options,
            });
        }
    }
    for row in constraints {
        let Some(table) = schema.tables.get_mut(&row.table_name) else { continue };
        match row.kind.as_str() {
            "p" => {
                table.primary_key = Some(PrimaryKey {
                    name: Some(row.name),
                    columns: row.columns,
                    options: without_empty(row.options),
                });
            }
            "f" => table.foreign_keys.push(ForeignKey {
                name: Some(row.name),
                columns: row.columns,
                ref_table: row.ref_table.unwrap_or_default(),
                ref_columns: row.ref_columns,
                on_delete: action(&row.on_delete),
                on_update: action(&row.on_update),
                options: without_empty(row.options),
            }),
            "n" => {
                let column = table.columns.iter_mut().find(|it| row.columns.contains(&it.name));
                if let Some(column) = column {
                    let options = without_empty(row.options).join(" ");
                    column.options.push(format!("NOT NULL {options}"));
                }
            }
            _ => {
                let expr = row.check_expr.unwrap_or_default();
                let parts = [vec![expr], without_empty(row.options)].concat();
                table.checks.push(Check { name: Some(row.name), expr: parts.join(" ") });
            }
        }
    }
    for row in indexes {
        let Some(table) = schema.tables.get_mut(&row.table_name) else { continue };
        let parts = row.parts.into_iter().zip(row.collations);
        let parts = parts.zip(row.operator_classes).zip(row.descending);
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let part = |(((expr, collation), class), descending)| IndexPart {
            expr,
            collation: given(collation),
            operator_class: given(class),
            descending,
        };
        table.indexes.push(Index {
            name: row.name,
            unique: row.is_unique,
            method: row.method,
            options: without_empty(row.options),
            parts: parts.map(part).collect(),
            predicate: row.predicate,
        });
    }
    schema
}

/// `pg_constraint.confdeltype` and `confupdtype`, as the PostgreSQL manual lists them.
fn action(code: &str) -> Action {
    match code {
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}
