//! `migration generate`: works on files only, and needs no database.

use std::{fmt::Write as _, path::PathBuf};

use chrono::{DateTime, Local, Utc};
use serde::Serialize;

use super::{Printer, counted, given_once};
use crate::{
    Engine, Project,
    config::env,
    diff::{Change, Hazard, Renames},
    drift::object,
    error::{Error, Result},
    generate::{
        Adoption, Answers, Folder, Proposal, Question, adopt, propose, prove, relations, replayed,
        source,
    },
    plan::Object,
    refusal::Refusal,
    report::{Envelope, Finding},
    schema::Schema,
    sql::parts,
};

#[derive(Debug, clap::Args)]
#[allow(
    clippy::doc_markdown,
    clippy::struct_excessive_bools,
    reason = "the comments are the help texts, and each bool is a flag"
)]
pub(super) struct Args {
    /// What the migration does, as in add_phone_to_leads
    #[arg(required_unless_present_any = ["adopt", "check"])]
    name: Option<String>,
    /// Folder of the migration crate
    ///
    /// Without it, the `migration` of the workspace around the current folder.
    #[arg(short = 'd', long, env = env::MIGRATION_DIR, hide_env_values = true, value_name = "DIR")]
    migration_dir: Option<PathBuf>,
    /// Only say whether the entities have changes that no migration has; exit code 1 if so
    #[arg(long, conflicts_with_all = ["name", "empty", "adopt", "dry_run"])]
    check: bool,
    /// Write a migration with nothing in it, to be written by hand
    #[arg(long, conflicts_with = "adopt")]
    empty: bool,
    /// Bring the snapshot up to date with what the migrations, written by hand, make
    #[arg(long, conflicts_with_all = ["name", "dry_run"])]
    adopt: bool,
    /// Print the file instead of writing it
    #[arg(long)]
    dry_run: bool,
    /// Say that a table was renamed
    #[arg(long, value_name = "OLD=NEW", value_parser = pair)]
    rename_table: Vec<(String, String)>,
    /// Value of a column for rows that exist, as an SQL expression over the row
    ///
    /// For a column that refuses NULL and has no default, and for one that gets another type.
    #[arg(long, value_name = "TABLE.COLUMN=SQL", value_parser = backfill)]
    backfill: Vec<((String, String), String)>,
    /// Value of a column for rows that exist when it is rolled back, as an SQL expression over the row
    ///
    /// For a column that was dropped, refuses NULL, and has a check, a unique or a foreign key.
    #[arg(long, value_name = "TABLE.COLUMN=SQL", value_parser = backfill)]
    down_backfill: Vec<((String, String), String)>,
    /// Go on although tables, columns or values are lost
    #[arg(long)]
    allow_data_loss: bool,
    /// Go on although a policy becomes weaker, or the application role may do more
    #[arg(long)]
    allow_weaker_isolation: bool,
    /// Write a migration that does nothing where what it adds is there already
    ///
    /// For what was made by hand in one database and every other one should get as well.
    #[arg(long, conflicts_with_all = ["check", "empty", "adopt"])]
    unless_there: bool,
    /// Name the file by local time instead of UTC
    #[arg(long, conflicts_with = "universal_time")]
    local_time: bool,
    /// Name the file by UTC, as is done anyway
    #[arg(long, hide = true)]
    universal_time: bool,
    /// Print what changes, what it may cost and what is asked as JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.into(), new.into())),
        _ => Err("write it as old=new".to_owned()),
    }
}

fn backfill(text: &str) -> Result<((String, String), String), String> {
    let parts = text.split_once('=').and_then(|(place, value)| {
        // What stands before the table is its schema.
        let (table, column) = place.rsplit_once('.')?;
        let all = [table, column, value.trim()];
        all.iter().all(|part| !part.is_empty()).then(|| ((table, column), value.trim()))
    });
    let ((table, column), value) = parts.ok_or("write it as table.column=SQL")?;
    Ok(((table.to_owned(), column.to_owned()), value.to_owned()))
}

