//! Entities for a database that is there already: from its schema as it was read, the source of an entity for each
//! table, and what of the database they do not say.

mod carried;
mod entity;
mod naming;
mod recognise;
mod relations;
mod types;
mod values;

use std::collections::BTreeMap;

pub use carried::why_not;
pub use recognise::{Recognised, recognised};
use serde::Serialize;
use tenantry_entity::{Engine, tenancy::Tenancy};

use crate::{
    lint::psql::without_psql,
    schema::{Schema, Table, objects},
};

/// What a database becomes.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The entities, in foreign-key order.
    pub entities: Vec<EntityFile>,
    /// What they say, with the names of keys and checks that the database has: what the first migration makes.
    pub schema: Schema,
    /// The database as it was read, in the same words.
    pub live: Schema,
    /// The tables that no entity can be written for.
    pub left: Vec<Left>,
    /// The features that `sea-orm` needs besides those of every application: `postgres-array`, `with-rust_decimal`.
    pub features: Vec<&'static str>,
}

/// The source of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityFile {
    /// The table, as the model names it.
    pub table: String,
    /// The module, and the name of its file without `.rs`.
    pub module: String,
    /// The source, not yet formatted.
    pub source: String,
}

/// What is in a database and is not carried over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Left {
    /// The kind of object, in small letters: `table`, `sequence`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Why it is not carried over, or what becomes of it.
    pub why: String,
}

impl Left {
    /// An object of this kind and name.
    #[must_use]
    pub fn new(kind: &str, name: &str, why: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), why: why.into() }
    }
}

/// The statements of a dump that a server takes: without the commands of psql, the rows behind COPY, and what is about
/// other databases or owners. `None` if the text is no SQL.
#[must_use]
pub fn statements(dump: &str) -> Option<Vec<String>> {
    let all = objects::split(&without_psql(dump))?;
    let is_ours = |sql: &String| {
        let words: Vec<String> = sql.split_whitespace().map(str::to_uppercase).collect();
        let begins = |start: &[&str]| words.len() >= start.len() && words[..start.len()] == *start;
        let is_owner = begins(&["ALTER"]) && words.windows(2).any(|two| two == ["OWNER", "TO"]);
        let is_copy = begins(&["COPY"]);
        let is_database =
            ["CREATE", "ALTER", "DROP"].iter().any(|verb| begins(&[verb, "DATABASE"]));
        !(is_owner || is_copy || is_database)
    };
    Some(all.into_iter().filter(is_ours).collect())
}

/// Writes entities for the tables of `live`, which was read from a database of `engine`. Modules of `taken` are others'.
///
/// Tables that have the tenant column of `tenancy` get [`tenant_scoped!`](tenantry_entity::tenant_scoped).
#[must_use]
pub fn adopt(live: &Schema, engine: Engine, tenancy: Option<&Tenancy>, taken: &[&str]) -> Adopted {
    let (schema, left) = carried::carried(live, engine);
    let ordered: Vec<&Table> = schema.in_foreign_key_order();
    let mut modules = BTreeMap::new();
    let mut used: Vec<String> = taken.iter().map(|name| (*name).to_owned()).collect();
    for table in &ordered {
        let (_, bare) = crate::sql::parts(&table.name);
        let module = naming::first_free(&naming::module(&bare), |name| !used.contains(name));
        used.push(module.clone());
        modules.insert(table.name.as_str(), module);
    }
    let writer = entity::Writer::new(&schema, &ordered, &modules, engine, tenancy);
    let entities: Vec<EntityFile> = ordered.iter().map(|table| writer.file(table)).collect();
    let mut features = Vec::new();
    for (feature, word) in [("postgres-array", "Vec<"), ("with-rust_decimal", "Decimal")] {
        let has_one = |file: &EntityFile| {
            let fields = file.source.lines().filter(|line| line.trim_start().starts_with("pub "));
            fields.filter(|line| line.contains(word)).any(|line| !line.contains("Vec<u8>"))
        };
        if entities.iter().any(has_one) {
            features.push(feature);
        }
    }
    Adopted { entities, live: carried::spelled(live, engine), left, features, schema }
}
