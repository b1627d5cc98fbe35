//! Recreating a table, for SQLite, which can alter little:
//! <https://www.sqlite.org/lang_altertable.html#otheralter>.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::prelude::{
    DbErr, IndexCreateStatement, SchemaManager, TableCreateStatement,
};

use super::{alter::execute, create_index};
use crate::sql::{parts, quoted, quoted_table};

/// The question that every rebuild begins with, and by which the runner recognises one.
pub const FOREIGN_KEYS_ENFORCED: &str = "SELECT foreign_keys FROM pragma_foreign_keys";

/// Recreates a table as `table` says, with the rows it has; see [`Rebuild`].
pub fn rebuild(table: TableCreateStatement) -> Rebuild {
    let (copied, checked, required, indexes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Rebuild { table, copied, checked, required, indexes }
}

/// How a table is recreated: created under another name, filled, put in the old one's place, and
/// indexed. Indexes and triggers that no migration made are made again too.
#[must_use = "a rebuild is run by `AlterTable::run`"]
#[derive(Debug)]
pub struct Rebuild {
    table: TableCreateStatement,
    copied: Vec<(String, String)>,
    checked: Vec<(String, String)>,
    required: Vec<(String, String)>,
    indexes: Vec<IndexCreateStatement>,
}

impl Rebuild {
    /// Copies these columns as they are.
    pub fn copy(mut self, columns: &[&str]) -> Self {
        self.copied.extend(columns.iter().map(|column| ((*column).to_owned(), quoted(column))));
        self
    }

    /// Fills a column with `value`, as SQL over the old row.
    pub fn copy_as(mut self, column: &str, value: &str) -> Self {
        self.copied.push((column.to_owned(), format!("({value})")));
        self
    }

    /// Fails if a value of `column` that is not NULL breaks `condition`, as SQL over the old row, before
    /// anything is done.
    pub fn check(mut self, column: &str, condition: &str) -> Self {
        self.checked.push((column.to_owned(), condition.to_owned()));
        self
    }

    /// Fails if a value of `column` that is not NULL breaks `condition`, as SQL over the new row:
    /// SQLite itself would store any value in any column.
    pub fn require(mut self, column: &str, condition: &str) -> Self {
        self.required.push((column.to_owned(), condition.to_owned()));
        self
    }

    /// Makes this index.
    pub fn index(mut self, index: IndexCreateStatement) -> Self {
        self.indexes.push(index);
        self
    }

    pub(super) async fn run(self, manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
        let query = async |sql: String| {
            let stmt = Statement::from_string(DbBackend::Sqlite, sql);
            manager.get_connection().query_all_raw(stmt).await
        };
        // With them on, dropping the old table would delete the rows that refer to it. A recording
        // connection answers without the column.
        let enforced = query(FOREIGN_KEYS_ENFORCED.to_owned()).await?;
        if enforced.iter().any(|row| row.try_get("", "foreign_keys").unwrap_or(0) != 0) {
            return Err(DbErr::Migration(format!(
                "{name} has to be recreated, and SQLite's foreign keys are on, so that rows that \
                 refer to it would be deleted: let the runner start the transaction, or execute \
                 PRAGMA foreign_keys = OFF before it begins"
            )));
        }
        for (column, condition) in &self.checked {
            all_fit(manager, name, &quoted_table(name), column, condition).await?;
        }
        let literal = parts(name).1.replace('\'', "''");
        let attached = query(format!(
            "SELECT name, sql FROM sqlite_schema WHERE tbl_name = '{literal}' \
             AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid"
        ))
        .await?;
        let attached: Vec<(String, String)> = attached
            .iter()
            .filter_map(|row| Some((row.try_get("", "name").ok()?, row.try_get("", "sql").ok()?)))
            .collect();

        let (old, new) = (quoted_table(name), format!("{}__rebuilt", parts(name).1));
        let mut create = self.table;
        manager.create_table(create.table(new.clone()).take()).await?;
        let new = quoted(&new);
        if !self.copied.is_empty() {
            let (columns, values): (Vec<String>, Vec<String>) =
                self.copied.into_iter().map(|(column, value)| (quoted(&column), value)).unzip();
            let (columns, values) = (columns.join(", "), values.join(", "));
            let sql = format!("INSERT INTO {new} ({columns}) SELECT {values} FROM {old}");
            execute(manager, sql).await?;
        }
        for (column, condition) in &self.required {
            all_fit(manager, name, &new, column, condition).await?;
        }
        execute(manager, format!("DROP TABLE {old}")).await?;
        // Else the rename would look at every view, and fail for those that name the table.
        execute(manager, "PRAGMA legacy_alter_table = 1".to_owned()).await?;
        let renamed = execute(manager, format!("ALTER TABLE {new} RENAME TO {old}")).await;
        execute(manager, "PRAGMA legacy_alter_table = 0".to_owned()).await?;
        renamed?;
        let names: Vec<Option<String>> = self
            .indexes
            .iter()
            .map(|index| index.get_index_spec().get_name().map(ToOwned::to_owned))
            .collect();
        for index in self.indexes {
            create_index(manager, index).await?;
        }
        for (what, sql) in attached {
            if names.iter().any(|name| name.as_deref() == Some(&*what)) {
                continue;
            }
            execute(manager, sql).await.map_err(|error| {
                DbErr::Migration(format!(
                    "{what}, which no migration made, cannot be made again on the new {name}: \
                     {error}"
                ))
            })?;
        }
        Ok(())
    }
}

/// Fails if a value in `column` of the table `read`, which is `name` or will be, breaks the condition.
async fn all_fit(
    manager: &SchemaManager<'_>,
    name: &str,
    read: &str,
    column: &str,
    condition: &str,
) -> Result<(), DbErr> {
    let quoted = quoted(column);
    let sql = format!(
        "SELECT count(*) AS broken FROM {read} \
         WHERE {quoted} IS NOT NULL AND ({condition}) IS NOT TRUE"
    );
    let stmt = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = manager.get_connection().query_all_raw(stmt).await?;
    let broken = rows.first().map_or(0, |row| row.try_get("", "broken").unwrap_or(0i64));
    if broken == 0 {
        return Ok(());
    }
    let values = if broken == 1 { "value does" } else { "values do" };
    // A longer one is no help.
    let why = if condition.len() <= LEGIBLE {
        format!(", for which {condition} has to hold")
    } else {
        String::new()
    };
    Err(DbErr::Migration(format!("{broken} {values} not fit the new type of {name}.{column}{why}")))
}

/// How many bytes of SQL say something to a reader of an error.
const LEGIBLE: usize = 100;
