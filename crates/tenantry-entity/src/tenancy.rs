//! Which tables belong to a tenant, and what follows from it.
//!
//! One value says how tenants are told apart: [`Tenancy`]. A table with its tenant column (`tenant_id`, where
//! nothing else is said) is tenant-scoped; exceptions are listed in [`Tenancy::tables`]. For such a table
//!
//! - with [`Keys::Composite`], the tenant column refers to the root table, so that a tenant's rows go with the
//!   tenant, the primary key begins with the tenant column, and a foreign key to another tenant-scoped table carries
//!   the tenant on both sides, so that no row can point at another tenant's row, on any engine;
//! - `indexed` on a column means an index on `(tenant_id, column)`;
//! - a unique is `unique_key = "tenant_<column>"` on the tenant column *and* on the column, which also
//!   makes SeaORM generate a finder that asks for the tenant. A bare `unique` would be unique
//!   across all tenants and is refused by the schema model.
//!
//! What attributes cannot say (partial, composite and expression indexes, further uniques) goes
//! into [`Table::indexes`]. A foreign key needs no index of its own: the schema model adds one
//! where no key or index starts with its columns.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    marker::PhantomData,
    sync::{Mutex, PoisonError},
};

use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn as _,
    RelationTrait as _, Schema,
    sea_query::{ColumnType, Index, IndexCreateStatement, TableCreateStatement},
};
use uuid::Uuid;

use crate::{scope::TenantId, sql::joined};

/// How tenants are told apart: the one value on which every rule of tenancy rests.
///
/// ```
/// use tenantry_entity::{IdType, Keys, Scope, Tenancy, tenancy::TENANCY};
///
/// const ORGANIZATIONS: Tenancy = Tenancy {
///     root: "organizations",
///     column: "organization_id",
///     id: IdType::BigInteger,
///     setting: "app.organization_id",
///     application_role: "billing_app",
///     keys: Keys::Single,
///     tables: &[("plans", Scope::OptionalTenant), ("order_lines", Scope::Through("order_id"))],
///     ..TENANCY
/// };
/// assert_eq!(ORGANIZATIONS.scope_of("orders", ["id", "organization_id"]), Scope::Tenant);
/// assert_eq!(ORGANIZATIONS.scope_of("currencies", ["code"]), Scope::Shared);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenancy {
    /// The table with a row for each tenant, to which every tenant column refers.
    pub root: &'static str,
    /// The primary key of that table.
    pub root_key: &'static str,
    /// The column that makes a table tenant-scoped.
    pub column: &'static str,
    /// The type of that column, and of the key it refers to.
    pub id: IdType,
    /// The setting that names the tenant whose rows the policies show. PostgreSQL wants a dot in it.
    pub setting: &'static str,
    /// The role that applications work as, unless another is named.
    pub application_role: &'static str,
    /// What the primary keys of tenant-scoped tables are like.
    pub keys: Keys,
    /// Tables that are otherwise than their columns say, by name.
    pub tables: &'static [(&'static str, Scope)],
    /// Whether a uuid column `id` without a default gets `DEFAULT gen_random_uuid()`, for rows that are not made
    /// through an `ActiveModel`.
    pub random_id_default: bool,
}

/// The type of tenants' keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdType {
    /// `uuid`
    Uuid,
    /// `bigint`
    BigInteger,
    /// `integer`
    Integer,
    /// `text`, or `varchar` of any length.
    Text,
}

/// What the primary keys of tenant-scoped tables are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keys {
    /// The tenant column comes first in the primary key, and foreign keys between tenant-scoped tables carry it:
    /// no reference can cross tenants.
    Composite,
    /// Primary keys are what they are, mostly `id` alone. A foreign key that does not carry the tenant can refer to
    /// a row of another tenant; each is a finding of `validate` until it does or is accepted by name.
    Single,
}

/// Nile's names, keys of uuid, and the role as every cluster may have it.
pub const TENANCY: Tenancy = Tenancy {
    root: "tenants",
    root_key: "id",
    column: "tenant_id",
    id: IdType::Uuid,
    setting: "nile.tenant_id",
    application_role: "tenantry_app",
    keys: Keys::Composite,
    tables: &[],
    random_id_default: true,
};

/// Names that no table and no column has: what a project without tenants goes by.
pub const NO_TENANCY: Tenancy = Tenancy {
    root: "",
    root_key: "",
    column: "",
    setting: "",
    tables: &[],
    random_id_default: false,
    ..TENANCY
};

