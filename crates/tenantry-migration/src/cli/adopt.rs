//! `migration adopt`: entities, objects and the first migration for a database that is there already.

use std::{collections::BTreeSet, fmt::Write as _, path::PathBuf};

use chrono::Utc;
use serde::Serialize;
use tenantry_entity::Engine;
use tenantry_schema::adopt::recognised;

use super::{Printer, counted, given_once};
use crate::{
    Project,
    adopt::{Adopted, Found, Left, Wanted, adopt, not_said, read, read_dump, under_usual_names},
    config::{DatabaseArgs, env},
    db::Absent,
    diff::Renames,
    drift::Accepted,
    error::{Error, ModelError, Result},
    generate::{Answers, EntityFolder, Folder, propose, source},
    refusal::Refusal,
    report::{Envelope, Finding},
    schema::Schema,
};

#[derive(Debug, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help texts")]
pub(super) struct Args {
    /// What the migration that makes the tables is called; without it, adopt_tables
    name: Option<String>,
    /// Dump to adopt instead of a database, such as `pg_dump --schema-only` writes
    ///
    /// It is run in a database of its own, beside the one to work on, which is dropped afterwards.
    #[arg(long, value_name = "FILE.sql")]
    from: Option<PathBuf>,
    /// Adopt the tables of this schema as well; may be given several times
    #[arg(long = "schema", value_name = "SCHEMA")]
    schemas: Vec<String>,
    /// Adopt only these tables, with commas between them; the others are left alone
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    tables: Vec<String>,
    /// Folder of the modules of the entities
    ///
    /// Without it, the `entity/src` beside the migrations.
    #[arg(long, value_name = "DIR")]
    entity_dir: Option<PathBuf>,
    /// Folder of the migration crate
    ///
    /// Without it, the `migration` of the workspace around the current folder.
    #[arg(
        short = 'd',
        long,
        env = env::MIGRATION_DIR,
        hide_env_values = true,
        value_name = "DIR"
    )]
    migration_dir: Option<PathBuf>,
    /// Only say what would be written, and what is not carried over
    #[arg(long)]
    dry_run: bool,
    /// Print what was written and what is not carried over as JSON
    #[arg(long)]
    json: bool,
}

/// The file that lists what is not carried over.
const REPORT: &str = "adopted.md";

/// The file of differences that are accepted.
const ACCEPTED: &str = "accepted_drift.json";

/// Why a difference of an adopted table is accepted.
const REASON: &str = "the table was adopted, and entities have no words for it";

#[derive(Serialize)]
struct Body<'a> {
    /// Tables and the files of their entities.
    entities: Vec<(&'a str, String)>,
    /// Names of files in `objects/`, without `.sql`.
    objects: Vec<&'a str>,
    /// The migration's name, if there is one.
    migration: Option<&'a str>,
    /// Whether files were written.
    written: bool,
    /// What is not carried over.
    left: &'a [Left],
    /// Tables of other tools.
    other_tools: &'a [(String, &'static str)],
    /// Features that `sea-orm` needs.
    features: &'a [&'static str],
}

pub(super) async fn run(
    args: &Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    given_once("--schema", args.schemas.iter().cloned())?;
    given_once("--tables", args.tables.iter().cloned())?;
    let folder = Folder::find(args.migration_dir.as_deref())?.for_engines(project.engines);
    folder.check_listed()?;
    let name = migration_name(args, &folder)?;
    let entities = EntityFolder::find(args.entity_dir.as_deref(), &folder)?;
    let snapshot = folder.snapshot()?;
    let mut known: BTreeSet<String> =
        (project.tables)().into_iter().map(|def| def.name.to_owned()).collect();
    // Entities that were written and are not compiled in yet.
    known.extend(snapshot.tables.keys().cloned());
    let wanted = Wanted { schemas: args.schemas.clone(), tables: args.tables.clone(), known };
    let (found, source) = if let Some(file) = &args.from {
        let name = file.display().to_string();
        let dump = std::fs::read_to_string(file).map_err(|error| {
            Error::config("file-unreadable", format!("{name} cannot be read: {error}"))
        })?;
        let target = database.target(project)?;
        let (found, engine) = read_dump(project, &target, (&name, &dump), &wanted).await?;
        (found, Source { engine, name })
    } else {
        let db = super::open(project, database, Absent::Fail, out).await?;
        let found = read(&db, &wanted).await;
        let source = Source { engine: db.engine, name: db.name.clone() };
        db.close().await;
        (found?, source)
    };
    let taken = entities.modules()?;
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    let adopted = adopt(&found.live, source.engine, project.tenancy.as_ref(), &taken);
    let findings = not_said(&adopted);
    let work = Work { args, name, project, folder, entities, snapshot, found, adopted, findings };
    work.done(&source, out)
}

