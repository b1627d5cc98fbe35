//! How a live database differs from what the entities say, and the three answers to that: a
//! migration that makes it so everywhere, an entry that accepts it with a reason, and the SQL that
//! undoes it.

mod accepted;
mod attached;
mod crossing;
mod finding;
mod in_the_way;
mod mend;
mod objects;

pub use accepted::{Accepted, AcceptedDrift};
pub use finding::{finding, object};
pub use mend::mend;
pub(crate) use mend::plain_indexes;
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement, TransactionTrait};
use tenantry_entity::{Engine, Tenancy};

use crate::{
    application_role::{self, RoleFacts},
    diff::{Change, diff},
    error::Result,
    project::Project,
    reach::{Reached, reach},
    report::Finding,
    runner::{Attached, attached},
    schema::{
        self, Schema, expr,
        objects::{File, Kind, files},
    },
    seal,
    sql::is_ours,
};

/// A live database beside the entities.
#[derive(Clone, Debug)]
pub struct Drift {
    /// The statements that make objects what the files of `objects/` say.
    pub(crate) objects: Vec<String>,
    /// Whether the texts of objects were compared, and not only whether they are there.
    pub objects_compared: bool,
    /// How tenants are told apart; the usual names where there are none.
    pub tenancy: Tenancy,
    /// What the entities describe, in neutral words.
    pub entities: Schema,
    /// The live tables that the entities know, in the database's words.
    pub live: Schema,
    /// What the entities describe, in the database's words.
    pub expected: Schema,
    /// Whether expressions were compared too; see [`schema::Expected::exact`].
    pub exact: bool,
    /// Everything that would have to change to make the live schema the expected one.
    pub changes: Vec<Change>,
    /// Accepted entries that fit nothing.
    pub stale: Vec<AcceptedDrift>,
    /// Live tables that no entity describes.
    pub unknown_tables: Vec<String>,
    /// What the application role and its logins can reach.
    pub reached: Vec<Reached>,
    /// What of it is not known to be safe, and what else decides what is written.
    pub exposed: Vec<Finding>,
    /// Statements that undo what of these is attached to a table: a trigger, a rule, another owner.
    pub attached: Vec<String>,
    /// Indexes that back a unique or exclusion constraint; empty where no index differs.
    pub constraints: Vec<String>,
    /// Views and inheriting tables that may keep `diff --sql` from dropping or retyping a column: a sentence
    /// each.
    pub in_the_way: Vec<String>,
    /// The application role; `None` where the engine has no roles.
    pub application_role: Option<RoleFacts>,
}

/// What is said where the texts of objects could not be compared.
pub const OBJECTS_NOT_COMPARED: &str = "objects were looked for, and not compared with their files: that needs the right to \
     create a schema in the database, on a server that is not read-only";

/// What is said where expressions could not be compared.
#[must_use]
pub fn inexact(engine: Engine) -> String {
    let why = if engine.capability().temporary_tables {
        "that needs the right to make temporary tables, on a server that is not read-only"
            .to_owned()
    } else {
        format!("{engine} has no temporary tables, by which a server says how it writes them")
    };
    format!("defaults, checks and partial indexes were not compared: {why}")
}

/// Compares a live database with the entities, and the application role of the given name with
/// what it should be. What was accepted is left out.
///
/// # Errors
///
/// If the entities make no schema or a query fails.
pub async fn drift<C>(
    project: &Project,
    db: &C,
    engine: Engine,
    application_role: &str,
    accepted: &Accepted,
) -> Result<Drift>
where
    C: ConnectionTrait + TransactionTrait<Transaction = DatabaseTransaction>,
{
    let entities = project.schema()?;
    let mut live = schema::read(db, engine, application_role).await?;
    let has_tenants = project.tenancy.is_some();
    if !has_tenants {
        // Who may see rows is not this project's to say.
        live = live.without_access();
    }
    let mut unknown_tables: Vec<String> =
        live.tables.keys().filter(|name| !entities.tables.contains_key(*name)).cloned().collect();
    unknown_tables.retain(|name| !project.is_bookkeeping(name));
    let mut live = live.filtered(|name| entities.tables.contains_key(name));
    let reached = if has_tenants {
        reach(db, engine, application_role, &project.names(), &entities).await?
    } else {
        Vec::new()
    };
    let mut exposed: Vec<Finding> = reached.iter().filter_map(|it| it.finding.clone()).collect();
    exposed.extend(seal::findings(db, engine, &entities).await?);
    exposed.extend(project.tenancy.iter().flat_map(|it| crossing::findings(it, &entities)));
    let mut attached = attached(db, engine, Some((project.bookkeeping, application_role))).await?;
    let ours = files(&entities.objects).unwrap_or_default();
    let is_ours = |it: &Attached| {
        let mut made = ours.iter().flat_map(File::made);
        it.kind == "trigger" && made.any(|made| made.kind == Kind::Trigger && made.name == it.name)
    };
    attached.retain(|it| !is_ours(it) && attached::is_found(it, engine, &entities));
    exposed.extend(attached.iter().map(|it| attached::finding(it, engine)));
    let application_role = if has_tenants {
        application_role::facts(db, engine, application_role).await?
    } else {
        None
    };
    let expected = schema::expected(db, engine, entities.clone()).await?;
    schema::read_comments(db, engine, &mut live, &expected.schema).await?;
    let comparable = live.clone().adopted(engine, &expected.schema);
    let changes = if expected.exact {
        diff(&comparable, &expected.schema)
    } else {
        diff(&comparable.without_expressions(), &expected.schema)
    };
    let objects = Box::pin(objects::differences(db, engine, &entities)).await?;
    exposed.extend(objects.findings);
    let (changes, exposed, stale) = accepted.without(changes, exposed);
    attached.retain(|it| exposed.contains(&attached::finding(it, engine)));
    let constraints = constraints(db, engine, &changes).await?;
    let in_the_way = in_the_way::in_the_way(db, engine, &changes).await?;
    Ok(Drift {
        tenancy: project.names(),
        entities,
        live,
        expected: expected.schema,
        exact: expected.exact,
        changes,
        stale,
        unknown_tables,
        reached,
        exposed,
        attached: attached.iter().map(|it| attached::undone(it, engine)).collect(),
        constraints,
        objects: objects.mended_by,
        objects_compared: objects.exact,
        in_the_way,
        application_role,
    })
}

