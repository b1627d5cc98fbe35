//! A difference between a live database and the entities, in words.

use crate::{
    called,
    diff::{Change, collation, options},
    report::Finding,
    schema::{Check, Column, Distribution, ForeignKey, PrimaryKey, RowSecurity, names},
};

/// What to do about a schema that differs: a migration is pending, or it was changed by hand.
const MEND: &str = "apply what is pending, if `migration status` names something; else undo it \
                    with `migration diff --sql`, or keep it by describing it in the entities and \
                    `migration generate NAME --unless-there`, or accept it in \
                    migration/accepted_drift.json";

/// What is wrong with a database that would need this change to become what the entities say.
#[must_use]
pub fn finding(change: &Change) -> Finding {
    let (code, message) = described(change);
    let help = match change {
        Change::AddTable { .. } => format!("run `{}`", called("migration", "up")),
        // It is on one node only.
        Change::AlterDistribution { from: None | Some(Distribution::Other(_)), .. } => {
            format!("run `{}`", called("migration", "distribute"))
        }
        _ => MEND.to_owned(),
    };
    Finding { code, table: change.table().to_owned(), object: object(change), message, help }
}

/// The name of what differs within its table: a column, a key, an index or a check; `None` if it
/// is the table itself.
#[must_use]
pub fn object(change: &Change) -> Option<String> {
    let check = |table: &str, check: &Check| {
        check.name.clone().unwrap_or_else(|| format!("{table} CHECK ({})", check.expr))
    };
    Some(match change {
        Change::AddTable { .. }
        | Change::DropTable { .. }
        | Change::RenameTable { .. }
        | Change::AddObjects { .. }
        | Change::DropObjects { .. }
        | Change::AlterObjects { .. }
        | Change::AddEnum { .. }
        | Change::DropEnum { .. }
        | Change::AlterEnum { .. }
        | Change::AlterOptions { column: None, .. }
        | Change::AlterComment { column: None, .. } => return None,
        Change::AlterOptions { column: Some(column), .. }
        | Change::AlterComment { column: Some(column), .. } => column.clone(),
        Change::AlterRowSecurity { .. } => "row-level security".to_owned(),
        Change::AlterDistribution { .. } => "distribution".to_owned(),
        Change::AddPolicy { policy, .. }
        | Change::DropPolicy { policy, .. }
        | Change::AlterPolicy { from: policy, .. }
        | Change::RenamePolicy { from: policy, .. } => policy.name.clone(),
        Change::AddGrant { grant, .. } | Change::DropGrant { grant, .. } => {
            grant.grantee.to_string()
        }
        Change::AlterPrimaryKey { table, .. } => names::primary_key(table),
        Change::AddForeignKey { table, key }
        | Change::DropForeignKey { table, key }
        | Change::AlterForeignKey { table, from: key, .. } => {
            key.name.clone().unwrap_or_else(|| names::foreign_key(table, &key.columns))
        }
        Change::AddIndex { index, .. }
        | Change::DropIndex { index, .. }
        | Change::AlterIndex { from: index, .. }
        | Change::RenameIndex { from: index, .. } => index.name.clone(),
        Change::AddCheck { table, check: it }
        | Change::DropCheck { table, check: it }
        | Change::AlterCheck { table, from: it, .. } => check(table, it),
        Change::RenameConstraint { from, .. } | Change::RenameColumn { from, .. } => from.clone(),
        Change::AddColumn { column, .. } | Change::DropColumn { column, .. } => column.name.clone(),
        Change::AlterType { to, .. }
        | Change::AlterNullable { to, .. }
        | Change::AlterDefault { to, .. }
        | Change::AlterGenerated { to, .. }
        | Change::AlterCollation { to, .. }
        | Change::AlterAutoIncrement { to, .. } => to.name.clone(),
    })
}

