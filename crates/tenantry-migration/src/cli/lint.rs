//! `migration lint`: needs no database.

use std::{fs, path::PathBuf};

use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::{Printer, counted};
use crate::{
    Project,
    config::env,
    error::{Error, Result},
    lint::{ALL, LAST, LintFinding, RuleSet, Script, empty, holding, lint},
    report::Envelope,
    runner::scripts,
};

#[derive(Debug, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help texts")]
pub(super) struct Args {
    /// SQL files to read instead of the migrations
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Engine that the SQL is for
    #[arg(
        long,
        env = env::TENANTRY_ENGINE,
        hide_env_values = true,
        value_name = "ENGINE",
        value_parser = PossibleValuesParser::new(["nile", "postgres", "citus"]),
        default_value = "nile"
    )]
    engine: Option<String>,
    /// A rule that may be broken, by its code
    #[arg(long, value_name = "CODE", value_parser = PossibleValuesParser::new(codes()), hide_possible_values = true)]
    allow: Vec<String>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

fn codes() -> Vec<&'static str> {
    ALL.iter().chain([&LAST]).map(|rule| rule.code).collect()
}

#[derive(Serialize)]
struct Body {
    /// What the SQL was read for.
    target: RuleSet,
    /// How many migrations' halves, or files, were read.
    scripts: usize,
    /// How many statements.
    statements: usize,
    /// How many rules there are for this engine.
    rules: usize,
}

pub(super) async fn run(args: &Args, project: &Project, out: &mut Printer) -> Result<u8> {
    let named = args.engine.as_deref().unwrap_or_default();
    let target = RuleSet::ALL.into_iter().find(|target| target.name() == named);
    let target = target.unwrap_or(RuleSet::Nile);
    let (catalogue, read) = if args.files.is_empty() {
        (empty(target, project.names()), scripts(&(project.migrations)(), target.engine()).await?)
    } else {
        let files = args.files.iter().map(|file| {
            let shown = file.display().to_string();
            let text = fs::read_to_string(file).map_err(|error| {
                Error::config("file-unreadable", format!("{shown} cannot be read: {error}"))
            })?;
            Ok(Script::of_file(shown, &text))
        });
        let files: Result<Vec<Script>> = files.collect();
        (holding(target, project.names(), &project.schema()?), files?)
    };
    let mut findings = lint(target, catalogue, &read);
    findings.retain(|found| !args.allow.iter().any(|code| code == found.finding.code));
    let body = Body {
        target,
        scripts: read.len(),
        statements: read.iter().map(|script| script.statements.len()).sum(),
        rules: ALL.iter().chain([&LAST]).filter(|rule| rule.targets.contains(&target)).count(),
    };
    let code = u8::from(!findings.is_empty());
    if args.json {
        out.json(&Envelope {
            engine: Some(target.name()),
            ..Envelope::offline("lint", body, findings)
        })?;
        return Ok(code);
    }
    for found in &findings {
        print(found, out)?;
    }
    let statements = counted(body.statements, "statement", "statements");
    let rules = counted(body.rules, "rule", "rules");
    out.line(&match findings.len() {
        0 => format!("no findings for {named} in {statements}, by {rules}"),
        count => format!("{} for {named} in {statements}", counted(count, "finding", "findings")),
    })?;
    if !cfg!(feature = "squawk") && target != RuleSet::Nile {
        out.note("note: locks and rewrites are looked at with `--features squawk` only");
    }
    Ok(code)
}

fn print(found: &LintFinding, out: &mut Printer) -> Result<()> {
    let LintFinding { script, line, finding, rule } = found;
    out.line(&format!("{script}:{line}: {}: {}", finding.code, finding.message))?;
    out.line(&format!("  {}", finding.help))?;
    out.line(&format!("  {}, {}: {}", rule.level, rule.known, rule.source))
}
