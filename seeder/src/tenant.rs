//! One sample tenant: who it is, how much it has, and when things happen to it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::sample_id::MAX_ORDINAL;
use uuid::Uuid;

use crate::{
    hash::{Draw, mix},
    ids::{self, code},
    spec::{EDGE_TENANTS, Skew, Spec},
    words,
};

/// What is wrong with a tenant of `--edge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// It has no row in any table.
    Empty,
    /// It has twenty times the median of everything, at least 200 leads.
    Whale,
    /// Names, subjects, contents and addresses are as long as their columns allow.
    Longest,
    /// Texts run from right to left, and have characters beyond the basic plane.
    Scripts,
    /// Every column that may be NULL is.
    Nulls,
    /// Its leads have the addresses of the first tenant's, and a user of that one has a seat here.
    Twin,
}

impl Edge {
    const ALL: [Self; 6] =
        [Self::Empty, Self::Whale, Self::Longest, Self::Scripts, Self::Nulls, Self::Twin];
}

/// How many rows a tenant has of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each counts the rows of the table of its name")]
pub struct Counts {
    /// Users who signed up for this tenant; they may have seats in others, too.
    pub users: u32,
    pub team_members: u32,
    pub companies: u32,
    pub payments: u32,
    pub domains: u32,
    pub company_settings: u32,
    pub email_accounts: u32,
    pub leads: u32,
    pub campaigns: u32,
    pub templates: u32,
    pub inbox_messages: u32,
    pub email_services: u32,
}

/// One sample tenant. It is the same in every set of its seed, however many there are beside it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The tenant's number, from 1.
    pub ordinal: u32,
    /// The tenant's id.
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// Name in URLs and in addresses. Ends with the token.
    pub slug: String,
    /// Six characters that are in a text of every row of this tenant that has one, and in no other:
    /// where they are seen, rows of this tenant are.
    pub token: String,
    /// The currency in which the tenant pays, as ISO 4217 code.
    pub currency: &'static str,
    /// The tenant's time zone, as IANA name.
    pub zone: &'static str,
    /// When the tenant signed up, in seconds since 1970-01-01 UTC.
    pub signed_up: i64,
    /// The last moment at which anything happens: it has left, or it is the present.
    pub ends: i64,
    /// Whether the tenant has closed its account.
    pub closed: bool,
    /// How many rows of each kind.
    pub counts: Counts,
    /// What is wrong with it.
    pub edge: Option<Edge>,
    /// What everything of this tenant is drawn from.
    key: u64,
    /// Seconds by which the tenant's clock is ahead of UTC.
    ahead: i64,
    spec: Arc<Spec>,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// 1970-01-05, the first Monday.
const MONDAY: i64 = 4 * DAY;

/// No tenant is younger than this.
const YOUNGEST: i64 = 45 * DAY;

/// The oldest is so much older.
const SPREAD: i64 = 685 * DAY;

/// Draws for a cell: the column as `table.column`, and the row.
macro_rules! draw {
    ($tenant:expr, $column:literal, $row:expr) => {{
        const COLUMN: u64 = $crate::hash::name($column);
        $tenant.draw(COLUMN, $row)
    }};
}
pub(crate) use draw;

impl Tenant {
    /// Tenant `ordinal` of a set; numbers beyond those that are counted give tenants, too.
    #[must_use]
    pub fn of(spec: &Arc<Spec>, ordinal: u32) -> Self {
        let key = mix(mix(mix(spec.version()) ^ spec.seed) ^ u64::from(ordinal));
        let edge = EDGE_TENANTS
            .contains(&ordinal)
            .then(|| Edge::ALL[(ordinal - EDGE_TENANTS.start) as usize]);
        let mut tenant = Self {
            ordinal,
            id: Uuid::nil(),
            name: String::new(),
            slug: String::new(),
            token: token(spec.seed, ordinal),
            currency: "",
            zone: "",
            signed_up: 0,
            ends: 0,
            closed: false,
            counts: Counts::default(),
            edge,
            key,
            ahead: 0,
            spec: Arc::clone(spec),
        };
        let (country, name) = (draw!(tenant, "tenants.zone", 0), draw!(tenant, "tenants.name", 0));
        let (zone, ahead, currency) = country.pick(&words::ZONES);
        (tenant.zone, tenant.ahead, tenant.currency) = (zone, ahead * HOUR, currency);
        let (first, second) =
            (name.pick(&words::AGENCY_FIRST), name.again().pick(&words::AGENCY_SECOND));
        tenant.slug = format!("{}-{}", first.to_lowercase(), tenant.token);
        tenant.name = format!("{first} {second}");
        tenant.live();
        tenant.id = ids::id(ordinal, code("tenants"), 0, tenant.created());
        tenant.counts = tenant.sizes();
        tenant
    }

