//! The journal: what was done to the schema, when, by whom and with what, one row for each event,
//! in a table beside sea-orm-migration's own. Rows are only ever added.
//!
//! What is applied stays what `seaql_migrations` says, so that sea-orm-migration itself can go on
//! from us and we from it; the journal knows in which order, and what else there is to know.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, Statement,
    sea_query::{BinOper, ColumnDef, Expr, ExprTrait as _, Query, Table},
};
use serde::Serialize;
use tenantry_entity::Engine;

use crate::{
    config,
    db::{literal, quoted},
    error::Result,
};

/// The journal's name, beside the bookkeeping table of this name.
#[must_use]
pub fn table_beside(bookkeeping: &str) -> String {
    format!("{bookkeeping}_journal")
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A migration was applied.
    Applied,
    /// A migration was rolled back.
    RolledBack,
    /// A migration began that runs outside of a transaction. What ends it is another event.
    Applying,
    /// The rolling back of a migration began that runs outside of a transaction.
    RollingBack,
    /// A migration was found applied that another program has applied.
    Adopted,
    /// A migration was taken as applied, because the database had what it makes.
    Baselined,
    /// The migration was accepted as it is, for the reason given.
    Accepted,
    /// The environment that the database belongs to was noted.
    Environment,
    /// Sample rows were inserted into the table of this name, or deleted.
    Seeded,
    /// The transaction that applied or rolled back what is noted beside it, by the server's start and its number.
    Within,
}

impl Event {
    const ALL: [Self; 10] = [
        Self::Applied,
        Self::RolledBack,
        Self::Applying,
        Self::RollingBack,
        Self::Adopted,
        Self::Baselined,
        Self::Accepted,
        Self::Environment,
        Self::Seeded,
        Self::Within,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::RolledBack => "rolled_back",
            Self::Applying => "applying",
            Self::RollingBack => "rolling_back",
            Self::Adopted => "adopted",
            Self::Baselined => "baselined",
            Self::Accepted => "accepted",
            Self::Environment => "environment",
            Self::Seeded => "seeded",
            Self::Within => "within",
        }
    }
}

/// A row of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Counts the rows; greater means later.
    pub number: i64,
    /// What happened; `None` if a newer program wrote something that this one does not know.
    pub event: Option<Event>,
    /// The migration, the environment, or the table.
    pub name: String,
    pub at: DateTime<Utc>,
    /// In milliseconds.
    pub duration: Option<i64>,
    pub actor: Option<String>,
    pub host: Option<String>,
    pub pid: Option<i64>,
    pub tool: Option<String>,
    /// SHA-256 of the migration's SQL; see [`Runner::fingerprint`](super::Runner).
    pub fingerprint: Option<String>,
    pub reason: Option<String>,
}

impl Entry {
    /// Whether it says that a migration is applied.
    pub(super) fn says_applied(&self) -> bool {
        matches!(self.event, Some(Event::Applied | Event::Adopted | Event::Baselined))
    }

    /// Whether its name is a migration's.
    pub(super) fn is_about_a_migration(&self) -> bool {
        !matches!(self.event, Some(Event::Environment | Event::Seeded | Event::Within))
    }
}

/// What a database knows of its migrations.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// The names in the bookkeeping table, with their times in seconds since 1970-01-01 UTC.
    pub recorded: BTreeMap<String, i64>,
    /// The journal, oldest first.
    entries: Vec<Entry>,
    /// Where in it the rows about each migration are, oldest first: every command asks about every
    /// migration.
    by_name: HashMap<String, Vec<usize>>,
    /// Whether there is a bookkeeping table.
    pub has_bookkeeping: bool,
    /// Whether there is a journal.
    pub has_journal: bool,
}

