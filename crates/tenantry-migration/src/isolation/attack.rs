//! The attacks, as data: what is tried, what has to come of it, and why.
//!
//! # Adding an attack
//!
//! Put it into [`CATALOGUE`]: the probe tries it at every `validate`, the tests try it as every
//! kind of role, and the table in `docs/tenancy.md` shows it.

use std::fmt::Write as _;

use serde::Serialize;

/// One thing that a session of tenant A may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attack {
    /// Its name in reports, in kebab case; stable.
    pub code: &'static str,
    /// What is tried, in words.
    pub what: &'static str,
    /// What is sent. `{table}`, `{tenant}` (the column that says whose a row is), `{a}` and `{b}` (what A and B
    /// have there), `{others}` (true of rows that are not A's) and `{owned}` (true of rows that a tenant has)
    /// are filled in.
    pub attempt: Attempt,
    /// Who is attacked with it.
    pub on: &'static [On],
    /// Whether the attacker is in a scope of tenant A, or in none.
    pub scope: bool,
    /// What has to come of it.
    pub expect: Expect,
    /// What holds it off.
    pub why: &'static str,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// A statement.
    Sql(&'static str),
    /// An insert of a new row of tenant B.
    InsertForB,
    /// An insert of the very row that tenant B has, which becomes an update.
    UpsertOntoB,
    /// Inserts, updates and deletes of A's own rows, after which the rows of both are looked at.
    OwnWrite,
    /// For each foreign key to a table of tenants that carries the tenant: an update that makes A's row refer to
    /// B's.
    ReferToB,
    /// The same for each foreign key that does not carry the tenant.
    ReferAcross,
    /// An insert of a row that belongs to no tenant.
    InsertUnowned,
    /// `COPY … TO STDOUT`.
    CopyOut,
    /// `COPY … FROM STDIN`.
    CopyIn,
    /// A text that a `TenantScope` is asked to send.
    Client(&'static str),
}

/// A kind of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Tenant-scoped tables.
    Scoped,
    /// `tenants`.
    Tenants,
    /// Tables in which a row may belong to no tenant.
    Optional,
    /// Shared tables.
    Shared,
    /// None in particular.
    Database,
}

/// What has to come of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// No row is seen or changed.
    NoRow,
    /// An error that says so.
    Refused,
    /// Exactly the own row is seen: what shows that the attacks mean something.
    OwnRow,
}

const SCOPED: &[On] = &[On::Scoped, On::Optional];
const TENANTS: &[On] = &[On::Tenants];
const OWNED: &[On] = &[On::Scoped, On::Optional, On::Tenants];
const OPTIONAL: &[On] = &[On::Optional];
const SHARED: &[On] = &[On::Shared];
const UNWRITTEN: &[On] = &[On::Tenants, On::Shared];
const ALL: &[On] = &[On::Scoped, On::Optional, On::Tenants, On::Shared];
const DATABASE: &[On] = &[On::Database];

/// The attack of which each foreign key is a finding of its own.
pub(super) const REFER_ACROSS: &str = "reference-across";

const POLICY: &str = "the policy's USING";
const CHECK: &str = "the policy's WITH CHECK";
const PRIVILEGE: &str = "the application role has no such privilege";
const CLIENT: &str = "TenantScope, before anything is sent";

const fn sql(
    code: &'static str,
    what: &'static str,
    text: &'static str,
    on: &'static [On],
    expect: Expect,
    why: &'static str,
) -> Attack {
    Attack { code, what, attempt: Attempt::Sql(text), on, scope: true, expect, why }
}

const fn unscoped(attack: Attack) -> Attack {
    Attack { scope: false, ..attack }
}

const fn client(code: &'static str, what: &'static str, text: &'static str) -> Attack {
    Attack {
        code,
        what,
        attempt: Attempt::Client(text),
        on: DATABASE,
        scope: true,
        expect: Expect::Refused,
        why: CLIENT,
    }
}

