//! Who stands in the way of a session, and with what.

use std::{
    convert::Infallible,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend,
    sqlx::{self, ConnectOptions as _, PgConnection, Row as _, postgres::PgConnectOptions},
};
use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, Tokenizer},
};

use crate::error::{Error, Result};

/// How often to look at most.
const EVERY: Duration = Duration::from_secs(1);

/// How much of a query is shown, in characters.
const SHOWN: usize = 120;

/// Looks, over a connection of its own, which other sessions a server process waits for.
pub(super) struct Blockers {
    options: Arc<PgConnectOptions>,
    backend: i32,
    /// How often to look.
    every: Duration,
    seen: Mutex<Option<String>>,
}

impl Blockers {
    /// For the process behind one of this connection's sessions.
    /// They are looked for at least twice before a lock is given up.
    pub(super) fn of(
        connection: &DatabaseConnection,
        backend: i32,
        lock_timeout: Duration,
    ) -> Option<Self> {
        let is_postgres = !connection.is_mock_connection()
            && connection.get_database_backend() == DbBackend::Postgres;
        is_postgres.then(|| Self {
            options: connection.get_postgres_connection_pool().connect_options(),
            backend,
            every: EVERY.min(lock_timeout / 3),
            seen: Mutex::default(),
        })
    }

    /// Does `work`, says meanwhile whom it waits for, and says it again if it fails for that.
    pub(super) async fn watch_during<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let outcome = tokio::select! {
            outcome = work => outcome,
            never = self.watch() => match never {},
        };
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (outcome, seen) {
            (Err(error), Some(seen)) if error.is_about_a_lock() => {
                let blockers = format!("in the way was {seen}");
                Err(Error::Blocked { blockers, source: Box::new(error) })
            }
            (outcome, _) => outcome,
        }
    }

    /// The last statement that the watched process was given, as far as the server keeps it; `None` if
    /// the server does not tell.
    pub(super) async fn last_statement(&self) -> Option<String> {
        let connect = tokio::time::timeout(EVERY, self.options.connect());
        let mut connection = connect.await.ok()?.ok()?;
        let sql = "SELECT query, octet_length(query) \
                   >= pg_size_bytes(current_setting('track_activity_query_size')) - 4 \
                   FROM pg_stat_activity WHERE pid = $1 AND state LIKE 'idle%'";
        let asked = sqlx::query(sql).bind(self.backend).fetch_one(&mut connection);
        let row = tokio::time::timeout(EVERY, asked).await.ok()?.ok()?;
        let (text, is_cut): (String, bool) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
        // An error that was caught and gone on from is not where it failed.
        let is_ours = text.starts_with("ROLLBACK") || text.starts_with("SAVEPOINT");
        if is_ours {
            return None;
        }
        Some(if is_cut { format!("{text} …") } else { text })
    }

    /// Mostly the work is done before the first look, and nothing is connected.
    async fn watch(&self) -> Infallible {
        tokio::time::sleep(self.every).await;
        let Ok(mut connection) = self.options.connect().await else {
            // The role may be limited to one connection: then it is not known.
            return std::future::pending().await;
        };
        let mut said = String::new();
        loop {
            match self.look(&mut connection).await {
                Ok(found) if found.is_empty() => {}
                Ok(found) => {
                    if found != said {
                        tracing::warn!("waiting for {found}");
                        said.clone_from(&found);
                    }
                    *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                }
                Err(_) => return std::future::pending().await,
            }
            tokio::time::sleep(self.every).await;
        }
    }

    async fn look(&self, connection: &mut PgConnection) -> Result<String, sqlx::Error> {
        let sql = "SELECT b.pid, coalesce(a.usename::text, '?'), coalesce(a.application_name, ''), \
                   a.query, to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS') \
                   FROM (SELECT DISTINCT unnest(pg_blocking_pids($1)) AS pid) b \
                   LEFT JOIN pg_stat_activity a ON a.pid = b.pid ORDER BY b.pid LIMIT 3";
        let rows = sqlx::query(sql).bind(self.backend).fetch_all(connection).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let (pid, user, application): (i32, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let (query, since): (Option<String>, Option<String>) =
                (row.try_get(3)?, row.try_get(4)?);
            let application =
                if application.is_empty() { application } else { format!(" ({application})") };
            let since =
                since.map(|at| format!(", in a transaction since {at} UTC")).unwrap_or_default();
            let query = match query {
                // What the server says of another role's query.
                Some(query) if query == "<insufficient privilege>" => {
                    ", doing what this role may not see".to_owned()
                }
                Some(query) if !query.is_empty() => format!(": `{}`", without_values(&query)),
                _ => String::new(),
            };
            found.push(format!("process {pid}{application} as {user}{since}{query}"));
        }
        Ok(found.join("; "))
    }
}

/// A query without what may be data or a password: its strings and numbers.
fn without_values(query: &str) -> String {
    let hidden = |token: Token| match token {
        Token::Number(..) => "?".to_owned(),
        Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_) => "'…'".to_owned(),
        // A comment may hold what was taken out of the query.
        Token::Whitespace(_) => " ".to_owned(),
        other => other.to_string(),
    };
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, query).tokenize() else {
        return query.split_whitespace().next().unwrap_or_default().to_owned() + " …";
    };
    let text: String = tokens.into_iter().map(hidden).collect();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn no_value_of_a_query_is_shown() {
        assert_eq!(
            without_values("ALTER ROLE a PASSWORD 'x y'; -- 'z'\n SELECT 17, $$q$$, E'\\n', \"t\""),
            "ALTER ROLE a PASSWORD '…'; SELECT ?, '…', '…', \"t\""
        );
        assert_eq!(without_values("SELECT 'never closed"), "SELECT …");
        assert_eq!(without_values(&"a ".repeat(200)).chars().count(), super::SHOWN + 1);
    }
}