impl Tenancy {
    /// Whom the rows of a table with these columns belong to.
    #[must_use]
    pub fn scope_of<'c>(&self, table: &str, columns: impl IntoIterator<Item = &'c str>) -> Scope {
        if table == self.root {
            return Scope::Root;
        }
        match self.tables.iter().find(|(name, _)| *name == table) {
            Some((_, scope)) => *scope,
            None if columns.into_iter().any(|column| column == self.column) => Scope::Tenant,
            None => Scope::Shared,
        }
    }

    /// The column of a table of that scope that says whose a row is.
    #[must_use]
    pub fn column_of(&self, scope: Scope) -> Option<&'static str> {
        match scope {
            Scope::Root => Some(self.root_key),
            Scope::Tenant | Scope::OptionalTenant => Some(self.column),
            Scope::Through(_) | Scope::Shared => None,
        }
    }
}

impl IdType {
    /// The type's name in PostgreSQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::BigInteger => "bigint",
            Self::Integer => "integer",
            Self::Text => "text",
        }
    }

    /// The key that a text names; `None` if no key of the type is written so.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<TenantId> {
        match self {
            Self::Uuid => Uuid::try_parse(text).ok().map(TenantId::from),
            Self::BigInteger => text.parse::<i64>().ok().map(TenantId::from),
            Self::Integer => text.parse::<i32>().ok().map(TenantId::from),
            Self::Text => (!text.is_empty()).then(|| TenantId::from(text)),
        }
    }

    /// What makes a value of the type of a text, as the end of an SQL expression.
    #[must_use]
    pub const fn cast(self) -> &'static str {
        match self {
            Self::Uuid => "::uuid",
            Self::BigInteger => "::bigint",
            Self::Integer => "::integer",
            Self::Text => "",
        }
    }
}

/// The setting by which Nile is told the tenant.
pub const NILE_SETTING: &str = TENANCY.setting;

/// The setting with the token of a [sealed scope](crate::scope::ScopeOptions::sealed).
pub const SEAL_SETTING: &str = "tenantry.seal";

/// The function that policies of a sealed project ask for the tenant.
pub const SEALED_TENANT: &str = "tenantry_sealed_tenant";

/// The table with the keys that seal scopes, which only its owner reads.
pub const SEAL_KEYS: &str = "tenantry_seal_keys";

/// What a transaction on Citus that works for one tenant begins with.
///
/// - Shards on the node itself are asked over a connection, like those on others: what Citus 13.2 writes
///   into them directly by COPY, or by an INSERT … SELECT that it cannot push down, passes every policy.
/// - `SET LOCAL` sets something on the other nodes, too, as far as the transaction reaches: without that,
///   the policies there show nothing.
///
/// <https://docs.citusdata.com/en/stable/develop/api_guc.html>
pub const SETTINGS_ON_EACH_NODE: &str = "SET LOCAL citus.enable_local_execution = off; \
     SET LOCAL citus.propagate_set_commands = 'local'; ";

/// Whom the rows of a table belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Each row is a tenant.
    Root,
    /// Each row belongs to the tenant in its tenant column.
    Tenant,
    /// The same, but the tenant column may be NULL: those rows are every tenant's to read, and no tenant's to write.
    OptionalTenant,
    /// The table has no tenant column: each row belongs to the tenant of the row to which this column refers.
    Through(&'static str),
    /// Rows belong to no tenant.
    Shared,
}

impl Scope {
    /// Whether a row belongs to a tenant, whichever way.
    #[must_use]
    pub fn is_of_a_tenant(self) -> bool {
        matches!(self, Self::Tenant | Self::OptionalTenant | Self::Through(_))
    }
}

/// An entity that says more to the engine than its attributes can. Any other one needs no implementation.
pub trait Table: EntityTrait {
    /// Indexes that no attribute can express, in SeaQuery's words.
    ///
    /// Leave the name out: the schema model names them as it names all others.
    #[must_use]
    fn indexes() -> Vec<IndexCreateStatement> {
        Vec::new()
    }
}

/// An entity that may have sample rows.
pub trait SampleCode: EntityTrait {
    /// The table's code within [sample ids](crate::sample_id): a part of every id, so that it is
    /// never changed, and never given to another table.
    const CODE: u8;
}

/// A tenant-scoped entity: one with a tenant column, which [`TenantScope`] can filter by.
///
/// [`TenantScope`]: crate::TenantScope
pub trait TenantScoped: EntityTrait {
    /// The tenant column.
    fn tenant_column() -> Self::Column;

    /// The column that tells the tenant's rows apart, mostly `id`.
    fn id_column() -> Self::Column;
}

