//! What is safe of that which is reached, and what is said of the rest.

use sea_orm::FromQueryResult;
use serde::Deserialize;
use tenantry_entity::{Tenancy, tenancy::SEALED_TENANT};

use super::{Reached, query::HARMLESS_ROLES};
use crate::{
    called,
    db::quoted,
    report::{DATABASE, Finding},
    schema::{Grantee, Schema},
};

/// What is said of something that is not known to be safe.
struct Unsafe {
    code: &'static str,
    table: String,
    object: Option<String>,
    /// What is wrong with it.
    why: String,
    help: String,
}

fn safe(kind: &'static str, name: String, path: String, why: impl Into<String>) -> Reached {
    Reached { kind, name, path, why: why.into(), is_safe: true, finding: None }
}

fn found(kind: &'static str, name: String, path: String, it: Unsafe) -> Reached {
    let message = format!("{path}: {}", it.why);
    let finding =
        Finding { code: it.code, table: it.table, object: it.object, message, help: it.help };
    Reached { kind, name, path, why: it.why, is_safe: false, finding: Some(finding) }
}

/// `PUBLIC` and the role at the beginning of a path: from whom something is to be revoked.
fn grantees(path: &str) -> String {
    let last = path.rsplit(" -> ").next().unwrap_or(path);
    format!("PUBLIC, {}", quoted(last))
}

/// A role that a subject is or can become.
#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is an attribute of its own")]
pub(super) struct Role {
    path: String,
    of_app: bool,
    name: String,
    steps: i32,
    is_admin: bool,
    is_superuser: bool,
    bypasses: bool,
    creates_roles: bool,
    replicates: bool,
    owns_a_database: bool,
    is_predefined: bool,
}

impl Role {
    /// One for the role, and one for what it can do that its tables do not show.
    pub(super) fn judged(self, role: &str) -> Vec<Reached> {
        let kind = if self.steps == 0 { "login" } else { "role" };
        let object = Some(self.name.clone());
        let unsafe_for = |code, why: String, help: String| {
            let it = Unsafe { code, table: DATABASE.to_owned(), object: object.clone(), why, help };
            found(kind, self.name.clone(), self.path.clone(), it)
        };
        let revoke = || {
            let mut way = self.path.rsplit(" -> ");
            let (last, before) = (way.next().unwrap_or_default(), way.next().unwrap_or_default());
            format!("run `REVOKE {} FROM {}`", quoted(last), quoted(before))
        };
        // What the application role itself is, and is a member of, has findings of its own.
        if self.of_app && self.steps > 0 {
            return Vec::new();
        }
        if self.is_admin && self.steps > 0 {
            let why = format!("{} owns the tables, so no policy binds it: all tenants", self.name);
            return vec![unsafe_for("login-exposed", why, revoke())];
        }
        let is_app = self.of_app && self.steps == 0;
        let mut all = Vec::new();
        let mut attribute = |is: bool, name: &str, what: &str| {
            if is {
                let why = format!("{} has {name}: {what}", self.name);
                let help = format!("run `ALTER ROLE {} NO{name}`", quoted(&self.name));
                all.push(unsafe_for("login-exposed", why, help));
            }
        };
        attribute(self.is_superuser && !is_app, "SUPERUSER", "no policy binds it");
        attribute(
            self.bypasses && !is_app && !self.is_superuser,
            "BYPASSRLS",
            "no policy binds it",
        );
        // On a cluster that several applications share, the owners of others' databases may be members, too.
        attribute(
            self.creates_roles && !self.owns_a_database,
            "CREATEROLE",
            "it can take on other roles, or make one that can",
        );
        attribute(self.replicates, "REPLICATION", "it can read all that is written");
        if self.is_predefined && !HARMLESS_ROLES.contains(&self.name.as_str()) {
            let why = format!("{} reads or does more than grants say", self.name);
            all.push(unsafe_for("login-exposed", why, revoke()));
        }
        if all.is_empty() {
            let why = if self.name == role {
                "the application role, which the policies bind"
            } else {
                "the policies bind it, and what it has beside is listed"
            };
            all.push(safe(kind, self.name, self.path, why));
        }
        all
    }
}

/// A table, view or sequence.
#[derive(FromQueryResult)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub(super) struct Relation {
    path: String,
    of_app: bool,
    schema: String,
    name: String,
    kind: String,
    privileges: Vec<String>,
    is_ours: bool,
    as_caller: bool,
    reads_anything: bool,
    leak: Option<String>,
    has_definer_trigger: bool,
    inherits: Option<String>,
    has_tenant: bool,
    extension: Option<String>,
}

