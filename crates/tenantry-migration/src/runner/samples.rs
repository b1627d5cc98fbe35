//! Which rows are sample rows, and whether they are still as the seeder made them.
//!
//! An id tells a sample row from a real one, but not whether it was edited since. So
//! the seeder notes in the journal which data set it inserts and, for each table, how many rows there
//! are of it and a sum over what is in them, which it knows without reading them; and before anything
//! is dropped, the database takes the sum. It is over the columns
//! that there were at seeding; in a column that came later, anything but the default counts as
//! edited by hand.

use std::fmt::Write as _;

use sea_orm::ConnectionTrait;
use tenantry_entity::{Engine, Tenancy, sample_id::SampleCodes};
use tenantry_schema::fingerprint::sha256;

use super::{
    bookkeeping::{self, identity},
    journal::{self, Event, Note},
    permit::Destructive,
    stored::Contents,
    sums::{Sum, can_tell},
};
use crate::{
    config::PRODUCTION,
    error::Result,
    refusal::{Loss, Refusal},
    schema::Table,
};

/// What the journal says of the sample rows of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedSeeding {
    /// Which rows, in the seeder's words.
    pub spec: String,
    /// How far they have come.
    pub stage: SeedingStage,
}

/// How far sample rows have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedingStage {
    /// Inserting them has begun.
    Begun,
    /// All of them are there.
    Done,
    /// Removing them has begun.
    Leaving,
}

impl SeedingStage {
    fn text(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Leaving => "leaving",
        }
    }
}

/// The sample rows of one database: which they are, and what the journal says of them.
#[derive(Clone, Debug)]
pub struct Samples {
    pub(super) engine: Engine,
    pub(super) codes: SampleCodes,
    pub(super) tenancy: Tenancy,
    bookkeeping: String,
    tool: String,
}

/// The name under which the journal says which rows there are.
const DATA_SET: &str = "data set";

impl Samples {
    pub(crate) fn new(
        engine: Engine,
        codes: SampleCodes,
        tenancy: Tenancy,
        bookkeeping: &str,
        tool: &str,
    ) -> Self {
        let (bookkeeping, tool) = (bookkeeping.to_owned(), tool.to_owned());
        Self { engine, codes, tenancy, bookkeeping, tool }
    }

