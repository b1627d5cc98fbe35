//! Operations as Rust source: what a person would have written, in SeaQuery's words and those of
//! [`ops`](crate::ops).

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    diff::Change,
    plan::{AccessStep, Object, Operation, Plan, Rebuild, Step, altered_collation, is_qualified},
    schema::{
        Action, BTREE, Column, ColumnType, Distribution, ForeignKey, Grant, Grantee, INCLUDE,
        Index, NULLS_NOT_DISTINCT, Table,
        ddl::{LOCAL_NOW, Literal, NOW, RANDOM_UUID, part_text},
        objects::On,
    },
    sql::parts,
};

/// The longest text that stands on one line.
const LINE: usize = 60;

/// The same where less stands before it.
const LONG_LINE: usize = 72;

/// A migration's source file, not yet formatted. Where all of `unless` is there already, applying
/// it does nothing; if that is empty, it always does.
#[must_use]
pub fn migration(up: &Plan, down: &Plan, unless: &[Object]) -> String {
    let mut file = File::default();
    let (up_body, down_body) =
        (file.body(&up.operations, "up"), file.body(&down.operations, "down"));
    let up_body = skip(unless) + &up_body;
    file.assemble(&comment(up, down), &up_body, &down_body)
}

/// The beginning of an `up` that does nothing where everything is there.
fn skip(unless: &[Object]) -> String {
    if unless.is_empty() {
        return String::new();
    }
    let conditions = unless.iter().map(|object| match object {
        Object::Table { table } => format!("manager.has_table({}).await?", text(table)),
        Object::Column { table, column } => {
            format!("manager.has_column({}, {}).await?", text(table), text(column))
        }
        Object::Index { table, index } => {
            format!("manager.has_index({}, {}).await?", text(table), text(index))
        }
    });
    let conditions = conditions.collect::<Vec<_>>().join(" && ");
    format!(
        "// Where this was made by hand, nothing is left to do.\nif {conditions} {{\n\
         return Ok(());\n}}\n"
    )
}

/// A migration to be written by hand: both halves fail and say so.
#[must_use]
pub fn blank(name: &str) -> String {
    let half = |half: &str| {
        format!(
            "let _ = manager;\nErr(DbErr::Migration({}.to_owned()))",
            text(&format!("`{half}` of {name} is not written yet"))
        )
    };
    let what = sentence(&name.replace('_', " "));
    let comment = format!("//! {what}\n//!\n//! Written by hand: say here what it does.\n");
    File::default().assemble(&comment, &half("up"), &half("down"))
}

/// What a file says at its top.
fn comment(up: &Plan, down: &Plan) -> String {
    let mut comment = String::new();
    if let [Change::AddTable { table }] = &up.changes[..] {
        let _ = writeln!(comment, "//! Creates `{}`.", table.name);
        return comment;
    }
    let lines = |changes: &[Change], comment: &mut String| {
        for change in changes {
            let said = change.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(comment, "//! - {}: {said}", change.hazard());
        }
    };
    comment.push_str("//! Applying it:\n//!\n");
    lines(&up.changes, &mut comment);
    comment.push_str("//!\n//! Rolling it back:\n//!\n");
    lines(&down.changes, &mut comment);
    comment
}

/// `add phone` becomes `Add phone.`
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// What a file is put together from.
#[derive(Default)]
struct File {
    /// The functions that say how tables are recreated.
    functions: Vec<(String, String)>,
}

impl File {
    fn assemble(&self, comment: &str, up: &str, down: &str) -> String {
        let functions: String = self.functions.iter().map(|(_, text)| text.as_str()).collect();
        let code = format!("{up}{down}{functions}");
        let columns = if COLUMN_FUNCTIONS
            .iter()
            .any(|name| code.contains(&format!("({name}(")) || code.contains(&format!(", {name}(")))
        {
            "use sea_orm_migration::{prelude::*, schema::*};\n"
        } else {
            "use sea_orm_migration::prelude::*;\n"
        };
        let ops = if code.contains("v1::") { "\nuse crate::ops::v1;\n" } else { "" };
        format!(
            "{comment}\n{columns}{ops}\n#[derive(DeriveMigrationName)]\npub struct Migration;\n\n\
             #[async_trait::async_trait]\nimpl MigrationTrait for Migration {{\n\
             async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {{\n{up}\n}}\n\n\
             async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {{\n{down}\n}}\n\
             }}\n{functions}"
        )
    }

