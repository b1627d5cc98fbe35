//! Bringing the snapshot up to date with a migration that was written by hand.

use sea_orm_migration::MigrationTrait;
use tenantry_entity::Engine;

use crate::{
    diff::{Change, Renames, diff},
    drift::object,
    error::Result,
    runner::{Direction, record},
    schema::{self, ForeignKey, Schema},
    sql::in_memory,
};

/// What came of comparing the migrations with the entities.
#[derive(Clone, Debug, Default)]
pub struct Adoption {
    /// The snapshot to be: what the migrations make, in the entities' words.
    pub snapshot: Schema,
    /// What of it is new, and was seen in what the migrations make.
    pub confirmed: Vec<Change>,
    /// What of it is new, and SQLite cannot tell from what was before.
    pub unconfirmed: Vec<Change>,
    /// What the entities have and the migrations do not make.
    pub missing: Vec<Change>,
    /// What the migrations make and the entities do not have.
    pub foreign: Vec<Change>,
}

/// What the migrations make, as far as SQLite can tell: they are run in memory.
///
/// # Errors
///
/// If a migration fails.
pub async fn replayed(migrations: &[Box<dyn MigrationTrait>]) -> Result<Schema> {
    let mut statements = Vec::new();
    for migration in migrations {
        statements.extend(record(migration.as_ref(), Engine::Sqlite, Direction::Up).await?);
    }
    let memory = in_memory().await?;
    let made = schema::replay(&memory, Engine::Sqlite, &statements).await?;
    memory.close().await?;
    Ok(made)
}

/// Finds the part of the entities' changes that the migrations make by now.
///
/// # Errors
///
/// If a migration fails.
pub async fn adopt(
    migrations: &[Box<dyn MigrationTrait>],
    snapshot: &Schema,
    entities: &Schema,
    renames: &Renames,
) -> Result<Adoption> {
    let made = replayed(migrations).await?;
    let on_sqlite = |schema: &Schema| schema.clone().on(Engine::Sqlite);
    // By steps, each of which the migrations have made or not: table by table.
    let told = renames;
    let renames = told.applicable(snapshot, entities);
    let mut done = Renames::default();
    let base = snapshot.clone().renamed(&renames);
    let mut adoption = Adoption { snapshot: snapshot.clone(), ..Adoption::default() };
    let has_renames = renames != Renames::default();
    if has_renames && diff(&on_sqlite(&base), &made).len() < diff(&on_sqlite(snapshot), &made).len()
    {
        adoption.snapshot = base;
        adoption.confirmed.extend(renames.changes());
        done = renames;
    }
    let names: Vec<String> = entities
        .tables
        .keys()
        .chain(adoption.snapshot.tables.keys().filter(|name| !entities.tables.contains_key(*name)))
        .cloned()
        .collect();
    for name in names {
        let only = |schema: &Schema| schema.clone().filtered(|other| other == name);
        let changes = diff(&only(&adoption.snapshot), &only(entities));
        let (wanted, made) = (on_sqlite(&only(entities)), only(&made));
        let before = on_sqlite(&only(&adoption.snapshot));
        // What the migrations have not made yet stays as the snapshot has it.
        let left = diff(&made, &wanted);
        let mut next = only(entities);
        let mut missing = Vec::new();
        for change in changes {
            if left.iter().any(|left| is_same(left, &change)) {
                change.undo(&mut next);
                missing.push(change);
            } else if is_visible(&change, &before, &wanted) {
                adoption.confirmed.push(change);
            } else {
                adoption.unconfirmed.push(change);
            }
        }
        adoption.foreign.extend(diff(&on_sqlite(&next), &made));
        adoption.missing.extend(missing);
        match next.tables.remove(&name) {
            Some(table) => drop(adoption.snapshot.tables.insert(name, table)),
            None => drop(adoption.snapshot.tables.remove(&name)),
        }
    }
    let unknown = made.tables.keys().filter(|name| {
        !entities.tables.contains_key(*name) && !snapshot.tables.contains_key(*name)
    });
    let unknown = unknown.filter_map(|name| made.tables.get(name));
    adoption.foreign.extend(unknown.map(|table| Change::AddTable { table: table.clone() }));
    // What was taken back stands at the end of its list.
    adoption.snapshot = adoption.snapshot.sorted().with_renames_done(snapshot, told, &done);
    Ok(adoption)
}

/// Whether SQLite shows the change: it tells fewer types apart and keeps fewer names.
fn is_visible(change: &Change, before: &Schema, after: &Schema) -> bool {
    diff(before, after).iter().any(|seen| is_same(seen, change))
}

/// Whether two changes do the same to the same object, each in its own words.
fn is_same(a: &Change, b: &Change) -> bool {
    let kind = |change: &Change| std::mem::discriminant(change);
    if (kind(a), a.table()) != (kind(b), b.table()) {
        return false;
    }
    // SQLite keeps no names of foreign keys.
    match (foreign_key(a), foreign_key(b)) {
        (Some(a), Some(b)) => a.is_like(b),
        _ => object(a) == object(b),
    }
}

fn foreign_key(change: &Change) -> Option<&ForeignKey> {
    match change {
        Change::AddForeignKey { key, .. }
        | Change::DropForeignKey { key, .. }
        | Change::AlterForeignKey { from: key, .. } => Some(key),
        _ => None,
    }
}
