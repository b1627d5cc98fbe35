//! Writing a backup.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, hard_link, remove_file, rename},
    io::{BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use serde::Serialize;
use serde_json::Value;
use tenantry_entity::Engine;

use super::{End, Header, Losing, TABLE, TableHeader, VERSION, literal::literals};
use crate::{
    db::{literal, quoted},
    error::{Error, Result},
    schema::Table,
    sql::{is_table, parts, quoted_table},
};

/// Rows fetched at a time.
const PAGE: usize = 1_000;

/// A backup that is being written. Until it is [kept](Backup::keep), it has another name, and is
/// removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Backup {
    path: PathBuf,
    partial: PathBuf,
    file: Option<BufWriter<File>>,
    rows: u64,
}

impl Backup {
    /// Begins to write to a file that must not exist yet.
    pub(crate) fn begin(
        path: &Path,
        engine: Engine,
        command: &str,
        not_included: &[String],
    ) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::unusable(
                "backup-unwritable",
                format!("cannot write the backup {}: {error}", path.display()),
            )
        };
        if path.try_exists().map_err(failed)? {
            return Err(Error::unusable(
                "backup-exists",
                format!(
                    "the backup {} exists already: name another file, so that no rows are overwritten",
                    path.display()
                ),
            ));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Rows are not for other users of the machine.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&partial).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::unusable("backup-in-progress", format!(
                "{} exists already: another command is writing this backup, or was interrupted; name \
                 another file, or remove that one",
                partial.display()
            )),
            _ => failed(error),
        })?;
        let file = BufWriter::new(file);
        let mut backup = Self { path: path.to_owned(), partial, file: Some(file), rows: 0 };
        let header = json(&Header {
            version: VERSION,
            engine: engine.name().to_owned(),
            made_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            command: command.to_owned(),
            not_included: not_included.to_vec(),
        })?;
        backup.write(&header)?;
        Ok(backup)
    }

    /// Writes all rows of a table.
    pub(crate) async fn table(
        &mut self,
        tx: &DatabaseTransaction,
        engine: Engine,
        losing: &Losing,
    ) -> Result<()> {
        let table = &losing.table;
        let generated = generated(tx, engine, &table.name).await?;
        let mut columns: Vec<String> = table.columns.iter().map(|it| it.name.clone()).collect();
        columns.retain(|column| !generated.contains(column));
        let key = table.key().to_vec();
        let name = table.name.clone();
        let (lost, rows) = (losing.columns.clone(), losing.rows);
        let header = TableHeader { table: name, columns: columns.clone(), key, lost, rows };
        self.write(&format!("{TABLE}{}", json(&header)?))?;
        match engine {
            Engine::Sqlite => self.rows_of_sqlite(tx, table, &columns).await,
            _ => self.rows_of_postgres(tx, engine, table, &columns).await,
        }
    }

    async fn rows_of_postgres(
        &mut self,
        tx: &DatabaseTransaction,
        engine: Engine,
        table: &Table,
        columns: &[String],
    ) -> Result<()> {
        let cursor = "tenantry_backup";
        let name = quoted_table(&table.name);
        // As text, a json value is told from none at all. Within other types it may have line breaks,
        // which are only white space. Pair by pair, because Citus forgets the names that the columns of a
        // subquery have.
        let of_json = json_columns(tx, engine, &table.name).await?;
        let pairs = columns.iter().map(|column| {
            let value = quoted(column);
            let cast = if of_json.contains_key(column) { "::text" } else { "" };
            let key = literal(&format!("{}:", Value::from(column.as_str())));
            format!("{key} || coalesce(to_json({value}{cast})::text, 'null')")
        });
        let pairs: Vec<String> = pairs.collect();
        let declare = format!(
            "DECLARE {cursor} NO SCROLL CURSOR FOR SELECT \
             translate('{{' || array_to_string(ARRAY[{}]::text[], ',') || '}}', E'\\n\\r', '  ') AS row \
             FROM {name}",
            pairs.join(", ")
        );
        tx.execute_unprepared(&declare).await?;
        loop {
            let fetch = format!("FETCH {PAGE} FROM {cursor}");
            let rows = tx.query_all_raw(Statement::from_string(engine.backend(), fetch)).await?;
            for row in &rows {
                let text: String = row.try_get("", "row")?;
                self.text(&text)?;
            }
            if rows.len() < PAGE {
                break;
            }
        }
        tx.execute_unprepared(&format!("CLOSE {cursor}")).await?;
        Ok(())
    }

    async fn rows_of_sqlite(
        &mut self,
        tx: &DatabaseTransaction,
        table: &Table,
        columns: &[String],
    ) -> Result<()> {
        let pairs: Vec<String> = columns
            .iter()
            .map(|column| {
                let (name, column) = (literal(column), quoted(column));
                // `quote` ends where a text has a NUL.
                format!(
                    "{name}, CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) > 0 \
                     THEN 'CAST(X''' || hex({column}) || ''' AS TEXT)' ELSE quote({column}) END"
                )
            })
            .collect();
        let Some(number) = table.rowid() else {
            return Err(Error::unusable(
                "rows-unpageable",
                format!(
                    "cannot write a backup: columns of {} have taken all names of the row's number",
                    table.name
                ),
            ));
        };
        let mut last = i64::MIN;
        loop {
            let sql = format!(
                "SELECT {number} AS number, json_object({}) AS row FROM {} WHERE {number} > {last} \
                 ORDER BY {number} LIMIT {PAGE}",
                pairs.join(", "),
                quoted_table(&table.name)
            );
            let stmt = Statement::from_string(Engine::Sqlite.backend(), sql);
            let rows = tx.query_all_raw(stmt).await?;
            for row in &rows {
                last = row.try_get("", "number")?;
                let text: String = row.try_get::<String>("", "row")?;
                // A text that is not UTF-8 could not be brought back.
                if text.contains("CAST(X'") && literals(columns, &text).is_err() {
                    return Err(Error::unusable(
                        "text-not-utf8",
                        format!("cannot write a backup: a text in {} is not UTF-8", table.name),
                    ));
                }
                self.text(&text)?;
            }
            if rows.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn text(&mut self, row: &str) -> Result<()> {
        self.rows += 1;
        self.write(row)
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let path = &self.path;
        let Some(file) = &mut self.file else { return Ok(()) };
        writeln!(file, "{text}").map_err(|error| {
            Error::unusable(
                "backup-unwritable",
                format!("cannot write the backup {}: {error}", path.display()),
            )
        })
    }

    /// Sees to it that the file is on the disk, and gives it its name.
    pub(crate) fn keep(mut self) -> Result<PathBuf> {
        let end = json(&End { rows: self.rows })?;
        self.write(&format!("{TABLE}{end}"))?;
        let kept = (|| {
            if let Some(file) = self.file.take() {
                file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            }
            // Unlike renaming, this replaces no other file; but not every file system can do it.
            match hard_link(&self.partial, &self.path) {
                Ok(()) => remove_file(&self.partial),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
                Err(_) => rename(&self.partial, &self.path),
            }
        })();
        kept.map_err(|error: std::io::Error| {
            Error::unusable(
                "backup-unwritable",
                format!("cannot write the backup {}: {error}", self.path.display()),
            )
        })?;
        tracing::info!(rows = self.rows, "wrote the backup {}", self.path.display());
        Ok(self.path.clone())
    }
}

/// The columns of a table that hold json, with their types.
pub(super) async fn json_columns(
    tx: &DatabaseTransaction,
    engine: Engine,
    table: &str,
) -> Result<BTreeMap<String, String>> {
    let sql = format!(
        "SELECT a.attname::text AS name, a.atttypid::regtype::text AS type \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE {} \
         AND a.atttypid IN ('json'::regtype, 'jsonb'::regtype)",
        is_table("c", table)
    );
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let pairs: std::result::Result<_, sea_orm::DbErr> =
        rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get("", "type")?))).collect();
    Ok(pairs?)
}

/// The columns of a table that cannot be set, because they are generated.
async fn generated(tx: &DatabaseTransaction, engine: Engine, table: &str) -> Result<Vec<String>> {
    let sql = match engine {
        Engine::Sqlite => {
            let table = literal(&parts(table).1);
            format!("SELECT name FROM pragma_table_xinfo({table}) WHERE hidden IN (2, 3)")
        }
        _ => format!(
            "SELECT a.attname::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
             WHERE {} AND a.attgenerated <> ''",
            is_table("c", table)
        ),
    };
    let rows = tx.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    let names: std::result::Result<_, _> = rows.iter().map(|row| row.try_get("", "name")).collect();
    Ok(names?)
}

fn json(line: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(line).map_err(std::io::Error::from)?)
}

impl Drop for Backup {
    fn drop(&mut self) {
        // After `keep`, there is nothing of that name.
        let _ = remove_file(&self.partial);
    }
}
