//! What the statements of a migration do to tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sqlparser::ast::{
    AlterTableOperation, Expr, FromTable, GrantObjects, Grantee, GranteesType, GroupByExpr, Ident,
    ObjectName, ObjectType, Privileges, Query, RenameTableNameKind, SelectItem, SetExpr, Statement,
    TableFactor, TableObject,
};

use super::sent::Sent;
use crate::{
    ops::v1::{SCHEMA_BEGINS, VALUE_NEEDED},
    schema::objects,
    sql::joined,
};

/// What a list of statements does to tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Tables created, in order, also those that are dropped or renamed later.
    pub created: Vec<String>,
    /// Tables created whose names must be free before, since these statements neither rename nor drop a table
    /// of that name.
    pub taken: Vec<String>,
    /// Tables created that are there at the end, under the names they have then.
    pub left: Vec<String>,
    /// Tables dropped that these statements did not create, in order, under the names they had
    /// before.
    pub drops: Vec<String>,
    /// Tables that lose a column or rows, under the names they had before.
    pub thins: Vec<String>,
    /// Columns that tables lose, under the names that the tables had before.
    pub lost: Vec<(String, String)>,
    /// Tables that are recreated, under the names they had before, with the columns they keep or get,
    /// under the names that those had before.
    pub rebuilt: Vec<(String, Vec<String>)>,
    /// Privileges of the application role on tables that these statements leave, by table.
    pub granted: BTreeSet<(String, String)>,
    /// Whether privileges of the application role are granted or revoked at all.
    pub names_role: bool,
    /// Indexes created, and whether only if there is none of that name.
    pub indexes: Vec<(String, bool)>,
    /// Tables from which rows are deleted, under the names they had before.
    pub emptied: Vec<String>,
    /// Columns for which existing rows need a value that the migration does not give.
    pub needs: Vec<Need>,
    /// Statements whose effect cannot be told.
    pub unknown: Vec<String>,
    /// Those of them, and others, that take something away, but it cannot be told what.
    pub dangerous: Vec<String>,
    /// Tables that were dropped after all of their rows were copied, and the table they went to.
    copied: BTreeMap<String, String>,
    /// Tables whose rows were all copied, and the table they went to.
    copies: BTreeMap<String, String>,
    /// The names that renamed columns had before, by table and the name they have now.
    renamed_columns: BTreeMap<(String, String), String>,
    /// The names that dropped tables had before, by those that they were dropped by.
    dropped_as: BTreeMap<String, String>,
    /// The names that renamed tables had before.
    renamed: BTreeMap<String, String>,
    /// Names of tables that were renamed or dropped.
    freed: BTreeSet<String>,
    /// The schemas whose tables are known with them.
    schemas: Schemas,
    /// The columns of the tables created.
    columns: BTreeMap<String, Vec<String>>,
}

/// A column for which existing rows need a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// The table, by its name before.
    pub table: String,
    /// The column, by its name afterwards.
    pub column: String,
    /// The column's name before, if it exists: then only rows with NULL in it need a value.
    pub existing: Option<String>,
}

impl Effect {
    /// The effect of dropping these tables.
    pub(super) fn dropping(tables: Vec<String>) -> Self {
        Self { drops: tables, ..Self::default() }
    }

    /// Whether tables are dropped whole, and nothing else loses anything.
    pub(super) fn only_drops(&self) -> bool {
        self.thins.is_empty() && self.rebuilt.is_empty() && self.emptied.is_empty()
    }

