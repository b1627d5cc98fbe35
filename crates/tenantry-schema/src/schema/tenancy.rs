//! What follows from tenancy for a schema: whose rows a table has, where they belong, and the rules that tables have
//! to keep. They are stated in [`tenantry_entity::tenancy`].

use tenantry_entity::{Engine, IdType, Keys, Scope, Tenancy, tenancy::TENANCY};

use super::{ColumnType, Distribution, ForeignKey, Schema, Table};

/// Whom the rows of `table` belong to.
#[must_use]
pub fn scope_of(tenancy: &Tenancy, table: &Table) -> Scope {
    tenancy.scope_of(&table.name, table.columns.iter().map(|column| column.name.as_str()))
}

/// Whether each row of `table` says in a column of its own whose it is.
#[must_use]
pub fn is_tenant_scoped(tenancy: &Tenancy, table: &Table) -> bool {
    matches!(scope_of(tenancy, table), Scope::Tenant | Scope::OptionalTenant)
}

/// The column of `table` that says whose a row is: the key of the root table, or the tenant column.
#[must_use]
pub fn column_of(tenancy: &Tenancy, table: &Table) -> Option<&'static str> {
    tenancy.column_of(scope_of(tenancy, table))
}

/// Where the rows of `table` belong on an engine with several nodes: a tenant's rows are together,
/// and what is shared is on each.
#[must_use]
pub fn distribution(tenancy: &Tenancy, table: &Table) -> Distribution {
    column_of(tenancy, table)
        .map_or(Distribution::Replicated, |column| Distribution::By(column.to_owned()))
}

/// Whether what a tenant-scoped table refers to is shared: keys to another tenant-scoped table carry
/// the tenant, and `tenants` is no ordinary shared table. Only Nile makes a difference, so the names are Nile's.
pub(crate) fn is_shared_target<'a>(
    table: &str,
    mut columns: impl Iterator<Item = &'a str>,
) -> bool {
    table != TENANCY.root && !columns.any(|column| column == TENANCY.column)
}

/// Whether `key` makes the tenant-scoped `table` refer to a shared one, which Nile does not take.
#[must_use]
pub fn is_key_to_shared(table: &Table, key: &ForeignKey) -> bool {
    let columns = key.ref_columns.iter().map(String::as_str);
    is_tenant_scoped(&TENANCY, table) && is_shared_target(&key.ref_table, columns)
}

/// The foreign key by which rows of a table without a tenant column belong to tenants, and the table that it
/// refers to.
#[must_use]
pub fn owner<'s>(
    schema: &'s Schema,
    tenancy: &Tenancy,
    table: &'s Table,
) -> Option<(&'s ForeignKey, &'s Table)> {
    let Scope::Through(column) = scope_of(tenancy, table) else { return None };
    let key = table.foreign_keys.iter().find(|key| key.columns == [column])?;
    Some((key, schema.tables.get(&key.ref_table)?))
}

/// Foreign keys between tables of tenants that do not carry the tenant, so that a row can refer to one of another
/// tenant. A key that makes its row the parent's tenant's is none of them: it names the tenant.
#[must_use]
pub fn crossing<'s>(schema: &'s Schema, tenancy: &Tenancy) -> Vec<(&'s Table, &'s ForeignKey)> {
    let of_tenants = |table: &Table| scope_of(tenancy, table).is_of_a_tenant();
    let can_cross = |table: &Table, key: &ForeignKey| {
        let is_to_tenants = schema.tables.get(&key.ref_table).is_some_and(of_tenants);
        let names_the_owner = owner(schema, tenancy, table).is_some_and(|(owner, _)| owner == key);
        is_to_tenants && !names_the_owner && !carries_tenant(tenancy, key)
    };
    let tables = schema.tables.values().filter(|table| of_tenants(table));
    let keys = tables.flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)));
    keys.filter(|(table, key)| can_cross(table, key)).collect()
}

fn carries_tenant(tenancy: &Tenancy, key: &ForeignKey) -> bool {
    let mut pairs = key.columns.iter().zip(&key.ref_columns);
    pairs.any(|(from, to)| from == tenancy.column && to == tenancy.column)
}

