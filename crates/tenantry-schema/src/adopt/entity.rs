//! The source of an entity, in SeaORM's dense form.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use tenantry_entity::{Engine, tenancy::Tenancy};

use super::{
    EntityFile,
    naming::{Names, as_rust, column_of, variant},
    relations::{Fields, Relation, relations},
    types::{Written, written},
    values,
};
use crate::{
    generate::source,
    schema::{
        BTREE, Column, ColumnType, Index, IndexPart, Schema, Table, ddl::Literal, expr, names,
    },
    sql::{parts, quoted},
};

/// What is taken before an enum of an entity gets its name: what SeaORM writes beside it or brings along.
const TAKEN: &[&str] = &[
    "Model",
    "ModelEx",
    "Entity",
    "EntityLoader",
    "ActiveModel",
    "ActiveModelEx",
    "Column",
    "PrimaryKey",
    "Relation",
    "RelatedEntity",
    "Option",
    "String",
    "Vec",
    "Uuid",
    "Date",
    "Time",
    "DateTime",
    "DateTimeUtc",
    "Json",
    "Decimal",
    "HasOne",
    "HasMany",
    "BelongsTo",
    "Expr",
    "Index",
    "ColumnType",
    "StringLen",
    "Table",
    "Result",
    "Some",
    "None",
];

/// An enum that a source declares.
#[derive(Debug)]
struct Enum {
    /// The type of Rust.
    name: String,
    /// What stands in its `#[sea_orm(…)]` besides `rs_type`.
    attributes: String,
    values: Vec<String>,
}

