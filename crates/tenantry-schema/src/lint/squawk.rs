//! What PostgreSQL itself makes of a statement: which lock it takes, what it rewrites. Squawk knows
//! that (<https://squawkhq.com>); its rules of taste are left out.

use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;

use super::{Known, Level, LintFinding, RuleFacts, Script};
use crate::report::{DATABASE, Finding};

/// The rules that are about locks, rewrites, and statements that fail, by the names that squawk has
/// for them.
const RULES: [(Rule, &str); 15] = [
    (Rule::AddingFieldWithDefault, "adding-field-with-default"),
    (Rule::AddingForeignKeyConstraint, "adding-foreign-key-constraint"),
    (Rule::AddingNotNullableField, "adding-not-nullable-field"),
    (Rule::AddingRequiredField, "adding-required-field"),
    (Rule::AddingSerialPrimaryKeyField, "adding-serial-primary-key-field"),
    (Rule::BanConcurrentIndexCreationInTransaction, "ban-concurrent-index-creation-in-transaction"),
    (Rule::BanTruncateCascade, "ban-truncate-cascade"),
    (Rule::ChangingColumnType, "changing-column-type"),
    (Rule::ConstraintMissingNotValid, "constraint-missing-not-valid"),
    (Rule::DisallowedUniqueConstraint, "disallowed-unique-constraint"),
    (Rule::RenamingColumn, "renaming-column"),
    (Rule::RenamingTable, "renaming-table"),
    (Rule::RequireConcurrentIndexCreation, "require-concurrent-index-creation"),
    (Rule::RequireConcurrentIndexDeletion, "require-concurrent-index-deletion"),
    (Rule::TransactionNesting, "transaction-nesting"),
];

/// Everything that squawk says of a script.
pub(super) fn lint(script: &Script) -> Vec<LintFinding> {
    let mut linter = Linter::from(RULES.iter().map(|(rule, _)| *rule));
    linter.settings.assume_in_transaction = script.is_migration;
    let violations = linter.lint(&SourceFile::parse(&script.text), &script.text);
    let found = violations.into_iter().filter_map(|violation| {
        let (_, code) = RULES.iter().find(|(rule, _)| *rule == violation.code)?;
        let start = usize::from(violation.text_range.start());
        let before = script.text.get(..start).unwrap_or_default();
        Some(LintFinding {
            script: script.name.clone(),
            line: 1 + before.matches('\n').count() as u64,
            finding: Finding {
                code,
                table: DATABASE.to_owned(),
                object: None,
                message: violation.message,
                help: violation
                    .help
                    .unwrap_or_else(|| format!("see https://squawkhq.com/docs/{code}")),
            },
            rule: RuleFacts {
                level: Level::Unsafe,
                known: Known::Documented,
                source: "https://squawkhq.com/docs/rules",
            },
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use tenantry_entity::tenancy::TENANCY;

    use crate::lint::{RuleSet, Script, empty, lint};

    #[test]
    fn a_lock_is_told_of() {
        let codes = |sql: &str| {
            let script = Script::of_file("test.sql", sql);
            let findings = lint(RuleSet::Postgres, empty(RuleSet::Postgres, TENANCY), &[script]);
            findings.iter().map(|it| (it.finding.code, it.line)).collect::<Vec<_>>()
        };
        let found = codes("SELECT 1;\nALTER TABLE t ALTER COLUMN a TYPE bigint;");
        assert_eq!(found, [("changing-column-type", 2)]);
        assert_eq!(codes("CREATE TABLE t (a int); CREATE INDEX i ON t (a);"), []);
    }

    #[test]
    fn the_names_are_those_of_squawk() {
        for (rule, name) in super::RULES {
            assert_eq!(rule.to_string(), name);
        }
    }
}
