//! Two tenants and what is tried as one of them on the rows of the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use sea_orm::sqlx::{self, PgConnection};
use tenantry_entity::{
    Engine, SealKey,
    tenancy::{SEAL_SETTING, SETTINGS_ON_EACH_NODE, TENANT_ID, TENANT_SETTING},
};
use uuid::Uuid;

use super::{
    AttackResult, Line,
    attack::{Attack, Attempt, CATALOGUE, On},
    probe::sentence,
    rows::Rows,
    send::{keep_all, run, try_all},
};
use crate::{
    db::{literal, quoted},
    error::explain_sqlx,
    lock::ON_CITUS,
    report::DATABASE,
    schema::{ForeignKey, Schema, Table, tenancy},
    seal,
};

/// The two tenants, and what is attacked.
pub(super) struct Stage<'a> {
    pub(super) schema: &'a Schema,
    pub(super) engine: Engine,
    pub(super) a: Rows,
    pub(super) b: Rows,
    /// The tables that are attacked, if not all of them.
    pub(super) only: Option<BTreeSet<String>>,
    /// The tables that cannot be attacked, and why.
    pub(super) untested: BTreeMap<String, String>,
    /// The key that seals the scope of tenant A, where policies ask for one. Nothing but the database of the
    /// attacks knows it, and as long as they last.
    pub(super) seal: Option<SealKey>,
}

/// An attack that goes through must not read for ever, nor wait for another session.
const LIMITS: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '20s'";

/// One attack on one table.
pub(super) struct Try<'t> {
    pub(super) attack: &'t Attack,
    pub(super) table: String,
    pub(super) how: How,
    /// The same statement, in a form whose rows are those that became tenant B's.
    pub(super) confirms: Option<String>,
}

pub(super) enum How {
    Sql(String),
    CopyOut(String),
    /// The statement, and the one value that is sent.
    CopyIn(String, String),
    /// A text for a tenant scope.
    Client(&'static str),
}

impl Try<'_> {
    pub(super) fn sql(&self) -> Option<&str> {
        match &self.how {
            How::Sql(sql) => Some(sql),
            _ => None,
        }
    }
}

impl<'a> Stage<'a> {
    pub(super) fn of(schema: &'a Schema, engine: Engine) -> Self {
        Self {
            schema,
            engine,
            a: Rows::of(schema),
            b: Rows::of(schema),
            only: None,
            untested: BTreeMap::new(),
            seal: seal_for(schema),
        }
    }

    /// What begins a scope of tenant A, or leaves it.
    pub(super) fn scope_sql(&self, is_in_scope: bool) -> String {
        let tenant = if is_in_scope { self.a.tenant().trim_end_matches("::uuid") } else { "''" };
        let mut sql = format!("SET LOCAL {TENANT_SETTING} = {tenant}");
        if let Some(key) = &self.seal {
            let tenant = Uuid::try_parse(tenant.trim_matches('\'')).ok();
            let until = SystemTime::now() + Duration::from_mins(1);
            let token = tenant.map(|tenant| key.token(tenant, until)).unwrap_or_default();
            let _ = write!(sql, "; SET LOCAL {SEAL_SETTING} = {}", literal(&token));
        }
        sql
    }

    /// Begins, with limits that every node keeps.
    async fn limit(&self, tx: &mut PgConnection) -> std::result::Result<(), String> {
        if self.engine.capability().distributes_tables {
            run(tx, &format!("{ON_CITUS}; {SETTINGS_ON_EACH_NODE}")).await.map_err(sentence)?;
        }
        run(tx, LIMITS).await.map_err(sentence)?;
        Ok(())
    }

    /// Makes up the two tenants, in one round trip. A table for which that fails is not attacked, and says so.
    pub(super) async fn insert_probe_rows(
        &mut self,
        tx: &mut PgConnection,
    ) -> std::result::Result<(), String> {
        self.limit(tx).await?;
        if let Some(key) = &self.seal {
            run(tx, &seal::lend_sql(key)).await.map_err(sentence)?;
        }
        let inserts: Vec<&(String, String)> =
            self.a.inserts.iter().chain(&self.b.inserts).collect();
        let script: Vec<&str> = inserts.iter().map(|(_, insert)| insert.as_str()).collect();
        let made = keep_all(tx, &script).await.map_err(sentence)?;
        let mut untested: BTreeMap<String, String> = BTreeMap::new();
        for ((table, _), made) in inserts.into_iter().zip(made) {
            let why = match made {
                Ok(1) => continue,
                Ok(_) => "its checks or a trigger let no row pass that was made up".to_owned(),
                Err(why) => format!("no row could be made up: {why}"),
            };
            let parents = self.schema.tables.get(table).map(|it| it.foreign_keys.as_slice());
            let mut parents = parents.unwrap_or_default().iter();
            let parent = parents
                .find(|key| key.ref_table != *table && untested.contains_key(&key.ref_table));
            let why = match parent {
                Some(key) => format!("its rows need one of {}", key.ref_table),
                None => why,
            };
            untested.entry(table.clone()).or_insert(why);
        }
        if let Some(why) = untested.get(tenancy::ROOT) {
            return Err(format!("{}: {why}", tenancy::ROOT));
        }
        let tables = self.schema.tables.keys().filter(|name| !untested.contains_key(*name));
        self.only = Some(tables.cloned().collect());
        self.untested = untested;
        Ok(())
    }