impl History {
    /// The journal, oldest first.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds rows of the journal that are newer than those it has.
    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            if entry.is_about_a_migration() {
                self.by_name.entry(entry.name.clone()).or_default().push(self.entries.len());
            }
            self.entries.push(entry);
        }
    }

    /// The number of the newest row.
    pub(super) fn head(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.number)
    }

    /// The number of the newest row about a migration: what was seeded since is seen by itself.
    pub(super) fn migrations_head(&self) -> i64 {
        let mut newest = self.entries.iter().rev();
        newest.find(|entry| entry.is_about_a_migration()).map_or(0, |entry| entry.number)
    }

    /// Whether the bookkeeping has a migration as applied.
    pub(super) fn is_recorded(&self, name: &str) -> bool {
        self.recorded.contains_key(name)
    }

    /// The rows about one migration, newest first.
    pub(super) fn of<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h Entry> + use<'h> {
        let places = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        places.iter().rev().filter_map(|place| self.entries.get(*place))
    }

    /// The row since which a migration is applied; `None` if another program applied it, or it is
    /// not applied.
    pub(super) fn applied_by(&self, name: &str) -> Option<&Entry> {
        self.of(name)
            .take_while(|entry| entry.event != Some(Event::RolledBack))
            .filter(|entry| entry.says_applied())
            .last()
            .filter(|_| self.is_recorded(name))
    }

    /// Whether the journal knows that a migration was applied at any time.
    pub(super) fn was_here(&self, name: &str) -> bool {
        self.of(name).any(Entry::says_applied)
    }

    /// Whether the journal and the bookkeeping have the same migrations as applied.
    pub(super) fn is_whole(&self) -> bool {
        let ends = |event: Event| {
            matches!(event, Event::Applied | Event::Adopted | Event::Baselined | Event::RolledBack)
        };
        let applied = self.by_name.keys().filter(|name| {
            let newest = self.of(name).filter_map(|entry| entry.event).find(|event| ends(*event));
            newest.is_some_and(|event| event != Event::RolledBack)
        });
        let applied: BTreeSet<&String> = applied.collect();
        applied == self.recorded.keys().collect()
    }

    /// The row that says that a migration has begun, if none says that it has ended.
    pub(super) fn half_done(&self, name: &str) -> Option<&Entry> {
        let unfinished =
            |entry: &&Entry| matches!(entry.event, Some(Event::Applying | Event::RollingBack));
        self.of(name).next().filter(unfinished)
    }

    /// The SQL that a migration is known to have had; `None` if it was not noted.
    pub(super) fn fingerprint_of(&self, name: &str) -> Option<&str> {
        self.of(name)
            .take_while(|entry| entry.event != Some(Event::RolledBack))
            .find_map(|entry| entry.fingerprint.as_deref())
    }

    /// The environment that the database belongs to.
    pub(super) fn environment(&self) -> Option<&str> {
        environment(&self.entries)
    }
}

/// The environment that was noted last.
pub(super) fn environment(entries: &[Entry]) -> Option<&str> {
    let mut newest = entries.iter().rev();
    newest.find(|it| it.event == Some(Event::Environment)).map(|it| it.name.as_str())
}

/// Whether the rows of an engine's catalogue tell the transaction that wrote them, so that the journal notes it.
pub(super) fn names_transactions(engine: Engine) -> bool {
    engine == Engine::Postgres
}

/// How the journal names the present transaction. Numbers of transactions are a server's own: those that a dump
/// brings from another one, or from before an upgrade, must not be taken for its own, and no other fact that every
/// role may ask for tells two servers apart. After a restart it only takes longer.
const TRANSACTION: &str =
    "extract(epoch FROM pg_postmaster_start_time())::text || ' ' || pg_current_xact_id()::text";

/// SQL for the numbers of the transactions that the journal names, as `xmin` has them; `None` if it names none.
pub(super) fn transactions_sql(entries: &[Entry]) -> Option<String> {
    let named = entries.iter().filter(|entry| entry.event == Some(Event::Within));
    let values: Vec<String> = named
        .filter_map(|entry| {
            let (start, number) = entry.name.split_once(' ')?;
            let number: i64 = number.parse().ok()?;
            Some(format!("({}, {number})", literal(start)))
        })
        .collect();
    // `xmin` is the lower half of the number, which is told by it for two thousand million transactions.
    (!values.is_empty()).then(|| {
        format!(
            "SELECT (v.number & 4294967295)::text AS x FROM (VALUES {}) v (start, number) \
             WHERE v.start = extract(epoch FROM pg_postmaster_start_time())::text \
             AND pg_snapshot_xmax(pg_current_snapshot())::text::bigint - v.number < 2000000000",
            values.join(", ")
        )
    })
}

