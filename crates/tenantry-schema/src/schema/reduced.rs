//! Statements that create tables, reduced to what a server says in other words than it was told.
//!
//! Keys, indexes and files take most of the time of a creation, and have no words that the server would
//! change. So keys and plain indexes are read from the statements here; and the tables, which get no
//! rows, are partitioned ones, which have no files:
//! <https://www.postgresql.org/docs/15/ddl-partitioning.html>

use std::collections::BTreeMap;

use super::{
    Action, BTREE, Column, ColumnType, ForeignKey, Index, IndexPart, PrimaryKey, Schema, Table,
    ddl, names::MAX_BYTES,
};

/// The statements that are left, and what was taken out of them.
pub(super) struct Reduced {
    pub(super) statements: Vec<String>,
    taken: Vec<Table>,
}

impl Reduced {
    /// Reads statements as SeaQuery writes them; `None` if one of them is not known for certain, or would
    /// fail: a table twice, or a foreign key to a table that is not there yet.
    pub(super) fn of(statements: &[String]) -> Option<Self> {
        let mut created: BTreeMap<&str, Created> = BTreeMap::new();
        let mut rest: Vec<&String> = Vec::new();
        for sql in statements {
            if let Some(table) = Created::read(sql) {
                let refers = |key: &ForeignKey| {
                    key.ref_table == table.name || created.contains_key(key.ref_table.as_str())
                };
                if !table.taken.foreign_keys.iter().all(refers) {
                    return None;
                }
                if created.insert(table.name, table).is_some() {
                    return None;
                }
                continue;
            }
            if sql.starts_with("CREATE TABLE ") {
                return None;
            }
            let Some(index) = CreateIndex::read(sql) else {
                rest.push(sql);
                continue;
            };
            let table = created.get_mut(index.table)?;
            if let Some(plain) = index.plain() {
                table.taken.indexes.push(plain);
            } else {
                // No partition keeps a unique that does not have the key of the partitions.
                table.has_unique |= index.unique;
                rest.push(sql);
            }
        }
        let (types, rest): (Vec<&String>, Vec<&String>) = rest
            .into_iter()
            .partition(|sql| sql.starts_with("CREATE TYPE ") || sql.starts_with("CREATE DOMAIN "));
        let statements = types.into_iter().cloned().chain(created.values().map(Created::statement));
        let statements = statements.chain(rest.into_iter().cloned()).collect();
        Some(Self { statements, taken: created.into_values().map(|table| table.taken).collect() })
    }

    /// Adds what was taken out to what the server has made of the rest.
    pub(super) fn complete(self, mut schema: Schema) -> Schema {
        for mut taken in self.taken {
            let Some(table) = schema.tables.get_mut(&taken.name) else { continue };
            // What it was partitioned by here.
            table.options.clear();
            for column in &mut table.columns {
                let keys = taken.primary_key.iter().flat_map(|key| &key.columns);
                column.nullable &= keys.into_iter().all(|name| *name != column.name);
                if taken.columns.iter().any(|it| it.name == column.name) {
                    (column.auto_increment, column.nullable) = (true, false);
                }
            }
            table.primary_key = taken.primary_key;
            table.foreign_keys.append(&mut taken.foreign_keys);
            table.indexes.append(&mut taken.indexes);
        }
        schema
    }
}

/// A table as its statement creates it.
struct Created<'a> {
    name: &'a str,
    /// The columns and checks.
    parts: Vec<&'a str>,
    first_column: &'a str,
    /// Whether it gets a unique index that is not taken out.
    has_unique: bool,
    /// The keys, plain indexes, and columns that the database numbers.
    taken: Table,
}