/// Implements [`TenantScoped`] for the entity of the calling module: with the columns `tenant_id` and `id`, or with
/// those that are named. One without the columns does not compile.
///
/// ```ignore
/// tenantry_entity::tenant_scoped!();
/// tenantry_entity::tenant_scoped!(OrganizationId);
/// tenantry_entity::tenant_scoped!(OrganizationId, Code);
/// ```
#[macro_export]
macro_rules! tenant_scoped {
    () => {
        $crate::tenant_scoped!(TenantId, Id);
    };
    ($tenant:ident) => {
        $crate::tenant_scoped!($tenant, Id);
    };
    ($tenant:ident, $id:ident) => {
        impl $crate::TenantScoped for Entity {
            fn tenant_column() -> Column {
                Column::$tenant
            }

            fn id_column() -> Column {
                Column::$id
            }
        }
    };
}

/// What is done with the name of a relation.
pub type Named<'a> = &'a mut dyn FnMut(&str);

/// An entity as plain data, for code that goes over all of them.
#[derive(Clone, Debug)]
pub struct TableDef {
    /// The table's name, with the schema that `schema_name` says: `sales.orders`. See [`parts`](crate::sql::parts).
    pub name: &'static str,
    /// Column names, in the order of the model's fields.
    pub columns: Vec<&'static str>,
    /// The code within [sample ids](crate::sample_id); `None` for a table without sample rows.
    pub code: Option<u8>,
    /// What `comment` says of the table.
    pub comment: Option<String>,
    column_types: fn() -> Vec<ColumnType>,
    key: fn() -> Vec<&'static str>,
    /// Relations that are not read, by the names of their variants.
    skipped: Vec<&'static str>,
    follow_relations: fn(&[&str], Named<'_>),
    create_table: fn(&[&str], DbBackend) -> TableCreateStatement,
    create_indexes: fn(DbBackend) -> Vec<IndexCreateStatement>,
    indexes: fn() -> Vec<IndexCreateStatement>,
}

/// The name of an entity's table, with its schema if the entity says one.
#[must_use]
pub fn table_name<E: EntityTrait>() -> &'static str {
    static KNOWN: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let entity = E::default();
    match joined(entity.schema_name(), entity.table_name()) {
        Cow::Borrowed(name) => name,
        Cow::Owned(name) => {
            // Each is kept once, for as long as the program runs.
            let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(same) = known.get(name.as_str()) {
                return same;
            }
            let name: &'static str = name.leak();
            known.insert(name);
            name
        }
    }
}

/// Whether the database computes the values of a column, as `GENERATED ALWAYS AS (…)` in `extra` says.
#[must_use]
pub fn is_computed<E: EntityTrait>(column: &E::Column) -> bool {
    let column = Schema::new(DbBackend::Postgres).get_column_def::<E>(*column);
    let extra = column.get_column_spec().extra.as_deref().unwrap_or_default();
    computes(extra)
}

/// Whether `GENERATED ALWAYS AS (…)` is a part of a text, outside of parentheses and quotes.
fn computes(extra: &str) -> bool {
    let (mut depth, mut quote, mut outside) = (0_u32, None, String::new());
    for letter in extra.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(') => {
                depth += 1;
                outside.push_str(" ( ");
            }
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => outside.push(letter.to_ascii_uppercase()),
            _ => {}
        }
    }
    let words: Vec<&str> = outside.split_whitespace().collect();
    words.windows(4).any(|four| four == ["GENERATED", "ALWAYS", "AS", "("])
}

impl TableDef {
    /// The definition of the entity `E`.
    #[must_use]
    pub fn of<E: Table>() -> Self {
        Self { indexes: E::indexes, ..Self::plain::<E>() }
    }

    /// The definition of an entity that says nothing to the engine: it has no indexes beside those of its
    /// attributes.
    #[must_use]
    pub fn plain<E: EntityTrait>() -> Self {
        Self {
            name: table_name::<E>(),
            columns: E::Column::iter().map(|column| column.as_str()).collect(),
            code: None,
            comment: E::default().comment().map(str::to_owned),
            column_types: || {
                let types = E::Column::iter().map(|column| column.def().get_column_type().clone());
                types.collect()
            },
            key: || E::PrimaryKey::iter().map(|key| key.into_column().as_str()).collect(),
            skipped: Vec::new(),
            follow_relations: |skipped, before| {
                for relation in relations::<E>(skipped) {
                    before(&format!("{relation:?}"));
                    let _ = relation.def();
                }
            },
            create_table: create_table::<E>,
            create_indexes: |backend| Schema::new(backend).create_index_from_entity(E::default()),
            indexes: Vec::new,
        }
    }

    /// The same with a code within [sample ids](crate::sample_id), so that the table may have sample rows.
    #[must_use]
    pub fn with_code(self, code: u8) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Whom the rows belong to.
    #[must_use]
    pub fn scope(&self, tenancy: &Tenancy) -> Scope {
        tenancy.scope_of(self.name, self.columns.iter().copied())
    }

