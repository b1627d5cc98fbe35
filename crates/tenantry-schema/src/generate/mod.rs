//! Makes migrations from what the entities say: offline, from the checked-in snapshot.
//!
//! The snapshot is the schema after the last migration. What the entities have and the snapshot
//! has not becomes a migration, and the snapshot follows. Nothing is guessed: a rename is told by
//! `renamed_from` or `--rename-table`, and what would lose data is refused until it is allowed.

mod entities;
mod folder;
pub mod source;

use std::collections::BTreeSet;

pub use entities::EntityFolder;
pub use folder::Folder;
use serde::Serialize;

use crate::{
    diff::{Change, Conversion, Fidelity, Hazard, Renames, conversion},
    error::{Error, Result},
    plan::{Backfills, Plan, Request, plan},
    schema::{Schema, Table, rules},
};

/// What the developer answers beforehand.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Tables that have another name now, as `(old, new)`.
    pub renamed_tables: Vec<(String, String)>,
    /// Values, as SQL over the row, for rows that have none where NULL is refused.
    pub backfills: Backfills,
    /// The same for rolling back.
    pub down_backfills: Backfills,
}

/// What a migration would do.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Applying it.
    pub up: Plan,
    /// Rolling it back.
    pub down: Plan,
    /// What only the developer can answer.
    pub questions: Vec<Question>,
    /// What is renamed.
    pub renames: Renames,
    /// What the entities say that has no effect, and why.
    pub notes: Vec<String>,
}

/// What only the developer can answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "question")]
#[allow(missing_docs, reason = "each field is what its name says")]
pub enum Question {
    /// Rows or values would be gone. Answered by `--allow-data-loss`.
    DataLoss { table: String, column: Option<String>, change: String, loss: String },
    /// Rows may be seen or changed that could not be before. Answered by `--allow-weaker-isolation`.
    WeakerIsolation { table: String, change: String },
    /// A table or a column goes and a like one comes. Answered by `renamed_from` on the column or
    /// by `--rename-table`, or by `--allow-data-loss`.
    RenameOrDrop { table: String, column: Option<String>, new_name: String },
    /// Rows that exist need a value. Answered by `--backfill`, or in the generated file.
    Backfill { table: String, column: String },
    /// The same for rolling back: a value that is made up may be refused by a check, a unique or a foreign
    /// key. Answered by `--down-backfill`, or in the generated file.
    DownBackfill { table: String, column: String },
}

impl Question {
    /// Whether the migration is refused without an answer.
    #[must_use]
    pub fn is_blocking(&self) -> bool {
        !matches!(self, Self::Backfill { .. } | Self::DownBackfill { .. })
    }

    /// The question's code, as in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DataLoss { .. } => "data-loss",
            Self::WeakerIsolation { .. } => "weaker-isolation",
            Self::RenameOrDrop { .. } => "rename-or-drop",
            Self::Backfill { .. } => "backfill",
            Self::DownBackfill { .. } => "down-backfill",
        }
    }

    /// The table that it is about.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::DataLoss { table, .. }
            | Self::WeakerIsolation { table, .. }
            | Self::RenameOrDrop { table, .. }
            | Self::Backfill { table, .. }
            | Self::DownBackfill { table, .. } => table,
        }
    }

    /// The column that it is about, if it is one.
    #[must_use]
    pub fn column(&self) -> Option<String> {
        match self {
            Self::DataLoss { column, .. } | Self::RenameOrDrop { column, .. } => column.clone(),
            Self::Backfill { column, .. } | Self::DownBackfill { column, .. } => {
                Some(column.clone())
            }
            Self::WeakerIsolation { .. } => None,
        }
    }

    /// What is asked, as a sentence.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::DataLoss { change, loss, .. } => format!("{change}, and {loss}"),
            Self::WeakerIsolation { change, .. } => {
                format!("{change}, and rows may be seen or changed that could not be before")
            }
            Self::RenameOrDrop { table, column: Some(column), new_name } => {
                format!("{table}.{column} goes and {table}.{new_name} comes, of the same type")
            }
            Self::RenameOrDrop { table, column: None, new_name } => {
                format!("{table} goes and {new_name} comes, with the same columns")
            }
            Self::Backfill { table, column } => {
                format!("rows that exist need a value in {table}.{column}, which refuses NULL")
            }
            Self::DownBackfill { table, column } => format!(
                "rolling back, rows that exist need a value in {table}.{column}, which refuses NULL and \
                 has a check, a unique or a foreign key"
            ),
        }
    }

    /// How to answer it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::DataLoss { .. } => "if that is meant, add --allow-data-loss".to_owned(),
            Self::WeakerIsolation { .. } => {
                "if that is meant, add --allow-weaker-isolation".to_owned()
            }
            Self::RenameOrDrop { column: Some(column), new_name, .. } => format!(
                "if it is the same column, write `renamed_from = \"{column}\"` on {new_name}, and \
                 its values are kept"
            ),
            Self::RenameOrDrop { table, column: None, new_name } => format!(
                "if it is the same table, add --rename-table {table}={new_name}, and its rows are \
                 kept"
            ),
            Self::Backfill { table, column } => format!(
                "add --backfill '{table}.{column}=…' with the value as SQL over the row, or write \
                 it where the file says BACKFILL; without it, `up` fails where there are rows"
            ),
            Self::DownBackfill { table, column } => format!(
                "add --down-backfill '{table}.{column}=…' with the value as SQL over the row, or write \
                 it where `down` in the file says BACKFILL; without it, `down` fails where there are rows"
            ),
        }
    }
}

