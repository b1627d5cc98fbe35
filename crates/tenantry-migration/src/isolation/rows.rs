//! Rows for two tenants, one a table, made from the schema model alone.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Token;
use uuid::Uuid;

use crate::{
    db::{literal, quoted},
    plan::plainest_value,
    schema::{Column, ColumnType, ForeignKey, Schema, Table, expr, tenancy},
};

/// What one tenant has.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// Values, as SQL, by table and column.
    values: BTreeMap<(String, String), String>,
    /// The statements that insert them, by table, in foreign-key order.
    pub inserts: Vec<(String, String)>,
}

impl Rows {
    /// Makes up a row of each table.
    pub(super) fn of(schema: &Schema) -> Self {
        let mut rows = Self::default();
        for table in schema.in_foreign_key_order() {
            let insert = rows.insert(table);
            rows.inserts.push((table.name.clone(), insert));
        }
        rows
    }

    /// What a tenant has that exists: the values of a row of each table.
    pub(super) fn existing(schema: &Schema, values: BTreeMap<(String, String), String>) -> Self {
        let mut rows = Self { values, inserts: Vec::new() };
        let inserts = schema.in_foreign_key_order().into_iter().map(|table| {
            let insert = rows.clone().insert_as(table, true);
            (table.name.clone(), insert)
        });
        rows.inserts = inserts.collect();
        rows
    }

    /// The value of a column, as SQL.
    pub(super) fn value(&self, table: &str, column: &str) -> Option<&String> {
        self.values.get(&(table.to_owned(), column.to_owned()))
    }

    /// The tenant's id, as SQL.
    pub(super) fn tenant(&self) -> &str {
        self.value(tenancy::ROOT, "id").map_or("NULL", String::as_str)
    }

    /// The same tenant's statement for one more row.
    pub(super) fn another(&self, table: &Table) -> String {
        self.clone().insert(table)
    }

    fn insert(&mut self, table: &Table) -> String {
        self.insert_as(table, false)
    }

    /// Inserts a row, or the row that is there. Where a column takes one of several values, the server
    /// picks those that its checks let pass.
    fn insert_as(&mut self, table: &Table, same: bool) -> String {
        let (mut fixed, mut picked) = (Vec::new(), Vec::new());
        for column in &table.columns {
            let checks: Vec<&str> = table
                .checks
                .iter()
                .map(|check| check.expr.as_str())
                .filter(|check| expr::mentions(check, &column.name))
                .collect();
            let key = (table.name.clone(), column.name.clone());
            let known = self.values.get(&key).filter(|_| same).cloned();
            if let Some(value) = known.or_else(|| self.key_value(table, column)) {
                self.values.insert(key, value.clone());
                fixed.push((&column.name, value));
            } else if column.nullable {
                // Left to the database. Where NULL is refused, a default may have been dropped.
            } else {
                picked.push((&column.name, candidates(column, &checks)));
            }
        }
        let mut from = vec![format!(
            "(SELECT {}) AS fixed",
            list(&fixed, |(name, value)| format!("{value} AS {}", quoted(name)))
        )];
        for (number, (name, values)) in picked.iter().enumerate() {
            let values = list(values, |value| format!("({value})"));
            from.push(format!("(VALUES {values}) AS picked_{number} ({})", quoted(name)));
        }
        let given = |name: &str| {
            fixed.iter().any(|(other, _)| *other == name)
                || picked.iter().any(|(other, _)| *other == name)
        };
        let decided = table.checks.iter().filter(|check| {
            table.columns.iter().all(|c| given(&c.name) || !expr::mentions(&check.expr, &c.name))
        });
        let mut conditions: Vec<String> =
            decided.map(|check| format!("({})", check.expr)).collect();
        conditions.push("true".to_owned());
        let names: Vec<String> = fixed
            .iter()
            .map(|(name, _)| quoted(name))
            .chain(picked.iter().map(|(name, _)| quoted(name)))
            .collect();
        let names = names.join(", ");
        format!(
            "INSERT INTO {} ({names}) SELECT {names} FROM {} WHERE {} LIMIT 1",
            quoted(&table.name),
            from.join(", "),
            conditions.join(" AND ")
        )
    }

    /// The value of a column that is a part of a key.
    fn key_value(&self, table: &Table, column: &Column) -> Option<String> {
        let refers = |key: &&ForeignKey| key.columns.contains(&column.name);
        let parent = table.foreign_keys.iter().filter(refers).find_map(|key| {
            let at = key.columns.iter().position(|name| *name == column.name)?;
            self.value(&key.ref_table, &key.ref_columns[at]).cloned()
        });
        parent.or_else(|| {
            let is_key = table.primary_key.iter().any(|key| key.columns.contains(&column.name));
            (column.ty == ColumnType::Uuid && (is_key || !column.nullable))
                .then(|| format!("'{}'::uuid", Uuid::now_v7()))
        })
    }
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    items.iter().map(write).collect::<Vec<_>>().join(", ")
}

/// Values that a column may take: what its checks name, and what is usual for its type.
fn candidates(column: &Column, checks: &[&str]) -> Vec<String> {
    let tokens = checks.iter().filter_map(|check| expr::tokens(check)).flatten();
    let cast = |value: &str| format!("CAST({value} AS {})", column.ty);
    let mut values: Vec<String> = match &column.ty {
        ColumnType::Text | ColumnType::Varchar(_) => {
            let named = tokens.filter_map(|token| match token {
                Token::SingleQuotedString(text) => Some(text),
                _ => None,
            });
            // No two rows have the same text where none is asked for.
            let own = format!("{} probe", Uuid::now_v7().simple());
            named.chain([own, String::new()]).map(|text| cast(&literal(&text))).collect()
        }
        ColumnType::SmallInt
        | ColumnType::Integer
        | ColumnType::BigInt
        | ColumnType::Real
        | ColumnType::Double
        | ColumnType::Numeric(_) => {
            let named = tokens.filter_map(|token| match token {
                Token::Number(text, _) => text.parse::<i32>().ok(),
                _ => None,
            });
            let near = named.flat_map(|number| [number.saturating_add(1), number, -number]);
            near.chain([1, 0]).map(|number| cast(&format!("({number})"))).collect()
        }
        other => vec![cast(plainest_value(other))],
    };
    values.dedup();
    values
}
