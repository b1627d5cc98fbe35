//! Whether there may be sample rows here, and which.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use tenantry_entity::{Engine, TableDef, Tenancy};
use tenantry_migration::{
    Error, IntoSchemaManagerConnection, Result, called,
    db::{count_rows, quoted_table},
    error::List,
    refusal::Refusal,
    runner::{NotedSeeding, SeedingStage, State},
    schema::{self, Schema, Table, names},
};

use crate::{
    options::Options,
    samples::TableInfo,
    seeder::{Bound, Seeder},
    set::DataSet,
    spec::Spec,
};

/// What may be seeded.
pub(crate) struct Admitted {
    /// What was asked for, and what is there.
    pub set: DataSet,
    /// Whether the journal has it that all of it is there.
    pub done: bool,
    /// Whether there are no sample rows yet.
    pub is_new: bool,
    /// The tables as they are.
    pub schema: Schema,
}

impl Admitted {
    /// Counts the sample rows of each table, and fails unless all are there: a trigger or a rule may keep rows
    /// out, and another session may have deleted some.
    ///
    /// Large sets are first counted without looking at ids, which is cheap; tables whose count differs from the
    /// plan are counted again by id.
    pub(crate) async fn check_there<C: ConnectionTrait>(
        &self,
        db: &C,
        on: &Bound,
        set: &DataSet,
    ) -> Result<()> {
        let planned = set.planned();
        let mut asked: Vec<(&'static str, &Table, u64)> = set
            .tables()
            .iter()
            .filter_map(|info| {
                let planned = planned.get(info.name).copied().unwrap_or_default();
                Some((info.name, self.schema.tables.get(info.name)?, planned))
            })
            .collect();
        let count = async |asked: &[(&'static str, &Table, u64)], of: &dyn Fn(&Table) -> String| {
            let tables: Vec<_> =
                asked.iter().map(|(name, table, _)| (quoted_table(name), of(table))).collect();
            count_rows(db, on.engine, &tables).await
        };
        if planned.values().sum::<u64>() > FEW {
            let all = count(&asked, &|_| "true".to_owned()).await?;
            let mut all = all.into_iter();
            asked.retain(|(_, _, planned)| all.next() != Some(*planned));
        }
        let own = count(&asked, &|table| on.journal.rows(table)).await?;
        let mut missing = Vec::new();
        for ((name, _, planned), there) in asked.iter().zip(own) {
            if there < *planned {
                missing.push(format!("{name} has {there} of {planned}"));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::plain(
            "samples-missing",
            format!(
                "sample rows are missing: {}; if they were deleted, `{}` puts them back; if a trigger or a \
                 rule keeps them out, `{}` names it",
                List(&missing),
                called("seeder", "--repair"),
                called("migration", "diff")
            ),
        )
        .into())
    }
}

/// Sets of up to so many rows are counted by id at once.
const FEW: u64 = 50_000;

/// Refuses where no sample rows belong, or others than these.
pub(crate) async fn admitted<'c, C>(db: &'c C, on: &Bound, options: &Options) -> Result<Admitted>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let schema = ready(db, on).await?.for_seeding(&on.entities())?;
    let (real, samples) = tenants(db, on).await?;
    if real > 0 && !options.alongside {
        let has_tenants = on.tables().iter().any(TableInfo::is_root);
        let what = match real {
            _ if !has_tenants => format!("there are rows in {real} of the tables"),
            1 => "there is 1 tenant".to_owned(),
            _ => format!("there are {real} tenants"),
        };
        return Err(Refusal::plain(
            "real-tenants",
            format!(
                "refused, because {what} that the seeder did not make; --alongside seeds all the same"
            ),
        )
        .into());
    }
    // If the rows were removed, that was meant. Users come first, so there may be those alone.
    let noted = noted(db, on).await?.filter(|_| samples > 0);
    let Some((there, done)) = noted else {
        if samples > 0 {
            return Err(Refusal::plain(
                "samples-unknown",
                "refused, because there are sample rows of which the journal does not say what they are: \
                 `seeder clean` removes them",
            )
            .into());
        }
        let spec = options.spec.clone().unwrap_or_else(|| on.seeder.usual());
        return Ok(Admitted { set: on.set(spec), done: false, is_new: true, schema });
    };
    let spec = there.spec();
    let asked = options.spec.as_ref().unwrap_or(spec);
    if !spec.fits(asked) {
        return Err(Refusal::plain("samples-differ", format!(
            "refused, because there are rows of another data set ({spec}): `seeder clean` removes them"
        ))
        .into());
    }
    let union = spec.union(asked);
    Ok(Admitted { done: done && union == *spec, set: on.set(union), is_new: false, schema })
}

/// Which rows there are by the journal, and whether all of them are there.
pub(crate) async fn noted<C: ConnectionTrait>(
    db: &C,
    on: &Bound,
) -> Result<Option<(DataSet, bool)>> {
    let Some(NotedSeeding { spec: line, stage }) = on.journal.seeding(db).await? else {
        return Ok(None);
    };
    let spec: Spec = line.parse().map_err(|why: String| Error::unusable("samples-unknown", why))?;
    let set = on.set(spec);
    if set.spec().factors.keys().any(|table| !set.has(table)) {
        return Err(Error::unusable(
            "samples-unknown",
            format!("{line:?} describes no data set that this version knows"),
        ));
    }
    Ok(Some((set, stage == SeedingStage::Done)))
}

/// How many tenants there are that the seeder did not make; and how many tenants and shared rows that
/// it did. Without tenants, how many tables have rows that it did not make, and rows that it did.
async fn tenants<C: ConnectionTrait>(db: &C, on: &Bound) -> Result<(u64, u64)> {
    let schema = on.seeder.project.schema()?;
    let tables = |of: fn(&TableInfo) -> bool| {
        let tables = on.tables().iter().filter(move |info| of(info));
        tables.filter_map(|info| schema.tables.get(info.name))
    };
    if !on.tables().iter().any(TableInfo::is_root) {
        let any = |table: &Table, condition: &str| {
            let table = quoted_table(&table.name);
            (format!("(SELECT 1 FROM {table} WHERE {condition} LIMIT 1) found"), "true".to_owned())
        };
        let real = tables(|_| true)
            .map(|table| any(table, &format!("({}) IS NOT TRUE", on.journal.rows(table))));
        let mut asked: Vec<_> = real.collect();
        let split = asked.len();
        asked.extend(tables(|_| true).map(|table| any(table, &on.journal.rows(table))));
        let counts = count_rows(db, on.engine, &asked).await?;
        let (real, samples) = counts.split_at(split);
        return Ok((real.iter().sum(), samples.iter().sum()));
    }
    let Tenancy { root, root_key, .. } = on.names();
    let samples = on.journal.ids(&names::in_condition(root_key), root);
    let mut asked = vec![
        (quoted_table(root), format!("({samples}) IS NOT TRUE")),
        (quoted_table(root), samples),
    ];
    let shared = tables(TableInfo::is_shared);
    asked.extend(shared.map(|table| (quoted_table(&table.name), on.journal.rows(table))));
    let counts = count_rows(db, on.engine, &asked).await?;
    Ok((counts[0], counts[1..].iter().sum()))
}

impl Seeder {
    /// How many sample rows each of `tables` holds and how many it should: `(present, planned)` by
    /// name; nothing where the journal does not say which rows there should be. The tables are given
    /// with what is known of them in this database.
    ///
    /// # Errors
    ///
    /// If a query fails.
    pub async fn census<C: ConnectionTrait>(
        &self,
        db: &C,
        engine: Engine,
        tables: &[(&'static str, &Table)],
    ) -> Result<BTreeMap<&'static str, (u64, u64)>> {
        let on = self.on(engine);
        let Some((set, _)) = noted(db, &on).await? else { return Ok(BTreeMap::new()) };
        let planned = set.planned();
        let conditions: Vec<_> = tables
            .iter()
            .map(|(name, table)| (quoted_table(name), on.journal.rows(table)))
            .collect();
        let present = count_rows(db, engine, &conditions).await?;
        let names = tables.iter().map(|(name, _)| *name);
        let pair = |(name, present): (&'static str, u64)| {
            (name, (present, planned.get(name).copied().unwrap_or_default()))
        };
        Ok(names.zip(present).map(pair).collect())
    }
}

/// A database in which there can be sample rows.
pub(crate) struct Ready {
    /// The tables as they are.
    pub schema: Schema,
    /// Whether it belongs to production, whatever this process is.
    pub production: bool,
}

impl Ready {
    /// Refuses to seed production.
    fn for_seeding(self, entities: &[TableDef]) -> Result<Schema> {
        if self.production {
            return Err(Refusal::plain(
                "production",
                "refused: this database belongs to production, where no sample rows belong; if it is a \
                 copy, say so with `migration repair --environment`",
            )
            .into());
        }
        let differing = self.differing(entities);
        if !differing.is_empty() {
            return Err(Error::unusable(
                "tables-differ",
                format!(
                    "the tables are not what the entities say, so no row fits: {}; `{}` shows what to do, and \
                 nothing was changed",
                    differing.join("; "),
                    called("migration", "diff")
                ),
            ));
        }
        Ok(self.schema)
    }

