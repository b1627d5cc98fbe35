//! What a rule is asked about.

use sqlparser::ast::{
    FromTable, ObjectName, Statement as Ast, TableFactor, TableObject, TableWithJoins,
};

use super::{Catalogue, RuleSet, Script, Statement, catalogue::name, parts::Key};
use crate::report::DATABASE;

/// A statement in its script, and the tables that there are after it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What the SQL is read for.
    pub target: RuleSet,
    /// The script.
    pub script: &'a Script,
    /// The statement's place in it, from 0.
    pub at: usize,
    /// The statement.
    pub statement: &'a Statement,
    /// The tables that there are after it.
    pub catalogue: &'a Catalogue,
}

/// What breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The table.
    pub table: String,
    /// The column, key or index in it.
    pub object: Option<String>,
    /// What is wrong, in plain words.
    pub message: String,
}

impl Found {
    pub(super) fn on(table: &str, message: impl Into<String>) -> Self {
        Self { table: table.to_owned(), object: None, message: message.into() }
    }

    /// About no table.
    pub(super) fn at(message: impl Into<String>) -> Self {
        Self::on(DATABASE, message)
    }

    /// About no table, if it is so.
    pub(super) fn when(is_so: bool, message: impl Into<String>) -> Vec<Self> {
        if is_so { vec![Self::at(message)] } else { Vec::new() }
    }

    pub(super) fn object(mut self, name: &str) -> Self {
        self.object = Some(name.to_owned());
        self
    }
}

impl Case<'_> {
    /// Whether its first words are these.
    pub(super) fn starts(&self, words: &[&str]) -> bool {
        self.statement.starts(words)
    }

    /// Finds the statement itself if it begins with any of these.
    pub(super) fn begins_with_any(&self, beginnings: &[&[&str]], message: &str) -> Vec<Found> {
        Found::when(beginnings.iter().any(|words| self.starts(words)), message)
    }

    /// The primary keys that the script declares for a table, in this statement or a later one, as
    /// `pg_dump` writes them.
    pub(super) fn keys_of(&self, table: &str) -> Vec<Key> {
        let from_here = self.script.statements.iter().skip(self.at);
        let keys = from_here.flat_map(Statement::primary_keys);
        keys.filter(|key| key.table == table).collect()
    }

    /// The statements of its transaction that come before it, the one that begins it left out.
    pub(super) fn before(&self) -> impl Iterator<Item = &Statement> {
        self.same_transaction().filter(|(at, _)| *at < self.at).map(|(_, statement)| statement)
    }

    /// All statements of its transaction, the one that begins it left out, with their places.
    pub(super) fn same_transaction(&self) -> impl Iterator<Item = (usize, &Statement)> {
        let own = self.statement.transaction;
        let all = self.script.statements.iter().enumerate();
        all.filter(move |(_, other)| own.is_some() && other.transaction == own && !other.begins())
    }

    /// The table whose rows the statement changes.
    pub(super) fn written(&self) -> Option<String> {
        written(self.statement)
    }
}

/// The table whose rows a statement changes.
pub(super) fn written(statement: &Statement) -> Option<String> {
    let table: &ObjectName = match statement.ast.as_ref()? {
        Ast::Insert(insert) => match &insert.table {
            TableObject::TableName(table) => table,
            _ => return None,
        },
        Ast::Update(update) => relation(&update.table)?,
        Ast::Delete(delete) => match &delete.from {
            FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from) => {
                relation(from.first()?)?
            }
        },
        Ast::Merge(merge) => match &merge.table {
            TableFactor::Table { name, .. } => name,
            _ => return None,
        },
        Ast::Truncate(truncate) => &truncate.table_names.first()?.name,
        _ => return None,
    };
    Some(name(table))
}

fn relation(table: &TableWithJoins) -> Option<&ObjectName> {
    match &table.relation {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

/// The tenant that a statement names with `SET nile.tenant_id`, as it is written.
pub(super) fn named_tenant(statement: &Statement) -> Option<&str> {
    let is_set = statement.starts(&["SET"]) && statement.has(&["NILE", "TENANT_ID"]);
    let value = || {
        let parts = statement.sql.split_once('=');
        let parts = parts.or_else(|| statement.sql.split_once(" TO "));
        parts.or_else(|| statement.sql.split_once(" to ")).map_or("", |(_, value)| value.trim())
    };
    is_set.then(value)
}
