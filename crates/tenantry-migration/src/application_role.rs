//! The role that applications work as: what it should be, and what it is in a live database.
//!
//! Roles belong to the whole cluster, so other databases may use the same one, and make it at the
//! same moment. It is made when it is missing and no other process has been quicker, and never dropped.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use tenantry_entity::Engine;

use crate::{
    called,
    db::{literal, quoted},
    report::{DATABASE, Finding},
    sql::{LISTED, name_in_model, quoted_table},
};

/// What is known of the application role in a live database.
#[derive(Clone, Debug, FromQueryResult)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub struct RoleFacts {
    /// The role's name.
    pub name: String,
    /// The role that asks.
    pub asked_by: String,
    /// The schema that unqualified names belong to, and those that entities name.
    pub schemas: Vec<String>,
    /// Whether it exists.
    pub exists: bool,
    /// Whether it has to log in by itself: where tables are spread over several nodes, one node works
    /// on another as the role.
    pub has_to_log_in: bool,
    /// Whether it may log in.
    pub may_log_in: bool,
    /// Whether it is a superuser or has BYPASSRLS, so that no policy binds it.
    pub bypasses_policies: bool,
    /// Whether the role that asks may SET ROLE to it. From PostgreSQL 16 on, a member may not where the
    /// membership says `SET FALSE`, as that does by which who makes a role administers it.
    pub may_be_set: bool,
    /// Whether the role that asks owns a table here, or is a member of a role that does.
    pub asked_by_owner: bool,
    /// Whether it may use the schema at all.
    pub has_usage: bool,
    /// Whether the role that asks owns the schema, and so may let others use it.
    pub owns_schema: bool,
    /// Whether it may create tables and functions in the schema.
    pub may_create: bool,
    /// The roles that it is a member of, whose privileges it has too.
    pub member_of: Vec<String>,
    /// The tables here that it owns, to which no policy applies then.
    pub owns: Vec<String>,
}

/// Reads the facts; `None` where the engine has no roles.
///
/// # Errors
///
/// If the query fails.
pub async fn facts<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    name: &str,
) -> Result<Option<RoleFacts>, DbErr> {
    if !engine.capability().row_level_security {
        return Ok(None);
    }
    let stmt = Statement::from_string(engine.backend(), facts_sql(name, engine, "true"));
    let row = db.query_one_raw(stmt).await?;
    row.map(|row| RoleFacts::from_query_result(&row, "")).transpose()
}

/// The statement behind [`facts`], which asks for another column as well.
pub(crate) fn facts_sql(name: &str, engine: Engine, column: &str) -> String {
    format!(
        "SELECT {name} AS name, current_user::text AS asked_by, o.names AS schemas, \
         r.oid IS NOT NULL AS exists, {distributed} AS has_to_log_in, \
         coalesce(r.rolcanlogin, false) AS may_log_in, \
         coalesce(r.rolsuper OR r.rolbypassrls, false) AS bypasses_policies, \
         coalesce(pg_has_role(current_user, r.oid, CASE WHEN \
         current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END), false) \
         AS may_be_set, \
         EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = ANY (o.oids) AND c.relkind IN ('r', 'p') \
         AND pg_has_role(current_user, c.relowner, 'MEMBER')) AS asked_by_owner, \
         coalesce(o.usage, false) AS has_usage, \
         o.owned AS owns_schema, \
         coalesce(o.creates, false) AS may_create, \
         ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
         WHERE m.member = r.oid ORDER BY 1) AS member_of, \
         ARRAY(SELECT {owned} FROM pg_class c WHERE c.relnamespace = ANY (o.oids) \
         AND c.relkind IN ('r', 'p') AND c.relowner = r.oid ORDER BY 1) AS owns, {column} \
         FROM pg_namespace n LEFT JOIN pg_roles r ON r.rolname = {name} CROSS JOIN LATERAL ( \
         SELECT array_agg(s.nspname::text ORDER BY s.oid <> n.oid, s.nspname) AS names, array_agg(s.oid) AS oids, \
         bool_and(has_schema_privilege(r.oid, s.oid, 'USAGE')) AS usage, \
         bool_or(has_schema_privilege(r.oid, s.oid, 'CREATE')) AS creates, \
         bool_and(pg_has_role(current_user, s.nspowner, 'MEMBER')) AS owned \
         FROM pg_namespace s WHERE s.oid = n.oid OR s.nspname = ANY ({LISTED})) o \
         WHERE n.nspname = current_schema()",
        name = literal(name),
        owned = name_in_model("c"),
        distributed = engine.capability().distributes_tables,
    )
}