/// What writes the entities of a schema.
pub(super) struct Writer<'s> {
    modules: &'s BTreeMap<&'s str, String>,
    engine: Engine,
    tenancy: Option<&'s Tenancy>,
    fields: Fields<'s>,
    relations: BTreeMap<&'s str, Vec<Relation>>,
    /// The enums that each table's entity declares, by the column of a list of values or the name of a type.
    enums: BTreeMap<&'s str, BTreeMap<String, Enum>>,
    /// The table whose entity declares an enum type.
    owners: BTreeMap<&'s str, &'s str>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(
        schema: &'s Schema,
        ordered: &[&'s Table],
        modules: &'s BTreeMap<&'s str, String>,
        engine: Engine,
        tenancy: Option<&'s Tenancy>,
    ) -> Self {
        let (mut fields, mut taken) = (Fields::new(), BTreeMap::new());
        for table in ordered {
            let mut names = Names::default();
            let own = table
                .columns
                .iter()
                .map(|it| (it.name.as_str(), names.field(&in_relations(schema, table, &it.name))));
            fields.insert(table.name.as_str(), own.collect());
            taken.insert(table.name.as_str(), names);
        }
        let relations = relations(schema, ordered, modules, &fields, &mut taken);
        let (mut enums, mut owners) = (BTreeMap::new(), BTreeMap::new());
        for table in ordered {
            let own = enums_of(schema, table, &mut owners);
            enums.insert(table.name.as_str(), own);
        }
        Self { modules, engine, tenancy, fields, relations, enums, owners }
    }

    pub(super) fn file(&self, table: &Table) -> EntityFile {
        let (schema_name, bare) = parts(&table.name);
        let mut source = format!("//! `{bare}`{}\n\n", told(table.comment.as_deref()));
        let (unique_keys, attributes) = index_attributes(table);
        let others: Vec<&Index> =
            table.indexes.iter().filter(|it| !attributes.contains(it.name.as_str())).collect();
        let indexes: Vec<String> = others.iter().map(|index| source::index(table, index)).collect();
        source.push_str(&imports(&indexes.concat()));
        for declared in self.enums[table.name.as_str()].values() {
            source.push_str(&declaration(declared));
        }
        let is_eq = !table.columns.iter().any(|column| {
            let ty = self.column(table, column).ty;
            ty.contains("f32") || ty.contains("f64")
        });
        source.push_str(&docs(&format!("A row of `{bare}`.")));
        let eq = if is_eq { "Eq, " } else { "" };
        let _ = writeln!(
            source,
            "#[sea_orm::model]\n#[derive(Clone, Debug, PartialEq, {eq}DeriveEntityModel)]"
        );
        let mut says = vec![format!("table_name = {bare:?}")];
        says.extend(schema_name.map(|name| format!("schema_name = {name:?}")));
        says.extend(table.comment.as_deref().map(comment));
        let _ = writeln!(source, "#[sea_orm({})]\npub struct Model {{", says.join(", "));
        for column in in_key_order(table) {
            self.field(table, column, &unique_keys, &attributes, &mut source);
        }
        for relation in self.relations.get(table.name.as_str()).into_iter().flatten() {
            let (field, ty) = (&relation.field, &relation.ty);
            let _ = writeln!(
                source,
                "#[sea_orm({})]\npub {field}: {ty},",
                relation.attributes.join(", ")
            );
        }
        source.push_str("}\n\nimpl ActiveModelBehavior for ActiveModel {}\n");
        if !indexes.is_empty() {
            let list = indexes.join(",\n");
            let _ = writeln!(
                source,
                "\nimpl tenantry_entity::Table for Entity {{\nfn indexes() -> Vec<IndexCreateStatement> {{\n\
                 vec![\n{list}]\n}}\n}}"
            );
        }
        if let Some(scoped) = self.scoped(table) {
            let _ = writeln!(source, "\n{scoped}");
        }
        let module = self.modules[table.name.as_str()].clone();
        EntityFile { table: table.name.clone(), module, source }
    }

    /// The macro by which a table with the tenant column is known to scopes.
    fn scoped(&self, table: &Table) -> Option<String> {
        let tenancy = self.tenancy?;
        let listed = tenancy.tables.iter().find(|(name, _)| *name == table.name);
        let is_scoped = listed.is_none_or(|(_, scope)| scope.is_of_a_tenant());
        let fields = &self.fields[table.name.as_str()];
        let tenant =
            fields.get(tenancy.column).filter(|_| is_scoped && table.name != tenancy.root)?;
        let key = table.key();
        let id = key.iter().find(|name| *name != tenancy.column).or_else(|| key.first())?;
        let id = fields.get(id.as_str())?;
        Some(format!("tenantry_entity::tenant_scoped!({}, {});", variant(tenant), variant(id)))
    }

    /// The type of a column's field without `Option`, and its attributes.
    fn column(&self, table: &Table, column: &Column) -> Written {
        let own = &self.enums[table.name.as_str()];
        let declared = |key: &str| own.get(key).map(|it| it.name.clone());
        let native = |name: &str| {
            let owner = self.owners.get(name)?;
            let ty = &self.enums[owner].get(name)?.name;
            if *owner == table.name {
                return Some(ty.clone());
            }
            Some(format!("super::{}::{ty}", self.modules[owner]))
        };
        let ty = match &column.ty {
            ColumnType::Enum(name) => native(name),
            ColumnType::EnumArray(name) => native(name).map(|ty| format!("Vec<{ty}>")),
            _ => declared(&format!("{LISTED}{}", column.name)),
        };
        match ty {
            Some(ty) => Written { ty, attributes: Vec::new() },
            None => written(&column.ty, self.engine),
        }
    }

    fn field(
        &self,
        table: &Table,
        column: &Column,
        unique_keys: &BTreeMap<&str, String>,
        attributes: &BTreeSet<&str>,
        source: &mut String,
    ) {
        let field = &self.fields[table.name.as_str()][column.name.as_str()];
        let Written { mut ty, attributes: typed } = self.column(table, column);
        let mut says = Vec::new();
        let key = table.key();
        if key.contains(&column.name) {
            says.push("primary_key".to_owned());
            if !column.auto_increment {
                says.push("auto_increment = false".to_owned());
            }
        }
        if column_of(field) != column.name || *field != column.name {
            says.push(format!("column_name = {:?}", column.name));
        }
        says.extend(typed);
        if column.nullable {
            ty = format!("Option<{ty}>");
        }
        for index in table.indexes.iter().filter(|it| attributes.contains(it.name.as_str())) {
            if let [part] = &index.parts[..]
                && part.expr == column.name
            {
                says.push(if index.unique { "unique" } else { "indexed" }.to_owned());
            }
        }
        says.extend(
            unique_keys.get(column.name.as_str()).map(|key| format!("unique_key = {key:?}")),
        );
        says.extend(column.default.as_deref().map(default));
        says.extend(extra(table, column));
        says.extend(column.comment.as_deref().map(comment));
        source.push_str(&docs(column.comment.as_deref().unwrap_or_default()));
        if !says.is_empty() {
            let _ = writeln!(source, "#[sea_orm({})]", says.join(", "));
        }
        let _ = writeln!(source, "pub {}: {ty},", as_rust(field));
    }
}

