//! The key of a tenant, of whichever type it is.

use std::fmt;

use sea_orm::{DbErr, Value, sea_query::ColumnType};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::sql::literal;

/// The key of a tenant: a row's key in the root table, a tenant column's value everywhere else.
///
/// ```
/// use tenantry_entity::TenantId;
///
/// assert_eq!(TenantId::from(7), TenantId::Integer(7));
/// assert_eq!(TenantId::from("acme").to_string(), "acme");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TenantId {
    /// A uuid.
    Uuid(Uuid),
    /// An integer of any width.
    Integer(i64),
    /// A text.
    Text(String),
}

impl TenantId {
    /// The value for a column of this type. An integer that is too large for it becomes one that no column of the
    /// type takes.
    #[must_use]
    pub fn value(&self, column: &ColumnType) -> Value {
        match (self, column) {
            (Self::Uuid(id), _) => Value::from(*id),
            (Self::Integer(id), ColumnType::Integer) => {
                i32::try_from(*id).map_or_else(|_| Value::from(*id), Value::from)
            }
            (Self::Integer(id), ColumnType::SmallInteger) => {
                i16::try_from(*id).map_or_else(|_| Value::from(*id), Value::from)
            }
            (Self::Integer(id), _) => Value::from(*id),
            (Self::Text(id), _) => Value::from(id.as_str()),
        }
    }

    /// The key as a literal of SQL, whatever `standard_conforming_strings` is.
    pub(super) fn literal(&self) -> Result<String, DbErr> {
        match self {
            Self::Text(id) if id.is_empty() || id.contains('\0') => {
                Err(DbErr::Custom("this cannot be the key of a tenant".to_owned()))
            }
            Self::Text(id) if id.contains('\\') => {
                Ok(format!("E{}", literal(&id.replace('\\', "\\\\"))))
            }
            id => Ok(literal(&id.to_string())),
        }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(id) => id.fmt(f),
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) => f.write_str(id),
        }
    }
}

impl From<Uuid> for TenantId {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl From<i64> for TenantId {
    fn from(id: i64) -> Self {
        Self::Integer(id)
    }
}

impl From<i32> for TenantId {
    fn from(id: i32) -> Self {
        Self::Integer(id.into())
    }
}

impl From<String> for TenantId {
    fn from(id: String) -> Self {
        Self::Text(id)
    }
}

impl From<&str> for TenantId {
    fn from(id: &str) -> Self {
        Self::Text(id.to_owned())
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(id) => serializer.serialize_i64(*id),
            id => serializer.collect_str(id),
        }
    }
}

impl PartialEq<Uuid> for TenantId {
    fn eq(&self, other: &Uuid) -> bool {
        matches!(self, Self::Uuid(id) if id == other)
    }
}