    /// The columns for which the factories have nothing, and those that they have and that are not there.
    fn differing(&self, entities: &[TableDef]) -> Vec<String> {
        let mut differing = Vec::new();
        for def in entities {
            let Some(live) = self.schema.tables.get(def.name) else { continue };
            let missing = def.columns.iter().filter(|name| live.column(name).is_none());
            differing.extend(missing.map(|name| format!("{}.{name} is missing", def.name)));
            let others = live.columns.iter().filter(|it| !def.columns.contains(&it.name.as_str()));
            let required = others.filter(|column| !column.nullable && column.default.is_none());
            differing.extend(required.map(|column| {
                format!("{}.{} is NOT NULL and has no default", def.name, column.name)
            }));
        }
        differing
    }
}

/// Fails with what to do unless every migration is applied.
pub(crate) async fn ready<'c, C>(db: &'c C, on: &Bound) -> Result<Ready>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let standing = on.seeder.project.bare_runner(db)?.standing().await?;
    let production = standing.is_production();
    let states = standing.migrations;
    let is_pending = |state: State| matches!(state, State::Pending | State::OutOfOrder);
    let pending = states.iter().filter(|entry| is_pending(entry.state)).count();
    if pending > 0 {
        return Err(Error::unusable(
            "migrations-pending",
            format!(
                "{pending} of {} migrations are not applied: run `{}` first",
                states.len(),
                called("migration", "up")
            ),
        ));
    }
    if let Some(half_done) = states.iter().find(|entry| entry.state == State::HalfDone) {
        return Err(Error::unusable(
            "migration-half-done",
            format!("{} is half done: run `{}` first", half_done.name, called("migration", "up")),
        ));
    }
    // What is in another schema of the search path is not meant.
    let mut live = schema::read(db, on.engine, "").await?;
    let names: Vec<&str> = on.tables().iter().map(|info| info.name).collect();
    live.tables.retain(|name, _| names.contains(&name.as_str()));
    let missing: Vec<&str> =
        names.into_iter().filter(|name| !live.tables.contains_key(*name)).collect();
    if !missing.is_empty() {
        return Err(Error::unusable(
            "table-gone",
            format!(
                "{} should be there and is not, so it was dropped by hand; nothing was changed",
                missing.join(", ")
            ),
        ));
    }
    Ok(Ready { schema: live, production })
}