/// What a column would best be called. One that relations name may be no word of the language.
fn in_relations(schema: &Schema, table: &Table, column: &str) -> String {
    let names = |list: &[String]| list.iter().any(|name| name == column);
    let mut others = schema.tables.values().flat_map(|it| &it.foreign_keys);
    let is_named = table.foreign_keys.iter().any(|key| names(&key.columns))
        || others.any(|key| key.ref_table == table.name && names(&key.ref_columns));
    if is_named && as_rust(&column.to_lowercase()) != column.to_lowercase() {
        format!("{column}_key")
    } else {
        column.to_owned()
    }
}

/// How the keys of enums begin that are lists of values in a check; those of types are their names.
const LISTED: &str = "column ";

/// The enums that a table's entity declares: the lists of its checks, and types that no entity before it has.
fn enums_of<'s>(
    schema: &'s Schema,
    table: &'s Table,
    owners: &mut BTreeMap<&'s str, &'s str>,
) -> BTreeMap<String, Enum> {
    let mut names = Names::without(TAKEN);
    let mut found = BTreeMap::new();
    for column in &table.columns {
        if let Some(name) = column.ty.enum_name() {
            let Some((name, list)) = schema.enums.get_key_value(name) else { continue };
            if !owners.contains_key(name.as_str()) && are_variants(list) {
                owners.insert(name, &table.name);
                let attributes = format!("db_type = \"Enum\", enum_name = {name:?}");
                let own = Enum { name: names.type_name(name), attributes, values: list.clone() };
                found.insert(name.clone(), own);
            }
            continue;
        }
        let db_type = match column.ty {
            ColumnType::Text => "Text".to_owned(),
            ColumnType::Varchar(None) => "String(StringLen::None)".to_owned(),
            ColumnType::Varchar(Some(length)) => format!("String(StringLen::N({length}))"),
            _ => continue,
        };
        let lists = table.checks.iter().filter_map(|check| values::of_check(&check.expr));
        let mut lists = lists.filter(|it| it.column == column.name && are_variants(&it.list));
        if let Some(list) = lists.next() {
            let own = Enum {
                name: names.type_name(&column.name),
                attributes: format!("db_type = {db_type:?}"),
                values: list.list,
            };
            found.insert(format!("{LISTED}{}", column.name), own);
        }
    }
    found
}

/// Whether no two values become the same variant.
fn are_variants(values: &[String]) -> bool {
    let names: BTreeSet<String> =
        values.iter().map(|value| variant(value).to_lowercase()).collect();
    let exact: BTreeSet<String> = values.iter().map(|value| value.to_lowercase()).collect();
    let is_taken = names.contains("") || names.contains("self");
    names.len() == values.len() && exact.len() == values.len() && !is_taken
}

fn declaration(declared: &Enum) -> String {
    let mut names = Names::default();
    let mut source = format!(
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]\n\
         #[sea_orm(rs_type = \"String\", {})]\npub enum {} {{\n",
        declared.attributes, declared.name
    );
    for value in &declared.values {
        let name = names.type_name(value);
        let _ = writeln!(source, "#[sea_orm(string_value = {value:?})]\n{name},");
    }
    source + "}\n\n"
}

/// Columns in the order of the table, but for those of a key that has another order: SeaORM takes it from the fields.
fn in_key_order(table: &Table) -> Vec<&Column> {
    let key = table.key();
    let is_key = |column: &&Column| key.contains(&column.name);
    let there: Vec<&String> =
        table.columns.iter().filter(is_key).map(|column| &column.name).collect();
    if there.iter().copied().eq(key) {
        return table.columns.iter().collect();
    }
    let first = key.iter().filter_map(|name| table.column(name));
    first.chain(table.columns.iter().filter(|column| !is_key(column))).collect()
}

