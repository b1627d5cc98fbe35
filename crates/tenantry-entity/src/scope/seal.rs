//! Seals: how a scope proves to the server which tenant it works for.
//!
//! Any SQL of a session can change a setting. So a sealed scope names its tenant by a token, which only the
//! holder of a key can make: an HMAC over tenant and end. The policies ask a function for the tenant, which
//! checks the token, and the key is in a table that only its owner reads.

use std::{
    collections::HashSet,
    fmt::{self, Write as _},
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sea_orm::{
    DbErr,
    sqlx::{self, PgConnection, PgPool},
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{engine::place, sql::quoted};

/// The variable with the key, for `migration seal` and [`SealKey::from_env`].
pub const SEAL_KEY_VARIABLE: &str = "TENANTRY_SEAL_KEY";

/// What every sealed text begins with, so that no HMAC for another purpose is one of these.
pub const SEALED_TEXT: &str = "tenantry.1";

/// How long a token is good for unless [`ScopeOptions::seal_lifetime`](super::ScopeOptions::seal_lifetime)
/// says otherwise. It only has to be good when the transaction begins, so this is for clocks that differ.
pub(super) const LIFETIME: Duration = Duration::from_mins(1);

/// How far ahead the server lets the end of a token be, in seconds. A clock that is further ahead than this
/// makes no token that the server takes.
pub const LONGEST_LIFETIME: u32 = 3600;

/// Bytes of a block of SHA-256: <https://www.rfc-editor.org/rfc/rfc2104#section-2>
const BLOCK: usize = 64;

/// The fewest bytes that a key has.
const SHORTEST: usize = 32;

/// The key that seals scopes. It is shown nowhere: printing one prints its fingerprint.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey {
    inner: [u8; BLOCK],
    outer: [u8; BLOCK],
}

/// Why something is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealKeyError {
    /// `TENANTRY_SEAL_KEY` is not set, or is empty.
    Missing,
    /// It has fewer than 32 bytes.
    TooShort,
}

impl fmt::Display for SealKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(
                f,
                "{SEAL_KEY_VARIABLE} is not set: it is the key that seals tenant scopes, such as \
                 `openssl rand -hex 32` makes"
            ),
            Self::TooShort => write!(
                f,
                "the key that seals tenant scopes has fewer than {SHORTEST} bytes: take what \
                 `openssl rand -hex 32` makes"
            ),
        }
    }
}

impl std::error::Error for SealKeyError {}

impl SealKey {
    /// A key of these bytes. They should be random; a word that can be guessed is no key.
    ///
    /// # Errors
    ///
    /// If there are fewer than 32.
    pub fn new(secret: &[u8]) -> Result<Self, SealKeyError> {
        if secret.len() < SHORTEST {
            return Err(SealKeyError::TooShort);
        }
        let mut key = [0; BLOCK];
        if secret.len() > BLOCK {
            key[..SHORTEST].copy_from_slice(&Sha256::digest(secret));
        } else {
            key[..secret.len()].copy_from_slice(secret);
        }
        Ok(Self { inner: key.map(|byte| byte ^ 0x36), outer: key.map(|byte| byte ^ 0x5c) })
    }

    /// The key in `TENANTRY_SEAL_KEY`.
    ///
    /// # Errors
    ///
    /// If it is missing or too short.
    pub fn from_env() -> Result<Self, SealKeyError> {
        match std::env::var(SEAL_KEY_VARIABLE) {
            Ok(secret) if !secret.trim().is_empty() => secret.parse(),
            _ => Err(SealKeyError::Missing),
        }
    }

    /// What the server keeps of the key: the blocks that the inner and the outer hash of an HMAC begin with, in
    /// hexadecimal digits. A program that has them can make tokens.
    #[must_use]
    pub fn blocks(&self) -> [String; 2] {
        [&self.inner, &self.outer].map(|block| hex(block))
    }

