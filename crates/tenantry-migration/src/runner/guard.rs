//! The guard: locks, counts and refuses before rows are dropped.

use std::fmt::Write as _;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use tenantry_entity::Engine;
use tenantry_schema::fingerprint::sha256;

use super::{
    bookkeeping::identity,
    dependents::{Dependent, attached, dependents, in_order},
    effect::Effect,
    journal::History,
    permit::Destructive,
    samples::Samples,
    sums::Sum,
};
use crate::{
    backup::Losing,
    db::{literal, quoted, table_size},
    diff::{Change, diff},
    error::{List, Result, sqlstate},
    observer::{Observer, Phase, Watch},
    refusal::{Loss, Refusal},
    schema::{self, Action, Schema, Table},
};

/// What a command asks the guard.
pub(super) struct Asked {
    /// What would be done.
    pub effect: Effect,
    /// By which migrations; none where tables are dropped without one.
    pub steps: Vec<String>,
    /// Whether the bookkeeping goes too.
    pub bookkeeping_too: bool,
}

/// The same, with what the runner knows besides.
pub(super) struct Request<'a> {
    pub engine: Engine,
    /// Which rows are sample rows.
    pub samples: &'a Samples,
    /// What would be done. The tables in it need not exist.
    pub effect: &'a Effect,
    /// The command that would do it.
    pub command: &'static str,
    /// The migrations that would do it.
    pub steps: &'a [String],
    /// What the database knows of its migrations.
    pub history: &'a History,
    /// Tables to drop that hold nobody's rows: the bookkeeping.
    pub uncounted: &'a [String],
    /// What would be done besides and cannot be told.
    pub unknown: &'a [String],
    /// The statements that made what is there, according to the bookkeeping, on the engine of
    /// [`replayed_on`].
    pub made_by: &'a [String],
    pub consent: Consent<'a>,
    /// Whether a part of the call is committed already.
    pub divided: bool,
    pub production: bool,
    /// Whoever sees a rehearsal. Then nothing is refused that consent would let pass.
    pub observer: Option<&'a Observer>,
}

