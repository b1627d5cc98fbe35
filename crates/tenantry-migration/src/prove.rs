//! The proof that a security review asks for: the schema is what the entities say, every migration
//! undoes itself, and no tenant reaches another, shown in a database that is made for it and
//! dropped again.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait as _, Statement};
use serde::Serialize;
use serde_json::Value;
use tenantry_entity::Engine;
use tenantry_schema::fingerprint::sha256;

use crate::{
    config::Target,
    db::{Absent, Database, begin_read, quoted},
    diff::diff,
    drift::{Accepted, drift},
    error::{Error, Result, explain},
    generate::replayed,
    isolation::{Matrix, probe, probe_from},
    project::Project,
    report::{DATABASE, Finding},
    schema::{self, Schema},
    scratch::{Purpose, in_scratch},
};

/// What was shown, and of what.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// When, in UTC, as RFC 3339 writes it.
    pub made_at: String,
    /// The version of this program.
    pub tool: String,
    /// What the server says it is.
    pub server: String,
    /// The migrations, in their order.
    pub migrations: Vec<String>,
    /// SHA-256 of the schema that the entities describe, in the form of `migration/schema.json`.
    pub schema_sha256: String,
    /// What was checked, one after the other.
    pub checks: Vec<Check>,
    /// What came of each attack on each table; `None` where the engine has no policies.
    pub isolation: Option<Matrix>,
    /// Whether everything passed.
    pub passed: bool,
}

/// One thing that was checked.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its name, in kebab case; stable.
    pub name: &'static str,
    /// What it shows.
    pub shows: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What is wrong, if it did not.
    pub details: Vec<String>,
}

impl Proof {
    /// SHA-256 over the proof as compact JSON with sorted keys, by which a copy can be told from an
    /// edited one: `jq -cjS .proof tenantry-proof.json | sha256sum`.
    ///
    /// # Errors
    ///
    /// If the proof cannot be JSON, which it always can.
    pub fn digest(&self) -> Result<String> {
        let json =
            serde_json::to_value(self).map_err(|error| Error::config("json", error.to_string()))?;
        Ok(sha256(&sorted(json).to_string()))
    }

    /// What did not pass.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let failed = self.checks.iter().filter(|check| !check.passed);
        let failed = failed.map(|check| Finding {
            code: check.name,
            table: DATABASE.to_owned(),
            object: None,
            message: format!("not shown: {}: {}", check.shows, check.details.join("; ")),
            help: "look at the details in the report".to_owned(),
        });
        let attacks = self.isolation.iter().flat_map(|matrix| matrix.findings.clone());
        failed.chain(attacks).collect()
    }
}

/// Makes a database beside the one that `target` means, proves everything in it, and drops it.
///
/// # Errors
///
/// If the database cannot be made, or a migration fails. What is not as it should be is no error
/// but a check that did not pass.
pub async fn prove(project: &'static Project, target: &Target) -> Result<Proof> {
    in_scratch(project, target, &PROOF, async |throw_away| {
        if let Target::Postgres { engine: Some(engine), .. } = throw_away
            && engine.capability().distributes_tables
        {
            distributed(project, throw_away).await?;
        }
        prove_in(project, throw_away).await
    })
    .await
}

const PROOF: Purpose = Purpose { needs: "a proof", code: "proof-needs-database", name: "proof" };

/// Makes a cluster with one node of the new database.
async fn distributed(project: &'static Project, target: &Target) -> Result<()> {
    let mut plain = target.clone();
    if let Target::Postgres { engine, .. } = &mut plain {
        *engine = Some(Engine::Postgres);
    }
    let db = Database::open(project, &plain, Absent::Fail).await?;
    let made = db.connection.execute_unprepared("CREATE EXTENSION citus").await;
    db.close().await;
    made.map(|_| ()).map_err(|error| {
        Error::unusable("proof-needs-database", format!(
            "a proof needs a database of its own with the extension citus, which this role cannot make \
             ({}): prove it as a superuser, or on a PostgreSQL",
            explain(&error)
        ))
    })
}

/// Tries the attacks; the two tenants disturb nothing here.
async fn attacked(db: &Database, schema: &Schema) -> std::result::Result<Matrix, String> {
    if !db.engine.capability().distributes_tables {
        return probe(db, schema).await;
    }
    let matrix = probe_from(db, db, schema).await?;
    for sql in ["DELETE FROM tenants", "DELETE FROM users"] {
        db.connection.execute_unprepared(sql).await.map_err(|error| explain(&error))?;
    }
    Ok(matrix)
}

