//! What the generator writes: the thirteen migrations themselves, files that stay current, and
//! what it refuses.

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use migration::{
    Migrator, MigratorTrait as _,
    diff::{Change, Hazard, Renames, diff},
    generate::{Answers, Folder, Proposal, Question, adopt, propose, replayed, source},
    schema::{Column, ColumnType, ForeignKey, Grant, Grantee, Policy, RowSecurity, Schema, Table},
};
use sea_orm_migration::MigrationTrait;
use tempfile::TempDir;

use crate::support::{Bin, Engine, random_schema::Pair};

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

/// Generated from nothing, table by table, in a folder of their own: from the schema as it was when they
/// were new, whatever the entities have become since.
#[test]
fn the_first_migrations_are_what_the_generator_writes() {
    let (_temp, folder) = empty_folder();
    let whole = Schema::from_snapshot(include_str!("samples/thirteen.json")).unwrap();
    let all = Migrator::migrations();
    let names: Vec<&str> = all.iter().map(|it| it.name()).take(whole.tables.len()).collect();
    let table = |name: &str| name["m20261122_000001_create_".len()..].to_owned();
    for (place, name) in names.iter().enumerate() {
        let snapshot = folder.snapshot().unwrap();
        let made: Vec<String> = names[..=place].iter().map(|name| table(name)).collect();
        let schema = whole.clone().filtered(|table| made.iter().any(|made| made == table));
        let proposal =
            propose(&snapshot, &schema, &Renames::default(), &Answers::default()).unwrap();
        assert_eq!(proposal.questions, []);
        let text = source::migration(&proposal.up, &proposal.down, &[]);
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
    assert_eq!(listed.len(), names.len());
    assert!(listed.is_sorted(), "{listed:?}");
    assert_eq!(listed[12], "    m20261122_120012_create_email_services,");
    assert_eq!(folder.snapshot().unwrap(), whole);
}

/// Entities = snapshot = what the migrations make, and the files are as they would be written.
#[tokio::test]
async fn the_checked_in_files_are_current() {
    let schema = migration::PROJECT.schema().unwrap();
    let folder = checked_in();
    assert_eq!(diff(&folder.snapshot().unwrap(), &schema), []);
    assert_eq!(folder.stale(&schema).unwrap(), Vec::<std::path::PathBuf>::new());
    let made = replayed(&Migrator::migrations()).await.unwrap();
    assert_eq!(diff(&made, &schema.on(Engine::Sqlite)), []);
}

fn lead(schema: &mut Schema) -> &mut Table {
    schema.tables.get_mut("leads").unwrap()
}

fn column(name: &str, ty: ColumnType, nullable: bool) -> Column {
    Column::new(name, ty, nullable)
}

fn ask(to: &Schema, answers: &Answers) -> migration::Result<Proposal> {
    Ok(propose(&migration::PROJECT.schema().unwrap(), to, &Renames::default(), answers)?)
}

/// A like column that comes where one goes is asked about, never guessed.
#[test]
fn a_rename_is_asked_about() {
    let mut to = migration::PROJECT.schema().unwrap();
    for column in lead(&mut to).columns.iter_mut().filter(|column| column.name == "company") {
        column.name = "employer".to_owned();
    }
    let dropped = ask(&to, &Answers::default()).unwrap();
    let codes: Vec<&str> = dropped.questions.iter().map(Question::code).collect();
    assert_eq!(codes, ["data-loss", "rename-or-drop"]);
    assert!(dropped.questions.iter().all(Question::is_blocking));
    assert!(dropped.questions[1].help().contains("renamed_from = \"company\""));

    let mut renames = Renames::default();
    let key = ("leads".to_owned(), "employer".to_owned());
    renames.columns.insert(key.clone(), "company".to_owned());
    let from = migration::PROJECT.schema().unwrap();
    let told = propose(&from, &to, &renames, &Answers::default()).unwrap();
    assert_eq!(told.questions, []);
    assert_eq!(told.up.changes.len(), 1, "{:?}", told.up.changes);
    // Once it is done, the attribute may stay.
    let done = propose(&to, &to, &renames, &Answers::default()).unwrap();
    assert!(done.up.changes.is_empty());
    assert!(done.notes[0].contains("no effect, since it was renamed already"), "{:?}", done.notes);

    // A name that was never there is a slip of the pen.
    renames.columns.insert(key, "compnay".to_owned());
    let error = propose(&from, &to, &renames, &Answers::default()).unwrap_err().to_string();
    assert!(error.contains("compnay"), "{error}");
}

/// A rename that is told is done, or it is said why not: by the columns before and after, and the
/// renames of the entities.
#[test]
fn no_rename_is_left_out_in_silence() {
    /// The columns before and after, which was which, and what is noted or refused.
    type Case<'a> =
        (&'a [&'a str], &'a [&'a str], &'a [(&'a str, &'a str)], Result<&'a str, &'a str>);
    let cases: [Case<'_>; 11] = [
        (&["a"], &["b"], &[("b", "a")], Ok("")),
        (&["b"], &["b"], &[("b", "a")], Ok("no effect, since it was renamed already")),
        // `a` came back later, and has nothing to do with it.
        (&["a", "b"], &["a", "b"], &[("b", "a")], Ok("no effect, since the snapshot has both")),
        (&[], &["b"], &[("b", "a")], Err("the snapshot has no things.a")),
        // A name that a new column takes, and one that a dropped column leaves.
        (&["a"], &["a", "b"], &[("b", "a")], Ok("")),
        (&["a", "b"], &["b"], &[("b", "a")], Ok("")),
        // An exchange, chains, and a circle of three.
        (&["a", "b"], &["a", "b"], &[("a", "b"), ("b", "a")], Ok("")),
        (&["a", "b"], &["b", "c"], &[("b", "a"), ("c", "b")], Ok("")),
        (&["b", "a"], &["a", "c", "b"], &[("a", "b"), ("c", "a")], Ok("")),
        (&["a", "b", "c"], &["a", "b", "c"], &[("a", "b"), ("b", "c"), ("c", "a")], Ok("")),
        // One that leads into a circle is not part of it.
        (
            &["a", "b", "c"],
            &["a", "b", "c"],
            &[("c", "a"), ("a", "b"), ("b", "a")],
            Err("it can have one name only"),
        ),
    ];
    let schema = |columns: &[&str]| {
        let mut table = Table::new("things");
        for name in ["id"].iter().chain(columns) {
            let (name, ty) = ((*name).to_owned(), ColumnType::Text);
            table.columns.push(Column::new(name, ty, true));
        }
        Schema { tables: [(table.name.clone(), table)].into(), ..Schema::default() }
    };
    for (before, after, told, wanted) in cases {
        let mut renames = Renames::default();
        for (new, old) in told {
            renames.columns.insert(("things".to_owned(), (*new).to_owned()), (*old).to_owned());
        }
        let answers = Answers::default();
        let said = propose(&schema(before), &schema(after), &renames, &answers);
        match (said, wanted) {
            (Ok(proposal), Ok("")) => {
                let changes = &proposal.up.changes;
                let done = changes.iter().filter(|it| matches!(it, Change::RenameColumn { .. }));
                assert_eq!((proposal.notes.len(), done.count()), (0, told.len()), "{changes:?}");
                // Once it is done, the attributes may stay.
                let (from, to) = (schema(before), schema(after));
                let next = to.clone().with_renames_done(&from, &renames, &proposal.renames);
                let again = propose(&next, &to, &renames, &answers).unwrap();
                assert_eq!((again.notes.len(), again.up.changes), (told.len(), vec![]));
            }
            (Ok(proposal), Ok(note)) => {
                assert!(proposal.notes[0].contains(note), "{note}: {:?}", proposal.notes);
                assert_eq!(proposal.up.changes, [], "{before:?} to {after:?}");
            }
            (Err(error), Err(why)) => {
                assert!(error.to_string().contains(why), "{why}: {error}");
            }
            (said, wanted) => panic!("{before:?} to {after:?}: {said:?} instead of {wanted:?}"),
        }
    }
    // One that stays is not meant again when a column of the old name has come and goes.
    let mut renames = Renames::default();
    renames.columns.insert(("things".to_owned(), "b".to_owned()), "a".to_owned());
    let (both, one) = (schema(&["a", "b"]), schema(&["b"]));
    let noted = both.clone().with_renames_done(&both, &renames, &Renames::default());
    let goes = propose(&noted, &one, &renames, &Answers::default()).unwrap();
    let [Change::DropColumn { column, .. }] = &goes.up.changes[..] else { panic!("{goes:?}") };
    assert_eq!(column.name, "a");
    // A table that is new had no columns before.
    let new = propose(&Schema::default(), &schema(&["b"]), &renames, &Answers::default()).unwrap();
    assert!(new.notes[0].contains("since things is new"), "{:?}", new.notes);
}