/// A code that stays as it is, and the sentence.
fn described(change: &Change) -> (&'static str, String) {
    match change {
        Change::AddTable { table } => {
            ("table-missing", format!("the table {} does not exist", table.name))
        }
        Change::DropTable { table } => {
            ("table-unexpected", format!("no entity describes the table {}", table.name))
        }
        Change::RenameTable { from, to } => {
            ("table-name", format!("the table {from} should be named {to}"))
        }
        Change::AddColumn { column, .. } => {
            ("column-missing", format!("the column {} does not exist", column.name))
        }
        Change::DropColumn { column, .. } => {
            ("column-unexpected", format!("no entity has the column {}", column.name))
        }
        Change::RenameColumn { from, to, .. } => {
            ("column-name", format!("the column {from} should be named {to}"))
        }
        Change::AlterType { .. }
        | Change::AlterNullable { .. }
        | Change::AlterDefault { .. }
        | Change::AlterGenerated { .. }
        | Change::AlterCollation { .. }
        | Change::AlterAutoIncrement { .. } => described_column(change),
        Change::AddEnum { .. } | Change::DropEnum { .. } | Change::AlterEnum { .. } => {
            described_enum(change)
        }
        // Only files differ so: what is live is compared by itself.
        Change::AddObjects { .. } | Change::DropObjects { .. } | Change::AlterObjects { .. } => {
            ("object-differs", change.to_string())
        }
        Change::AlterComment { .. } | Change::AlterOptions { .. } => described_besides(change),
        Change::AlterPrimaryKey { from, to, .. } => (
            "primary-key",
            format!(
                "the primary key is on {}, and should be on {}",
                columns(from.as_ref()),
                columns(to.as_ref())
            ),
        ),
        Change::AddForeignKey { key, .. } => {
            ("foreign-key-missing", format!("the foreign key {key} does not exist"))
        }
        Change::DropForeignKey { key, .. } => {
            ("foreign-key-unexpected", format!("no entity has the foreign key {key}"))
        }
        Change::AlterForeignKey { from, to, .. } => described_action(from, to),
        Change::AddIndex { index, .. } => (
            if index.unique { "unique-missing" } else { "index-missing" },
            format!("{} on {index} does not exist", index.name),
        ),
        Change::DropIndex { index, .. } => (
            if index.unique { "unique-unexpected" } else { "index-unexpected" },
            format!("no entity has {} on {index}", index.name),
        ),
        Change::AlterIndex { from, to, .. } => (
            if to.unique { "unique-differs" } else { "index-differs" },
            format!("{} is on {from}, and should be on {to}", to.name),
        ),
        Change::RenameIndex { from, to, .. } => {
            ("index-name", format!("the index {} should be named {}", from.name, to.name))
        }
        Change::AddCheck { check, .. } => {
            ("check-missing", format!("{} does not exist", named(check)))
        }
        Change::DropCheck { check, .. } => {
            ("check-unexpected", format!("no entity has {}", named(check)))
        }
        Change::AlterCheck { from, to, .. } => {
            ("check-differs", format!("there is {}, and should be {}", named(from), named(to)))
        }
        Change::RenameConstraint { from, to, .. } => {
            ("constraint-name", format!("the constraint {from} should be named {to}"))
        }
        Change::AlterDistribution { from, to, .. } => {
            let said = |distribution: &Option<Distribution>| {
                distribution.as_ref().map_or_else(|| "on one node".to_owned(), ToString::to_string)
            };
            ("distribution", format!("the table is {}, and should be {}", said(from), said(to)))
        }
        Change::AlterRowSecurity { .. }
        | Change::AddPolicy { .. }
        | Change::DropPolicy { .. }
        | Change::AlterPolicy { .. }
        | Change::RenamePolicy { .. }
        | Change::AddGrant { .. }
        | Change::DropGrant { .. } => described_access(change),
    }
}

/// The same for a column that is there and differs.
fn described_column(change: &Change) -> (&'static str, String) {
    match change {
        Change::AlterType { from, to, .. } => {
            ("column-type", format!("{} is {}, and should be {}", to.name, from.ty, to.ty))
        }
        Change::AlterNullable { to, .. } if to.nullable => {
            ("column-nullability", format!("{} refuses NULL, and should take it", to.name))
        }
        Change::AlterNullable { to, .. } => {
            ("column-nullability", format!("{} takes NULL, and should refuse it", to.name))
        }
        Change::AlterDefault { from, to, .. } => {
            let (is, should) = (default(from.default.as_ref()), default(to.default.as_ref()));
            ("column-default", format!("{} has {is}, and should have {should}", to.name))
        }
        Change::AlterGenerated { from, to, .. } => {
            let said = |column: &Column| {
                let plain = || "plain".to_owned();
                column.generated.as_ref().map_or_else(plain, ToString::to_string)
            };
            ("column-differs", format!("{} is {}, and should be {}", to.name, said(from), said(to)))
        }
        Change::AlterCollation { from, to, .. } => (
            "column-differs",
            format!("{} has {}, and should have {}", to.name, collation(from), collation(to)),
        ),
        Change::AlterAutoIncrement { to, .. } if to.auto_increment => (
            "column-auto-increment",
            format!("{} is not numbered by the database, and should be", to.name),
        ),
        Change::AlterAutoIncrement { to, .. } => (
            "column-auto-increment",
            format!("{} is numbered by the database, and should not be", to.name),
        ),
        _ => ("column-differs", change.to_string()),
    }
}