/// The name that was given, or one that is free.
fn migration_name(args: &Args, folder: &Folder) -> Result<String> {
    if let Some(name) = &args.name {
        return Ok(folder.name(name, Utc::now())?);
    }
    let mut name = folder.name("adopt_tables", Utc::now());
    for number in 2..=MOST_TIMES {
        if name.is_ok() {
            break;
        }
        name = folder.name(&format!("adopt_tables_{number}"), Utc::now());
    }
    Ok(name?)
}

/// How often tables are adopted without a name.
const MOST_TIMES: u32 = 99;

/// What is adopted.
struct Source {
    engine: Engine,
    /// The file, or host and database.
    name: String,
}

/// What was read, and where it goes.
struct Work<'a> {
    args: &'a Args,
    /// The name of the migration to be.
    name: String,
    project: &'static Project,
    folder: Folder,
    entities: EntityFolder,
    snapshot: Schema,
    found: Found,
    adopted: Adopted,
    findings: Vec<Finding>,
}

impl Work<'_> {
    fn done(&self, source: &Source, out: &mut Printer) -> Result<u8> {
        let left = self.left();
        if self.adopted.entities.is_empty() {
            if self.args.json {
                self.report(source, None, &left, out)?;
            } else {
                out.line(&format!(
                    "nothing to adopt: every table of {} has an entity, belongs to another tool, or has none",
                    source.name
                ))?;
                self.list_left(&left, out)?;
                self.compare(out);
            }
            return Ok(0);
        }
        let migration = self.write(out)?;
        if !self.args.dry_run {
            self.write_report(&left)?;
        }
        if self.args.json {
            self.report(source, Some(&migration), &left, out)?;
            return Ok(0);
        }
        let would = if self.args.dry_run { "would write" } else { "wrote" };
        out.line(&format!(
            "{would} {} into {}",
            counted(self.adopted.entities.len(), "entity", "entities"),
            self.entities.root().display()
        ))?;
        for file in &self.adopted.entities {
            out.line(&format!("  {} -> {}.rs", file.table, file.module))?;
        }
        out.line(&format!("{would} {}", self.folder.source_path(&migration).display()))?;
        for name in self.found.objects.keys() {
            out.line(&format!("{would} objects/{name}.sql"))?;
        }
        self.list_left(&left, out)?;
        if !self.args.dry_run {
            self.say_next(out);
        }
        Ok(0)
    }

    /// Writes the files, unless nothing is to be written; gives the migration's name.
    fn write(&self, out: &mut Printer) -> Result<String> {
        let mut next = self.snapshot.clone();
        next.tables.extend(self.adopted.schema.tables.clone());
        next.enums.extend(self.adopted.schema.enums.clone());
        next.objects.extend(self.found.objects.clone());
        let refused = self.project.refused(|engine| next.refused_by(engine));
        if !refused.is_empty() {
            return Err(ModelError::of(&refused).into());
        }
        let proposal = propose(&self.snapshot, &next, &Renames::default(), &Answers::default())?;
        if let Some(question) = proposal.questions.iter().find(|question| question.is_blocking()) {
            let why = format!("refused, because {}; nothing was written", question.message());
            return Err(Refusal::plain("adoption-conflicts", why).into());
        }
        let name = self.name.clone();
        let text = source::migration(&proposal.up, &proposal.down, &[]);
        if self.args.dry_run {
            return Ok(name);
        }
        let files = self.adopted.entities.iter();
        let sources: Vec<(&str, &str)> =
            files.map(|file| (file.module.as_str(), file.source.as_str())).collect();
        let usual = under_usual_names(&self.adopted);
        let accepted = [&self.findings[..], &usual, &self.found.attached].concat();
        let is_accepted = !accepted.is_empty();
        // The list that is compiled in may be older than the file.
        let file = self.folder.root().join(ACCEPTED);
        let file = file.exists().then_some(file);
        let there = Accepted::read(self.project, file.as_deref())?;
        let accepted = there.with_adopted(&accepted, REASON);
        let accepted = serde_json::to_string_pretty(&accepted)
            .map_err(|error| Error::config("json", error.to_string()))?;
        self.entities.add(&sources)?;
        for (name, text) in &self.found.objects {
            if !self.folder.add_objects(name, text)? {
                out.note(&format!("objects/{name}.sql is there already, and was left as it is"));
            }
        }
        self.folder.add(&name, &text)?;
        self.folder.write_derived(&next)?;
        let mut written: Vec<PathBuf> =
            sources.iter().map(|(module, _)| self.absolute(module)).collect::<Result<_>>()?;
        written.push(std::path::absolute(self.folder.source_path(&name))?);
        if let Err(error) = source::format_files(&written, self.folder.root()) {
            out.note(&format!(
                "rustfmt did not run on each file, so some are not formatted: {error}"
            ));
        }
        if is_accepted {
            self.folder.write_beside(ACCEPTED, &(accepted + "\n"))?;
        }
        Ok(name)
    }

    /// The file of a module, for a program that runs in another folder.
    fn absolute(&self, module: &str) -> Result<PathBuf> {
        Ok(std::path::absolute(self.entities.source_path(module))?)
    }

    /// Everything that is not carried over, by kind and name.
    fn left(&self) -> Vec<Left> {
        let mut left = self.adopted.left.clone();
        left.extend(self.found.others.iter().cloned());
        left.extend(self.findings.iter().map(|finding| {
            let object = finding.object.as_ref().map(|name| format!(".{name}")).unwrap_or_default();
            let name = format!("{}{object}", finding.table);
            let why = format!("{}; accepted in accepted_drift.json", finding.message);
            Left::new("difference", &name, why)
        }));
        left.sort();
        left
    }

    fn list_left(&self, left: &[Left], out: &mut Printer) -> Result<()> {
        for (table, tool) in &self.found.tools {
            out.line(&format!("left alone: {table}, in which {tool} keeps what it has applied"))?;
        }
        if !left.is_empty() {
            out.line("not carried over")?;
        }
        for Left { kind, name, why } in left {
            out.line(&format!("  {kind} {name}: {why}"))?;
        }
        Ok(())
    }

    fn write_report(&self, left: &[Left]) -> Result<()> {
        let mut text = "# Not carried over\n\nWhat was in the database when its tables were adopted, and is not in the \
                        entities, in `objects/` or in the first migration.\n\n"
            .to_owned();
        for (table, tool) in &self.found.tools {
            let _ = writeln!(
                text,
                "- left alone: `{table}`, in which {tool} keeps what it has applied"
            );
        }
        for Left { kind, name, why } in left {
            let _ = writeln!(text, "- {kind} `{name}`: {why}");
        }
        if left.is_empty() && self.found.tools.is_empty() {
            text.push_str("Nothing.\n");
        }
        self.folder.write_beside(REPORT, &text)?;
        Ok(())
    }

    /// What the developer does next.
    fn say_next(&self, out: &mut Printer) {
        if !self.adopted.features.is_empty() {
            out.note(&format!(
                "the entities need these features of sea-orm, in the Cargo.toml of their crate: {}",
                self.adopted.features.join(", ")
            ));
        }
        if !self.found.objects.is_empty() && !self.folder.lists_objects() {
            out.note(
                "write `mod objects;` into src/lib.rs of the migrations, and `objects: objects::ALL` into the project",
            );
        }
        if self.project.tenancy.is_none()
            && let Some(it) = recognised(&self.adopted.schema)
        {
            out.note(&format!(
                "{} of {} have the column {}, which refers to {}: if these are tenants, say so in the project's \
                 `tenancy`",
                it.tables,
                counted(self.adopted.schema.tables.len(), "table", "tables"),
                it.column,
                it.root
            ));
        }
        out.note(
            "compile, then run `migration baseline` on the database to record that the tables are there, and \
             `migration generate NAME` for what the entities ask for besides: indexes of foreign keys, names of keys",
        );
        self.compare(out);
    }

    fn compare(&self, out: &mut Printer) {
        if !self.found.known.is_empty() {
            let tables =
                counted(self.found.known.len(), "table has an entity", "tables have entities");
            out.note(&format!("{tables} already: `migration diff` says how they differ"));
        }
    }

    fn report(
        &self,
        source: &Source,
        migration: Option<&str>,
        left: &[Left],
        out: &mut Printer,
    ) -> Result<()> {
        let path = |module: &str| self.entities.source_path(module).display().to_string();
        let files = self.adopted.entities.iter();
        let body = Body {
            entities: files.map(|file| (file.table.as_str(), path(&file.module))).collect(),
            objects: self.found.objects.keys().map(String::as_str).collect(),
            migration,
            written: migration.is_some() && !self.args.dry_run,
            left,
            other_tools: &self.found.tools,
            features: &self.adopted.features,
        };
        out.json(&Envelope {
            engine: Some(source.engine.name()),
            database: Some(source.name.clone()),
            ..Envelope::<_, Finding>::offline("adopt", body, Vec::new())
        })
    }
}