    /// Reads the effect off the statements; tables in `schemas` are known with their schema.
    pub(super) fn of<'s>(
        statements: impl IntoIterator<Item = &'s Sent>,
        schemas: &Schemas,
    ) -> Self {
        let mut effect = Self { schemas: Arc::clone(schemas), ..Self::default() };
        for sent in statements {
            let sql = &sent.sql;
            // Views, functions and the like hold no rows, and a schema that holds any is not dropped.
            if objects::kind_of(sql).is_some() || sql.starts_with(SCHEMA_BEGINS) {
                continue;
            }
            let Some(parsed) = sent.parsed() else {
                let unknown = format!("the unknown effect of `{sql}`");
                if names_a_loss(sql) {
                    effect.dangerous.push(unknown.clone());
                }
                effect.unknown.push(unknown);
                continue;
            };
            if parsed.iter().any(|statement| takes_away_unseen(statement, sql)) {
                effect.dangerous.push(format!("what `{sql}` takes away"));
            }
            for statement in parsed {
                effect.add(statement);
            }
        }
        effect
    }

    /// Reads only [`granted`](Self::granted) and [`names_role`](Self::names_role) off the statements:
    /// every command asks for these, and parsing everything would cost more than the rest of it.
    pub(super) fn on_privileges<'s>(
        statements: impl IntoIterator<Item = &'s Sent>,
        schemas: &Schemas,
    ) -> Self {
        let matters = |sent: &&Sent| {
            let only_makes = ONLY_MAKE.iter().any(|start| sent.sql.starts_with(start));
            if only_makes && !sent.sql.contains(';') {
                return false;
            }
            let sql = sent.sql.to_ascii_uppercase();
            ["GRANT", "REVOKE", "DROP", "RENAME"].iter().any(|word| sql.contains(word))
        };
        let mut effect = Self { schemas: Arc::clone(schemas), ..Self::default() };
        for sent in statements.into_iter().filter(matters) {
            // Every command asks this of every migration, and to parse takes most of the time.
            if let Some((privileges, table)) = plain_grant(&sent.sql) {
                effect.names_role = true;
                let one = |privilege: &str| (table.to_owned(), privilege.to_owned());
                effect.granted.extend(privileges.split(", ").map(one));
                continue;
            }
            for statement in sent.parsed().unwrap_or_default() {
                effect.add(statement);
            }
        }
        effect
    }

    fn add(&mut self, statement: &Statement) {
        let schemas = Arc::clone(&self.schemas);
        let name = |object: &ObjectName| name(object, &schemas);
        match statement {
            Statement::CreateTable(table) => {
                let name = name(&table.name);
                let columns = table.columns.iter().map(|column| text(&column.name));
                self.columns.insert(name.clone(), columns.collect());
                self.copied.remove(&name);
                self.created.push(name.clone());
                if !self.freed.contains(&name) {
                    self.taken.push(name.clone());
                }
                self.left.push(name);
            }
            Statement::CreateIndex(index) => {
                let optional = index.if_not_exists;
                let beside = schema_of(&index.table_name, &schemas);
                let index = index
                    .name
                    .as_ref()
                    .map(|it| (joined(beside.as_deref(), &bare(it)).into_owned(), optional));
                self.indexes.extend(index);
            }
            Statement::Insert(insert) => {
                if let (TableObject::TableName(to), Some(source)) = (&insert.table, &insert.source)
                    && let Some(from) = all_rows_of(source).map(&name)
                {
                    self.copies.insert(from, name(to));
                }
            }
            Statement::Query(query) => {
                let Some(mut need) = value_needed(query, &name) else { return };
                if !self.left.contains(&need.table) {
                    need.table = self.before(&need.table);
                    need.existing = need.existing.map(|it| self.column_before(&need.table, &it));
                    self.needs.push(need);
                }
            }
            Statement::Truncate(truncate) => {
                for target in &truncate.table_names {
                    self.empty(&name(&target.name));
                }
            }
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) =
                    &delete.from;
                for table in from {
                    if let TableFactor::Table { name: table, .. } = &table.relation {
                        self.empty(&name(table));
                    }
                }
            }
            Statement::Drop { object_type: ObjectType::Table, names, .. } => {
                names.iter().map(&name).for_each(|name| self.drop(name));
            }
            Statement::Grant(grant) if !is_to_public(&grant.grantees) => {
                self.names_role = true;
                self.granted.extend(privileges(&grant.privileges, grant.objects.as_ref(), &name));
            }
            Statement::Revoke(revoke) if !is_to_public(&revoke.grantees) => {
                self.names_role = true;
                for gone in privileges(&revoke.privileges, revoke.objects.as_ref(), &name) {
                    self.granted.remove(&gone);
                }
            }
            Statement::AlterTable(alter) => {
                for operation in &alter.operations {
                    self.alter(&alter.name, operation);
                }
            }
            _ => {}
        }
    }

    /// A table is dropped.
    fn drop(&mut self, name: String) {
        self.freed.insert(name.clone());
        self.granted.retain(|(table, _)| *table != name);
        if self.left.contains(&name) {
            self.left.retain(|other| *other != name);
            return;
        }
        if let Some(target) = self.copies.remove(&name) {
            self.copied.insert(name.clone(), target);
        }
        let before = self.before(&name);
        self.drops.push(before.clone());
        self.renamed.remove(&name);
        self.dropped_as.insert(name, before);
    }

    /// A part of an ALTER TABLE.
    fn alter(&mut self, altered: &ObjectName, operation: &AlterTableOperation) {
        let table = name(altered, &self.schemas);
        match operation {
            AlterTableOperation::DropColumn { column_names, .. } => {
                let before = self.before(&table);
                for name in column_names {
                    let name = self.column_before(&before, &text(name));
                    self.lost.push((before.clone(), name));
                }
                self.thin(&table);
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                let table = self.before(&table);
                let old = self.column_before(&table, &text(old_column_name));
                self.renamed_columns.insert((table, text(new_column_name)), old);
            }
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(new) | RenameTableNameKind::As(new),
            } => {
                let within = schema_of(altered, &self.schemas);
                self.rename(&table, joined(within.as_deref(), &bare(new)).into_owned());
            }
            _ => {}
        }
    }

    /// Whether a table that was there before goes, or loses something.
    pub(super) fn loses_something(&self) -> bool {
        !self.drops.is_empty() || !self.thins.is_empty() || !self.rebuilt.is_empty()
    }

    /// A table loses rows, unless it was made by these statements.
    fn empty(&mut self, table: &str) {
        if !self.left.iter().any(|left| left == table) {
            self.emptied.push(self.before(table));
        }
        self.thin(table);
    }

    /// A table loses something, unless it was made by these statements.
    fn thin(&mut self, table: &str) {
        if !self.left.iter().any(|left| left == table) {
            self.thins.push(self.before(table));
        }
    }

    /// The name that a table had before these statements.
    fn before(&self, table: &str) -> String {
        self.renamed.get(table).cloned().unwrap_or_else(|| table.to_owned())
    }

    /// The name that a column of a table, as that was named before, had before.
    fn column_before(&self, table: &str, column: &str) -> String {
        let key = (table.to_owned(), column.to_owned());
        self.renamed_columns.get(&key).cloned().unwrap_or_else(|| column.to_owned())
    }

    fn rename(&mut self, from: &str, to: String) {
        self.freed.insert(from.to_owned());
        let granted = std::mem::take(&mut self.granted).into_iter();
        let renamed = granted
            .map(|(table, privilege)| (if table == from { to.clone() } else { table }, privilege));
        self.granted = renamed.collect();
        if !self.left.iter().any(|left| left == from) {
            let before = self.before(from);
            self.renamed.remove(from);
            self.renamed.insert(to, before);
            return;
        }
        // A new table in the place of one that was dropped is that table, recreated, if it has got all
        // of its rows.
        if self.copied.get(&to).is_some_and(|target| target == from)
            && let Some(at) = self
                .dropped_as
                .get(&to)
                .and_then(|before| self.drops.iter().rposition(|it| it == before))
        {
            self.copied.remove(&to);
            let before = self.drops.remove(at);
            self.left.retain(|left| left != from);
            let columns = self.columns.remove(from).unwrap_or_default();
            let columns =
                columns.iter().map(|column| self.column_before(&before, column)).collect();
            if before != to {
                self.renamed.insert(to, before.clone());
            }
            self.rebuilt.push((before, columns));
            return;
        }
        for left in self.left.iter_mut().filter(|left| *left == from) {
            left.clone_from(&to);
        }
    }
}

