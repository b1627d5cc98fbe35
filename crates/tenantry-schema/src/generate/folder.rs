//! The folder of the migrations: where it is, what is in it, and how it is written to.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use tenantry_entity::Engine;

use crate::{
    error::{Error, Result},
    schema::{Schema, ddl},
};

/// The folder of a migration crate.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    /// The engines whose SQL is checked in.
    engines: Vec<Engine>,
}

/// The engines whose SQL may be checked in.
const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// The folder with what entities cannot say.
const OBJECTS: &str = "objects";

/// The longest line that rustfmt leaves alone, with its end.
const LINE: usize = 101;

/// The macro in `lib.rs` that lists the migrations.
const LIST: &str = "migrations![";

impl Folder {
    fn made(root: PathBuf) -> Self {
        Self { root, engines: ENGINES.to_vec() }
    }

    /// The same folder, whose migrations are for these engines only.
    #[must_use]
    pub fn for_engines(mut self, engines: &[Engine]) -> Self {
        self.engines.retain(|kept| {
            let is_like =
                |engine: &Engine| (*engine == Engine::Sqlite) == (*kept == Engine::Sqlite);
            engines.iter().any(is_like)
        });
        self
    }

    /// Whether its migrations are for SQLite, or for PostgreSQL and what is like it.
    #[must_use]
    pub fn is_for(&self, engine: Engine) -> bool {
        self.engines.contains(&engine)
    }

