//! A schema as statements: what creates it on an engine.

use sea_orm::{
    Value,
    sea_query::{
        self, ColumnDef, ConditionalStatement as _, Expr, ForeignKey as SeaForeignKey,
        ForeignKeyAction, ForeignKeyCreateStatement, Index as SeaIndex, IndexCreateStatement,
        IndexOrder, IndexType, IntoIndexColumn as _, PostgresQueryBuilder, TableCreateStatement,
    },
};
use tenantry_entity::{Engine, tenancy::TENANCY};

use super::{
    Action, BTREE, Column, ColumnType, ForeignKey, Grantee, INCLUDE, Index, IndexPart,
    NULLS_NOT_DISTINCT, PrimaryKey, RowSecurity, Schema, Table,
};
use crate::{
    ops::v1,
    sql::{literal, quoted, table_ref},
};

/// The statements that create `schema` on `engine`, tables in foreign-key order and each followed
/// by its indexes. Foreign keys that go round in a circle come last.
#[must_use]
pub fn create(schema: &Schema, engine: Engine) -> Vec<String> {
    let backend = engine.backend();
    let (mut statements, mut late) = (Vec::new(), Vec::new());
    let mut done: Vec<&str> = Vec::new();
    for name in schema.schemas() {
        statements.push(v1::create_schema_sql(&name));
    }
    statements.extend(schema.object_statements(engine, true));
    if engine != Engine::Sqlite {
        statements
            .extend(schema.enums.iter().map(|(name, values)| v1::create_enum_sql(name, values)));
    }
    for table in schema.in_foreign_key_order() {
        let mut now = table.clone();
        if !engine.capability().rebuilds_tables {
            now.foreign_keys.retain(|key| {
                let ready = done.contains(&key.ref_table.as_str())
                    || !schema.tables.contains_key(&key.ref_table)
                    || key.is_to_key_of(table);
                if !ready {
                    late.push(foreign_key(&table.name, key).to_string(PostgresQueryBuilder));
                }
                ready
            });
        }
        statements.push(backend.build(&create_table(&now, engine)).to_string());
        for index in &table.indexes {
            let create = create_index(table, index);
            statements.push(if index.is_written_as_text(table) {
                v1::index_sql(&create, engine)
            } else {
                backend.build(&create).to_string()
            });
        }
        if engine.capability().row_level_security {
            statements.extend(access(table, TENANCY.application_role));
        }
        if engine.capability().comments {
            let comments = table.comments();
            let comments = comments.map(|(on, text)| v1::comment_sql(&table.name, on, Some(text)));
            statements.extend(comments);
        }
        done.push(&table.name);
    }
    statements.append(&mut late);
    statements.extend(schema.object_statements(engine, false));
    statements
}

/// The statements that give a new table its row-level security, policies and grants.
#[must_use]
pub fn access(table: &Table, application_role: &str) -> Vec<String> {
    let mut statements: Vec<String> = row_security(table.row_security)
        .into_iter()
        .map(|action| v1::row_security_sql(&table.name, action))
        .collect();
    for policy in &table.policies {
        statements.push(v1::policy_sql(&table.name, &policy.name, &policy.definition()));
    }
    for grant in &table.grants {
        let grantee = match grant.grantee {
            Grantee::Application => quoted(application_role),
            Grantee::Public => grant.grantee.to_string(),
        };
        statements.extend(v1::grant_sql(&table.name, &grant.privileges, &grantee));
    }
    statements
}

/// What ALTER TABLE does to a new table to make its row-level security so.
fn row_security(wanted: RowSecurity) -> Vec<&'static str> {
    match wanted {
        RowSecurity::Disabled => Vec::new(),
        RowSecurity::Enabled => vec![v1::ENABLE],
        RowSecurity::Forced => vec![v1::ENABLE, v1::FORCE],
    }
}

/// The whole schema as an SQL script that people read: one part of a table a line.
#[must_use]
pub fn script(schema: &Schema, engine: Engine) -> String {
    let mut script = format!(
        "-- The schema that the entities describe, as it is made on {engine}.\n\
         -- Written by `migration generate`: what is changed here is overwritten.\n"
    );
    for sql in create(schema, engine) {
        if sql.starts_with("CREATE TABLE") {
            script.push('\n');
        }
        script.push_str(&by_line(&sql));
        script.push_str(";\n");
    }
    script
}

/// A CREATE TABLE with each part on a line of its own; any other statement as it is.
fn by_line(sql: &str) -> String {
    let Some((head, body)) = sql.split_once(" ( ").filter(|_| sql.starts_with("CREATE TABLE"))
    else {
        return sql.to_owned();
    };
    let body = body.strip_suffix(" )").unwrap_or(body);
    format!("{head} (\n    {}\n)", parts(body).join(",\n    "))
}

