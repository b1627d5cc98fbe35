//! Sample rows of `users`. They belong to no tenant, so a number is all that makes them.

use chrono::{DateTime, Duration, Utc};
use entity::{prelude::*, user::ActiveModel};

use super::words::{address, person};
use crate::ids::id as sample;

/// When the first user signed up: 2025-01-05 08:00 UTC, a day before the first tenant.
const FIRST: i64 = 1_736_064_000;

fn created(n: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(FIRST, 0).unwrap_or_default() + Duration::minutes(i64::from(n) * 11)
}

/// The id of user `n`.
#[must_use]
pub fn id(n: u32) -> Uuid {
    sample::<User>(0, n, created(n))
}

/// Full name and address of user `n`.
pub(super) fn identity(n: u32) -> (String, String) {
    let (given, family) = person(n);
    (format!("{given} {family}"), address((given, family), "example.com"))
}

/// User `n`.
#[must_use]
pub fn row(n: u32) -> ActiveModel {
    let (given, family) = person(n);
    let (name, email) = identity(n);
    let created = created(n).naive_utc();
    // Every fifth has not confirmed the address yet.
    let verified = (n % 5 != 4).then(|| created + Duration::minutes(4));
    ActiveModel {
        id: Set(id(n)),
        email: Set(email),
        name: Set(Some(name)),
        given_name: Set(Some(given.to_owned())),
        family_name: Set(Some(family.to_owned())),
        picture: Set(n.is_multiple_of(3).then(|| format!("https://pictures.example/{n}.png"))),
        email_verified: Set(verified),
        created: Set(created),
        updated: Set(verified.unwrap_or(created)),
        deleted: Set(None),
    }
}
