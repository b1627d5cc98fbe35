//! What an application gives to the seeder: its tables, how many rows a tenant has of each, and the
//! factories that make them.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic,
    Iterable, ModelTrait, PrimaryKeyToColumn, QueryResult, QueryTrait as _, Value,
    sea_query::{Expr, SelectStatement},
};
use tenantry_entity::{
    SampleCode, Scope,
    sample_id::{IdKind, SampleId},
    tenancy::table_name,
    tenancy::{NO_TENANCY, TENANCY, Tenancy, is_computed},
};

use crate::{
    spec::{SIZES, Size, Spec},
    tenant::Tenant,
};

/// The sample rows of an application.
///
/// ```ignore
/// /// Shop's sample rows.
/// #[derive(Debug)]
/// pub struct Shop;
///
/// impl Samples for Shop {
///     type Tenant = Owner;
///
///     fn tenant(tenant: Tenant) -> Owner {
///         Owner::of(tenant)
///     }
///
///     fn tables() -> Vec<SampleTable<Self>> {
///         vec![
///             SampleTable::of::<tenant::Entity>(|_| 1, |tenant, _| factory::tenant::row(tenant)),
///             SampleTable::of::<product::Entity>(|tenant| tenant.products, factory::product::row),
///         ]
///     }
/// }
/// ```
pub trait Samples: Sized + Send + Sync + 'static {
    /// A tenant with what the application draws for it once: its counts, its name.
    type Tenant: Deref<Target = Tenant> + Send + Sync;

    /// How tenants are told apart, as in the project; [`NO_TENANCY`] where it has none. Then a set has so many parts
    /// instead of tenants: what a factory makes for one of them is a part of each table.
    ///
    /// [`NO_TENANCY`]: tenantry_entity::tenancy::NO_TENANCY
    const TENANCY: Tenancy = TENANCY;

    /// How much there may be, by the names that `--preset` takes.
    const SIZES: &'static [Size] = SIZES;

    /// Completes a tenant. It is a pure function: the same tenant, whenever it is asked for.
    fn tenant(tenant: Tenant) -> Self::Tenant;

    /// Every table in foreign-key order, as in the application's list of entities.
    fn tables() -> Vec<SampleTable<Self>>;
}

/// Makes values of a row that was read, in the order of the columns.
type Decode = Box<dyn Fn(&QueryResult) -> Result<Vec<Value>, DbErr> + Send + Sync>;
/// Makes values what an INSERT takes.
type Bind = Box<dyn Fn(Vec<Value>) -> Vec<Expr> + Send + Sync>;
/// Makes the values of a row, without its entity's type.
type MakeRow<T> = Box<dyn Fn(&T, u32) -> Vec<Value> + Send + Sync>;

/// A table with its factory.
pub struct SampleTable<S: Samples> {
    info: TableInfo,
    count: fn(&S::Tenant) -> u32,
    row: MakeRow<S::Tenant>,
}

impl<S: Samples> SampleTable<S> {
    /// The rows of the entity `E`: how many a tenant has, and what makes each, from its number.
    ///
    /// A factory sets every column but those that the database computes.
    #[must_use]
    pub fn of<E: SampleCode>(
        count: fn(&S::Tenant) -> u32,
        row: fn(&S::Tenant, u32) -> E::ActiveModel,
    ) -> Self {
        Self::coded::<E>(E::CODE, count, row)
    }

    /// The same for an entity of another crate, which says no code: the one of the project's list of entities.
    #[must_use]
    pub fn coded<E: EntityTrait>(
        code: u8,
        count: fn(&S::Tenant) -> u32,
        row: fn(&S::Tenant, u32) -> E::ActiveModel,
    ) -> Self {
        let columns = written::<E>();
        let row = Box::new(move |tenant: &S::Tenant, n| values(row(tenant, n), &columns));
        Self { info: TableInfo::of::<E>(&S::TENANCY, code), count, row }
    }

    /// For a table whose number of rows follows from others: no `--factor` changes it.
    #[must_use]
    pub fn fixed(mut self) -> Self {
        self.info.takes_factor = false;
        self
    }
}

