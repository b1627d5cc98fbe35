//! Whatever the application role, or a login that becomes it, can reach: each is known to show one tenant's rows, or is
//! a finding by name.
//!
//! Nothing is safe unless it is known to be: an entity's table with its policy and grants (which `diff` compares), a
//! view that reads as its caller or as a role that the policies bind, a function that runs as its caller in a trusted
//! language, and what the server and its extensions bring along.

mod query;
mod verdict;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use serde::Serialize;
use tenantry_entity::{Engine, Tenancy};

use crate::{
    db::literal,
    report::Finding,
    schema::{Schema, rows},
};

/// Something that the application role or one of its logins can reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reached {
    /// What it is: `table`, `view`, `function`, `login` and the like.
    pub kind: &'static str,
    /// Its name, with its schema where it has one.
    pub name: String,
    /// From the role to it, with an arrow between.
    pub path: String,
    /// Why it is safe; for a finding, what is wrong with it.
    pub why: String,
    /// Whether it is safe.
    pub is_safe: bool,
    /// What is said of it where it is not.
    #[serde(skip)]
    pub finding: Option<Finding>,
}

/// What the first query answers, [`known`](query::known).
#[derive(FromQueryResult)]
struct Known {
    roles: String,
    lists: Vec<String>,
    has_parameters: bool,
    schema: String,
}

/// Everything that is reached, by kind and name. Empty where the engine has no policies.
///
/// # Errors
///
/// If a query fails.
pub async fn reach<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    role: &str,
    names: &Tenancy,
    entities: &Schema,
) -> Result<Vec<Reached>, DbErr> {
    if !engine.capability().row_level_security {
        return Ok(Vec::new());
    }
    let settings: Vec<String> = query::settings(names).map(literal).into();
    let known: Vec<Known> = rows(db, query::known(role, entities)).await?;
    let Some(known) = known.into_iter().next() else { return Ok(Vec::new()) };
    let (schema, prelude) = (known.schema, query::found(&known.lists));
    let parameters = if known.has_parameters { query::PARAMETERS } else { "" };
    let others = query::OTHERS.replace("{settings}", &settings.join(", "));
    let others = others.replace("{sealed}", &literal(tenantry_entity::tenancy::SEALED_TENANT));
    let others = others.replace("{parameters}", parameters);
    let relations = query::RELATIONS.replace("{column}", &literal(names.column));
    let mut all = Vec::new();
    let roles: Vec<verdict::Role> =
        serde_json::from_str(&known.roles).map_err(|error| DbErr::Json(error.to_string()))?;
    for it in roles {
        all.extend(it.judged(role));
    }
    for row in rows::<verdict::Relation, _>(db, format!("{prelude}, {relations}")).await? {
        all.push(row.judged(names, entities));
    }
    for row in rows::<verdict::Function, _>(db, format!("{prelude}, {}", query::FUNCTIONS)).await? {
        all.push(row.judged(names, entities.is_sealed().then_some(&*schema)));
    }
    for row in rows::<verdict::Other, _>(db, format!("{prelude}, {others}")).await? {
        all.extend(row.judged(role, names, &schema));
    }
    all.sort();
    Ok(all)
}

/// The list as text: what is not safe first, a line each.
#[must_use]
pub fn text(all: &[Reached]) -> String {
    let line = |it: &Reached| {
        let sign = if it.is_safe { "safe" } else { "NOT SAFE" };
        format!("{sign:8}  {} {}: {}\n          {}", it.kind, it.name, it.why, it.path)
    };
    let (safe, others): (Vec<&Reached>, Vec<&Reached>) = all.iter().partition(|it| it.is_safe);
    others.into_iter().chain(safe).map(line).collect::<Vec<_>>().join("\n")
}
