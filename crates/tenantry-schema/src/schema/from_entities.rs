//! The schema that the entities describe.

use sea_orm::{
    DbBackend,
    sea_query::{
        self, Expr, ForeignKeyAction, IndexCreateStatement, PostgresQueryBuilder, Query, TableRef,
    },
};
use sqlparser::{
    ast::{OrderBySort, Statement},
    dialect::PostgreSqlDialect,
    keywords::Keyword,
    parser::Parser,
    tokenizer::{Location, Token, Tokenizer},
};
use tenantry_entity::{Scope, tenancy::TENANT_ID, tenancy::TableDef};

use super::{
    Action, BTREE, Check, Column, ColumnType, ForeignKey, INCLUDE, Index, IndexPart,
    NULLS_NOT_DISTINCT, PrimaryKey, Schema, Table,
    ddl::{Literal, RANDOM_UUID},
    names, rules, tenancy,
};
use crate::error::ModelError;

impl Schema {
    /// The schema of the given entities, tenancy rules applied.
    ///
    /// # Errors
    ///
    /// If an entity breaks a tenancy rule or uses what the schema model does not know.
    pub fn from_tables(defs: &[TableDef]) -> Result<Self, ModelError> {
        let mut schema = Self::default();
        for def in defs {
            let table = table(def).map_err(|what| ModelError(format!("{}: {what}", def.name)))?;
            schema.tables.insert(table.name.clone(), table);
        }
        check_order(defs, &schema)?;
        schema.tables.values_mut().for_each(Table::secure);
        schema.distribute();
        let broken =
            tenancy::violations(&schema).into_iter().chain(rules::violations(&schema)).next();
        match broken {
            Some(violation) => Err(ModelError(violation)),
            None => Ok(schema.sorted()),
        }
    }
}

/// Fails where a table is listed before one that it refers to, unless that refers back to it, over
/// whichever tables.
fn check_order(defs: &[TableDef], schema: &Schema) -> Result<(), ModelError> {
    let targets = |name: &str| -> Vec<&str> {
        let keys = schema.tables.get(name).into_iter().flat_map(|table| &table.foreign_keys);
        keys.map(|key| key.ref_table.as_str()).collect()
    };
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut next) = (vec![from.to_owned()], vec![from.to_owned()]);
        while let Some(name) = next.pop() {
            for target in targets(&name) {
                if target == to {
                    return true;
                }
                if !seen.iter().any(|it| it == target) {
                    seen.push(target.to_owned());
                    next.push(target.to_owned());
                }
            }
        }
        false
    };
    for (at, def) in defs.iter().enumerate() {
        for target in targets(def.name) {
            let later = defs[at + 1..].iter().any(|other| other.name == target);
            if later && !reaches(target, def.name) {
                return Err(ModelError(format!(
                    "{} is listed before {target}, which it refers to: put {target} first in the list \
                     of entities",
                    def.name
                )));
            }
        }
    }
    Ok(())
}