impl Relation {
    fn kind(&self) -> &'static str {
        match self.kind.as_str() {
            "v" => "view",
            "m" => "materialized view",
            "f" => "foreign table",
            "S" => "sequence",
            _ => "table",
        }
    }

    /// Why it is safe, or the code and what is wrong.
    fn verdict(
        &self,
        names: &Tenancy,
        entities: &Schema,
    ) -> Result<String, (&'static str, String)> {
        let only = |allowed: &[&str]| {
            self.privileges.iter().all(|one| {
                allowed.iter().any(|name| one == name || one.starts_with(&format!("{name} (")))
            })
        };
        if self.privileges.iter().any(|one| one == "OWNER") {
            let code =
                if self.kind == "v" || self.kind == "m" { "view-exposed" } else { "table-exposed" };
            return Err((
                code,
                format!("it belongs to {}, so its rows stay for any tenant", self.last()),
            ));
        }
        if self.is_ours {
            let table = entities.tables.get(&self.name);
            let granted =
                table.map(|it| it.privileges_of(Grantee::Application)).unwrap_or_default();
            let granted: Vec<&str> = granted.iter().map(String::as_str).collect();
            return if only(&granted) {
                Ok("an entity's table, with its policy and grants".to_owned())
            } else {
                let why = format!("{} is more than entities grant", self.privileges.join(", "));
                Err(("table-exposed", why))
            };
        }
        if let (Some(extension), true) = (&self.extension, only(&["SELECT", "USAGE"])) {
            return Ok(format!("it comes with the extension {extension}"));
        }
        match self.kind.as_str() {
            "S" if only(&["SELECT", "USAGE"]) => Ok("a counter, which holds no row".to_owned()),
            "S" => Err(("sequence-exposed", "it may be set, for all tenants".to_owned())),
            "m" => {
                let why = "no policy applies to a materialized view: the rows of all tenants in it";
                Err(("view-exposed", why.to_owned()))
            }
            "v" => self.verdict_of_view(),
            "f" => Err(("table-exposed", "no policy applies to a foreign table".to_owned())),
            _ => {
                let why = match (&self.inherits, self.has_tenant) {
                    (Some(ours), _) => {
                        format!("it shares rows with {ours} by inheritance, without their policies")
                    }
                    (None, true) => format!("it has {}, and no entity describes it", names.column),
                    (None, false) => "no entity describes it: its rows are any tenant's".to_owned(),
                };
                Err(("table-exposed", why))
            }
        }
    }

    fn verdict_of_view(&self) -> Result<String, (&'static str, String)> {
        if self.has_definer_trigger {
            let why = "a trigger on it runs with the rights of its owner".to_owned();
            return Err(("view-exposed", why));
        }
        match &self.leak {
            Some(way) => Err((
                "view-exposed",
                format!("it reads with the rights of its owner -> {way}, all tenants"),
            )),
            None if self.as_caller => Ok("a view that reads as its caller".to_owned()),
            None if self.reads_anything => {
                Ok("a view whose owner the policies bind as they bind the role".to_owned())
            }
            None => Ok("a view that reads no table".to_owned()),
        }
    }

    fn last(&self) -> &str {
        self.path.rsplit(" -> ").next().unwrap_or_default()
    }

    pub(super) fn judged(self, names: &Tenancy, entities: &Schema) -> Reached {
        let kind = self.kind();
        let full = format!("{}.{}", self.schema, self.name);
        let path = format!("{} -> {kind} {}", self.path, self.name);
        let (code, why) = match self.verdict(names, entities) {
            Ok(why) => return safe(kind, full, path, why),
            // The privileges of the application role and of PUBLIC on these are compared with the entities'.
            Err((_, why)) if self.is_ours && self.of_app => {
                return Reached { kind, name: full, path, why, is_safe: false, finding: None };
            }
            Err(what) => what,
        };
        let quoted_name = format!("{}.{}", quoted(&self.schema), quoted(&self.name));
        let on = if self.kind == "S" { "SEQUENCE " } else { "" };
        let revoke = format!("run `REVOKE ALL ON {on}{quoted_name} FROM {}`", grantees(&self.path));
        let help = match self.kind.as_str() {
            _ if self.privileges.iter().any(|one| one == "OWNER") => {
                format!("run `ALTER TABLE {quoted_name} OWNER TO` another role")
            }
            "v" if !self.as_caller && !self.has_definer_trigger => format!(
                "run `ALTER VIEW {quoted_name} SET (security_invoker = true)` on PostgreSQL 15 and newer, or {}",
                revoke.trim_start_matches("run ")
            ),
            "r" | "p" if self.has_tenant && !self.is_ours => {
                format!("describe it in an entity, or {revoke}")
            }
            _ => revoke,
        };
        // A login's own way is named by the login: the application role may have one as well.
        let login = self.path.split(" -> ").next().filter(|_| !self.of_app);
        let object = login.map(str::to_owned);
        let it = Unsafe { code, table: self.name, object, why, help };
        found(kind, full, path, it)
    }
}