/// A table with sample rows, without the type of its entity.
pub struct TableInfo {
    /// Its name.
    pub name: &'static str,
    /// Whom its rows belong to.
    pub scope: Scope,
    /// Its columns, in the order of the entity, without those that the database computes.
    pub columns: Vec<&'static str>,
    /// Those of the primary key.
    pub key: Vec<&'static str>,
    /// The code in the ids of its rows.
    pub code: u8,
    /// Whether a spec may ask for more or fewer of its rows.
    pub takes_factor: bool,
    owner: Option<&'static str>,
    /// Whether there are no tenants.
    is_of_a_part: bool,
    /// The columns by which its rows are told apart: their places, and what is in each. Empty where that is no type
    /// of ids.
    id: Vec<(usize, IdKind)>,
    select: fn() -> SelectStatement,
    decode: Decode,
    bind: Bind,
}

impl fmt::Debug for TableInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableInfo").field("name", &self.name).finish_non_exhaustive()
    }
}

impl TableInfo {
    /// The table of the entity `E`.
    #[must_use]
    pub fn of<E: EntityTrait>(tenancy: &Tenancy, code: u8) -> Self {
        let written = written::<E>();
        let columns: Vec<&str> = written.iter().map(IdenStatic::as_str).collect();
        let bound = written.clone();
        let key: Vec<&str> = E::PrimaryKey::iter().map(|key| key.into_column().as_str()).collect();
        let name = table_name::<E>();
        let scope = tenancy.scope_of(name, columns.iter().copied());
        Self {
            name,
            scope,
            owner: tenancy.column_of(scope),
            is_of_a_part: *tenancy == NO_TENANCY,
            id: told_apart::<E>(&columns, &key, tenancy.column).unwrap_or_default(),
            columns,
            key,
            code,
            takes_factor: scope != Scope::Root,
            #[allow(clippy::disallowed_methods, reason = "it looks at the rows of all tenants")]
            select: || E::find().into_query(),
            decode: Box::new(move |row| {
                let model = E::Model::from_query_result(row, "")?;
                Ok(written.iter().map(|column| in_utc(model.get(*column))).collect())
            }),
            bind: Box::new(move |values| {
                let cells = bound.iter().zip(values);
                cells.map(|(column, value)| column.save_as(Expr::val(value))).collect()
            }),
        }
    }

    /// Whether it is the table of the tenants themselves.
    pub(crate) fn is_root(&self) -> bool {
        self.scope == Scope::Root
    }

    /// Whether its rows belong to no tenant, but for the tenants themselves. Without tenants, each belongs to its part
    /// of the set.
    pub(crate) fn is_shared(&self) -> bool {
        self.scope == Scope::Shared && !self.is_of_a_part
    }

    /// The tenant column, where it has one.
    pub(crate) fn tenant_column(&self) -> Option<&'static str> {
        self.owner.filter(|_| !self.is_root())
    }

    /// What tells a row from the others of its tenant; `None` if it is nothing that sample rows have.
    pub(crate) fn id_of(&self, row: &[Value]) -> Option<RowId> {
        let parts = self.id.iter().map(|(at, _)| row.get(*at).and_then(SampleId::of));
        parts.collect::<Option<RowId>>().filter(|parts| !parts.is_empty())
    }

    /// The columns by which its rows are told apart, and what is in each. Empty where no sample rows can be.
    pub(crate) fn id_columns(
        &self,
    ) -> impl ExactSizeIterator<Item = (&'static str, IdKind)> + Clone + '_ {
        self.id.iter().map(|(at, kind)| (self.columns[*at], *kind))
    }

    /// What its ids are, where one column has them.
    pub(crate) fn kind(&self) -> Option<IdKind> {
        match self.id.as_slice() {
            [(_, kind)] => Some(*kind),
            _ => None,
        }
    }

    /// Whether a row says by itself that it is one of the samples: its only id is a uuid or a `bigint`.
    pub(crate) fn is_told_by_id(&self) -> bool {
        let own = self.id_columns().next();
        matches!(own, Some(("id", IdKind::Uuid | IdKind::Number)))
    }

    /// A SELECT of all columns of all rows.
    pub(crate) fn select(&self) -> SelectStatement {
        (self.select)()
    }

    /// The values of a row that [`select`](Self::select) gave, in the order of the columns.
    pub(crate) fn decode(&self, row: &QueryResult) -> Result<Vec<Value>, DbErr> {
        (self.decode)(row)
    }

    /// The values of a row as the columns take them in an INSERT.
    pub(crate) fn bind(&self, row: Vec<Value>) -> Vec<Expr> {
        (self.bind)(row)
    }
}

