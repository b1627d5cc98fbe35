//! `tenants` has no unique but its key.

use super::super::{Case, Found, Kind, Known, Level, Rule, Target, parts::What};

pub(super) const RULE: Rule = Rule {
    code: "unique-on-tenants",
    targets: &[Target::Nile],
    level: Level::Refused,
    known: Known::Documented,
    source: "https://www.thenile.dev/docs/integrations/betterauth",
    help: "leave the unique out on Nile, as `ops::v1::create_index` does, and check the rows with `validate`",
    check,
};

fn check(case: &Case<'_>) -> Vec<Found> {
    let uniques =
        case.statement.constraints().into_iter().filter_map(|constraint| match constraint.what {
            What::Unique(parts) => Some((constraint.table, parts)),
            _ => None,
        });
    let found = uniques.filter(|(table, _)| case.catalogue.kind(table) == Some(Kind::Root));
    let found = found.map(|(table, parts)| {
        Found::on(&table, format!("{table} cannot have a unique on {}", parts.join(", ")))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{RULE, Target};
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
        check(&RULE, Target::Nile, &broken, &kept);
    }
}