    /// Tries everything, as the role. What came of A's own writes is known already, where they were tried.
    pub(super) async fn attack(
        &self,
        tx: &mut PgConnection,
        role: &str,
        own_writes: BTreeMap<String, AttackResult>,
    ) -> std::result::Result<Vec<Line>, String> {
        self.limit(tx).await?;
        run(tx, &format!("SET LOCAL ROLE {}", quoted(role)))
            .await
            .map_err(|error| cannot_work_as(role, &error))?;
        let mut outcomes: BTreeMap<&str, BTreeMap<String, AttackResult>> = BTreeMap::new();
        let code = CATALOGUE.iter().find(|it| it.attempt == Attempt::OwnWrite).map(|it| it.code);
        outcomes.extend(code.map(|code| (code, own_writes)));
        // A setting that was set once is empty afterwards, not absent.
        for scope in [false, true] {
            let begin = format!("{}; SAVEPOINT attack", self.scope_sql(scope));
            run(tx, &begin).await.map_err(sentence)?;
            let attacks = CATALOGUE.iter().filter(|attack| attack.scope == scope);
            let tries: Vec<Try> = attacks.flat_map(|attack| self.tries(attack)).collect();
            let came_of_it = try_all(tx, self.engine, &tries).await;
            for (one, outcome) in tries.into_iter().zip(came_of_it) {
                let line = outcomes.entry(one.attack.code).or_default();
                // Where there are several ways, the worst counts.
                match line.get(&one.table) {
                    Some(known)
                        if outcome == AttackResult::Refused || *known != AttackResult::Refused => {}
                    _ => drop(line.insert(one.table, outcome)),
                }
            }
            // What the last one did is undone too.
            run(tx, "ROLLBACK TO SAVEPOINT attack").await.map_err(sentence)?;
        }
        let line = |attack: &Attack| Line {
            attack: attack.code,
            expected: attack.expect,
            tables: outcomes.remove(attack.code).unwrap_or_default(),
        };
        Ok(CATALOGUE.iter().map(line).collect())
    }