/// Every breach of a tenancy rule, as a sentence that names the table.
#[must_use]
pub fn violations(schema: &Schema, tenancy: &Tenancy) -> Vec<String> {
    let mut found = unusable(tenancy);
    for (name, _) in tenancy.tables.iter().filter(|(name, _)| !schema.tables.contains_key(*name)) {
        found.push(format!("{name}: the tenancy lists it, and no entity has this table"));
    }
    for table in schema.tables.values() {
        match scope_of(tenancy, table) {
            Scope::Root => found.extend(of_root(tenancy, table)),
            Scope::Tenant => {
                found.extend(of_tenant_column(tenancy, table, false));
                if tenancy.keys == Keys::Composite {
                    found.extend(of_composite_keys(schema, tenancy, table));
                }
            }
            Scope::OptionalTenant => found.extend(of_tenant_column(tenancy, table, true)),
            Scope::Through(column) => found.extend(of_owner(schema, tenancy, table, column)),
            Scope::Shared => {}
        }
    }
    found
}

/// What is wrong with the names themselves.
fn unusable(tenancy: &Tenancy) -> Vec<String> {
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && part.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
    };
    let parts: Vec<&str> = tenancy.setting.split('.').collect();
    if parts.len() == 2 && parts.iter().all(|part| is_name(part)) {
        return Vec::new();
    }
    vec![format!(
        "the tenancy's setting is {:?}, and has to be two names with a dot between them, such as app.{}",
        tenancy.setting, tenancy.column
    )]
}

fn of_root(tenancy: &Tenancy, table: &Table) -> Vec<String> {
    let (name, key) = (&table.name, tenancy.root_key);
    let mut found = Vec::new();
    if !table.primary_key.iter().any(|primary| primary.columns == [key]) {
        found.push(format!("{name}: the primary key of the root table must be {key}"));
    }
    found.extend(of_id_type(tenancy, table, key));
    found
}

fn of_id_type(tenancy: &Tenancy, table: &Table, column: &str) -> Option<String> {
    let column = table.column(column)?;
    let fits = match tenancy.id {
        IdType::Uuid => column.ty == ColumnType::Uuid,
        IdType::BigInteger => column.ty == ColumnType::BigInt,
        IdType::Integer => column.ty == ColumnType::Integer,
        IdType::Text => matches!(column.ty, ColumnType::Text | ColumnType::Varchar(_)),
    };
    (!fits).then(|| {
        format!(
            "{}: {} is {}, and the tenancy says that tenants' keys are `IdType::{:?}`",
            table.name, column.name, column.ty, tenancy.id
        )
    })
}

/// The tenant column: there, of the right type, and referring to the root table.
fn of_tenant_column(tenancy: &Tenancy, table: &Table, may_be_null: bool) -> Vec<String> {
    let (name, Tenancy { root, root_key, column, .. }) = (&table.name, tenancy);
    let Some(own) = table.column(column) else {
        return vec![format!("{name}: the tenancy lists it with a tenant, and it has no {column}")];
    };
    let mut found: Vec<String> = of_id_type(tenancy, table, column).into_iter().collect();
    match (own.nullable, may_be_null) {
        (true, false) => found.push(format!(
            "{name}: {column} may be NULL, and then no tenant sees the row: make it NOT NULL, or list the table in \
             the tenancy's `tables` as `Scope::OptionalTenant`"
        )),
        (false, true) => found.push(format!(
            "{name}: the tenancy lists it as `Scope::OptionalTenant`, and {column} is NOT NULL"
        )),
        _ => {}
    }
    // Databases of others often have no such key; policies do without.
    let refers = |key: &ForeignKey| key.columns == [*column] && key.ref_table == *root;
    let is_composite = tenancy.keys == Keys::Composite;
    if is_composite && !table.foreign_keys.iter().any(refers) {
        found.push(format!("{name}: {column} must refer to {root}({root_key})"));
    }
    found
}