/// Every attack.
pub const CATALOGUE: &[Attack] = &[
    sql(
        "own-row",
        "reads its own row",
        "SELECT 1 FROM {table} WHERE {tenant} = {a} LIMIT 1",
        OWNED,
        Expect::OwnRow,
        "nothing: this shows that the role works at all",
    ),
    sql(
        "read",
        "reads a row of B",
        "SELECT 1 FROM {table} WHERE {tenant} = {b}",
        OWNED,
        Expect::NoRow,
        POLICY,
    ),
    sql(
        "read-any",
        "reads any row that is not its own",
        "SELECT 1 FROM {table} WHERE {others} LIMIT 1",
        OWNED,
        Expect::NoRow,
        POLICY,
    ),
    sql(
        "count",
        "counts more rows than its own",
        "SELECT count(*) FROM {table} HAVING count(*) FILTER (WHERE {owned}) > count(*) FILTER (WHERE {tenant} = {a})",
        OWNED,
        Expect::NoRow,
        POLICY,
    ),
    sql(
        "aggregate",
        "looks for B in an aggregate",
        "SELECT 1 FROM {table} HAVING bool_or({tenant} = {b})",
        OWNED,
        Expect::NoRow,
        POLICY,
    ),
    sql(
        "read-shared",
        "reads a shared table",
        "SELECT 1 FROM {table}",
        SHARED,
        Expect::Refused,
        PRIVILEGE,
    ),
    Attack {
        code: "insert",
        what: "inserts a row for B",
        attempt: Attempt::InsertForB,
        on: ALL,
        scope: true,
        expect: Expect::Refused,
        why: "the policy's WITH CHECK; elsewhere, the application role has no such privilege",
    },
    sql(
        "update",
        "updates a row of B",
        "UPDATE {table} SET {tenant} = {tenant} WHERE {tenant} = {b}",
        SCOPED,
        Expect::NoRow,
        POLICY,
    ),
    sql(
        "delete",
        "deletes a row of B",
        "DELETE FROM {table} WHERE {tenant} = {b}",
        SCOPED,
        Expect::NoRow,
        POLICY,
    ),
    sql(
        "move",
        "gives its own row to B",
        "UPDATE {table} SET {tenant} = {b} WHERE {tenant} = {a}",
        SCOPED,
        Expect::Refused,
        CHECK,
    ),
    Attack {
        code: "reference",
        what: "refers to a row of B",
        attempt: Attempt::ReferToB,
        on: SCOPED,
        scope: true,
        expect: Expect::Refused,
        why: "foreign keys carry tenant_id",
    },
    Attack {
        code: REFER_ACROSS,
        what: "refers to a row of B by a foreign key that does not carry the tenant",
        attempt: Attempt::ReferAcross,
        on: SCOPED,
        scope: true,
        expect: Expect::Refused,
        why: "nothing: each such key is the finding `reference-can-cross`",
    },
    Attack {
        code: "upsert",
        what: "inserts onto a key of B, which becomes an update",
        attempt: Attempt::UpsertOntoB,
        on: SCOPED,
        scope: true,
        expect: Expect::Refused,
        why: CHECK,
    },
    sql(
        "claim",
        "makes a row without a tenant its own",
        "UPDATE {table} SET {tenant} = {a} WHERE {tenant} IS NULL",
        OPTIONAL,
        Expect::NoRow,
        POLICY,
    ),
    sql(
        "delete-unowned",
        "deletes a row without a tenant",
        "DELETE FROM {table} WHERE {tenant} IS NULL",
        OPTIONAL,
        Expect::NoRow,
        POLICY,
    ),
    Attack {
        code: "insert-unowned",
        what: "inserts a row without a tenant, which every tenant reads",
        attempt: Attempt::InsertUnowned,
        on: OPTIONAL,
        scope: true,
        expect: Expect::Refused,
        why: CHECK,
    },
    Attack {
        code: "own-write",
        what: "writes its own rows, and a trigger or a rule changes rows of B, or copies from them",
        attempt: Attempt::OwnWrite,
        on: SCOPED,
        scope: true,
        expect: Expect::NoRow,
        why: "no trigger and no rule works with other rights",
    },
    Attack {
        code: "copy-out",
        what: "copies the table out",
        attempt: Attempt::CopyOut,
        on: OWNED,
        scope: true,
        expect: Expect::NoRow,
        why: POLICY,
    },
    Attack {
        code: "copy-in",
        what: "copies rows in",
        attempt: Attempt::CopyIn,
        on: ALL,
        scope: true,
        expect: Expect::Refused,
        why: "PostgreSQL takes no COPY FROM where policies apply, or there is no privilege",
    },
    sql(
        "truncate",
        "empties the table, which no policy sees",
        "TRUNCATE {table}",
        ALL,
        Expect::Refused,
        PRIVILEGE,
    ),
    sql(
        "delete-tenant",
        "deletes tenant B, and with it everything of B",
        "DELETE FROM {table} WHERE {tenant} = {b}",
        TENANTS,
        Expect::Refused,
        PRIVILEGE,
    ),
    sql(
        "update-tenant",
        "renames its own tenant",
        "UPDATE {table} SET {tenant} = {tenant} WHERE {tenant} = {a}",
        TENANTS,
        Expect::Refused,
        PRIVILEGE,
    ),
    sql(
        "delete-shared",
        "deletes shared rows, and with a user its memberships in B",
        "DELETE FROM {table}",
        SHARED,
        Expect::Refused,
        PRIVILEGE,
    ),
    sql(
        "lock",
        "keeps everybody else out of the table",
        "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT",
        UNWRITTEN,
        Expect::Refused,
        PRIVILEGE,
    ),
    sql(
        "create-view",
        "makes a view",
        "CREATE VIEW tenantry_probe AS SELECT 1 AS one",
        DATABASE,
        Expect::Refused,
        "the application role may create nothing in the schema",
    ),
    sql(
        "create-function",
        "makes a function",
        "CREATE FUNCTION tenantry_probe() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        DATABASE,
        Expect::Refused,
        "the application role may create nothing in the schema",
    ),
    unscoped(sql(
        "unscoped-read",
        "reads without a scope",
        "SELECT 1 FROM {table} WHERE {owned} LIMIT 1",
        OWNED,
        Expect::NoRow,
        "the policy's USING: no tenant, no rows",
    )),
    unscoped(sql(
        "unscoped-read-shared",
        "reads a shared table without a scope",
        "SELECT 1 FROM {table}",
        SHARED,
        Expect::Refused,
        PRIVILEGE,
    )),
    unscoped(Attack {
        code: "unscoped-insert",
        what: "inserts without a scope",
        attempt: Attempt::InsertForB,
        on: ALL,
        scope: false,
        expect: Expect::Refused,
        why: "the policy's WITH CHECK; elsewhere, the application role has no such privilege",
    }),
    unscoped(sql(
        "unscoped-update",
        "updates without a scope",
        "UPDATE {table} SET {tenant} = {tenant} WHERE {tenant} IN ({a}, {b})",
        SCOPED,
        Expect::NoRow,
        POLICY,
    )),
    unscoped(sql(
        "unscoped-delete",
        "deletes without a scope",
        "DELETE FROM {table} WHERE {tenant} IN ({a}, {b})",
        SCOPED,
        Expect::NoRow,
        POLICY,
    )),
    client("commit", "ends the transaction of the scope", "COMMIT"),
    client("reset-role", "goes back to the role of the connection", "RESET ROLE"),
    client("set-role", "becomes another role", "SET ROLE postgres"),
    client("set-tenant", "names another tenant", "SET LOCAL nile.tenant_id = 'x'"),
    client(
        "set-config",
        "names another tenant for the rest of the session",
        "SELECT set_config('nile.tenant_id', 'x', false)",
    ),
    client(
        "other-text",
        "has a function run another text",
        "SELECT query_to_xml('SELECT 1', true, true, '')",
    ),
    client("two-statements", "hides a second statement in a text", "SELECT 1; RESET ROLE"),
];

