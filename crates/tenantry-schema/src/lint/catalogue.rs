//! Which tables there are while a script is read, as far as the text tells.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{
    AlterFunctionAction, AlterFunctionOperation, AlterTableOperation, FunctionSecurity, Ident,
    ObjectName, ObjectType, RenameTableNameKind, Statement as Ast,
};
use tenantry_entity::{Scope, Tenancy};

use super::{RuleSet, Script, Statement};
use crate::schema::{Schema, tenancy};

/// Whose rows a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each row belongs to a tenant.
    Scoped,
    /// `tenants` itself.
    Root,
    /// Everybody's.
    Shared,
}

/// The tables that are known, by name; those outside of `public` with their schema.
#[derive(Clone, Debug)]
pub struct Catalogue {
    tenancy: Tenancy,
    tables: BTreeMap<String, Kind>,
    /// Those that the engine brings along.
    built_ins: Vec<String>,
    /// The functions that run with the rights of their owner.
    definers: BTreeSet<String>,
}

impl Catalogue {
    /// What the engine brings along.
    pub(super) fn new(target: RuleSet, tenancy: Tenancy) -> Self {
        let mut catalogue = Self {
            tenancy,
            tables: BTreeMap::new(),
            built_ins: Vec::new(),
            definers: BTreeSet::new(),
        };
        if target == RuleSet::Nile {
            for (name, kind) in [
                ("tenants", Kind::Root),
                ("users", Kind::Shared),
                ("users.users", Kind::Shared),
                ("tenant_users", Kind::Scoped),
                ("users.tenant_users", Kind::Scoped),
            ] {
                catalogue.tables.insert(name.to_owned(), kind);
                catalogue.built_ins.push(name.to_owned());
            }
        }
        catalogue
    }

    pub(super) fn extend(&mut self, schema: &Schema) {
        for table in schema.tables.values() {
            let kind = kind(tenancy::scope_of(&self.tenancy, table));
            self.tables.entry(table.name.clone()).or_insert(kind);
        }
    }

    /// How tenants are told apart.
    #[must_use]
    pub fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }

    /// Whose rows the table holds; `None` if nothing is known of it.
    #[must_use]
    pub fn kind(&self, table: &str) -> Option<Kind> {
        self.tables.get(table).copied()
    }

    /// Whether it is tenant-scoped.
    #[must_use]
    pub fn is_scoped(&self, table: &str) -> bool {
        self.kind(table) == Some(Kind::Scoped)
    }

    /// Whether its rows belong to tenants, by a column of their own or through their parents.
    #[must_use]
    pub fn is_of_tenants(&self, table: &str) -> bool {
        self.is_scoped(table) || self.tables.contains_key(table) && self.owner(table).is_some()
    }

    /// Whether it is by these columns that a table's rows belong to the tenant of their parents.
    #[must_use]
    pub fn names_the_owner(&self, table: &str, columns: &[String]) -> bool {
        self.owner(table).is_some_and(|owner| columns == [owner])
    }

    fn owner(&self, table: &str) -> Option<&'static str> {
        match self.tenancy.tables.iter().find(|(name, _)| *name == table) {
            Some((_, Scope::Through(column))) => Some(column),
            _ => None,
        }
    }

    /// Whether the engine brings it along: it, or everything in its schema.
    #[must_use]
    pub fn is_built_in(&self, table: &str) -> bool {
        let in_schema = table.starts_with("auth.") || table.starts_with("users.");
        self.built_ins.iter().any(|name| name == table) || (in_schema && !self.built_ins.is_empty())
    }

    /// Whether it is known of a function that it runs with the rights of its owner.
    #[must_use]
    pub fn is_definer(&self, function: &str) -> bool {
        self.definers.contains(function)
    }

    /// Reads what the statements of a script do to tables.
    pub fn apply_all(&mut self, script: &Script) {
        script.statements.iter().for_each(|statement| self.apply(statement));
    }

    /// Reads what a statement does to tables.
    pub(super) fn apply(&mut self, statement: &Statement) {
        match &statement.ast {
            Some(Ast::CreateTable(create)) => {
                let name = name(&create.name);
                if !self.is_built_in(&name) {
                    let columns: Vec<String> =
                        create.columns.iter().map(|it| folded(&it.name)).collect();
                    let scope = self.tenancy.scope_of(&name, columns.iter().map(String::as_str));
                    self.tables.insert(name, kind(scope));
                }
            }
            Some(Ast::AlterTable(alter)) => {
                let table = name(&alter.name);
                for operation in &alter.operations {
                    match operation {
                        AlterTableOperation::AddColumn { column_def, .. }
                            if folded(&column_def.name) == self.tenancy.column =>
                        {
                            self.tables.insert(table.clone(), Kind::Scoped);
                        }
                        AlterTableOperation::RenameTable {
                            table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to),
                        } => {
                            if let Some(kind) = self.tables.remove(&table) {
                                self.tables.insert(name(to), kind);
                            }
                        }
                        _ => {}
                    }
                }
            }
            Some(Ast::Drop { object_type: ObjectType::Table, names, .. }) => {
                for dropped in names.iter().map(name) {
                    if !self.is_built_in(&dropped) {
                        self.tables.remove(&dropped);
                    }
                }
            }
            Some(Ast::CreateFunction(create)) => {
                self.has_function(name(&create.name), create.security.as_ref());
            }
            Some(Ast::AlterFunction(alter)) => {
                if let AlterFunctionOperation::Actions { actions, .. } = &alter.operation {
                    let security = actions.iter().find_map(|action| match action {
                        AlterFunctionAction::Security { security, .. } => Some(security),
                        _ => None,
                    });
                    if security.is_some() {
                        self.has_function(name(&alter.function.name), security);
                    }
                }
            }
            _ => {}
        }
    }

    fn has_function(&mut self, function: String, security: Option<&FunctionSecurity>) {
        if security == Some(&FunctionSecurity::Definer) {
            self.definers.insert(function);
        } else {
            self.definers.remove(&function);
        }
    }
}

fn kind(scope: Scope) -> Kind {
    match scope {
        Scope::Root => Kind::Root,
        Scope::Tenant | Scope::OptionalTenant => Kind::Scoped,
        Scope::Through(_) | Scope::Shared => Kind::Shared,
    }
}

/// A name as PostgreSQL reads it: in small letters, unless it is quoted.
pub(super) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_none() { ident.value.to_lowercase() } else { ident.value.clone() }
}

/// A table's name; with its schema, unless that is `public`.
pub(super) fn name(object: &ObjectName) -> String {
    let parts: Vec<String> =
        object.0.iter().filter_map(|part| part.as_ident().map(folded)).collect();
    match &parts.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [.., "public", name] | [name] => (*name).to_owned(),
        [.., schema, name] => format!("{schema}.{name}"),
        [] => object.to_string(),
    }
}