    /// The body of `up` or `down`.
    fn body(&mut self, operations: &[Operation], half: &str) -> String {
        match operations {
            [] => "let _ = manager;\nOk(())".to_owned(),
            [one] => format!("{}.await", self.operation(one, half)),
            several => {
                let lines = several
                    .iter()
                    .map(|operation| format!("{}.await?;\n", self.operation(operation, half)));
                let lines: String = lines.collect();
                lines + "Ok(())"
            }
        }
    }

    fn operation(&mut self, operation: &Operation, half: &str) -> String {
        match operation {
            Operation::CreateTable { table } => {
                format!("v1::create_table(manager, {})", create_table(table))
            }
            Operation::CreateSchema { .. }
            | Operation::GrantUsage { .. }
            | Operation::DropSchema { .. }
            | Operation::CreateEnum { .. }
            | Operation::DropEnum { .. }
            | Operation::RenameEnum { .. }
            | Operation::AddEnumValue { .. } => of_the_database(operation),
            Operation::DropTable { table } => {
                format!("v1::drop_table(manager, {})", text(table))
            }
            Operation::RenameTable { from, to } if is_qualified(from) => {
                format!("v1::rename_table(manager, {}, {})", text(from), text(to))
            }
            Operation::RenameTable { from, to } => format!(
                "manager.rename_table(Table::rename().table({}, {}).take())",
                text(from),
                text(to)
            ),
            Operation::RenameColumn { table, from, to } => {
                format!("v1::rename_column(manager, {}, {}, {})", text(table), text(from), text(to))
            }
            Operation::AddColumn { table, column: added } => {
                format!("v1::add_column(manager, {}, {})", text(table), column(added))
            }
            Operation::DropColumn { table, column } => {
                format!("v1::drop_column(manager, {}, {})", text(table), text(column))
            }
            Operation::CreateIndex { table, index: made } => {
                format!("v1::create_index(manager, {})", index(table, made))
            }
            Operation::DropIndex { table, index } => {
                format!("v1::drop_index(manager, {}, {})", text(table), text(index))
            }
            Operation::RenameIndex { table, from, to } if is_qualified(&table.name) => format!(
                "v1::rename_index_of(manager, {}, {}, {})",
                text(&table.name),
                text(from),
                text(&to.name)
            ),
            Operation::RenameIndex { table, from, to } => {
                format!("v1::rename_index(manager, {}, {})", text(from), index(table, to))
            }
            Operation::AlterTable { table, steps, rebuild } => {
                let mut source = format!("v1::alter_table({})", text(table));
                for one in steps {
                    source.push_str(&step(table, one));
                }
                if let Some(rebuild) = rebuild {
                    let call = self.rebuild(table, rebuild, half);
                    let _ = write!(source, ".rebuild({call})");
                }
                source + ".run(manager)"
            }
            Operation::Distribute { table, distribution, beside } => match distribution {
                Distribution::By(column) => match beside {
                    None => format!("v1::distribute(manager, {}, {})", text(table), text(column)),
                    Some(other) => format!(
                        "v1::distribute_beside(manager, {}, {}, {})",
                        text(table),
                        text(column),
                        text(other)
                    ),
                },
                _ => format!("v1::replicate(manager, {})", text(table)),
            },
            Operation::Statement { on, sql } => {
                let name = match on {
                    On::Any => "statement",
                    On::Postgres => "statement_on_postgres",
                    On::Sqlite => "statement_on_sqlite",
                };
                format!("v1::{name}(manager, {})", raw(sql))
            }
            Operation::Comment { table, column, text: said } => {
                let said = optional(said.as_deref());
                match column {
                    None => format!("v1::comment_on_table(manager, {}, {said})", text(table)),
                    Some(column) => format!(
                        "v1::comment_on_column(manager, {}, {}, {said})",
                        text(table),
                        text(column)
                    ),
                }
            }
            Operation::Undistribute { table } => {
                format!("v1::undistribute(manager, {})", text(table))
            }
            Operation::AlterAccess { table, steps } => {
                let steps: String = steps.iter().map(access_step).collect();
                format!("v1::alter_access({}){steps}.run(manager)", text(table))
            }
        }
    }

