//! One sample tenant: who it is, how much it has, and when things happen to it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tenantry_entity::{
    SampleCode,
    sample_id::{MAX_TENANT, SampleText, sample_id, sample_integer, sample_number},
};
use uuid::Uuid;

use crate::{
    hash::{Draw, mix},
    places,
    spec::{EDGE_TENANTS, Skew, Spec},
};

/// What is wrong with a tenant of `--edge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// It has no row in any table.
    Empty,
    /// It has twenty times the median of everything, at least 200 of what tenants are measured by.
    Whale,
    /// Names, subjects, contents and addresses are as long as their columns allow.
    Longest,
    /// Texts run from right to left, and have characters beyond the basic plane.
    Scripts,
    /// Every column that may be NULL is.
    Nulls,
    /// What it has is called as the first tenant's, as far as that may be.
    Twin,
}

impl Edge {
    const ALL: [Self; 6] =
        [Self::Empty, Self::Whale, Self::Longest, Self::Scripts, Self::Nulls, Self::Twin];
}

/// One sample tenant. It is the same in every set of its seed, however many there are beside it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The tenant's number, from 1.
    pub ordinal: u32,
    /// The tenant's id, where that is a uuid.
    pub id: Uuid,
    /// The tenant's id, where that is a number.
    pub number: i64,
    /// The tenant's id, where that is an `integer`.
    pub integer: i32,
    /// The tenant's id, where that is a text.
    pub text_id: SampleText,
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
    /// What is wrong with it.
    pub edge: Option<Edge>,
    /// What everything of this tenant is drawn from.
    key: u64,
    /// Seconds by which the tenant's clock is ahead of UTC.
    ahead: i64,
    /// The code of the table of tenants.
    root: u8,
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

/// Draws for a cell of a [`Tenant`]: the column as `table.column`, and the row.
#[macro_export]
macro_rules! draw {
    ($tenant:expr, $column:literal, $row:expr) => {{
        const COLUMN: u64 = $crate::hash::name($column);
        $tenant.draw(COLUMN, $row)
    }};
}

impl Tenant {
    /// Tenant `ordinal` of a set, with the code of the table of tenants; numbers beyond those that are counted give tenants, too.
    pub(crate) fn of(spec: &Arc<Spec>, ordinal: u32, root: u8) -> Self {
        let key = mix(mix(mix(spec.version()) ^ spec.seed) ^ u64::from(ordinal));
        let edge = EDGE_TENANTS
            .contains(&ordinal)
            .then(|| Edge::ALL[(ordinal - EDGE_TENANTS.start) as usize]);
        let mut tenant = Self {
            ordinal,
            id: Uuid::nil(),
            number: sample_number(ordinal, root, 0),
            integer: sample_integer(ordinal, 0),
            text_id: SampleText::new(ordinal, root, 0),
            name: String::new(),
            slug: String::new(),
            token: token(spec.seed, ordinal),
            currency: "",
            zone: "",
            signed_up: 0,
            ends: 0,
            closed: false,
            edge,
            key,
            ahead: 0,
            root,
            spec: Arc::clone(spec),
        };
        let country = draw!(tenant, "tenants.zone", 0);
        let (zone, ahead, currency) = country.pick(&places::ZONES);
        (tenant.zone, tenant.ahead, tenant.currency) = (zone, ahead * HOUR, currency);
        tenant.name = format!("Tenant {ordinal}");
        tenant.slug = format!("tenant-{}", tenant.token);
        tenant.live();
        tenant.id = tenant.id_with(root, 0, tenant.created());
        tenant
    }