/// The same for what a table or a column is or has besides.
fn described_besides(change: &Change) -> (&'static str, String) {
    match change {
        Change::AlterComment { column, from, to, .. } => {
            let said = |text: &Option<String>| {
                text.as_ref().map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"))
            };
            let place = column.as_deref().unwrap_or("the table");
            let (is, should) = (said(from), said(to));
            ("comment-differs", format!("the comment on {place} is {is}, and should be {should}"))
        }
        Change::AlterOptions { column: Some(column), from, to, .. } => (
            "column-differs",
            format!("{column} is {}, and should be {}", options(from), options(to)),
        ),
        Change::AlterOptions { from, to, .. } => (
            "table-differs",
            format!("the table is {}, and should be {}", options(from), options(to)),
        ),
        other => ("schema-differs", other.to_string()),
    }
}

/// The same for an enum type.
fn described_enum(change: &Change) -> (&'static str, String) {
    match change {
        Change::AddEnum { name, .. } => {
            ("enum-missing", format!("the enum type {name} does not exist"))
        }
        Change::DropEnum { name, .. } => {
            ("enum-unexpected", format!("no entity has the enum type {name}"))
        }
        Change::AlterEnum { name, from, to } => (
            "enum-differs",
            format!(
                "the enum type {name} has the values {}, and should have {}",
                from.join(", "),
                to.join(", ")
            ),
        ),
        _ => ("enum-differs", change.to_string()),
    }
}

/// The same for a foreign key that is there and acts otherwise.
fn described_action(from: &ForeignKey, to: &ForeignKey) -> (&'static str, String) {
    if from.options.iter().any(|option| option == "DISABLED") {
        let message = format!(
            "the triggers of the foreign key {from} are disabled, so the server accepts rows that refer to nothing"
        );
        return ("foreign-key-disabled", message);
    }
    ("foreign-key-actions", format!("the foreign key is {from}, and should be {to}"))
}

/// The same for row-level security, policies and grants.
fn described_access(change: &Change) -> (&'static str, String) {
    match change {
        Change::AlterRowSecurity { from, to, .. } => {
            let code = match (from, to) {
                (RowSecurity::Disabled, _) => "row-security-disabled",
                (RowSecurity::Forced, _) => "row-security-forced",
                (RowSecurity::Enabled, _) => "row-security-unexpected",
            };
            (code, format!("row-level security is {from}, and should be {to}"))
        }
        Change::AddPolicy { policy, .. } => {
            ("policy-missing", format!("the policy {} does not exist", policy.name))
        }
        Change::DropPolicy { policy, .. } => {
            let (name, definition) = (&policy.name, policy.definition());
            ("policy-unexpected", format!("no entity has the policy {name} ({definition})"))
        }
        Change::AlterPolicy { from, to, .. } => (
            "policy-differs",
            format!(
                "the policy {} is {}, and should be {}",
                to.name,
                from.definition(),
                to.definition()
            ),
        ),
        Change::RenamePolicy { from, to, .. } => {
            ("policy-name", format!("the policy {} should be named {}", from.name, to.name))
        }
        Change::AddGrant { grant, .. } => {
            let (grantee, privileges) = (grant.grantee, grant.privileges.join(", "));
            ("grant-missing", format!("{grantee} does not have {privileges}, and should"))
        }
        Change::DropGrant { grant, .. } => {
            let (grantee, privileges) = (grant.grantee, grant.privileges.join(", "));
            ("grant-unexpected", format!("{grantee} has {privileges}, and should not"))
        }
        // What is about the table itself was described before.
        other => ("schema-differs", other.to_string()),
    }
}

/// `the default 'x'` or `no default`
fn default(text: Option<&String>) -> String {
    text.map_or_else(|| "no default".to_owned(), |text| format!("the default {text}"))
}

fn columns(key: Option<&PrimaryKey>) -> String {
    let said = |key: &PrimaryKey| {
        let options = key.options.iter().map(|option| format!(" {option}"));
        key.columns.join(", ") + &options.collect::<String>()
    };
    key.map_or_else(|| "nothing".to_owned(), said)
}

fn named(check: &Check) -> String {
    match &check.name {
        Some(name) => format!("the check {name} ({})", check.expr),
        None => format!("the check ({})", check.expr),
    }
}
