//! The guard: locks, counts and refuses before rows are dropped.

mod by_hand;
mod consent;
mod losses;

use by_hand::{Ours, made_by_hand, written_by_migrations};
use consent::hash;
pub(super) use consent::{Consent, Consented};
use losses::{Count, count, emptied, filled, losing, losses, lost_columns};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr};
use tenantry_entity::Engine;

use super::{
    bookkeeping::identity, dependents::in_order, effect::Effect, journal::History,
    permit::Destructive, samples::Samples,
};
use crate::{
    backup::Losing,
    error::{List, Result},
    observer::{Observer, Phase, Watch},
    refusal::{Loss, Refusal},
    schema::{self, Schema, Table},
    sql::quoted_table,
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
    /// Tables to drop whose rows are not counted: the bookkeeping.
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
    /// The observer of a rehearsal. Then nothing is refused that consent would let pass.
    pub observer: Option<&'a Observer>,
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
    /// What was consented to, if it passes only for that.
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
    // Privileges are no work that would be lost.
    let ours = written_by_migrations(tx, request, &effect.drops).await?;
    let unread = unread(tx, request, ours.as_ref()).await?;
    let is_empty = unread.is_some();
    let live = match unread {
        Some(live) => live,
        None => schema::read(tx, engine, "").await?,
    };
    let existing = |names: &[String]| -> Vec<String> {
        names.iter().filter_map(|name| named(&live, engine, name)).collect()
    };
    let drops = existing(&effect.drops);
    let mut targets = drops.clone();
    targets.extend(existing(request.uncounted));
    let (dependents, by_hand) =
        made_by_hand(tx, request, &live, (&drops, &targets), ours.as_ref()).await?;
    let emptied = emptied(effect, engine, &live);
    let losing = losing(effect, engine, &live, &drops, &emptied);
    let tables: Vec<&Table> = losing.iter().filter_map(|name| live.tables.get(name)).collect();
    let counts = counted(tx, request, &tables, is_empty).await?;
    let going: Vec<String> = losing
        .iter()
        .chain(targets.iter().filter(|name| !losing.contains(name)))
        .cloned()
        .collect();
    let has_losses = counts.iter().any(|count| count.real_rows > 0);
    let needs_consent =
        has_losses || !by_hand.is_empty() || (request.production && !going.is_empty());
    // A hash that was given has to fit, even if none is needed.
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
            let (code, reason) =
                reason(request, &losses, &by_hand, &going, needs_consent, blocked, stale);
            let hash = (!blocked && needs_consent).then_some(hash);
            let refusal = Refusal { code, reason, losses, by_hand: by_hand.clone(), hash };
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

/// The tables that go, by their names alone: nothing else is asked about them where the migrations made all that there
/// is of them, and no row is in them.
async fn unread(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    ours: Option<&Ours>,
) -> Result<Option<Schema>, DbErr> {
    let history = request.history;
    let is_simple = request.effect.only_drops() && history.has_bookkeeping && history.has_journal;
    let Some(ours) = ours.filter(|_| is_simple) else { return Ok(None) };
    let mut tables: Vec<Table> = ours.names.iter().map(Table::new).collect();
    let is_empty = ours.is_empty
        || filled(tx, request.engine, &tables.iter().collect::<Vec<_>>()).await?.is_empty();
    // The bookkeeping is there, too.
    tables.extend(request.uncounted.iter().map(Table::new));
    let tables = tables.into_iter().map(|table| (table.name.clone(), table));
    Ok(is_empty.then(|| Schema { tables: tables.collect(), ..Schema::default() }))
}

/// What is in each of these tables, which may be known to be empty: real rows, and sample rows that were edited.
async fn counted(
    tx: &DatabaseTransaction,
    request: &Request<'_>,
    tables: &[&Table],
    is_empty: bool,
) -> Result<Vec<Count>> {
    // To count is dearer than to look whether there is anything, and most tables that are dropped are empty.
    let filled = if is_empty { Vec::new() } else { filled(tx, request.engine, tables).await? };
    let mut counts = count(tx, request.samples, &filled).await?;
    let edited = request.samples.edited(tx, request.history.entries(), &filled).await?;
    for (table, sum) in filled.iter().zip(edited) {
        let count = counts.iter_mut().find(|count| count.table == table.name);
        if let (Some(count), Some(sum)) = (count, sum) {
            count.real_rows += sum.contents.rows;
            count.edited = Some(sum);
        }
    }
    let of = |table: &&Table| {
        let found = counts.iter().find(|count| count.table == table.name).cloned();
        found.unwrap_or_else(|| Count::none(&table.name))
    };
    Ok(tables.iter().map(of).collect())
}

/// The name by which a table is there. SQLite does not tell names by their case.
fn named(live: &Schema, engine: Engine, name: &str) -> Option<String> {
    let same = |it: &&String| match engine {
        Engine::Sqlite => it.eq_ignore_ascii_case(name),
        _ => *it == name,
    };
    live.tables.keys().find(same).cloned()
}

fn reason(
    request: &Request<'_>,
    losses: &[Loss],
    by_hand: &[String],
    going: &[String],
    needs_consent: bool,
    blocked: bool,
    stale: bool,
) -> (&'static str, String) {
    let (code, what) = if !needs_consent {
        ("consent-unneeded", "refused".to_owned())
    } else if !losses.is_empty() {
        (
            "rows-would-be-lost",
            "refused, because rows would be lost that the seeder did not make".to_owned(),
        )
    } else if !by_hand.is_empty() {
        (
            "made-by-hand",
            "refused, because tables would be dropped or recreated that hold more than the migrations \
             made"
                .to_owned(),
        )
    } else {
        let reason = format!(
            "refused, because this database is production's, where no table goes without consent, and \
             {} would",
            List(going)
        );
        ("consent-in-production", reason)
    };
    let (code, after) = if blocked {
        (
            "foreign-key-stays",
            ": SQLite cannot drop a foreign key, so drop the table that has it first",
        )
    } else if stale && needs_consent {
        ("consent-stale", "; the hash given does not fit what is there now")
    } else if stale {
        (code, "; the hash given does not fit what is there now, and nothing of this needs one")
    } else {
        (code, "")
    };
    (code, format!("{what}{after}; {}", left(request)))
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
        .map(|name| quoted_table(name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    tx.execute_unprepared(&sql).await?;
    Ok(())
}