/// A change with what it may cost, in words as well.
#[derive(Serialize)]
struct Said<'a> {
    hazard: Hazard,
    sentence: String,
    #[serde(flatten)]
    change: &'a Change,
}

fn said(changes: &[Change]) -> Vec<Said<'_>> {
    let said =
        |change| Said { hazard: Change::hazard(change), sentence: change.to_string(), change };
    changes.iter().map(said).collect()
}

#[derive(Serialize)]
struct Body<'a> {
    /// The migration's name, if one was written or would be.
    name: Option<&'a str>,
    /// The file.
    file: Option<String>,
    /// Whether files were written.
    written: bool,
    changes: Vec<Said<'a>>,
    rolling_back: Vec<Said<'a>>,
    questions: &'a [Question],
    /// What the entities say that has no effect, and why.
    notes: &'a [String],
}

pub(super) async fn run(args: &Args, project: &Project, out: &mut Printer) -> Result<u8> {
    let places = |given: &[((String, String), String)]| -> Vec<String> {
        given.iter().map(|((table, column), _)| format!("{table}.{column}")).collect()
    };
    given_once("--backfill", places(&args.backfill).into_iter())?;
    given_once("--down-backfill", places(&args.down_backfill).into_iter())?;
    given_once("--rename-table", args.rename_table.iter().map(|(_, new)| new.clone()))?;
    let folder = Folder::find(args.migration_dir.as_deref())?.for_engines(project.engines);
    folder.check_listed()?;
    relations::check()?;
    let entities = (project.tables)();
    // From the folder: those that are compiled in may be older.
    let schema = project.schema_with(folder.objects()?)?;
    let moves = |(old, new): &&(String, String)| parts(old).0 != parts(new).0;
    if let Some((old, new)) = args.rename_table.iter().find(moves) {
        return Err(Error::config(
            "rename-across-schemas",
            format!(
                "{old} and {new} are in different schemas: move the table by a migration written by hand, with \
                 ALTER TABLE … SET SCHEMA …, and run `generate --adopt`"
            ),
        ));
    }
    let renames = Renames::of_columns(&entities);
    if !schema.objects.is_empty() && !folder.lists_objects() {
        out.note(
            "write `mod objects;` into src/lib.rs, and `objects: objects::ALL` into the project: `diff` and \
             `validate` do not know of the files of objects/ otherwise",
        );
    }
    if args.adopt {
        return adopt_by_hand(args, project, &folder, &schema, &renames, out).await;
    }
    let answers = Answers {
        renamed_tables: args.rename_table.clone(),
        backfills: args.backfill.iter().cloned().collect(),
        down_backfills: args.down_backfill.iter().cloned().collect(),
    };
    if args.empty {
        return write_blank(args, &folder, out);
    }
    let snapshot = folder.snapshot()?;
    let proposal = propose(&snapshot, &schema, &renames, &answers)?;
    for note in &proposal.notes {
        out.note(note);
    }
    if args.check {
        return check(args, project, &folder, &snapshot, &proposal, out).await;
    }
    let next = schema.with_renames_done(&snapshot, &renames, &proposal.renames);
    write_proposal(args, &folder, &snapshot, &next, &proposal, out).await
}

