//! What CREATE TABLE, ALTER TABLE and CREATE INDEX declare, in one form wherever it stands.

use sqlparser::ast::{
    AlterColumnOperation, AlterTableOperation, ColumnDef, ColumnOption, CreateIndex, Expr, Ident,
    ReferentialAction, Statement as Ast, TableConstraint,
};

use super::{Statement, catalogue::name};

/// A column that a statement declares.
pub(super) struct Column<'a> {
    pub table: String,
    pub def: &'a ColumnDef,
}

impl Column<'_> {
    pub(super) fn name(&self) -> &str {
        &self.def.name.value
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

/// A key or check that a statement declares.
pub(super) struct Constraint<'a> {
    pub table: String,
    pub what: What<'a>,
}

/// What it is.
pub(super) enum What<'a> {
    Primary(Vec<String>),
    /// A unique constraint, or a unique index. An expression is there as its text.
    Unique(Vec<String>),
    Foreign {
        columns: Vec<String>,
        target: String,
        ref_columns: Vec<String>,
        actions: [Option<ReferentialAction>; 2],
    },
    Check(&'a Expr),
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

    /// Every key and check that it declares, on columns, tables and by itself.
    pub(super) fn constraints(&self) -> Vec<Constraint<'_>> {
        let mut found = Vec::new();
        for column in self.columns() {
            for option in &column.def.options {
                let what = of_column(&column.def.name, &option.option);
                found.extend(what.map(|what| Constraint { table: column.table.clone(), what }));
            }
        }
        match &self.ast {
            Some(Ast::CreateTable(create)) => {
                let table = name(&create.name);
                let of_table = create.constraints.iter().filter_map(of_table);
                found.extend(of_table.map(|what| Constraint { table: table.clone(), what }));
            }
            Some(Ast::AlterTable(alter)) => {
                let table = name(&alter.name);
                let added = alter.operations.iter().filter_map(|operation| match operation {
                    AlterTableOperation::AddConstraint { constraint, .. } => of_table(constraint),
                    _ => None,
                });
                found.extend(added.map(|what| Constraint { table: table.clone(), what }));
            }
            Some(Ast::CreateIndex(index)) if index.unique => {
                let parts = index.columns.iter().map(|part| spelled(&part.column.expr)).collect();
                let table = name(&index.table_name);
                found.push(Constraint { table, what: What::Unique(parts) });
            }
            _ => {}
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
    pub(super) fn altered_columns(&self) -> Vec<(String, &str, &AlterColumnOperation)> {
        let alterations = self.alterations().into_iter();
        let of_column = alterations.filter_map(|(table, operation)| match operation {
            AlterTableOperation::AlterColumn { column_name, op } => {
                Some((table, column_name.value.as_str(), op))
            }
            _ => None,
        });
        of_column.collect()
    }
}

fn of_column<'a>(column: &Ident, option: &'a ColumnOption) -> Option<What<'a>> {
    let own = || vec![column.value.clone()];
    Some(match option {
        ColumnOption::PrimaryKey(_) => What::Primary(own()),
        ColumnOption::Unique(_) => What::Unique(own()),
        ColumnOption::ForeignKey(key) => What::Foreign {
            columns: own(),
            target: name(&key.foreign_table),
            ref_columns: idents(&key.referred_columns),
            actions: [key.on_delete, key.on_update],
        },
        ColumnOption::Check(check) => What::Check(&check.expr),
        _ => return None,
    })
}

fn of_table(constraint: &TableConstraint) -> Option<What<'_>> {
    let parts = |columns: &[sqlparser::ast::IndexColumn]| {
        columns.iter().map(|part| spelled(&part.column.expr)).collect()
    };
    Some(match constraint {
        TableConstraint::PrimaryKey(key) => What::Primary(parts(&key.columns)),
        TableConstraint::Unique(unique) => What::Unique(parts(&unique.columns)),
        TableConstraint::ForeignKey(key) => What::Foreign {
            columns: idents(&key.columns),
            target: name(&key.foreign_table),
            ref_columns: idents(&key.referred_columns),
            actions: [key.on_delete, key.on_update],
        },
        TableConstraint::Check(check) => What::Check(&check.expr),
        _ => return None,
    })
}

fn idents(idents: &[Ident]) -> Vec<String> {
    idents.iter().map(|ident| ident.value.clone()).collect()
}

fn spelled(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}