    /// Writes the function that says how a table is recreated; returns the call.
    fn rebuild(&mut self, table: &str, rebuild: &Rebuild, half: &str) -> String {
        let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let base = format!("{}_after_{half}", table.chars().map(word).collect::<String>());
        let base = if base.starts_with(|c: char| c.is_ascii_digit()) {
            format!("table_{base}")
        } else {
            base
        };
        let mut name = base.clone();
        let mut number = 1;
        while self.functions.iter().any(|(other, _)| *other == name) {
            number += 1;
            name = format!("{base}_{number}");
        }
        let mut body = format!("v1::rebuild({})", create_table(&rebuild.table));
        let copied: Vec<String> = rebuild.copied().into_iter().map(text).collect();
        if !copied.is_empty() {
            let _ = write!(body, ".copy(&[{}])", copied.join(", "));
        }
        for (column, value) in rebuild.made() {
            let _ = write!(body, ".copy_as({}, {})", text(column), text(value));
        }
        for (column, condition) in &rebuild.checked {
            let _ = write!(body, ".check({}, {})", text(column), text(condition));
        }
        for (column, condition) in &rebuild.required {
            let _ = write!(body, ".require({}, {})", text(column), text(condition));
        }
        for one in &rebuild.table.indexes {
            let _ = write!(body, ".index({})", index(&rebuild.table, one));
        }
        let (parameter, argument) = if body.contains("manager") {
            ("manager: &SchemaManager<'_>", "manager")
        } else {
            ("", "")
        };
        let shown = table.escape_default();
        let source = format!(
            "\n/// `{shown}` after `{half}`, for SQLite, which recreates it.\n\
             fn {name}({parameter}) -> v1::Rebuild {{\n{body}\n}}\n"
        );
        self.functions.push((name.clone(), source));
        format!("{name}({argument})")
    }
}

/// An operation on a schema of the database or on a type.
fn of_the_database(operation: &Operation) -> String {
    match operation {
        Operation::CreateSchema { name } => {
            format!("v1::create_schema(manager, {})", text(name))
        }
        Operation::GrantUsage { schema } => {
            format!("v1::grant_usage(manager, {})", text(schema))
        }
        Operation::DropSchema { name } => format!("v1::drop_schema(manager, {})", text(name)),
        Operation::CreateEnum { name, values } => {
            let values: Vec<String> = values.iter().map(|value| text(value)).collect();
            format!("v1::create_enum(manager, {}, &[{}])", text(name), values.join(", "))
        }
        Operation::DropEnum { name } => format!("v1::drop_enum(manager, {})", text(name)),
        Operation::RenameEnum { from, to } => {
            format!("v1::rename_enum(manager, {}, {})", text(from), text(to))
        }
        Operation::AddEnumValue { name, value, before: None } => {
            format!("v1::add_enum_value(manager, {}, {})", text(name), text(value))
        }
        Operation::AddEnumValue { name, value, before: Some(other) } => format!(
            "v1::add_enum_value_before(manager, {}, {}, {})",
            text(name),
            text(value),
            text(other)
        ),
        _ => String::new(),
    }
}

fn create_table(table: &Table) -> String {
    let mut source = format!("Table::create().table({})", table_text(&table.name));
    for one in &table.columns {
        let _ = write!(source, ".col({})", column(one));
    }
    if let Some(key) = &table.primary_key {
        source.push_str(".primary_key(Index::create()");
        if let Some(name) = &key.name {
            let _ = write!(source, ".name({})", text(name));
        }
        for column in &key.columns {
            let _ = write!(source, ".col({})", text(column));
        }
        source.push(')');
    }
    for key in &table.foreign_keys {
        let _ = write!(source, ".foreign_key({})", foreign_key(&table.name, key));
    }
    for check in &table.checks {
        let expr = format!("Expr::cust({})", text(&check.expr));
        let _ = match &check.name {
            Some(name) => write!(source, ".check(({}, {expr}))", text(name)),
            None => write!(source, ".check({expr})"),
        };
    }
    source + ".take()"
}