/// Something to write into the journal.
#[derive(Clone, Debug)]
pub(super) struct Note<'a> {
    pub event: Event,
    pub name: &'a str,
    /// When it happened, which may be some time before it is written.
    pub at: DateTime<Utc>,
    /// In milliseconds.
    pub duration: Option<i64>,
    pub fingerprint: Option<String>,
    pub reason: Option<&'a str>,
}

impl<'a> Note<'a> {
    /// About what is in the sample rows of a table.
    pub(super) fn seeded(table: &'a str, text: &str) -> Self {
        Self { fingerprint: Some(text.to_owned()), ..Self::new(Event::Seeded, table) }
    }

    pub(super) fn new(event: Event, name: &'a str) -> Self {
        Self { event, name, at: Utc::now(), duration: None, fingerprint: None, reason: None }
    }

    /// How long it took.
    pub(super) fn took(self, time: Duration) -> Self {
        Self { duration: i64::try_from(time.as_millis()).ok(), ..self }
    }
}

const COLUMNS: &str =
    "number, event, name, at, duration_ms, actor, host, pid, tool, fingerprint, reason";

/// Reads everything in one statement; `None` if a table is missing or is not in the current schema, or
/// if `unless`, a condition in SQL, is not true. Not for inside a transaction, which a missing table
/// would end.
pub(super) async fn read_quickly<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    bookkeeping: &str,
    unless: Option<&str>,
) -> Option<History> {
    let here = match engine {
        Engine::Sqlite => String::new(),
        // A table of that name further down the search path is not ours.
        _ => "WHERE t.tableoid IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n \
              ON n.oid = c.relnamespace WHERE n.nspname = current_schema())"
            .to_owned(),
    };
    let also = unless.map(|condition| {
        let nothing = "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";
        format!(
            "UNION ALL SELECT 'u', NULL, 0, NULL, '', {nothing} WHERE ({condition}) IS NOT TRUE"
        )
    });
    let also = also.unwrap_or_default();
    let sql = format!(
        "SELECT 'r' AS kind, applied_at, 0 AS number, NULL AS event, version AS name, NULL AS at, \
         NULL AS duration_ms, NULL AS actor, NULL AS host, NULL AS pid, NULL AS tool, \
         NULL AS fingerprint, NULL AS reason FROM {} t {here} \
         UNION ALL SELECT 'j', NULL, {COLUMNS} FROM {} t {here} {also} ORDER BY 1 DESC, 3, 5",
        quoted(bookkeeping),
        quoted(&table_beside(bookkeeping)),
    );
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await.ok()?;
    let mut history = History { has_bookkeeping: true, has_journal: true, ..History::default() };
    for row in &rows {
        let kind: String = row.try_get("", "kind").ok()?;
        if kind == "u" {
            return None;
        }
        if kind == "r" {
            let name = row.try_get("", "name").ok()?;
            history.recorded.insert(name, row.try_get("", "applied_at").ok()?);
        } else {
            history.extend([entry(row).ok()?]);
        }
    }
    // No row of the bookkeeping says where it is.
    (engine == Engine::Sqlite || !history.recorded.is_empty()).then_some(history)
}

/// Reads the journal, which is there.
pub(super) async fn read<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    bookkeeping: &str,
) -> Result<Vec<Entry>, DbErr> {
    let table = quoted(&table_beside(bookkeeping));
    let sql = format!("SELECT {COLUMNS} FROM {table} ORDER BY number");
    let rows = db.query_all_raw(Statement::from_string(engine.backend(), sql)).await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &QueryResult) -> Result<Entry, DbErr> {
    let event: String = row.try_get("", "event")?;
    Ok(Entry {
        number: row.try_get("", "number")?,
        event: Event::ALL.into_iter().find(|known| known.name() == event),
        name: row.try_get("", "name")?,
        at: row.try_get("", "at")?,
        duration: row.try_get("", "duration_ms")?,
        actor: row.try_get("", "actor")?,
        host: row.try_get("", "host")?,
        pid: row.try_get("", "pid")?,
        tool: row.try_get("", "tool")?,
        fingerprint: row.try_get("", "fingerprint")?,
        reason: row.try_get("", "reason")?,
    })
}

