//! Rows for two tenants, one a table, made from the schema model alone.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::tokenizer::Token;
use tenantry_entity::{IdType, Tenancy};
use uuid::Uuid;

use crate::{
    db::{literal, quoted},
    plan::plainest_value,
    schema::{Column, ColumnType, ForeignKey, Schema, Table, expr, tenancy},
    sql::quoted_table,
};

/// What one tenant has.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    tenancy: Tenancy,
    enums: BTreeMap<String, Vec<String>>,
    /// Columns to which foreign keys refer, by table and column.
    referred_to: BTreeSet<(String, String)>,
    /// Values, as SQL, by table and column.
    values: BTreeMap<(String, String), String>,
    /// The statements that insert them, by table, in foreign-key order.
    pub inserts: Vec<(String, String)>,
}

impl Rows {
    /// Makes up a row of each table.
    pub(super) fn of(schema: &Schema, tenancy: &Tenancy) -> Self {
        let mut rows = Self::empty(schema, tenancy);
        // The tenant's key is needed wherever a tenant column refers to nothing, be it that tenants are elsewhere.
        let root = schema.tables.get(tenancy.root);
        let column = root.and_then(|root| Some((root, root.column(tenancy.root_key)?)));
        let key = match column {
            Some((root, column)) => rows.key_value(root, column),
            None => match tenancy.id {
                IdType::Uuid => Some(as_sql(&Uuid::now_v7().to_string(), "uuid")),
                IdType::BigInteger => unlike_any_other(&ColumnType::BigInt),
                IdType::Integer => unlike_any_other(&ColumnType::Integer),
                IdType::Text => unlike_any_other(&ColumnType::Text),
            },
        };
        if let Some(key) = key {
            rows.values.insert((tenancy.root.to_owned(), tenancy.root_key.to_owned()), key);
        }
        for table in schema.in_foreign_key_order() {
            let insert = rows.insert(table);
            rows.inserts.push((table.name.clone(), insert));
        }
        rows
    }

    /// What a tenant has that exists: the values of a row of each table.
    pub(super) fn existing(
        schema: &Schema,
        tenancy: &Tenancy,
        values: BTreeMap<(String, String), String>,
    ) -> Self {
        let mut rows = Self { values, ..Self::empty(schema, tenancy) };
        let inserts = schema.in_foreign_key_order().into_iter().map(|table| {
            let insert = rows.clone().insert_as(table, true);
            (table.name.clone(), insert)
        });
        rows.inserts = inserts.collect();
        rows
    }

    fn empty(schema: &Schema, tenancy: &Tenancy) -> Self {
        let keys = schema.tables.values().flat_map(|table| &table.foreign_keys);
        let of_key = |key: &ForeignKey| {
            let table = key.ref_table.clone();
            key.ref_columns.clone().into_iter().map(move |column| (table.clone(), column))
        };
        Self {
            tenancy: *tenancy,
            enums: schema.enums.clone(),
            referred_to: keys.flat_map(of_key).collect(),
            values: BTreeMap::new(),
            inserts: Vec::new(),
        }
    }

    /// The value of a column, as SQL.
    pub(super) fn value(&self, table: &str, column: &str) -> Option<&String> {
        self.values.get(&(table.to_owned(), column.to_owned()))
    }

    /// The tenant's id, as SQL.
    pub(super) fn tenant(&self) -> &str {
        self.value(self.tenancy.root, self.tenancy.root_key).map_or("NULL", String::as_str)
    }

    /// The same tenant's statement for one more row.
    pub(super) fn another(&self, table: &Table) -> String {
        self.clone().insert(table)
    }

    /// The statement for a row that belongs to no tenant, in a table where one may.
    pub(super) fn unowned(&self, table: &Table) -> String {
        let mut rows = self.clone();
        rows.values.remove(&(self.tenancy.root.to_owned(), self.tenancy.root_key.to_owned()));
        rows.insert(table)
    }

    fn insert(&mut self, table: &Table) -> String {
        self.insert_as(table, false)
    }