/// A function or a procedure.
#[derive(FromQueryResult)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub(super) struct Function {
    path: String,
    schema: String,
    name: String,
    arguments: String,
    is_procedure: bool,
    is_definer: bool,
    owner: String,
    language: String,
    is_trusted: bool,
    settings: Vec<String>,
    is_builtin: bool,
    extension: Option<String>,
}

impl Function {
    fn verdict(&self, names: &Tenancy, is_seal: bool) -> Result<String, String> {
        if let Some(setting) = self.settings.iter().find(|it| is_ours(names, it)) {
            return Err(format!("it runs with {setting}"));
        }
        if is_seal {
            return Ok("what the policies ask for the tenant of a sealed scope".to_owned());
        }
        if self.is_definer {
            return Err(format!("it runs with the rights of its owner, {}", self.owner));
        }
        if self.is_builtin {
            return Err("the server keeps it for administrators".to_owned());
        }
        match &self.extension {
            Some(extension) if extension == "dblink" => {
                Err("it opens a connection of its own, to any database".to_owned())
            }
            Some(extension) => {
                Ok(format!("it comes with the extension {extension}, and runs as its caller"))
            }
            None if self.is_trusted => Ok(format!("it runs as its caller, in {}", self.language)),
            None => Err(format!("it is written in {}, which no policy binds", self.language)),
        }
    }

    /// `schema` is that of the entities, where their policies ask for sealed scopes.
    pub(super) fn judged(self, names: &Tenancy, schema: Option<&str>) -> Reached {
        // Whether it is as it was made, is looked at apart.
        let is_seal = Some(&*self.schema) == schema
            && self.name == SEALED_TENANT
            && self.arguments.is_empty()
            && self.is_definer;
        let kind = if self.is_procedure { "procedure" } else { "function" };
        let call = format!("{}({})", self.name, self.arguments);
        let full = format!("{}.{call}", self.schema);
        let path = format!("{} -> {kind} {}", self.path, self.name);
        match self.verdict(names, is_seal) {
            Ok(why) => safe(kind, full, path, why),
            Err(why) => {
                let help = format!(
                    "run `REVOKE EXECUTE ON {} {}.{}({}) FROM {}`",
                    kind.to_ascii_uppercase(),
                    quoted(&self.schema),
                    quoted(&self.name),
                    self.arguments,
                    grantees(&self.path)
                );
                let (code, table, object) = ("function-exposed", self.name, Some(call));
                found(kind, full, path, Unsafe { code, table, object, why, help })
            }
        }
    }
}

/// Whether a setting, written as `name=value`, decides whose rows are seen.
fn is_ours(names: &Tenancy, setting: &str) -> bool {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    match name.to_ascii_lowercase().as_str() {
        name if name == names.setting => !value.is_empty(),
        "role" | "session_authorization" => true,
        "row_security" => !["on", "true", "yes", "1"].contains(&value),
        "session_replication_role" => value != "origin",
        _ => false,
    }
}

/// A schema, a database, a large object, a server, default privileges or a setting.
#[derive(FromQueryResult)]
pub(super) struct Other {
    kind: String,
    name: String,
    details: Vec<String>,
    path: String,
}