    /// When it signed up, and whether it has left. Signups become more frequent.
    fn live(&mut self) {
        let as_of = self.spec.as_of.timestamp();
        let draw = draw!(self, "tenants.created", 0).bits() >> 40;
        let age =
            YOUNGEST + SPREAD * i64::try_from((draw * draw) >> 24).unwrap_or_default() / (1 << 24);
        self.signed_up = self.working(as_of - age);
        let leaves = draw!(self, "tenants.deleted", 0);
        self.closed = self.ordinal > 1 && self.edge.is_none() && leaves.percent(8);
        self.ends = as_of;
        if self.closed {
            let stay = (as_of - self.signed_up - 30 * DAY).max(1) / DAY;
            let days = leaves.again().below(u32::try_from(stay).unwrap_or(1));
            self.ends = self.signed_up + (30 + i64::from(days)) * DAY;
        }
    }

    /// When it signed up.
    #[must_use]
    pub fn created(&self) -> DateTime<Utc> {
        moment(self.signed_up)
    }

    /// How many leads it has.
    fn size(&self) -> u32 {
        let median = self.spec.leads;
        if self.edge == Some(Edge::Whale) {
            return median.saturating_mul(20).max(200);
        }
        match self.spec.skew {
            Skew::Uniform => median,
            Skew::Whale => (median.saturating_mul(100) / self.ordinal).max(median / 20),
            Skew::Lognormal => {
                let draw = draw!(self, "tenants.size", 0);
                let size = (u64::from(median) * lognormal(draw)) >> 16;
                u32::try_from(size).unwrap_or(u32::MAX)
            }
        }
    }

    fn sizes(&self) -> Counts {
        if self.edge == Some(Edge::Empty) {
            return Counts::default();
        }
        // The first tenant shows everything that there is.
        let shows = self.ordinal == 1 || self.edge.is_some();
        let leads = self.size().max(if shows { 8 } else { 3 });
        let of = |table: &str, rows: u32| self.spec.factored(table, rows);
        let seats = (2 + leads / 800).min(150);
        let guests = match self.edge {
            // Nobody comes to a tenant that has left.
            _ if self.closed => 0,
            None => (seats * 8 / 100)
                .max(u32::from(self.ordinal == 2))
                .min(self.ordinal.saturating_sub(1)),
            Some(edge) => u32::from(edge == Edge::Twin),
        };
        // Who has no user has no seat and pays nothing; and nobody has a mailbox without a domain.
        let users =
            of("users", if shows { seats.max(5) } else { seats - guests.min(seats - 1) }).max(1);
        let (leads, companies) =
            (of("leads", leads), of("companies", leads / 7 * 2 + leads % 7 * 2 / 7).max(1));
        let email_accounts = of("email_accounts", (1 + leads / 300).min(430));
        Counts {
            users,
            team_members: users.saturating_add(guests),
            companies,
            payments: self.payments(),
            domains: of("domains", email_accounts.div_ceil(3)).max(1),
            company_settings: of("company_settings", companies.div_ceil(8)).min(companies),
            email_accounts: email_accounts.max(1),
            leads,
            campaigns: of("campaigns", if shows { 4 } else { 1 } + (leads / 600).min(400)),
            templates: of("templates", 3 + (leads / 200).min(497)),
            inbox_messages: of("inbox_messages", leads.div_ceil(10)).min(leads.saturating_mul(4)),
            email_services: of("email_services", 1 + (leads / 5_000).min(4)),
        }
    }

