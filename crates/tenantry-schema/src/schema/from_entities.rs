//! The schema that the entities describe.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    DbBackend,
    sea_query::{
        self, ColumnDef, Expr, ForeignKeyAction, IndexCreateStatement, PostgresQueryBuilder, Query,
    },
};
use sqlparser::{
    ast::{self, OrderBySort, Statement},
    dialect::PostgreSqlDialect,
    parser::Parser,
    tokenizer::{Token, Tokenizer},
};
use tenantry_entity::{
    Keys, Scope,
    tenancy::{TableDef, Tenancy},
};

use super::{
    Action, BTREE, Check, Column, ColumnType, ForeignKey, INCLUDE, Index, IndexPart,
    NULLS_NOT_DISTINCT, PrimaryKey, Schema, Table,
    ddl::{Literal, RANDOM_UUID},
    expr,
    extra::{self, Extra},
    names, rules, tenancy,
};
use crate::{error::ModelError, sql::named_by};

impl Schema {
    /// The schema of the given entities, the rules of `tenancy` applied; without one, no table belongs to a tenant,
    /// whatever its columns are called.
    ///
    /// # Errors
    ///
    /// If entities break a rule or use what the schema model does not know: every refusal, in a line each.
    pub fn from_tables(defs: &[TableDef], tenancy: Option<Tenancy>) -> Result<Self, ModelError> {
        let mut refused = Vec::new();
        let mut schema = Self::default();
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for def in defs {
            let times = by_name.entry(def.name).or_default();
            *times += 1;
            match *times {
                1 => {}
                2 => {
                    refused
                        .push(format!("{}: two entities have this table: leave one out", def.name));
                    continue;
                }
                _ => continue,
            }
            let mut reader = Reader {
                def,
                scoped_by: tenancy.and_then(|tenancy| match def.scope(&tenancy) {
                    Scope::Tenant | Scope::OptionalTenant => Some(tenancy.column),
                    _ => None,
                }),
                tenancy,
                refused: Vec::new(),
            };
            let table = reader.table(&mut schema.enums);
            refused.extend(reader.refused.into_iter().map(|what| format!("{}: {what}", def.name)));
            schema.tables.insert(table.name.clone(), table);
        }
        refused.extend(lost_targets(&schema));
        refused.extend(wrong_order(defs, &schema));
        if let Some(tenancy) = &tenancy {
            schema.secure(tenancy);
            schema.distribute(tenancy);
        }
        // One fault is told once: what is incomplete may break rules that it would keep.
        if refused.is_empty() {
            refused.extend(tenancy.iter().flat_map(|it| tenancy::violations(&schema, it)));
            refused.extend(rules::violations(&schema));
        }
        if refused.is_empty() { Ok(schema.sorted()) } else { Err(ModelError::of(&refused)) }
    }
}

/// Foreign keys to tables that are not there, to columns that they do not have, or to columns that are not unique.
fn lost_targets(schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for table in schema.tables.values() {
        for key in &table.foreign_keys {
            let target = schema.tables.get(&key.ref_table);
            let Some(target) = target else {
                found.push(format!(
                    "{}: the foreign key {key} refers to a table that no entity of the list has: add the entity \
                     of {}",
                    table.name, key.ref_table
                ));
                continue;
            };
            let mut lost = key.ref_columns.iter().filter(|name| target.column(name).is_none());
            if let Some(name) = lost.next() {
                found.push(format!(
                    "{}: the foreign key {key} refers to {}.{name}, which is no column",
                    table.name, target.name
                ));
            } else if !is_unique(target, &key.ref_columns) {
                found.push(format!(
                    "{}: the foreign key {key} refers to columns that are not unique: make them so, or write \
                     `skip_fk` if the relation is to be none",
                    table.name
                ));
            }
        }
    }
    found
}

/// Whether no two rows of a table have the same values in these columns, in whichever order.
#[must_use]
pub(crate) fn is_unique(table: &Table, columns: &[String]) -> bool {
    let wanted: BTreeSet<&String> = columns.iter().collect();
    let by_key =
        table.primary_key.iter().any(|key| key.columns.iter().collect::<BTreeSet<_>>() == wanted);
    let has_them = |index: &Index| {
        let parts: BTreeSet<&String> = index.parts.iter().map(|part| &part.expr).collect();
        index.unique && index.predicate.is_none() && parts == wanted
    };
    by_key || table.indexes.iter().any(has_them)
}

/// Tables that are listed before one that they refer to, unless that refers back, over whichever tables. Sample
/// rows are inserted in the order of the list; where a table has none, the order means nothing.
fn wrong_order(defs: &[TableDef], schema: &Schema) -> Vec<String> {
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
    let mut found = Vec::new();
    for (at, def) in defs.iter().enumerate().filter(|(_, def)| def.code.is_some()) {
        for target in targets(def.name) {
            let later = defs[at + 1..].iter().any(|other| other.name == target);
            if later && !reaches(target, def.name) {
                found.push(format!(
                    "{} is listed before {target}, which it refers to: put {target} first in the list \
                     of entities",
                    def.name
                ));
            }
        }
    }
    found
}