impl Other {
    pub(super) fn judged(self, role: &str, names: &Tenancy, schema: &str) -> Vec<Reached> {
        if self.kind == "setting" {
            return self.settings(role, names);
        }
        if self.kind == "policy" {
            return vec![self.policy()];
        }
        let (details, from) = (self.details.join(", "), grantees(&self.path));
        let name = quoted(&self.name);
        let owns = self.details.iter().any(|detail| detail == "OWNER");
        let owner = |kind: &str| format!("run `ALTER {kind} {name} OWNER TO` another role");
        let (kind, code, why, help) = match self.kind.as_str() {
            // The application role's own right to create here has a finding of its own.
            "schema" if self.name == schema && self.path == role && !owns => return Vec::new(),
            "schema" => (
                "schema",
                "schema-exposed",
                "what it creates there is found by others, and stays for any tenant".to_owned(),
                if owns {
                    owner("SCHEMA")
                } else {
                    format!("run `REVOKE CREATE ON SCHEMA {name} FROM {from}`")
                },
            ),
            "database" => (
                "database",
                "database-exposed",
                "it may create schemas and publications".to_owned(),
                if owns {
                    owner("DATABASE")
                } else {
                    format!("run `REVOKE CREATE ON DATABASE {name} FROM {from}`")
                },
            ),
            "parameter" => (
                "parameter",
                "parameter-exposed",
                format!("it may {details} what only administrators may"),
                format!("run `REVOKE ALL ON PARAMETER {} FROM {from}`", self.name),
            ),
            "large object" => (
                "large object",
                "large-object-exposed",
                "no policy applies to a large object".to_owned(),
                format!(
                    "run `REVOKE ALL ON LARGE OBJECT {} FROM {from}`, or keep it in a table",
                    self.name
                ),
            ),
            "foreign server" => (
                "foreign server",
                "server-exposed",
                "it opens another database, whose rows no policy here binds".to_owned(),
                format!("run `REVOKE ALL ON FOREIGN SERVER {name} FROM {from}`"),
            ),
            "publication" => (
                "publication",
                "publication-exposed",
                "who owns it sends the rows of all tenants elsewhere".to_owned(),
                owner("PUBLICATION"),
            ),
            _ => (
                "default privileges",
                "default-privileges-exposed",
                format!("tables that {} makes are granted at once: {details}", self.name),
                format!(
                    "run `ALTER DEFAULT PRIVILEGES FOR ROLE {name} REVOKE ALL ON TABLES FROM {from}`"
                ),
            ),
        };
        let path = format!("{} -> {kind} {}", self.path, self.name);
        let (table, object) = (DATABASE.to_owned(), Some(self.name.clone()));
        vec![found(kind, self.name, path, Unsafe { code, table, object, why, help })]
    }

    /// A policy that calls what is not the server's.
    fn policy(self) -> Reached {
        let calls = self.details.join(", ");
        let (table, policy) = self.name.split_once('.').unwrap_or((&self.name, ""));
        let it = Unsafe {
            code: "policy-exposed",
            table: table.to_owned(),
            object: Some(policy.to_owned()),
            why: format!("it calls {calls}, which is not the server's own"),
            help: format!(
                "drop the policy and create it again with `SET search_path` to the schema of the tables alone, as \
                 `{}` prints it then",
                called("migration", "diff --sql")
            ),
        };
        let path = format!("{} -> policy {policy} of {table}", self.path);
        found("policy", self.name.clone(), path, it)
    }

    /// One for each setting that decides whose rows are seen.
    fn settings(self, role: &str, names: &Tenancy) -> Vec<Reached> {
        let of = if self.name.is_empty() { "the database" } else { &self.name };
        let mut all = Vec::new();
        for setting in &self.details {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let why = match name {
                "role" if value == role || value == "none" => None,
                "search_path" => shadows(value).then(|| {
                    "names of the server's own functions are looked for elsewhere first".to_owned()
                }),
                "row_security" if is_ours(names, setting) => {
                    Some("every query on a table with policies fails".to_owned())
                }
                "session_replication_role" if is_ours(names, setting) => {
                    Some("no foreign key and no trigger is enforced".to_owned())
                }
                name if name == names.setting && is_ours(names, setting) => {
                    Some("it shows a tenant's rows without a scope".to_owned())
                }
                _ if is_ours(names, setting) => Some("sessions work as another role".to_owned()),
                _ => None,
            };
            let path = format!("{of} -> setting {name}");
            let Some(why) = why else {
                let why = "it changes nothing about whose rows are seen";
                all.push(safe("setting", name.to_owned(), path, why));
                continue;
            };
            let help = match self.name.as_str() {
                "" => format!("run `ALTER DATABASE … RESET {name}`"),
                "the server" => format!("take {name} out of the server's configuration"),
                login => format!("run `ALTER ROLE {} RESET {name}`", quoted(login)),
            };
            let object = Some(format!("{name} of {of}"));
            let it =
                Unsafe { code: "setting-exposed", table: DATABASE.to_owned(), object, why, help };
            all.push(found("setting", name.to_owned(), path, it));
        }
        all
    }
}

/// Whether a search path names another schema before the server's own, which is first where it is not named.
fn shadows(path: &str) -> bool {
    path.split(',').map(|part| part.trim().trim_matches('"')).position(|it| it == "pg_catalog")
        > Some(0)
}
