//! Sample rows as files, from the same stream that is loaded.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use sea_orm::{Value, sea_query::OptionEnum};
use tenantry_entity::Engine;
use tenantry_migration::{
    Error, Result,
    db::{literal, quoted, quoted_table},
    runner::Contents,
};

use crate::{
    loader::{Rows, Sink, everything},
    samples::TableInfo,
    set::DataSet,
};

/// What files look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One script of INSERTs, for the engine of the database
    Sql,
    /// A file for each table with a header, quoted as RFC 4180 has it; nothing between two commas is NULL
    Csv,
    /// A file for each table in the text form of PostgreSQL's COPY
    Copy,
}

/// Rows an INSERT.
const ROWS: usize = 500;

/// Writes all rows of a data set into a folder, which is made; the names of the files say in which order
/// they are loaded. Returns the files.
///
/// # Errors
///
/// [`Error::Unusable`] if a file exists or cannot be written.
pub async fn export(
    set: &DataSet,
    engine: Engine,
    format: Format,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    set.check()?;
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut files = Files { engine, format, folder, written: Vec::new(), script: None };
    if format == Format::Sql {
        let path = folder.join("sample_rows.sql");
        let mut script = create(&path)?;
        let head = format!("-- {}\nBEGIN;\n", set.spec());
        script.write_all(head.as_bytes()).map_err(|error| failed(&path, &error))?;
        files.script = Some(script);
        files.written.push(path);
    }
    everything(&mut files, set).await?;
    if let (Some(mut script), Some(path)) = (files.script.take(), files.written.first()) {
        let ended = script.write_all(b"COMMIT;\n").and_then(|()| script.flush());
        ended.map_err(|error| failed(path, &error))?;
    }
    Ok(files.written)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    // No other file is to be lost.
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    Ok(BufWriter::with_capacity(1 << 18, file.map_err(|error| failed(path, &error))?))
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == ErrorKind::AlreadyExists {
        return Error::unusable(
            "file-exists",
            format!(
                "{} is there already, and no file is written over: name another folder, or delete it",
                path.display()
            ),
        );
    }
    Error::unusable("file-unwritable", format!("cannot write {}: {error}", path.display()))
}

struct Files<'f> {
    engine: Engine,
    format: Format,
    folder: &'f Path,
    written: Vec<PathBuf>,
    /// The one file there is, of SQL.
    script: Option<BufWriter<File>>,
}

impl Sink for Files<'_> {
    async fn take(
        &mut self,
        info: &'static TableInfo,
        rows: &mut Rows<'_>,
        contents: &mut Contents,
    ) -> Result<u64> {
        let (table, columns) = (info.name, &info.columns);
        let rows = rows.inspect(|values| contents.add(self.engine, values));
        if let Some(script) = &mut self.script {
            let path = self.written.first().cloned().unwrap_or_default();
            return write_sql(script, self.engine, table, columns, rows)
                .map_err(|error| failed(&path, &error));
        }
        let ending = if self.format == Format::Csv { "csv" } else { "copy" };
        let path = self.folder.join(format!("{:02}_{table}.{ending}", self.written.len() + 1));
        let mut file = create(&path)?;
        let written = match self.format {
            Format::Csv => write_csv(&mut file, columns, rows),
            _ => write_copy(&mut file, rows),
        };
        let written = written.and_then(|rows| file.flush().map(|()| rows));
        let written = written.map_err(|error| failed(&path, &error))?;
        self.written.push(path);
        Ok(written)
    }
}

fn write_sql(
    out: &mut impl Write,
    engine: Engine,
    table: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Value>>,
) -> std::io::Result<u64> {
    let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES\n", quoted_table(table), columns.join(", "));
    let mut count = 0;
    for (at, values) in rows.enumerate() {
        let begins = at % ROWS == 0;
        if begins && at > 0 {
            out.write_all(b";\n")?;
        }
        out.write_all(if begins { head.as_bytes() } else { b",\n" })?;
        let values: Vec<String> = values.iter().map(|value| sql(engine, value)).collect();
        write!(out, "({})", values.join(", "))?;
        count += 1;
    }
    if count > 0 {
        out.write_all(b";\n")?;
    }
    Ok(count)
}