/// Proposes the migration from one schema to another.
///
/// # Errors
///
/// If an answer or a `renamed_from` is about something that is not there.
pub fn propose(
    from: &Schema,
    to: &Schema,
    columns: &Renames,
    answers: &Answers,
) -> Result<Proposal> {
    let mut renames = columns.clone();
    for (old, new) in &answers.renamed_tables {
        renames.tables.insert(new.clone(), old.clone());
    }
    check_renamed_tables(from, to, &renames, &answers.renamed_tables)?;
    let mut notes = idle_renames(from, to, &renames)?;
    notes.extend(rules::warnings(to));
    let up =
        Request { from, to, renames: &renames, backfills: &answers.backfills, plain_fill: false };
    let up = plan(&up);
    check_backfills(&up, &answers.backfills, "--backfill")?;
    let renames = renames.applicable(from, to);
    let back = renames.reversed();
    let backfills = &answers.down_backfills;
    let down = plan(&Request { from: to, to: from, renames: &back, backfills, plain_fill: true });
    check_backfills(&down, backfills, "--down-backfill")?;
    let mut questions = questions(&up, &answers.backfills);
    let unfilled = down.unfilled.iter().cloned();
    questions.extend(unfilled.map(|(table, column)| Question::DownBackfill { table, column }));
    Ok(Proposal { up, down, questions, renames, notes })
}

/// Refuses a `--rename-table` that cannot be done.
fn check_renamed_tables(
    from: &Schema,
    to: &Schema,
    renames: &Renames,
    told: &[(String, String)],
) -> Result<()> {
    let done = renames.applicable(from, to).tables;
    for (old, new) in told {
        let wrong = match () {
            () if !from.tables.contains_key(old) => format!("the snapshot has no table {old}"),
            () if !to.tables.contains_key(new) => format!("no entity is named {new}"),
            () if done.get(new) == Some(old) => continue,
            () if told.iter().filter(|(other, _)| other == old).count() > 1 => {
                format!("{old} is given two names")
            }
            () => format!(
                "the snapshot has a table {new} already, and an entity is still named {old}"
            ),
        };
        return Err(Error::config(
            "rename-unusable",
            format!("--rename-table {old}={new}: {wrong}"),
        ));
    }
    Ok(())
}

/// What is said of each `renamed_from` that has no effect.
///
/// # Errors
///
/// If one names a column that does not exist, or two name the same. Ignoring it would leave values under
/// the wrong name, or lose them.
fn idle_renames(from: &Schema, to: &Schema, renames: &Renames) -> Result<Vec<String>> {
    let mut idle = Vec::new();
    let done = renames.applicable(from, to);
    for ((table, new), old) in &renames.columns {
        let Some(after) = to.tables.get(table) else { continue };
        let said = format!("{table}.{new} is said to be `renamed_from = \"{old}\"`");
        let Some(before) = done.table_before(table, from) else {
            idle.push(format!("{said}, which has no effect, since {table} is new: remove it"));
            continue;
        };
        let was = |name: &str| before.column(name).is_some();
        let is_marked = before.renamed.get(new) == Some(old);
        let is_twice = |((other_table, other), name): (&(String, String), &String)| {
            other_table == table && other != new && name == old && after.column(other).is_some()
        };
        let wrong = match () {
            () if done.columns.contains_key(&(table.clone(), new.clone())) => continue,
            () if is_marked || (was(new) && !was(old)) => {
                let why = "which has no effect, since it was renamed already: remove it";
                idle.push(format!("{said}, {why}"));
                continue;
            }
            () if !was(old) => format!("but the snapshot has no {table}.{old}"),
            () if renames.columns.iter().any(is_twice) => {
                "and so is another column: it can have one name only".to_owned()
            }
            () => {
                let both = "which has no effect, since the snapshot has both: remove it";
                idle.push(format!("{said}, {both}"));
                continue;
            }
        };
        return Err(Error::config("rename-unusable", format!("{said}, {wrong}")));
    }
    Ok(idle)
}