/// Indexes that back a constraint, if any index differs: the server refuses to drop such an index alone.
async fn constraints<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    changes: &[Change],
) -> Result<Vec<String>> {
    let is_index =
        |change: &Change| matches!(change, Change::DropIndex { .. } | Change::AlterIndex { .. });
    if engine == Engine::Sqlite || !changes.iter().any(is_index) {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT c.relname::text AS name FROM pg_constraint k \
         JOIN pg_class c ON c.oid = k.conindid AND c.relkind IN ('i', 'I') \
         WHERE k.contype IN ('u', 'x') AND {} ORDER BY 1",
        is_ours("c.relnamespace")
    );
    let stmt = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(stmt).await?;
    Ok(rows.iter().map(|row| row.try_get("", "name")).collect::<Result<_, _>>()?)
}

impl Drift {
    /// What was found, one finding for one fact: what only follows from another change is left out.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let has_role = self.application_role.as_ref().is_none_or(|role| role.exists);
        let tables: Vec<&str> = self.entities.tables.keys().map(String::as_str).collect();
        let of_role = self.application_role.iter().flat_map(|role| role.findings(&tables));
        let mut findings: Vec<Finding> = without_consequences(&self.changes)
            .into_iter()
            // A role that does not exist has no privileges.
            .filter(|change| has_role || !matches!(change, Change::AddGrant { .. }))
            .map(finding)
            .chain(of_role)
            .chain(self.exposed.iter().cloned())
            .collect();
        findings.extend(self.stale.iter().map(AcceptedDrift::stale));
        findings.sort();
        findings
    }
}

/// Leaves out what only follows from another change: what was built on a missing column went with
/// it, and an expression over a column of another type is spelled differently.
fn without_consequences(changes: &[Change]) -> Vec<&Change> {
    let causes: Vec<(&str, &str, bool)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::AddColumn { table, column } => Some((table.as_str(), &*column.name, true)),
            Change::AlterType { table, to, .. } => Some((table.as_str(), &*to.name, false)),
            _ => None,
        })
        .collect();
    let concerns = |change: &Change, column: &str| match change {
        Change::AddIndex { index, .. } | Change::AlterIndex { to: index, .. } => {
            index.mentions(column)
        }
        Change::AddForeignKey { key, .. } => key.columns.iter().any(|name| name == column),
        Change::AddCheck { check, .. } | Change::AlterCheck { to: check, .. } => {
            expr::mentions(&check.expr, column)
        }
        Change::AddPolicy { policy, .. } | Change::AlterPolicy { to: policy, .. } => {
            policy.conditions().any(|sql| expr::mentions(sql, column))
        }
        Change::AlterPrimaryKey { to: Some(key), .. } => key.columns.iter().any(|c| c == column),
        Change::AlterDefault { to, .. } => to.name == column,
        _ => false,
    };
    changes
        .iter()
        .filter(|change| {
            !causes.iter().any(|(table, column, missing)| {
                let follows = match change {
                    Change::AlterDefault { .. }
                    | Change::AlterIndex { .. }
                    | Change::AlterCheck { .. }
                    | Change::AlterPolicy { .. } => !missing,
                    _ => *missing,
                };
                follows && change.table() == *table && concerns(change, column)
            })
        })
        .collect()
}