async fn write_proposal(
    args: &Args,
    folder: &Folder,
    snapshot: &Schema,
    schema: &Schema,
    proposal: &Proposal,
    out: &mut Printer,
) -> Result<u8> {
    let Proposal { up, down, questions, .. } = proposal;
    let name = folder.name(args.name.as_deref().unwrap_or_default(), now(args))?;
    if up.changes.is_empty() {
        if args.json {
            report(out, None, proposal, &[])?;
        } else {
            out.line("nothing to do: the entities have no change that no migration has")?;
        }
        return Ok(0);
    }
    let is_open = |question: &&Question| {
        let is_answered = match question {
            Question::WeakerIsolation { .. } => args.allow_weaker_isolation,
            _ => args.allow_data_loss,
        };
        question.is_blocking() && !is_answered
    };
    let blocking: Vec<&Question> = questions.iter().filter(is_open).collect();
    if !blocking.is_empty() {
        if args.json {
            report(out, None, proposal, &blocking)?;
            return Ok(1);
        }
        return Err(refusal(&blocking).into());
    }
    let unless = if args.unless_there { Object::added(&up.operations) } else { Vec::new() };
    if args.unless_there && unless.is_empty() {
        return Err(Error::config(
            "nothing-to-look-for",
            "--unless-there needs a table, a column or an index that is added, to look for",
        ));
    }
    prove(snapshot, schema, &up.operations, &down.operations, folder.is_for(Engine::Sqlite))
        .await?;
    let text = source::migration(up, down, &unless);
    let text = source::formatted(&text, folder.root()).unwrap_or_else(|error| {
        out.note(&format!("rustfmt did not run, so the file is not formatted: {error}"));
        text
    });
    let file = folder.source_path(&name).display().to_string();
    if args.dry_run && !args.json {
        out.line(text.trim_end())?;
    }
    if !args.dry_run {
        folder.add(&name, &text)?;
        folder.write_derived(schema)?;
    }
    if args.json {
        report(out, Some((&name, file, !args.dry_run)), proposal, &[])?;
    } else if !args.dry_run {
        out.line(&format!("wrote {file}"))?;
        list(out, &up.changes)?;
        if down.changes.iter().any(|change| change.hazard() == Hazard::LosesData) {
            out.line("rolling it back")?;
            list(out, &down.changes)?;
        }
    }
    for question in questions.iter().filter(|question| !question.is_blocking()) {
        out.note(&format!("{}: {}", question.message(), question.help()));
    }
    Ok(0)
}

fn list(out: &mut Printer, changes: &[Change]) -> Result<()> {
    changes.iter().try_for_each(|change| out.line(&format!("  {}: {change}", change.hazard())))
}

fn report(
    out: &mut Printer,
    file: Option<(&str, String, bool)>,
    proposal: &Proposal,
    blocking: &[&Question],
) -> Result<()> {
    let (name, file, written) = match file {
        Some((name, file, written)) => (Some(name), Some(file), written),
        None => (None, None, false),
    };
    let body = Body {
        name,
        file,
        written,
        changes: said(&proposal.up.changes),
        rolling_back: said(&proposal.down.changes),
        questions: &proposal.questions,
        notes: &proposal.notes,
    };
    let findings = blocking.iter().map(|question| Finding {
        code: question.code(),
        table: question.table().to_owned(),
        object: question.column(),
        message: question.message(),
        help: question.help(),
    });
    out.json(&Envelope::offline("generate", body, findings.collect()))
}

fn refusal(blocking: &[&Question]) -> Refusal {
    let loses = |question: &&Question| !matches!(question, Question::WeakerIsolation { .. });
    let why = if blocking.iter().any(loses) {
        "data would be lost"
    } else {
        "tenants would be less isolated"
    };
    let mut reason = format!("refused, because {why}; nothing was written");
    for question in blocking {
        let _ = write!(reason, "\n  {}: {}", question.message(), question.help());
    }
    Refusal::plain("question-open", reason)
}

fn write_blank(args: &Args, folder: &Folder, out: &mut Printer) -> Result<u8> {
    let plain = args.name.as_deref().unwrap_or_default();
    let name = folder.name(plain, now(args))?;
    let text = source::blank(plain);
    let text = source::formatted(&text, folder.root()).unwrap_or(text);
    if args.dry_run {
        out.line(text.trim_end())?;
        return Ok(0);
    }
    folder.add(&name, &text)?;
    out.line(&format!("wrote {}", folder.source_path(&name).display()))?;
    out.note("write `up` and `down`, change the entities, then run `generate --adopt`");
    Ok(0)
}

