//! What holds for all rows, whatever set they are of.

use std::collections::BTreeMap;

use entity::prelude::*;
use sea_orm::Value;
use tenantry_seeder::{
    SampleTenant,
    digest::{Digest, row_hash},
};

use crate::{DataSet, Edge, Preset, Skew, Spec, Tenant as Owner, data_set, factory};

/// One row: its table, its id, its hash, and its texts.
struct Row {
    table: &'static str,
    id: Uuid,
    hash: u128,
    texts: String,
}

/// Every row of a tenant, table by table in their order.
fn rows(tenant: &SampleTenant) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, (info, count)) in tenant.counts().enumerate() {
        let id = info.columns.iter().position(|column| *column == "id").unwrap();
        for n in 0..count {
            let values = tenant.row(at, n);
            let text = |value: &Value| match value {
                Value::String(Some(text)) => format!("{text}\n"),
                Value::Json(Some(json)) => format!("{json}\n"),
                _ => String::new(),
            };
            let Value::Uuid(Some(id)) = values[id] else { panic!("{} without id", info.name) };
            rows.push(Row {
                table: info.name,
                id,
                hash: row_hash(&info.columns, &values),
                texts: values.iter().map(text).collect(),
            });
        }
    }
    rows
}

/// All tenants of a set, for the factories.
fn owners(spec: &Spec) -> impl Iterator<Item = Owner> + use<'_> {
    spec.ordinals().map(|ordinal| crate::tenant(spec.clone(), ordinal))
}

fn with_edge(preset: Preset) -> DataSet {
    data_set(Spec { edge: true, ..Spec::preset(preset) })
}

/// Digests of each table and of all.
fn digests(set: &DataSet) -> String {
    let mut tables: BTreeMap<&str, Digest> = BTreeMap::new();
    for tenant in set.tenants() {
        for row in rows(&tenant) {
            tables.entry(row.table).or_default().add(row.hash);
        }
    }
    let lines = tables.iter().map(|(table, digest)| format!("{table} {} {digest}\n", digest.rows));
    lines.collect()
}

/// The rows of a table change when its factory or its columns do, and then databases that were seeded
/// before have other rows. A new table adds a line, a new column changes that of its table: accept
/// those. If another line has changed, put its factory back as it was.
#[test]
fn the_rows_of_each_table_are_frozen() {
    insta::assert_snapshot!(digests(&with_edge(Preset::Tiny)));
    insta::assert_snapshot!(digests(&data_set(Preset::Demo)));
}

#[test]
fn a_tenant_is_the_same_in_every_set() {
    let hashes =
        |tenant: &SampleTenant| rows(tenant).into_iter().map(|row| row.hash).collect::<Vec<_>>();
    let (small, large) = (Spec::preset(Preset::Dev), Spec::preset(Preset::Xl));
    for ordinal in [1, 2, 17] {
        let [one, other] = [&small, &large].map(|spec| data_set(spec.clone()).tenant(ordinal));
        assert!(hashes(&one) == hashes(&other));
    }
    let other = Spec { seed: 1, ..small.clone() };
    let [one, other] = [small, other].map(|spec| data_set(spec).tenant(2));
    assert_ne!(hashes(&one)[0], hashes(&other)[0]);
}

#[test]
fn ids_increase_in_the_order_of_insertion() {
    for set in [with_edge(Preset::Tiny), data_set(Preset::Demo), data_set(Preset::Dev)] {
        for tenant in set.tenants().take(20) {
            let rows = rows(&tenant);
            for pair in rows.windows(2).filter(|pair| pair[0].table == pair[1].table) {
                assert!(pair[0].id < pair[1].id, "{} of tenant {}", pair[0].table, tenant.ordinal);
            }
        }
    }
}

