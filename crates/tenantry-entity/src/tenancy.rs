//! Which tables belong to a tenant, and what follows from it.
//!
//! A table with a `tenant_id` column is tenant-scoped; nothing else declares it. For such a table
//!
//! - the primary key is `(tenant_id, id)` and `tenant_id` refers to `tenants(id)`, so that a
//!   tenant's rows go with the tenant;
//! - a foreign key to another tenant-scoped table carries `tenant_id` on both sides, so that no row
//!   can point at another tenant's row, on any engine;
//! - `indexed` on a column means an index on `(tenant_id, column)`;
//! - a unique is `unique_key = "tenant_<column>"` on `tenant_id` *and* on the column, which also
//!   makes SeaORM generate a finder that asks for the tenant. A bare `unique` would be unique
//!   across all tenants and is refused by the schema model.
//!
//! What attributes cannot say (partial, composite and expression indexes, further uniques) goes
//! into [`Table::indexes`]. A foreign key needs no index of its own: the schema model adds one
//! where no key or index starts with its columns.

use std::marker::PhantomData;

use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, IdenStatic, Iterable, RelationTrait as _, Schema,
    sea_query::{ColumnType, Index, IndexCreateStatement, TableCreateStatement},
};

/// How tenants are told apart: the names on which every rule of tenancy rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenancy {
    /// The table with a row for each tenant, to whose `id` every tenant column refers.
    pub root: &'static str,
    /// The column that makes a table tenant-scoped.
    pub column: &'static str,
    /// The setting that names the tenant whose rows the policies show.
    pub setting: &'static str,
    /// The role that applications work as, unless another is named.
    pub application_role: &'static str,
}

/// The names as Nile has them, and the role as every cluster may have it.
pub const TENANCY: Tenancy = Tenancy {
    root: "tenants",
    column: "tenant_id",
    setting: "nile.tenant_id",
    application_role: "tenantry_app",
};

/// [`Tenancy::root`]
pub const ROOT: &str = TENANCY.root;

/// [`Tenancy::column`]
pub const TENANT_ID: &str = TENANCY.column;

/// [`Tenancy::setting`]
pub const TENANT_SETTING: &str = TENANCY.setting;

/// The setting with the token of a [sealed scope](crate::scope::ScopeOptions::sealed).
pub const SEAL_SETTING: &str = "tenantry.seal";

/// The function that policies of a sealed project ask for the tenant.
pub const SEALED_TENANT: &str = "tenantry_sealed_tenant";

/// The table with the keys that seal scopes, which only its owner reads.
pub const SEAL_KEYS: &str = "tenantry_seal_keys";

/// [`Tenancy::application_role`]
pub const APPLICATION_ROLE: &str = TENANCY.application_role;

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
    /// Each row belongs to the tenant in its `tenant_id`.
    Tenant,
    /// Rows belong to no tenant: `tenants` itself, and `users`.
    Shared,
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

/// Whom the rows of an entity belong to, derived from its columns.
#[must_use]
pub fn scope_of<E: EntityTrait>() -> Scope {
    if E::Column::iter().any(|column| column.as_str() == TENANT_ID) {
        Scope::Tenant
    } else {
        Scope::Shared
    }
}

/// An entity that may have sample rows.
pub trait SampleCode: EntityTrait {
    /// The table's code within [sample ids](crate::sample_id): a part of every id, so that it is
    /// never changed, and never given to another table.
    const CODE: u8;
}

/// A tenant-scoped entity: one with a `tenant_id` column, which [`TenantScope`] can filter by.
///
/// [`TenantScope`]: crate::TenantScope
pub trait TenantScoped: EntityTrait {
    /// The column `tenant_id`.
    fn tenant_column() -> Self::Column;

    /// The column `id`, the other part of the key.
    fn id_column() -> Self::Column;
}

/// Implements [`TenantScoped`] for the entity of the calling module. One without the columns does
/// not compile.
#[macro_export]
macro_rules! tenant_scoped {
    () => {
        impl $crate::TenantScoped for Entity {
            fn tenant_column() -> Column {
                Column::TenantId
            }

            fn id_column() -> Column {
                Column::Id
            }
        }
    };
}

/// What is done with the name of a relation.
pub type Named<'a> = &'a mut dyn FnMut(&str);

/// An entity as plain data, for code that goes over all of them.
#[derive(Clone, Debug)]
pub struct TableDef {
    /// The table's name.
    pub name: &'static str,
    /// Whom the rows belong to.
    pub scope: Scope,
    /// Column names, in the order of the model's fields.
    pub columns: Vec<&'static str>,
    /// The code within [sample ids](crate::sample_id); `None` for a table without sample rows.
    pub code: Option<u8>,
    /// The database's schema that `schema_name` asks for.
    pub schema_name: Option<String>,
    column_types: fn() -> Vec<ColumnType>,
    /// Relations that are not read, by the names of their variants.
    skipped: Vec<&'static str>,
    follow_relations: fn(&[&str], Named<'_>),
    create_table: fn(&[&str], DbBackend) -> TableCreateStatement,
    create_indexes: fn(DbBackend) -> Vec<IndexCreateStatement>,
    indexes: fn() -> Vec<IndexCreateStatement>,
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
            name: E::default().table_name(),
            scope: scope_of::<E>(),
            columns: E::Column::iter().map(|column| column.as_str()).collect(),
            code: None,
            schema_name: E::default().schema_name().map(str::to_owned),
            column_types: || {
                let types = E::Column::iter().map(|column| column.def().get_column_type().clone());
                types.collect()
            },
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
