//! `tenants` has no unique but its key.

use super::super::{Case, Found, Kind, Known, Level, Rule, RuleSet, parts::Key};

pub(super) const RULE: Rule = Rule {
    code: "unique-on-tenants",
    targets: &[RuleSet::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/integrations/betterauth",
    help: "leave the unique out on Nile, as `ops::v1::create_index` does, and check the rows with `validate`",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let uniques = case.statement.uniques().into_iter();
    let on_root = uniques.filter(|it| case.catalogue.kind(&it.table) == Some(Kind::Root));
    let found = on_root.map(|Key { table, columns }| {
        Found::on(&table, format!("{table} cannot have a unique on {}", columns.join(", ")))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, RuleSet};
    use crate::lint::rules::tests::check;

    #[test]
    fn examples() {
        let broken = [
            "CREATE UNIQUE INDEX u ON tenants (slug)",
            "ALTER TABLE tenants ADD COLUMN slug text UNIQUE",
        ];
        let kept = [
            "CREATE INDEX i ON tenants (slug)",
            "CREATE TABLE t (tenant_id uuid NOT NULL, id uuid, PRIMARY KEY (tenant_id, id)); CREATE UNIQUE INDEX u ON t (tenant_id, slug)",
        ];
        check(&RULE, RuleSet::Nile, &broken, &kept);
    }
}