    /// The folder that was named, or the `migration` of the workspace around the current folder.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn find(named: Option<&Path>) -> Result<Self> {
        if let Some(root) = named {
            return Self::at(root.to_owned());
        }
        let current = std::env::current_dir()?;
        let found = current
            .ancestors()
            .map(|folder| folder.join("migration"))
            .find(|folder| is_migration_crate(folder));
        match found {
            Some(root) => Ok(Self::made(root)),
            None => Err(Error::config(
                "no-migration-folder",
                format!(
                    "neither {} nor a folder above it has a `migration` with Cargo.toml and src/lib.rs: \
                 change to the workspace, or name the folder with --migration-dir",
                    current.display()
                ),
            )),
        }
    }

    /// The folder at `root`.
    ///
    /// # Errors
    ///
    /// If it is no crate.
    pub fn at(root: PathBuf) -> Result<Self> {
        if is_migration_crate(&root) {
            return Ok(Self::made(root));
        }
        Err(Error::config(
            "no-migration-folder",
            format!(
                "{} is no folder with Cargo.toml and src/lib.rs: name that of the migrations",
                root.display()
            ),
        ))
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The snapshot; before the first migration, an empty one.
    ///
    /// # Errors
    ///
    /// If there are migrations and no snapshot, or it cannot be read.
    pub fn snapshot(&self) -> Result<Schema> {
        let path = self.snapshot_path();
        if !path.exists() && self.migrations()?.is_empty() {
            return Ok(Schema::default());
        }
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::config("snapshot-missing", format!(
                "there is no {}: take it from version control, or have it made from the migrations \
                 with `generate --adopt`",
                path.display()
            )),
            _ => unreadable(&path, &error.to_string()),
        })?;
        Schema::from_snapshot(&text).map_err(|why| {
            let shown = path.display();
            Error::config("snapshot-unreadable", format!(
                "{shown} cannot be read: {why}; mend it, or delete it and have it made from the \
                 migrations with `generate --adopt`"
            ))
        })
    }

    /// Whether there is a snapshot.
    #[must_use]
    pub fn has_snapshot(&self) -> bool {
        self.snapshot_path().exists()
    }

    fn snapshot_path(&self) -> PathBuf {
        self.root.join("schema.json")
    }

    /// The files of `objects/`: their texts, by their names without `.sql`.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn objects(&self) -> Result<BTreeMap<String, String>> {
        let folder = self.root.join(OBJECTS);
        let Ok(entries) = fs::read_dir(&folder) else { return Ok(BTreeMap::new()) };
        let mut found = BTreeMap::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(name) = name.strip_suffix(".sql") else { continue };
            let text =
                fs::read_to_string(&path).map_err(|error| unreadable(&path, &error.to_string()))?;
            found.insert(name.to_owned(), text);
        }
        Ok(found)
    }

    /// Whether `lib.rs` has the list of objects that [`derived`](Self::derived) writes.
    #[must_use]
    pub fn lists_objects(&self) -> bool {
        let text = fs::read_to_string(self.root.join("src/lib.rs")).unwrap_or_default();
        text.lines().any(|line| line.trim().trim_start_matches("pub ") == "mod objects;")
    }

    /// Every file that is made from the schema: path and content.
    ///
    /// # Errors
    ///
    /// If the schema cannot be JSON.
    pub fn derived(&self, schema: &Schema) -> Result<Vec<(PathBuf, String)>> {
        let snapshot = schema.to_snapshot().map_err(io::Error::from)?;
        let mut files = vec![(self.snapshot_path(), snapshot)];
        for engine in self.engines.iter().copied() {
            let path = self.root.join("sql").join(format!("schema.{engine}.sql"));
            files.push((path, ddl::script(schema, engine)));
        }
        let list = self.root.join("src/objects.rs");
        if !schema.objects.is_empty() || list.exists() {
            files.push((list, listed(schema.objects.keys())));
        }
        Ok(files)
    }

    /// The files made from the schema that are not as they would be made now.
    ///
    /// # Errors
    ///
    /// As [`Folder::derived`].
    pub fn stale(&self, schema: &Schema) -> Result<Vec<PathBuf>> {
        let derived = self.derived(schema)?;
        let is_stale = |(path, text): &(PathBuf, String)| {
            fs::read_to_string(path).map_or(true, |there| there != *text)
        };
        Ok(derived.into_iter().filter(is_stale).map(|(path, _)| path).collect())
    }

    /// Writes the files made from the schema.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write_derived(&self, schema: &Schema) -> Result<()> {
        for (path, text) in self.derived(schema)? {
            write(&path, &text)?;
        }
        Ok(())
    }

    /// The name of a new migration: `m`, the time, and `name`; after every other one.
    ///
    /// # Errors
    ///
    /// If `name` is no identifier in snake case or is taken.
    pub fn name(&self, name: &str, now: DateTime<Utc>) -> Result<String> {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts || !name.chars().all(is_word) || name.len() > 100 {
            return Err(Error::config(
                "migration-name-unusable",
                format!(
                    "{name:?} is no name for a migration: begin with a letter, and use small letters, \
                 digits and _, as in add_phone_to_leads"
                ),
            ));
        }
        let existing = self.migrations()?;
        if let Some(taken) = existing.iter().find(|other| plain_name(other) == Some(name)) {
            return Err(Error::config(
                "migration-named-twice",
                format!("{taken} has this name already: choose another one"),
            ));
        }
        let last = existing.iter().filter_map(|other| time(other)).max();
        let now = now.naive_utc();
        // A clock that is behind must not put the new one before the others.
        let next = last.map_or(now, |last| now.max(last + TimeDelta::seconds(1)));
        Ok(format!("m{}_{name}", next.format("%Y%m%d_%H%M%S")))
    }

    /// The names of the files in `src` that are migrations.
    fn migrations(&self) -> Result<Vec<String>> {
        let source = self.root.join("src");
        let mut names = Vec::new();
        let entries =
            fs::read_dir(&source).map_err(|error| unreadable(&source, &error.to_string()))?;
        for entry in entries {
            let name = entry?.file_name();
            if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".rs"))
                && plain_name(name).is_some()
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Fails if a file in `src` is a migration and not in the list in `lib.rs`, if there is one: nothing
    /// would apply it.
    ///
    /// # Errors
    ///
    /// With the name of the first such file; and if a file cannot be read.
    pub fn check_listed(&self) -> Result<()> {
        let lib = self.root.join("src/lib.rs");
        let text =
            fs::read_to_string(&lib).map_err(|error| unreadable(&lib, &error.to_string()))?;
        if !text.lines().any(|line| is_list(line, LIST)) {
            return Ok(());
        }
        let listed: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        match self.migrations()?.iter().find(|name| !listed.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::config(
                "migration-unlisted",
                format!(
                    "{} is not in the list of migrations in {}, so that nothing applies it: add `{name}` \
                 there, or delete the file",
                    self.source_path(name).display(),
                    lib.display()
                ),
            )),
        }
    }

    /// Where the source of a migration is.
    #[must_use]
    pub fn source_path(&self, name: &str) -> PathBuf {
        self.root.join("src").join(format!("{name}.rs"))
    }

    /// Writes a file of `objects/`, unless there is one of the name. Says whether it was written.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn add_objects(&self, name: &str, text: &str) -> Result<bool> {
        let path = self.root.join(OBJECTS).join(format!("{name}.sql"));
        if path.exists() {
            return Ok(false);
        }
        write(&path, text).map(|()| true)
    }

    /// Writes a file beside `schema.json`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_beside(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        write(&path, text).map(|()| path)
    }

    /// Writes a migration and puts it at the end of the list in `lib.rs`.
    ///
    /// # Errors
    ///
    /// If `lib.rs` has no list, or a file cannot be written. Nothing is left then.
    pub fn add(&self, name: &str, source: &str) -> Result<()> {
        let lib = self.root.join("src/lib.rs");
        let text =
            fs::read_to_string(&lib).map_err(|error| unreadable(&lib, &error.to_string()))?;
        let registered = registered(&text, LIST, name).ok_or_else(|| {
            Error::config(
                "list-missing",
                format!("{} has no list `{LIST}…];` to add {name} to", lib.display()),
            )
        })?;
        let path = self.source_path(name);
        write(&path, source)?;
        write(&lib, &registered).inspect_err(|_| {
            // Without its place in the list, the file would have no effect.
            let _ = fs::remove_file(&path);
        })
    }
}

