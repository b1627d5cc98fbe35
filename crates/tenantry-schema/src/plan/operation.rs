//! The operations that migrations are made of. Whether an operation is run or written down as Rust
//! source, it makes the same calls with the same values; a test compares what both send.

use sea_orm_migration::{
    DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait, prelude::Table as SeaTable,
};
use tenantry_entity::Engine;

use crate::{
    ops::v1,
    schema::{
        Check, Column, Distribution, ForeignKey, Grant, Grantee, Index, Policy, PrimaryKey,
        RowSecurity, Table, ddl, objects::On, tenancy,
    },
    sql::parts,
};

/// One operation on a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is what its name says")]
pub enum Operation {
    /// Creates a table with its keys and checks, without its indexes.
    CreateTable { table: Table },
    /// Creates a schema of the database, unless it is there.
    CreateSchema { name: String },
    /// Lets the application role use a schema.
    GrantUsage { schema: String },
    /// Drops a schema that nothing is in.
    DropSchema { name: String },
    /// Creates an enum type, where the engine has such types.
    CreateEnum { name: String, values: Vec<String> },
    /// Drops an enum type that no column has.
    DropEnum { name: String },
    /// Renames an enum type.
    RenameEnum { from: String, to: String },
    /// Adds a value to an enum type: before another one, or at the end.
    AddEnumValue { name: String, value: String, before: Option<String> },
    /// Drops a table.
    DropTable { table: String },
    /// Renames a table.
    RenameTable { from: String, to: String },
    /// Renames a column.
    RenameColumn { table: String, from: String, to: String },
    /// Adds a column that every engine can add as it is.
    AddColumn { table: String, column: Column },
    /// Drops a column that nothing refers to.
    DropColumn { table: String, column: String },
    /// Creates an index on a table, which tells columns from expressions.
    CreateIndex { table: Table, index: Index },
    /// Drops an index.
    DropIndex { table: String, index: String },
    /// Renames an index of a table to the name of `to`.
    RenameIndex { table: Table, from: String, to: Index },
    /// Alters a table by steps, or by a rebuild where the engine rebuilds tables.
    AlterTable { table: String, steps: Vec<Step>, rebuild: Option<Rebuild> },
    /// Alters who may see and change a table's rows.
    AlterAccess { table: String, steps: Vec<AccessStep> },
    /// Says where a table's rows are, where the engine has several nodes.
    Distribute {
        table: String,
        distribution: Distribution,
        /// The table beside whose rows they are.
        beside: Option<String>,
    },
    /// Sends a statement about objects, on some engines.
    Statement { on: On, sql: String },
    /// Says something of a table or a column, or takes it back, where the engine keeps it.
    Comment { table: String, column: Option<String>, text: Option<String> },
    /// Makes a plain table of one that was distributed.
    Undistribute { table: String },
}

/// One step of altering a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is what its name says")]
pub enum Step {
    AddColumn(Column),
    DropColumn(String),
    /// Gives rows with NULL in the column a value, as SQL over the row.
    Fill {
        column: String,
        value: String,
    },
    /// Rows with NULL in the column, or all rows if it is new, need a value that was not given yet.
    Unfilled {
        column: String,
        is_new: bool,
    },
    SetType {
        column: Column,
        using: Option<String>,
    },
    /// Gives a column that keeps its type another collation.
    SetCollation(Column),
    /// Keeps the values of a column that is no longer computed.
    DropExpression(String),
    SetNotNull(String),
    DropNotNull(String),
    SetDefault(Column),
    DropDefault(String),
    /// Lets the database give new rows the next number.
    AddIdentity(String),
    DropIdentity(String),
    AddPrimaryKey(PrimaryKey),
    AddCheck(Check),
    AddForeignKey(ForeignKey),
    /// A key of a tenant-scoped table to a shared one.
    AddForeignKeyToShared(ForeignKey),
    DropConstraint(String),
    RenameConstraint {
        from: String,
        to: String,
    },
}

/// One step of altering who may see and change a table's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is what its name says")]
pub enum AccessStep {
    EnableRowSecurity,
    DisableRowSecurity,
    ForceRowSecurity,
    NoForceRowSecurity,
    CreatePolicy(Policy),
    DropPolicy(String),
    RenamePolicy { from: String, to: String },
    Grant(Grant),
    Revoke(Grant),
}