impl RoleFacts {
    /// What makes the role.
    #[must_use]
    pub fn create_sql(&self) -> String {
        let login = if self.has_to_log_in { "LOGIN" } else { "NOLOGIN" };
        format!("CREATE ROLE {} {login}", quoted(&self.name))
    }

    /// What lets it log in, if it has to and may not.
    #[must_use]
    pub fn login_sql(&self) -> Option<String> {
        (self.exists && self.has_to_log_in && !self.may_log_in)
            .then(|| format!("ALTER ROLE {} LOGIN", quoted(&self.name)))
    }

    /// What lets the role that asks become it.
    #[must_use]
    pub fn membership_sql(&self) -> String {
        format!("GRANT {} TO {}", quoted(&self.name), quoted(&self.asked_by))
    }

    /// What lets it use the schema.
    #[must_use]
    pub fn usage_sql(&self) -> String {
        format!("GRANT USAGE ON SCHEMA {} TO {}", self.quoted_schemas(), quoted(&self.name))
    }

    fn quoted_schemas(&self) -> String {
        self.schemas.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
    }

    /// What an administrator has to do so that there is a role that can be worked as.
    #[must_use]
    pub fn for_an_administrator(&self) -> String {
        match (self.exists, self.may_be_set) {
            (false, _) => format!("{}; {}", self.create_sql(), self.membership_sql()),
            (true, _) => self.membership_sql(),
        }
    }

    /// What is not as it should be. `tables` are those that the entities describe.
    #[must_use]
    pub fn findings(&self, tables: &[&str]) -> Vec<Finding> {
        let (name, role) = (&self.name, quoted(&self.name));
        let owned = self.owns.iter().filter(|table| tables.contains(&table.as_str()));
        let mut found: Vec<Finding> = owned
            .map(|table| Finding {
                code: "application-role-owns",
                table: table.clone(),
                object: Some(name.clone()),
                message: format!("{name} owns the table, so no policy binds it there"),
                help: format!("run `ALTER TABLE {} OWNER TO` another role", quoted_table(table)),
            })
            .collect();
        let mut add = |code, message: String, help: String| {
            let (table, object) = (DATABASE.to_owned(), Some(name.clone()));
            found.push(Finding { code, table, object, message, help });
        };
        if !self.exists {
            add(
                "application-role-missing",
                format!("the application role {name} does not exist, so no tenant scope can begin"),
                format!(
                    "as a role that may create roles, run `{}`; then `{}`",
                    self.for_an_administrator(),
                    called("migration", "grant")
                ),
            );
            return found;
        }
        if let Some(sql) = self.login_sql() {
            add(
                "application-role-login",
                format!(
                    "{name} may not log in, and nodes work on each other as the role: no tenant \
                     scope sees a row"
                ),
                format!(
                    "as a role that may alter it, run `{sql}`; docs/scaling.md says how nodes \
                         let it in"
                ),
            );
        }
        if self.bypasses_policies {
            add(
                "application-role-bypasses",
                format!("no policy binds {name}: it is a superuser or has BYPASSRLS"),
                format!("run `ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS`"),
            );
        }
        if !self.member_of.is_empty() {
            let roles = self.member_of.join(", ");
            add(
                "application-role-inherits",
                format!("{name} is a member of {roles} and may do what that may do"),
                format!(
                    "run `REVOKE {} FROM {role}`",
                    self.member_of.iter().map(|r| quoted(r)).collect::<Vec<_>>().join(", ")
                ),
            );
        }
        if self.may_create {
            add(
                "application-role-creates",
                format!(
                    "{name} may create tables and functions in the schema {}",
                    self.schemas.join(" or ")
                ),
                format!(
                    "run `REVOKE CREATE ON SCHEMA {} FROM PUBLIC, {role}`",
                    self.quoted_schemas()
                ),
            );
        }
        if !self.has_usage {
            add(
                "application-role-usage",
                format!("{name} may not use the schema {}", self.schemas.join(" or ")),
                format!("run `{}`, as its owner", self.usage_sql()),
            );
        }
        if self.asked_by_owner && !self.may_be_set {
            add(
                "application-role-membership",
                format!(
                    "{} may not become {name}, so no tenant scope can begin on its connections",
                    self.asked_by
                ),
                format!("as an administrator of {name}, run `{}`", self.membership_sql()),
            );
        }
        found
    }
}
