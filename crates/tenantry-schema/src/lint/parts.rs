//! What CREATE TABLE, ALTER TABLE and CREATE INDEX declare, in one form wherever it stands.

use sqlparser::ast::{
    AlterColumnOperation, AlterTableOperation, ColumnDef, ColumnOption, CreateIndex, Expr, Ident,
    IndexColumn, ReferentialAction, Statement as Ast, TableConstraint,
};

use super::{
    Statement,
    catalogue::{folded, name},
};

/// A column that a statement declares.
pub(super) struct Column<'a> {
    pub table: String,
    pub def: &'a ColumnDef,
}

impl Column<'_> {
    pub(super) fn name(&self) -> String {
        folded(&self.def.name)
    }

    pub(super) fn options(&self) -> impl Iterator<Item = &ColumnOption> {
        self.def.options.iter().map(|option| &option.option)
    }

    pub(super) fn is_nullable(&self) -> bool {
        !self.options().any(|it| matches!(it, ColumnOption::NotNull | ColumnOption::PrimaryKey(_)))
    }

    pub(super) fn default(&self) -> Option<&Expr> {
        self.options().find_map(|option| match option {
            ColumnOption::Default(expr) => Some(expr),
            _ => None,
        })
    }

    /// Its type, in small letters.
    pub(super) fn ty(&self) -> String {
        self.def.data_type.to_string().to_lowercase()
    }
}

/// A primary key or a unique that a statement declares.
pub(super) struct Key {
    pub table: String,
    /// An expression is there as its text.
    pub columns: Vec<String>,
}

impl Key {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|it| it == column)
    }
}

/// A foreign key that a statement declares.
pub(super) struct ForeignKey {
    pub table: String,
    pub columns: Vec<String>,
    pub target: String,
    pub ref_columns: Vec<String>,
    /// On delete, on update.
    pub actions: [Option<ReferentialAction>; 2],
}

/// A constraint, on a column or on a table.
enum Constraint<'a> {
    Column(&'a Ident, &'a ColumnOption),
    Table(&'a TableConstraint),
}

impl Statement {
    /// Every column that it declares.
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        match &self.ast {
            Some(Ast::CreateTable(create)) => {
                let table = name(&create.name);
                create.columns.iter().map(|def| Column { table: table.clone(), def }).collect()
            }
            Some(Ast::AlterTable(alter)) => {
                let added = alter.operations.iter().filter_map(|operation| match operation {
                    AlterTableOperation::AddColumn { column_def, .. } => Some(column_def),
                    _ => None,
                });
                added.map(|def| Column { table: name(&alter.name), def }).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The primary keys that it declares.
    pub(super) fn primary_keys(&self) -> Vec<Key> {
        self.keys(|constraint| match constraint {
            Constraint::Column(column, ColumnOption::PrimaryKey(_)) => Some(own(column)),
            Constraint::Table(TableConstraint::PrimaryKey(key)) => Some(parts(&key.columns)),
            _ => None,
        })
    }

    /// The unique constraints and unique indexes that it declares.
    pub(super) fn uniques(&self) -> Vec<Key> {
        let mut found = self.keys(|constraint| match constraint {
            Constraint::Column(column, ColumnOption::Unique(_)) => Some(own(column)),
            Constraint::Table(TableConstraint::Unique(unique)) => Some(parts(&unique.columns)),
            _ => None,
        });
        if let Some((table, index)) = self.index().filter(|(_, index)| index.unique) {
            found.push(Key { table, columns: parts(&index.columns) });
        }
        found
    }

    /// The foreign keys that it declares.
    pub(super) fn foreign_keys(&self) -> Vec<ForeignKey> {
        let keys = self.constraints().into_iter().filter_map(|(table, constraint)| {
            let (columns, key) = match constraint {
                Constraint::Column(column, ColumnOption::ForeignKey(key)) => (own(column), key),
                Constraint::Table(TableConstraint::ForeignKey(key)) => (idents(&key.columns), key),
                _ => return None,
            };
            let (target, ref_columns) = (name(&key.foreign_table), idents(&key.referred_columns));
            let actions = [key.on_delete, key.on_update];
            Some(ForeignKey { table, columns, target, ref_columns, actions })
        });
        keys.collect()
    }

    /// The conditions of the checks that it declares, each with its table.
    pub(super) fn checks(&self) -> Vec<(String, &Expr)> {
        let checks = self.constraints().into_iter().filter_map(|(table, it)| match it {
            Constraint::Column(_, ColumnOption::Check(check))
            | Constraint::Table(TableConstraint::Check(check)) => Some((table, &*check.expr)),
            _ => None,
        });
        checks.collect()
    }

    fn keys(&self, columns: impl Fn(&Constraint<'_>) -> Option<Vec<String>>) -> Vec<Key> {
        let keys = self.constraints().into_iter().filter_map(|(table, constraint)| {
            columns(&constraint).map(|columns| Key { table, columns })
        });
        keys.collect()
    }

    /// Every constraint that it declares, on columns and on tables.
    fn constraints(&self) -> Vec<(String, Constraint<'_>)> {
        let mut found = Vec::new();
        for column in self.columns() {
            for option in &column.def.options {
                let constraint = Constraint::Column(&column.def.name, &option.option);
                found.push((column.table.clone(), constraint));
            }
        }
        if let Some(Ast::CreateTable(create)) = &self.ast {
            let table = name(&create.name);
            let all = create.constraints.iter().map(Constraint::Table);
            found.extend(all.map(|constraint| (table.clone(), constraint)));
        }
        for (table, operation) in self.alterations() {
            if let AlterTableOperation::AddConstraint { constraint, .. } = operation {
                found.push((table, Constraint::Table(constraint)));
            }
        }
        found
    }

    /// The index that it creates.
    pub(super) fn index(&self) -> Option<(String, &CreateIndex)> {
        match &self.ast {
            Some(Ast::CreateIndex(index)) => Some((name(&index.table_name), index)),
            _ => None,
        }
    }

    /// What it does to tables that are there.
    pub(super) fn alterations(&self) -> Vec<(String, &AlterTableOperation)> {
        match &self.ast {
            Some(Ast::AlterTable(alter)) => {
                let table = name(&alter.name);
                alter.operations.iter().map(|operation| (table.clone(), operation)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What it does to columns that are there: table, column, what.
    pub(super) fn altered_columns(&self) -> Vec<(String, String, &AlterColumnOperation)> {
        let alterations = self.alterations().into_iter();
        let of_column = alterations.filter_map(|(table, operation)| match operation {
            AlterTableOperation::AlterColumn { column_name, op } => {
                Some((table, folded(column_name), op))
            }
            _ => None,
        });
        of_column.collect()
    }
}

fn own(column: &Ident) -> Vec<String> {
    vec![folded(column)]
}

fn parts(columns: &[IndexColumn]) -> Vec<String> {
    columns.iter().map(|part| spelled(&part.column.expr)).collect()
}

fn idents(idents: &[Ident]) -> Vec<String> {
    idents.iter().map(folded).collect()
}

fn spelled(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => folded(ident),
        other => other.to_string(),
    }
}