    /// Which sample rows there are; `None` if there are none, or it was not noted.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn seeding<C: ConnectionTrait>(&self, db: &C) -> Result<Option<NotedSeeding>> {
        let entries = self.read(db).await?;
        Ok(seeding_in(&entries))
    }

    /// Notes that these rows are about to be inserted, unless that is noted.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn note_seeding<C: ConnectionTrait>(&self, tx: &C, spec: &str) -> Result<()> {
        self.note_stage(tx, spec, SeedingStage::Begun).await
    }

    /// Notes that these rows are about to be removed, unless that is noted.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn note_cleaning<C: ConnectionTrait>(&self, tx: &C, spec: &str) -> Result<()> {
        self.note_stage(tx, spec, SeedingStage::Leaving).await
    }

    async fn note_stage<C: ConnectionTrait>(
        &self,
        tx: &C,
        spec: &str,
        stage: SeedingStage,
    ) -> Result<()> {
        let entries = self.read(tx).await?;
        if seeding_in(&entries).is_some_and(|noted| noted.spec == spec && noted.stage == stage) {
            return Ok(());
        }
        let noted = Note { reason: Some(spec), ..Note::seeded(DATA_SET, stage.text()) };
        self.note(tx, &entries, &[noted]).await
    }

    /// Notes that all of these rows are there, and what is in those of each table: over which columns, and
    /// what the sum is.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn note_seeded<C: ConnectionTrait>(
        &self,
        tx: &C,
        spec: &str,
        tables: &[(&str, Vec<String>, Contents)],
    ) -> Result<()> {
        let entries = self.read(tx).await?;
        let mut notes = Vec::new();
        if can_tell(self.engine) {
            for (table, columns, contents) in tables {
                let sum = Sum { contents: *contents, beside: 0 };
                if noted(&entries, table).as_ref() != Some(&(columns.clone(), sum)) {
                    notes.push(Note::seeded(table, &text(columns, &sum)));
                }
            }
        }
        let is_done =
            |noted: &NotedSeeding| noted.spec == spec && noted.stage == SeedingStage::Done;
        if !seeding_in(&entries).as_ref().is_some_and(is_done) {
            notes.push(Note {
                reason: Some(spec),
                ..Note::seeded(DATA_SET, SeedingStage::Done.text())
            });
        }
        self.note(tx, &entries, &notes).await
    }

    /// Notes that there are no sample rows any more.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn note_cleaned<C: ConnectionTrait>(&self, tx: &C) -> Result<()> {
        let entries = self.read(tx).await?;
        if seeding_in(&entries).is_none() {
            return Ok(());
        }
        self.note(tx, &entries, &[Note::seeded(DATA_SET, "gone")]).await
    }

    async fn note<C: ConnectionTrait>(
        &self,
        tx: &C,
        entries: &[journal::Entry],
        notes: &[Note<'_>],
    ) -> Result<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let head = entries.last().map_or(0, |entry| entry.number);
        journal::create(tx, &self.bookkeeping).await?;
        let ledger = journal::Ledger { table: &self.bookkeeping, tool: &self.tool };
        journal::write(tx, self.engine, ledger, head, notes).await?;
        Ok(())
    }

    /// What to note of the sample rows of these tables, which are unedited, if it is not noted already.
    pub(super) async fn noted_again<C: ConnectionTrait>(
        &self,
        tx: &C,
        entries: &[journal::Entry],
        tables: &[&Table],
    ) -> Result<Vec<(String, String)>> {
        let seeded: Vec<&Table> = tables
            .iter()
            .filter(|table| {
                noted(entries, &table.name).is_some_and(|(_, sum)| sum.contents.rows > 0)
            })
            .copied()
            .collect();
        let now = self.all_columns(tx, &seeded).await?;
        let changed =
            now.into_iter().filter(|(table, it)| noted(entries, table).as_ref() != Some(it));
        Ok(changed.map(|(table, (columns, sum))| (table, text(&columns, &sum))).collect())
    }

    /// Permits the sample rows of these tables to be deleted, unless they were edited.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](crate::Error::Refused) if there are edited ones and `consent` is not the hash
    /// that the refusal gives. Otherwise if a query fails.
    pub async fn permit_cleaning<C: ConnectionTrait>(
        &self,
        tx: &C,
        tables: &[&Table],
        consent: Option<&str>,
    ) -> Result<Destructive> {
        let entries = self.read(tx).await?;
        let production = journal::environment(&entries) == Some(PRODUCTION);
        let mut losses = Vec::new();
        let mut text = format!("{}\nclean", identity(tx, self.engine).await?);
        for (table, sum) in tables.iter().zip(self.edited(tx, &entries, tables).await?) {
            let Some(sum) = sum else { continue };
            let _ = write!(text, "\n{} {sum:?}", table.name);
            let (name, rows) = (table.name.clone(), sum.contents.rows);
            losses.push(Loss {
                table: name,
                columns: Vec::new(),
                real_rows: rows,
                edited: true,
                bytes: None,
            });
        }
        let hash = sha256(&text)[..12].to_owned();
        if (losses.is_empty() && !production) || consent == Some(hash.as_str()) {
            return Ok(Destructive::granted());
        }
        let (code, reason) = if losses.is_empty() {
            (
                "consent-in-production",
                "refused, because this database is production's, where no row goes without consent; nothing \
                 was changed",
            )
        } else {
            ("samples-edited", "refused, because sample rows were edited; nothing was changed")
        };
        Err(Refusal { losses, hash: Some(hash), ..Refusal::plain(code, reason) }.into())
    }

    /// What is in the sample rows of each of these tables, if they are not what the seeder has noted; `None`
    /// if they are.
    pub(super) async fn edited<C: ConnectionTrait>(
        &self,
        tx: &C,
        entries: &[journal::Entry],
        tables: &[&Table],
    ) -> Result<Vec<Option<Sum>>> {
        let noted: Vec<(Vec<String>, Sum)> =
            tables.iter().map(|table| noted(entries, &table.name).unwrap_or_default()).collect();
        let asked = tables.iter().zip(&noted).map(|(table, (columns, _))| {
            let is_there = |name: &String| table.column(name).is_some();
            let usable = !columns.is_empty() && columns.iter().all(is_there);
            let all = || table.columns.iter().map(|it| it.name.clone()).collect();
            (*table, if usable { columns.clone() } else { all() })
        });
        let sums = self.sums(tx, &asked.collect::<Vec<_>>()).await?;
        let compared = sums.into_iter().zip(noted);
        Ok(compared
            .map(|(now, (_, noted))| (now.contents.rows > 0 && now != noted).then_some(now))
            .collect())
    }

    async fn read<C: ConnectionTrait>(&self, tx: &C) -> Result<Vec<journal::Entry>> {
        let table = journal::table_beside(&self.bookkeeping);
        let exists =
            bookkeeping::relations(tx, self.engine).await?.iter().any(|it| it.name == table);
        Ok(if exists {
            journal::read(tx, self.engine, &self.bookkeeping).await?
        } else {
            Vec::new()
        })
    }
}

fn seeding_in(entries: &[journal::Entry]) -> Option<NotedSeeding> {
    let is_it = |it: &&journal::Entry| it.event == Some(Event::Seeded) && it.name == DATA_SET;
    let newest = entries.iter().rev().find(is_it)?;
    let is_noted = |stage: &SeedingStage| newest.fingerprint.as_deref() == Some(stage.text());
    let stage = [SeedingStage::Done, SeedingStage::Leaving]
        .into_iter()
        .find(is_noted)
        .unwrap_or(SeedingStage::Begun);
    newest.reason.clone().map(|spec| NotedSeeding { spec, stage })
}

/// How the journal has it.
fn text(columns: &[String], sum: &Sum) -> String {
    format!("{}:{:016x}:{}", sum.contents.rows, sum.contents.sum, columns.join(","))
}

/// What the seeder has noted last.
fn noted(entries: &[journal::Entry], table: &str) -> Option<(Vec<String>, Sum)> {
    let newest =
        entries.iter().rev().find(|it| it.event == Some(Event::Seeded) && it.name == table);
    let text = newest?.fingerprint.as_deref()?;
    let mut parts = text.splitn(3, ':');
    let rows = parts.next()?.parse().ok()?;
    let sum = u64::from_str_radix(parts.next()?, 16).ok()?;
    let columns = parts.next()?.split(',').map(ToOwned::to_owned).collect();
    Some((columns, Sum { contents: Contents { rows, sum }, beside: 0 }))
}