fn check_backfills(plan: &Plan, backfills: &Backfills, option: &str) -> Result<()> {
    for (table, column) in backfills.keys() {
        let needs_it = plan.changes.iter().any(|change| {
            change.table() == table
                && change.column() == Some(column)
                && match change {
                    Change::AddColumn { .. } | Change::AlterType { .. } => true,
                    Change::AlterNullable { to, .. } => !to.nullable,
                    _ => false,
                }
        });
        if !needs_it {
            return Err(Error::config(
                "backfill-unusable",
                format!(
                    "{option} {table}.{column}: that column is not new, and neither gets another type \
                 nor begins to refuse NULL"
                ),
            ));
        }
    }
    Ok(())
}

fn questions(up: &Plan, backfills: &Backfills) -> Vec<Question> {
    let mut questions = Vec::new();
    // What becomes of the values of a column that gets another type may have been said.
    let is_told = |change: &Change| match change {
        Change::AlterType { table, to, .. } => {
            backfills.contains_key(&(table.clone(), to.name.clone()))
        }
        _ => false,
    };
    let losing = up.changes.iter().filter(|change| change.hazard() == Hazard::LosesData);
    let losing = losing.filter(|change| !is_told(change));
    for change in losing {
        questions.push(Question::DataLoss {
            table: change.table().to_owned(),
            column: change.column().map(ToOwned::to_owned),
            change: change.to_string(),
            loss: loss(change),
        });
        match change {
            Change::DropColumn { table, column } => {
                let like = up.changes.iter().find_map(|other| match other {
                    Change::AddColumn { table: other, column: new }
                        if other == table && new.ty == column.ty =>
                    {
                        Some(new.name.clone())
                    }
                    _ => None,
                });
                questions.extend(like.map(|new_name| Question::RenameOrDrop {
                    table: table.clone(),
                    column: Some(column.name.clone()),
                    new_name,
                }));
            }
            Change::DropTable { table } => {
                let like = up.changes.iter().find_map(|other| match other {
                    Change::AddTable { table: new } if alike(table, new) => Some(new.name.clone()),
                    _ => None,
                });
                questions.extend(like.map(|new_name| Question::RenameOrDrop {
                    table: table.name.clone(),
                    column: None,
                    new_name,
                }));
            }
            _ => {}
        }
    }
    let weaker = up.changes.iter().filter(|change| change.hazard() == Hazard::WeakensIsolation);
    questions.extend(weaker.map(|change| Question::WeakerIsolation {
        table: change.table().to_owned(),
        change: change.to_string(),
    }));
    let unfilled = up.unfilled.iter().cloned();
    questions.extend(unfilled.map(|(table, column)| Question::Backfill { table, column }));
    questions
}

/// What a change that loses data does to what is there.
fn loss(change: &Change) -> String {
    let lost = match change {
        Change::AlterType { from, to, .. } => match conversion(&to.name, &from.ty, &to.ty) {
            Some(Conversion { fidelity: Fidelity::Lossy(lost), .. }) => lost,
            Some(_) => return "nothing is lost".to_owned(),
            None => return "there is no way to convert its values, which are lost".to_owned(),
        },
        _ => return "what is in it is lost".to_owned(),
    };
    format!("its values lose {lost}; one that does not fit makes `up` fail")
}

/// Whether two tables have the same columns.
fn alike(a: &Table, b: &Table) -> bool {
    fn columns(table: &Table) -> BTreeSet<(&str, String)> {
        table.columns.iter().map(|column| (column.name.as_str(), column.ty.to_string())).collect()
    }
    columns(a) == columns(b)
}
