//! How much of a data set is there, asked in as many questions as there are tenants, not rows.

use std::collections::HashSet;

use entity::{TenantScoped, prelude::*};
use migration::Result;
use sea_orm::{Condition, ConnectionTrait, QuerySelect as _};

use crate::{factory, tenant::Tenant};

/// Tenants asked about at a time.
pub(crate) const PAGE: usize = 200;

/// What is there of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Presence {
    /// Whether the last of its users is there.
    pub users: bool,
    pub rest: Rest,
}

/// What is there of what belongs to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: it can be copied.
    Absent,
    /// Something, but not the last row of each table.
    Odd,
    /// The last row of each table.
    Whole,
}

/// Asks for the last row of each table, since a unit is committed whole.
pub(super) async fn presence<C: ConnectionTrait>(
    db: &C,
    tenants: &[Tenant],
) -> Result<Vec<Presence>> {
    let last_user =
        |tenant: &Tenant| tenant.counts.users.checked_sub(1).map(|n| factory::user::id(tenant, n));
    let users =
        there::<User, C>(db, user::Column::Id, tenants.iter().filter_map(last_user)).await?;
    let roots = tenants.iter().map(|tenant| tenant.id);
    let roots = there::<entity::prelude::Tenant, C>(db, tenant::Column::Id, roots).await?;
    let mut whole: HashSet<Uuid> = roots.clone();
    macro_rules! last_rows {
        ($($entity:ident, $factory:ident, $count:ident;)*) => {$(
            let last = tenants.iter().filter(|tenant| whole.contains(&tenant.id)).filter_map(|tenant| {
                let n = tenant.counts.$count.checked_sub(1)?;
                let id = factory::$factory::row(tenant, n).id.take()?;
                Some((tenant.id, id))
            });
            let last: Vec<(Uuid, Uuid)> = last.collect();
            let found = scoped::<$entity, C>(db, &last).await?;
            for (tenant, id) in last {
                if !found.contains(&id) {
                    whole.remove(&tenant);
                }
            }
        )*};
    }
    factory::for_each_scoped!(last_rows);
    let presence = tenants.iter().map(|tenant| Presence {
        users: last_user(tenant).is_none_or(|id| users.contains(&id)),
        rest: match (roots.contains(&tenant.id), whole.contains(&tenant.id)) {
            (false, _) => Rest::Absent,
            (true, false) => Rest::Odd,
            (true, true) => Rest::Whole,
        },
    });
    Ok(presence.collect())
}

/// Those of these ids that are there.
async fn there<E: Table, C: ConnectionTrait>(
    db: &C,
    column: E::Column,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashSet<Uuid>> {
    let condition = Condition::all().add(column.is_in(ids));
    ids_of::<E, C>(db, column, condition).await
}

/// The same in a table of tenants.
async fn scoped<E: TenantScoped, C: ConnectionTrait>(
    db: &C,
    keys: &[(Uuid, Uuid)],
) -> Result<HashSet<Uuid>> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let any = keys.iter().fold(Condition::any(), |any, (tenant, id)| {
        any.add(Condition::all().add(E::tenant_column().eq(*tenant)).add(E::id_column().eq(*id)))
    });
    ids_of::<E, C>(db, E::id_column(), any).await
}

async fn ids_of<E: Table, C: ConnectionTrait>(
    db: &C,
    column: E::Column,
    condition: Condition,
) -> Result<HashSet<Uuid>> {
    #[allow(clippy::disallowed_methods, reason = "it looks at the rows of all tenants")]
    let rows = E::find().select_only().column(column).filter(condition);
    Ok(rows.into_tuple::<Uuid>().all(db).await?.into_iter().collect())
}