fn foreign_key(table: &str, key: &ForeignKey) -> String {
    let mut source = "ForeignKey::create()".to_owned();
    if let Some(name) = &key.name {
        let _ = write!(source, ".name({})", text(name));
    }
    let _ = write!(source, ".from_tbl({})", table_text(table));
    for column in &key.columns {
        let _ = write!(source, ".from_col({})", text(column));
    }
    let _ = write!(source, ".to_tbl({})", table_text(&key.ref_table));
    for column in &key.ref_columns {
        let _ = write!(source, ".to_col({})", text(column));
    }
    for (method, action) in [("on_delete", key.on_delete), ("on_update", key.on_update)] {
        let action = match action {
            Action::NoAction => continue,
            Action::Restrict => "Restrict",
            Action::Cascade => "Cascade",
            Action::SetNull => "SetNull",
            Action::SetDefault => "SetDefault",
        };
        let _ = write!(source, ".{method}(ForeignKeyAction::{action})");
    }
    source
}

/// The statement that makes an index.
pub(crate) fn index(table: &Table, index: &Index) -> String {
    let mut source =
        format!("Index::create().name({}).table({})", text(&index.name), table_text(&table.name));
    if index.unique {
        source.push_str(".unique()");
    }
    if index.method != BTREE {
        let _ = write!(source, ".index_type(IndexType::Custom({}.into()))", text(&index.method));
    }
    for part in &index.parts {
        let order = if part.descending { "Desc" } else { "Asc" };
        let expr = text(&part_text(table, part));
        let class = part
            .operator_class
            .as_ref()
            .map(|class| format!(".into_index_column().with_operator_class({})", text(class)));
        let is_column = part.collation.is_none() && table.column(&part.expr).is_some();
        let _ = match (is_column, class) {
            (true, Some(class)) => write!(source, ".col({expr}{class})"),
            (false, Some(class)) => write!(source, ".col(Expr::cust({expr}){class})"),
            (true, None) if part.descending => {
                write!(source, ".col(({expr}, IndexOrder::{order}))")
            }
            (true, None) => write!(source, ".col({expr})"),
            (false, None) if index.method != BTREE => write!(source, ".col(Expr::cust({expr}))"),
            (false, None) => write!(source, ".col((Expr::cust({expr}), IndexOrder::{order}))"),
        };
    }
    for option in &index.options {
        if option == NULLS_NOT_DISTINCT {
            source.push_str(".nulls_not_distinct()");
        } else if let Some(column) = option.strip_prefix(INCLUDE) {
            let _ = write!(source, ".include({})", text(column));
        }
    }
    if let Some(predicate) = &index.predicate {
        let _ = write!(source, ".and_where(Expr::cust({}))", text(predicate));
    }
    source + ".take()"
}

fn access_step(step: &AccessStep) -> String {
    let privileges = |grant: &Grant| {
        let privileges: Vec<String> = grant.privileges.iter().map(|one| text(one)).collect();
        format!("&[{}]", privileges.join(", "))
    };
    match step {
        AccessStep::EnableRowSecurity => ".enable_row_security()".to_owned(),
        AccessStep::DisableRowSecurity => ".disable_row_security()".to_owned(),
        AccessStep::ForceRowSecurity => ".force_row_security()".to_owned(),
        AccessStep::NoForceRowSecurity => ".no_force_row_security()".to_owned(),
        AccessStep::CreatePolicy(policy) => {
            let name = text(&policy.name);
            if let Some(column) = policy.sealed_column() {
                return format!(".create_sealed_policy({name}, {})", text(column));
            }
            let condition = policy.condition().map(|sql| text_within(LONG_LINE, sql));
            condition.map_or_else(
                || format!(".create_policy_as({name}, {})", text(&policy.definition())),
                |condition| format!(".create_policy({name}, {condition})"),
            )
        }
        AccessStep::DropPolicy(name) => format!(".drop_policy({})", text(name)),
        AccessStep::RenamePolicy { from, to } => {
            format!(".rename_policy({}, {})", text(from), text(to))
        }
        AccessStep::Grant(grant) => match grant.grantee {
            Grantee::Application => format!(".grant({})", privileges(grant)),
            Grantee::Public => format!(".grant_to_public({})", privileges(grant)),
        },
        AccessStep::Revoke(grant) => match grant.grantee {
            Grantee::Application => format!(".revoke({})", privileges(grant)),
            Grantee::Public => format!(".revoke_from_public({})", privileges(grant)),
        },
    }
}

