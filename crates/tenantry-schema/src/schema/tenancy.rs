//! The tenancy rules that a schema has to keep. They are stated in [`tenantry_entity::tenancy`].

pub use tenantry_entity::tenancy::ROOT;
use tenantry_entity::tenancy::TENANT_ID;

use super::{Distribution, ForeignKey, Schema, Table};

/// Whether the rows of `table` belong to tenants.
#[must_use]
pub fn is_tenant_scoped(table: &Table) -> bool {
    table.column(TENANT_ID).is_some()
}

/// Where the rows of `table` belong on an engine with several nodes: a tenant's rows are together,
/// and what is shared is on each.
#[must_use]
pub fn distribution(table: &Table) -> Distribution {
    if is_tenant_scoped(table) {
        Distribution::By(TENANT_ID.to_owned())
    } else if table.name == ROOT {
        Distribution::By("id".to_owned())
    } else {
        Distribution::Replicated
    }
}

/// Whether what a tenant-scoped table refers to is shared: keys to another tenant-scoped table carry
/// the tenant, and `tenants` is no ordinary shared table.
pub(crate) fn is_shared_target<'a>(
    table: &str,
    mut columns: impl Iterator<Item = &'a str>,
) -> bool {
    table != ROOT && !columns.any(|column| column == TENANT_ID)
}

/// Whether `key` makes the tenant-scoped `table` refer to a shared one, which not every engine
/// takes.
#[must_use]
pub fn is_key_to_shared(table: &Table, key: &ForeignKey) -> bool {
    let columns = key.ref_columns.iter().map(String::as_str);
    is_tenant_scoped(table) && is_shared_target(&key.ref_table, columns)
}

/// Every breach of a tenancy rule, as a sentence that names the table.
#[must_use]
pub fn violations(schema: &Schema) -> Vec<String> {
    let scoped: Vec<&Table> =
        schema.tables.values().filter(|table| is_tenant_scoped(table)).collect();
    let mut found = Vec::new();
    for table in &scoped {
        let name = &table.name;
        let key: Vec<&str> = table
            .primary_key
            .iter()
            .flat_map(|key| key.columns.iter().map(String::as_str))
            .collect();
        if key != [TENANT_ID, "id"] {
            found.push(format!("{name}: the primary key must be (tenant_id, id), not {key:?}"));
        }
        if !table.foreign_keys.iter().any(|key| key.columns == [TENANT_ID] && key.ref_table == ROOT)
        {
            found.push(format!("{name}: tenant_id must refer to {ROOT}(id)"));
        }
        for key in &table.foreign_keys {
            let target_is_scoped = scoped.iter().any(|other| other.name == key.ref_table);
            let carries_tenant = key
                .columns
                .iter()
                .zip(&key.ref_columns)
                .any(|(from, to)| from == TENANT_ID && to == TENANT_ID);
            if target_is_scoped && !carries_tenant {
                found.push(format!(
                    "{name}: the foreign key {key} must carry tenant_id on both sides"
                ));
            }
        }
        for index in &table.indexes {
            let starts_with_tenant = index.parts.first().is_some_and(|part| part.expr == TENANT_ID);
            // The index of a foreign key to a shared table is the one exception.
            let serves_shared_key = !index.unique
                && table.foreign_keys.iter().any(|key| {
                    key.columns.first().is_some_and(|column| column != TENANT_ID)
                        && key.columns.iter().eq(index.parts.iter().map(|part| &part.expr))
                });
            if !starts_with_tenant && !serves_shared_key {
                found.push(format!("{name}: the index {} must start with tenant_id", index.name));
            }
        }
    }
    found
}