fn table(def: &TableDef) -> Result<Table, String> {
    let create = def.create_table(DbBackend::Postgres);
    let mut table = Table::new(def.name);
    let mut key: Vec<String> = Vec::new();
    for column in create.get_columns() {
        let name = column.get_column_name();
        let spec = column.get_column_spec();
        if let Some(extra) = &spec.extra {
            let checks = checks(extra).ok_or_else(|| {
                format!("`extra` of {name} may only be CHECK (…), once or more often")
            })?;
            for (number, expr) in checks.into_iter().enumerate() {
                let own = names::check(def.name, &name, number);
                table.checks.push(Check { name: Some(own), expr });
            }
        }
        if spec.unique {
            if def.scope == Scope::Tenant {
                return Err(format!(
                    "`unique` on {name} would hold across all tenants; write \
                     `unique_key = \"tenant_{name}\"` on tenant_id and on {name}"
                ));
            }
            table.indexes.push(index(def, vec![IndexPart::new(&name)], true, None));
        }
        if spec.primary_key {
            key.push(name.clone());
        }
        if spec.auto_increment {
            return Err(format!(
                "{name} counts by itself, which tenant-aware databases refuse: write \
                 `auto_increment = false` and give it a UUID"
            ));
        }
        let mut default = spec.default.as_ref().map(sql_of);
        let ty = column_type(column.get_column_type()).ok_or_else(|| {
            format!(
                "{name} is an enum type of the database: write `db_type = \"Text\"` and a CHECK, \
                 which is the same on every engine"
            )
        })?;
        // The database's own ids, for rows that are not made through an ActiveModel.
        if name == "id" && ty == ColumnType::Uuid && default.is_none() {
            default = Some(RANDOM_UUID.to_owned());
        }
        table.columns.push(Column {
            name,
            ty,
            nullable: spec.nullable != Some(false),
            default,
            options: Vec::new(),
        });
    }
    for stmt in create.get_indexes().iter().filter(|stmt| stmt.is_primary_key()) {
        key = stmt.get_index_spec().get_column_names();
    }
    // A key column is never NULL, whatever its attribute says.
    for column in &mut table.columns {
        column.nullable &= !key.contains(&column.name);
    }
    if !key.is_empty() {
        table.primary_key = Some(PrimaryKey {
            name: Some(names::primary_key(def.name)),
            columns: key,
            options: Vec::new(),
        });
    }
    for stmt in create.get_foreign_key_create_stmts() {
        let stmt = stmt.get_foreign_key();
        let columns = stmt.get_columns();
        table.foreign_keys.push(ForeignKey {
            name: Some(names::foreign_key(def.name, &columns)),
            columns,
            ref_table: table_name(stmt.get_ref_table()).ok_or("a relation without a target")?,
            ref_columns: stmt.get_ref_columns(),
            on_delete: action(stmt.get_on_delete().as_ref()),
            on_update: action(stmt.get_on_update().as_ref()),
            options: Vec::new(),
        });
    }
    for stmt in def.attribute_indexes(DbBackend::Postgres) {
        let unique = stmt.is_unique_key();
        let mut columns = stmt.get_index_spec().get_column_names();
        if def.scope == Scope::Tenant && !unique {
            columns.insert(0, TENANT_ID.to_owned());
        }
        let parts = columns.iter().map(IndexPart::new).collect();
        table.indexes.push(index(def, parts, unique, None));
    }
    for stmt in def.extra_indexes() {
        table.indexes.push(parsed_index(def, &stmt)?);
    }
    add_foreign_key_indexes(def, &mut table);
    Ok(table)
}

/// The conditions of `CHECK (…)`, once or more often, as they are written; `None` if there is anything
/// else.
fn checks(extra: &str) -> Option<Vec<String>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, extra).tokenize_with_location().ok()?;
    let offset = |at: Location| -> Option<usize> {
        let line = extra.split_inclusive('\n').take(usize::try_from(at.line).ok()? - 1);
        let before: usize = line.map(str::len).sum();
        let letters =
            extra[before..].char_indices().map(|(at, _)| at).chain([extra.len() - before]);
        Some(before + letters.into_iter().nth(usize::try_from(at.column).ok()? - 1)?)
    };
    let mut checks = Vec::new();
    let (mut depth, mut begin, mut named) = (0_u32, 0, false);
    for token in tokens {
        match token.token {
            Token::Whitespace(_) => {}
            Token::LParen => {
                if depth == 0 {
                    begin = offset(token.span.end)?;
                    if !named {
                        return None;
                    }
                }
                depth += 1;
            }
            Token::RParen => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    checks.push(extra[begin..offset(token.span.start)?].trim().to_owned());
                    named = false;
                }
            }
            Token::Word(word) if depth == 0 && !named && word.keyword == Keyword::CHECK => {
                named = true;
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    (depth == 0 && !named && !checks.is_empty()).then_some(checks)
}

/// Gives each foreign key an index that starts with its columns, unless a key or index does
/// already: without one, every delete of a parent row reads the whole child table.
fn add_foreign_key_indexes(def: &TableDef, table: &mut Table) {
    for key in table.foreign_keys.clone() {
        let starts = |columns: &mut dyn Iterator<Item = &String>| {
            let first: Vec<&String> = columns.take(key.columns.len()).collect();
            first.len() == key.columns.len() && first.into_iter().eq(&key.columns)
        };
        let by_key = table.primary_key.iter().any(|primary| starts(&mut primary.columns.iter()));
        let by_index = table.indexes.iter().any(|index| {
            index.predicate.is_none() && starts(&mut index.parts.iter().map(|part| &part.expr))
        });
        if !by_key && !by_index {
            let parts = key.columns.iter().map(IndexPart::new).collect();
            table.indexes.push(index(def, parts, false, None));
        }
    }
}