fn step(table: &str, step: &Step) -> String {
    match step {
        Step::AddColumn(added) => format!(".add_column({})", column(added)),
        Step::DropColumn(name) => format!(".drop_column({})", text(name)),
        Step::Fill { column, value } => format!(".fill({}, {})", text(column), text(value)),
        Step::Unfilled { column, is_new } => {
            let call = if *is_new { "value_needed_in_new" } else { "value_needed" };
            format!(
                "\n// BACKFILL: rows that exist need a value in {table}.{column} before NULL is refused. \
                 Write\n// `.fill({column:?}, …)` instead of the next line and `.copy_as({column:?}, …)` \
                 in the function\n// below, with the value as SQL over the row.\n.{call}({})",
                text(column)
            )
        }
        Step::SetType { column, using } => {
            let (name, ty) = (text(&column.name), type_value(&column.ty));
            match (using, altered_collation(column)) {
                (None, None) => format!(".set_type({name}, {ty})"),
                (Some(value), None) => format!(".set_type_using({name}, {ty}, {})", text(value)),
                (None, Some(collation)) => {
                    format!(".set_collation({name}, {ty}, Some({}))", text(&collation))
                }
                (Some(value), Some(collation)) => format!(
                    ".set_collation_using({name}, {ty}, {}, {})",
                    text(&collation),
                    text(value)
                ),
            }
        }
        Step::SetCollation(column) => {
            let (name, ty) = (text(&column.name), type_value(&column.ty));
            let collation = optional(altered_collation(column).as_deref());
            format!(".set_collation({name}, {ty}, {collation})")
        }
        Step::DropExpression(column) => format!(".drop_expression({})", text(column)),
        Step::SetNotNull(column) => format!(".set_not_null({})", text(column)),
        Step::DropNotNull(column) => format!(".drop_not_null({})", text(column)),
        Step::SetDefault(column) => match column.default.as_deref() {
            Some(RANDOM_UUID) => {
                let value = format!("Expr::cust({})", text(RANDOM_UUID));
                format!(".set_default({}, {value})", text(&column.name))
            }
            Some(default) => {
                format!(".set_default({}, {})", text(&column.name), default_value(default))
            }
            None => format!(".drop_default({})", text(&column.name)),
        },
        Step::DropDefault(column) => format!(".drop_default({})", text(column)),
        Step::AddIdentity(column) => format!(".add_identity({})", text(column)),
        Step::DropIdentity(column) => format!(".drop_identity({})", text(column)),
        Step::AddPrimaryKey(key) => {
            let columns: Vec<String> = key.columns.iter().map(|column| text(column)).collect();
            let name = key.name.as_deref().unwrap_or_default();
            format!(".add_primary_key({}, &[{}])", text(name), columns.join(", "))
        }
        Step::AddCheck(check) => {
            let name = check.name.as_deref().unwrap_or_default();
            format!(".add_check({}, {})", text(name), text(&check.expr))
        }
        Step::AddForeignKey(key) => format!(".add_foreign_key({})", foreign_key(table, key)),
        Step::AddForeignKeyToShared(key) => {
            format!(".add_foreign_key_to_shared({})", foreign_key(table, key))
        }
        Step::DropConstraint(name) => format!(".drop_constraint({})", text(name)),
        Step::RenameConstraint { from, to } => {
            format!(".rename_constraint({}, {})", text(from), text(to))
        }
    }
}

/// The functions of `sea_orm_migration::schema` that this module uses; each has a form for columns
/// that take NULL.
const COLUMN_FUNCTIONS: &[&str] = &[
    "uuid",
    "uuid_null",
    "text",
    "text_null",
    "string_len",
    "string_len_null",
    "string",
    "string_null",
    "small_integer",
    "small_integer_null",
    "integer",
    "integer_null",
    "big_integer",
    "big_integer_null",
    "float",
    "float_null",
    "double",
    "double_null",
    "decimal_len",
    "decimal_len_null",
    "decimal",
    "decimal_null",
    "boolean",
    "boolean_null",
    "date",
    "date_null",
    "time",
    "time_null",
    "date_time",
    "date_time_null",
    "timestamp_with_time_zone",
    "timestamp_with_time_zone_null",
    "json",
    "json_null",
    "json_binary",
    "json_binary_null",
    "blob",
    "blob_null",
    "custom",
    "custom_null",
];