    /// Tells keys apart, and tells nothing of a key: 16 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&self.mac("fingerprint")[..8])
    }

    /// A token for the tenant that is good until then. A time before 1970 is 1970.
    #[must_use]
    pub fn token(&self, tenant: Uuid, until: SystemTime) -> String {
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let sealed = format!("{SEALED_TEXT}.{tenant}.{until}");
        let mac = hex(&self.mac(&sealed));
        format!("{tenant}.{until}.{mac}")
    }

    /// HMAC-SHA-256: <https://www.rfc-editor.org/rfc/rfc2104>
    fn mac(&self, text: &str) -> [u8; 32] {
        let inner = Sha256::new().chain_update(self.inner).chain_update(text).finalize();
        Sha256::new().chain_update(self.outer).chain_update(inner).finalize().into()
    }
}

impl FromStr for SealKey {
    type Err = SealKeyError;

    /// The text's bytes are the key, without white space around it.
    fn from_str(secret: &str) -> Result<Self, SealKeyError> {
        Self::new(secret.trim().as_bytes())
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.fingerprint())
    }
}

/// The logins that are known to be bound by the policies, by database.
static BOUND: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Whether the role may do nothing but what the application role may: it is no superuser, may make no roles,
/// and becomes none but the role and itself.
const IS_BOUND: &str = "SELECT NOT (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles o WHERE o.oid OPERATOR(pg_catalog.<>) r.oid \
     AND o.rolname OPERATOR(pg_catalog.<>) $1::pg_catalog.name \
     AND pg_catalog.pg_has_role(r.oid, o.oid, 'MEMBER')) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relowner OPERATOR(pg_catalog.=) r.oid) \
     FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) session_user";

/// Fails unless the login is nothing but a member of the application role: it could leave a sealed scope.
/// Each login is asked about once.
pub(super) async fn ensure_bound(
    pool: &PgPool,
    connection: &mut PgConnection,
    role: &str,
) -> Result<(), DbErr> {
    let options = pool.connect_options();
    let place = format!("{}\0{}\0{role}", place(&options), options.get_username());
    let is_known = |place: &str| {
        BOUND.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().contains(place)
    };
    if is_known(&place) {
        return Ok(());
    }
    let asked = sqlx::query_scalar(IS_BOUND).persistent(false).bind(role);
    let is_bound: bool = asked.fetch_one(connection).await.map_err(super::session::failed)?;
    if !is_bound {
        return Err(DbErr::Custom(format!(
            "a sealed tenant scope needs a login that is nothing but a member of {role}, and that of this \
             connection owns something, is a member of other roles, or may pass the policies: make one \
             with `CREATE ROLE … LOGIN PASSWORD … IN ROLE {}`",
            quoted(role)
        )));
    }
    BOUND.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(place);
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Test cases 6 and 7 of <https://www.rfc-editor.org/rfc/rfc4231>, whose keys are long enough.
    #[test]
    fn the_code_is_an_hmac() {
        let key = SealKey::new(&[0xaa; 131]).unwrap();
        assert_eq!(
            hex(&key.mac("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        let text = "This is a test using a larger than block-size key and a larger than block-size data. \
                    The key needs to be hashed before being used by the HMAC algorithm.";
        assert_eq!(
            hex(&key.mac(text)),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        );
    }

    #[test]
    fn a_key_is_long_and_is_not_shown() {
        assert_eq!(SealKey::new(&[1; 31]), Err(SealKeyError::TooShort));
        assert_eq!("  ".parse::<SealKey>(), Err(SealKeyError::TooShort));
        let secret = "0123456789abcdef0123456789abcdef";
        let key: SealKey = format!(" {secret}\n").parse().unwrap();
        assert_eq!(key, SealKey::new(secret.as_bytes()).unwrap());
        assert_ne!(key, SealKey::new(b"0123456789abcdef0123456789abcdeX").unwrap());
        let shown = format!("{key:?}");
        assert!(shown.len() < 40 && !shown.contains(&secret[..8]), "{shown}");
    }

    #[test]
    fn a_token_names_tenant_and_end() {
        let key = SealKey::new(&[7; 32]).unwrap();
        let token = key.token(Uuid::nil(), UNIX_EPOCH + Duration::from_secs(12));
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts[..2], ["00000000-0000-0000-0000-000000000000", "12"]);
        assert_eq!(parts[2].len(), 64);
        assert_ne!(token, key.token(Uuid::nil(), UNIX_EPOCH + Duration::from_secs(13)));
    }
}