impl AccessStep {
    /// The steps that make row-level security of one kind another.
    pub(super) fn row_security(from: RowSecurity, to: RowSecurity) -> Vec<Self> {
        let mut steps = Vec::new();
        let is_on = |it| it != RowSecurity::Disabled;
        match (is_on(from), is_on(to)) {
            (false, true) => steps.push(Self::EnableRowSecurity),
            (true, false) => steps.push(Self::DisableRowSecurity),
            _ => {}
        }
        match (from == RowSecurity::Forced, to == RowSecurity::Forced) {
            (false, true) => steps.push(Self::ForceRowSecurity),
            (true, false) => steps.push(Self::NoForceRowSecurity),
            _ => {}
        }
        steps
    }

    fn add_to(&self, alter: v1::AlterAccess) -> v1::AlterAccess {
        match self {
            Self::EnableRowSecurity => alter.enable_row_security(),
            Self::DisableRowSecurity => alter.disable_row_security(),
            Self::ForceRowSecurity => alter.force_row_security(),
            Self::NoForceRowSecurity => alter.no_force_row_security(),
            Self::CreatePolicy(policy) => match (policy.sealed_column(), policy.condition()) {
                (Some(column), _) => alter.create_sealed_policy(&policy.name, column),
                (_, Some(condition)) => alter.create_policy(&policy.name, condition),
                (None, None) => alter.create_policy_as(&policy.name, &policy.definition()),
            },
            Self::DropPolicy(name) => alter.drop_policy(name),
            Self::RenamePolicy { from, to } => alter.rename_policy(from, to),
            Self::Grant(Grant { grantee, privileges }) => {
                let privileges: Vec<&str> = privileges.iter().map(String::as_str).collect();
                match grantee {
                    Grantee::Application => alter.grant(&privileges),
                    Grantee::Public => alter.grant_to_public(&privileges),
                }
            }
            Self::Revoke(Grant { grantee, privileges }) => {
                let privileges: Vec<&str> = privileges.iter().map(String::as_str).collect();
                match grantee {
                    Grantee::Application => alter.revoke(&privileges),
                    Grantee::Public => alter.revoke_from_public(&privileges),
                }
            }
        }
    }
}

/// How a table is recreated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// The table as it will be, with the indexes that it keeps.
    pub table: Table,
    /// Each column that gets values, with its value as SQL over the old row; `None` copies the
    /// column of the same name.
    pub values: Vec<(String, Option<String>)>,
    /// What must hold of the values of columns, as SQL over the old row.
    pub checked: Vec<(String, String)>,
    /// What must hold of the values of columns, as SQL over the new row.
    pub required: Vec<(String, String)>,
}

impl Operation {
    /// Runs the operation.
    ///
    /// # Errors
    ///
    /// If a statement fails.
    pub async fn run(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let engine = v1::engine(manager);
        match self {
            Self::CreateTable { table } => {
                v1::create_table(manager, ddl::create_table(table, engine)).await
            }
            Self::CreateSchema { name } => v1::create_schema(manager, name).await,
            Self::GrantUsage { schema } => v1::grant_usage(manager, schema).await,
            Self::DropSchema { name } => v1::drop_schema(manager, name).await,
            Self::CreateEnum { name, values } => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                v1::create_enum(manager, name, &values).await
            }
            Self::DropEnum { name } => v1::drop_enum(manager, name).await,
            Self::RenameEnum { from, to } => v1::rename_enum(manager, from, to).await,
            Self::AddEnumValue { name, value, before: None } => {
                v1::add_enum_value(manager, name, value).await
            }
            Self::AddEnumValue { name, value, before: Some(other) } => {
                v1::add_enum_value_before(manager, name, value, other).await
            }
            Self::DropTable { table } => v1::drop_table(manager, table).await,
            Self::RenameTable { from, to } if is_qualified(from) => {
                v1::rename_table(manager, from, to).await
            }
            Self::RenameTable { from, to } => {
                let stmt = SeaTable::rename().table(from.clone(), to.clone()).take();
                manager.rename_table(stmt).await
            }
            Self::RenameColumn { table, from, to } => {
                v1::rename_column(manager, table, from, to).await
            }
            Self::AddColumn { table, column } => {
                v1::add_column(manager, table, ddl::column_def(column, engine)).await
            }
            Self::DropColumn { table, column } => v1::drop_column(manager, table, column).await,
            Self::CreateIndex { table, index } => {
                v1::create_index(manager, ddl::create_index(table, index)).await
            }
            Self::DropIndex { table, index } => v1::drop_index(manager, table, index).await,
            Self::RenameIndex { table, from, to } if is_qualified(&table.name) => {
                v1::rename_index_of(manager, &table.name, from, &to.name).await
            }
            Self::RenameIndex { table, from, to } => {
                v1::rename_index(manager, from, ddl::create_index(table, to)).await
            }
            Self::AlterTable { table, steps, rebuild } => {
                let mut alter = v1::alter_table(table);
                for step in steps {
                    alter = step.add_to(alter, table, engine);
                }
                if let Some(rebuild) = rebuild {
                    alter = alter.rebuild(rebuild.to_op(engine));
                }
                alter.run(manager).await
            }
            Self::AlterAccess { table, steps } => {
                let alter = v1::alter_access(table);
                steps.iter().fold(alter, |alter, step| step.add_to(alter)).run(manager).await
            }
            Self::Distribute { table, distribution, beside } => match distribution {
                Distribution::By(column) => match beside {
                    None => v1::distribute(manager, table, column).await,
                    Some(other) => v1::distribute_beside(manager, table, column, other).await,
                },
                Distribution::Replicated => v1::replicate(manager, table).await,
                Distribution::Other(_) => Ok(()),
            },
            Self::Statement { on: On::Any, sql } => v1::statement(manager, sql).await,
            Self::Statement { on: On::Postgres, sql } => {
                v1::statement_on_postgres(manager, sql).await
            }
            Self::Statement { on: On::Sqlite, sql } => v1::statement_on_sqlite(manager, sql).await,
            Self::Comment { table, column: None, text } => {
                v1::comment_on_table(manager, table, text.as_deref()).await
            }
            Self::Comment { table, column: Some(column), text } => {
                v1::comment_on_column(manager, table, column, text.as_deref()).await
            }
            Self::Undistribute { table } => v1::undistribute(manager, table).await,
        }
    }
}