/// A value as an SQL literal, stored as sqlx stores it.
fn sql(engine: Engine, value: &Value) -> String {
    let Some(text) = text(engine, value) else { return "NULL".to_owned() };
    match value {
        Value::Bool(_)
        | Value::SmallInt(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Double(_) => text,
        Value::Uuid(Some(id)) if engine == Engine::Sqlite => format!("X'{}'", id.simple()),
        _ => literal(&text),
    }
}

fn write_csv(
    out: &mut impl Write,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Value>>,
) -> std::io::Result<u64> {
    writeln!(out, "{}", columns.join(","))?;
    let (mut count, mut line) = (0, String::new());
    for values in rows {
        line.clear();
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                line.push(',');
            }
            let Some(text) = text(Engine::Postgres, value) else { continue };
            if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
                let _ = write!(line, "\"{}\"", text.replace('"', "\"\""));
            } else {
                line.push_str(&text);
            }
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        count += 1;
    }
    Ok(count)
}

fn write_copy(
    out: &mut impl Write,
    rows: impl Iterator<Item = Vec<Value>>,
) -> std::io::Result<u64> {
    let (mut count, mut line) = (0, String::new());
    for values in rows {
        line.clear();
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                line.push('\t');
            }
            let Some(text) = text(Engine::Postgres, value) else {
                line.push_str("\\N");
                continue;
            };
            for letter in text.chars() {
                match letter {
                    '\\' => line.push_str("\\\\"),
                    '\n' => line.push_str("\\n"),
                    '\r' => line.push_str("\\r"),
                    '\t' => line.push_str("\\t"),
                    other => line.push(other),
                }
            }
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        count += 1;
    }
    Ok(count)
}

/// A value as text; `None` is NULL.
fn text(engine: Engine, value: &Value) -> Option<String> {
    Some(match value {
        Value::Bool(Some(value)) => value.to_string(),
        Value::SmallInt(Some(value)) => value.to_string(),
        Value::Int(Some(value)) => value.to_string(),
        Value::BigInt(Some(value)) => value.to_string(),
        Value::Uuid(Some(value)) => value.to_string(),
        Value::String(Some(value)) => value.clone(),
        Value::Enum(OptionEnum::Some(value)) => value.value.to_string(),
        // As sqlx writes it, so that rows of either origin compare.
        Value::ChronoDateTime(Some(value)) if engine == Engine::Sqlite => {
            value.format("%F %T%.f").to_string()
        }
        Value::ChronoDateTime(Some(value)) => value.format("%FT%T%.f").to_string(),
        Value::ChronoDateTimeUtc(Some(value)) => value.to_rfc3339(),
        Value::Json(Some(value)) => value.to_string(),
        null if *null == null.as_null() => return None,
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let rows = || {
            let text = Value::from("a\t\"b\",\\\nc'd");
            std::iter::once(vec![text, Value::String(None), Value::from(""), Value::from(true)])
        };
        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        let csv = written(&|out| {
            write_csv(out, &["x", "y", "z", "b"], rows()).unwrap();
        });
        assert_eq!(csv, "x,y,z,b\n\"a\t\"\"b\"\",\\\nc'd\",,\"\",true\n");
        let copy = written(&|out| {
            write_copy(out, rows()).unwrap();
        });
        assert_eq!(copy, "a\\t\"b\",\\\\\\nc'd\t\\N\t\ttrue\n");
        let sql = written(&|out| {
            write_sql(out, Engine::Sqlite, "t", &["x", "y", "z", "b"], rows()).unwrap();
        });
        let row = "('a\t\"b\",\\\nc''d', NULL, '', true);\n";
        assert_eq!(sql, format!("INSERT INTO \"t\" (\"x\", \"y\", \"z\", \"b\") VALUES\n{row}"));
    }
}
