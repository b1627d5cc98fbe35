//! Saying who may see and change a table's rows: row-level security, policies and grants.

use sea_orm::{ConnectionTrait as _, Statement};
use sea_orm_migration::prelude::{DbErr, SchemaManager};
use tenantry_entity::{
    Engine,
    scope::{LONGEST_LIFETIME, SEALED_TEXT},
    tenancy::{SEAL_KEYS, SEAL_SETTING, SEALED_TENANT, TENANCY},
};

use super::{alter::execute, engine};
use crate::{
    ops::context::{ApplicationRole, Context},
    sql::{quoted, quoted_table},
};

/// Alters who may see and change the rows of `table`; see [`AlterAccess`].
pub fn alter_access(table: &str) -> AlterAccess {
    AlterAccess { table: table.to_owned(), steps: Vec::new() }
}

/// What is done about row-level security, policies and grants of a table, step by step. Engines
/// that have none of them do nothing.
///
/// Grants to the application role are left out where it does not exist: the runner makes up for
/// them as soon as it does.
#[must_use = "nothing happens before `run`"]
#[derive(Debug)]
pub struct AlterAccess {
    table: String,
    steps: Vec<AccessStep>,
}

#[derive(Debug)]
enum AccessStep {
    /// Any statement.
    Sql(String),
    /// What sealed policies ask.
    Seal,
    /// Privileges that are granted, to the application role or to PUBLIC.
    Grant(To, Vec<String>),
    /// Privileges that are revoked.
    Revoke(To, Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Application,
    Public,
}

impl AlterAccess {
    /// Applies policies from now on, but not to the table's owner. Without a policy, no other role
    /// sees a row.
    pub fn enable_row_security(self) -> Self {
        self.row_security(ENABLE)
    }

    /// Applies no policy from now on.
    pub fn disable_row_security(self) -> Self {
        self.row_security(DISABLE)
    }

    /// Applies policies to the table's owner too.
    pub fn force_row_security(self) -> Self {
        self.row_security(FORCE)
    }

    /// Does not apply policies to the table's owner.
    pub fn no_force_row_security(self) -> Self {
        self.row_security(NO_FORCE)
    }

    /// Creates a policy for every command and role. Rows are seen, and may be written, if
    /// `condition` holds, which is SQL over the row.
    pub fn create_policy(self, name: &str, condition: &str) -> Self {
        self.create_policy_as(name, &format!("USING ({condition}) WITH CHECK ({condition})"))
    }

    /// Creates a policy from what follows name and table in a CREATE POLICY.
    pub fn create_policy_as(mut self, name: &str, definition: &str) -> Self {
        self.steps.push(AccessStep::Sql(policy_sql(&self.table, name, definition)));
        self
    }

    /// Creates a policy for every command and role that shows the rows of the tenant of a sealed scope, which is
    /// in `column`. What it asks for the tenant is created with it; `migration seal` gives that a key.
    pub fn create_sealed_policy(mut self, name: &str, column: &str) -> Self {
        self.steps.push(AccessStep::Seal);
        self.create_policy(name, &format!("{} = (SELECT {SEALED_TENANT}())", quoted(column)))
    }

    /// Drops a policy.
    pub fn drop_policy(mut self, name: &str) -> Self {
        let sql = format!("DROP POLICY {} ON {}", quoted(name), quoted_table(&self.table));
        self.steps.push(AccessStep::Sql(sql));
        self
    }

    /// Gives a policy another name.
    pub fn rename_policy(mut self, from: &str, to: &str) -> Self {
        let (from, to, table) = (quoted(from), quoted(to), quoted_table(&self.table));
        self.steps.push(AccessStep::Sql(format!("ALTER POLICY {from} ON {table} RENAME TO {to}")));
        self
    }

    /// Grants privileges to the application role: `SELECT`, `SELECT (email)`.
    pub fn grant(mut self, privileges: &[&str]) -> Self {
        self.steps.push(AccessStep::Grant(To::Application, owned(privileges)));
        self
    }

    /// Revokes privileges from the application role.
    pub fn revoke(mut self, privileges: &[&str]) -> Self {
        self.steps.push(AccessStep::Revoke(To::Application, owned(privileges)));
        self
    }

