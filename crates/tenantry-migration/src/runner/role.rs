//! Seeing to it that there is an application role, and that it has what the migrations grant it.

use std::collections::BTreeSet;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, QueryResult, Statement,
    TransactionTrait as _,
};
use serde::Serialize;
use tenantry_entity::Engine;

use super::{Direction, Runner, effect::Effect};
use crate::{
    application_role::{RoleFacts, facts_sql},
    db::literal,
    error::{Result, sqlstate},
    ops::{
        context::{ApplicationRole, Context},
        v1::grant_sql,
    },
    refusal::Refusal,
    sql::{is_ours, name_in_model, parts, quoted},
};

/// What [`Runner::grant`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// The statements that were run.
    pub statements: Vec<String>,
}

/// The application role as a call finds it.
pub(super) struct Role {
    /// `None` where the engine has no roles, or nothing is granted.
    facts: Option<RoleFacts>,
    /// Whether it lacks something that the migrations grant.
    lacks_something: bool,
    /// What was run to make it, or to let the role that asks become it.
    made: Vec<String>,
}

/// A table and a privilege on it.
type Privileges = BTreeSet<(String, String)>;

impl Runner<'_> {
    /// Gives the application role what the applied migrations grant it and it does not have, and
    /// makes the role itself if it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](crate::Error::Refused), with the SQL for an administrator, if the role
    /// does not exist and cannot be made.
    pub async fn grant(&self) -> Result<Granted> {
        let role = self.role(true).await?;
        if let Some(facts) = role.facts.as_ref().filter(|facts| !facts.exists) {
            return Err(Refusal::plain("no-application-role", format!(
                "the application role {} does not exist, and {} may not create it: as a role that \
                 may, run `{}`",
                facts.name,
                facts.asked_by,
                facts.for_an_administrator()
            ))
            .into());
        }
        let session = self.begin_for("grant", &[]).await?;
        let work = async {
            let history = self.history(session.tx()).await?;
            self.check_known(&history)?;
            self.finish_grants(session.tx(), &role, &self.in_order(&history)).await
        };
        let statements = work.await;
        let granted = session.finish(statements).await?;
        Ok(Granted { statements: [role.made, granted].concat() })
    }

    /// Looks at the application role, before any transaction, and makes it if it is missing and
    /// `create` says so. Who may not create roles goes on without one.
    pub(super) async fn role(&self, create: bool) -> Result<Role> {
        let Some(wanted) = self.granted(|_| true).await? else {
            return Ok(Role { facts: None, lacks_something: false, made: Vec::new() });
        };
        let (db, name) = (&self.db, &self.application_role);
        // Both in one statement, since every call asks.
        let lacks = format!("EXISTS ({}) AS lacks_privileges", missing_sql(name, &wanted));
        let ask = async || {
            let stmt =
                Statement::from_string(self.engine.backend(), facts_sql(name, self.engine, &lacks));
            let row = db.query_one_raw(stmt).await?;
            let both = |row: QueryResult| {
                let role = RoleFacts::from_query_result(&row, "")?;
                Ok::<_, DbErr>((role, row.try_get("", "lacks_privileges")?))
            };
            row.map(both).transpose()
        };
        let mut made = Vec::new();
        let mut found: Option<(RoleFacts, bool)> = ask().await?;
        if let Some((role, _)) = found.as_ref().filter(|_| create)
            && !(role.exists && role.may_be_set && role.login_sql().is_none())
        {
            made = self.make(role).await?;
            found = ask().await?;
        }
        let Some((role, lacks_privileges)) = found else {
            return Ok(Role { facts: None, lacks_something: false, made: Vec::new() });
        };
        if create && !role.exists {
            tracing::warn!(
                "the application role {name} does not exist, and {} may not create it: as a role \
                 that may, run `{}`; then `migration grant`",
                role.asked_by,
                role.for_an_administrator()
            );
        }
        let lacks_something = role.exists && (may_grant_usage(&role) || lacks_privileges);
        Ok(Role { facts: Some(role), lacks_something, made })
    }

    /// A condition that is true if there is an application role and it has everything; `None` where
    /// nothing is granted.
    pub(super) async fn everything_granted_sql(&self) -> Result<Option<String>> {
        let Some(wanted) = self.granted(|_| true).await? else { return Ok(None) };
        let name = &self.application_role;
        let lacks = format!("EXISTS ({}) AS lacks", missing_sql(name, &wanted));
        let facts = facts_sql(name, self.engine, &lacks);
        Ok(Some(format!(
            "SELECT f.exists AND f.may_be_set AND NOT f.lacks AND (f.has_usage OR NOT f.owns_schema) \
             AND (f.may_log_in OR NOT f.has_to_log_in) FROM ({facts}) f"
        )))
    }

    /// Makes the role, in statements of their own: another session that makes the same one in another database
    /// of the cluster waits no longer than for these. That it is there already is what was wanted;
    /// whether it is there at all, the caller asks again. Gives what was run.
    async fn make(&self, role: &RoleFacts) -> Result<Vec<String>> {
        let (mut steps, mut made) = (Vec::new(), Vec::new());
        if !role.exists {
            steps.push(role.create_sql());
        }
        steps.extend(role.login_sql());
        if !role.may_be_set {
            steps.push(role.membership_sql());
        }
        for sql in steps {
            let tx = self.db.begin().await?;
            match tx.execute_unprepared(&sql).await {
                Ok(_) => {
                    tx.commit().await?;
                    made.push(sql);
                }
                Err(error) => {
                    // duplicate_object, unique_violation, "tuple concurrently updated";
                    // insufficient_privilege, undefined_object, read_only_sql_transaction
                    let expected = ["42710", "23505", "XX000", "42501", "42704", "25006"];
                    tx.rollback().await?;
                    if !sqlstate(&error).is_some_and(|code| expected.contains(&code.as_str())) {
                        return Err(error.into());
                    }
                }
            }
        }
        Ok(made)
    }

    /// Grants what is missing of what the `applied` migrations grant; returns the statements.
    pub(super) async fn finish_grants(
        &self,
        tx: &DatabaseTransaction,
        role: &Role,
        applied: &[String],
    ) -> Result<Vec<String>> {
        let Some(facts) = role.facts.as_ref().filter(|_| role.lacks_something) else {
            return Ok(Vec::new());
        };
        let mut statements = Vec::new();
        if may_grant_usage(facts) {
            statements.push(facts.usage_sql());
        }
        let wanted = self.granted(|name| applied.iter().any(|other| other == name)).await?;
        let missing = missing(tx, self.engine, &facts.name, &wanted.unwrap_or_default()).await?;
        let tables: BTreeSet<&String> = missing.iter().map(|(table, _)| table).collect();
        for table in tables {
            let of_table = missing.iter().filter(|(other, _)| other == table);
            let privileges: Vec<String> = of_table.map(|(_, one)| one.clone()).collect();
            statements.extend(grant_sql(table, &privileges, &crate::db::quoted(&facts.name)));
        }
        for sql in &statements {
            tx.execute_unprepared(sql).await?;
        }
        if !statements.is_empty() {
            tracing::info!("granted to {} what it did not have", facts.name);
        }
        Ok(statements)
    }

    /// Takes back what no migration granted and so none revokes: the use of the schema.
    pub(super) async fn revoke_usage(&self, tx: &DatabaseTransaction, role: &Role) -> Result<()> {
        let Some(facts) = role.facts.as_ref().filter(|facts| facts.exists) else { return Ok(()) };
        let sql = format!(
            "SELECT 1 FROM pg_namespace n, aclexplode(n.nspacl) a \
             WHERE n.nspname = current_schema() AND a.grantor = n.nspowner AND a.grantee = \
             (SELECT oid FROM pg_roles WHERE rolname = {})",
            literal(&facts.name)
        );
        if tx.query_one_raw(Statement::from_string(self.engine.backend(), sql)).await?.is_some() {
            // Others have gone with their tables, or stay with what else is in them.
            let own = facts.schemas.first().map(|name| quoted(name)).unwrap_or_default();
            let sql = format!("REVOKE USAGE ON SCHEMA {own} FROM {}", quoted(&facts.name));
            tx.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    /// What operations are told while this call runs.
    pub(super) fn context(&self, role: &Role) -> Context {
        let exists = role.facts.as_ref().is_some_and(|facts| facts.exists);
        let application_role = ApplicationRole { name: self.application_role.clone(), exists };
        Context { engine: self.engine, application_role, tenancy: self.tenancy }
    }

    /// What the migrations of these names together grant on the tables that they leave; `None` if
    /// no migration has to do with privileges.
    async fn granted(&self, counts: impl Fn(&str) -> bool) -> Result<Option<Privileges>> {
        if !self.engine.capability().row_level_security {
            return Ok(None);
        }
        let (mut recordings, mut names_role) = (Vec::new(), false);
        for migration in &self.migrations {
            let up = self.recorded(migration.as_ref(), Direction::Up).await?;
            names_role = names_role || Effect::on_privileges(up.iter(), &self.schemas).names_role;
            if !names_role {
                let down = self.recorded(migration.as_ref(), Direction::Down).await?;
                names_role = Effect::on_privileges(down.iter(), &self.schemas).names_role;
            }
            if counts(migration.name()) {
                recordings.push(up);
            }
        }
        let granted = || {
            Effect::on_privileges(recordings.iter().flat_map(|it| it.iter()), &self.schemas).granted
        };
        Ok(names_role.then(granted))
    }
}

fn may_grant_usage(role: &RoleFacts) -> bool {
    !role.has_usage && role.owns_schema
}

/// Those of the privileges that the role does not have, on tables that are there and belong to the
/// role that asks.
async fn missing<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    role: &str,
    wanted: &Privileges,
) -> Result<Privileges, DbErr> {
    let stmt = Statement::from_string(engine.backend(), missing_sql(role, wanted));
    let rows = db.query_all_raw(stmt).await?;
    rows.iter().map(|row| Ok((row.try_get("", "tbl")?, row.try_get("", "privilege")?))).collect()
}

