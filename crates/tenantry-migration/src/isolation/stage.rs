//! Two tenants and what is tried as one of them on the rows of the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use sea_orm::sqlx::{self, PgConnection};
use tenantry_entity::{
    Engine, Scope, SealKey, Tenancy,
    tenancy::{SEAL_SETTING, SETTINGS_ON_EACH_NODE},
};
use uuid::Uuid;

use super::{
    AttackResult, Line,
    attack::{Attack, Attempt, CATALOGUE, On},
    probe::sentence,
    rows::{Rows, plain},
    send::{keep_all, run, try_all},
};
use crate::{
    db::{literal, quoted},
    error::explain_sqlx,
    lock::ON_CITUS,
    report::DATABASE,
    schema::{ForeignKey, Schema, Table, tenancy},
    seal,
    sql::quoted_table,
};

/// The two tenants, and what is attacked.
pub(super) struct Stage<'a> {
    pub(super) schema: &'a Schema,
    pub(super) engine: Engine,
    pub(super) tenancy: Tenancy,
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
    pub(super) fn of(schema: &'a Schema, engine: Engine, tenancy: Tenancy) -> Self {
        Self {
            schema,
            engine,
            tenancy,
            a: Rows::of(schema, &tenancy),
            b: Rows::of(schema, &tenancy),
            only: None,
            untested: BTreeMap::new(),
            seal: seal_for(schema),
        }
    }

    /// What begins a scope of tenant A, or leaves it.
    pub(super) fn scope_sql(&self, is_in_scope: bool) -> String {
        let tenant = if is_in_scope { plain(self.a.tenant()) } else { String::new() };
        let mut sql = format!("SET LOCAL {} = {}", self.tenancy.setting, literal(&tenant));
        if let Some(key) = &self.seal {
            let tenant = Uuid::try_parse(&tenant).ok();
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
        let unowned: Vec<(String, String)> = self
            .schema
            .tables
            .values()
            .filter(|table| kind(&self.tenancy, table) == On::Optional)
            .map(|table| (table.name.clone(), self.a.unowned(table)))
            .collect();
        let inserts: Vec<&(String, String)> =
            self.a.inserts.iter().chain(&self.b.inserts).chain(&unowned).collect();
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
        let root = self.tenancy.root;
        if let Some(why) = untested.get(root) {
            return Err(format!("{root}: {why}"));
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
        let mut lines: Vec<Line> = CATALOGUE.iter().map(line).collect();
        let is_rare = |code| CATALOGUE.iter().any(|it| it.code == code && it.is_of_some_shapes());
        lines.retain(|line| !line.tables.is_empty() || !is_rare(line.attack));
        Ok(lines)
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
        for table in self.attacked().filter(|table| attack.on.contains(&kind(&self.tenancy, table)))
        {
            tries.extend(self.ways(attack, table).into_iter().map(|how| {
                let confirms = self.confirms(attack, table, &how);
                Try { confirms, ..on(&table.name, how) }
            }));
        }
        tries
    }

    /// For an attack that leaves a row with tenant B: the same, with the rows that are B's counted.
    fn confirms(&self, attack: &Attack, table: &Table, how: &How) -> Option<String> {
        let (How::Sql(sql), Some(owner)) = (how, self.owner(table)) else { return None };
        let leaves_a_row = matches!(attack.attempt, Attempt::InsertForB | Attempt::UpsertOntoB)
            || matches!(attack.attempt, Attempt::Sql(text) if text.contains("SET {tenant} = {b}"));
        let (column, b) = (quoted(owner.column), owner.b);
        leaves_a_row.then(|| {
            format!(
                "WITH changed AS ({sql} RETURNING {column} AS tenant) SELECT 1 FROM changed WHERE tenant = {b}"
            )
        })
    }

    fn ways(&self, attack: &Attack, table: &Table) -> Vec<How> {
        match attack.attempt {
            Attempt::Sql(template) => vec![How::Sql(self.filled(template, table))],
            Attempt::InsertForB => vec![How::Sql(self.b.another(table))],
            Attempt::InsertUnowned => vec![How::Sql(self.a.unowned(table))],
            Attempt::UpsertOntoB => self.upsert(table).map(How::Sql).into_iter().collect(),
            Attempt::ReferToB => self.references(table, false),
            Attempt::ReferAcross => self.references(table, true),
            Attempt::CopyOut => vec![How::CopyOut(self.filled(
                "COPY (SELECT {tenant} FROM {table} WHERE {others} LIMIT 1) TO STDOUT",
                table,
            ))],
            Attempt::CopyIn => {
                let first = || table.columns.first().map_or("id", |column| &column.name);
                let owner = self.owner(table);
                let column = owner.as_ref().map_or_else(first, |owner| owner.column);
                let sql =
                    format!("COPY {} ({}) FROM STDIN", quoted_table(&table.name), quoted(column));
                vec![How::CopyIn(sql, owner.map_or_else(String::new, |owner| plain(owner.b)))]
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

    /// One update for each foreign key to a table of tenants: of those that carry the tenant, or of the others.
    fn references(&self, table: &Table, across: bool) -> Vec<How> {
        let crossing = tenancy::crossing(self.schema, &self.tenancy);
        let crosses =
            |key: &ForeignKey| crossing.iter().any(|(of, it)| of.name == table.name && *it == key);
        let owner = tenancy::owner(self.schema, &self.tenancy, table).map(|(key, _)| key);
        let update = |key: &ForeignKey| {
            let parent = self.schema.tables.get(&key.ref_table)?;
            let pairs = key.columns.iter().zip(&key.ref_columns);
            let set: Vec<String> = pairs
                .filter(|(column, _)| *column != self.tenancy.column)
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
            let is_of_tenants = tenancy::scope_of(&self.tenancy, parent).is_of_a_tenant();
            (is_of_tenants && !set.is_empty()).then_some(How::Sql(sql))
        };
        let keys = table.foreign_keys.iter();
        let keys = keys.filter(|key| crosses(key) == across && owner != Some(*key));
        keys.filter_map(update).collect()
    }

    pub(super) fn filled(&self, template: &str, table: &Table) -> String {
        filled(template, table, self.owner(table))
    }

    /// By which column a row is A's or B's; `None` for shared tables.
    fn owner<'s>(&'s self, table: &'s Table) -> Option<Owner<'s>> {
        let of_tenant = tenancy::column_of(&self.tenancy, table);
        let of_parent = || {
            let (key, _) = tenancy::owner(self.schema, &self.tenancy, table)?;
            key.columns.first().map(String::as_str)
        };
        let column = of_tenant.or_else(of_parent)?;
        let value = |rows: &'s Rows| rows.value(&table.name, column).map_or("NULL", String::as_str);
        let may_be_null = kind(&self.tenancy, table) == On::Optional;
        Some(Owner { column, a: value(&self.a), b: value(&self.b), may_be_null })
    }
}

/// The column that says whose a row is, and what A and B have there: the tenant, or the row that belongs to the
/// tenant.
pub(super) struct Owner<'s> {
    pub(super) column: &'s str,
    pub(super) a: &'s str,
    pub(super) b: &'s str,
    pub(super) may_be_null: bool,
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

/// A statement of the catalogue about `table`.
pub(super) fn filled(template: &str, table: &Table, owner: Option<Owner<'_>>) -> String {
    let owner = owner.unwrap_or(Owner { column: "", a: "NULL", b: "NULL", may_be_null: false });
    let (not_of_a, of_any) = if owner.may_be_null {
        ("{tenant} <> {a}", "{tenant} IS NOT NULL")
    } else {
        ("{tenant} IS DISTINCT FROM {a}", "true")
    };
    template
        .replace("{others}", not_of_a)
        .replace("{owned}", of_any)
        .replace("{table}", &quoted_table(&table.name))
        .replace("{tenant}", &quoted(owner.column))
        .replace("{a}", owner.a)
        .replace("{b}", owner.b)
}

pub(super) fn kind(tenancy: &Tenancy, table: &Table) -> On {
    match tenancy::scope_of(tenancy, table) {
        Scope::Root => On::Tenants,
        Scope::Tenant | Scope::Through(_) => On::Scoped,
        Scope::OptionalTenant => On::Optional,
        Scope::Shared => On::Shared,
    }
}