/// What tells a row from the others of its tenant: the values of [`TableInfo::id_columns`].
pub(crate) type RowId = Vec<SampleId>;

/// The column `id`, or those of the primary key beside the tenant column; each with its place and what is in it.
fn told_apart<E: EntityTrait>(
    columns: &[&str],
    key: &[&'static str],
    tenant_column: &str,
) -> Option<Vec<(usize, IdKind)>> {
    let mut own: Vec<&str> = key.iter().copied().filter(|it| *it != tenant_column).collect();
    if columns.contains(&"id") {
        own = vec!["id"];
    } else if own.is_empty() {
        own = key.to_vec();
    }
    let all = E::Column::iter().collect::<Vec<_>>();
    let part = |name: &&str| {
        let at = columns.iter().position(|column| column == name)?;
        let column = all.iter().find(|column| column.as_str() == *name)?;
        Some((at, IdKind::of(column.def().get_column_type())?))
    };
    own.iter().map(part).collect()
}

/// The columns of an entity that take values: not those that the database computes.
pub(crate) fn written<E: EntityTrait>() -> Vec<E::Column> {
    E::Column::iter().filter(|column| !is_computed::<E>(column)).collect()
}

/// The values of a row in these columns.
pub(crate) fn values<A: ActiveModelTrait>(
    mut row: A,
    columns: &[<A::Entity as EntityTrait>::Column],
) -> Vec<Value> {
    columns
        .iter()
        .map(|column| match row.take(*column) {
            ActiveValue::Set(value) | ActiveValue::Unchanged(value) => in_utc(value),
            // Factories set everything.
            ActiveValue::NotSet => Value::Bool(None),
        })
        .collect()
}

/// A moment as UTC, whichever zone the entity has it in: a database keeps none.
fn in_utc(value: Value) -> Value {
    match value {
        Value::ChronoDateTimeWithTimeZone(at) => Value::ChronoDateTimeUtc(at.map(|at| at.to_utc())),
        Value::ChronoDateTimeLocal(at) => Value::ChronoDateTimeUtc(at.map(|at| at.to_utc())),
        other => other,
    }
}

/// The sample rows of an application, without its types: what the engine works with.
pub trait SampleSet: fmt::Debug + Send + Sync + 'static {
    /// How tenants are told apart.
    fn tenancy(&self) -> Tenancy;

    /// How much there may be of them.
    fn sizes(&self) -> &'static [Size];

    /// Its tables in foreign-key order.
    fn tables(&'static self) -> &'static [TableInfo];

    /// Tenant `ordinal` of what a spec describes. It is the same however many there are.
    fn tenant(&'static self, spec: &Arc<Spec>, ordinal: u32) -> SampleTenant;
}

/// The one implementation of [`SampleSet`], for `S`.
pub struct Set<S: Samples>(OnceLock<(Vec<TableInfo>, Vec<Maker<S>>)>);

struct Maker<S: Samples> {
    count: fn(&S::Tenant) -> u32,
    row: MakeRow<S::Tenant>,
}

impl<S: Samples> Set<S> {
    /// The sample rows of `S`; for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn parts(&self) -> &(Vec<TableInfo>, Vec<Maker<S>>) {
        self.0.get_or_init(|| {
            let split =
                |table: SampleTable<S>| (table.info, Maker { count: table.count, row: table.row });
            S::tables().into_iter().map(split).unzip()
        })
    }
}

impl<S: Samples> Default for Set<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Samples> fmt::Debug for Set<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts().0.iter().map(|info| info.name)).finish()
    }
}