/// So that a leak can be searched for. Payments have no text of their own.
#[test]
fn the_token_of_its_tenant_is_in_every_row_and_in_no_other() {
    let set = with_edge(Preset::Demo);
    let tokens: Vec<String> = set.tenants().map(|tenant| tenant.token.clone()).collect();
    for tenant in set.tenants() {
        // It has the addresses of the first, and nobody else has any of another.
        let lent = (tenant.edge == Some(Edge::Twin)).then(|| &tokens[0]);
        for row in rows(&tenant).iter().filter(|row| !matches!(row.table, "payments" | "tenants")) {
            assert!(row.texts.contains(&tenant.token), "{}: {}", row.table, row.texts);
            for token in tokens.iter().filter(|it| **it != tenant.token && Some(*it) != lent) {
                assert!(!row.texts.contains(token), "{}: {}", row.table, row.texts);
            }
        }
    }
}

/// Also where there are more rows than there are seconds.
#[test]
fn a_very_large_tenant_has_times_in_order() {
    let spec = Spec { tenants: 1, size: 16_000_000, skew: Skew::Uniform, ..Spec::default() };
    let tenant = crate::tenant(spec, 1);
    let last = tenant.counts.companies - 1;
    let ids = [0, 1, last / 2, last - 1, last].map(|n| factory::company::id(&tenant, n));
    assert!(ids.is_sorted());
}

/// A number of rows that nobody has counted on leaves parents for every child.
#[test]
fn parents_are_there_whatever_the_factors() {
    let tables = ["users", "companies", "domains", "email_accounts", "leads", "campaigns"];
    for table in tables.into_iter().chain(["inbox_messages", "company_settings", "payments"]) {
        for factor in [0, 1, 300, 7_000] {
            let mut spec = Spec { edge: true, ..Spec::preset(Preset::Tiny) };
            spec.factors.insert(table.to_owned(), factor);
            let mut ids = std::collections::HashSet::new();
            for tenant in owners(&spec) {
                let counts = tenant.counts;
                ids.extend((0..counts.users).map(|n| factory::user::id(&tenant, n)));
                ids.extend((0..counts.companies).map(|n| factory::company::id(&tenant, n)));
                ids.extend((0..counts.domains).map(|n| factory::domain::id(&tenant, n)));
            }
            for tenant in owners(&spec) {
                let counts = tenant.counts;
                let seats: Vec<Uuid> = (0..counts.team_members)
                    .map(|n| factory::team_member::user_id(&tenant, n))
                    .collect();
                assert!(seats.iter().all(|id| ids.contains(id)));
                let mut once = seats.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), seats.len(), "nobody has two seats");
                for n in 0..counts.campaigns {
                    let company = factory::campaign::row(&tenant, n).company_id.unwrap();
                    assert!(ids.contains(&company), "{table} {factor}");
                }
                for n in 0..counts.company_settings {
                    let company = factory::company_settings::row(&tenant, n).company_id.unwrap();
                    assert!(ids.contains(&company), "{table} {factor}");
                }
                for n in 0..counts.email_accounts {
                    let domain = factory::email_account::row(&tenant, n).domain_id.unwrap();
                    assert!(ids.contains(&domain), "{table} {factor}");
                }
                for n in 0..counts.payments {
                    let payer = factory::payment::row(&tenant, n).user_id.unwrap();
                    assert!(seats.contains(&payer), "{table} {factor}");
                }
                for n in 0..counts.inbox_messages {
                    let message = factory::inbox_message::row(&tenant, n);
                    assert!(counts.leads > 0 && message.from_email.unwrap().contains('@'));
                }
            }
        }
    }
}

#[test]
fn who_is_in_several_tenants_is_there_from_the_second_on() {
    let tenant = crate::tenant(Spec::default(), 2);
    let own = tenant.counts.users;
    assert!(tenant.counts.team_members > own);
    let guest = factory::team_member::user_id(&tenant, own);
    let first = crate::tenant(Spec::default(), 1);
    assert!((0..first.counts.users).any(|n| factory::user::id(&first, n) == guest));
}
