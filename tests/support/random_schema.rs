//! Random pairs of schemas over the whole model, and rows that fit both.
//!
//! A schema is built from slots (four tables, five columns each, keys, indexes, checks), so that
//! two schemas made independently have much in common, and that leaving anything out leaves a
//! schema that is still sound: failures shrink.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::DateTime;
use migration::TENANCY;
use migration::{
    diff::{Renames, conversion},
    plan::{Backfills, Plan, PlannedMigration, Request, plan},
    schema::{
        Action, BTREE, Check, Column, ColumnType, ForeignKey, Generated, Grant, Grantee, INCLUDE,
        Index, IndexPart, NULLS_NOT_DISTINCT, Policy, PrimaryKey, RowSecurity, Schema, Table,
        access::PRIVILEGES, ddl, expr, names, rules,
    },
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use sea_orm::prelude::Uuid;
use tenantry_entity::sql::{joined, quoted_table};

use super::Engine;

/// How many rows each table gets.
pub const ROWS: i64 = 3;

/// Two schemas, what was renamed between them, and values for rows that need some.
#[derive(Clone)]
pub struct Pair {
    pub from: Schema,
    pub to: Schema,
    pub renames: Renames,
    /// For the way there.
    pub backfills: Backfills,
    /// For the way back.
    pub backfills_back: Backfills,
    /// Whether the rows have values at the edges of their types.
    pub edges: bool,
}

impl Pair {
    /// The plan of the way there.
    pub fn forth(&self) -> Plan {
        plan(&Request {
            from: &self.from,
            to: &self.to,
            renames: &self.renames,
            backfills: &self.backfills,
            plain_fill: true,
        })
    }

    /// The same the other way round.
    pub fn reversed(&self) -> Self {
        Self {
            from: self.to.clone(),
            to: self.from.clone(),
            renames: self.renames.applicable(&self.from, &self.to).reversed(),
            backfills: self.backfills_back.clone(),
            backfills_back: self.backfills.clone(),
            edges: self.edges,
        }
    }

    /// The same with every second name of a table in the schema [`OTHER`] of the database, which the other names are
    /// not in. Names that a table changes are in the same schema.
    pub fn within(&self) -> Self {
        let within = |table: &str| {
            let mut same = BTreeSet::from([table]);
            let mut count = 0;
            while count < same.len() {
                count = same.len();
                for (new, old) in &self.renames.tables {
                    if same.contains(new.as_str()) || same.contains(old.as_str()) {
                        same.extend([new.as_str(), old.as_str()]);
                    }
                }
            }
            let sum: u32 =
                same.first().into_iter().flat_map(|name| name.bytes()).map(u32::from).sum();
            joined(sum.is_multiple_of(2).then_some(OTHER), table).into_owned()
        };
        let schema = |schema: &Schema| {
            let mut moved = Schema { tables: BTreeMap::new(), ..schema.clone() };
            for mut table in schema.tables.values().cloned() {
                table.name = within(&table.name);
                for key in &mut table.foreign_keys {
                    key.ref_table = within(&key.ref_table);
                }
                moved.tables.insert(table.name.clone(), table);
            }
            moved.sorted()
        };
        let values = |values: &Backfills| -> Backfills {
            let values = values.iter();
            let moved = values
                .map(|((table, column), value)| ((within(table), column.clone()), value.clone()));
            moved.collect()
        };
        let mut renames = Renames::default();
        renames.tables =
            self.renames.tables.iter().map(|(to, from)| (within(to), within(from))).collect();
        renames.columns = self
            .renames
            .columns
            .iter()
            .map(|((table, to), from)| ((within(table), to.clone()), from.clone()))
            .collect();
        Self {
            from: schema(&self.from),
            to: schema(&self.to),
            renames,
            backfills: values(&self.backfills),
            backfills_back: values(&self.backfills_back),
            edges: self.edges,
        }
    }

    /// A pair in which nothing was renamed.
    pub fn plain(from: &Schema, to: &Schema) -> Self {
        Self {
            from: from.clone(),
            to: to.clone(),
            renames: Renames::default(),
            backfills: Backfills::new(),
            backfills_back: Backfills::new(),
            edges: false,
        }
    }

    /// Both ways as one migration.
    pub fn migration(&self, name: &str) -> PlannedMigration {
        let (up, down) = (self.forth().operations, self.reversed().forth().operations);
        PlannedMigration { name: name.to_owned(), unless: Vec::new(), up, down }
    }
}

/// The schema of the database of [`Pair::within`].
pub const OTHER: &str = "Other one";

/// The two schemas and the plan between them as SQL, which reads better than the model.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, schema) in [("from", &self.from), ("to", &self.to)] {
            writeln!(f, "\n-- {name}")?;
            for sql in ddl::create(schema, Engine::Postgres) {
                writeln!(f, "{sql};")?;
            }
        }
        writeln!(f, "-- plan")?;
        for operation in self.forth().operations {
            writeln!(f, "{operation:?}")?;
        }
        writeln!(f, "-- {:?} {:?}", self.renames, self.backfills)
    }
}

#[derive(Clone, Debug)]
struct TableSpec {
    /// Which slot's name it has; its own one's if there is none.
    name: Option<usize>,
    renamed: bool,
    primary_key: Key,
    id: u8,
    /// Whether the database numbers the rows, if that is the key and a number.
    counts: bool,
    columns: Vec<Option<ColumnSpec>>,
    unique: bool,
    computed: Option<ComputedSpec>,
    keys: Vec<Option<KeySpec>>,
    indexes: Vec<Option<IndexSpec>>,
    access: AccessSpec,
}

