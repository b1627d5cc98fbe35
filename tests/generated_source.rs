//! What a generated file sends is what the plan it was made from sends, statement by statement;
//! and such files are formatted and pass the lints.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use entity::Engine;
use migration::{
    generate::source,
    plan::{Backfills, Object, PlannedMigration},
    runner::{Direction, record},
};
use serde_json::{Value, json};

use crate::{
    adoption,
    support::{
        random_schema::{Pair, drawn},
        workspace::Workspace,
    },
};

/// How many random pairs are looked at.
const PAIRS: usize = 400;

/// In how many of the migrations that are compiled each kind is, of what is in any of those looked at.
const TIMES: usize = 4;

/// How many random schemas are written as entities.
const ADOPTED: usize = 12;

/// Random pairs that have every kind of operation, step, type, action, privilege and the like between them.
fn samples() -> Vec<Pair> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut samples = Vec::new();
    for (number, mut pair) in drawn(7, PAIRS).enumerate() {
        if number % 4 == 3 {
            // The file says where values are needed.
            (pair.backfills, pair.backfills_back) = (Backfills::new(), Backfills::new());
        }
        let kinds = kinds(&pair);
        if kinds.iter().any(|kind| seen.get(kind).is_none_or(|times| *times < TIMES)) {
            for kind in kinds {
                *seen.entry(kind).or_default() += 1;
            }
            // Tables with a schema of the database, too.
            samples.push(if number % 5 == 4 { pair.within() } else { pair });
        }
    }
    for kind in
        ["AddPrimaryKey", "SetDefault", "RenamePolicy", "RenameIndex", "Unfilled", "SetNull"]
    {
        assert!(seen.get(kind).is_some_and(|times| *times >= TIMES), "{kind}: {seen:?}");
    }
    // Policies of sealed scopes.
    let from = migration::PROJECT.schema().unwrap();
    let to = from.clone().sealed(&migration::TENANCY);
    assert!(to.is_sealed() && !from.is_sealed());
    samples.push(Pair::plain(&from, &to));
    // Enum types, and keys that the database numbers.
    for (from, to) in crate::any_entities::generated() {
        samples.push(Pair::plain(&from, &to));
    }
    samples
}

/// The names of all variants and structs in the operations of both ways, and what tells indexes apart.
fn kinds(pair: &Pair) -> BTreeSet<String> {
    let operations = [pair.forth().operations, pair.reversed().forth().operations];
    let text = format!("{operations:?}").replace("\\\"", "");
    // Every other part is a text in quotes.
    let parts = text.split('"').enumerate();
    let (texts, plain): (Vec<_>, Vec<_>) = parts.partition(|(place, _)| place % 2 == 1);
    let words = plain.iter().flat_map(|(_, part)| part.split(|c: char| !c.is_alphanumeric()));
    let words = words.filter(|word| word.starts_with(char::is_uppercase));
    let of_indexes = ["hash", "NULLS NOT DISTINCT", "text_pattern_ops", "varchar_pattern_ops"];
    let of_indexes = of_indexes.into_iter().filter(|word| texts.iter().any(|(_, it)| it == word));
    words.chain(of_indexes).map(str::to_owned).collect()
}

/// Every fourth one does nothing where what it adds is there.
fn unless(number: usize, pair: &Pair) -> Vec<Object> {
    if number.is_multiple_of(4) { Object::added(&pair.forth().operations) } else { Vec::new() }
}

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];
const DIRECTIONS: [(Direction, &str); 2] = [(Direction::Up, "up"), (Direction::Down, "down")];