    /// The same, where `Root` is the entity of the tenants.
    #[must_use]
    pub fn new<Root: SampleCode>(spec: &Arc<Spec>, ordinal: u32) -> Self {
        Self::of(spec, ordinal, Root::CODE)
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

    /// How large it is, in whatever the application measures tenants by.
    #[must_use]
    pub fn size(&self) -> u32 {
        let median = self.spec.size;
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

    /// What the cell of a column in a row is drawn from.
    #[must_use]
    pub fn draw(&self, column: u64, row: u32) -> Draw {
        Draw::of(self.key, column, row)
    }

    /// What the tenant is a part of.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The id of row `n` of the table of `E`, from when it was made.
    #[must_use]
    pub fn row_id<E: SampleCode>(&self, n: u32, created_at: DateTime<Utc>) -> Uuid {
        self.id_with(E::CODE, n, created_at)
    }

    /// The same for the table with that code.
    #[must_use]
    pub fn id_with(&self, code: u8, n: u32, created_at: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(created_at.timestamp_millis()).unwrap_or_default();
        sample_id(millis, self.ordinal, code, n)
    }

    /// The id of row `n` of the table of `E`, where ids are `bigint`.
    #[must_use]
    pub fn row_number<E: SampleCode>(&self, n: u32) -> i64 {
        self.number_with(E::CODE, n)
    }

    /// The same for the table with that code.
    #[must_use]
    pub fn number_with(&self, code: u8, n: u32) -> i64 {
        sample_number(self.ordinal, code, n)
    }

    /// The id of row `n` of any table, where ids are `integer`: they do not say which.
    #[must_use]
    pub fn row_integer(&self, n: u32) -> i32 {
        sample_integer(self.ordinal, n)
    }

    /// The id of row `n` of the table of `E`, where ids are texts.
    #[must_use]
    pub fn row_text<E: SampleCode>(&self, n: u32) -> String {
        self.text_with(E::CODE, n)
    }

    /// The same for the table with that code.
    #[must_use]
    pub fn text_with(&self, code: u8, n: u32) -> String {
        SampleText::new(self.ordinal, code, n).to_string()
    }

    /// Another tenant of the same set.
    #[must_use]
    pub fn other(&self, ordinal: u32) -> Self {
        Self::of(&self.spec, ordinal, self.root)
    }

    /// When row `row` of `rows` comes, which are spread over the time from so many minutes after the
    /// tenant signed up: on weekdays between eight and six by its clock, and never before an earlier
    /// row. The first comes at once, so that there is one for what depends on it.
    #[must_use]
    pub fn slot(&self, after: i64, row: u32, rows: u32, jitter: Draw) -> DateTime<Utc> {
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
    #[must_use]
    pub fn later(&self, than: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
        moment((than.timestamp() + seconds).min(self.ends).max(than.timestamp()))
    }

    /// A text of at most `longest` characters, as this tenant writes it.
    #[must_use]
    pub fn text(&self, text: String, longest: usize) -> String {
        match self.edge {
            Some(Edge::Longest) => {
                let count = text.chars().count();
                text + &"\u{5bbd}".repeat(longest.saturating_sub(count))
            }
            Some(Edge::Scripts) => {
                format!("{text} {}", places::SCRIPTS).chars().take(longest).collect()
            }
            _ => text,
        }
    }

    /// An address of at most `longest` characters.
    #[must_use]
    pub fn address(&self, local: &str, domain: &str, longest: usize) -> String {
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
    #[must_use]
    pub fn maybe<T>(&self, there: bool, value: impl FnOnce() -> T) -> Option<T> {
        (there && self.edge != Some(Edge::Nulls)).then(value)
    }
}

/// The parent of row `row` of `rows`, among `parents` that come evenly over the same time: the latest that
/// is there already.
#[must_use]
pub fn parent(row: u32, rows: u32, parents: u32) -> u32 {
    let parent = u64::from(row) * u64::from(parents) / u64::from(rows.max(1));
    u32::try_from(parent).unwrap_or(u32::MAX).min(parents.saturating_sub(1))
}

/// The same among parents that do not come evenly: the one before.
#[must_use]
pub fn earlier_parent(row: u32, rows: u32, parents: u32) -> u32 {
    parent(row, rows, parents).saturating_sub(1)
}

/// The moment so many seconds after 1970-01-01 UTC.
#[must_use]
pub fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// Letters and digits that make no words.
const TOKEN: &[u8; 30] = b"0123456789bcdfghjkmnpqrstvwxyz";

/// Six characters that no other tenant of the seed has: an odd factor permutes the 2^28 ordinals, and
/// 30^6 is more than that.
fn token(seed: u64, ordinal: u32) -> String {
    let offset = u32::try_from(mix(seed) & u64::from(MAX_TENANT)).unwrap_or_default();
    let mut number = ordinal.wrapping_mul(0x09e3_779b).wrapping_add(offset) & MAX_TENANT;
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
        let tenant = Tenant::of(&spec(), 3, 0);
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