    /// How long the tenant pays for at a time.
    pub(crate) fn period(&self) -> i64 {
        30 * DAY * 1_000 / i64::from(self.spec.factored("payments", 1_000).max(1))
    }

    /// Eleven payments for as many periods, and a twelfth because one of them failed.
    fn payments(&self) -> u32 {
        if self.spec.factored("payments", 1_000) == 0 {
            return 0;
        }
        let periods = u32::try_from((self.ends - self.signed_up) / self.period() + 1).unwrap_or(1);
        periods / 11 * 12 + periods % 11 + u32::from(periods % 11 > 1)
    }

    /// What the cell of a column in a row is drawn from.
    pub(crate) fn draw(&self, column: u64, row: u32) -> Draw {
        Draw::of(self.key, column, row)
    }

    /// Another tenant of the same set.
    pub(crate) fn other(&self, ordinal: u32) -> Self {
        Self::of(&self.spec, ordinal)
    }

    /// Whose leads' addresses this tenant's leads have.
    pub(crate) fn twin(&self) -> Option<Self> {
        (self.edge == Some(Edge::Twin)).then(|| self.other(1))
    }

    /// When row `row` of `rows` comes, which are spread over the time from so many minutes after the
    /// tenant signed up: on weekdays between eight and six by its clock, and never before an earlier
    /// row. The first comes at once, so that there is one for what depends on it.
    pub(crate) fn slot(&self, after: i64, row: u32, rows: u32, jitter: Draw) -> DateTime<Utc> {
        let start = self.signed_up + after * MINUTE;
        let span = (self.ends - start).max(0);
        // In parts of 65,536 of a row.
        let jitter = if row == 0 { 0 } else { jitter.below(1 << 16) };
        let position = (i128::from(row) << 16) + i128::from(jitter);
        let at = i128::from(span) * position / (i128::from(rows.max(1)) << 16);
        let at = start + i64::try_from(at).unwrap_or(span);
        moment(self.working(at).clamp(start.min(self.ends), self.ends))
    }

    /// Lays the seven days of a week onto the working hours of five, in their order.
    fn working(&self, at: i64) -> i64 {
        let local = at + self.ahead - MONDAY;
        let (week, within) = (local.div_euclid(WEEK), local.rem_euclid(WEEK) * 5 / 7);
        let (day, second) = (within / DAY, within % DAY);
        MONDAY + week * WEEK + day * DAY + 8 * HOUR + second * 10 / 24 - self.ahead
    }

    /// A moment so many seconds later, if the tenant is there then.
    pub(crate) fn later(&self, than: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
        moment((than.timestamp() + seconds).min(self.ends).max(than.timestamp()))
    }

    /// A text of at most `longest` characters, as this tenant writes it.
    pub(crate) fn text(&self, text: String, longest: usize) -> String {
        match self.edge {
            Some(Edge::Longest) => {
                let count = text.chars().count();
                text + &"\u{5bbd}".repeat(longest.saturating_sub(count))
            }
            Some(Edge::Scripts) => {
                format!("{text} {}", words::SCRIPTS).chars().take(longest).collect()
            }
            _ => text,
        }
    }

    /// An address of at most `longest` characters.
    pub(crate) fn address(&self, local: &str, domain: &str, longest: usize) -> String {
        let mut address = String::with_capacity(local.len() + domain.len() + 1);
        address.push_str(local);
        if self.edge == Some(Edge::Longest) {
            let room = longest.saturating_sub(local.len() + domain.len() + 1);
            address.extend(std::iter::repeat_n('x', room));
        }
        address.push('@');
        address.push_str(domain);
        address
    }

    /// A value that need not be there.
    pub(crate) fn maybe<T>(&self, there: bool, value: impl FnOnce() -> T) -> Option<T> {
        (there && self.edge != Some(Edge::Nulls)).then(value)
    }
}

/// The parent of row `row` of `rows`, among `parents` that come evenly over the same time: the latest that
/// is there already.
pub(crate) fn parent(row: u32, rows: u32, parents: u32) -> u32 {
    let parent = u64::from(row) * u64::from(parents) / u64::from(rows.max(1));
    u32::try_from(parent).unwrap_or(u32::MAX).min(parents.saturating_sub(1))
}