/// How a statement begins that makes something and has nothing to do with privileges.
const ONLY_MAKE: [&str; 4] =
    ["CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX ", "CREATE POLICY "];

/// The privileges and the table of `GRANT SELECT, INSERT ON "table" TO "role"`, as operations write it.
fn plain_grant(sql: &str) -> Option<(&str, &str)> {
    let (privileges, rest) = sql.strip_prefix("GRANT ")?.split_once(" ON \"")?;
    let (table, role) = rest.split_once("\" TO \"")?;
    let role = role.strip_suffix('"')?;
    let is_bare = |name: &str| !name.is_empty() && !name.contains('"');
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|it| it.is_ascii_uppercase());
    let plain = is_bare(table) && is_bare(role) && privileges.split(", ").all(is_word);
    plain.then_some((privileges, table))
}

fn is_to_public(grantees: &[Grantee]) -> bool {
    grantees.iter().any(|grantee| matches!(grantee.grantee_type, GranteesType::Public))
}

/// Privileges on whole tables, by table.
fn privileges(
    privileges: &Privileges,
    objects: Option<&GrantObjects>,
    name: &dyn Fn(&ObjectName) -> String,
) -> Vec<(String, String)> {
    let (Privileges::Actions(actions), Some(GrantObjects::Tables(tables))) = (privileges, objects)
    else {
        return Vec::new();
    };
    let tables = tables.iter().map(name);
    let all = tables
        .flat_map(|table| actions.iter().map(move |action| (table.clone(), action.to_string())));
    all.filter(|(_, privilege)| !privilege.contains('(')).collect()
}

