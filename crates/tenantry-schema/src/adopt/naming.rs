//! Names of Rust for names of a database: of modules, fields, types and variants.
//!
//! SeaORM makes the variants of `Column` and `Relation` from the names of fields, by `heck`. The same crate is asked
//! here, so that names that would become one variant are known.

use std::collections::BTreeSet;

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};

/// Names that are taken, of which no two may become the same variant.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Names of which these are taken.
    pub(super) fn without(taken: &[&str]) -> Self {
        Self { taken: taken.iter().map(|name| variant(name)).collect() }
    }

    /// A name in small letters like `name`, which no other has.
    pub(super) fn field(&mut self, name: &str) -> String {
        self.free(&field(name))
    }

    /// A name of a type like `name`.
    pub(super) fn type_name(&mut self, name: &str) -> String {
        variant(&self.free(&field(name)))
    }

    fn free(&mut self, wanted: &str) -> String {
        first_free(wanted, |name| self.taken.insert(variant(name)))
    }
}

/// The name, or with the first number behind it that makes it free.
pub(super) fn first_free(wanted: &str, mut is_free: impl FnMut(&String) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{wanted}_{number}"));
    let mut tried = [wanted.to_owned()].into_iter().chain(numbered);
    tried.find(|name| is_free(name)).unwrap_or_default()
}

/// The name of a field, in small letters and underscores.
fn field(name: &str) -> String {
    let words = name.to_snake_case();
    let words = words.trim_matches('_');
    match words.chars().next() {
        None => "unnamed".to_owned(),
        // `Self` is no variant.
        _ if ["self", "crate", "super"].contains(&words) => format!("its_{words}"),
        Some(first) if first.is_numeric() => format!("n{words}"),
        Some(_) => words.to_owned(),
    }
}

/// The variant that SeaORM makes of the name of a field.
pub(super) fn variant(field: &str) -> String {
    field.to_upper_camel_case()
}

/// The column that SeaORM takes a field for that says no `column_name`.
pub(super) fn column_of(field: &str) -> String {
    variant(field).to_snake_case()
}

/// A field as it stands in the source: a word of the language needs a mark.
pub(super) fn as_rust(field: &str) -> String {
    if KEYWORDS.contains(&field) { format!("r#{field}") } else { field.to_owned() }
}

/// The module of a table: its name in the singular, which is no word of the language.
pub(super) fn module(table: &str) -> String {
    let words = field(table);
    let (rest, last) = match words.rsplit_once('_') {
        Some((rest, last)) => (format!("{rest}_"), last),
        None => (String::new(), words.as_str()),
    };
    let name = rest + &singular(last);
    if KEYWORDS.contains(&name.as_str())
        || ["lib", "main", "mod", "prelude"].contains(&name.as_str())
    {
        format!("{name}_row")
    } else {
        name
    }
}

/// The singular of an English word, as far as its end tells.
fn singular(word: &str) -> String {
    let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    let cut = |bytes: usize| word[..word.len() - bytes].to_owned();
    match word {
        "people" => "person".to_owned(),
        "children" => "child".to_owned(),
        _ if word.len() > 4 && word.ends_with("ies") => cut(3) + "y",
        _ if ends(&["sses", "xes", "ches", "shes", "uses", "zzes"]) => cut(2),
        _ if ends(&["ss", "us", "is", "news", "series", "species"]) => word.to_owned(),
        _ if word.len() > 2 && word.ends_with('s') => cut(1),
        _ => word.to_owned(),
    }
}

/// Words of the language that a field may be called with `r#`, and those that are kept for later:
/// <https://doc.rust-lang.org/reference/keywords.html>
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "union", "unsafe", "unsized",
    "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_become_modules_of_the_singular() {
        let cases = [
            ("users", "user"),
            ("OrderLines", "order_line"),
            ("companies", "company"),
            ("addresses", "address"),
            ("statuses", "status"),
            ("status", "status"),
            ("boxes", "box_row"),
            ("types", "type_row"),
            ("mod", "mod_row"),
            ("people", "person"),
            ("news", "news"),
            ("2fa_codes", "n2fa_code"),
            ("Mixed Case", "mixed_case"),
            ("it's \"quoted\"", "it_s_quoted"),
            ("käse", "käse"),
            ("ties", "tie"),
            ("_", "unnamed"),
        ];
        for (table, expected) in cases {
            assert_eq!(module(table), expected, "{table}");
        }
    }

    #[test]
    fn no_two_fields_become_one_variant() {
        let mut names = Names::default();
        let given: Vec<String> = ["a_1", "a1", "A 1", "self", "Self", "type", "", "1st"]
            .map(|name| names.field(name))
            .into();
        let variants: BTreeSet<String> = given.iter().map(|name| variant(name)).collect();
        assert_eq!(variants.len(), given.len(), "{given:?}");
        assert_eq!(given[0], "a_1");
        assert_eq!((given[3].as_str(), given[5].as_str()), ("its_self", "type"));
        assert_eq!(as_rust(&given[5]), "r#type");
        assert_eq!(Names::without(&["model"]).type_name("Model"), "Model2");
    }
}
