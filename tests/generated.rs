//! What the generator writes: the thirteen migrations themselves, files that stay current, and
//! what it refuses.

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use migration::{
    Migrator, MigratorTrait as _,
    diff::{Renames, diff},
    generate::{Answers, Folder, propose, replayed, source},
    schema::Schema,
};
use tempfile::TempDir;

use crate::support::Engine;

fn checked_in() -> Folder {
    Folder::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("migration")).unwrap()
}

/// A folder that looks like that of a migration crate, with an empty schema.
fn empty_folder() -> (TempDir, Folder) {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("migration");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("Cargo.toml"), "[package]\n").unwrap();
    fs::write(root.join("rustfmt.toml"), "use_small_heuristics = \"Max\"\n").unwrap();
    fs::write(root.join("src/lib.rs"), "//! Nothing yet.\n\nmigrations![];\n").unwrap();
    let folder = Folder::at(root).unwrap();
    folder.write_derived(&Schema::default()).unwrap();
    (temp, folder)
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_348_800, 0).unwrap()
}

/// Generated from nothing, entity by entity, in a folder of their own.
#[test]
fn the_thirteen_migrations_are_what_the_generator_writes() {
    let (_temp, folder) = empty_folder();
    let entities = entity::all();
    let names = fs::read_to_string(checked_in().root().join("src/lib.rs")).unwrap();
    let names: Vec<&str> = names
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',').filter(|name| name.starts_with("m2")))
        .collect();
    assert_eq!(names.len(), entities.len());
    for (place, name) in names.iter().enumerate() {
        let snapshot = folder.snapshot().unwrap();
        let schema = Schema::from_tables(&entities[..=place]).unwrap();
        let proposal =
            propose(&snapshot, &schema, &Renames::default(), &Answers::default()).unwrap();
        assert_eq!(proposal.questions, []);
        let text = source::migration(&proposal.up, &proposal.down);
        let text = source::formatted(&text, folder.root()).unwrap();
        let new = folder.name(&name[17..], noon()).unwrap();
        folder.add(&new, &text).unwrap();
        folder.write_derived(&schema).unwrap();
        let there = fs::read_to_string(checked_in().source_path(name)).unwrap();
        assert_eq!(text, there, "{name}");
    }
    // Each got a name after the one before, although all were made at noon.
    let list = fs::read_to_string(folder.root().join("src/lib.rs")).unwrap();
    let listed: Vec<&str> = list.lines().filter(|line| line.starts_with("    m2026")).collect();
    assert_eq!(listed.len(), 13);
    assert!(listed.is_sorted(), "{listed:?}");
    assert_eq!(listed[12], "    m20261122_120012_create_email_services,");
    assert_eq!(folder.snapshot().unwrap(), checked_in().snapshot().unwrap());
}

/// Entities = snapshot = what the migrations make, and the files are as they would be written.
#[tokio::test]
async fn the_checked_in_files_are_current() {
    let schema = Schema::from_entities().unwrap();
    let folder = checked_in();
    assert_eq!(diff(&folder.snapshot().unwrap(), &schema), []);
    assert_eq!(folder.stale(&schema).unwrap(), Vec::<std::path::PathBuf>::new());
    let made = replayed(&Migrator::migrations()).await.unwrap();
    assert_eq!(diff(&made, &schema.on(Engine::Sqlite)), []);
}