/// An entity that is read, and what is refused of it.
struct Reader<'a> {
    def: &'a TableDef,
    /// The tenant column, if the table has one.
    scoped_by: Option<&'static str>,
    tenancy: Option<Tenancy>,
    refused: Vec<String>,
}

impl Reader<'_> {
    fn refuse(&mut self, what: impl Into<String>) {
        self.refused.push(what.into());
    }

    fn table(&mut self, enums: &mut BTreeMap<String, Vec<String>>) -> Table {
        let def = self.def;
        let create = def.create_table(DbBackend::Postgres);
        let mut table = Table::new(def.name);
        table.comment = def.comment.clone().filter(|text| !text.is_empty());
        let mut key: Vec<String> = Vec::new();
        for (column, ty) in create.get_columns().iter().zip(def.column_types()) {
            let spec = column.get_column_spec();
            let name = column.get_column_name();
            if spec.primary_key {
                key.push(name);
            }
            let column = self.column(column, &ty, enums, &mut table);
            table.columns.push(column);
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
            let Some(ref_table) = stmt.get_ref_table().and_then(named_by) else {
                self.refuse(format!("the relation of ({}) has no target", columns.join(", ")));
                continue;
            };
            let key = ForeignKey {
                name: Some(names::foreign_key(def.name, &columns)),
                columns,
                ref_table,
                ref_columns: stmt.get_ref_columns(),
                on_delete: action(stmt.get_on_delete().as_ref()),
                on_update: action(stmt.get_on_update().as_ref()),
                options: Vec::new(),
            };
            self.add_foreign_key(&mut table, key);
        }
        for stmt in def.attribute_indexes(DbBackend::Postgres) {
            let unique = stmt.is_unique_key();
            let mut columns = stmt.get_index_spec().get_column_names();
            if let Some(tenant) = self.scoped_by
                && !unique
                && columns.first().is_none_or(|first| first != tenant)
            {
                columns.insert(0, tenant.to_owned());
            }
            let parts = columns.iter().map(IndexPart::new).collect();
            table.indexes.push(index(def.name, parts, unique, None));
        }
        for stmt in def.extra_indexes() {
            match reread(def.name, &stmt) {
                Ok(index) => table.indexes.push(index),
                Err(what) => self.refuse(what),
            }
        }
        add_foreign_key_indexes(def, &mut table);
        table
    }

    /// Adds a foreign key, unless two relations of the entity are the same one.
    fn add_foreign_key(&mut self, table: &mut Table, key: ForeignKey) {
        match table.foreign_keys.iter().find(|other| other.is_like(&key)) {
            None => {
                // As PostgreSQL numbers those that would be called the same.
                let same = table.foreign_keys.iter().filter(|other| other.columns == key.columns);
                let number = same.count();
                let name = Some(names::numbered_foreign_key(&table.name, &key.columns, number));
                table.foreign_keys.push(ForeignKey { name, ..key });
            }
            Some(same) if same.acts_like(&key) => {}
            Some(other) => self.refuse(format!(
                "two relations are the foreign key ({}) to {}, and do different things: {other}, and {key}",
                key.columns.join(", "),
                key.ref_table
            )),
        }
    }

    /// One column. Its checks and its unique go to the table.
    fn column(
        &mut self,
        column: &ColumnDef,
        ty: &sea_query::ColumnType,
        enums: &mut BTreeMap<String, Vec<String>>,
        table: &mut Table,
    ) -> Column {
        let def = self.def;
        let (name, spec) = (column.get_column_name(), column.get_column_spec());
        let extra = match spec.extra.as_deref().map(Extra::read) {
            Some(Ok(extra)) => extra,
            Some(Err(what)) => {
                self.refuse(format!(
                    "`extra` of {name} has {what}: it may be CHECK (…), GENERATED ALWAYS AS (…) STORED and COLLATE \
                     \"name\", in any order"
                ));
                Extra::default()
            }
            None => Extra::default(),
        };
        for (number, (own, expr)) in extra.checks.into_iter().enumerate() {
            let own = own.unwrap_or_else(|| names::check(def.name, &name, number));
            table.checks.push(Check { name: Some(own), expr });
        }
        if spec.unique {
            let is_composite = self.tenancy.is_some_and(|it| it.keys == Keys::Composite);
            if let Some(tenant) = self.scoped_by.filter(|_| is_composite) {
                self.refuse(format!(
                    "`unique` on {name} would hold across all tenants; write \
                     `unique_key = \"tenant_{name}\"` on {tenant} and on {name}"
                ));
            } else if !spec.primary_key {
                table.indexes.push(index(def.name, vec![IndexPart::new(&name)], true, None));
            }
        }
        if let Some(why) = without_counterpart(ty) {
            self.refuse(format!("{name} is {why}"));
            return Column::new(name, ColumnType::Text, true);
        }
        let enum_type = self.enum_type(&name, ty, enums);
        let ty = enum_type.unwrap_or_else(|| {
            ColumnType::parse(&column.get_column_type().map_or_else(String::new, spelled))
        });
        let mut default = spec.default.as_ref().map(sql_of);
        // The database's own ids, for rows that are not made through an ActiveModel.
        let has_random_id = self.tenancy.is_some_and(|it| it.random_id_default);
        if has_random_id && name == "id" && ty == ColumnType::Uuid && default.is_none() {
            default = Some(RANDOM_UUID.to_owned());
        }
        // SeaORM says so of any key of one column, unless told otherwise.
        let auto_increment = spec.auto_increment && ty.is_integer();
        Column {
            name,
            ty,
            nullable: spec.nullable != Some(false),
            default,
            auto_increment: auto_increment && extra.generated.is_none(),
            generated: extra.generated,
            collation: extra.collation,
            comment: spec.comment.clone().filter(|text| !text.is_empty()),
            options: Vec::new(),
        }
    }

    /// The type of a column whose values are those of an enum of the database, or lists of them.
    fn enum_type(
        &mut self,
        column: &str,
        ty: &sea_query::ColumnType,
        enums: &mut BTreeMap<String, Vec<String>>,
    ) -> Option<ColumnType> {
        match ty {
            sea_query::ColumnType::Enum { name, variants } => {
                let name = name.to_string();
                let values: Vec<String> = variants.iter().map(ToString::to_string).collect();
                if values.is_empty() {
                    self.refuse(format!("the enum {name} of {column} has no values"));
                }
                let known = enums.entry(name.clone()).or_insert_with(|| values.clone());
                if *known != values {
                    let all = known.join(", ");
                    self.refuse(format!(
                        "{column} has the enum {name} with the values {}, and another column with {all}: use one \
                         Rust type, or give one of them another `enum_name`",
                        values.join(", ")
                    ));
                }
                Some(ColumnType::Enum(name))
            }
            sea_query::ColumnType::Array(element) => {
                match self.enum_type(column, element, enums)? {
                    ColumnType::Enum(name) => Some(ColumnType::EnumArray(name)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
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
            table.indexes.push(index(def.name, parts, false, None));
        }
    }
}

fn index(table: &str, parts: Vec<IndexPart>, unique: bool, predicate: Option<String>) -> Index {
    let named: Vec<String> = parts.iter().map(|part| part.expr.clone()).collect();
    Index {
        name: names::index(table, &named, unique),
        unique,
        method: BTREE.to_owned(),
        options: Vec::new(),
        parts,
        predicate,
    }
}

/// Reads an index statement. SeaQuery keeps order and predicate to itself, so its SQL is parsed.
///
/// # Errors
///
/// If it says what the model does not carry.
pub(crate) fn reread(table: &str, stmt: &IndexCreateStatement) -> Result<Index, String> {
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
        .map(|column| (column, collated(&column.column.expr)))
        .map(|(column, (expr, collation))| IndexPart {
            expr: unquoted(&expr.to_string()),
            collation,
            operator_class: column.operator_class.as_ref().map(|name| unquoted(&name.to_string())),
            descending: matches!(column.column.options.sort, Some(OrderBySort::Desc)),
        })
        .collect();
    let predicate = create.predicate.as_ref().map(|expr| unquoted(&expr.to_string()));
    let mut index = index(table, parts, create.unique, predicate);
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

/// An expression without the collation that it ends with, and the collation.
fn collated(expr: &ast::Expr) -> (&ast::Expr, Option<String>) {
    match expr {
        ast::Expr::Nested(inner) => match collated(inner) {
            (bare, Some(name)) => (bare, Some(name)),
            _ => (expr, None),
        },
        ast::Expr::Collate { expr, collation } => {
            let name = collation.0.last().and_then(|part| part.as_ident());
            (expr, name.map(|name| extra::collation(&name.value)))
        }
        _ => (expr, None),
    }
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
            other => text.push_str(&expr::written(&other)),
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

fn action(action: Option<&ForeignKeyAction>) -> Action {
    match action {
        Some(ForeignKeyAction::Cascade) => Action::Cascade,
        Some(ForeignKeyAction::Restrict) => Action::Restrict,
        Some(ForeignKeyAction::SetNull) => Action::SetNull,
        Some(ForeignKeyAction::SetDefault) => Action::SetDefault,
        _ => Action::NoAction,
    }
}

/// Why there is no such type on PostgreSQL.
fn without_counterpart(ty: &sea_query::ColumnType) -> Option<&'static str> {
    match ty {
        sea_query::ColumnType::Year => {
            Some("a year, which is a type of MySQL only: write `column_type = \"SmallInteger\"`")
        }
        sea_query::ColumnType::Money(Some(_)) => Some(
            "money with a number of digits, which PostgreSQL's does not take: write \
             `column_type = \"Decimal(Some((19, 4)))\"`",
        ),
        sea_query::ColumnType::Array(element) => without_counterpart(element),
        _ => None,
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
