//! How sample rows are told from real ones in SQL.

use tenantry_entity::{
    Engine,
    sample_id::{
        self, INTEGER_TAG, IdKind, MAX_INTEGER_TENANT, MAX_TENANT, NUMBER_TAG, SampleText, TEXT_TAG,
    },
};

use super::samples::Samples;
use crate::schema::{ColumnType, Table, names, tenancy};

impl Samples {
    /// SQL that is true for the sample rows of `table`, and for no other: the id carries the tag and
    /// the table's code, and a tenant-scoped row belongs to the sample tenant that its id names. Where there is no
    /// such id, the row is one by what its primary key refers to, which has to be sample rows alone.
    /// Whatever cannot be judged counts as real.
    #[must_use]
    pub fn rows(&self, table: &Table) -> String {
        let own = match self.codes.id(&table.name) {
            Some((column, kind)) => vec![(column, kind, table.name.as_str())],
            None => self.named_by_key(table),
        };
        let is_known = |(column, kind, _): &(&str, IdKind, &str)| self.holds(table, column, *kind);
        let (Some((column, kind, _)), true) = (own.first(), own.iter().all(is_known)) else {
            return "false".to_owned();
        };
        let id = names::in_condition(column);
        let ids = own.iter().map(|(column, _, of)| self.ids(&names::in_condition(column), of));
        let own = ids.collect::<Vec<_>>().join(" AND ");
        let (tenant_column, root) = (self.tenancy.column, self.tenancy.root);
        if !tenancy::is_tenant_scoped(&self.tenancy, table) || *column == tenant_column {
            return own;
        }
        let Some(root_kind) =
            self.codes.kind(root).filter(|it| self.holds(table, tenant_column, *it))
        else {
            return "false".to_owned();
        };
        let tenant = names::in_condition(tenant_column);
        let mut all = format!("{own} AND {}", self.ids(&tenant, root));
        // A number of one and digits of another kind: no two engines tell both the same way.
        if *kind == root_kind {
            let [of_row, of_tenant] =
                [&id, &tenant].map(|column| tenant_of(self.engine, *kind, column));
            let same =
                of_row.iter().zip(&of_tenant).map(|(one, other)| format!(" AND {one} = {other}"));
            all.extend(same);
        }
        all
    }

    /// Whether a table has that column, of the type of such ids.
    fn holds(&self, table: &Table, column: &str, kind: IdKind) -> bool {
        let ty = match kind {
            IdKind::Uuid => ColumnType::Uuid,
            IdKind::Number => ColumnType::BigInt,
            IdKind::Integer => ColumnType::Integer,
            IdKind::Text => ColumnType::Text,
        };
        // SQLite keeps any number as an integer.
        let is_like = |found: &ColumnType| {
            *found == ty
                || (kind == IdKind::Text && matches!(found, ColumnType::Varchar(_)))
                || (self.engine == Engine::Sqlite && ty.on_sqlite() == *found)
        };
        table.column(column).is_some_and(|column| is_like(&column.ty))
    }

    /// The columns of the primary key that refer to the id of a table with sample rows; each with what ids are there,
    /// and that table. The tenant column is one of them only if it is the whole key.
    fn named_by_key<'t>(&self, table: &'t Table) -> Vec<(&'t str, IdKind, &'t str)> {
        let Some(key) = &table.primary_key else { return Vec::new() };
        let is_whole = key.columns == [self.tenancy.column];
        let own = key.columns.iter().filter(|column| is_whole || **column != self.tenancy.column);
        let refers = own.filter_map(|column| {
            table.foreign_keys.iter().find_map(|key| {
                let at = key.columns.iter().position(|it| it == column)?;
                let (id, kind) = self.codes.id(&key.ref_table)?;
                (key.ref_columns.get(at)? == id).then_some((&**column, kind, &*key.ref_table))
            })
        });
        refers.collect()
    }

    /// SQL that is true where `column`, an SQL name, holds the id of a sample row of
    /// `table`.
    #[must_use]
    pub fn ids(&self, column: &str, table: &str) -> String {
        let engine = self.engine;
        let coded = self.codes.code(table).zip(self.codes.kind(table));
        let Some((code, kind)) = coded else { return "false".to_owned() };
        match kind {
            IdKind::Number => {
                format!("({column} >> 60) = {NUMBER_TAG} AND (({column} >> 24) & 255) = {code}")
            }
            IdKind::Integer => format!("({column} >> 30) = {INTEGER_TAG}"),
            IdKind::Text => {
                let (tag, length) = (TEXT_TAG.len(), SampleText::LENGTH);
                format!(
                    "length({column}) = {length} AND substr({column}, 1, {tag}) = '{TEXT_TAG}' AND \
                     substr({column}, {}, 2) = '{code:02x}'",
                    tag + 8
                )
            }
            IdKind::Uuid => {
                // sqlx keeps a uuid on SQLite as a blob of 16 bytes; anything else there is not ours.
                let form = match engine {
                    Engine::Sqlite => {
                        format!("typeof({column}) = 'blob' AND length({column}) = 16 AND ")
                    }
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
    }
}

/// SQL for what says the tenant's ordinal in an id: together, its parts are the same only for the same tenant.
fn tenant_of(engine: Engine, kind: IdKind, column: &str) -> Vec<String> {
    match kind {
        IdKind::Number => vec![format!("(({column} >> 32) & {MAX_TENANT})")],
        IdKind::Integer => vec![format!("(({column} >> 16) & {MAX_INTEGER_TENANT})")],
        IdKind::Text => vec![format!("substr({column}, {}, 7)", TEXT_TAG.len() + 1)],
        IdKind::Uuid => {
            [Part::TenantUpper, Part::TenantLower].map(|part| part.of(engine, column)).into()
        }
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