impl<S: Samples> SampleSet for Set<S> {
    fn tenancy(&self) -> Tenancy {
        S::TENANCY
    }

    fn sizes(&self) -> &'static [Size] {
        S::SIZES
    }

    fn tables(&'static self) -> &'static [TableInfo] {
        &self.parts().0
    }

    fn tenant(&'static self, spec: &Arc<Spec>, ordinal: u32) -> SampleTenant {
        let (tables, makers) = self.parts();
        let root = tables.iter().find(|info| info.is_root()).map_or(0, |info| info.code);
        let tenant = S::tenant(Tenant::of(spec, ordinal, root));
        SampleTenant { tables, rows: Box::new(RowsOf::<S> { tenant, makers }) }
    }
}

/// The rows of one tenant.
trait Rows: Send + Sync {
    fn tenant(&self) -> &Tenant;
    fn count(&self, table: usize) -> u32;
    fn row(&self, table: usize, n: u32) -> Vec<Value>;
}

struct RowsOf<S: Samples> {
    tenant: S::Tenant,
    makers: &'static [Maker<S>],
}

impl<S: Samples> Rows for RowsOf<S> {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn count(&self, table: usize) -> u32 {
        (self.makers[table].count)(&self.tenant)
    }

    fn row(&self, table: usize, n: u32) -> Vec<Value> {
        (self.makers[table].row)(&self.tenant, n)
    }
}

/// A tenant and what makes its rows. Tables are meant by their place in [`SampleSet::tables`].
pub struct SampleTenant {
    tables: &'static [TableInfo],
    rows: Box<dyn Rows>,
}

impl Deref for SampleTenant {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        self.rows.tenant()
    }
}

impl SampleTenant {
    /// The tenant's id: the one that is of the type of the root table's ids.
    #[must_use]
    pub fn key(&self) -> SampleId {
        let mut tables = self.tables.iter();
        match tables.find(|info| info.is_root()).and_then(TableInfo::kind) {
            Some(IdKind::Number) => SampleId::Number(self.number),
            Some(IdKind::Integer) => SampleId::Integer(self.integer),
            Some(IdKind::Text) => SampleId::Text(self.text_id),
            Some(IdKind::Uuid) | None => SampleId::Uuid(self.id),
        }
    }

    /// How many rows it brings into a table.
    #[must_use]
    pub fn count(&self, table: usize) -> u32 {
        self.rows.count(table)
    }

    /// Row `n` of a table: the values of its columns, in their order.
    #[must_use]
    pub fn row(&self, table: usize, n: u32) -> Vec<Value> {
        self.rows.row(table, n)
    }

    /// The rows of a table, in the order of their numbers.
    pub(crate) fn rows_of(&self, table: usize) -> impl Iterator<Item = Vec<Value>> + Send + '_ {
        (0..self.count(table)).map(move |n| self.row(table, n))
    }

    /// The same in the order of their ids, in which rows are made unless these refer to others.
    pub(crate) fn in_order_of_ids(
        &self,
        table: usize,
    ) -> impl Iterator<Item = Vec<Value>> + Send + '_ {
        let info = &self.tables[table];
        let mut numbers: Vec<u32> = (0..self.count(table)).collect();
        if !info.is_told_by_id() {
            numbers.sort_by_cached_key(|n| info.id_of(&self.row(table, *n)));
        }
        numbers.into_iter().map(move |n| self.row(table, n))
    }

    /// How many rows it brings into each table, in foreign-key order.
    pub fn counts(&self) -> impl Iterator<Item = (&'static TableInfo, u32)> + '_ {
        self.tables.iter().enumerate().map(|(at, info)| (info, self.count(at)))
    }

    /// How many rows it brings altogether.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts().map(|(_, rows)| u64::from(rows)).sum()
    }

    /// How many of them belong to it, not counting what it brings into shared tables.
    pub(crate) fn own(&self) -> u64 {
        let own = self.counts().filter(|(info, _)| !info.is_shared());
        own.map(|(_, rows)| u64::from(rows)).sum()
    }
}

impl fmt::Debug for SampleTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SampleTenant").field(self.rows.tenant()).finish()
    }
}