/// Creates the table unless it exists.
pub(super) async fn create<C: ConnectionTrait>(db: &C, bookkeeping: &str) -> Result<(), DbErr> {
    let text = |name: &'static str| ColumnDef::new(name).text().null().take();
    let table = Table::create()
        .table(table_beside(bookkeeping))
        .if_not_exists()
        .col(ColumnDef::new("number").big_integer().not_null().primary_key())
        .col(ColumnDef::new("event").text().not_null())
        .col(ColumnDef::new("name").text().not_null())
        .col(ColumnDef::new("at").timestamp_with_time_zone().not_null())
        .col(ColumnDef::new("duration_ms").big_integer().null())
        .col(text("actor"))
        .col(text("host"))
        .col(ColumnDef::new("pid").big_integer().null())
        .col(text("tool"))
        .col(text("fingerprint"))
        .col(text("reason"))
        .take();
    db.execute(&table).await?;
    Ok(())
}

/// The bookkeeping beside which the journal is, and the program that writes into it.
#[derive(Clone, Copy)]
pub(super) struct Ledger<'l> {
    /// The table in which applied migrations are recorded.
    pub table: &'l str,
    /// Name and version of the program.
    pub tool: &'l str,
}

/// Writes notes into the journal after the row `head`, in one statement; gives the new rows.
pub(super) async fn write<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    ledger: Ledger<'_>,
    head: i64,
    notes: &[Note<'_>],
) -> Result<Vec<Entry>, DbErr> {
    let (host, actor) = (whoami::hostname().ok(), config::actor());
    let Ledger { table: bookkeeping, tool } = ledger;
    let last = i64::try_from(notes.len()).ok().and_then(|count| head.checked_add(count));
    let Some(last) = last else {
        return Err(DbErr::Custom(format!(
            "the journal {} ends with the number {head}, after which none comes: it was altered by hand",
            table_beside(bookkeeping)
        )));
    };
    let entries: Vec<Entry> = (head + 1..=last)
        .zip(notes)
        .map(|(number, note)| Entry {
            number,
            event: Some(note.event),
            name: note.name.to_owned(),
            at: note.at,
            duration: note.duration,
            actor: Some(actor.clone()),
            host: host.clone(),
            pid: Some(i64::from(std::process::id())),
            tool: Some(tool.to_owned()),
            fingerprint: note.fingerprint.clone(),
            reason: note.reason.map(ToOwned::to_owned),
        })
        .collect();
    // On a server, it is a role as well who does it.
    let actor_sql = |actor: &Option<String>| match engine {
        Engine::Sqlite => Expr::val(actor.clone()),
        _ => Expr::val(actor.clone())
            .binary(BinOper::Custom("||"), Expr::cust("' as ' || session_user")),
    };
    let name_sql = |entry: &Entry| match entry.event {
        Some(Event::Within) => Expr::cust(TRANSACTION),
        _ => Expr::val(entry.name.as_str()),
    };
    let mut insert = Query::insert();
    insert.into_table(table_beside(bookkeeping)).columns(COLUMNS.split(", "));
    for entry in &entries {
        let event = entry.event.map_or("", Event::name);
        insert.values_panic([
            entry.number.into(),
            event.into(),
            name_sql(entry),
            entry.at.into(),
            entry.duration.into(),
            actor_sql(&entry.actor),
            entry.host.clone().into(),
            entry.pid.into(),
            entry.tool.clone().into(),
            entry.fingerprint.clone().into(),
            entry.reason.clone().into(),
        ]);
    }
    let written = db.execute(&insert).await?.rows_affected();
    if written != entries.len() as u64 {
        return Err(DbErr::Custom(format!(
            "the table {} does not keep what is written into it: is there a trigger or a rule on it?",
            table_beside(bookkeeping)
        )));
    }
    Ok(entries)
}