/// The schemas whose tables are known with them.
pub(super) type Schemas = Arc<BTreeSet<String>>;

/// A name without its schema.
fn bare(object: &ObjectName) -> String {
    object.0.last().and_then(|part| part.as_ident()).map_or_else(|| object.to_string(), text)
}

/// The schema of a table, if it is known with it.
fn schema_of(object: &ObjectName, schemas: &Schemas) -> Option<String> {
    let [.., within, _] = object.0.as_slice() else { return None };
    within.as_ident().map(text).filter(|within| schemas.contains(within))
}

/// A table's name in the model.
fn name(object: &ObjectName, schemas: &Schemas) -> String {
    joined(schema_of(object, schemas).as_deref(), &bare(object)).into_owned()
}

/// An identifier as the server keeps it: in lower case, unless it is quoted. SQLite keeps its case, but
/// does not tell names by it.
fn text(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// Which rows need a value, if that is what a query counts.
fn value_needed(query: &Query, name: &dyn Fn(&ObjectName) -> String) -> Option<Need> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [SelectItem::ExprWithAlias { alias, .. }] = &select.projection[..] else { return None };
    let [from] = &select.from[..] else { return None };
    let TableFactor::Table { name: table, .. } = &from.relation else { return None };
    let column = alias.value.strip_prefix(VALUE_NEEDED)?.to_owned();
    let existing = match &select.selection {
        Some(Expr::IsNull(inner)) => match inner.as_ref() {
            Expr::Identifier(column) => Some(text(column)),
            _ => return None,
        },
        Some(_) => return None,
        None => None,
    };
    Some(Need { table: name(table), column, existing })
}

