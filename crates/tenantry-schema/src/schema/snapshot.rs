//! The checked-in snapshot: the schema after the last migration, as JSON with one object a line, so
//! that a change is a line of a diff.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use tenantry_entity::tenancy::TENANCY;

use super::{Distribution, Schema, Table, objects, tenancy};

/// The version of the snapshot's form.
const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Snapshot {
    version: u32,
    /// Whether tables belong to tenants.
    #[serde(default = "usually")]
    tenancy: bool,
    #[serde(flatten)]
    schema: Schema,
}

fn usually() -> bool {
    true
}

impl Schema {
    /// Writes the snapshot.
    ///
    /// # Errors
    ///
    /// If something in the schema cannot be JSON, which nothing is.
    pub fn to_snapshot(&self) -> Result<String, serde_json::Error> {
        let tables: Result<Vec<String>, _> = self.tables.values().map(table).collect();
        let mut head = format!("\"version\": {VERSION},\n");
        if !self.has_tenancy() {
            head.push_str("\"tenancy\": false,\n");
        }
        if !self.enums.is_empty() {
            let one = |(name, values)| {
                Ok(format!("{}: {}", serde_json::to_string(name)?, serde_json::to_string(values)?))
            };
            let enums: Result<Vec<String>, serde_json::Error> =
                self.enums.iter().map(one).collect();
            let _ = writeln!(head, "\"enums\": {{\n{}\n}},", enums?.join(",\n"));
        }
        if !self.objects.is_empty() {
            let one = |(name, text)| {
                Ok(format!("{}: {}", serde_json::to_string(name)?, serde_json::to_string(text)?))
            };
            let objects: Result<Vec<String>, serde_json::Error> =
                self.objects.iter().map(one).collect();
            let _ = writeln!(head, "\"objects\": {{\n{}\n}},", objects?.join(",\n"));
        }
        Ok(format!("{{\n{head}\"tables\": {{\n{}\n}}\n}}\n", tables?.join(",\n")))
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    ///
    /// If it is no snapshot, or one of a newer version.
    pub fn from_snapshot(text: &str) -> Result<Self, String> {
        let snapshot: Snapshot = serde_json::from_str(text).map_err(|error| {
            let conflict = text.lines().any(|line| line.starts_with("<<<<<<<"));
            let hint = if conflict { "it has conflict markers of a merge" } else { "" };
            if hint.is_empty() { error.to_string() } else { hint.to_owned() }
        })?;
        if snapshot.version != VERSION {
            return Err(format!(
                "it is of version {}, and this program reads version {VERSION}",
                snapshot.version
            ));
        }
        let mut schema = snapshot.schema;
        objects::files(&schema.objects)?;
        // A table's name stands in front of it.
        for (name, table) in &mut schema.tables {
            name.clone_into(&mut table.name);
        }
        if snapshot.tenancy {
            for table in schema.tables.values_mut() {
                let usual = || tenancy::distribution(&TENANCY, table);
                table.distribution = Some(table.distribution.clone().unwrap_or_else(usual));
            }
        }
        Ok(schema)
    }
}

fn table(table: &Table) -> Result<String, serde_json::Error> {
    let mut text = format!("{}: {{\n", serde_json::to_string(&table.name)?);
    // What the usual names do not tell.
    let other = |it: &&Distribution| **it != tenancy::distribution(&TENANCY, table);
    if let Some(distribution) = table.distribution.as_ref().filter(other) {
        let _ = writeln!(text, "\"distribution\": {},", serde_json::to_string(distribution)?);
    }
    if let Some(comment) = &table.comment {
        let _ = writeln!(text, "\"comment\": {},", serde_json::to_string(comment)?);
    }
    list(&mut text, "columns", &table.columns)?;
    let _ = writeln!(text, "\"primary_key\": {},", serde_json::to_string(&table.primary_key)?);
    list(&mut text, "foreign_keys", &table.foreign_keys)?;
    list(&mut text, "indexes", &table.indexes)?;
    list(&mut text, "checks", &table.checks)?;
    let _ = writeln!(text, "\"row_security\": {},", serde_json::to_string(&table.row_security)?);
    list(&mut text, "policies", &table.policies)?;
    list(&mut text, "grants", &table.grants)?;
    text.truncate(text.len() - ",\n".len());
    text.push_str("\n}");
    Ok(text)
}

fn list<T: Serialize>(text: &mut String, key: &str, items: &[T]) -> Result<(), serde_json::Error> {
    let lines: Result<Vec<String>, _> = items.iter().map(serde_json::to_string).collect();
    let lines = lines?.join(",\n");
    let _ = if lines.is_empty() {
        writeln!(text, "\"{key}\": [],")
    } else {
        writeln!(text, "\"{key}\": [\n{lines}\n],")
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_read_back() -> Result<(), Box<dyn std::error::Error>> {
        assert_eq!(Schema::from_snapshot(&Schema::default().to_snapshot()?)?, Schema::default());
        Ok(())
    }

    #[test]
    fn what_is_no_snapshot_is_said() {
        for (text, why) in [
            ("", "EOF"),
            ("{\n<<<<<<< ours\n", "conflict markers"),
            ("{\"version\": 2, \"tables\": {}}", "version 2"),
        ] {
            let error = Schema::from_snapshot(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }
}
