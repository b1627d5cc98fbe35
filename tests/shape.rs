//! The shape of the workspace holds.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo says of this workspace.
fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The engine, then the application, each crate after those that it may depend on.
const LINE: [&str; 9] = [
    "tenantry-entity",
    "tenantry-schema",
    "tenantry-migration",
    "tenantry-seeder",
    "tenantry-app",
    "entity",
    "migration",
    "seeder",
    "tenantry",
];

/// For normal, build and test dependencies. The engine comes first, so that nothing of it depends on
/// the application.
#[test]
fn crates_depend_in_one_direction() {
    let metadata = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let line = &LINE;
    let mut seen = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap().to_owned();
        let place = line.iter().position(|crate_| *crate_ == name).expect("a crate of the line");
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency = dependency["name"].as_str().unwrap();
            if let Some(other) = line.iter().position(|crate_| *crate_ == dependency) {
                assert!(other < place, "{name} must not depend on {dependency}");
            }
        }
        seen.insert(place, name);
    }
    assert_eq!(seen.into_values().collect::<Vec<_>>(), line);
}

/// Nothing under `crates` names a table of the application, outside of tests: what is in the engine is
/// for any entities.
#[test]
fn the_engine_names_no_table_of_the_application() {
    // Those that every application has.
    let common = ["tenants", "users"];
    let tables = entity::all().into_iter().map(|def| def.name);
    let tables: Vec<&str> = tables.filter(|name| !common.contains(name)).collect();
    let mut named = Vec::new();
    for path in rust_files(&root().join("crates")) {
        let source = fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for (number, line) in source.lines().enumerate() {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let found = words.filter(|word| tables.contains(word));
            named.extend(found.map(|word| format!("{}:{}: {word}", path.display(), number + 1)));
        }
    }
    assert!(named.is_empty(), "{}", named.join("\n"));
}

/// `docs/errors.md` has every code that an error may have, and no other.
#[test]
fn the_codes_of_errors_are_documented() {
    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let documented: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(documented.is_sorted(), "{documented:?}");
    let sources: Vec<String> = rust_files(&root().join("crates"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let made = ["Error::config(", "Error::unusable(", "Error::busy(", "Refusal::plain("];
    for source in &sources {
        for call in made.iter().flat_map(|made| source.split(made).skip(1)) {
            // The definition of the function itself has no literal.
            let Some(code) = call.trim_start().strip_prefix('"') else { continue };
            let code = code.split('"').next().unwrap();
            assert!(documented.contains(&code), "{code} is not in docs/errors.md");
        }
    }
    for code in documented {
        let literal = format!("\"{code}\"");
        assert!(sources.iter().any(|source| source.contains(&literal)), "no error has {code}");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// Tomorrow's entity must not rewrite yesterday's migration.
#[test]
fn no_migration_names_the_entity_crate() {
    let mut checked = 0;
    for entry in fs::read_dir(root().join("migration/src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("m2") {
            checked += 1;
            let source = fs::read_to_string(&path).unwrap();
            let words = source.split(|c: char| !c.is_alphanumeric() && c != '_');
            assert!(words.into_iter().all(|word| word != "entity"), "{name} names `entity`");
        }
    }
    assert!(checked > 0);
}

/// sea-orm-migration's `cli` feature would pull in all of sea-orm-cli.
#[test]
fn sea_orm_cli_is_not_in_the_tree() {
    let tree = cargo(&["tree", "--workspace", "--offline", "--prefix", "none"]);
    assert!(tree.contains("sea-orm-migration v"), "{tree}");
    assert!(!tree.contains("sea-orm-cli"));
}

/// A service that links the entities and [`TenantScope`](entity::TenantScope) gets no command line, no SQL
/// parser, and not SeaORM's mock.
#[test]
fn a_service_links_no_tools() {
    for package in ["entity", "tenantry-entity"] {
        let args = ["tree", "--package", package, "--edges", "normal,features"];
        let tree = cargo(&[&args[..], &["--offline", "--prefix", "none"]].concat());
        assert!(tree.contains("sea-orm v"), "{tree}");
        for tool in
            ["clap v", "sqlparser v", "feature \"mock\"", "tenantry-migration", "tenantry-schema"]
        {
            assert!(!tree.contains(tool), "{package} links {tool}: {tree}");
        }
    }
}
