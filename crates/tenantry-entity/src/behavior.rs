//! What every active model does before it is saved: make its id, keep its timestamps.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};

/// The present moment in the type of a timestamp column.
///
/// Cut to microseconds, which is what PostgreSQL keeps: what was saved equals what is read back.
pub trait Now {
    /// It.
    fn now() -> Self;
}

impl Now for DateTime<Utc> {
    fn now() -> Self {
        Utc::now().trunc_subsecs(6)
    }
}

/// For the columns without zone of `tenants` and `users`, which hold UTC.
impl Now for NaiveDateTime {
    fn now() -> Self {
        <DateTime<Utc> as Now>::now().naive_utc()
    }
}

/// Implements `ActiveModelBehavior` for the entity of the calling module.
///
/// `new()` makes a time-ordered UUIDv7 `id`. Saving sets the `created` columns where they are not
/// set yet, and the `updated` column always. `insert_many` and `update_many` do not come through
/// here: for those the database's defaults hold.
#[macro_export]
macro_rules! active_model_behavior {
    () => {
        #[$crate::sea_orm::prelude::async_trait::async_trait]
        impl ActiveModelBehavior for ActiveModel {
            fn new() -> Self {
                Self {
                    id: $crate::sea_orm::ActiveValue::Set($crate::uuid::Uuid::now_v7()),
                    ..<Self as ActiveModelTrait>::default()
                }
            }
        }
    };
    (created: [$($created:ident),*] $(, updated: $updated:ident)?) => {
        #[$crate::sea_orm::prelude::async_trait::async_trait]
        impl ActiveModelBehavior for ActiveModel {
            fn new() -> Self {
                Self {
                    id: $crate::sea_orm::ActiveValue::Set($crate::uuid::Uuid::now_v7()),
                    ..<Self as ActiveModelTrait>::default()
                }
            }

            async fn before_save<C>(mut self, _db: &C, insert: bool) -> Result<Self, DbErr>
            where
                C: ConnectionTrait,
            {
                let now = $crate::behavior::Now::now();
                if insert {
                    $(if self.$created.is_not_set() {
                        self.$created = $crate::sea_orm::ActiveValue::Set(now);
                    })*
                }
                $(if !self.$updated.is_set() {
                    self.$updated = $crate::sea_orm::ActiveValue::Set(now);
                })?
                Ok(self)
            }
        }
    };
}
