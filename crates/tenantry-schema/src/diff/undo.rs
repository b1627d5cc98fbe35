//! Taking a change back.

use super::Change;
use crate::schema::{Column, Schema, Table};

impl Change {
    /// Makes of the schema after this change the one before it.
    pub fn undo(&self, schema: &mut Schema) {
        match self {
            Self::AddTable { table } => drop(schema.tables.remove(&table.name)),
            Self::DropTable { table } => {
                schema.tables.insert(table.name.clone(), table.clone());
            }
            Self::RenameTable { from, to } => {
                if let Some(mut table) = schema.tables.remove(to) {
                    from.clone_into(&mut table.name);
                    schema.tables.insert(from.clone(), table);
                }
            }
            Self::AddEnum { name, .. } => drop(schema.enums.remove(name)),
            Self::AddObjects { name, .. } => drop(schema.objects.remove(name)),
            Self::DropObjects { name, sql } | Self::AlterObjects { name, from: sql, .. } => {
                schema.objects.insert(name.clone(), sql.clone());
            }
            Self::DropEnum { name, values } | Self::AlterEnum { name, from: values, .. } => {
                schema.enums.insert(name.clone(), values.clone());
            }
            other => {
                if let Some(table) = schema.tables.get_mut(other.table()) {
                    other.undo_in(table);
                }
            }
        }
    }

    fn undo_in(&self, table: &mut Table) {
        match self {
            Self::AddColumn { column, .. } => table.columns.retain(|c| c.name != column.name),
            Self::DropColumn { column, .. } => table.columns.push(column.clone()),
            Self::RenameColumn { from, to, .. } => {
                for column in table.columns.iter_mut().filter(|column| column.name == *to) {
                    column.name.clone_from(from);
                }
            }
            Self::AlterType { from, .. }
            | Self::AlterNullable { from, .. }
            | Self::AlterDefault { from, .. }
            | Self::AlterAutoIncrement { from, .. }
            | Self::AlterGenerated { from, .. }
            | Self::AlterCollation { from, .. } => {
                for column in table.columns.iter_mut().filter(|c| c.name == from.name) {
                    self.undo_in_column(from, column);
                }
            }
            Self::AlterComment { column: None, from, .. } => table.comment.clone_from(from),
            Self::AlterComment { column: Some(name), from, .. } => {
                for column in table.columns.iter_mut().filter(|column| column.name == *name) {
                    column.comment.clone_from(from);
                }
            }
            Self::AlterOptions { column: None, from, .. } => table.options.clone_from(from),
            Self::AlterOptions { column: Some(name), from, .. } => {
                for column in table.columns.iter_mut().filter(|column| column.name == *name) {
                    column.options.clone_from(from);
                }
            }
            Self::AlterPrimaryKey { from, .. } => table.primary_key.clone_from(from),
            Self::AddForeignKey { key, .. } => {
                // Another one may have the same columns and target.
                let keys = &mut table.foreign_keys;
                let exact = keys.iter().position(|other| other == key);
                if let Some(at) = exact.or_else(|| keys.iter().position(|it| it.is_like(key))) {
                    keys.remove(at);
                }
            }
            Self::DropForeignKey { key, .. } => table.foreign_keys.push(key.clone()),
            Self::AlterForeignKey { from, to, .. } => {
                for key in table.foreign_keys.iter_mut().filter(|key| key.is_like(to)) {
                    key.clone_from(from);
                }
            }
            Self::AddIndex { index, .. } => table.indexes.retain(|i| i.name != index.name),
            Self::DropIndex { index, .. } => table.indexes.push(index.clone()),
            Self::AlterIndex { from, to, .. } | Self::RenameIndex { from, to, .. } => {
                for index in table.indexes.iter_mut().filter(|index| index.name == to.name) {
                    index.clone_from(from);
                }
            }
            Self::AddCheck { check, .. } => table.checks.retain(|c| c.name != check.name),
            Self::DropCheck { check, .. } => table.checks.push(check.clone()),
            Self::AlterCheck { from, to, .. } => {
                for check in table.checks.iter_mut().filter(|check| check.name == to.name) {
                    check.clone_from(from);
                }
            }
            Self::AlterRowSecurity { from, .. } => table.row_security = *from,
            Self::AlterDistribution { from, .. } => table.distribution.clone_from(from),
            Self::AddPolicy { policy, .. } => table.policies.retain(|p| p.name != policy.name),
            Self::DropPolicy { policy, .. } => table.policies.push(policy.clone()),
            Self::AlterPolicy { from, to, .. } | Self::RenamePolicy { from, to, .. } => {
                for policy in table.policies.iter_mut().filter(|policy| policy.name == to.name) {
                    policy.clone_from(from);
                }
            }
            Self::AddGrant { grant, .. } => {
                let mut left = table.privileges_of(grant.grantee).to_vec();
                left.retain(|privilege| !grant.privileges.contains(privilege));
                table.set_privileges(grant.grantee, left);
            }
            Self::DropGrant { grant, .. } => {
                let mut all = table.privileges_of(grant.grantee).to_vec();
                all.extend(grant.privileges.iter().cloned());
                table.set_privileges(grant.grantee, all);
            }
            Self::RenameConstraint { from, to, .. } => {
                let keys = table.foreign_keys.iter_mut().map(|key| &mut key.name);
                let primary = table.primary_key.iter_mut().map(|key| &mut key.name);
                let checks = table.checks.iter_mut().map(|check| &mut check.name);
                for name in keys.chain(primary).chain(checks) {
                    if name.as_ref() == Some(to) {
                        *name = Some(from.clone());
                    }
                }
            }
            // What is no part of a table.
            _ => {}
        }
    }

    fn undo_in_column(&self, from: &Column, column: &mut Column) {
        match self {
            Self::AlterType { .. } => column.ty.clone_from(&from.ty),
            Self::AlterNullable { .. } => column.nullable = from.nullable,
            Self::AlterDefault { .. } => column.default.clone_from(&from.default),
            Self::AlterAutoIncrement { .. } => column.auto_increment = from.auto_increment,
            Self::AlterGenerated { .. } => column.generated.clone_from(&from.generated),
            Self::AlterCollation { .. } => column.collation.clone_from(&from.collation),
            _ => {}
        }
    }
}
