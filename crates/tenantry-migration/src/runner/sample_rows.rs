//! How sample rows are told from real ones in SQL.

use tenantry_entity::{Engine, sample_id};

use super::samples::Samples;
use crate::schema::{ColumnType, Table, tenancy};

impl Samples {
    /// SQL that is true for the sample rows of `table`, and for no other: the id carries the tag and
    /// the table's code, and a tenant-scoped row belongs to the sample tenant that its id names.
    /// Whatever cannot be judged counts as real.
    #[must_use]
    pub fn rows(&self, table: &Table) -> String {
        let engine = self.engine;
        let is_uuid = |name: &str| table.column(name).is_some_and(|c| c.ty == ColumnType::Uuid);
        if !is_uuid("id") {
            return "false".to_owned();
        }
        let own = self.ids("id", &table.name);
        let column = self.tenancy.column;
        if !tenancy::is_tenant_scoped(&self.tenancy, table) {
            return own;
        }
        if !is_uuid(column) {
            return "false".to_owned();
        }
        let tenant = self.ids(column, self.tenancy.root);
        let same = |part: Part| format!("{} = {}", part.of(engine, "id"), part.of(engine, column));
        format!(
            "{own} AND {tenant} AND {} AND {}",
            same(Part::TenantUpper),
            same(Part::TenantLower)
        )
    }

    /// SQL that is true where `column`, an SQL name of a uuid column, holds the id of a sample row of
    /// `table`.
    #[must_use]
    pub fn ids(&self, column: &str, table: &str) -> String {
        let engine = self.engine;
        let Some(code) = self.codes.code(table) else { return "false".to_owned() };
        // sqlx keeps a uuid on SQLite as a blob of 16 bytes; anything else there is not ours.
        let form = match engine {
            Engine::Sqlite => format!("typeof({column}) = 'blob' AND length({column}) = 16 AND "),
            _ => String::new(),
        };
        format!(
            "{form}{} = '8' AND {} = '{:x}' AND {} = '{code:02x}'",
            Part::Version.of(engine, column),
            Part::Tag.of(engine, column),
            sample_id::TAG,
            Part::Table.of(engine, column),
        )
    }
}

/// The id as text, to find the greatest.
pub(super) fn as_text(engine: Engine, column: &str) -> String {
    match engine {
        Engine::Sqlite => format!("lower(hex({column}))"),
        _ => format!("{column}::text"),
    }
}

/// A part of a sample id; see [`sample_id`].
#[derive(Clone, Copy)]
enum Part {
    Version,
    TenantUpper,
    Tag,
    TenantLower,
    Table,
}

impl Part {
    /// SQL for the part's hexadecimal digits.
    fn of(self, engine: Engine, column: &str) -> String {
        // Counted from 1, without the dashes.
        let (start, length, dashes) = match self {
            Self::Version => (13, 1, 2),
            Self::TenantUpper => (14, 3, 2),
            Self::Tag => (17, 4, 3),
            Self::TenantLower => (21, 4, 4),
            Self::Table => (25, 2, 4),
        };
        let start = if engine == Engine::Sqlite { start } else { start + dashes };
        format!("substr({}, {start}, {length})", as_text(engine, column))
    }
}