    /// Inserts a row, or the row that is there. Where a column takes one of several values, the server
    /// picks those that its checks let pass.
    fn insert_as(&mut self, table: &Table, same: bool) -> String {
        let (mut fixed, mut picked) = (Vec::new(), Vec::new());
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            let checks: Vec<&str> = table
                .checks
                .iter()
                .map(|check| check.expr.as_str())
                .filter(|check| expr::mentions(check, &column.name))
                .collect();
            let key = (table.name.clone(), column.name.clone());
            let is_root = table.name == self.tenancy.root && column.name == self.tenancy.root_key;
            let known = self.values.get(&key).filter(|_| same || is_root).cloned();
            if let Some(value) = known.or_else(|| self.key_value(table, column)) {
                self.values.insert(key, value.clone());
                fixed.push((&column.name, value));
            } else if column.nullable {
                // Left to the database. Where NULL is refused, a default may have been dropped.
            } else {
                picked.push((&column.name, candidates(column, &checks, &self.enums)));
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
            quoted_table(&table.name),
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
        // A tenant column need not refer to the root table.
        let is_own =
            column.name == self.tenancy.column && tenancy::is_tenant_scoped(&self.tenancy, table);
        let tenant = || self.value(self.tenancy.root, self.tenancy.root_key).cloned();
        let parent = parent.or_else(|| is_own.then(tenant).flatten());
        parent.or_else(|| {
            let is_key = table.primary_key.iter().any(|key| key.columns.contains(&column.name))
                || self.referred_to.contains(&(table.name.clone(), column.name.clone()));
            if column.ty == ColumnType::Uuid {
                let is_asked_for = is_key || !column.nullable;
                return is_asked_for.then(|| as_sql(&Uuid::now_v7().to_string(), "uuid"));
            }
            // What checks ask of it is not known.
            let is_free = !table.checks.iter().any(|it| expr::mentions(&it.expr, &column.name));
            (is_key && is_free).then(|| unlike_any_other(&column.ty)).flatten()
        })
    }
}

/// A value that no other row is likely to have.
fn unlike_any_other(ty: &ColumnType) -> Option<String> {
    let text = match ty {
        ColumnType::SmallInt => fastrand::i16(i16::MAX / 2..).to_string(),
        ColumnType::Integer => fastrand::i32(i32::MAX / 2..).to_string(),
        ColumnType::BigInt => fastrand::i64(i64::MAX / 2..).to_string(),
        ColumnType::Text => own_text(),
        ColumnType::Varchar(length) => {
            let length = length.and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX);
            own_text().chars().take(length).collect()
        }
        _ => return None,
    };
    Some(as_sql(&text, &ty.to_string()))
}

/// A text that no other row has. Its beginning is by chance alone, for columns that take few letters.
fn own_text() -> String {
    format!("{:032x} probe", fastrand::u128(..))
}

/// A value of that type, as SQL.
pub(super) fn as_sql(text: &str, ty: &str) -> String {
    format!("{}::{ty}", literal(text))
}

/// The text of a value that [`as_sql`] has made.
pub(super) fn plain(value: &str) -> String {
    let text = value.rsplit_once("::").map_or(value, |(text, _)| text);
    let text = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    text.unwrap_or_default().replace("''", "'")
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    items.iter().map(write).collect::<Vec<_>>().join(", ")
}

/// Values that a column may take: what its checks name, and what is usual for its type.
fn candidates(
    column: &Column,
    checks: &[&str],
    enums: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let tokens = checks.iter().filter_map(|check| expr::tokens(check)).flatten();
    let cast = |value: &str| format!("CAST({value} AS {})", column.ty);
    let mut values: Vec<String> = match &column.ty {
        ColumnType::Text | ColumnType::Varchar(_) => {
            let named = tokens.filter_map(|token| match token {
                Token::SingleQuotedString(text) => Some(text),
                _ => None,
            });
            // No two rows have the same text where none is asked for.
            let own = unlike_any_other(&column.ty).into_iter();
            let named = named.chain([String::new()]).map(|text| cast(&literal(&text)));
            own.chain(named).collect()
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
            let named = near.chain([1, 0]).map(|number| cast(&format!("({number})")));
            unlike_any_other(&column.ty).into_iter().chain(named).collect()
        }
        other => {
            vec![plainest_value(other, enums).map_or_else(|| cast("''"), |value| cast(&value))]
        }
    };
    values.dedup();
    values
}