fn column(column: &Column) -> String {
    let is_random = column.default.as_deref() == Some(RANDOM_UUID);
    if is_random && column.name == "id" && column.ty == ColumnType::Uuid && !column.nullable {
        return "v1::id(manager)".to_owned();
    }
    let (function, more) = match &column.ty {
        ColumnType::Uuid => ("uuid", String::new()),
        ColumnType::Text => ("text", String::new()),
        ColumnType::Varchar(Some(length)) => ("string_len", format!(", {length}")),
        ColumnType::Varchar(None) => ("string", String::new()),
        ColumnType::SmallInt => ("small_integer", String::new()),
        ColumnType::Integer => ("integer", String::new()),
        ColumnType::BigInt => ("big_integer", String::new()),
        ColumnType::Real => ("float", String::new()),
        ColumnType::Double => ("double", String::new()),
        ColumnType::Numeric(Some((digits, scale))) => {
            ("decimal_len", format!(", {digits}, {scale}"))
        }
        ColumnType::Numeric(None) => ("decimal", String::new()),
        ColumnType::Boolean => ("boolean", String::new()),
        ColumnType::Date => ("date", String::new()),
        ColumnType::Time => ("time", String::new()),
        ColumnType::Timestamp => ("date_time", String::new()),
        ColumnType::TimestampTz => ("timestamp_with_time_zone", String::new()),
        ColumnType::Json => ("json", String::new()),
        ColumnType::Jsonb => ("json_binary", String::new()),
        ColumnType::Bytea => ("blob", String::new()),
        ColumnType::Enum(name) => ("v1::enum_column", format!(", {}", text(name))),
        ColumnType::EnumArray(name) => ("v1::enum_array_column", format!(", {}", text(name))),
        ColumnType::Other(ty) if column.ty.is_kept_as_text() => {
            ("v1::custom_or_text", format!(", {}", text(ty)))
        }
        ColumnType::Other(ty) => ("custom", format!(", {}", text(ty))),
    };
    let name = text(&column.name);
    let source = match (function.strip_prefix("v1::"), column.nullable) {
        (Some(_), nullable) => {
            let null = if nullable { "null" } else { "not_null" };
            format!("{function}(manager, {name}{more}).{null}().take()")
        }
        (None, true) => format!("{function}_null({name}{more})"),
        (None, false) => format!("{function}({name}{more})"),
    };
    if column.auto_increment {
        return format!("v1::auto_increment(manager, {source})");
    }
    let source = match &column.collation {
        Some(collation) => format!("v1::collated(manager, {source}, {})", text(collation)),
        None => source,
    };
    if let Some(generated) = &column.generated {
        let (expr, stored) = (text(&generated.expr), generated.stored);
        let source = source.strip_suffix(".take()").unwrap_or(&source);
        return format!("{source}.generated(Expr::cust({expr}), {stored}).take()");
    }
    match column.default.as_deref() {
        None => source,
        Some(RANDOM_UUID) => format!("v1::random_uuid(manager, {source})"),
        Some(default) => {
            let (source, take) = match source.strip_suffix(".take()") {
                Some(source) => (source, ".take()"),
                None => (source.as_str(), ""),
            };
            format!("{source}.default({}){take}", default_value(default))
        }
    }
}

fn default_value(default: &str) -> String {
    match (default, Literal::of(default)) {
        (NOW, _) => "v1::now(manager)".to_owned(),
        (LOCAL_NOW, _) => "v1::local_now(manager)".to_owned(),
        (_, Some(Literal::Text(value))) => text(&value),
        (_, Some(Literal::Integer(number))) if i32::try_from(number).is_ok() => number.to_string(),
        (_, Some(Literal::Integer(number))) => format!("{number}_i64"),
        (_, Some(Literal::Boolean(value))) => value.to_string(),
        (other, None) => format!("Expr::cust({})", text(other)),
    }
}