impl Operation {
    /// Puts the rows of a table where they belong.
    #[must_use]
    pub fn distribute(table: &Table, distribution: Distribution) -> Self {
        let beside = table.beside().map(str::to_owned);
        Self::Distribute { table: table.name.clone(), distribution, beside }
    }
}

impl Step {
    /// Adds a foreign key of `table`.
    pub(super) fn add_foreign_key(table: &Table, key: ForeignKey) -> Self {
        if tenancy::is_key_to_shared(table, &key) {
            Self::AddForeignKeyToShared(key)
        } else {
            Self::AddForeignKey(key)
        }
    }

    fn add_to(&self, alter: v1::AlterTable, table: &str, engine: Engine) -> v1::AlterTable {
        match self {
            Self::AddColumn(column) => alter.add_column(ddl::column_def(column, engine)),
            Self::DropColumn(column) => alter.drop_column(column),
            Self::Fill { column, value } => alter.fill(column, value),
            Self::Unfilled { column, is_new: true } => alter.value_needed_in_new(column),
            Self::Unfilled { column, is_new: false } => alter.value_needed(column),
            Self::SetType { column, using } => {
                let (name, ty) = (&column.name, column.ty.in_sea_query());
                match (using, altered_collation(column)) {
                    (None, None) => alter.set_type(name, ty),
                    (Some(value), None) => alter.set_type_using(name, ty, value),
                    (None, Some(collation)) => alter.set_collation(name, ty, Some(&collation)),
                    (Some(value), Some(collation)) => {
                        alter.set_collation_using(name, ty, &collation, value)
                    }
                }
            }
            Self::SetCollation(column) => {
                let (name, ty) = (&column.name, column.ty.in_sea_query());
                alter.set_collation(name, ty, altered_collation(column).as_deref())
            }
            Self::DropExpression(column) => alter.drop_expression(column),
            Self::SetNotNull(column) => alter.set_not_null(column),
            Self::DropNotNull(column) => alter.drop_not_null(column),
            Self::SetDefault(column) => match ddl::default_on(engine, column) {
                Some(default) => alter.set_default(&column.name, ddl::default_expr(&default)),
                None => alter.drop_default(&column.name),
            },
            Self::DropDefault(column) => alter.drop_default(column),
            Self::AddIdentity(column) => alter.add_identity(column),
            Self::DropIdentity(column) => alter.drop_identity(column),
            Self::AddPrimaryKey(key) => {
                let columns: Vec<&str> = key.columns.iter().map(String::as_str).collect();
                alter.add_primary_key(key.name.as_deref().unwrap_or_default(), &columns)
            }
            Self::AddCheck(check) => {
                alter.add_check(check.name.as_deref().unwrap_or_default(), &check.expr)
            }
            Self::AddForeignKey(key) => alter.add_foreign_key(&ddl::foreign_key(table, key)),
            Self::AddForeignKeyToShared(key) => {
                alter.add_foreign_key_to_shared(&ddl::foreign_key(table, key))
            }
            Self::DropConstraint(name) => alter.drop_constraint(name),
            Self::RenameConstraint { from, to } => alter.rename_constraint(from, to),
        }
    }
}

