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
pub use scope::TenantScope;
pub use tenancy::{SampleCode, Scope, Table, TableDef, TenantScoped};

#[doc(hidden)]
pub use sea_orm;
#[doc(hidden)]
pub use uuid;

/// Declares the entity modules of an application, gives each table its code within
/// [sample ids](sample_id), and makes the one list of them, `all()`.
///
/// A table comes after all tables that it refers to. Codes are part of every sample id, so they
/// never change; a code that is used twice does not compile.
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
    ($($code:literal => $module:ident),* $(,)?) => {
        $(
            pub mod $module;

            impl $crate::SampleCode for $module::Entity {
                const CODE: u8 = $code;
            }
        )*

        const _: () = $crate::sample_id::assert_distinct(&[$($code),*]);

        /// Every entity, in foreign-key order: a table comes after all tables it refers to.
        #[must_use]
        pub fn all() -> Vec<$crate::TableDef> {
            vec![$($crate::TableDef::sampled::<$module::Entity>()),*]
        }
    };
}