/// A type as a value of SeaQuery's `ColumnType`.
fn type_value(ty: &ColumnType) -> String {
    match ty {
        ColumnType::Uuid => "ColumnType::Uuid".to_owned(),
        ColumnType::Text => "ColumnType::Text".to_owned(),
        ColumnType::Varchar(Some(length)) => format!("ColumnType::String(StringLen::N({length}))"),
        ColumnType::Varchar(None) => "ColumnType::String(StringLen::None)".to_owned(),
        ColumnType::SmallInt => "ColumnType::SmallInteger".to_owned(),
        ColumnType::Integer => "ColumnType::Integer".to_owned(),
        ColumnType::BigInt => "ColumnType::BigInteger".to_owned(),
        ColumnType::Real => "ColumnType::Float".to_owned(),
        ColumnType::Double => "ColumnType::Double".to_owned(),
        ColumnType::Numeric(Some((digits, scale))) => {
            format!("ColumnType::Decimal(Some(({digits}, {scale})))")
        }
        ColumnType::Numeric(None) => "ColumnType::Decimal(None)".to_owned(),
        ColumnType::Boolean => "ColumnType::Boolean".to_owned(),
        ColumnType::Date => "ColumnType::Date".to_owned(),
        ColumnType::Time => "ColumnType::Time".to_owned(),
        ColumnType::Timestamp => "ColumnType::DateTime".to_owned(),
        ColumnType::TimestampTz => "ColumnType::TimestampWithTimeZone".to_owned(),
        ColumnType::Json => "ColumnType::Json".to_owned(),
        ColumnType::Jsonb => "ColumnType::JsonBinary".to_owned(),
        ColumnType::Bytea => "ColumnType::Blob".to_owned(),
        ColumnType::Enum(_) | ColumnType::EnumArray(_) | ColumnType::Other(_) => {
            format!("ColumnType::custom({})", text(&ty.to_string()))
        }
    }
}

/// A table in SeaQuery's words: a text, or two with its schema.
fn table_text(name: &str) -> String {
    match parts(name) {
        (None, table) => text(&table),
        (Some(schema), table) => format!("({}, {})", text(&schema), text(&table)),
    }
}

/// A text as it is, over several lines if it has them.
fn raw(value: &str) -> String {
    if !value.contains('\n') {
        return text(value);
    }
    let mut hashes = String::new();
    while value.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{value}\"{hashes}")
}

/// A text that may be none, as an `Option`.
fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({})", text(value)))
}

/// A string literal. A long one is broken between words, since rustfmt gives up on an expression
/// with a line that it cannot shorten.
pub(crate) fn text(value: &str) -> String {
    text_within(LINE, value)
}

/// As [`text`], with room for so many bytes on a line.
fn text_within(room: usize, value: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in value.split_inclusive(' ') {
        let line = lines.last().map_or(0, String::len);
        // A new line must not begin with white space: the literal would lose it.
        let fits = line + word.len() <= room || word.starts_with(char::is_whitespace);
        match lines.last_mut() {
            Some(line) if fits || line.is_empty() => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    let escaped: Vec<String> = lines
        .iter()
        .map(|line| {
            let quoted = format!("{line:?}");
            quoted[1..quoted.len() - 1].to_owned()
        })
        .collect();
    format!("\"{}\"", escaped.join("\\\n"))
}

/// Formats a source file as the project's own settings say.
///
/// # Errors
///
/// If rustfmt does not run or refuses the source. It comes with Rust, unless it was left out.
pub fn formatted(source: &str, folder: &Path) -> io::Result<String> {
    let rustfmt = std::env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
    let mut child = Command::new(rustfmt)
        .args(["--edition", "2024", "--quiet"])
        // Where it looks for the project's settings.
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(source.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// Formats files where they are, many at a time.
///
/// # Errors
///
/// As [`formatted`].
pub fn format_files(files: &[PathBuf], folder: &Path) -> io::Result<()> {
    let rustfmt = std::env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
    // A command line is of limited length.
    for some in files.chunks(100) {
        let mut command = Command::new(&rustfmt);
        command.args(["--edition", "2024", "--quiet"]).args(some).current_dir(folder);
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn long_texts_are_broken_between_words() {
        assert_eq!(text("it's \"short\"\n"), r#""it's \"short\"\n""#);
        let long = "status IN ('one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight')";
        let broken = text(long);
        assert!(
            broken.lines().count() > 1 && broken.lines().all(|line| line.len() <= 64),
            "{broken}"
        );
        assert_eq!(broken.trim_matches('"').replace("\\\n", ""), long);
    }
}