/// The same among parents that do not come evenly: the one before.
pub(crate) fn earlier_parent(row: u32, rows: u32, parents: u32) -> u32 {
    parent(row, rows, parents).saturating_sub(1)
}

/// The moment so many seconds after 1970-01-01 UTC.
pub(crate) fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// Letters and digits that make no words.
const TOKEN: &[u8; 30] = b"0123456789bcdfghjkmnpqrstvwxyz";

/// Six characters that no other tenant of the seed has: an odd factor permutes the 2^28 ordinals, and
/// 30^6 is more than that.
fn token(seed: u64, ordinal: u32) -> String {
    let offset = u32::try_from(mix(seed) & u64::from(MAX_ORDINAL)).unwrap_or_default();
    let mut number = ordinal.wrapping_mul(0x09e3_779b).wrapping_add(offset) & MAX_ORDINAL;
    let mut token = String::with_capacity(6);
    for _ in 0..6 {
        token.push(char::from(TOKEN[(number % 30) as usize]));
        number /= 30;
    }
    token
}

/// e to the power of 1.5 times a normally distributed number, in parts of 65,536; at most 256 times
/// that. Twelve even numbers make the normal one, and whole numbers do everything: no two machines
/// may differ.
fn lognormal(draw: Draw) -> u64 {
    let (mut sum, mut draw) = (0_i64, draw);
    for _ in 0..3 {
        for part in 0..4 {
            sum += i64::try_from(draw.bits() >> (16 * part) & 0xffff).unwrap_or_default();
        }
        draw = draw.again();
    }
    // 1.5 divided by ln 2, since 2 is what is raised to a power.
    let exponent = ((sum - (6 << 16)) * 2_164_043 / 1_000_000).min(8 << 16);
    let (whole, part) = (exponent >> 16, exponent & 0xffff);
    // Of 2^x, as far as the third power of x.
    let power = [5_196, 14_862, 45_426];
    let fraction = power.iter().fold(0, |sum, factor| ((sum + factor) * part) >> 16) + (1 << 16);
    let fraction = u64::try_from(fraction).unwrap_or_default();
    if whole >= 0 { fraction << whole } else { fraction >> whole.unsigned_abs().min(63) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Arc<Spec> {
        Arc::new(Spec::default())
    }

    #[test]
    fn sizes_are_lognormal() {
        let mut sizes: Vec<u64> = (0..20_000).map(|row| lognormal(Draw::of(1, 2, row))).collect();
        sizes.sort_unstable();
        let at = |part: usize| sizes[sizes.len() * part / 1_000];
        // e^(1.5 z) at z of 0, 1 and -1: 1, 4.48, 0.223.
        assert!((60_000..71_000).contains(&at(500)), "{}", at(500));
        assert!((270_000..320_000).contains(&at(841)), "{}", at(841));
        assert!((13_500..16_000).contains(&at(159)), "{}", at(159));
    }

    #[test]
    fn tokens_are_unique() {
        let mut tokens: Vec<String> = (0..100_000).map(|ordinal| token(3, ordinal)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), 100_000);
    }

    #[test]
    fn time_goes_on_within_working_hours() {
        let tenant = Tenant::of(&spec(), 3);
        let times: Vec<i64> = (0..500)
            .map(|row| tenant.slot(60, row, 500, Draw::of(1, 2, row)).timestamp())
            .collect();
        assert!(times.is_sorted());
        for at in times {
            let local = at + tenant.ahead - MONDAY;
            let (day, hour) = (local.rem_euclid(WEEK) / DAY, local.rem_euclid(DAY) / HOUR);
            let is_bound = at == tenant.signed_up + HOUR || at == tenant.ends;
            assert!(is_bound || day < 5 && (8..18).contains(&hour), "{day} {hour}");
        }
    }

    #[test]
    fn parents_come_first() {
        for (rows, parents) in [(10, 3), (3, 10), (1, 1), (100, 100)] {
            for row in 0..rows {
                let parent = parent(row, rows, parents);
                assert!(parent < parents);
                assert!(u64::from(parent) * u64::from(rows) <= u64::from(row) * u64::from(parents));
            }
        }
    }
}
