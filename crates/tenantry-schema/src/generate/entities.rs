//! The folder of the entities: where it is, and how an entity is added to it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::folder::{Folder, registered, unreadable, write};
use crate::error::{Error, Result};

/// The macro that lists the entities.
const LIST: &str = "entities![";

/// The folder with the modules of the entities.
#[derive(Clone, Debug)]
pub struct EntityFolder {
    root: PathBuf,
    /// The file with the list.
    list: PathBuf,
}

impl EntityFolder {
    /// The folder that was named, or the `entity/src` beside the migrations, or the `src/entity` in their crate.
    ///
    /// # Errors
    ///
    /// If there is none in which a `lib.rs` or a `mod.rs` has a list `entities![…]`.
    pub fn find(named: Option<&Path>, migrations: &Folder) -> Result<Self> {
        let usual = || {
            let beside = migrations.root().parent().map(|parent| parent.join("entity/src"));
            beside.into_iter().chain([migrations.root().join("src/entity")]).collect()
        };
        let tried: Vec<PathBuf> = named.map_or_else(usual, |named| vec![named.to_owned()]);
        for root in &tried {
            for list in ["lib.rs", "mod.rs"].map(|name| root.join(name)) {
                let text = fs::read_to_string(&list).unwrap_or_default();
                if registered(&text, LIST, "entity").is_some() {
                    return Ok(Self { root: root.clone(), list });
                }
            }
        }
        let tried: Vec<String> = tried.iter().map(|root| root.display().to_string()).collect();
        Err(Error::config(
            "no-entity-folder",
            format!(
                "no lib.rs or mod.rs in {} has a list `tenantry_entity::entities![]`: write one into the \
                 file that declares the entities, or name the folder with --entity-dir",
                tried.join(" or ")
            ),
        ))
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The modules that are there.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn modules(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            names.extend(path.file_stem().and_then(|name| name.to_str()).map(ToOwned::to_owned));
        }
        Ok(names)
    }

    /// Where the source of a module is.
    #[must_use]
    pub fn source_path(&self, module: &str) -> PathBuf {
        self.root.join(format!("{module}.rs"))
    }

    /// Writes entities, each a module and its source, and puts them at the end of the list. Where a file cannot be
    /// written, none is left.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or written.
    pub fn add(&self, entities: &[(&str, &str)]) -> Result<()> {
        let mut text = fs::read_to_string(&self.list)
            .map_err(|error| unreadable(&self.list, &error.to_string()))?;
        for (module, _) in entities {
            text = registered(&text, LIST, module).unwrap_or(text);
        }
        let undo = || {
            for (module, _) in entities {
                // It may not have been written yet.
                let _ = fs::remove_file(self.source_path(module));
            }
        };
        for (module, source) in entities {
            write(&self.source_path(module), source).inspect_err(|_| undo())?;
        }
        write(&self.list, &text).inspect_err(|_| undo())
    }
}