#[test]
fn a_table_is_renamed_where_that_is_said() {
    let mut to = migration::PROJECT.schema().unwrap();
    let mut table = to.tables.remove("templates").unwrap();
    table.name = "texts".to_owned();
    to.tables.insert("texts".to_owned(), table);
    let dropped = ask(&to, &Answers::default()).unwrap();
    assert!(dropped.questions.iter().any(|q| q.help().contains("--rename-table templates=texts")));
    let rename = |old: &str, new: &str| Answers {
        renamed_tables: vec![(old.to_owned(), new.to_owned())],
        ..Answers::default()
    };
    assert_eq!(ask(&to, &rename("templates", "texts")).unwrap().questions, []);
    for (old, new, why) in [
        ("nothing", "texts", "the snapshot has no table nothing"),
        ("templates", "nothing", "no entity is named nothing"),
    ] {
        let error = ask(&to, &rename(old, new)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let from = migration::PROJECT.schema().unwrap();
    let both = ask(&from, &rename("leads", "templates")).unwrap_err().to_string();
    let why = "the snapshot has a table templates already, and an entity is still named leads";
    assert!(both.contains(why), "{both}");
}

#[test]
fn rows_without_a_value_are_asked_about() {
    let mut to = migration::PROJECT.schema().unwrap();
    lead(&mut to).columns.push(column("mood", ColumnType::Text, false));
    let marked = ask(&to, &Answers::default()).unwrap();
    let question = Question::Backfill { table: "leads".to_owned(), column: "mood".to_owned() };
    assert_eq!(marked.questions, [question]);
    assert!(
        source::migration(&marked.up, &marked.down, &[]).contains("// BACKFILL: rows that exist")
    );

    let fill = |table: &str, column: &str| {
        let mut answers = Answers::default();
        answers.backfills.insert((table.to_owned(), column.to_owned()), "''".to_owned());
        answers
    };
    let filled = ask(&to, &fill("leads", "mood")).unwrap();
    assert_eq!(filled.questions, []);
    assert!(source::migration(&filled.up, &filled.down, &[]).contains(".fill(\"mood\", \"''\")"));
    let error = ask(&to, &fill("leads", "email")).unwrap_err().to_string();
    assert!(error.contains("--backfill leads.email"), "{error}");
}

/// What lets more be seen is asked about and never called safe, and the way back of it is neither asked about nor
/// called so.
#[test]
fn what_weakens_isolation_is_asked_about() {
    let now = migration::PROJECT.schema().unwrap();
    let changed = |change: &dyn Fn(&mut Schema)| {
        let mut schema = now.clone();
        change(&mut schema);
        schema
    };
    let policy = &now.tables["leads"].policies[0];
    let other = |using: &str| Policy { using: Some(using.to_owned()), ..policy.clone() };
    let narrowing = Policy { name: "narrow".to_owned(), restrictive: true, ..other("score > 0") };
    let restricted = changed(&|schema| lead(schema).policies.push(narrowing.clone()));
    let cases: [(&str, &Schema, Schema); 7] = [
        ("sealed", &now.clone().sealed(&migration::TENANCY), now.clone()),
        ("off", &now, changed(&|schema| lead(schema).row_security = RowSecurity::Disabled)),
        ("all rows", &now, changed(&|schema| lead(schema).policies[0] = other("true"))),
        (
            "one more",
            &now,
            changed(&|schema| {
                lead(schema).policies.push(Policy { name: "more".to_owned(), ..other("true") });
            }),
        ),
        ("no longer restricted", &restricted, now.clone()),
        (
            "not restricting",
            &restricted,
            changed(&|schema| {
                lead(schema).policies.push(Policy { restrictive: false, ..narrowing.clone() });
            }),
        ),
        (
            "a grant",
            &now,
            changed(&|schema| {
                lead(schema).grants.push(Grant::new(Grantee::Public, ["SELECT"]));
            }),
        ),
    ];
    for (what, from, to) in &cases {
        let asked = |from: &Schema, to: &Schema| {
            let proposal = propose(from, to, &Renames::default(), &Answers::default()).unwrap();
            let weaker = |change: &Change| change.hazard() == Hazard::WeakensIsolation;
            assert_eq!(
                proposal.up.changes.iter().filter(|change| weaker(change)).count(),
                proposal.questions.len(),
                "{what}: {:?}",
                proposal.questions
            );
            proposal.questions
        };
        let questions = asked(from, to);
        assert!(!questions.is_empty(), "{what}");
        for question in questions {
            assert_eq!(question.code(), "weaker-isolation", "{what}");
            assert!(question.help().contains("--allow-weaker-isolation"), "{what}");
        }
        assert_eq!(asked(to, from), [], "{what}, the other way");
    }
}

#[test]
fn names_are_checked() {
    let folder = checked_in();
    for name in ["", "Add", "add-phone", "1add", "../evil", "add phone", "ä"] {
        let error = folder.name(name, noon()).unwrap_err().to_string();
        assert!(error.contains("no name for a migration"), "{error}");
    }
    let error = folder.name("create_leads", noon()).unwrap_err().to_string();
    assert!(error.contains("m20261122_000009_create_leads has this name already"), "{error}");
}

/// The real program, in a folder of its own.
#[test]
fn the_program_refuses_what_it_cannot_use() {
    let (temp, folder) = empty_folder();
    let run = |args: &[&str]| Bin::new("migration", temp.path()).args(args).run().clean_output();
    // Nothing is migrated there, and this program's entities are all new.
    let check = run(&["generate", "--check", "--json"]).expect_code(1);
    assert!(check.finding_codes().contains(&"leads change-without-migration".to_owned()));
    run(&["generate"]).expect_code(2);
    run(&["generate", "add-phone"]).expect_code(2);
    run(&["generate", "x", "--backfill", "leads=1"]).expect_code(2);
    run(&["generate", "x", "-d", "nowhere"]).expect_code(2);
    let dry = run(&["generate", "everything", "--dry-run"]).ok();
    assert!(dry.stdout.contains("impl MigrationTrait for Migration"), "{dry:?}");
    assert_eq!(folder.snapshot().unwrap(), Schema::default(), "a dry run writes nothing");

    run(&["generate", "by_hand", "--empty"]).ok();
    let list = fs::read_to_string(folder.root().join("src/lib.rs")).unwrap();
    let name = list.lines().find(|line| line.contains("by_hand")).unwrap().trim();
    let blank = fs::read_to_string(folder.source_path(name.trim_end_matches(','))).unwrap();
    assert!(blank.contains("`up` of by_hand is not written yet"), "{blank}");

    fs::write(folder.root().join("schema.json"), "{\n<<<<<<< ours\n").unwrap();
    let conflict = run(&["generate", "x"]).expect_code(2);
    assert!(conflict.stderr.contains("conflict markers"), "{conflict:?}");
    fs::write(folder.root().join("src/lib.rs"), "//! No list.\n").unwrap();
    folder.write_derived(&Schema::default()).unwrap();
    let unlisted = run(&["generate", "x"]).expect_code(2);
    assert!(unlisted.stderr.contains("no list"), "{unlisted:?}");
    assert_eq!(folder.snapshot().unwrap(), Schema::default());
    // This program's migrations make what is in its entities, and that is the new snapshot.
    run(&["generate", "--adopt"]).ok();
    assert_eq!(folder.snapshot().unwrap(), migration::PROJECT.schema().unwrap());
    // Away from any workspace, there is nothing to find.
    let nowhere = tempfile::tempdir().unwrap();
    Bin::new("migration", nowhere.path()).args(&["generate", "x"]).run().expect_code(2);
}

/// The snapshot follows what migrations written by hand make, and nothing else.
#[tokio::test]
async fn migrations_by_hand_are_adopted() {
    let snapshot = migration::PROJECT.schema().unwrap();
    let mut entities = snapshot.clone();
    lead(&mut entities).columns.push(column("mood", ColumnType::Text, true));
    let by_hand = |edited: &Schema| -> Vec<Box<dyn MigrationTrait>> {
        let pair = Pair::plain(&snapshot, edited);
        let mut all = Migrator::migrations();
        all.push(Box::new(pair.migration("by_hand")));
        all
    };
    let none = Renames::default();
    let seen = adopt(&by_hand(&entities), &snapshot, &entities, &none).await.unwrap();
    assert_eq!((seen.confirmed.len(), seen.unconfirmed.len()), (1, 0));
    assert!(seen.missing.is_empty() && seen.foreign.is_empty());
    assert_eq!(diff(&seen.snapshot, &entities), []);

    // Not in any migration: it stays to be generated.
    let seen = adopt(&Migrator::migrations(), &snapshot, &entities, &none).await.unwrap();
    assert_eq!((seen.confirmed.len(), seen.missing.len()), (0, 1));
    assert_eq!(seen.snapshot, snapshot);

    // A part of it in one: the rest stays.
    let mut more = entities.clone();
    lead(&mut more).columns.push(column("fax", ColumnType::Text, true));
    let seen = adopt(&by_hand(&entities), &snapshot, &more, &none).await.unwrap();
    assert_eq!((seen.confirmed.len(), seen.missing.len()), (1, 1), "{seen:?}");
    assert_eq!(diff(&seen.snapshot, &entities), []);
    assert!(seen.foreign.is_empty());

    // One of two foreign keys, which have no names on SQLite.
    let with_keys = |targets: &[&str]| {
        let mut schema = snapshot.clone();
        let table = schema.tables.get_mut("inbox_messages").unwrap();
        let like = table.foreign_keys[0].clone();
        table.foreign_keys.extend(targets.iter().map(|target| ForeignKey {
            name: Some(format!("inbox_messages_to_{target}")),
            columns: vec!["tenant_id".to_owned(), "id".to_owned()],
            ref_table: (*target).to_owned(),
            ref_columns: vec!["tenant_id".to_owned(), "id".to_owned()],
            ..like.clone()
        }));
        schema.sorted()
    };
    let (one, both) = (with_keys(&["leads"]), with_keys(&["leads", "companies"]));
    let seen = adopt(&by_hand(&one), &snapshot, &both, &none).await.unwrap();
    assert_eq!((seen.confirmed.len(), seen.missing.len()), (1, 1), "{seen:?}");
    assert_eq!(seen.snapshot, one);

    // Made by a migration and in no entity.
    let seen = adopt(&by_hand(&entities), &snapshot, &snapshot, &none).await.unwrap();
    assert_eq!(seen.foreign.len(), 1, "{:?}", seen.foreign);

    // SQLite has one integer, so it cannot say.
    let mut entities = snapshot.clone();
    let payments = entities.tables.get_mut("payments").unwrap();
    payments.columns.iter_mut().find(|c| c.name == "amount").unwrap().ty = ColumnType::Integer;
    let seen = adopt(&by_hand(&entities), &snapshot, &entities, &none).await.unwrap();
    assert_eq!((seen.confirmed.len(), seen.unconfirmed.len()), (0, 1));
    assert_eq!(diff(&seen.snapshot, &entities), []);
}
