//! On which node sample rows are, where the engine has several.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use serde::Serialize;
use tenantry_entity::{Engine, Tenancy, TenantId};
use tenantry_migration::{
    Result,
    cluster::{Node, places_of},
};

use crate::set::DataSet;

/// The sample rows of tenants on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// The node.
    #[serde(flatten)]
    pub node: Node,
    /// The tenants that are there.
    pub tenants: u64,
    /// Their rows: what is shared is on every node, and not among them.
    pub rows: u64,
}

/// How many tenants are asked for in one statement.
const AT_ONCE: usize = 10_000;

/// Adds up what each node has, from the plan. Empty where the engine has one node.
pub(crate) async fn by_node<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    names: &Tenancy,
    set: &DataSet,
) -> Result<Vec<NodeReport>> {
    let mut by_node: BTreeMap<Node, (u64, u64)> = BTreeMap::new();
    if !engine.capability().distributes_tables {
        return Ok(Vec::new());
    }
    let mut tenants = set.tenants().peekable();
    while tenants.peek().is_some() {
        let some: Vec<_> =
            tenants.by_ref().take(AT_ONCE).map(|tenant| (tenant.key(), tenant.own())).collect();
        let ids: Vec<_> = some.iter().map(|(id, _)| TenantId::from(*id)).collect();
        for (place, (_, rows)) in places_of(db, engine, names, &ids).await?.into_iter().zip(some) {
            let Some(place) = place else { continue };
            let on_node = by_node.entry(place.node).or_default();
            on_node.0 += 1;
            on_node.1 += rows;
        }
    }
    let report = |(node, (tenants, rows))| NodeReport { node, tenants, rows };
    Ok(by_node.into_iter().map(report).collect())
}