/// What stands between the commas of a list, which are neither in quotes nor in parentheses.
pub(super) fn parts(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0u32, None);
    for (at, letter) in list.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(list[start..at].trim_start_matches(' '));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim_start_matches(' '));
    parts
}

/// The table with its keys and checks, without its indexes.
#[must_use]
pub fn create_table(table: &Table, engine: Engine) -> TableCreateStatement {
    let mut create = sea_query::Table::create();
    create.table(table_ref(&table.name));
    for column in &table.columns {
        create.col(column_def(column, engine));
    }
    if let Some(key) = &table.primary_key {
        create.primary_key(&mut primary_key(key));
    }
    for key in &table.foreign_keys {
        create.foreign_key(&mut foreign_key(&table.name, key));
    }
    for check in &table.checks {
        let expr = Expr::cust(check.expr.clone());
        match &check.name {
            Some(name) => create.check((name.clone(), expr)),
            None => create.check(expr),
        };
    }
    create.take()
}

/// One column.
#[must_use]
pub fn column_def(column: &Column, engine: Engine) -> ColumnDef {
    let mut def = ColumnDef::new_with_type(column.name.clone(), type_on(engine, &column.ty));
    if column.nullable {
        def.null();
    } else {
        def.not_null();
    }
    if let Some(default) = default_on(engine, column) {
        def.default(default_expr(&default));
    }
    if let Some(generated) = &column.generated {
        def.generated(Expr::cust(generated.expr.clone()), generated.stored);
    }
    if let Some(collation) = &column.collation {
        def = v1::with_collation(engine, def, collation);
    }
    if column.auto_increment { v1::counting(engine, def) } else { def }
}

/// The collation of a column on an engine; `None` where the engine does not have it.
#[must_use]
pub fn collation_on(engine: Engine, column: &Column) -> Option<String> {
    column.collation.as_deref().filter(|name| v1::has_collation(engine, name)).map(str::to_owned)
}

/// A type in SeaQuery's words for an engine. SQLite keeps the values of many as text.
fn type_on(engine: Engine, ty: &ColumnType) -> sea_query::ColumnType {
    match ty {
        ColumnType::Enum(_) if engine == Engine::Sqlite => sea_query::ColumnType::Text,
        other if engine == Engine::Sqlite && other.is_kept_as_text() => sea_query::ColumnType::Text,
        other => other.in_sea_query(),
    }
}

fn primary_key(key: &PrimaryKey) -> IndexCreateStatement {
    let mut index = SeaIndex::create();
    if let Some(name) = &key.name {
        index.name(name);
    }
    for column in &key.columns {
        index.col(column.clone());
    }
    index
}

/// One foreign key of the table `table`.
#[must_use]
pub fn foreign_key(table: &str, key: &ForeignKey) -> ForeignKeyCreateStatement {
    let mut stmt = SeaForeignKey::create();
    if let Some(name) = &key.name {
        stmt.name(name);
    }
    stmt.from_tbl(table_ref(table)).to_tbl(table_ref(&key.ref_table));
    for (from, to) in key.columns.iter().zip(&key.ref_columns) {
        stmt.from_col(from.clone()).to_col(to.clone());
    }
    if key.on_delete != Action::NoAction {
        stmt.on_delete(sea_action(key.on_delete));
    }
    if key.on_update != Action::NoAction {
        stmt.on_update(sea_action(key.on_update));
    }
    stmt
}

/// A part of an index of `table`: the bare name of a column, or SQL.
#[must_use]
pub fn part_text(table: &Table, part: &IndexPart) -> String {
    let expr = &part.expr;
    match &part.collation {
        None => expr.clone(),
        Some(name) if table.column(expr).is_some() => {
            format!("{} COLLATE {}", quoted(expr), quoted(name))
        }
        Some(name) => format!("({expr}) COLLATE {}", quoted(name)),
    }
}