    /// Grants privileges to every role.
    pub fn grant_to_public(mut self, privileges: &[&str]) -> Self {
        self.steps.push(AccessStep::Grant(To::Public, owned(privileges)));
        self
    }

    /// Revokes privileges from every role.
    pub fn revoke_from_public(mut self, privileges: &[&str]) -> Self {
        self.steps.push(AccessStep::Revoke(To::Public, owned(privileges)));
        self
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// If a statement fails.
    pub async fn run(self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        if !engine(manager).capability().row_level_security {
            return Ok(());
        }
        let names_the_role = |step: &AccessStep| {
            matches!(
                step,
                AccessStep::Grant(To::Application, _) | AccessStep::Revoke(To::Application, _)
            )
        };
        let role = if self.steps.iter().any(names_the_role) {
            Some(application_role(manager).await?)
        } else {
            None
        };
        let role = role.filter(|role| role.exists).map(|role| quoted(&role.name));
        let name = |to: To| match to {
            To::Application => role.clone(),
            To::Public => Some("PUBLIC".to_owned()),
        };
        for step in self.steps {
            let statements = match step {
                AccessStep::Sql(sql) => vec![sql],
                AccessStep::Seal if engine(manager).capability().distributes_tables => {
                    let why = format!("there are no sealed tenant scopes on {}", engine(manager));
                    return Err(DbErr::Migration(why));
                }
                AccessStep::Seal => vec![seal_sql()],
                AccessStep::Grant(to, privileges) => {
                    name(to).map_or_else(Vec::new, |to| grant_sql(&self.table, &privileges, &to))
                }
                AccessStep::Revoke(from, privileges) => name(from)
                    .map_or_else(Vec::new, |from| revoke_sql(&self.table, &privileges, &from)),
            };
            for sql in statements {
                execute(manager, sql).await?;
            }
        }
        Ok(())
    }

    fn row_security(mut self, action: &str) -> Self {
        self.steps.push(AccessStep::Sql(row_security_sql(&self.table, action)));
        self
    }
}

fn owned(privileges: &[&str]) -> Vec<String> {
    privileges.iter().map(|privilege| (*privilege).to_owned()).collect()
}

/// The application role: the runner knows it, and without a runner the database is asked.
pub(super) async fn application_role(
    manager: &SchemaManager<'_>,
) -> Result<ApplicationRole, DbErr> {
    if let Some(context) = Context::current() {
        return Ok(context.application_role);
    }
    let stmt = Statement::from_sql_and_values(
        Engine::Postgres.backend(),
        "SELECT 1 FROM pg_roles WHERE rolname = $1",
        [TENANCY.application_role.into()],
    );
    let exists = manager.get_connection().query_one_raw(stmt).await?.is_some();
    Ok(ApplicationRole { name: TENANCY.application_role.to_owned(), exists })
}

/// Switches policies on, as the end of an `ALTER TABLE`.
pub const ENABLE: &str = "ENABLE ROW LEVEL SECURITY";
/// Switches policies off.
const DISABLE: &str = "DISABLE ROW LEVEL SECURITY";
/// Has policies hold for the owner, too.
pub const FORCE: &str = "FORCE ROW LEVEL SECURITY";
/// Has policies not hold for the owner.
const NO_FORCE: &str = "NO FORCE ROW LEVEL SECURITY";

/// Switches policies of a table on or off.
#[must_use]
pub fn row_security_sql(table: &str, action: &str) -> String {
    format!("ALTER TABLE {} {action}", quoted_table(table))
}

/// Makes a policy; `definition` is what stands behind the table.
#[must_use]
pub fn policy_sql(table: &str, name: &str, definition: &str) -> String {
    format!("CREATE POLICY {} ON {} {definition}", quoted(name), quoted_table(table))
}

/// What sealed policies ask for the tenant: a function, and the table with its keys, where they are missing.
///
/// The function works with the rights of its owner, which alone reads the keys. It finds no name by the
/// caller's search path. A token says tenant, end and HMAC over both; it has to be good when the transaction
/// begins.
#[must_use]
pub fn seal_sql() -> String {
    format!(
        "{SEAL_BEGINS}
BEGIN
  CREATE TABLE IF NOT EXISTS {SEAL_KEYS} (
    fingerprint text PRIMARY KEY,
    inner_block bytea NOT NULL,
    outer_block bytea NOT NULL,
    added timestamptz NOT NULL DEFAULT now()
  );
  REVOKE ALL ON {SEAL_KEYS} FROM PUBLIC;
  EXECUTE format(
    'CREATE OR REPLACE FUNCTION {SEALED_TENANT}() RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER '
    'PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS %L',
    replace($body${}$body$, '{{schema}}', quote_ident(current_schema())));
END
$tenantry$",
        sealed_tenant_body("{schema}")
    )
}

/// How [`seal_sql`] begins.
pub const SEAL_BEGINS: &str = "DO $tenantry$";

/// What the function does that sealed policies ask, with the keys in `schema`, which is quoted already.
#[must_use]
pub fn sealed_tenant_body(schema: &str) -> String {
    format!(
        "
DECLARE
  token text := current_setting('{SEAL_SETTING}', true);
  ends timestamptz;
BEGIN
  IF token IS NULL OR token = '' THEN
    RETURN NULL;
  END IF;
  IF token !~ '^[0-9a-f-]{{36}}[.][0-9]{{1,12}}[.][0-9a-f]{{64}}$' OR NOT EXISTS (
    SELECT FROM {schema}.{SEAL_KEYS} k WHERE decode(right(token, 64), 'hex') = sha256(k.outer_block
      || sha256(k.inner_block || convert_to('{SEALED_TEXT}.' || left(token, -65), 'UTF8')))
  ) THEN
    RAISE EXCEPTION 'no key of this database has sealed the tenant scope'
      USING ERRCODE = 'invalid_authorization_specification',
      HINT = 'Begin the scope with a key that `migration seal` has given the database.';
  END IF;
  ends := to_timestamp(split_part(token, '.', 2)::bigint);
  IF ends < now() OR ends > now() + interval '{LONGEST_LIFETIME} seconds' THEN
    RAISE EXCEPTION 'the seal of the tenant scope is not good at this time'
      USING ERRCODE = 'invalid_authorization_specification',
      HINT = 'Compare the clock of the application with that of the server.';
  END IF;
  RETURN left(token, 36)::uuid;
END
"
    )
}

/// How a privilege ends that may be handed on.
pub const GRANTABLE: &str = " WITH GRANT OPTION";

/// Grants privileges to `grantee`, which is quoted already.
#[must_use]
pub fn grant_sql(table: &str, privileges: &[String], grantee: &str) -> Vec<String> {
    let (grantable, plain) = split(privileges);
    let grant = |privileges: &[&str], option: &str| {
        let privileges = privileges.join(", ");
        (!privileges.is_empty())
            .then(|| format!("GRANT {privileges} ON {} TO {grantee}{option}", quoted_table(table)))
    };
    grant(&plain, "").into_iter().chain(grant(&grantable, GRANTABLE)).collect()
}

/// Revokes privileges from `grantee`, which is quoted already.
fn revoke_sql(table: &str, privileges: &[String], grantee: &str) -> Vec<String> {
    let (grantable, plain) = split(privileges);
    let revoke = |option: &str, privileges: &[&str]| {
        let privileges = privileges.join(", ");
        (!privileges.is_empty()).then(|| {
            format!("REVOKE {option}{privileges} ON {} FROM {grantee}", quoted_table(table))
        })
    };
    revoke("GRANT OPTION FOR ", &grantable).into_iter().chain(revoke("", &plain)).collect()
}

/// Those that may be handed on, without the words that say so, and the others.
fn split(privileges: &[String]) -> (Vec<&str>, Vec<&str>) {
    let (grantable, plain): (Vec<&str>, Vec<&str>) =
        privileges.iter().map(String::as_str).partition(|privilege| privilege.ends_with(GRANTABLE));
    let bare = |privilege: &str| privilege.len() - GRANTABLE.len();
    (grantable.into_iter().map(|privilege| &privilege[..bare(privilege)]).collect(), plain)
}