/// Says what no migration has, what the snapshot has and the migrations do not make, and which
/// files are not as they would be written.
async fn check(
    args: &Args,
    project: &Project,
    folder: &Folder,
    snapshot: &Schema,
    proposal: &Proposal,
    out: &mut Printer,
) -> Result<u8> {
    let made = replayed(&(project.migrations)()).await?;
    let kept = snapshot.clone().on(Engine::Sqlite);
    let differing = crate::diff::diff(&made, &kept);
    let stale = folder.stale(snapshot)?;
    let finding = |code, table: &str, message: String, help: &str| Finding {
        code,
        table: table.to_owned(),
        object: None,
        message,
        help: help.to_owned(),
    };
    let mut findings: Vec<Finding> = proposal
        .up
        .changes
        .iter()
        .map(|change| {
            let message = format!("no migration has it that {change}");
            finding("change-without-migration", change.table(), message, "run `generate NAME`")
        })
        .collect();
    findings.extend(differing.iter().map(|change| {
        let message = format!("the snapshot has it that {change}, and the migrations do not");
        finding("snapshot-differs", change.table(), message, "run `generate --adopt`")
    }));
    findings.extend(stale.iter().map(|path| {
        let message = format!("{} is not as it would be written", path.display());
        finding("file-stale", "", message, "run `generate --adopt`, which rewrites it")
    }));
    if args.json {
        let body = Body {
            name: None,
            file: None,
            written: false,
            changes: said(&proposal.up.changes),
            rolling_back: said(&proposal.down.changes),
            questions: &proposal.questions,
            notes: &proposal.notes,
        };
        out.json(&Envelope::offline("generate", body, findings.clone()))?;
    } else if findings.is_empty() {
        out.line("nothing to do: the entities have no change that no migration has")?;
    } else {
        for Finding { message, help, .. } in &findings {
            out.line(&format!("{message}: {help}"))?;
        }
    }
    Ok(u8::from(!findings.is_empty()))
}

async fn adopt_by_hand(
    args: &Args,
    project: &Project,
    folder: &Folder,
    schema: &Schema,
    renames: &Renames,
    out: &mut Printer,
) -> Result<u8> {
    let snapshot = if folder.has_snapshot() { folder.snapshot()? } else { Schema::default() };
    let adoption = adopt(&(project.migrations)(), &snapshot, schema, renames).await?;
    let Adoption { snapshot: next, confirmed, unconfirmed, missing, foreign } = &adoption;
    if !foreign.is_empty() {
        let mut reason = "refused, because the migrations make what neither the snapshot nor the \
                          entities have; nothing was written"
            .to_owned();
        for change in foreign {
            let _ = write!(reason, "\n  {change}");
        }
        reason.push_str("\nDescribe it in the entities, or take it out of the migration");
        return Err(Refusal::plain("migrations-differ", reason).into());
    }
    let stale = folder.stale(next)?;
    folder.write_derived(next)?;
    if args.json {
        let body = Body {
            name: None,
            file: None,
            written: !stale.is_empty(),
            changes: said(confirmed),
            rolling_back: Vec::new(),
            questions: &[],
            notes: &[],
        };
        let findings = unconfirmed.iter().map(|change| Finding {
            code: "unconfirmed",
            table: change.table().to_owned(),
            object: object(change),
            message: format!("replaying the migrations cannot confirm that {change}"),
            help: "look at the migration".to_owned(),
        });
        out.json(&Envelope::offline("generate", body, findings.collect()))?;
    } else {
        let changes = counted(confirmed.len() + unconfirmed.len(), "change", "changes");
        out.line(&format!("{changes} adopted, {} written", counted(stale.len(), "file", "files")))?;
        list(out, confirmed)?;
    }
    for change in unconfirmed {
        out.note(&format!(
            "replaying the migrations on SQLite cannot confirm that {change}: look at the migration"
        ));
    }
    for change in missing {
        out.note(&format!("still without a migration: {change}"));
    }
    Ok(0)
}

fn now(args: &Args) -> DateTime<Utc> {
    if args.local_time { Local::now().naive_local().and_utc() } else { Utc::now() }
}