/// One index of `table`, which tells columns from expressions.
#[must_use]
pub fn create_index(table: &Table, index: &Index) -> IndexCreateStatement {
    let mut stmt = SeaIndex::create();
    stmt.name(&index.name).table(table_ref(&table.name));
    if index.unique {
        stmt.unique();
    }
    if index.method != BTREE {
        stmt.index_type(IndexType::Custom(index.method.clone().into()));
    }
    for part in &index.parts {
        let order = if part.descending { IndexOrder::Desc } else { IndexOrder::Asc };
        let expr = part_text(table, part);
        let is_column = part.collation.is_none() && table.column(&expr).is_some();
        match (is_column, &part.operator_class) {
            // SeaQuery writes the order before the operator class, where no server takes it.
            (true, Some(class)) => {
                stmt.col(expr.into_index_column().with_operator_class(class.clone()))
            }
            (false, Some(class)) => {
                stmt.col(Expr::cust(expr).into_index_column().with_operator_class(class.clone()))
            }
            (true, None) if part.descending => stmt.col((expr, order)),
            (true, None) => stmt.col(expr),
            // No other method has an order, not even the usual one.
            (false, None) if index.method != BTREE => stmt.col(Expr::cust(expr)),
            (false, None) => stmt.col((Expr::cust(expr), order)),
        };
    }
    for option in &index.options {
        if option == NULLS_NOT_DISTINCT {
            stmt.nulls_not_distinct();
        } else if let Some(column) = option.strip_prefix(INCLUDE) {
            stmt.include(column.to_owned());
        }
    }
    if let Some(predicate) = &index.predicate {
        stmt.and_where(Expr::cust(predicate.clone()));
    }
    stmt.take()
}

/// A column's default in an engine's words; `None` where the engine has none for it.
#[must_use]
pub fn default_on(engine: Engine, column: &Column) -> Option<String> {
    let default = column.default.as_deref()?;
    match default {
        RANDOM_UUID => engine.capability().random_uuid_default.then(|| RANDOM_UUID.to_owned()),
        NOW => Some(v1::now_sql(engine).to_owned()),
        LOCAL_NOW => Some(v1::local_now_sql(engine).to_owned()),
        other => Some(other.to_owned()),
    }
}

/// The default of `id` columns on engines that have the function.
pub const RANDOM_UUID: &str = "gen_random_uuid()";

/// The default of a `timestamptz` column that is the present moment.
pub const NOW: &str = "CURRENT_TIMESTAMP";

/// The default of a `timestamp` column that is the present moment.
pub const LOCAL_NOW: &str = "LOCALTIMESTAMP";

/// A default as SeaQuery has it: values as values, everything else as an expression.
#[must_use]
pub fn default_expr(text: &str) -> Expr {
    match Literal::of(text) {
        Some(Literal::Text(text)) => Expr::val(text),
        Some(Literal::Integer(number)) => Expr::val(number),
        Some(Literal::Boolean(value)) => Expr::val(value),
        None => Expr::cust(text.to_owned()),
    }
}

/// A default that is a plain value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `'text'`
    Text(String),
    /// `42`
    Integer(i64),
    /// `TRUE` or `FALSE`
    Boolean(bool),
}

impl Literal {
    /// Reads an SQL text; `None` if it is anything but a plain value.
    #[must_use]
    pub fn of(sql: &str) -> Option<Self> {
        if let Some(inner) = sql.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            let text = inner.replace("''", "\0");
            // A single quote that is left, or one cut in two, ends the text early.
            let whole = !text.contains('\'') && !inner.contains('\0');
            return whole.then(|| Self::Text(text.replace('\0', "'")));
        }
        match sql {
            "TRUE" => Some(Self::Boolean(true)),
            "FALSE" => Some(Self::Boolean(false)),
            _ => {
                let number: i64 = sql.parse().ok()?;
                (number.to_string() == sql).then_some(Self::Integer(number))
            }
        }
    }

    /// Writes a value of SeaQuery's as SQL that every engine reads; `None` for other kinds.
    #[must_use]
    pub fn spelled(value: &Value) -> Option<String> {
        match value {
            Value::String(Some(text)) => Some(literal(text)),
            Value::Bool(Some(value)) => Some(if *value { "TRUE" } else { "FALSE" }.to_owned()),
            _ => None,
        }
    }
}

/// A foreign key's action in SeaQuery's words.
#[must_use]
pub fn sea_action(action: Action) -> ForeignKeyAction {
    match action {
        Action::NoAction => ForeignKeyAction::NoAction,
        Action::Restrict => ForeignKeyAction::Restrict,
        Action::Cascade => ForeignKeyAction::Cascade,
        Action::SetNull => ForeignKeyAction::SetNull,
        Action::SetDefault => ForeignKeyAction::SetDefault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_read_back() {
        let text = |text: &str| Some(Literal::Text(text.to_owned()));
        assert_eq!(Literal::of("'new'"), text("new"));
        assert_eq!(Literal::of("'it''s'"), text("it's"));
        assert_eq!(Literal::of("''"), text(""));
        assert_eq!(Literal::of("-5"), Some(Literal::Integer(-5)));
        assert_eq!(Literal::of("FALSE"), Some(Literal::Boolean(false)));
        for other in ["'a' || 'b'", "'", "now()", "1.5", "'a'::text", "'a''", "05"] {
            assert_eq!(Literal::of(other), None, "{other}");
        }
        let value = Value::from("a\\b's");
        assert_eq!(Literal::of(&Literal::spelled(&value).unwrap_or_default()), text("a\\b's"));
    }
}