/// What somebody has agreed to.
#[derive(Clone, Copy)]
pub(super) enum Consent<'a> {
    /// To nothing that would need it.
    None,
    /// To the refusal that printed this hash.
    Hash(&'a str),
    /// To what the whole call would do, before a part of it was done.
    Earlier(&'a Consented),
}

/// What would be lost by what somebody has consented to.
#[derive(Clone, Debug)]
pub(super) struct Consented {
    counts: Vec<Count>,
    by_hand: Vec<String>,
}

impl Consented {
    /// Whether nothing would be lost beyond that.
    fn covers(&self, request: &Request<'_>, counts: &[Count], by_hand: &[String]) -> bool {
        let same = |now: &Count, then: &Count| {
            let rows = |it: &Count| (it.real_rows, it.which.clone(), it.edited);
            // Going forward, rows come and go: see [`hash`].
            now.table == then.table && (request.command == "up" || rows(now) == rows(then))
        };
        counts.iter().all(|now| self.counts.iter().any(|then| same(now, then)))
            && by_hand.iter().all(|line| self.by_hand.contains(line))
    }
}

/// What the guard says when it lets something pass.
pub(super) struct Permitted {
    pub permit: Destructive,
    /// The tables to drop that exist, in the order of dropping.
    pub drops: Vec<String>,
    /// The tables that lose something, in an order in which what refers to another comes after it.
    pub losing: Vec<Losing>,
    /// Those of them that stay, and whose sample rows are what the seeder has noted.
    pub thinned: Vec<String>,
    /// What goes besides, made by hand.
    pub by_hand: Vec<String>,
    /// What somebody has consented to, if it passes only for that.
    pub by_consent: Option<Consented>,
    /// What has to be done first, so that what hangs on the tables does not hold them.
    pub cuts: Vec<String>,
}

/// The engine on which statements can be replayed where nothing of them remains: its own, or SQLite,
/// which tells less apart.
pub(super) fn replayed_on(engine: Engine) -> Engine {
    if engine.capability().temporary_tables { engine } else { Engine::Sqlite }
}

/// Locks the tables, compares them with what the migrations made, counts, and either permits or
/// refuses.
pub(super) async fn check(tx: &DatabaseTransaction, request: &Request<'_>) -> Result<Permitted> {
    let (engine, effect) = (request.engine, request.effect);
    let touches = effect.loses_something() || !request.uncounted.is_empty();
    let asked = matches!(request.consent, Consent::Hash(_)) || request.observer.is_some();
    if !touches && request.unknown.is_empty() && !asked {
        return Ok(Permitted {
            permit: Destructive::granted(),
            drops: Vec::new(),
            losing: Vec::new(),
            thinned: Vec::new(),
            by_hand: Vec::new(),
            by_consent: None,
            cuts: Vec::new(),
        });
    }
    let watch = Watch::of(request.observer, Phase::Lock);
    lock(tx, request).await?;
    drop(watch);
    // Privileges are no work of anybody's that would be lost.
    let live = schema::read(tx, engine, "").await?;
    let existing = |names: &[String]| -> Vec<String> {
        names.iter().filter_map(|name| named(&live, engine, name)).collect()
    };
    let drops = existing(&effect.drops);
    let mut targets = drops.clone();
    targets.extend(existing(request.uncounted));
    let (dependents, by_hand) = made_by_hand(tx, request, &live, &drops, &targets).await?;
    let emptied = emptied(effect, engine, &live);
    let losing = losing(effect, engine, &live, &drops, &emptied);
    let tables: Vec<&Table> = losing.iter().filter_map(|name| live.tables.get(name)).collect();
    let mut counts = count(tx, request.samples, &tables).await?;
    let edited = request.samples.edited(tx, &request.history.entries, &tables).await?;
    for (table, sum) in tables.iter().zip(edited) {
        let count = counts.iter_mut().find(|count| count.table == table.name);
        if let (Some(count), Some(sum)) = (count, sum) {
            count.real_rows += sum.contents.rows;
            count.edited = Some(sum);
        }
    }
    let going: Vec<String> = losing
        .iter()
        .chain(targets.iter().filter(|name| !losing.contains(name)))
        .cloned()
        .collect();
    let has_losses = counts.iter().any(|count| count.real_rows > 0);
    let needs_consent =
        has_losses || !by_hand.is_empty() || (request.production && !going.is_empty());
    // A hash that was given has to fit, even if nobody had to ask for it.
    if needs_consent || asked {
        let hash = hash(request, &identity(tx, engine).await?, &losing, &counts, &by_hand);
        let blocked = dependents
            .iter()
            .any(|dependent| dependent.cut(engine).is_none() && !dependent.goes_with(&drops));
        let given = match request.consent {
            Consent::None => false,
            Consent::Hash(given) => given == hash,
            Consent::Earlier(consented) => consented.covers(request, &counts, &by_hand),
        };
        let by_hash = matches!(request.consent, Consent::Hash(_));
        let refused = blocked || (!given && (needs_consent || by_hash));
        if let Some(observer) = request.observer {
            observer.seen().plan.get_or_insert_with(|| hash.clone());
        }
        if refused {
            let stale = by_hash && !blocked;
            let losses = losses(tx, request, &live, &drops, &counts).await?;
            let reason = reason(request, &losses, &by_hand, &going, needs_consent, blocked, stale);
            let hash = (!blocked && needs_consent).then_some(hash);
            let refusal = Refusal { reason, losses, by_hand: by_hand.clone(), hash };
            match request.observer {
                Some(observer) if !blocked && !stale => observer.seen().refusals.push(refusal),
                _ => return Err(refusal.into()),
            }
        } else if needs_consent {
            tracing::warn!(tables = losing.len(), "going ahead with consent");
        }
    }
    let cuts = in_order(dependents).iter().filter_map(|it| it.cut(engine)).collect();
    // Tables are dropped before what they refer to.
    let losing = tables.iter().rev().map(|table| {
        let goes = drops.contains(&table.name);
        let columns = if goes { Vec::new() } else { lost_columns(effect, table) };
        // What is not known to stay may go.
        let rows = goes || columns.is_empty() || emptied.contains(&table.name);
        Losing { table: (*table).clone(), columns, rows }
    });
    let thinned = counts
        .iter()
        .filter(|count| count.edited.is_none() && !drops.contains(&count.table))
        .map(|count| count.table.clone())
        .collect();
    Ok(Permitted {
        permit: Destructive::granted(),
        losing: losing.collect(),
        thinned,
        drops,
        by_consent: needs_consent.then(|| Consented { counts, by_hand: by_hand.clone() }),
        by_hand,
        cuts,
    })
}

/// What hangs on the tables that go, and everything that somebody has made by hand and that would go
/// too.
async fn made_by_hand(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    live: &Schema,
    drops: &[String],
    targets: &[String],
) -> Result<(Vec<Dependent>, Vec<String>)> {
    let engine = request.engine;
    let made = made(tx, request, drops).await?;
    let (ours, dependents): (Vec<Dependent>, Vec<Dependent>) = dependents(tx, engine, targets)
        .await?
        .into_iter()
        .partition(|dependent| dependent.is_one_of(made.as_ref(), drops));
    check_referrers(request, drops, &ours)?;
    let mut by_hand = match &made {
        Some(made) if replayed_on(engine) == engine => altered(made, live, drops),
        Some(made) => {
            let live = live.clone().on(replayed_on(engine)).without_expressions();
            altered(&made.clone().without_expressions(), &live, drops)
        }
        None => vec![
            "unknown: what is recorded as applied could not be made again to compare with it"
                .to_owned(),
        ],
    };
    by_hand.extend(dependents.iter().map(Dependent::sentence));
    by_hand.extend(attached(tx, engine, targets).await?);
    by_hand.extend(request.unknown.iter().cloned());
    by_hand.sort();
    by_hand.dedup();
    Ok((dependents, by_hand))
}

/// SQLite drops a table that others refer to, and takes along what refers to its rows, or leaves it
/// referring to nothing. PostgreSQL refuses by itself.
fn check_referrers(request: &Request<'_>, drops: &[String], keys: &[Dependent]) -> Result<()> {
    if request.engine != Engine::Sqlite {
        return Ok(());
    }
    for key in keys {
        let Dependent::ForeignKey { table, target, .. } = key else { continue };
        let is_rebuilt = request.effect.rebuilt.iter().any(|(name, _)| name == table);
        if drops.contains(target) && !drops.contains(table) && !is_rebuilt {
            return Err(Refusal::plain(format!(
                "refused, because {target} would go while {table} stays, which refers to it: roll that \
                 back first, or drop it; {}",
                left(request)
            ))
            .into());
        }
    }
    Ok(())
}

/// The tables that go or lose something, those that go first.
fn losing(
    effect: &Effect,
    engine: Engine,
    live: &Schema,
    drops: &[String],
    emptied: &[String],
) -> Vec<String> {
    let mut losing = drops.to_vec();
    let thinner = effect.rebuilt.iter().map(|(name, _)| name).filter(|name| {
        live.tables.get(*name).is_some_and(|table| !lost_columns(effect, table).is_empty())
    });
    let mut others: Vec<String> =
        effect.thins.iter().chain(thinner).filter_map(|it| named(live, engine, it)).collect();
    others.extend(emptied.iter().cloned());
    for name in others {
        if !losing.contains(&name) {
            losing.push(name);
        }
    }
    losing
}

/// The tables that lose rows but stay. A row that is deleted takes along what refers to it, or what
/// that knows of it.
fn emptied(effect: &Effect, engine: Engine, live: &Schema) -> Vec<String> {
    let mut emptied: Vec<String> =
        effect.emptied.iter().filter_map(|it| named(live, engine, it)).collect();
    let mut at = 0;
    while let Some(parent) = emptied.get(at).cloned() {
        at += 1;
        for table in live.tables.values() {
            let follows = table.foreign_keys.iter().any(|key| {
                let refers = key.ref_table.eq_ignore_ascii_case(&parent);
                refers && !matches!(key.on_delete, Action::NoAction | Action::Restrict)
            });
            if follows && !emptied.contains(&table.name) {
                emptied.push(table.name.clone());
            }
        }
    }
    emptied
}

/// The name by which a table is there. SQLite does not tell names by their case.
fn named(live: &Schema, engine: Engine, name: &str) -> Option<String> {
    let same = |it: &&String| match engine {
        Engine::Sqlite => it.eq_ignore_ascii_case(name),
        _ => *it == name,
    };
    live.tables.keys().find(same).cloned()
}

/// The columns that a table loses, if it stays.
fn lost_columns(effect: &Effect, table: &Table) -> Vec<String> {
    let lost = effect.lost.iter().filter(|(name, _)| *name == table.name);
    let mut lost: Vec<String> = lost.map(|(_, column)| column.clone()).collect();
    for (_, columns) in effect.rebuilt.iter().filter(|(name, _)| *name == table.name) {
        let gone = table.columns.iter().filter(|column| !columns.contains(&column.name));
        lost.extend(gone.map(|column| column.name.clone()));
    }
    lost
}

/// What would be lost, by table, with how much room it takes.
async fn losses(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    live: &Schema,
    drops: &[String],
    counts: &[Count],
) -> Result<Vec<Loss>, DbErr> {
    let mut losses = Vec::new();
    for count in counts.iter().filter(|count| count.real_rows > 0) {
        let bytes = table_size(tx, request.engine, &count.table).await?;
        let (table, real_rows, edited) =
            (count.table.clone(), count.real_rows, count.edited.is_some());
        let columns = match live.tables.get(&table) {
            Some(live) if !drops.contains(&table) => lost_columns(request.effect, live),
            _ => Vec::new(),
        };
        losses.push(Loss { table, columns, real_rows, edited, bytes });
    }
    Ok(losses)
}

fn reason(
    request: &Request<'_>,
    losses: &[Loss],
    by_hand: &[String],
    going: &[String],
    needs_consent: bool,
    blocked: bool,
    stale: bool,
) -> String {
    let what = if !needs_consent {
        "refused".to_owned()
    } else if !losses.is_empty() {
        "refused, because rows would be lost that the seeder did not make".to_owned()
    } else if !by_hand.is_empty() {
        "refused, because tables would be dropped that hold more than the migrations made"
            .to_owned()
    } else {
        format!(
            "refused, because this database is production's, where no table goes without consent, and \
             {} would",
            List(going)
        )
    };
    let after = if blocked {
        ": SQLite cannot drop a foreign key, so drop the table that has it first"
    } else if stale && needs_consent {
        "; the hash given does not fit what is there now"
    } else if stale {
        "; the hash given does not fit what is there now, and nothing of this needs one"
    } else {
        ""
    };
    format!("{what}{after}; {}", left(request))
}

/// What is so after a refusal.
fn left(request: &Request<'_>) -> &'static str {
    if request.divided {
        "nothing more was changed, and what came before it in this call is done"
    } else {
        "nothing was changed"
    }
}

/// Locks what exists of the tables against every reader and writer until the transaction ends, so
/// that no row can come between the count and the drop.
async fn lock(tx: &DatabaseTransaction, request: &Request<'_>) -> Result<(), DbErr> {
    // SQLite has locked the whole database since the transaction began; on Nile nothing can.
    if !request.engine.capability().table_locks {
        return Ok(());
    }
    let existing = super::bookkeeping::relations(tx, request.engine).await?;
    let names: Vec<String> = request
        .effect
        .drops
        .iter()
        .chain(&request.effect.thins)
        .chain(request.effect.rebuilt.iter().map(|(name, _)| name))
        .filter(|name| existing.iter().any(|table| table.is_table && table.name == **name))
        .map(|name| quoted(name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    tx.execute_unprepared(&sql).await?;
    Ok(())
}

/// What the migrations made, according to the bookkeeping; `None` if that cannot be found out.
async fn made(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    drops: &[String],
) -> Result<Option<Schema>> {
    if drops.is_empty() {
        return Ok(Some(Schema::default()));
    }
    match schema::replay(tx, replayed_on(request.engine), request.made_by).await {
        Ok(made) => Ok(Some(made)),
        // No right to make temporary tables, or a hole in the bookkeeping.
        Err(error) if sqlstate(&error).is_some_and(|code| code != READ_ONLY) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The SQLSTATE of a transaction that may not write.
const READ_ONLY: &str = "25006";

/// What was added to or altered in the tables since the migrations made them.
fn altered(made: &Schema, live: &Schema, drops: &[String]) -> Vec<String> {
    let ours = |name: &str| drops.iter().any(|other| other == name);
    let changes = diff(&made.clone().filtered(ours), &live.clone().filtered(ours));
    changes.iter().filter_map(addition).collect()
}

/// A change that somebody made by adding or altering; what is merely gone loses nothing more.
fn addition(change: &Change) -> Option<String> {
    let table = change.table();
    match change {
        Change::AddTable { .. } => Some(format!("the table {table}")),
        Change::AddColumn { column, .. } => Some(format!("the column {table}.{}", column.name)),
        Change::AlterType { from, to, .. } => {
            Some(format!("the type of {table}.{}: {} instead of {}", to.name, to.ty, from.ty))
        }
        Change::AddForeignKey { key, .. } => Some(format!("the foreign key {table}{key}")),
        Change::AddIndex { index, .. } => Some(format!("the index {} on {table}", index.name)),
        Change::AddCheck { check, .. } => Some(format!("the check ({}) on {table}", check.expr)),
        Change::AddPolicy { policy, .. } | Change::AlterPolicy { to: policy, .. } => {
            Some(format!("the policy {} on {table}", policy.name))
        }
        _ => None,
    }
}

/// What is counted in a table.
#[derive(Clone, Debug)]
struct Count {
    table: String,
    real_rows: i64,
    /// A sum over what is in the real rows, so that one replaced by another is noticed.
    which: Option<String>,
    /// What is in the sample rows, if they count as real, since they are not what the seeder has made.
    edited: Option<Sum>,
}

/// Counts the real rows of all tables in one statement.
async fn count(
    tx: &DatabaseTransaction,
    samples: &Samples,
    tables: &[&Table],
) -> Result<Vec<Count>, DbErr> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let engine = samples.engine;
    // SQLite has nothing to sum up with, so there it is done for the tables that have any.
    let which = match engine {
        Engine::Sqlite => "NULL",
        _ => "(sum(('x0' || left(md5(counted::text), 15))::bit(64)::bigint))::text",
    };
    let parts: Vec<String> = tables
        .iter()
        .map(|table| {
            format!(
                "SELECT {name} AS table_name, count(*) AS real_rows, {which} AS which \
                 FROM {} AS counted WHERE ({}) IS NOT TRUE",
                quoted(&table.name),
                samples.rows(table),
                name = literal(&table.name),
            )
        })
        .collect();
    let stmt = Statement::from_string(engine.backend(), parts.join(" UNION ALL "));
    let mut counts = Vec::with_capacity(tables.len());
    for row in tx.query_all_raw(stmt).await? {
        let mut count = Count {
            table: row.try_get("", "table_name")?,
            real_rows: row.try_get("", "real_rows")?,
            which: row.try_get("", "which")?,
            edited: None,
        };
        let table = tables.iter().find(|table| table.name == count.table);
        if let Some(table) = table.filter(|_| engine == Engine::Sqlite && count.real_rows > 0) {
            count.which = Some(samples.real_rows(tx, table).await?.contents.sum.to_string());
        }
        counts.push(count);
    }
    Ok(counts)
}

/// What somebody consents to, so that nothing else passes with it. Going forward, it covers what is
/// lost but not how many rows there are: they come and go as long as the application runs.
fn hash(
    request: &Request<'_>,
    identity: &str,
    losing: &[String],
    counts: &[Count],
    by_hand: &[String],
) -> String {
    let mut text =
        format!("{identity}\n{} after {}\n", request.command, request.history.migrations_head());
    for name in request.steps {
        let _ = writeln!(text, "step {name}");
    }
    for table in losing {
        let _ = writeln!(text, "drop {table}");
    }
    for Count { table, real_rows, which, edited } in
        counts.iter().filter(|_| request.command != "up")
    {
        let _ = writeln!(text, "{table} {real_rows} {which:?} {edited:?}");
    }
    for line in by_hand {
        let _ = writeln!(text, "{line}");
    }
    // Short enough to be typed.
    sha256(&text)[..12].to_owned()
}