impl<'a> Created<'a> {
    /// Reads `CREATE TABLE "name" ( "column" type, …, CONSTRAINT "name" PRIMARY KEY ("column"), … )`.
    fn read(sql: &'a str) -> Option<Self> {
        // How a text with a backslash is quoted, is not looked into.
        let (name, body) = quoted_name(sql.strip_prefix("CREATE TABLE ")?)?;
        let body = body.strip_prefix(" ( ")?.strip_suffix(" )").filter(|it| !it.contains('\\'))?;
        let (mut parts, mut taken, mut first_column) = (Vec::new(), Table::new(name), None);
        for part in ddl::parts(body) {
            let Some(constraint) = part.strip_prefix("CONSTRAINT ") else {
                let (column, rest) = quoted_name(part)?;
                first_column = first_column.or(Some(column));
                // Nothing but NOT NULL comes with it, and no partitioned table of an older server has it.
                if let Some((ty, "" | " NOT NULL")) = rest.split_once(IDENTITY) {
                    let length = part.len() - rest.len() + ty.len();
                    taken.columns.push(Column::new(column, ColumnType::parse(ty), false));
                    parts.push(&part[..length]);
                    continue;
                }
                let upper = rest.to_ascii_uppercase();
                if CONSTRAINTS.iter().any(|words| upper.contains(words)) {
                    return None;
                }
                parts.push(part);
                continue;
            };
            let (name, rest) = quoted_name(constraint)?;
            if rest.starts_with(" CHECK (") {
                parts.push(part);
            } else if let Some(key) = rest.strip_prefix(" PRIMARY KEY ") {
                let (columns, "") = list(key)? else { return None };
                let name = Some(name.to_owned());
                taken.primary_key = Some(PrimaryKey { name, columns, options: Vec::new() });
            } else {
                taken.foreign_keys.push(foreign_key(name, rest.strip_prefix(" FOREIGN KEY ")?)?);
            }
        }
        Some(Self { name, parts, first_column: first_column?, has_unique: false, taken })
    }

    fn statement(&self) -> String {
        let (name, parts) = (self.name, self.parts.join(", "));
        if self.has_unique {
            return format!("CREATE TABLE \"{name}\" ( {parts} )");
        }
        let column = self.first_column;
        format!("CREATE TABLE \"{name}\" ( {parts} ) PARTITION BY LIST ((\"{column}\" IS NULL))")
    }
}

/// What stands behind the type of a column that the database numbers.
const IDENTITY: &str = " GENERATED BY DEFAULT AS IDENTITY";

/// What a column has on its own besides, which no partitioned table takes as it is.
const CONSTRAINTS: [&str; 5] = ["PRIMARY", "UNIQUE", "REFERENCES", "GENERATED", "CONSTRAINT"];

/// Reads `("column") REFERENCES "table" ("column") ON DELETE CASCADE`.
fn foreign_key(name: &str, text: &str) -> Option<ForeignKey> {
    let (columns, text) = list(text)?;
    let (ref_table, text) = quoted_name(text.strip_prefix(" REFERENCES ")?)?;
    let (ref_columns, mut text) = list(text.strip_prefix(' ')?)?;
    let mut on = |event: &str| {
        let Some(rest) = text.strip_prefix(event) else { return Action::NoAction };
        let found =
            Action::ALL.into_iter().find_map(|it| Some((it, rest.strip_prefix(it.words())?)));
        let Some((action, rest)) = found else { return Action::NoAction };
        text = rest;
        action
    };
    let (on_delete, on_update) = (on(" ON DELETE "), on(" ON UPDATE "));
    text.is_empty().then(|| ForeignKey {
        name: Some(name.to_owned()),
        columns,
        ref_table: ref_table.to_owned(),
        ref_columns,
        on_delete,
        on_update,
        options: Vec::new(),
    })
}

/// A statement that creates an index.
struct CreateIndex<'a> {
    name: &'a str,
    unique: bool,
    table: &'a str,
    /// What follows the table.
    rest: &'a str,
}

impl<'a> CreateIndex<'a> {
    fn read(sql: &'a str) -> Option<Self> {
        let (unique, rest) = match sql.strip_prefix("CREATE UNIQUE INDEX ") {
            Some(rest) => (true, rest),
            None => (false, sql.strip_prefix("CREATE INDEX ")?),
        };
        let (name, rest) = quoted_name(rest)?;
        let (table, rest) = quoted_name(rest.strip_prefix(" ON ")?)?;
        Some(Self { name, unique, table, rest })
    }