/// A column that the database computes from another one.
#[derive(Clone, Debug)]
struct ComputedSpec {
    /// Of which slot; of the id if there is none that it can be computed from.
    column: usize,
    /// Whether it is a column like others instead.
    plain: bool,
    is_indexed: bool,
    is_checked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Id,
    OrgId,
    None,
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is drawn for itself")]
struct ColumnSpec {
    /// Which slot's name it has; its own one's if there is none.
    name: Option<usize>,
    renamed: bool,
    ty: u8,
    nullable: bool,
    default: bool,
    check: Option<u8>,
    second_check: Option<u8>,
    /// Whether it has a collation, if it is a text.
    collated: bool,
    comment: Option<usize>,
}

#[derive(Clone, Debug)]
struct KeySpec {
    target: usize,
    to_unique: bool,
    nullable: bool,
    on_delete: u8,
    on_update: u8,
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is drawn for itself")]
struct IndexSpec {
    column: usize,
    second: Option<usize>,
    unique: bool,
    descending: bool,
    partial: Option<usize>,
    expression: bool,
    name: IndexName,
    option: Option<IndexOption>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IndexName {
    Usual,
    ByHand,
    /// A name that indexes of other tables may have too, or a table.
    Shared(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IndexOption {
    Include(usize),
    NullsNotDistinct,
    /// An operator class, on a text.
    Pattern,
    /// A collation, on a text.
    Collation,
    Hash,
}

/// Never forced on the owner, who could not put rows into the tables then.
#[derive(Clone, Debug)]
struct AccessSpec {
    enabled: bool,
    policies: Vec<Option<PolicySpec>>,
    privileges: Vec<bool>,
    public: bool,
}

#[derive(Clone, Debug)]
struct PolicySpec {
    column: usize,
    kind: u8,
    command: u8,
    restrictive: bool,
    other_name: bool,
}

const TABLES: usize = 4;
const COLUMNS: usize = 5;

fn column() -> impl Strategy<Value = ColumnSpec> {
    (
        prop::bool::weighted(0.2),
        0..TYPES,
        any::<bool>(),
        any::<bool>(),
        option::weighted(0.4, 0u8..3),
        option::weighted(0.15, 0u8..3),
        (prop::bool::weighted(0.25), option::weighted(0.15, 0..COMMENTS.len())),
    )
        .prop_map(|(renamed, ty, nullable, default, check, second_check, last)| {
            let (name, (collated, comment)) = (None, last);
            ColumnSpec {
                name,
                renamed,
                ty,
                nullable,
                default,
                check,
                second_check,
                collated,
                comment,
            }
        })
}

fn computed() -> impl Strategy<Value = ComputedSpec> {
    (0..COLUMNS, prop::bool::weighted(0.25), any::<bool>(), any::<bool>()).prop_map(
        |(column, plain, is_indexed, is_checked)| ComputedSpec {
            column,
            plain,
            is_indexed,
            is_checked,
        },
    )
}

fn key() -> impl Strategy<Value = KeySpec> {
    (0..TABLES, any::<bool>(), any::<bool>(), 0u8..4, 0u8..3).prop_map(
        |(target, to_unique, nullable, on_delete, on_update)| KeySpec {
            target,
            to_unique,
            nullable,
            on_delete,
            on_update,
        },
    )
}

fn index() -> impl Strategy<Value = IndexSpec> {
    (
        0..COLUMNS,
        option::weighted(0.4, 0..COLUMNS),
        any::<bool>(),
        any::<bool>(),
        option::weighted(0.3, 0..COLUMNS),
        prop::bool::weighted(0.2),
        prop_oneof![
            14 => Just(IndexName::Usual),
            4 => Just(IndexName::ByHand),
            1 => (0..SHARED_NAMES.len()).prop_map(IndexName::Shared),
        ],
        option::weighted(
            0.3,
            prop_oneof![
                (0..COLUMNS).prop_map(IndexOption::Include),
                Just(IndexOption::NullsNotDistinct),
                Just(IndexOption::Pattern),
                Just(IndexOption::Collation),
                Just(IndexOption::Hash),
            ],
        ),
    )
        .prop_map(|(column, second, unique, descending, partial, expression, name, option)| {
            IndexSpec { column, second, unique, descending, partial, expression, name, option }
        })
}

fn access() -> impl Strategy<Value = AccessSpec> {
    let policy = (0..COLUMNS, 0u8..3, 0u8..4, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
        .prop_map(|(column, kind, command, restrictive, other_name)| PolicySpec {
            column,
            kind,
            command,
            restrictive,
            other_name,
        });
    (
        any::<bool>(),
        vec(option::weighted(0.5, policy), 2),
        vec(any::<bool>(), 4),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(enabled, policies, privileges, public)| AccessSpec {
            enabled,
            policies,
            privileges,
            public,
        })
}

fn table() -> impl Strategy<Value = TableSpec> {
    (
        prop::bool::weighted(0.15),
        prop_oneof![5 => Just(Key::Id), 3 => Just(Key::OrgId), 1 => Just(Key::None)],
        (0u8..4, any::<bool>()),
        vec(option::weighted(0.75, column()), COLUMNS),
        (any::<bool>(), option::weighted(0.4, computed())),
        vec(option::weighted(0.5, key()), 2),
        vec(option::weighted(0.6, index()), 3),
        access(),
    )
        .prop_map(
            |(
                renamed,
                primary_key,
                (id, counts),
                columns,
                (unique, computed),
                keys,
                indexes,
                access,
            )| {
                TableSpec {
                    name: None,
                    renamed,
                    primary_key,
                    id,
                    counts,
                    columns,
                    unique,
                    computed,
                    keys,
                    indexes,
                    access,
                }
            },
        )
}

type Spec = Vec<Option<TableSpec>>;

fn spec() -> impl Strategy<Value = Spec> {
    vec(option::weighted(0.85, table()), TABLES)
}

/// So many of the random pairs, the same for the same seed.
pub fn drawn(seed: u8, count: usize) -> impl Iterator<Item = Pair> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(move |_| pairs().new_tree(&mut runner).unwrap().current())
}

/// What one of both engines does not take.
pub fn forbidden(schema: &Schema) -> Vec<String> {
    [rules::violations(schema), rules::same_on_sqlite(schema)].concat()
}

/// Random pairs. In a part of them the second schema is the first one with a few slots exchanged,
/// as edits are in real life.
pub fn pairs() -> impl Strategy<Value = Pair> {
    let edits = vec((0..TABLES, 0usize..11, 0..COLUMNS), 1..5);
    (spec(), spec(), option::weighted(0.6, edits), any::<u16>(), 0u8..6).prop_map(
        |(from, other, edits, hints, crossing)| {
            let to = match edits {
                Some(edits) => {
                    let mut to = from.clone();
                    for (table, what, slot) in edits {
                        edit(&mut to[table], other[table].as_ref(), what, slot);
                    }
                    to
                }
                None => other,
            };
            pair(&from, &to, hints, crossing)
        },
    )
}

fn edit(to: &mut Option<TableSpec>, other: Option<&TableSpec>, what: usize, slot: usize) {
    match (to, other) {
        (Some(to), Some(other)) => match what {
            0 => to.columns[slot].clone_from(&other.columns[slot]),
            1 => to.indexes[slot % 3].clone_from(&other.indexes[slot % 3]),
            2 => to.keys[slot % 2].clone_from(&other.keys[slot % 2]),
            3 => {
                if let Some(key) = &mut to.keys[slot % 2] {
                    key.on_delete = (key.on_delete + 1) % 4;
                }
            }
            4 => {
                if let Some(index) = &mut to.indexes[slot % 3] {
                    index.descending = !index.descending;
                }
            }
            5 | 6 => {
                if let (Some(column), Some(other)) = (&mut to.columns[slot], &other.columns[slot]) {
                    if what == 5 {
                        column.ty = other.ty;
                    }
                    column.comment = other.comment;
                    column.nullable = other.nullable;
                    column.check = other.check;
                    column.second_check = other.second_check;
                }
            }
            7 if slot.is_multiple_of(2) => to.access.clone_from(&other.access),
            7 => {
                for policy in to.access.policies.iter_mut().flatten() {
                    policy.other_name = !policy.other_name;
                }
            }
            8 => to.computed.clone_from(&other.computed),
            9 => {
                for column in to.columns.iter_mut().flatten() {
                    column.collated = !column.collated;
                }
            }
            _ => {
                to.primary_key = other.primary_key;
                to.unique = other.unique;
                to.id = other.id;
                to.counts = other.counts;
                to.renamed = other.renamed;
            }
        },
        (to, other) => *to = other.cloned(),
    }
}

const COMMENTS: [&str; 2] =
    ["it's a \\ \"word\"; DROP TABLE a_table", "something else\nin two lines"];

const TYPES: u8 = 14;

/// What the enum type of columns is called.
const ENUM: &str = "Mood of rows";

/// Its values: those of the rows, and more.
const VALUES: [&[&str]; 3] =
    [&["1", "2", "3", "7"], &["1", "it's", "2", "3", "7", "more"], &["3", "more", "7", "2", "1"]];

fn column_type(ty: u8) -> ColumnType {
    match ty {
        0 => ColumnType::Text,
        1 => ColumnType::Varchar(Some(20)),
        2 => ColumnType::Varchar(Some(40)),
        3 => ColumnType::SmallInt,
        4 => ColumnType::Integer,
        5 => ColumnType::BigInt,
        6 => ColumnType::Boolean,
        7 => ColumnType::Uuid,
        8 => ColumnType::Timestamp,
        9 => ColumnType::TimestampTz,
        10 => ColumnType::Jsonb,
        11 => ColumnType::Double,
        12 => ColumnType::Enum(ENUM.to_owned()),
        _ => ColumnType::Numeric(Some((12, 2))),
    }
}

fn id_type(ty: u8) -> ColumnType {
    column_type([4, 5, 3, 0][usize::from(ty)])
}

fn is_text(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::Text | ColumnType::Varchar(_))
}

fn is_integer(ty: &ColumnType) -> bool {
    matches!(ty, ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt)
}

/// Whether the rows have a different value each, so that the column may be unique.
fn may_be_unique(ty: &ColumnType) -> bool {
    is_text(ty) || is_integer(ty)
}

fn default_of(ty: &ColumnType) -> Option<String> {
    Some(
        match ty {
            ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Enum(_) => "'7'",
            ty if is_integer(ty) => "7",
            ColumnType::Double | ColumnType::Numeric(_) => "7",
            ColumnType::Boolean => "FALSE",
            ColumnType::Uuid => "gen_random_uuid()",
            ColumnType::Timestamp => "LOCALTIMESTAMP",
            ColumnType::TimestampTz => "CURRENT_TIMESTAMP",
            ColumnType::Jsonb => "'{}'",
            _ => return None,
        }
        .to_owned(),
    )
}

fn check_of(name: &str, ty: &ColumnType, kind: u8) -> Option<String> {
    Some(match (ty, kind) {
        (ty, 0) if is_text(ty) => format!("length({name}) < 50"),
        (ty, 1) if is_text(ty) => format!("{name} NOT IN ('never', 'it''s')"),
        (ty, _) if is_text(ty) => {
            format!("{name} <> 'never' AND {name} IS NOT NULL OR {name} IS NULL")
        }
        (ty, 0) if is_integer(ty) => format!("{name} >= 0"),
        (ty, 1) if is_integer(ty) => format!("{name} IN (0, 1, 2, 3, 7)"),
        (ty, _) if is_integer(ty) => format!("{name} + 1 > 0"),
        (ColumnType::Double | ColumnType::Numeric(_), _) => format!("{name} > -1000"),
        (ColumnType::Boolean, _) => format!("{name} OR NOT {name} OR {name} IS NULL"),
        _ => return None,
    })
}

/// Among the names of tables and columns are words of SQL, one as long as a name may be, and some that have
/// to be quoted or that another one differs from by case only.
const TABLE_NAMES: [[&str; 2]; TABLES] = [
    ["a_table", "a_renamed"],
    ["group", "select"],
    ["c_table_with_a_name_of_as_many_bytes_as_postgresql_keeps_of_one", "c_renamed"],
    ["d table", "D table"],
];

const COLUMN_NAMES: [[&str; 2]; COLUMNS] = [
    ["one", "one_renamed"],
    ["two_with_a_name_of_as_many_bytes_as_postgresql_keeps_of_a_name_", "two_renamed"],
    ["Three", "three"],
    ["order", "user"],
    ["fünf & mehr", "five_renamed"],
];

/// Names that indexes of several tables may have.
const SHARED_NAMES: [&str; 3] = ["shared", "Shared", "a_table"];

fn table_name(slot: usize, spec: &TableSpec) -> String {
    TABLE_NAMES[spec.name.unwrap_or(slot)][usize::from(spec.renamed)].to_owned()
}

fn column_name(slot: usize, spec: &ColumnSpec) -> String {
    COLUMN_NAMES[spec.name.unwrap_or(slot)][usize::from(spec.renamed)].to_owned()
}

/// The columns of a table beside its keys, by slot.
fn columns(spec: &TableSpec) -> impl Iterator<Item = (usize, String, &ColumnSpec)> {
    spec.columns.iter().enumerate().filter_map(|(slot, column)| {
        let column = column.as_ref()?;
        Some((slot, column_name(slot, column), column))
    })
}

fn quoted(name: &str) -> String {
    if ["Three", "order", "user", "fünf & mehr"].contains(&name) {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

fn build(spec: &Spec) -> Schema {
    let mut schema = Schema::default();
    for (slot, table) in spec.iter().enumerate() {
        if let Some(table) = table {
            let table = build_table(slot, table, spec);
            schema.tables.insert(table.name.clone(), table);
        }
    }
    let columns = || schema.tables.values().flat_map(|table| &table.columns);
    if columns().any(|column| column.ty.enum_name().is_some()) {
        // Whatever changes with edits.
        let number = spec.iter().flatten().filter(|table| table.unique).count();
        let values = VALUES[number % VALUES.len()].iter().map(ToString::to_string);
        schema.enums.insert(ENUM.to_owned(), values.collect());
    }
    schema.sorted()
}

fn build_table(slot: usize, spec: &TableSpec, all: &Spec) -> Table {
    let name = table_name(slot, spec);
    let mut table = Table::new(name.clone());
    let first = columns(spec).next().and_then(|(_, _, column)| column.comment);
    table.comment = first.map(|at| COMMENTS[at].to_owned());
    let plain = |name: &str, ty: ColumnType, nullable: bool| Column::new(name, ty, nullable);
    if spec.primary_key == Key::OrgId {
        table.columns.push(plain("org", ColumnType::Integer, false));
    }
    let id = plain("id", id_type(spec.id), false);
    let auto_increment = spec.counts && spec.primary_key == Key::Id && is_integer(&id.ty);
    table.columns.push(Column { auto_increment, ..id });
    for (_, name, column) in columns(spec) {
        let ty = column_type(column.ty);
        let default = if column.default { default_of(&ty) } else { None };
        let kinds = [column.check, column.second_check].into_iter().flatten();
        let checks = kinds.filter_map(|kind| check_of(&quoted(&name), &ty, kind));
        for (number, expr) in checks.enumerate() {
            let own = names::check(&table.name, &name, number);
            table.checks.push(Check { name: Some(own), expr });
        }
        table.columns.push(Column {
            name,
            ty,
            nullable: column.nullable,
            default,
            auto_increment: false,
            generated: None,
            comment: column.comment.map(|at| COMMENTS[at].to_owned()),
            collation: (column.collated && is_text(&column_type(column.ty)))
                .then(|| "C".to_owned()),
            options: Vec::new(),
        });
    }
    if let Some(spec) = &spec.computed {
        add_computed(&mut table, all[slot].as_ref(), spec);
    }
    let key = match spec.primary_key {
        Key::Id => vec!["id".to_owned()],
        Key::OrgId => vec!["org".to_owned(), "id".to_owned()],
        Key::None => Vec::new(),
    };
    if !key.is_empty() {
        table.primary_key = Some(PrimaryKey {
            name: Some(names::primary_key(&name)),
            columns: key,
            options: Vec::new(),
        });
    }
    if spec.unique {
        table.columns.push(plain("code", ColumnType::Varchar(Some(20)), false));
        table.indexes.push(index_on(&name, &["code"], true, None));
    }
    for (number, key) in spec.keys.iter().enumerate() {
        let Some(key) = key else { continue };
        let Some(target) = &all[key.target] else { continue };
        let (column, ty) = (format!("parent_{number}"), id_type(target.id));
        let (columns, ref_columns, ty) = match (key.to_unique && target.unique, target.primary_key)
        {
            (true, _) => {
                (vec![column.clone()], vec!["code".to_owned()], ColumnType::Varchar(Some(20)))
            }
            (false, Key::Id) => (vec![column.clone()], vec!["id".to_owned()], ty),
            (false, Key::OrgId) if spec.primary_key == Key::OrgId => (
                vec!["org".to_owned(), column.clone()],
                vec!["org".to_owned(), "id".to_owned()],
                ty,
            ),
            _ => continue,
        };
        table.columns.push(plain(&column, ty, key.nullable));
        let composite = columns.len() > 1;
        let action = |number: u8| match number {
            1 => Action::Restrict,
            2 => Action::Cascade,
            3 if key.nullable && !composite => Action::SetNull,
            _ => Action::NoAction,
        };
        let (on_delete, on_update) = (action(key.on_delete), action(key.on_update));
        table.foreign_keys.push(ForeignKey {
            name: Some(names::foreign_key(&name, &columns)),
            columns,
            ref_table: table_name(key.target, target),
            ref_columns,
            on_delete,
            on_update,
            options: Vec::new(),
        });
    }
    for index in spec.indexes.iter().flatten() {
        let built = build_index(&table, spec, index);
        if let Some(built) = built
            && !table.indexes.iter().any(|other| other.name == built.name)
        {
            table.indexes.push(built);
        }
    }
    add_access(&mut table, spec);
    table
}

fn add_computed(table: &mut Table, all: Option<&TableSpec>, spec: &ComputedSpec) {
    let source = all.and_then(|all| columns(all).find(|(slot, ..)| *slot == spec.column));
    let source = source.map_or_else(|| "id".to_owned(), |(_, name, _)| name);
    let Some(source) = table.column(&source) else { return };
    let name = quoted(&source.name);
    let (ty, expr) = match &source.ty {
        ty if is_text(ty) => (ColumnType::Text, format!("{name} || '1'")),
        ty if is_integer(ty) => (ColumnType::BigInt, format!("CAST({name} AS bigint) + 1")),
        ColumnType::Boolean => (ColumnType::Boolean, format!("NOT {name}")),
        _ => return,
    };
    let mut column = Column::new("computed", ty, source.nullable || spec.plain);
    if !spec.plain {
        column.generated = Some(Generated { expr, stored: true });
    }
    if spec.is_checked {
        let expr = "computed IS NOT NULL OR id IS NOT NULL".to_owned();
        let own = names::check(&table.name, &column.name, 0);
        table.checks.push(Check { name: Some(own), expr });
    }
    if spec.is_indexed {
        table.indexes.push(index_on(&table.name, &["computed"], false, None));
    }
    table.columns.push(column);
}

fn add_access(table: &mut Table, spec: &TableSpec) {
    if spec.access.enabled {
        table.row_security = RowSecurity::Enabled;
    }
    for (number, policy) in spec.access.policies.iter().enumerate() {
        let Some(policy) = policy else { continue };
        let column = columns(spec).find(|(slot, _, _)| *slot == policy.column);
        let condition = column
            .and_then(|(_, name, column)| {
                check_of(&quoted(&name), &column_type(column.ty), policy.kind)
            })
            .unwrap_or_else(|| "\"id\" IS NOT NULL".to_owned());
        let name = format!("p_{number}{}", if policy.other_name { "_renamed" } else { "" });
        let mut built = Policy::complete(name, condition);
        built.restrictive = policy.restrictive;
        match policy.command {
            1 => (built.command, built.with_check) = ("SELECT".to_owned(), None),
            2 => (built.command, built.using) = ("INSERT".to_owned(), None),
            3 => built.roles = vec![TENANCY.application_role.to_owned()],
            _ => {}
        }
        table.policies.push(built);
    }
    let privileges = PRIVILEGES.iter().zip(&spec.access.privileges).filter(|(_, has)| **has);
    let privileges: Vec<&str> = privileges.map(|(privilege, _)| *privilege).collect();
    if !privileges.is_empty() {
        table.grants.push(Grant::new(Grantee::Application, privileges));
    }
    if spec.access.public {
        table.grants.push(Grant::new(Grantee::Public, ["SELECT"]));
    }
}

fn build_index(table: &Table, spec: &TableSpec, index: &IndexSpec) -> Option<Index> {
    let column = |slot: usize| {
        let column = spec.columns[slot].as_ref()?;
        Some((column_name(slot, column), column_type(column.ty)))
    };
    let (first, ty) = column(index.column)?;
    let mut parts = Vec::new();
    let expression = index.expression && is_text(&ty);
    let expr = if expression { format!("lower({})", quoted(&first)) } else { first };
    parts.push(IndexPart { descending: index.descending, ..IndexPart::new(expr) });
    let mut second_may = true;
    if let Some((second, ty)) = index.second.filter(|slot| *slot != index.column).and_then(column) {
        parts.push(IndexPart::new(second));
        second_may = may_be_unique(&ty);
    }
    let unique = index.unique && !expression && may_be_unique(&ty) && second_may;
    let predicate = index.partial.and_then(column).map(|(name, ty)| match ty {
        ty if is_text(&ty) => format!("{} <> 'never'", quoted(&name)),
        ty if is_integer(&ty) => format!("{} > 0", quoted(&name)),
        _ => format!("{} IS NOT NULL", quoted(&name)),
    });
    let columns: Vec<&str> = parts.iter().map(|part| part.expr.as_str()).collect();
    let mut built = index_on(&table.name, &columns, unique, predicate);
    built.parts = parts;
    match index.name {
        IndexName::Usual => {}
        IndexName::ByHand => {
            let part = format!("{}_by_hand", index.column);
            built.name = names::index(&table.name, &[part], unique);
        }
        IndexName::Shared(at) => SHARED_NAMES[at].clone_into(&mut built.name),
    }
    add_option(&mut built, table, index, column);
    Some(built)
}

/// What SQLite has no word for, so that it may not decide whether rows are taken.
fn add_option(
    built: &mut Index,
    table: &Table,
    index: &IndexSpec,
    column: impl Fn(usize) -> Option<(String, ColumnType)>,
) {
    let type_of = |part: &IndexPart| table.column(&part.expr).map(|column| &column.ty);
    match index.option {
        Some(IndexOption::Include(slot)) => {
            if let Some((name, _)) = column(slot) {
                built.options.push(format!("{INCLUDE}{name}"));
            }
        }
        Some(IndexOption::NullsNotDistinct) => {
            let is_needed =
                |part: &IndexPart| table.column(&part.expr).is_some_and(|it| !it.nullable);
            if built.unique && built.parts.iter().all(is_needed) {
                built.options.push(NULLS_NOT_DISTINCT.to_owned());
            }
        }
        Some(IndexOption::Pattern) => {
            for part in &mut built.parts {
                let class = match type_of(part) {
                    Some(ColumnType::Text) => "text_pattern_ops",
                    Some(ColumnType::Varchar(_)) => "varchar_pattern_ops",
                    _ => continue,
                };
                part.operator_class = Some(class.to_owned());
                part.descending = false;
            }
        }
        Some(IndexOption::Collation) => {
            for part in &mut built.parts {
                if type_of(part).is_none_or(is_text) {
                    part.collation = Some("POSIX".to_owned());
                }
            }
        }
        Some(IndexOption::Hash) => {
            let is_plain = !built.unique && built.parts.len() == 1 && !built.parts[0].descending;
            if is_plain {
                "hash".clone_into(&mut built.method);
            }
        }
        None => {}
    }
}

fn index_on(table: &str, parts: &[&str], unique: bool, predicate: Option<String>) -> Index {
    let columns: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    Index {
        name: names::index(table, &columns, unique),
        unique,
        method: BTREE.to_owned(),
        options: Vec::new(),
        parts: columns.into_iter().map(IndexPart::new).collect(),
        predicate,
    }
}

fn pair(from: &Spec, to: &Spec, hints: u16, crossing: u8) -> Pair {
    let (mut from, mut to) = (from.clone(), to.clone());
    without_misfits(&from, &mut to);
    let columns_cross = cross_names(&from, &mut to, hints);
    let tables_cross = cross_tables(&from, &mut to, crossing);
    // The first schema has to be there. Of the second one, most are.
    for (spec, may_collide) in [(&mut from, false), (&mut to, hints & 7 == 7)] {
        if !may_collide && !forbidden(&build(spec)).is_empty() {
            let indexes = spec.iter_mut().flatten().flat_map(|table| &mut table.indexes);
            indexes.flatten().for_each(|index| index.name = IndexName::Usual);
        }
    }
    let mut renames = Renames::default();
    let mut hint = hints;
    for (slot, (before, after)) in from.iter().zip(&to).enumerate() {
        let (Some(before), Some(after)) = (before, after) else { continue };
        let (old, new) = (table_name(slot, before), table_name(slot, after));
        if old != new {
            hint = hint.rotate_left(1);
            if hint & 1 == 0 && !tables_cross {
                continue;
            }
            renames.tables.insert(new.clone(), old);
        }
        for (slot, old, _) in columns(before) {
            let Some((_, another, _)) = columns(after).find(|(other, ..)| *other == slot) else {
                continue;
            };
            hint = hint.rotate_left(1);
            if old != another && (hint & 1 == 1 || columns_cross) {
                renames.columns.insert((new.clone(), another), old);
            }
        }
    }
    let (mut from, mut to) = (build(&from), build(&to));
    let forth = renames.applicable(&from, &to);
    let back = forth.reversed();
    let edges = (hints >> 10) & 3 == 3;
    // Rows refer to rows with their own number, so a table must not lose its rows on the way while
    // others go on referring to them; at the edges, both engines have to refuse that.
    if !edges {
        without_equal_keys(&mut from, &to, &back);
        without_equal_keys(&mut to, &from, &forth);
        without_dangling(&mut from, &to, &back);
        without_dangling(&mut to, &from, &forth);
    }
    let (backfills, backfills_back) = (backfills(&from, &to, &forth), backfills(&to, &from, &back));
    Pair { from, to, renames, backfills, backfills_back, edges }
}

/// The same with tables, which all are renamed then where their names differ. Says whether it did.
fn cross_tables(from: &Spec, to: &mut Spec, kind: u8) -> bool {
    if kind > 1 {
        return false;
    }
    let before: Vec<Option<bool>> =
        from.iter().map(|it| it.as_ref().map(|it| it.renamed)).collect();
    let stays = from.iter().zip(&*to).filter(|(from, to)| from.is_some() && to.is_some());
    if kind == 0 && stays.count() < 2 {
        return false;
    }
    let after: Vec<bool> = to.iter().map(Option::is_some).collect();
    let names = crossed(kind == 0, &before, &after);
    let crosses = !names.is_empty();
    for (slot, (name, renamed)) in names {
        if let Some(table) = &mut to[slot] {
            (table.name, table.renamed) = (Some(name), renamed);
        }
    }
    crosses
}

/// Lets columns take each other's names, in some of the pairs: two exchange theirs, or one takes the name
/// that another one leaves, or a new one does. Says whether it did.
fn cross_names(from: &Spec, to: &mut Spec, hints: u16) -> bool {
    let kind = (hints >> 12) & 3;
    if kind < 2 {
        return false;
    }
    let tables = from.iter().zip(to).filter_map(|(from, to)| Some((from.as_ref()?, to.as_mut()?)));
    for (from, to) in tables {
        let renamed = |it: &Option<ColumnSpec>| it.as_ref().map(|it| it.renamed);
        let before: Vec<Option<bool>> = from.columns.iter().map(renamed).collect();
        let after: Vec<bool> = to.columns.iter().map(Option::is_some).collect();
        for (slot, (name, renamed)) in crossed(kind == 2, &before, &after) {
            if let Some(column) = &mut to.columns[slot] {
                (column.name, column.renamed) = (Some(name), renamed);
            }
        }
    }
    true
}

/// Which slots get which names, as a slot and whether it is that slot's other name: two exchange theirs, or one
/// takes the name that another one leaves, or a new one does.
fn crossed(exchange: bool, before: &[Option<bool>], after: &[bool]) -> Vec<(usize, (usize, bool))> {
    let own = |slot: usize| before[slot].map(|renamed| (slot, renamed));
    let leaves = |slot: usize| before[slot].map(|renamed| (slot, !renamed));
    let slots = || 0..after.len();
    let both: Vec<usize> = slots().filter(|it| before[*it].is_some() && after[*it]).collect();
    let new = slots().find(|it| before[*it].is_none() && after[*it]);
    let names = match (both.as_slice(), new) {
        ([one, other, ..], _) if exchange => [(*one, own(*other)), (*other, own(*one))],
        ([one, ..], Some(new)) => [(new, own(*one)), (*one, leaves(*one))],
        ([one, other, ..], None) => [(*one, own(*other)), (*other, leaves(*other))],
        _ => return Vec::new(),
    };
    names.into_iter().filter_map(|(slot, name)| Some((slot, name?))).collect()
}

/// Values for the rows that need one on the way from one schema to the other.
fn backfills(from: &Schema, to: &Schema, renames: &Renames) -> Backfills {
    let mut found = Backfills::new();
    for (name, table) in &to.tables {
        if renames.table_before(name, from).is_none() {
            continue;
        }
        for column in &table.columns {
            let key = (name.clone(), column.name.clone());
            let before = renames.column_before(name, &column.name, from);
            let needs_one = before.is_none_or(|before| {
                (before.nullable && !column.nullable)
                    || (before.ty != column.ty
                        && conversion(&column.name, &before.ty, &column.ty).is_none())
            });
            if needs_one && let Some(value) = backfill(column) {
                found.insert(key, value);
            }
        }
    }
    found
}

/// What existing rows get in a new column that refuses NULL: their own number, so that they go on
/// being different and referring to something.
fn backfill(column: &Column) -> Option<String> {
    // The same default for all rows would break a unique.
    let is_left = column.name == "id" || column.generated.is_some();
    if (column.nullable && column.default.is_none()) || is_left {
        return None;
    }
    if column.name == "org" {
        return Some("1".to_owned());
    }
    match &column.ty {
        ty if is_text(ty) => Some("CAST(id AS varchar(20))".to_owned()),
        // Whatever type the number has when it is read.
        ty if is_integer(ty) => Some("CAST(id AS integer)".to_owned()),
        // A check may refuse what is made up.
        ColumnType::Double | ColumnType::Numeric(_) => Some("7".to_owned()),
        ColumnType::Boolean => Some("FALSE".to_owned()),
        _ => None,
    }
}

/// Takes out of the second schema what the rows could not follow, there or back, through no fault
/// of the plan: texts that are no UUIDs or times, one of these in a short text, numbers that become equal truth
/// values, and a value that fills a NULL and does not fit the type from before.
fn without_misfits(from: &Spec, to: &mut Spec) {
    let is_plain = |ty: &ColumnType| is_text(ty) || is_integer(ty);
    let tables = from.iter().zip(to).filter_map(|(from, to)| Some((from.as_ref()?, to.as_mut()?)));
    for (from, to) in tables {
        let columns = from.columns.iter().zip(&mut to.columns);
        for (from, to) in columns.filter_map(|(from, to)| Some((from.as_ref()?, to.as_mut()?))) {
            let (before, after) = (column_type(from.ty), column_type(to.ty));
            let misfits = match (&before, &after) {
                (before, ColumnType::Uuid | ColumnType::Timestamp | ColumnType::TimestampTz) => {
                    is_text(before)
                }
                (before, ColumnType::Boolean) => is_plain(before),
                // At the edges, texts are none of the values; and numbers take no way there.
                (ColumnType::Enum(_), after) => {
                    !is_text(after) && !matches!(after, ColumnType::Enum(_))
                }
                (before, ColumnType::Enum(_)) => !matches!(before, ColumnType::Enum(_)),
                (ColumnType::Uuid | ColumnType::Timestamp | ColumnType::TimestampTz, after) => {
                    *after == ColumnType::Varchar(Some(20))
                }
                _ => false,
            };
            if misfits {
                to.ty = from.ty;
            }
            if before != after && !(is_plain(&before) && is_plain(&after)) {
                to.nullable = from.nullable;
            }
        }
    }
}

/// Leaves out the uniques over what was a truth value before, of which there are only two.
fn without_equal_keys(schema: &mut Schema, other: &Schema, renames: &Renames) {
    for (name, table) in &mut schema.tables {
        table.indexes.retain(|index| {
            let was = renames.column_before(name, &index.parts[0].expr, other).map(|it| &it.ty);
            !(index.unique && was == Some(&ColumnType::Boolean))
        });
    }
}

/// Leaves out the foreign keys that rows coming from `other` could not keep.
fn without_dangling(schema: &mut Schema, other: &Schema, renames: &Renames) {
    let rows_survive = |table: &str| renames.table_before(table, other).is_some();
    for table in schema.tables.values_mut() {
        if !rows_survive(&table.name) {
            continue;
        }
        table.foreign_keys.retain(|key| rows_survive(&key.ref_table));
    }
}

/// The rows of a table as INSERT statements. `postgres` says whose words to use; `edges`, whether values are
/// drawn at the edges of their types, where no check stands on the column.
pub fn inserts(table: &Table, postgres: bool, edges: bool) -> Vec<String> {
    let own = || table.columns.iter().filter(|column| column.generated.is_none());
    let names: Vec<String> = own().map(|column| format!("\"{}\"", column.name)).collect();
    let value = |column: &Column, row: i64| {
        let is_key = column.name.starts_with("parent_")
            || ["id", "org", "code"].contains(&column.name.as_str());
        let is_checked = table.checks.iter().any(|it| expr::mentions(&it.expr, &column.name));
        let edge = (edges && !is_key && !is_checked).then(|| edge(column, row)).flatten();
        edge.unwrap_or_else(|| value(column, row, postgres))
    };
    (1..=ROWS)
        .map(|row| {
            let values: Vec<String> = own().map(|it| value(it, row)).collect();
            let (names, values) = (names.join(", "), values.join(", "));
            format!("INSERT INTO {} ({names}) VALUES ({values})", quoted_table(&table.name))
        })
        .collect()
}

/// A value at the edge of its column's type, the same literal for both engines.
fn edge(column: &Column, row: i64) -> Option<String> {
    let at = usize::try_from(row - 1).ok()?;
    let wide = |length: u32| format!("'{}'", "ä".repeat(length as usize));
    Some(match &column.ty {
        ColumnType::Varchar(Some(length)) => {
            ["''".to_owned(), wide(*length), "' 7 '".to_owned()][at].clone()
        }
        ColumnType::Text => ["''".to_owned(), wide(60), "'0.30'".to_owned()][at].clone(),
        ColumnType::SmallInt => ["32767", "0", "-32768"][at].to_owned(),
        ColumnType::Integer => ["2147483647", "-1", "-2147483648"][at].to_owned(),
        ColumnType::BigInt => ["3000000000", "16777217", "-9007199254740991"][at].to_owned(),
        ColumnType::Double => ["0.1", "2.5", "-123456.789"][at].to_owned(),
        ColumnType::Numeric(_) => ["9999999999.99", "-0.01", "2.5"][at].to_owned(),
        ColumnType::Timestamp => {
            ["'1969-12-31 23:59:59.999999'", "'2024-02-29 00:00:00'", "'9999-12-31 23:59:59.5'"][at]
                .to_owned()
        }
        ColumnType::TimestampTz => [
            "'2026-01-01T01:30:00.500+02:00'",
            "'1970-01-01T00:00:00+00:00'",
            "'2026-12-31T23:59:59.000001-05:30'",
        ][at]
            .to_owned(),
        ColumnType::Jsonb => ["'[]'", "'null'", "'{\"a\":[1,null]}'"][at].to_owned(),
        _ => return None,
    })
}

fn value(column: &Column, row: i64, postgres: bool) -> String {
    if column.name == "org" {
        return "1".to_owned();
    }
    if column.nullable && row == 2 && !column.name.starts_with("parent_") {
        return "NULL".to_owned();
    }
    match &column.ty {
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Enum(_) => format!("'{row}'"),
        ColumnType::Boolean => (if row % 2 == 0 { "FALSE" } else { "TRUE" }).to_owned(),
        ColumnType::Uuid if postgres => format!("'a{row:031x}'"),
        ColumnType::Uuid => format!("x'a{row:031x}'"),
        ColumnType::Timestamp => format!("'2026-01-0{row} 10:20:30.123456'"),
        ColumnType::TimestampTz => format!("'2026-01-0{row}T10:20:30.123456+00:00'"),
        ColumnType::Jsonb => format!("'{{\"a\": {row}}}'"),
        _ => row.to_string(),
    }
}

/// SQL that reads a column as text, the same on every engine.
pub fn reading(column: &Column, postgres: bool) -> String {
    let name = format!("\"{}\"", column.name);
    match &column.ty {
        ColumnType::Boolean => {
            format!("CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END")
        }
        ColumnType::Uuid if !postgres => format!("lower(hex({name}))"),
        // A cast has fifteen digits; `printf` takes NULL for 0.
        ColumnType::Double | ColumnType::Numeric(_) if !postgres => {
            format!("CASE WHEN {name} IS NOT NULL THEN printf('%!.17g', {name}) END")
        }
        ColumnType::TimestampTz if postgres => format!("({name} AT TIME ZONE 'UTC')::text"),
        _ => format!("CAST({name} AS text)"),
    }
}

/// One spelling for all spellings of a value.
pub fn canonical(text: Option<String>) -> Option<String> {
    let text = text?;
    if text.is_empty() {
        return None;
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(&text.replace(' ', "T")) {
        return canonical(Some(moment.naive_utc().to_string()));
    }
    if text.len() >= 32
        && let Ok(id) = Uuid::parse_str(&text)
    {
        return Some(id.to_string());
    }
    if let Ok(number) = text.parse::<f64>() {
        return Some(number.to_string());
    }
    let text: String = text.replace('T', " ").to_lowercase().split_whitespace().collect();
    let text = text.replace("+00:00", "").replace('-', "");
    // The fraction of a second, in as many digits as each engine writes.
    Some(if text.contains(':') && text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    })
}

/// What becomes of a value when its column changes from one type to another; `None` if it is
/// lost.
pub fn converted(value: Option<String>, from: &ColumnType, to: &ColumnType) -> Option<String> {
    let value = value?;
    let text = match (from, to) {
        (ColumnType::Boolean, to) if is_integer(to) => {
            (if value == "true" { "1" } else { "0" }).to_owned()
        }
        (from, ColumnType::Boolean) if is_integer(from) => {
            (if value == "0" { "false" } else { "true" }).to_owned()
        }
        _ => value,
    };
    Some(text)
}

/// Columns by their old and new definitions, for the tables that keep their rows; not those that are computed from
/// then on.
pub fn surviving(pair: &Pair) -> BTreeMap<String, (String, Vec<(Column, Column)>)> {
    let renames = pair.renames.applicable(&pair.from, &pair.to);
    let mut found = BTreeMap::new();
    for (name, after) in &pair.to.tables {
        let Some(before) = renames.table_before(name, &pair.from) else { continue };
        let columns = after.columns.iter().filter_map(|column| {
            let before = renames.column_before(name, &column.name, &pair.from)?;
            column.generated.is_none().then(|| (before.clone(), column.clone()))
        });
        found.insert(name.clone(), (before.name.clone(), columns.collect()));
    }
    found
}