/// Whether a table has a schema of its own.
pub(crate) fn is_qualified(table: &str) -> bool {
    parts(table).0.is_some()
}

/// The collation that ALTER TABLE gives a column: SQLite, which has others, recreates the table.
pub(crate) fn altered_collation(column: &Column) -> Option<String> {
    ddl::collation_on(Engine::Postgres, column)
}

impl Rebuild {
    /// The columns that are copied as they are.
    #[must_use]
    pub fn copied(&self) -> Vec<&str> {
        let plain = self.values.iter().filter(|(_, value)| value.is_none());
        plain.map(|(column, _)| column.as_str()).collect()
    }

    /// The columns that get a value made of the old row.
    pub fn made(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().filter_map(|(column, value)| Some((&**column, value.as_deref()?)))
    }

    fn to_op(&self, engine: Engine) -> v1::Rebuild {
        let mut rebuild = v1::rebuild(ddl::create_table(&self.table, engine));
        let copied = self.copied();
        if !copied.is_empty() {
            rebuild = rebuild.copy(&copied);
        }
        for (column, value) in self.made() {
            rebuild = rebuild.copy_as(column, value);
        }
        for (column, condition) in &self.checked {
            rebuild = rebuild.check(column, condition);
        }
        for (column, condition) in &self.required {
            rebuild = rebuild.require(column, condition);
        }
        for index in &self.table.indexes {
            rebuild = rebuild.index(ddl::create_index(&self.table, index));
        }
        rebuild
    }
}

/// Something that can be looked for in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is what its name says")]
pub enum Object {
    Table { table: String },
    Column { table: String, column: String },
    Index { table: String, index: String },
}

impl Object {
    /// Whether the database has it.
    ///
    /// # Errors
    ///
    /// If the query fails.
    pub async fn is_there(&self, manager: &SchemaManager<'_>) -> Result<bool, DbErr> {
        match self {
            Self::Table { table } => manager.has_table(table).await,
            Self::Column { table, column } => manager.has_column(table, column).await,
            Self::Index { table, index } => manager.has_index(table, index).await,
        }
    }

    /// What an operation adds.
    fn added_by(operation: &Operation) -> Vec<Self> {
        let column = |table: &str, column: &Column| Self::Column {
            table: table.to_owned(),
            column: column.name.clone(),
        };
        match operation {
            Operation::CreateTable { table } => vec![Self::Table { table: table.name.clone() }],
            Operation::AddColumn { table, column: added } => vec![column(table, added)],
            Operation::CreateIndex { table, index } => {
                vec![Self::Index { table: table.name.clone(), index: index.name.clone() }]
            }
            Operation::AlterTable { table, steps, .. } => {
                let added = steps.iter().filter_map(|step| match step {
                    Step::AddColumn(added) => Some(column(table, added)),
                    _ => None,
                });
                added.collect()
            }
            _ => Vec::new(),
        }
    }

    /// What all of these operations add.
    #[must_use]
    pub fn added(operations: &[Operation]) -> Vec<Self> {
        operations.iter().flat_map(Self::added_by).collect()
    }
}

/// Operations as a migration that was not written down: to be run, or recorded as SQL.
#[derive(Clone, Debug, Default)]
pub struct PlannedMigration {
    /// The migration's name.
    pub name: String,
    /// Where all of this is there already, applying it does nothing; if empty, it always does.
    pub unless: Vec<Object>,
    /// What applying it does.
    pub up: Vec<Operation>,
    /// What rolling it back does.
    pub down: Vec<Operation>,
}

impl MigrationName for PlannedMigration {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PlannedMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut is_done = !self.unless.is_empty();
        for object in &self.unless {
            is_done = is_done && object.is_there(manager).await?;
        }
        if is_done {
            return Ok(());
        }
        for operation in &self.up {
            operation.run(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for operation in &self.down {
            operation.run(manager).await?;
        }
        Ok(())
    }
}