    /// The tables that are attacked.
    pub(super) fn attacked(&self) -> impl Iterator<Item = &'a Table> {
        let is_attacked =
            |table: &&Table| self.only.as_ref().is_none_or(|only| only.contains(&table.name));
        self.schema.tables.values().filter(is_attacked)
    }

    /// Everything that an attack tries.
    fn tries<'t>(&self, attack: &'t Attack) -> Vec<Try<'t>> {
        let on = |table: &str, how| Try { attack, table: table.to_owned(), how, confirms: None };
        let mut tries = Vec::new();
        if attack.on.contains(&On::Database) {
            tries.extend(match attack.attempt {
                Attempt::Client(text) => Some(on(DATABASE, How::Client(text))),
                Attempt::Sql(text) => Some(on(DATABASE, How::Sql(text.to_owned()))),
                _ => None,
            });
        }
        for table in self.attacked().filter(|table| attack.on.contains(&kind(table))) {
            tries.extend(self.ways(attack, table).into_iter().map(|how| {
                let confirms = self.confirms(attack, table, &how);
                Try { confirms, ..on(&table.name, how) }
            }));
        }
        tries
    }

    /// For an attack that leaves a row with tenant B: the same, with the rows that are B's counted.
    fn confirms(&self, attack: &Attack, table: &Table, how: &How) -> Option<String> {
        let (How::Sql(sql), Some(column)) = (how, column_of_tenant(table)) else { return None };
        let leaves_a_row = matches!(attack.attempt, Attempt::InsertForB | Attempt::UpsertOntoB)
            || matches!(attack.attempt, Attempt::Sql(text) if text.contains("SET {tenant} = {b}"));
        let column = quoted(column);
        leaves_a_row.then(|| {
            format!(
                "WITH changed AS ({sql} RETURNING {column} AS tenant) SELECT 1 FROM changed WHERE tenant = {}",
                self.b.tenant()
            )
        })
    }

    fn ways(&self, attack: &Attack, table: &Table) -> Vec<How> {
        match attack.attempt {
            Attempt::Sql(template) => vec![How::Sql(self.filled(template, table))],
            Attempt::InsertForB => vec![How::Sql(self.b.another(table))],
            Attempt::UpsertOntoB => self.upsert(table).map(How::Sql).into_iter().collect(),
            Attempt::ReferToB => self.references(table).into_iter().map(How::Sql).collect(),
            Attempt::CopyOut => vec![How::CopyOut(self.filled(
                "COPY (SELECT {tenant} FROM {table} WHERE {tenant} IS DISTINCT FROM {a} LIMIT 1) \
                 TO STDOUT",
                table,
            ))],
            Attempt::CopyIn => {
                let (name, column) = (quoted(&table.name), column_of_tenant(table).unwrap_or("id"));
                let sql = format!("COPY {name} ({}) FROM STDIN", quoted(column));
                let value = self.b.tenant().trim_end_matches("::uuid").trim_matches('\'');
                vec![How::CopyIn(sql, value.to_owned())]
            }
            // Tried apart, by the owner and the role in turn.
            Attempt::OwnWrite | Attempt::Client(_) => Vec::new(),
        }
    }

    fn upsert(&self, table: &Table) -> Option<String> {
        let (_, insert) = self.b.inserts.iter().find(|(name, _)| *name == table.name)?;
        let key = table.primary_key.as_ref()?;
        let columns: Vec<String> = key.columns.iter().map(|name| quoted(name)).collect();
        let (first, columns) = (columns.first()?, columns.join(", "));
        Some(format!("{insert} ON CONFLICT ({columns}) DO UPDATE SET {first} = excluded.{first}"))
    }

    /// One update for each foreign key to a tenant-scoped table.
    fn references(&self, table: &Table) -> Vec<String> {
        let update = |key: &ForeignKey| {
            let parent = self.schema.tables.get(&key.ref_table)?;
            let pairs = key.columns.iter().zip(&key.ref_columns);
            let set: Vec<String> = pairs
                .filter(|(column, _)| *column != TENANT_ID)
                .filter_map(|(column, of_parent)| {
                    let value = self.b.value(&parent.name, of_parent)?;
                    Some(format!("{} = {value}", quoted(column)))
                })
                .collect();
            // One row is enough, where there are many.
            let own = self.a.value(&table.name, "id").map(|id| format!(" AND id = {id}"));
            let sql = format!(
                "UPDATE {{table}} SET {} WHERE {{tenant}} = {{a}}{}",
                set.join(", "),
                own.unwrap_or_default()
            );
            // A key may be checked at the end of the transaction only. The count is the update's.
            let sql = format!("SET CONSTRAINTS ALL IMMEDIATE; {}", self.filled(&sql, table));
            (tenancy::is_tenant_scoped(parent) && !set.is_empty()).then_some(sql)
        };
        table.foreign_keys.iter().filter_map(update).collect()
    }

    fn filled(&self, template: &str, table: &Table) -> String {
        filled(template, table, self.a.tenant(), self.b.tenant())
    }
}

/// A key for as long as the attacks last, where policies ask for one.
fn seal_for(schema: &Schema) -> Option<SealKey> {
    let secret = [Uuid::now_v7(), Uuid::now_v7()].map(Uuid::into_bytes).concat();
    schema.is_sealed().then(|| SealKey::new(&secret).ok()).flatten()
}

/// Why the role cannot be taken on.
pub(super) fn cannot_work_as(role: &str, error: &sqlx::Error) -> String {
    format!("the role {role} cannot be worked as: {}", explain_sqlx(error))
}

/// A statement of the catalogue about `table`, with the two tenants as SQL.
pub(super) fn filled(template: &str, table: &Table, a: &str, b: &str) -> String {
    let column = column_of_tenant(table).map(quoted).unwrap_or_default();
    template
        .replace("{table}", &quoted(&table.name))
        .replace("{tenant}", &column)
        .replace("{a}", a)
        .replace("{b}", b)
}

pub(super) fn kind(table: &Table) -> On {
    if tenancy::is_tenant_scoped(table) {
        On::Scoped
    } else if table.name == tenancy::ROOT {
        On::Tenants
    } else {
        On::Shared
    }
}

/// The column that says whose a row is.
fn column_of_tenant(table: &Table) -> Option<&'static str> {
    match kind(table) {
        On::Scoped => Some(TENANT_ID),
        On::Tenants => Some("id"),
        _ => None,
    }
}
