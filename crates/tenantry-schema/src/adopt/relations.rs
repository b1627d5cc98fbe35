//! Foreign keys as relations, named on both sides.

use std::collections::BTreeMap;

use super::naming::{Names, as_rust, module as module_of, variant};
use crate::{
    schema::{Action, ForeignKey, Schema, Table, is_unique},
    sql::parts,
};

/// A field of an entity that is a relation.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// The field's name.
    pub(super) field: String,
    /// Its type.
    pub(super) ty: String,
    /// What stands in `#[sea_orm(…)]`.
    pub(super) attributes: Vec<String>,
}

/// How the fields of each table are called, by its columns.
pub(super) type Fields<'s> = BTreeMap<&'s str, BTreeMap<&'s str, String>>;

/// The relations of every table, those to others first.
pub(super) fn relations<'s>(
    schema: &'s Schema,
    ordered: &[&'s Table],
    modules: &BTreeMap<&str, String>,
    fields: &Fields<'s>,
    names: &mut BTreeMap<&'s str, Names>,
) -> BTreeMap<&'s str, Vec<Relation>> {
    let mut found: BTreeMap<&str, Vec<Relation>> = BTreeMap::new();
    let mut reversed: Vec<(&str, &Table, &ForeignKey, String)> = Vec::new();
    let mut variants: BTreeMap<&str, Names> = BTreeMap::new();
    for table in ordered {
        for key in &table.foreign_keys {
            let Some(target) = schema.tables.get(&key.ref_table) else { continue };
            let module = &modules[target.name.as_str()];
            let taken = names.entry(&table.name).or_default();
            let field = taken.field(&wanted_field(table, key));
            let own = variants.entry(&table.name).or_default().field(&field);
            let is_own = table.name == target.name;
            let mut attributes = vec![if is_own { "self_ref" } else { "belongs_to" }.to_owned()];
            if is_own || variant(&own) != variant(module) {
                attributes.push(format!("relation_enum = {:?}", variant(&own)));
            }
            let columns = |table: &Table, columns: &[String]| {
                let fields = &fields[table.name.as_str()];
                let list: Vec<&str> =
                    columns.iter().map(|it| fields[it.as_str()].as_str()).collect();
                match &list[..] {
                    [one] => (*one).to_owned(),
                    several => format!("({})", several.join(", ")),
                }
            };
            attributes.push(format!("from = {:?}", columns(table, &key.columns)));
            attributes.push(format!("to = {:?}", columns(target, &key.ref_columns)));
            for (what, action) in [("on_delete", key.on_delete), ("on_update", key.on_update)] {
                if action != Action::NoAction {
                    attributes.push(format!("{what} = \"{action:?}\""));
                }
            }
            let entity =
                if is_own { "Entity".to_owned() } else { format!("super::{module}::Entity") };
            let may_be_null =
                key.columns.iter().any(|name| table.column(name).is_some_and(|it| it.nullable));
            let ty = if may_be_null {
                format!("BelongsTo<Option<{entity}>>")
            } else {
                format!("BelongsTo<{entity}>")
            };
            let relation = Relation { field: as_rust(&field), ty, attributes };
            found.entry(&table.name).or_default().push(relation);
            reversed.push((&target.name, table, key, variant(&own)));
        }
    }
    for (target, child, key, forward) in reversed {
        let target = &schema.tables[target];
        let is_only = between(child, target) + between(target, child) == 1;
        let module = &modules[child.name.as_str()];
        // SeaORM finds only the many by the name of a relation, as where there are several or a table refers to itself.
        let is_one = is_only && is_unique(child, &key.columns);
        let (_, bare) = parts(&child.name);
        let called = if is_one { module.clone() } else { bare.into_owned() };
        let wanted = if is_only { called } else { format!("{called}_by_{forward}") };
        let field = names.entry(&target.name).or_default().field(&wanted);
        let own = variants.entry(&target.name).or_default();
        let own = own.field(if is_only { module } else { &field });
        let (kind, ty) = if is_one { ("has_one", "HasOne") } else { ("has_many", "HasMany") };
        let (mut attributes, mut entity) = (Vec::new(), "Entity".to_owned());
        if child.name == target.name {
            attributes.push("self_ref".to_owned());
            attributes.push(format!("relation_enum = {:?}", variant(&own)));
            attributes.push(format!("relation_reverse = {forward:?}"));
        } else {
            entity = format!("super::{module}::Entity");
            attributes.push(kind.to_owned());
            if !is_only || variant(&own) != variant(module) {
                attributes.push(format!("relation_enum = {:?}", variant(&own)));
            }
            if !is_only {
                attributes.push(format!("via_rel = {forward:?}"));
            }
        }
        let relation =
            Relation { field: as_rust(&field), ty: format!("{ty}<{entity}>"), attributes };
        found.entry(&target.name).or_default().push(relation);
    }
    found
}

/// How many foreign keys of `table` refer to `target`.
fn between(table: &Table, target: &Table) -> usize {
    table.foreign_keys.iter().filter(|key| key.ref_table == target.name).count()
}

/// What the relation of a foreign key would best be called: `customer` for `customer_id`.
fn wanted_field(table: &Table, key: &ForeignKey) -> String {
    // Of a key with the tenant in front, the last column tells.
    let own = |name: &&String| {
        let is_of = |other: &&ForeignKey| other.columns.contains(name);
        table.foreign_keys.iter().filter(is_of).count() == 1
    };
    let column = key.columns.iter().rfind(own).or_else(|| key.columns.last());
    let column = column.map(String::as_str).unwrap_or_default();
    let lower = column.to_lowercase();
    let stem = ["_id", "_uuid", "id"].iter().find_map(|end| {
        let length = lower.strip_suffix(end)?.trim_end_matches('_').len();
        (length > 0).then(|| column.get(..length)).flatten()
    });
    let same = table.foreign_keys.iter().filter(|other| other.ref_table == key.ref_table);
    match stem {
        Some(stem) => stem.to_owned(),
        None if same.count() > 1 => format!("{column}_row"),
        None => module_of(&parts(&key.ref_table).1),
    }
}
