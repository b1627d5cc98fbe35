#![doc = include_str!("../README.md")]
#![allow(
    clippy::disallowed_methods,
    reason = "what SeaORM derives calls `find`, and scoped queries are made of it"
)]

#[doc(hidden)]
pub mod behavior;
pub mod current;
pub mod engine;
pub mod sample_id;
pub mod scope;
pub mod sql;
pub mod tenancy;

pub use current::{Currency, ensure_current};
pub use engine::{Capability, Engine};
pub use scope::{SealKey, TenantId, TenantScope};
pub use tenancy::{IdType, Keys, SampleCode, Scope, Table, TableDef, Tenancy, TenantScoped};

#[doc(hidden)]
pub use sea_orm;
#[doc(hidden)]
pub use serde;
#[doc(hidden)]
pub use uuid;

/// Declares the entity modules of an application, gives each table its code within
/// [sample ids](sample_id), and makes the one list of them, `all()`.
///
/// A table comes after all tables that it refers to. Codes are part of every sample id, so they
/// never change; a code that is used twice does not compile. An entity without a code gets no sample rows.
///
/// ```ignore
/// tenantry_entity::entities![
///     0 => tenant,
///     1 => product,
///     2 => order,
/// ];
/// ```
#[macro_export]
macro_rules! entities {
    ($($($code:literal =>)? $module:ident),* $(,)?) => {
        $(
            pub mod $module;

            $(
                impl $crate::SampleCode for $module::Entity {
                    const CODE: u8 = $code;
                }
            )?
        )*

        /// Every entity, in foreign-key order: a table comes after all tables it refers to.
        #[must_use]
        pub fn all() -> Vec<$crate::TableDef> {
            $crate::tables![$($($code =>)? $module::Entity),*]
        }
    };
}

/// The definitions of entities that are somewhere else. Nothing has to be written in them; what one says as a
/// [`Table`] counts.
///
/// Those that may have sample rows have a code within [sample ids](sample_id) in front, and come after the others that
/// they refer to. A code that is used twice does not compile.
///
/// ```
/// mod cake {
///     use sea_orm::entity::prelude::*;
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
///     #[sea_orm(table_name = "cakes")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub name: String,
///     }
///
///     #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// let all = tenantry_entity::tables![cake::Entity];
/// assert_eq!((all[0].name, all[0].code), ("cakes", None));
/// let all = tenantry_entity::tables![7 => cake::Entity];
/// assert_eq!(all[0].code, Some(7));
/// ```
#[macro_export]
macro_rules! tables {
    ($($($code:literal =>)? $entity:ty),* $(,)?) => {{
        #[allow(unused_imports, reason = "used by entities that are no `Table`")]
        use $crate::tenancy::ListedPlain as _;
        const _: () = $crate::sample_id::assert_distinct(&[$($($code,)?)*]);
        vec![$($crate::tenancy::Listed::<$entity>::new().def()$(.with_code($code))?),*]
    }};
}

/// Declares an enum that is kept as text: SeaORM and serde both write a value as its name in small letters
/// and underscores.
///
/// SeaORM cannot put the list of values into a CHECK, so the column has it: `extra = "CHECK (status IN
/// ('new', 'won'))"`. `#[derive(Default)]` and `#[default]` say which one a new row has.
///
/// ```
/// use sea_orm::ActiveEnum as _;
///
/// tenantry_entity::text_enum! {
///     /// How far a deal is.
///     #[derive(Default)]
///     pub enum Status {
///         /// Not answered yet.
///         #[default]
///         New,
///         /// It is ours.
///         Won,
///     }
/// }
///
/// assert_eq!(Status::Won.to_value(), "won");
/// ```
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variants:tt)* }) => {
        #[derive(
            Clone,
            Copy,
            Debug,
            PartialEq,
            Eq,
            Hash,
            $crate::sea_orm::EnumIter,
            $crate::sea_orm::DeriveActiveEnum,
            $crate::serde::Serialize,
            $crate::serde::Deserialize,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
        #[serde(rename_all = "snake_case")]
        $(#[$meta])*
        $vis enum $name {
            $($variants)*
        }
    };
}
