//! What an engine is known to refuse is looked for before any of it is sent.

use std::fmt::Write as _;

use sea_orm_migration::MigrationTrait;
use tenantry_entity::Engine;

use super::{Direction, Runner, record};
use crate::{
    error::Result,
    lint::{self, Level, LintFinding, Script},
    refusal::Refusal,
};

/// Both halves of every migration as scripts, in the order in which they run: all are applied, then
/// all are rolled back.
///
/// # Errors
///
/// If a migration cannot be recorded.
pub async fn scripts(
    migrations: &[Box<dyn MigrationTrait>],
    engine: Engine,
) -> Result<Vec<Script>> {
    let mut scripts = Vec::with_capacity(2 * migrations.len());
    for migration in migrations {
        let sent = record(migration.as_ref(), engine, Direction::Up).await?;
        scripts.push(Script::of_migration(format!("{} up", migration.name()), &sent));
    }
    for migration in migrations.iter().rev() {
        let sent = record(migration.as_ref(), engine, Direction::Down).await?;
        scripts.push(Script::of_migration(format!("{} down", migration.name()), &sent));
    }
    Ok(scripts)
}

impl Runner<'_> {
    /// Fails if the engine is known to refuse what these halves of migrations would send, on top of
    /// those that are applied: before anything of it is sent.
    pub(super) async fn check_accepted(
        &self,
        applied: &[String],
        running: &[&dyn MigrationTrait],
        direction: Direction,
    ) -> Result<()> {
        let Some(target) = lint::RuleSet::guarding(self.engine) else { return Ok(()) };
        let mut catalogue = lint::empty(target, self.tenancy);
        for migration in self.migrations.iter().filter(|m| applied.iter().any(|a| a == m.name())) {
            let sent = self.recorded(migration.as_ref(), Direction::Up).await?;
            catalogue.apply_all(&Script::of_migration(migration.name(), &sent.texts()));
        }
        let mut scripts = Vec::with_capacity(running.len());
        for migration in running {
            let sent = self.recorded(*migration, direction).await?;
            scripts.push(Script::of_migration(migration.name(), &sent.texts()));
        }
        let mut refused = lint::lint(target, catalogue, &scripts);
        refused.retain(|found| found.rule.level == Level::Refused);
        if refused.is_empty() {
            return Ok(());
        }
        let mut reason = format!("{} refuses what would be sent; nothing was changed", self.engine);
        for found in &refused {
            let LintFinding { script, line, finding, .. } = found;
            let (code, message, help) = (finding.code, &finding.message, &finding.help);
            let _ = write!(reason, "\n  {script}, statement {line}: {code}: {message}: {help}");
        }
        Err(Refusal::plain("engine-refuses", reason).into())
    }
}