/// The uniques of several columns that attributes say, by their columns; and the names of all indexes that do.
fn index_attributes(table: &Table) -> (BTreeMap<&str, String>, BTreeSet<&str>) {
    let (mut unique_keys, mut said) = (BTreeMap::new(), BTreeSet::new());
    let mut labels = Names::default();
    let key = table.key();
    for index in &table.indexes {
        let columns: Vec<&str> = index.parts.iter().map(|part| part.expr.as_str()).collect();
        let plain = Index {
            options: Vec::new(),
            predicate: None,
            method: BTREE.to_owned(),
            parts: columns.iter().map(|name| IndexPart::new(*name)).collect(),
            ..index.clone()
        };
        let listed: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let is_plain = *index == plain && columns.iter().all(|name| table.column(name).is_some());
        if !is_plain || index.name != names::index(&table.name, &listed, index.unique) {
            continue;
        }
        let in_order = in_key_order(table);
        let place = |name: &str| in_order.iter().position(|column| column.name == name);
        match &columns[..] {
            [one] if !said_alike(table, index, &said) && key != [(*one).to_owned()] => {
                said.insert(index.name.as_str());
            }
            [_, _, ..]
                if index.unique
                    && columns.is_sorted_by_key(|name| place(name))
                    && !columns.iter().any(|name| unique_keys.contains_key(name)) =>
            {
                // SeaORM takes it for a name of Rust.
                let stem = labels.field(index.name.strip_suffix("_key").unwrap_or(&index.name));
                unique_keys.extend(columns.iter().map(|name| (*name, stem.clone())));
                said.insert(index.name.as_str());
            }
            _ => {}
        }
    }
    (unique_keys, said)
}

/// Whether an attribute of the same kind says another index of the column.
fn said_alike(table: &Table, index: &Index, said: &BTreeSet<&str>) -> bool {
    let others = table.indexes.iter().filter(|it| said.contains(it.name.as_str()));
    others.into_iter().any(|it| it.parts == index.parts && it.unique == index.unique)
}

fn comment(text: &str) -> String {
    format!("comment = {}", source::text(text))
}

fn default(text: &str) -> String {
    match Literal::of(text) {
        Some(Literal::Text(value)) => format!("default_value = {}", source::text(&value)),
        Some(Literal::Integer(number)) if (0..=i64::from(i32::MAX)).contains(&number) => {
            format!("default_value = {number}")
        }
        Some(Literal::Boolean(value)) => format!("default_value = {value}"),
        _ => {
            let call = format!("Expr::cust({text:?})");
            format!("default_expr = {call:?}")
        }
    }
}

/// `extra` of a column: how it is computed, its collation, and the checks that name it first.
fn extra(table: &Table, column: &Column) -> Option<String> {
    let mut says = Vec::new();
    says.extend(column.generated.as_ref().map(ToString::to_string));
    says.extend(column.collation.as_ref().map(|name| format!("COLLATE {}", quoted(name))));
    let place = |check: &str| {
        let mentions = |column: &&Column| expr::mentions(check, &column.name);
        table.columns.iter().find(mentions).or_else(|| table.columns.first())
    };
    let own = |expr: &str| place(expr).is_some_and(|it| it.name == column.name);
    for (number, check) in table.checks.iter().filter(|check| own(&check.expr)).enumerate() {
        let usual = names::check(&table.name, &column.name, number);
        match check.name.as_ref().filter(|name| **name != usual) {
            Some(name) => says.push(format!("CONSTRAINT {} CHECK ({})", quoted(name), check.expr)),
            None => says.push(format!("CHECK ({})", check.expr)),
        }
    }
    (!says.is_empty()).then(|| format!("extra = {}", source::text(&says.join(" "))))
}

/// What the indexes of an entity need besides the prelude.
fn imports(indexes: &str) -> String {
    if indexes.is_empty() {
        return "use sea_orm::entity::prelude::*;\n\n".to_owned();
    }
    let mut names = vec!["Index", "IndexCreateStatement"];
    for (name, word) in [
        ("ConditionalStatement", ".and_where("),
        ("IndexOrder", "IndexOrder::"),
        ("IndexType", "IndexType::"),
        ("IntoIndexColumn", ".into_index_column("),
    ] {
        if indexes.contains(word) {
            names.push(name);
        }
    }
    names.sort_unstable();
    format!("use sea_orm::{{entity::prelude::*, sea_query::{{{}}}}};\n\n", names.join(", "))
}

/// The rest of a module's first line.
fn told(comment: Option<&str>) -> String {
    let first = comment.and_then(|text| text.lines().next()).map(str::trim).unwrap_or_default();
    if first.is_empty() { ".".to_owned() } else { format!(": {}", plain(first)) }
}

/// A text as comments of documentation.
fn docs(text: &str) -> String {
    let lines = text.lines().map(|line| format!("/// {}", plain(line)));
    let lines = lines.map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// A line in which rustdoc finds no links and no tags.
fn plain(line: &str) -> String {
    line.replace(['[', ']'], "|").replace('<', "‹").replace('>', "›")
}
