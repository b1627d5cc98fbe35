//! Who may see and change a table's rows: row-level security, policies and grants.
//!
//! What the entities ask for follows from tenancy alone, so no entity says it: a table of tenants shows and takes
//! the rows of the tenant that the setting names, the root table shows that tenant's own row, and the application
//! role gets no more than it needs for that.

use std::fmt;

use serde::{Deserialize, Serialize};
use tenantry_entity::{IdType, Scope, Tenancy, tenancy::SEALED_TENANT};

use super::{Schema, Table, names, tenancy};
use crate::sql::quoted;

/// Whether a table's rows are shown by policies only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowSecurity {
    /// Policies are not applied.
    #[default]
    Disabled,
    /// Policies bind everybody but the table's owner and roles that bypass them.
    Enabled,
    /// Policies bind the owner too, so that COPY fails and the validator sees nothing.
    Forced,
}

/// A row-level policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The policy's name, unique within its table.
    pub name: String,
    /// Whether it restricts what other policies let pass, and lets nothing pass itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restrictive: bool,
    /// `ALL`, or the one command that it is about.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub command: String,
    /// The roles that it is about; if empty, every role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The rows that may be seen, updated and deleted, as SQL.
    pub using: Option<String>,
    /// The rows that may be written, as SQL.
    pub with_check: Option<String>,
}

/// What a policy is about that does not say otherwise.
pub const ALL: &str = "ALL";

fn all() -> String {
    ALL.to_owned()
}

fn is_all(command: &str) -> bool {
    command == ALL
}

/// Who has privileges on a table beside its owner.
///
/// Other roles are not looked at: whom an administrator lets read the tables is no matter of the
/// schema, and policies bind those roles too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// The role that applications work as, whatever it is called.
    Application,
    /// Every role.
    Public,
}

/// Privileges on a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who has them.
    pub grantee: Grantee,
    /// As GRANT spells them, in the order of [`PRIVILEGES`]: `SELECT`, `SELECT (email)`; followed
    /// by ` WITH GRANT OPTION` for the right to hand one on.
    pub privileges: Vec<String>,
}

/// The privileges on a table, in the order in which they are written.
pub const PRIVILEGES: [&str; 8] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"];

impl Policy {
    /// A policy for every command and role, with one condition for what is seen and what is
    /// written.
    #[must_use]
    pub fn complete(name: impl Into<String>, condition: impl Into<String>) -> Self {
        let condition = condition.into();
        Self {
            name: name.into(),
            restrictive: false,
            command: all(),
            roles: Vec::new(),
            using: Some(condition.clone()),
            with_check: Some(condition),
        }
    }

    /// The condition of a [complete](Self::complete) policy; `None` if it is any other.
    #[must_use]
    pub fn condition(&self) -> Option<&str> {
        let condition = self.using.as_deref()?;
        (*self == Self::complete(&*self.name, condition)).then_some(condition)
    }

    /// What follows name and table in a CREATE POLICY.
    #[must_use]
    pub fn definition(&self) -> String {
        let mut parts = Vec::new();
        if self.restrictive {
            parts.push("AS RESTRICTIVE".to_owned());
        }
        if !is_all(&self.command) {
            parts.push(format!("FOR {}", self.command));
        }
        if !self.roles.is_empty() {
            let roles: Vec<String> = self.roles.iter().map(|role| quoted(role)).collect();
            parts.push(format!("TO {}", roles.join(", ")));
        }
        parts.extend(self.using.iter().map(|sql| format!("USING ({sql})")));
        parts.extend(self.with_check.iter().map(|sql| format!("WITH CHECK ({sql})")));
        parts.join(" ")
    }

    /// The column of a [complete](Self::complete) policy whose tenant a sealed scope names; `None` if it is any
    /// other policy.
    #[must_use]
    pub fn sealed_column(&self) -> Option<&str> {
        let column = self.condition()?.strip_suffix(&format!(" = {}", sealed_tenant()))?;
        let unquoted = column.strip_prefix('"').and_then(|column| column.strip_suffix('"'));
        Some(unquoted.unwrap_or(column))
    }

    /// Whether it shows the rows of one tenant at most: of the one that a setting or a token names.
    fn is_of_a_tenant(&self) -> bool {
        let names_setting = |condition: &str| {
            let setting = condition.rsplit_once(" = nullif(current_setting('");
            let rest = setting.and_then(|(_, rest)| rest.split_once("', true), '')"));
            rest.is_some_and(|(_, cast)| CASTS.contains(&cast.trim_end_matches(')')))
        };
        self.sealed_column().is_some() || self.condition().is_some_and(names_setting)
    }

    /// Whether no row is seen with it that tenancy would not show.
    #[must_use]
    pub fn narrows(&self) -> bool {
        self.restrictive || self.is_of_a_tenant()
    }

    /// Whether it is known to show no row that the other one does not.
    #[must_use]
    pub fn is_as_strict_as(&self, other: &Self) -> bool {
        let names_any = other.sealed_column().is_some() && self.sealed_column().is_none();
        let becomes_restrictive = self.restrictive && !other.restrictive;
        let is_of_a_tenant = self.restrictive == other.restrictive && self.is_of_a_tenant();
        becomes_restrictive || (is_of_a_tenant && !names_any)
    }

    /// The conditions of the policy.
    pub fn conditions(&self) -> impl Iterator<Item = &str> {
        self.using.as_deref().into_iter().chain(self.with_check.as_deref())
    }

    pub(crate) fn conditions_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.using.iter_mut().chain(&mut self.with_check)
    }
}