async fn prove_in(project: &'static Project, target: &Target) -> Result<Proof> {
    let db = Database::open(project, target, Absent::Create).await?;
    let proof = prove_on(&db).await;
    db.close().await;
    proof
}

async fn prove_on(db: &Database) -> Result<Proof> {
    let entities = db.project.schema()?;
    let runner = db.project.runner(db)?;
    let mut checks = Vec::new();
    let mut add = |name, shows, details: Vec<String>| {
        checks.push(Check { name, shows, passed: details.is_empty(), details });
    };
    let empty = catalogue(db).await?;
    runner.up(None).await?;
    let full = catalogue(db).await?;

    let found = differences(db).await?;
    add("equivalence", "the migrations make what the entities describe", found);
    let made = replayed(&(db.project.migrations)()).await?;
    let on_sqlite = diff(&made, &entities.clone().on(Engine::Sqlite));
    add(
        "same-on-sqlite",
        "the same migrations make the same schema on SQLite, as far as it can tell",
        on_sqlite.iter().map(ToString::to_string).collect(),
    );
    let isolation = if db.engine.capability().row_level_security {
        match attacked(db, &entities).await {
            Ok(matrix) => {
                let details = matrix.findings.iter().map(|f| format!("{}: {}", f.table, f.message));
                add("isolation", "no tenant reaches another", details.collect());
                Some(matrix)
            }
            Err(why) => {
                add("isolation", "no tenant reaches another", vec![format!("not tried: {why}")]);
                None
            }
        }
    } else {
        None
    };

    // Down one by one, each undoing exactly what it did.
    let mut wrong = Vec::new();
    let mut before = vec![empty.clone()];
    runner.down(None).await?;
    let applied = (db.project.migrations)();
    for _ in &applied {
        runner.up(Some(1)).await?;
        before.push(catalogue(db).await?);
    }
    for (migration, wanted) in applied.iter().rev().zip(before.iter().rev().skip(1)) {
        runner.down(Some(1)).await?;
        if differ(&catalogue(db).await?, wanted) {
            wrong.push(format!("{} leaves something", migration.name()));
        }
    }
    add("round-trip", "every migration undoes exactly what it did", wrong);
    runner.up(None).await?;
    let again = catalogue(db).await?;
    let wrong =
        if differ(&again, &full) { vec!["it is not the same".to_owned()] } else { Vec::new() };
    add("repeatable", "a second time, the same schema is made", wrong);
    runner.reset().await?;
    let left = catalogue(db).await?;
    let wrong =
        if differ(&left, &empty) { vec!["something is left".to_owned()] } else { Vec::new() };
    add("nothing-left", "rolling back everything leaves nothing", wrong);

    let snapshot =
        entities.to_snapshot().map_err(|error| Error::config("json", error.to_string()))?;
    Ok(Proof {
        made_at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        tool: db.project.tool(),
        server: server(db).await?,
        migrations: applied.iter().map(|migration| migration.name().to_owned()).collect(),
        schema_sha256: sha256(&snapshot),
        passed: checks.iter().all(|check| check.passed),
        checks,
        isolation,
    })
}

/// Everything in the schema but the bookkeeping, as the reader sees it.
async fn catalogue(db: &Database) -> Result<Schema> {
    let live = schema::read(&db.connection, db.engine, &db.application_role).await?;
    Ok(live.filtered(|name| !db.project.is_bookkeeping(name)))
}

/// Whether two schemas differ, but for the order of columns: one that was dropped comes back at the
/// end.
fn differ(a: &Schema, b: &Schema) -> bool {
    !diff(a, b).is_empty() || !diff(b, a).is_empty()
}

async fn differences(db: &Database) -> Result<Vec<String>> {
    let tx = begin_read(&db.connection, db.engine).await?;
    let accepted = Accepted::compiled_in(db.project)?.of_any_database();
    let found = drift(db.project, &tx, db.engine, &db.application_role, &accepted).await;
    // Nothing was changed, so there is nothing to keep.
    let _ = tx.rollback().await;
    let findings = found?.findings();
    Ok(findings.iter().map(|f| format!("{} {}: {}", f.code, quoted(&f.table), f.message)).collect())
}

async fn server(db: &Database) -> Result<String> {
    let sql = match db.engine {
        Engine::Sqlite => "SELECT 'SQLite ' || sqlite_version() AS server",
        _ => "SELECT version() AS server",
    };
    let row = db.connection.query_one_raw(Statement::from_string(db.engine.backend(), sql)).await?;
    Ok(row.map(|row| row.try_get("", "server")).transpose()?.unwrap_or_default())
}

/// The same with the keys of every object in order.
fn sorted(json: Value) -> Value {
    match json {
        Value::Object(map) => {
            let map: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(map.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}