fn missing_sql(role: &str, wanted: &Privileges) -> String {
    let rows = wanted
        .iter()
        .map(|(table, privilege)| format!("({}, {})", literal(table), literal(privilege)));
    let is_within = wanted.iter().any(|(table, _)| parts(table).0.is_some());
    let of_table = if is_within {
        format!("{} = w.tbl AND {}", name_in_model("c"), is_ours("c.relnamespace"))
    } else {
        "c.relname = w.tbl AND c.relnamespace = (SELECT oid FROM pg_namespace \
         WHERE nspname = current_schema())"
            .to_owned()
    };
    // A list of values cannot be empty.
    let rows: Vec<String> = rows.chain(["(NULL, NULL)".to_owned()]).collect();
    format!(
        "SELECT w.tbl, w.privilege FROM (VALUES {}) AS w (tbl, privilege) \
         JOIN pg_class c ON {of_table} AND c.relkind IN ('r', 'p') \
         JOIN pg_roles r ON r.rolname = {} AND r.oid <> c.relowner \
         WHERE pg_has_role(current_user, c.relowner, 'MEMBER') AND NOT EXISTS \
         (SELECT 1 FROM aclexplode(c.relacl) a \
         WHERE a.grantee = r.oid AND a.privilege_type = w.privilege)",
        rows.join(", "),
        literal(role)
    )
}