/// The table of which a query gives every row, if it does.
fn all_rows_of(query: &Query) -> Option<&ObjectName> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let whole = query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && select.selection.is_none()
        && select.having.is_none()
        && select.distinct.is_none()
        && select.top.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    match select.from.as_slice() {
        [only] if whole && only.joins.is_empty() => match &only.relation {
            TableFactor::Table { name: table, .. } => Some(table),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a statement takes something away that is not seen in the tables it names.
fn takes_away_unseen(statement: &Statement, sql: &str) -> bool {
    match statement {
        Statement::Drop { object_type, .. } => *object_type == ObjectType::Schema,
        Statement::Truncate(_) => sql_has(sql, &["CASCADE"]),
        Statement::Query(_) | Statement::Merge(_) => sql_has(sql, &["DELETE"]),
        _ => false,
    }
}

/// Whether a statement that cannot be read may take something away.
fn names_a_loss(sql: &str) -> bool {
    sql_has(
        sql,
        &["DROP TABLE", "DROP COLUMN", "DROP SCHEMA", "DROP OWNED", "TRUNCATE", "DELETE FROM"],
    )
}

fn sql_has(sql: &str, words: &[&str]) -> bool {
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    words.iter().any(|word| sql.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(statements: &[&str]) -> Effect {
        let sent: Vec<Sent> = statements.iter().map(|sql| (*sql).to_owned().into()).collect();
        Effect::of(&sent, &Schemas::default())
    }

    #[test]
    fn plain_grants_are_read_as_the_parser_reads_them() {
        let granted = |sql: &str| {
            let sent = Sent::from(sql.to_owned());
            let whole = Effect::of([&sent], &Schemas::default());
            let quick = Effect::on_privileges([&sent], &Schemas::default());
            assert_eq!(
                (whole.names_role, &whole.granted),
                (quick.names_role, &quick.granted),
                "{sql}"
            );
            quick.granted.len()
        };
        assert_eq!(granted("GRANT SELECT, INSERT ON \"leads\" TO \"app\""), 2);
        assert_eq!(granted("GRANT SELECT ON \"Le ads; \" TO \"a TO b\""), 1);
        let others = [
            "GRANT SELECT ON \"leads\" TO \"app\" WITH GRANT OPTION",
            "GRANT SELECT ON \"a\"\"b\" TO \"app\"",
            "GRANT SELECT (id) ON \"leads\" TO \"app\"",
            "GRANT SELECT ON \"leads\" TO PUBLIC",
            "CREATE TABLE \"grants\" (\"grant\" text)",
            "CREATE INDEX \"i\" ON \"t\" (\"a\"); GRANT SELECT ON \"t\" TO \"app\"",
        ];
        for sql in others {
            granted(sql);
        }
        assert_eq!(granted(others[5]), 1);
    }

    #[test]
    fn tables_are_found_in_statements() {
        let found = effect(&[
            r#"CREATE TABLE "a" ( "id" uuid_text NOT NULL, CONSTRAINT "a_pkey" PRIMARY KEY ("id") )"#,
            r#"CREATE INDEX "i" ON "a" ("id")"#,
            r#"DROP TABLE IF EXISTS "b""#,
            r#"ALTER TABLE "c" DROP COLUMN "x""#,
        ]);
        assert_eq!(
            (found.left, found.drops, found.thins),
            (vec!["a".into()], vec!["b".into()], vec!["c".into()])
        );
        assert!(found.unknown.is_empty());
    }

    #[test]
    fn a_rebuilt_table_is_left_under_its_own_name() {
        let found = effect(&[
            r#"CREATE TABLE "t" ("id" int)"#,
            r#"CREATE TABLE "t_new" ("id" int)"#,
            r#"DROP TABLE "t""#,
            r#"ALTER TABLE "t_new" RENAME TO "t""#,
        ]);
        assert_eq!(found.left, ["t"]);
        assert!(found.drops.is_empty());
    }

    #[test]
    fn a_table_recreated_is_not_dropped() {
        let found = effect(&[
            crate::ops::v1::FOREIGN_KEYS_ENFORCED,
            r#"CREATE TABLE "t__rebuilt" ("id" int, "x" text)"#,
            r#"INSERT INTO "t__rebuilt" ("id", "x") SELECT "id", ("y") FROM "t""#,
            r#"DROP TABLE "t""#,
            "PRAGMA legacy_alter_table = 1",
            r#"ALTER TABLE "t__rebuilt" RENAME TO "t""#,
        ]);
        assert_eq!(found.rebuilt, [("t".to_owned(), vec!["id".to_owned(), "x".to_owned()])]);
        assert!(found.drops.is_empty() && found.left.is_empty(), "{found:?}");
        assert!(found.unknown.is_empty(), "{found:?}");
    }

    #[test]
    fn a_table_that_got_not_all_rows_takes_nobodys_place() {
        for copy in [
            "SELECT 1",
            r#"INSERT INTO "n" SELECT * FROM "t" WHERE "id" > 3"#,
            r#"INSERT INTO "n" SELECT * FROM "t" LIMIT 1"#,
            r#"INSERT INTO "n" SELECT * FROM "other""#,
        ] {
            let found = effect(&[
                r#"CREATE TABLE "n" ("id" int)"#,
                copy,
                r#"DROP TABLE "t""#,
                r#"ALTER TABLE "n" RENAME TO "t""#,
            ]);
            assert_eq!(found.drops, ["t"], "{copy}");
            assert!(found.rebuilt.is_empty(), "{copy}");
        }
        // Rolled back and applied again: what is recreated then is another table.
        let found = effect(&[
            r#"DROP TABLE "t""#,
            r#"CREATE TABLE "t" ("id" int)"#,
            r#"CREATE TABLE "n" ("id" int)"#,
            r#"INSERT INTO "n" ("id") SELECT "id" FROM "t""#,
            r#"DROP TABLE "t""#,
            r#"ALTER TABLE "n" RENAME TO "t""#,
        ]);
        assert_eq!(found.drops, ["t"]);
    }

    #[test]
    fn what_takes_away_unseen_is_said() {
        for sql in [
            "DROP SCHEMA s CASCADE",
            "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
            "DO $$ BEGIN DELETE  FROM t; END $$",
        ] {
            assert_eq!(effect(&[sql]).dangerous.len(), 1, "{sql}");
        }
        assert!(effect(&["SELECT 1", "UPDATE t SET a = 1"]).dangerous.is_empty());
        assert_eq!(effect(&["DROP TABLE Leads"]).drops, ["leads"]);
    }

    #[test]
    fn a_renamed_table_is_dropped_by_its_old_name() {
        let found = effect(&[
            r#"ALTER TABLE "b" RENAME TO "a""#,
            r#"ALTER TABLE "a" DROP COLUMN "x""#,
            r#"DROP TABLE "a""#,
        ]);
        assert_eq!((found.drops, found.thins), (vec!["b".to_owned()], vec!["b".to_owned()]));
    }

    #[test]
    fn a_renamed_column_is_not_lost_when_its_table_is_recreated() {
        let found = effect(&[
            r#"ALTER TABLE "t" RENAME COLUMN "x" TO "y""#,
            r#"CREATE TABLE "t__rebuilt" ("id" int, "y" text)"#,
            r#"INSERT INTO "t__rebuilt" ("id", "y") SELECT "id", "y" FROM "t""#,
            r#"DROP TABLE "t""#,
            r#"ALTER TABLE "t__rebuilt" RENAME TO "t""#,
        ]);
        assert_eq!(found.rebuilt, [("t".to_owned(), vec!["id".to_owned(), "x".to_owned()])]);
        let found = effect(&[
            r#"ALTER TABLE "t" RENAME COLUMN "x" TO "y""#,
            r#"ALTER TABLE "t" DROP COLUMN "y""#,
        ]);
        assert_eq!(found.lost, [("t".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn a_renamed_table_is_recreated_under_its_new_name() {
        let found = effect(&[
            r#"ALTER TABLE "old" RENAME TO "t""#,
            r#"ALTER TABLE "t" RENAME COLUMN "x" TO "y""#,
            r#"CREATE TABLE "t__rebuilt" ("id" int, "y" text)"#,
            r#"INSERT INTO "t__rebuilt" ("id", "y") SELECT "id", "y" FROM "t""#,
            r#"DROP TABLE "t""#,
            r#"ALTER TABLE "t__rebuilt" RENAME TO "t""#,
            r#"ALTER TABLE "t" DROP COLUMN "id""#,
        ]);
        assert_eq!(found.rebuilt, [("old".to_owned(), vec!["id".to_owned(), "x".to_owned()])]);
        assert_eq!(found.lost, [("old".to_owned(), "id".to_owned())]);
        assert!(found.drops.is_empty(), "{found:?}");
    }

    #[test]
    fn rows_that_need_a_value_are_found_where_they_are() {
        let found = effect(&[
            r#"ALTER TABLE "old" RENAME TO "t""#,
            r#"ALTER TABLE "t" RENAME COLUMN "x" TO "y""#,
            r#"SELECT count(*) AS "value needed in y" FROM "t" WHERE "y" IS NULL"#,
            r#"SELECT count(*) AS "value needed in z" FROM "t""#,
            r#"CREATE TABLE "u" ("id" int)"#,
            r#"SELECT count(*) AS "value needed in z" FROM "u""#,
        ]);
        let need = |column: &str, existing: Option<&str>| Need {
            table: "old".to_owned(),
            column: column.to_owned(),
            existing: existing.map(ToOwned::to_owned),
        };
        assert_eq!(found.needs, [need("y", Some("x")), need("z", None)]);
    }

    #[test]
    fn a_name_that_is_left_may_be_taken() {
        let found = effect(&[
            r#"ALTER TABLE "t" RENAME TO "old""#,
            r#"CREATE TABLE "t" ("id" int)"#,
            r#"CREATE TABLE "u" ("id" int)"#,
        ]);
        assert_eq!((found.taken, found.left), (vec!["u".into()], vec!["t".into(), "u".into()]));
    }

    #[test]
    fn every_form_of_altering_is_read() {
        let found = effect(&[
            r#"ALTER TABLE "t" DROP CONSTRAINT "a", ADD COLUMN "b" varchar(3) NULL, ALTER COLUMN "c" DROP DEFAULT, ALTER COLUMN "c" TYPE bigint USING ("c"::integer), ALTER COLUMN "c" SET DEFAULT 3, ALTER COLUMN "c" SET NOT NULL, ALTER COLUMN "d" DROP NOT NULL, ADD CONSTRAINT "p" PRIMARY KEY ("a", "b"), ADD CONSTRAINT "k" CHECK (a > 0), ADD CONSTRAINT "f" FOREIGN KEY ("a") REFERENCES "u" ("a") ON DELETE CASCADE"#,
            r#"ALTER TABLE "t" RENAME CONSTRAINT "a" TO "b""#,
            r#"ALTER TABLE "t" RENAME COLUMN "a" TO "b""#,
            r#"ALTER INDEX "a" RENAME TO "b""#,
            r#"UPDATE "t" SET "a" = ((SELECT 1)) WHERE "a" IS NULL"#,
            "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 't' AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid",
            r#"SELECT count(*) AS broken FROM "t" WHERE "a" IS NOT NULL AND (length("a") <= 3) IS NOT TRUE"#,
            r#"DROP INDEX "i""#,
        ]);
        assert!(found.unknown.is_empty(), "{:?}", found.unknown);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(effect(&["FROBNICATE THE TABLES"]).unknown.len(), 1);
    }
}