    /// Lets SeaORM define each relation, after its name was given to `before`. Where both sides of one are
    /// `has_many` or `has_one`, each asks the other for its foreign key, and the stack overflows.
    pub fn follow_relations(&self, before: Named<'_>) {
        (self.follow_relations)(&self.skipped, before);
    }

    /// The same without relations that are no foreign keys and that SeaORM cannot come to the end of, by the names of
    /// their variants.
    ///
    /// ```
    /// # use tenantry_entity::TableDef;
    /// # fn tables(all: Vec<TableDef>) -> Vec<TableDef> {
    /// all.into_iter().map(|def| def.without_relations("orders", &["Invoices"])).collect()
    /// # }
    /// ```
    #[must_use]
    pub fn without_relations(mut self, table: &str, relations: &[&'static str]) -> Self {
        if self.name == table {
            self.skipped.extend(relations);
        }
        self
    }

    /// The types of the columns, in the order of [`columns`](Self::columns), as the entity names them: in
    /// [`create_table`](Self::create_table), SeaORM has made a plain name of an enum of the database.
    #[must_use]
    pub fn column_types(&self) -> Vec<ColumnType> {
        (self.column_types)()
    }

    /// The columns of the primary key.
    #[must_use]
    pub fn key(&self) -> Vec<&'static str> {
        (self.key)()
    }

    /// The table as SeaORM reads the entity's attributes, before the tenancy rules.
    #[must_use]
    pub fn create_table(&self, backend: DbBackend) -> TableCreateStatement {
        (self.create_table)(&self.skipped, backend)
    }

    /// The indexes that `indexed` and `unique_key` ask for, before the tenancy rules.
    #[must_use]
    pub fn attribute_indexes(&self, backend: DbBackend) -> Vec<IndexCreateStatement> {
        (self.create_indexes)(backend)
    }

    /// The indexes of [`Table::indexes`].
    #[must_use]
    pub fn extra_indexes(&self) -> Vec<IndexCreateStatement> {
        (self.indexes)()
    }
}

/// The relations of an entity but for those that are skipped.
fn relations<E: EntityTrait>(skipped: &[&str]) -> impl Iterator<Item = E::Relation> {
    E::Relation::iter().filter(|relation| !skipped.contains(&&*format!("{relation:?}")))
}

/// As `Schema::create_table_from_entity` of SeaORM, which reads all relations.
fn create_table<E: EntityTrait>(skipped: &[&str], backend: DbBackend) -> TableCreateStatement {
    let schema = Schema::new(backend);
    let mut create = TableCreateStatement::new();
    for column in E::Column::iter() {
        create.col(schema.get_column_def::<E>(column));
    }
    let key: Vec<E::PrimaryKey> = E::PrimaryKey::iter().collect();
    if key.len() > 1 {
        let mut index = Index::create();
        for column in key {
            index.col(column);
        }
        create.primary_key(&mut index);
    }
    for relation in relations::<E>(skipped) {
        let relation = relation.def();
        if !relation.is_owner && !relation.skip_fk {
            create.foreign_key(&mut relation.into());
        }
    }
    create.table(E::default().table_ref()).take()
}

/// An entity in the list of [`tables!`](crate::tables): the definition is that of its [`Table`], if it is one.
#[doc(hidden)]
#[derive(Debug)]
pub struct Listed<E>(PhantomData<E>);

/// What [`Listed`] has where an entity is no [`Table`]. A method of the type itself goes first.
#[doc(hidden)]
pub trait ListedPlain {
    fn def(&self) -> TableDef;
}

impl<E> Listed<E> {
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Default for Listed<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Table> Listed<E> {
    #[must_use]
    pub fn def(&self) -> TableDef {
        TableDef::of::<E>()
    }
}

impl<E: EntityTrait> ListedPlain for Listed<E> {
    fn def(&self) -> TableDef {
        TableDef::plain::<E>()
    }
}

#[cfg(test)]
mod tests {
    use super::computes;

    #[test]
    fn only_generated_columns_are_computed() {
        for text in ["GENERATED ALWAYS AS (a) STORED", "check(a > 0)generated  always as(a + (b))"]
        {
            assert!(computes(text), "{text}");
        }
        for text in [
            "",
            "CHECK (kind <> 'GENERATED ALWAYS AS (a)')",
            "CHECK (generated)",
            "COLLATE \"GENERATED ALWAYS AS (\"",
            "GENERATED ALWAYS AS IDENTITY",
        ] {
            assert!(!computes(text), "{text}");
        }
    }
}
