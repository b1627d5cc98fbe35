//! The shape of the workspace holds.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo says of this workspace.
fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `entity <- migration <- seeder <- tenantry`, for normal, build and test dependencies.
#[test]
fn crates_depend_in_one_direction() {
    let metadata = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let line = ["entity", "migration", "seeder", "tenantry"];
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
    assert_eq!(checked, 13);
}

/// sea-orm-migration's `cli` feature would pull in all of sea-orm-cli.
#[test]
fn sea_orm_cli_is_not_in_the_tree() {
    let tree = cargo(&["tree", "--workspace", "--offline", "--prefix", "none"]);
    assert!(tree.contains("sea-orm-migration v"), "{tree}");
    assert!(!tree.contains("sea-orm-cli"));
}