impl Attack {
    /// Whether only some shapes of tenancy have anything that it could be tried on.
    #[must_use]
    pub fn is_of_some_shapes(&self) -> bool {
        self.on == OPTIONAL || self.code == REFER_ACROSS
    }
}

/// The catalogue as the table of `docs/tenancy.md`.
#[must_use]
pub fn markdown() -> String {
    let on = |attack: &Attack| {
        let is_any = attack.on.contains(&On::Scoped);
        let kinds = attack.on.iter().filter(|on| !is_any || **on != On::Optional);
        let names = kinds.map(|on| match on {
            On::Scoped => "tenant-scoped",
            On::Optional => "with rows of no tenant",
            On::Tenants => "`tenants`",
            On::Shared => "shared",
            On::Database => "",
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let mut table =
        "| attack | a session of A … | tables | comes to | held off by |\n|---|---|---|---|---|\n"
            .to_owned();
    for attack in CATALOGUE {
        let comes_to = match attack.expect {
            Expect::NoRow => "no row",
            Expect::Refused => "refused",
            Expect::OwnRow => "the own row",
        };
        let Attack { code, what, why, .. } = attack;
        let _ = writeln!(table, "| `{code}` | {what} | {} | {comes_to} | {why} |", on(attack));
    }
    table
}