/// The source that has the files of objects compiled in.
fn listed<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let line = |name: &String| {
        let one = format!("    ({name:?}, include_str!(\"../{OBJECTS}/{name}.sql\")),\n");
        if one.len() <= LINE {
            return one;
        }
        format!(
            "    (\n        {name:?},\n        include_str!(\"../{OBJECTS}/{name}.sql\"),\n    ),\n"
        )
    };
    let lines: String = names.map(line).collect();
    let list = if lines.is_empty() { "&[]".to_owned() } else { format!("&[\n{lines}]") };
    format!(
        "//! The files of `{OBJECTS}/`. Written by `generate`: what is changed here is overwritten.\n\n\
         /// Their texts, by their names without `.sql`.\npub const ALL: &[(&str, &str)] = {list};\n"
    )
}

fn is_migration_crate(folder: &Path) -> bool {
    folder.join("Cargo.toml").is_file() && folder.join("src/lib.rs").is_file()
}

/// A source with one more name at the end of its list, which begins with `list`.
pub(super) fn registered(text: &str, list: &str, name: &str) -> Option<String> {
    let begins = list;
    let list = text.lines().scan(0, |at, line| {
        let start = *at;
        *at += line.len() + 1;
        Some((start, line))
    });
    let (start, _) = list.filter(|(_, line)| is_list(line, begins)).last()?;
    let end = start + text[start..].find("];")?;
    let before = text[..end].trim_end();
    let comma = if before.ends_with([',', '[', ';']) { "" } else { "," };
    Some(format!("{before}{comma}\n    {name},\n{}", &text[end..]))
}

/// Whether the list of migrations begins in a line, whatever path the macro is named by.
fn is_list(line: &str, list: &str) -> bool {
    let Some((path, _)) = line.split_once(list) else { return false };
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    path.chars().all(is_path)
}

/// What follows the time in a migration's name.
fn plain_name(name: &str) -> Option<&str> {
    let rest = name.strip_prefix('m')?;
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (day, time, rest) = (rest.get(..8)?, rest.get(9..15)?, rest.get(15..)?);
    (digits(day) && digits(time) && rest.len() > 1).then_some(())?;
    rest.strip_prefix('_')
}

fn time(name: &str) -> Option<NaiveDateTime> {
    let stamp = name.get(1..16)?;
    // The first ones count from 000001, which is a time as well.
    NaiveDateTime::parse_from_str(stamp, "%Y%m%d_%H%M%S").ok()
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: io::Error| {
        Error::config("file-unwritable", format!("{} cannot be written: {error}", path.display()))
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let draft = path.with_extension("tmp");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, path)).map_err(|error| {
        let _ = fs::remove_file(&draft);
        failed(error)
    })
}

pub(super) fn unreadable(path: &Path, why: &str) -> Error {
    Error::config("file-unreadable", format!("{} cannot be read: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_put_at_the_end_of_the_list() {
        let text =
            "macro_rules! migrations { () => {} }\n\nmigrations![\n    m1_a,\n];\n\nfn x() {}\n";
        let expected = text.replace("    m1_a,\n", "    m1_a,\n    m2_b,\n");
        assert_eq!(registered(text, LIST, "m2_b"), Some(expected));
        assert_eq!(
            registered("migrations![];\n", LIST, "m"),
            Some("migrations![\n    m,\n];\n".into())
        );
        assert_eq!(registered("fn main() {}", LIST, "m"), None);
        let text = "engine::migrations![PROJECT;\n];\n";
        assert_eq!(
            registered(text, LIST, "m"),
            Some("engine::migrations![PROJECT;\n    m,\n];\n".into())
        );
        assert_eq!(registered("// migrations![];\n", LIST, "m"), None);
    }

    #[test]
    fn names_have_a_time_and_a_name() {
        assert_eq!(plain_name("m20261122_000001_create_tenants"), Some("create_tenants"));
        for other in
            ["main", "m2026", "m20261122_000001", "m20261122_000001_", "mäöü_________________"]
        {
            assert_eq!(plain_name(other), None, "{other}");
        }
        assert!(time("m20261122_000013_x") > time("m20261122_000012_x"));
    }
}