impl Grant {
    /// Privileges in their usual order.
    #[must_use]
    pub fn new(grantee: Grantee, privileges: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut privileges: Vec<String> = privileges.into_iter().map(Into::into).collect();
        let place = |privilege: &str| {
            let word = privilege.split(' ').next().unwrap_or_default();
            PRIVILEGES.iter().position(|known| *known == word).unwrap_or(PRIVILEGES.len())
        };
        privileges.sort_by(|a, b| (place(a), a).cmp(&(place(b), b)));
        privileges.dedup();
        Self { grantee, privileges }
    }
}

impl Table {
    /// The privileges that `grantee` has.
    #[must_use]
    pub fn privileges_of(&self, grantee: Grantee) -> &[String] {
        let grant = self.grants.iter().find(|grant| grant.grantee == grantee);
        grant.map_or(&[], |grant| &grant.privileges)
    }

    pub(crate) fn set_privileges(&mut self, grantee: Grantee, privileges: Vec<String>) {
        self.grants.retain(|grant| grant.grantee != grantee);
        if !privileges.is_empty() {
            self.grants.push(Grant::new(grantee, privileges));
        }
        self.grants.sort_by_key(|grant| grant.grantee);
    }
}

/// The tenant of a sealed scope, as SQL. Asked in a query of its own, once for each statement.
fn sealed_tenant() -> String {
    format!("(SELECT {SEALED_TENANT}())")
}

impl Schema {
    /// Gives each table what tenancy asks for.
    pub(super) fn secure(&mut self, tenancy: &Tenancy) {
        let secured: Vec<(String, Vec<Policy>, Grant)> = self
            .tables
            .values()
            .filter_map(|table| {
                let scope = tenancy::scope_of(tenancy, table);
                let privileges = match scope {
                    Scope::Root => &PRIVILEGES[..1],
                    Scope::Shared => return None,
                    _ => &PRIVILEGES[..4],
                };
                let grant = Grant::new(Grantee::Application, privileges.iter().copied());
                Some((table.name.clone(), self.policies_of(tenancy, table), grant))
            })
            .collect();
        for (name, policies, grant) in secured {
            if let Some(table) = self.tables.get_mut(&name) {
                table.row_security = RowSecurity::Enabled;
                table.policies = policies;
                table.grants = vec![grant];
            }
        }
    }

    /// The policies of a table: one for the tenant's rows, and where there are rows without a tenant, one by which
    /// every tenant reads them.
    fn policies_of(&self, tenancy: &Tenancy, table: &Table) -> Vec<Policy> {
        let (mut at, mut way) = (table, Vec::new());
        while let Some((key, parent)) = tenancy::owner(self, tenancy, at) {
            // A way in a circle is refused, and ends nowhere here.
            if way.len() > self.tables.len() {
                return Vec::new();
            }
            way.push((at, key, parent));
            at = parent;
        }
        let Some(column) = tenancy::column_of(tenancy, at) else { return Vec::new() };
        let through = |condition: &str| {
            way.iter().rev().fold(condition.to_owned(), |condition, (table, key, parent)| {
                let (from, to) =
                    (names::table_in_condition(&table.name), names::table_in_condition(&parent.name));
                let (column, of_parent) = (&key.columns[0], &key.ref_columns[0]);
                let (column, of_parent) = (names::in_condition(column), names::in_condition(of_parent));
                format!("EXISTS (SELECT 1 FROM {to} WHERE {to}.{of_parent} = {from}.{column} AND {condition})")
            })
        };
        let mut column = names::in_condition(column);
        if !way.is_empty() {
            column = format!("{}.{column}", names::table_in_condition(&at.name));
        }
        let own = through(&format!("{column} = {}", named_tenant(tenancy)));
        let mut policies = vec![Policy::complete(names::policy(&table.name), own)];
        if tenancy::scope_of(tenancy, at) == Scope::OptionalTenant {
            policies.push(Policy {
                command: "SELECT".to_owned(),
                using: Some(through(&format!("{column} IS NULL"))),
                with_check: None,
                ..Policy::complete(names::policy_for_all(&table.name), "")
            });
        }
        policies
    }

    /// The schema for sealed scopes: policies do not take the tenant from a setting, which any SQL can change, but
    /// from a token that is checked. Tokens name a uuid.
    #[must_use]
    pub fn sealed(mut self, tenancy: &Tenancy) -> Self {
        let named = named_tenant(tenancy);
        let policies = self.tables.values_mut().flat_map(|table| &mut table.policies);
        for condition in policies.flat_map(Policy::conditions_mut) {
            if let Some(column) = condition.strip_suffix(&named) {
                *condition = format!("{column}{}", sealed_tenant());
            }
        }
        self
    }

    /// Whether there are policies that ask for sealed scopes.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        let mut policies = self.tables.values().flat_map(|table| &table.policies);
        policies.any(|policy| policy.conditions().any(|it| it.contains(SEALED_TENANT)))
    }
}

/// What [`named_tenant`] may end with.
const CASTS: [&str; 4] =
    [IdType::Uuid.cast(), IdType::BigInteger.cast(), IdType::Integer.cast(), IdType::Text.cast()];

/// The tenant that the setting names, as SQL.
fn named_tenant(tenancy: &Tenancy) -> String {
    format!("nullif(current_setting('{}', true), ''){}", tenancy.setting, tenancy.id.cast())
}

impl fmt::Display for RowSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "off",
            Self::Enabled => "on",
            Self::Forced => "forced on the owner too",
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.definition())
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "the application role",
            Self::Public => "PUBLIC",
        })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.privileges.join(", "), self.grantee)
    }
}