fn index(def: &TableDef, parts: Vec<IndexPart>, unique: bool, predicate: Option<String>) -> Index {
    let named: Vec<String> = parts.iter().map(|part| part.expr.clone()).collect();
    Index {
        name: names::index(def.name, &named, unique),
        unique,
        method: BTREE.to_owned(),
        options: Vec::new(),
        parts,
        predicate,
    }
}

/// Reads an index statement. SeaQuery keeps order and predicate to itself, so its SQL is parsed.
fn parsed_index(def: &TableDef, stmt: &IndexCreateStatement) -> Result<Index, String> {
    let sql = stmt.to_string(PostgresQueryBuilder);
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, &sql);
    let Ok([Statement::CreateIndex(create)]) = parsed.as_deref() else {
        return Err(format!("an index that cannot be read: {sql}"));
    };
    let is_carried = create.with.is_empty()
        && !create.concurrently
        && create.index_options.is_empty()
        && create.columns.iter().all(|it| it.column.options.nulls_first.is_none());
    if !is_carried {
        return Err(format!("an index with more than the model carries: {sql}"));
    }
    let parts: Vec<IndexPart> = create
        .columns
        .iter()
        .map(|column| IndexPart {
            expr: unquoted(&column.column.expr.to_string()),
            operator_class: column.operator_class.as_ref().map(|name| unquoted(&name.to_string())),
            descending: matches!(column.column.options.sort, Some(OrderBySort::Desc)),
        })
        .collect();
    let predicate = create.predicate.as_ref().map(|expr| unquoted(&expr.to_string()));
    let mut index = index(def, parts, create.unique, predicate);
    if let Some(name) = &create.name {
        index.name = unquoted(&name.to_string());
    }
    if let Some(using) = &create.using {
        index.method = using.to_string().to_ascii_lowercase();
    }
    let included = create.include.iter().map(|column| format!("{INCLUDE}{}", column.value));
    index.options.extend(included);
    if create.nulls_distinct == Some(false) {
        index.options.push(NULLS_NOT_DISTINCT.to_owned());
    }
    Ok(index)
}

/// SeaQuery quotes every name; names that are no words of SQL read better without.
fn unquoted(sql: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() else {
        return sql.to_owned();
    };
    let single = tokens.len() == 1;
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Word(word) if single || names::needs_no_quotes(&word.value) => {
                text.push_str(&word.value);
            }
            other => text.push_str(&other.to_string()),
        }
    }
    text
}

fn sql_of(expr: &Expr) -> String {
    if let Expr::Value(value) = expr
        && let Some(text) = Literal::spelled(value)
    {
        return text;
    }
    let sql = Query::select().expr(expr.clone()).to_string(PostgresQueryBuilder);
    sql.strip_prefix("SELECT ").unwrap_or(&sql).to_owned()
}

fn table_name(table: Option<&TableRef>) -> Option<String> {
    match table {
        Some(TableRef::Table(name, _)) => Some(name.1.to_string()),
        _ => None,
    }
}

fn action(action: Option<&ForeignKeyAction>) -> Action {
    match action {
        Some(ForeignKeyAction::Cascade) => Action::Cascade,
        Some(ForeignKeyAction::Restrict) => Action::Restrict,
        Some(ForeignKeyAction::SetNull) => Action::SetNull,
        Some(ForeignKeyAction::SetDefault) => Action::SetDefault,
        _ => Action::NoAction,
    }
}

/// The type of a column; `None` for a native enum.
fn column_type(ty: Option<&sea_query::ColumnType>) -> Option<ColumnType> {
    match ty {
        Some(sea_query::ColumnType::Enum { .. }) => None,
        other => Some(ColumnType::parse(&other.map_or_else(String::new, spelled))),
    }
}

/// A type in PostgreSQL's words, as SeaQuery writes it.
fn spelled(ty: &sea_query::ColumnType) -> String {
    let column = sea_query::ColumnDef::new_with_type("c", ty.clone());
    let sql = sea_query::Table::create().table("t").col(column).to_string(PostgresQueryBuilder);
    sql.split_once("\"c\" ")
        .and_then(|(_, rest)| rest.trim_end().strip_suffix(')'))
        .map_or(sql.clone(), |ty| ty.trim().to_owned())
}