#[tokio::test]
async fn generated_files_send_what_the_plan_sends() {
    let workspace = Workspace::new("generated", &["generated"]);
    let samples = samples();
    let (mut modules, mut all) = (String::new(), String::new());
    for (number, pair) in samples.iter().enumerate() {
        let text =
            source::migration(&pair.forth(), &pair.reversed().forth(), &unless(number, pair));
        let text = source::formatted(&text, workspace.root()).unwrap();
        workspace.write(&format!("generated/src/m{number}.rs"), &text);
        let _ = writeln!(
            modules,
            "#[allow(clippy::doc_markdown, clippy::too_many_lines, clippy::wildcard_imports, missing_docs, unreachable_pub, \
             reason = \"as in the migration crate\")]\nmod m{number};"
        );
        let _ = write!(all, "Box::new(m{number}::Migration),");
    }
    // Entities that are written for databases, in the same program.
    let adopted = adoption::of_random_schemas(ADOPTED).await;
    assert!(adopted.len() > ADOPTED / 2, "{}", adopted.len());
    let (files, entities, lines) = adoption::as_modules(&adopted);
    for (path, text) in files {
        let text = source::formatted(&text, workspace.root()).unwrap();
        workspace.write(&format!("generated/src/{path}"), &text);
    }
    modules.push_str(&entities);
    // The engine itself is enough, and is built already. With all features it is asked for below.
    let engine =
        if cfg!(feature = "squawk") { "" } else { "tenantry-migration.workspace = true\n" };
    workspace.write(
        "generated/Cargo.toml",
        &format!("[package]\nname = \"generated\"\nversion = \"0.0.0\"\nedition.workspace = true\n\
         publish = false\n[lints]\nworkspace = true\n\n[dependencies]\nsea-orm.workspace = true\nsea-orm-migration.workspace = true\n\
         serde_json.workspace = true\ntenantry-entity.workspace = true\n\
         {engine}tokio = {{ workspace = true, features = [\"macros\"] }}\n"),
    );
    workspace.ask_for_features("generated");
    let main = format!(
        "//! Prints what each migration sends.\n{modules}\nmod ops {{ pub(crate) use tenantry_migration::ops::v1; }}\n\
         use tenantry_entity::Engine; use tenantry_migration::runner::{{Direction, record}}; \
         use sea_orm_migration::MigrationTrait;\n\
         #[allow(clippy::print_stdout, clippy::too_many_lines, reason = \"its purpose\")]\n\
         #[tokio::main(flavor = \"current_thread\")]\nasync fn main() -> tenantry_migration::Result<()> {{\n\
         let all: Vec<Box<dyn MigrationTrait>> = vec![{all}];\n\
         for migration in &all {{ for engine in [Engine::Sqlite, Engine::Postgres] {{ \
         for direction in [Direction::Up, Direction::Down] {{\n\
         let sql = record(migration.as_ref(), engine, direction).await?;\n\
         println!(\"{{}}\", serde_json::json!([migration.name(), sql]));\n}} }} }}\n{lines}Ok(())\n}}\n"
    );
    workspace.write("generated/src/main.rs", &main);
    workspace.cargo(&["fmt", "--package", "generated"]);
    for (number, pair) in samples.iter().enumerate() {
        let formatted = workspace.read(&format!("generated/src/m{number}.rs"));
        let text =
            source::migration(&pair.forth(), &pair.reversed().forth(), &unless(number, pair));
        let text = source::formatted(&text, workspace.root()).unwrap();
        assert_eq!(text, formatted, "rustfmt changes what it has formatted");
    }

    let printed = workspace.cargo(&["run", "--quiet", "--offline", "--package", "generated"]);
    let sent: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(sent.len(), samples.len() * 4 + adopted.len());
    for (adopted, said) in adopted.iter().zip(&sent[samples.len() * 4..]) {
        adoption::assert_said(adopted, &said.to_string());
    }
    let mut sent = sent.into_iter();
    let mut statements = 0;
    for (number, pair) in samples.iter().enumerate() {
        let planned = PlannedMigration {
            unless: unless(number, pair),
            ..pair.migration(&format!("m{number}"))
        };
        for engine in ENGINES {
            for (direction, name) in DIRECTIONS {
                let wanted = record(&planned, engine, direction).await.unwrap();
                statements += wanted.len();
                let wanted = json!([planned.name, wanted]);
                assert_eq!(sent.next().unwrap(), wanted, "{name} on {engine} of {pair:?}");
            }
        }
    }
    assert!(statements > 500, "{statements}");
    let deny =
        ["clippy", "--quiet", "--offline", "--package", "generated", "--", "--deny", "warnings"];
    workspace.cargo(&deny);
}
