//! The names of keys, indexes and checks: PostgreSQL's own pattern, made in one place.

use sqlparser::keywords::ALL_KEYWORDS;

use crate::{
    fingerprint::sha256,
    sql::{self, quoted},
};

/// The longest name that PostgreSQL keeps, in bytes; it cuts longer ones without a word.
pub const MAX_BYTES: usize = 63;

/// `companies_pkey`
#[must_use]
pub fn primary_key(table: &str) -> String {
    join(table, &[], "pkey")
}

/// `orders_tenant_id_customer_id_fkey`
#[must_use]
pub fn foreign_key(table: &str, columns: &[String]) -> String {
    join(table, columns, "fkey")
}

/// Of several foreign keys of the same columns, `orders_customer_id_fkey1` is the next one.
#[must_use]
pub fn numbered_foreign_key(table: &str, columns: &[String], number: usize) -> String {
    match number {
        0 => foreign_key(table, columns),
        number => join(table, columns, &format!("fkey{number}")),
    }
}

/// `leads_tenant_id_email_idx`, or `domains_tenant_id_name_key` for a unique.
#[must_use]
pub fn index(table: &str, parts: &[String], unique: bool) -> String {
    join(table, parts, if unique { "key" } else { "idx" })
}

/// `leads_status_check`; of several checks of one column the next one is `leads_status_check1`, as
/// PostgreSQL numbers those that it names. `number` counts from zero.
#[must_use]
pub fn check(table: &str, column: &str, number: usize) -> String {
    let number = if number == 0 { String::new() } else { number.to_string() };
    join(table, &[column.to_owned()], &format!("check{number}"))
}

/// `leads_tenant_isolation`
#[must_use]
pub fn policy(table: &str) -> String {
    join(table, &[], "tenant_isolation")
}

/// The name of the policy that shows a table's rows without a tenant to every tenant.
#[must_use]
pub fn policy_for_all(table: &str) -> String {
    join(table, &[], "without_tenant")
}

/// Whether a name needs no quotes: lower-case letters, digits and underscores, and no keyword of SQL.
pub(super) fn needs_no_quotes(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c == '_';
    name.starts_with(is_letter)
        && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
        && !ALL_KEYWORDS.contains(&name.to_ascii_uppercase().as_str())
}

/// A name as it stands in SQL, in quotes where it needs them.
pub(super) fn as_sql(name: &str) -> String {
    if needs_no_quotes(name) { name.to_owned() } else { quoted(name) }
}

/// The same for a column or a table of tenancy. `id` has always stood without quotes; sqlparser counts it among the words
/// of SQL.
#[must_use]
pub fn in_condition(name: &str) -> String {
    if name == "id" { name.to_owned() } else { as_sql(name) }
}

/// The same for a table, which may have a schema.
#[must_use]
pub fn table_in_condition(name: &str) -> String {
    match sql::parts(name) {
        (None, table) => in_condition(&table),
        (Some(schema), table) => format!("{}.{}", as_sql(&schema), as_sql(&table)),
    }
}

/// Joins the parts by underscores. What exceeds [`MAX_BYTES`] is replaced by a hash of the whole
/// name, so that two long names never become one.
fn join(table: &str, parts: &[String], suffix: &str) -> String {
    // SeaQuery writes names of constraints as they are.
    let mut name = sql::parts(table).1.replace('"', "");
    for part in parts {
        name.push('_');
        // An expression's text is no identifier: keep its letters and digits.
        name.extend(part.chars().filter(|c| c.is_alphanumeric() || *c == '_'));
    }
    let full = format!("{name}_{suffix}");
    if full.len() <= MAX_BYTES {
        return full;
    }
    let hash = &sha256(&full)[..8];
    let mut cut = MAX_BYTES - suffix.len() - hash.len() - 2;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}_{hash}_{suffix}", &name[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    #[test]
    fn names_follow_postgres() {
        assert_eq!(primary_key("companies"), "companies_pkey");
        assert_eq!(
            foreign_key("orders", &owned(&["tenant_id", "customer_id"])),
            "orders_tenant_id_customer_id_fkey"
        );
        assert_eq!(
            index("leads", &owned(&["tenant_id", "email"]), false),
            "leads_tenant_id_email_idx"
        );
        assert_eq!(
            index("domains", &owned(&["tenant_id", "name"]), true),
            "domains_tenant_id_name_key"
        );
        assert_eq!(check("leads", "status", 0), "leads_status_check");
    }

    #[test]
    fn quotes_stay_out_of_names() {
        assert_eq!(primary_key("\"a \"\"b\"\"\""), "a b_pkey");
    }

    #[test]
    fn long_names_fit_and_stay_apart() {
        let long = |last: &str| index(&"ä".repeat(40), &owned(&["tenant_id", last]), false);
        let (a, b) = (long("a"), long("b"));
        assert!(a.len() <= MAX_BYTES && a.ends_with("_idx"), "{a}");
        assert_ne!(a, b);
        assert_eq!(a, long("a"), "the same name every time");
    }
}
