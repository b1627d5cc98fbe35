//! How sample rows are told from real ones in SQL.

use tenantry_entity::{
    Engine,
    sample_id::{self, IdKind, MAX_TENANT, NUMBER_TAG},
};

use super::samples::Samples;
use crate::schema::{ColumnType, Table, names, tenancy};

impl Samples {
    /// SQL that is true for the sample rows of `table`, and for no other: the id carries the tag and
    /// the table's code, and a tenant-scoped row belongs to the sample tenant that its id names.
    /// Whatever cannot be judged counts as real.
    #[must_use]
    pub fn rows(&self, table: &Table) -> String {
        let engine = self.engine;
        let has = |name: &str, kind: Option<IdKind>| {
            let ty = match kind {
                Some(IdKind::Uuid) => ColumnType::Uuid,
                Some(IdKind::Number) => ColumnType::BigInt,
                None => return false,
            };
            // SQLite keeps any number as an integer.
            let is_like = |found: &ColumnType| {
                *found == ty || (engine == Engine::Sqlite && ty.on_sqlite() == *found)
            };
            table.column(name).is_some_and(|column| is_like(&column.ty))
        };
        let kind = self.codes.kind(&table.name);
        if !has("id", kind) {
            return "false".to_owned();
        }
        let own = self.ids("id", &table.name);
        let column = self.tenancy.column;
        if !tenancy::is_tenant_scoped(&self.tenancy, table) {
            return own;
        }
        let root = self.codes.kind(self.tenancy.root);
        if !has(column, root) {
            return "false".to_owned();
        }
        let column = &names::in_condition(column);
        let tenant = self.ids(column, self.tenancy.root);
        match (kind, root) {
            (Some(IdKind::Uuid), Some(IdKind::Uuid)) => {}
            (Some(IdKind::Number), Some(IdKind::Number)) => {
                return format!(
                    "{own} AND {tenant} AND {} = {}",
                    tenant_of("id"),
                    tenant_of(column)
                );
            }
            // A number of one and digits of the other: no two engines tell both the same way.
            _ => return format!("{own} AND {tenant}"),
        }
        let same = |part: Part| format!("{} = {}", part.of(engine, "id"), part.of(engine, column));
        format!(
            "{own} AND {tenant} AND {} AND {}",
            same(Part::TenantUpper),
            same(Part::TenantLower)
        )
    }

    /// SQL that is true where `column`, an SQL name, holds the id of a sample row of
    /// `table`.
    #[must_use]
    pub fn ids(&self, column: &str, table: &str) -> String {
        let engine = self.engine;
        let Some(code) = self.codes.code(table) else { return "false".to_owned() };
        if self.codes.kind(table) == Some(IdKind::Number) {
            return format!(
                "({column} >> 60) = {NUMBER_TAG} AND (({column} >> 24) & 255) = {code}"
            );
        }
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

/// SQL for the tenant's ordinal in an id that is a number.
fn tenant_of(column: &str) -> String {
    format!("(({column} >> 32) & {MAX_TENANT})")
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
