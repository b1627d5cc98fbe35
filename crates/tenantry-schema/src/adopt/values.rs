//! Lists of values: the checks that make a column of text an enum.

use std::fmt;

use sqlparser::{
    ast::{BinaryOperator, Expr, Value},
    dialect::PostgreSqlDialect,
    parser::Parser,
};

use crate::sql::literal;

/// A column and the texts that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values {
    /// The column.
    pub(super) column: String,
    /// The column as it is written in the condition.
    spelled: String,
    /// Its values.
    pub(super) list: Vec<String>,
}

/// The list of values that a condition is, in the words of a person or in those of a server.
pub(super) fn of_check(expr: &str) -> Option<Values> {
    let dialect = PostgreSqlDialect {};
    let parsed = Parser::new(&dialect).try_with_sql(expr).ok()?.parse_expr().ok()?;
    match bare(&parsed) {
        Expr::InList { expr, list, negated: false } => values(expr, list.iter()),
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => match bare(right) {
            Expr::Array(array) => values(left, array.elem.iter()),
            _ => None,
        },
        _ => None,
    }
}

fn values<'e>(column: &Expr, list: impl Iterator<Item = &'e Expr>) -> Option<Values> {
    let Expr::Identifier(column) = bare(column) else { return None };
    let value = |expr: &Expr| match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let list: Vec<String> = list.map(value).collect::<Option<_>>()?;
    // The server folds names that have no quotes.
    let name = match column.quote_style {
        None => column.value.to_lowercase(),
        Some(_) => column.value.clone(),
    };
    let spelled = column.to_string();
    (!list.is_empty()).then_some(Values { column: name, spelled, list })
}

/// Without parentheses around it and casts behind it.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => bare(inner),
        other => other,
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<String> = self.list.iter().map(|value| literal(value)).collect();
        write!(f, "{} IN ({})", self.spelled, list.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::of_check;

    #[test]
    fn lists_are_told_from_other_checks() {
        let cases = [
            ("status IN ('a', 'b')", Some("status IN ('a', 'b')")),
            ("(status = ANY (ARRAY['a'::text, 'b'::text]))", Some("status IN ('a', 'b')")),
            (
                "(status)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[])",
                Some("status IN ('a', 'it''s')"),
            ),
            (
                "status::text = ANY (ARRAY['a'::character varying::text, 'b'::character varying::text])",
                Some("status IN ('a', 'b')"),
            ),
            ("\"Order\" IN ('x')", Some("\"Order\" IN ('x')")),
            ("status NOT IN ('a')", None),
            ("status <> ALL (ARRAY['a'::text])", None),
            ("status > ANY (ARRAY['a'::text])", None),
            ("lower(status) IN ('a')", None),
            ("status IN ('a') OR status IS NULL", None),
            ("n IN (1, 2)", None),
            ("n > 0", None),
            ("no SQL (", None),
        ];
        for (expr, expected) in cases {
            let found = of_check(expr).map(|values| values.to_string());
            assert_eq!(found.as_deref(), expected, "{expr}");
        }
    }
}
