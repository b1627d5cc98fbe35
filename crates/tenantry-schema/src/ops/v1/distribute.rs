//! Spreading tables over the nodes of an engine that has several.

use std::collections::BTreeMap;

use sea_orm_migration::prelude::{DbErr, SchemaManager};
use sqlparser::tokenizer::Token;

use super::{alter::execute, engine};
use crate::{
    schema::{Distribution, expr},
    sql::{literal, quoted_table},
};

/// Spreads the rows of `table` over the nodes by the values of `column`: rows with the same value
/// are together. The first table of a group; [`distribute_beside`] adds others to it. Engines with
/// one node do nothing.
///
/// Rows that are there move along. Foreign keys may refer to tables of the same group, and to those
/// that are on every node.
///
/// # Errors
///
/// If the statement fails.
pub async fn distribute(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
) -> Result<(), DbErr> {
    run(manager, distribute_sql(table, column, None)).await
}

/// As [`distribute`], so that rows are where the rows of the table `other` are that have the same
/// value in its column: on the same node.
///
/// # Errors
///
/// As [`distribute`].
pub async fn distribute_beside(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
    other: &str,
) -> Result<(), DbErr> {
    run(manager, distribute_sql(table, column, Some(other))).await
}

/// Copies `table` to every node, and keeps the copies alike. Engines with one node do nothing.
///
/// # Errors
///
/// As [`distribute`].
pub async fn replicate(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    run(manager, replicate_sql(table)).await
}

/// Makes a plain table of one that was distributed or replicated, and that no foreign key binds to
/// another such table. Engines with one node do nothing.
///
/// # Errors
///
/// As [`distribute`].
pub async fn undistribute(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    run(manager, undistribute_sql(table)).await
}

async fn run(manager: &SchemaManager<'_>, sql: String) -> Result<(), DbErr> {
    if engine(manager).capability().distributes_tables {
        execute(manager, sql).await?;
    }
    Ok(())
}

/// How a statement begins that says where the rows of a table are.
const DISTRIBUTE: &str = "SELECT create_distributed_table(";
const DISTRIBUTE_ONLINE: &str = "SELECT create_distributed_table_concurrently(";
const REPLICATE: &str = "SELECT create_reference_table(";
const UNDISTRIBUTE: &str = "SELECT undistribute_table(";

/// As [`distribute_beside`], or [`distribute`] without another table, while rows are written. In no
/// transaction.
#[must_use]
pub fn distribute_online_sql(table: &str, column: &str, other: Option<&str>) -> String {
    distribute_sql(table, column, other).replacen(DISTRIBUTE, DISTRIBUTE_ONLINE, 1)
}

/// Whether a statement says where the rows of a table are.
#[must_use]
pub fn is_distribution(sql: &str) -> bool {
    [DISTRIBUTE, REPLICATE, UNDISTRIBUTE].iter().any(|start| sql.starts_with(start))
}

/// Where statements that ran one after the other have put the rows of tables, by the names that these have in the
/// end.
#[must_use]
pub fn distributions(statements: &[String]) -> BTreeMap<String, Distribution> {
    let mut found = BTreeMap::new();
    for sql in statements {
        let texts: Vec<String> = expr::tokens(sql)
            .into_iter()
            .flatten()
            .filter_map(|token| match token {
                Token::SingleQuotedString(text) => Some(text),
                _ => None,
            })
            .collect();
        let unquoted = |name: &str| name.trim_matches('"').replace("\"\"", "\"");
        match texts.as_slice() {
            [table, column, ..] if sql.starts_with(DISTRIBUTE) => {
                found.insert(unquoted(table), Distribution::By(column.clone()));
            }
            [table] if sql.starts_with(REPLICATE) => {
                found.insert(unquoted(table), Distribution::Replicated);
            }
            [table, ..] if sql.starts_with(UNDISTRIBUTE) => {
                found.remove(&unquoted(table));
            }
            _ => {
                let names =
                    sql.strip_prefix("ALTER TABLE ").and_then(|it| it.split_once(" RENAME TO "));
                if let Some((from, to)) = names
                    && let Some(distribution) = found.remove(&unquoted(from))
                {
                    found.insert(unquoted(to), distribution);
                }
            }
        }
    }
    found
}

/// <https://docs.citusdata.com/en/stable/develop/api_udf.html#create-distributed-table>
fn distribute_sql(table: &str, column: &str, other: Option<&str>) -> String {
    let other = other.map_or_else(|| literal("none"), |other| literal(&quoted_table(other)));
    let (table, column) = (literal(&quoted_table(table)), literal(column));
    format!("{DISTRIBUTE}{table}, {column}, colocate_with => {other})")
}

/// Puts a table on every node.
#[must_use]
pub fn replicate_sql(table: &str) -> String {
    format!("{REPLICATE}{})", literal(&quoted_table(table)))
}

fn undistribute_sql(table: &str) -> String {
    format!("{UNDISTRIBUTE}{})", literal(&quoted_table(table)))
}