    /// The index, if columns are all that it has: `("column", "other" DESC)`.
    fn plain(&self) -> Option<Index> {
        let (mut parts, mut rest) = (Vec::new(), self.rest.strip_prefix(" (")?);
        loop {
            let (column, after) = quoted_name(rest)?;
            let (descending, after) = match after.strip_prefix(" DESC") {
                Some(after) => (true, after),
                None => (false, after),
            };
            parts.push(IndexPart { descending, ..IndexPart::new(column) });
            match after.strip_prefix(", ") {
                Some(next) => rest = next,
                None if after == ")" => break,
                None => return None,
            }
        }
        let (name, method, options) = (self.name.to_owned(), BTREE.to_owned(), Vec::new());
        Some(Index { name, unique: self.unique, method, options, parts, predicate: None })
    }
}

/// Reads `("name", "name")` at the start of a text, and says what follows.
fn list(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut names, mut rest) = (Vec::new(), text.strip_prefix('(')?);
    loop {
        let (name, after) = quoted_name(rest)?;
        names.push(name.to_owned());
        match after.strip_prefix(", ") {
            Some(next) => rest = next,
            None => return Some((names, after.strip_prefix(')')?)),
        }
    }
}

/// Reads a name in quotes at the start of a text, and says what follows. One with a quote in it, or that
/// the server would cut, is not read.
fn quoted_name(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('"')?.split_once('"')?;
    (!rest.starts_with('"') && name.len() <= MAX_BYTES).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use tenantry_entity::Engine;

    use super::{
        super::{Column, ColumnType},
        *,
    };

    fn reduced(statements: &[&str]) -> Option<Reduced> {
        let statements: Vec<String> = statements.iter().map(ToString::to_string).collect();
        Reduced::of(&statements)
    }

    const TENANTS: &str = "CREATE TABLE \"tenants\" ( \"id\" uuid NOT NULL, CONSTRAINT \"tenants_pkey\" PRIMARY KEY (\"id\") )";

    #[test]
    fn keys_and_plain_indexes_are_taken_out() {
        let key = "CONSTRAINT \"k\" FOREIGN KEY (\"a\", \"b, c\") REFERENCES \"tenants\" (\"id\", \"x\") \
                   ON DELETE SET NULL ON UPDATE CASCADE";
        let table = format!(
            "CREATE TABLE \"t\" ( \"a\" text DEFAULT 'x, (y', CONSTRAINT \"c\" CHECK (a <> ','), {key} )"
        );
        let policy = "CREATE POLICY \"p\" ON \"t\" USING (true)";
        let partial = "CREATE UNIQUE INDEX \"u\" ON \"tenants\" (\"id\") WHERE id IS NULL";
        let plain = "CREATE UNIQUE INDEX \"i\" ON \"t\" (\"a\", \"order\" DESC)";
        let reduced = reduced(&[TENANTS, &table, plain, policy, partial]).unwrap();
        let left = [
            "CREATE TABLE \"t\" ( \"a\" text DEFAULT 'x, (y', CONSTRAINT \"c\" CHECK (a <> ',') ) \
             PARTITION BY LIST ((\"a\" IS NULL))",
            "CREATE TABLE \"tenants\" ( \"id\" uuid NOT NULL )",
            policy,
            partial,
        ];
        assert_eq!(reduced.statements, left);
        let (t, tenants) = (&reduced.taken[0], &reduced.taken[1]);
        assert_eq!(tenants.primary_key.as_ref().unwrap().columns, ["id"]);
        let key = &t.foreign_keys[0];
        assert_eq!(key.name.as_deref(), Some("k"));
        let text = "(a, b, c) -> tenants(id, x) ON DELETE SET NULL ON UPDATE CASCADE";
        assert_eq!(key.to_string(), text);
        assert_eq!(t.indexes[0].to_string(), "unique (a, order DESC)");
    }

    #[test]
    fn what_is_written_for_a_schema_is_known() {
        let mut leads = Table::new("leads");
        leads.columns.push(Column::new("id", ColumnType::Uuid, false));
        leads.columns.push(Column::new("order", ColumnType::Varchar(Some(9)), true));
        let columns = || vec!["id".to_owned()];
        let (name, options) = (Some("leads_pkey".to_owned()), Vec::new());
        leads.primary_key = Some(PrimaryKey { name, columns: columns(), options: Vec::new() });
        leads.foreign_keys.push(ForeignKey {
            name: Some("leads_id_fkey".to_owned()),
            columns: columns(),
            ref_table: "leads".to_owned(),
            ref_columns: columns(),
            on_delete: Action::Cascade,
            on_update: Action::NoAction,
            options,
        });
        let part = IndexPart { descending: true, ..IndexPart::new("order") };
        let (name, method) = ("leads_order_key".to_owned(), BTREE.to_owned());
        let (parts, options) = (vec![part], Vec::new());
        leads.indexes.push(Index { name, unique: true, method, options, parts, predicate: None });
        let schema = Schema { tables: [("leads".to_owned(), leads)].into(), ..Schema::default() };
        let reduced = Reduced::of(&ddl::create(&schema, Engine::Postgres)).unwrap();
        let left = "CREATE TABLE \"leads\" ( \"id\" uuid NOT NULL, \"order\" varchar(9) NULL ) \
                    PARTITION BY LIST ((\"id\" IS NULL))";
        assert_eq!(reduced.statements, [left]);
        let mut made = schema.clone();
        made.tables.values_mut().for_each(Table::keep_columns_only);
        assert_eq!(reduced.complete(made), schema);
    }

    #[test]
    fn what_is_not_known_for_certain_is_left_whole() {
        let long = "x".repeat(MAX_BYTES + 1);
        let tables = [
            "CREATE TABLE t (id integer)".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" integer PRIMARY KEY )".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" integer references x )".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" text DEFAULT E'\\\\', \"b\" text )".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" integer, PRIMARY KEY (\"a\") )".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" integer, CONSTRAINT \"u\" UNIQUE (\"a\") )".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" integer ) PARTITION BY LIST (a)".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" integer, CONSTRAINT \"k\" FOREIGN KEY (\"a\") REFERENCES \"gone\" (\"id\") )".to_owned(),
            "CREATE TABLE \"t\" ( \"a\" integer, CONSTRAINT \"k\" FOREIGN KEY (\"a\") REFERENCES \"tenants\" (\"id\") ON DELETE SET NULL (\"a\") )".to_owned(),
            format!("CREATE TABLE \"{long}\" ( \"a\" integer )"),
            "CREATE TABLE \"a\"\"b\" ( \"a\" integer )".to_owned(),
        ];
        for table in tables {
            assert!(reduced(&[TENANTS, &table]).is_none(), "{table}");
        }
        let key = "CONSTRAINT \"k\" FOREIGN KEY (\"a\") REFERENCES \"tenants\" (\"id\")";
        let refers = format!("CREATE TABLE \"t\" ( \"a\" uuid, {key} )");
        assert!(reduced(&[TENANTS, &refers]).is_some());
        assert!(reduced(&[&refers, TENANTS]).is_none());
        assert!(reduced(&[TENANTS, TENANTS]).is_none());
        let indexes = [
            "CREATE INDEX \"i\" ON \"tenants\" USING hash (\"id\")",
            "CREATE INDEX \"i\" ON \"tenants\" (lower(\"id\"))",
            "CREATE INDEX \"i\" ON \"tenants\" (\"id\" text_ops)",
            "CREATE UNIQUE INDEX \"i\" ON \"tenants\" (\"id\") INCLUDE (\"id\")",
            "CREATE INDEX \"i\" ON \"tenants\" (\"id\") WHERE id IS NULL",
        ];
        for index in indexes {
            let reduced = reduced(&[TENANTS, index]).unwrap();
            assert_eq!(reduced.statements[1], index);
        }
    }
}
