//! Foreign keys by which a row can refer to one of another tenant.

use tenantry_entity::Tenancy;

use crate::{
    report::Finding,
    schema::{ForeignKey, Schema, Table, tenancy},
};

/// The code of these findings.
pub(super) const CAN_CROSS: &str = "reference-can-cross";

/// One finding for each such key that the entities ask for. PostgreSQL checks foreign keys past all policies:
/// <https://www.postgresql.org/docs/15/ddl-rowsecurity.html>
pub(super) fn findings(tenancy: &Tenancy, entities: &Schema) -> Vec<Finding> {
    let keys = tenancy::crossing(entities, tenancy).into_iter();
    keys.map(|(table, key)| finding(tenancy, entities, table, key)).collect()
}

fn finding(tenancy: &Tenancy, entities: &Schema, table: &Table, key: &ForeignKey) -> Finding {
    let (tenant, target) = (tenancy.column, &key.ref_table);
    let has_tenant = |name: &str| {
        entities.tables.get(name).is_some_and(|it| tenancy::is_tenant_scoped(tenancy, it))
    };
    let (columns, of_target) = (key.columns.join(", "), key.ref_columns.join(", "));
    let help = if has_tenant(&table.name) && has_tenant(target) {
        format!(
            "give {target} a unique on ({tenant}, {of_target}), and refer by ({tenant}, {columns}) to both; or \
             accept it in migration/accepted_drift.json with a reason"
        )
    } else {
        format!(
            "give {} the column {tenant}, so that the key can carry it; or accept it in \
             migration/accepted_drift.json with a reason",
            if has_tenant(target) { &table.name } else { target }
        )
    };
    Finding {
        code: CAN_CROSS,
        table: table.name.clone(),
        object: key.name.clone(),
        message: format!(
            "({columns}) can refer to a row of {target} that is another tenant's: foreign keys are checked past all \
             policies, and this one does not carry {tenant}"
        ),
        help,
    }
}