/// Keys and indexes that begin with the tenant, and foreign keys that carry it.
fn of_composite_keys(schema: &Schema, tenancy: &Tenancy, table: &Table) -> Vec<String> {
    let (name, tenant) = (&table.name, tenancy.column);
    let mut found = Vec::new();
    let key: Vec<&str> =
        table.primary_key.iter().flat_map(|key| key.columns.iter().map(String::as_str)).collect();
    if key.first() != Some(&tenant) {
        found.push(format!("{name}: the primary key must be ({tenant}, id), not {key:?}"));
    }
    for key in &table.foreign_keys {
        let target = schema.tables.get(&key.ref_table);
        let target_is_scoped = target.is_some_and(|it| scope_of(tenancy, it) == Scope::Tenant);
        if target_is_scoped && !carries_tenant(tenancy, key) {
            found.push(format!("{name}: the foreign key {key} must carry {tenant} on both sides"));
        }
    }
    for index in &table.indexes {
        let starts_with_tenant = index.parts.first().is_some_and(|part| part.expr == tenant);
        // The index of a foreign key to a shared table is the one exception.
        let serves_shared_key = !index.unique
            && table.foreign_keys.iter().any(|key| {
                key.columns.first().is_some_and(|column| column != tenant)
                    && key.columns.iter().eq(index.parts.iter().map(|part| &part.expr))
            });
        if !starts_with_tenant && !serves_shared_key {
            found.push(format!("{name}: the index {} must start with {tenant}", index.name));
        }
    }
    found
}

/// The way from a table without a tenant column to the tenant: foreign keys that are never NULL.
fn of_owner(schema: &Schema, tenancy: &Tenancy, table: &Table, column: &str) -> Vec<String> {
    let name = &table.name;
    let (mut at, mut seen) = (table, vec![&table.name]);
    if table.column(tenancy.column).is_some() {
        return vec![format!(
            "{name}: it has {}, and the tenancy lists it as `Scope::Through(\"{column}\")`: leave one out",
            tenancy.column
        )];
    }
    if table.column(column).is_none_or(|column| column.nullable) {
        return vec![format!(
            "{name}: {column} must be a column that is NOT NULL: it says whose a row is"
        )];
    }
    while let Scope::Through(column) = scope_of(tenancy, at) {
        let Some((_, parent)) = owner(schema, tenancy, at) else {
            return vec![format!(
                "{}: {column} must refer to a table of the list: it says whose a row is",
                at.name
            )];
        };
        if seen.contains(&&parent.name) {
            return vec![format!("{name}: the way from {column} to a tenant is a circle")];
        }
        seen.push(&parent.name);
        at = parent;
    }
    if scope_of(tenancy, at) == Scope::Shared {
        return vec![format!(
            "{name}: {column} ends at {}, whose rows belong to no tenant",
            at.name
        )];
    }
    Vec::new()
}

/// What `engine` cannot keep of the tenancy, as a sentence each.
#[must_use]
pub fn refused_by(schema: &Schema, tenancy: &Tenancy, engine: Engine) -> Vec<String> {
    let mut found = Vec::new();
    let is_plain = |(_, scope): &(&str, Scope)| !scope.is_of_a_tenant() || *scope == Scope::Tenant;
    if matches!(engine, Engine::Nile | Engine::Citus) {
        for table in schema.tables.values() {
            let mut counting = table.columns.iter().filter(|column| column.auto_increment);
            found.extend(counting.next().map(|column| {
                format!(
                    "{}: {} counts by itself, which {engine} refuses: write `auto_increment = false` and give it a \
                     UUID",
                    table.name, column.name
                )
            }));
        }
        if tenancy.keys != Keys::Composite {
            found.push(format!(
                "the tenancy has `Keys::Single`, and on {engine} every key has the tenant column"
            ));
        }
        found.extend(tenancy.tables.iter().filter(|it| !is_plain(it)).map(|(table, scope)| {
            format!("{table}: on {engine} there is no `{scope:?}`: rows are placed by their tenant column")
        }));
    }
    let names = |it: &Tenancy| (it.root, it.root_key, it.column, it.id, it.setting);
    if engine == Engine::Nile && names(tenancy) != names(&TENANCY) {
        found.push(format!(
            "on {engine}, tenants are in {}({}), the tenant column is {} of uuid, and the setting is {}",
            TENANCY.root, TENANCY.root_key, TENANCY.column, TENANCY.setting
        ));
    }
    found
}
