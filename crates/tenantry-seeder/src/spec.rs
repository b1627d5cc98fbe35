//! Which rows are wanted: the data set, its seed, and how much of it.

use std::{collections::BTreeMap, fmt, ops::Range, str::FromStr};

use chrono::{DateTime, Utc};
use tenantry_entity::sample_id::MAX_TENANT;

/// A version of the generators and word lists. What a version makes never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Vocabulary {
    /// The first.
    #[default]
    V1,
}

impl Vocabulary {
    const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
        }
    }
}

/// How unequal the tenants are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Skew {
    /// Lognormal, with a standard deviation of 1.5, as businesses are
    #[default]
    Lognormal,
    /// All the same
    Uniform,
    /// The first has a hundred times the median, and tenant k a k-th of that
    Whale,
}

impl Skew {
    const ALL: [Self; 3] = [Self::Lognormal, Self::Uniform, Self::Whale];

    const fn name(self) -> &'static str {
        match self {
            Self::Lognormal => "lognormal",
            Self::Uniform => "uniform",
            Self::Whale => "whale",
        }
    }
}

/// How much there is of a data set, under the name that `--preset` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Its name on the command line.
    pub name: &'static str,
    /// What the help says of it.
    pub about: &'static str,
    /// How many tenants.
    pub tenants: u32,
    /// The median of their sizes, in whatever the application measures tenants by.
    pub median: u32,
    /// Whether it is what is made where nothing is said. The first is, if none says so.
    pub is_usual: bool,
}

/// The sizes of an application that names none of its own.
pub const SIZES: &[Size] = &[
    Size {
        name: "tiny",
        about: "2 tenants and about 120 rows: every table and every value of an enum, to be read",
        tenants: 2,
        median: 6,
        is_usual: false,
    },
    Size {
        name: "demo",
        about: "12 tenants and about 20,000 rows",
        tenants: 12,
        median: 700,
        is_usual: true,
    },
    Size {
        name: "dev",
        about: "80 tenants and about 0.8 million rows",
        tenants: 80,
        median: 2_300,
        is_usual: false,
    },
    Size {
        name: "load",
        about: "1,000 tenants and about 10 million rows",
        tenants: 1_000,
        median: 2_300,
        is_usual: false,
    },
    Size {
        name: "xl",
        about: "5,000 tenants and about 50 million rows",
        tenants: 5_000,
        median: 2_300,
        is_usual: false,
    },
];

/// One of [`SIZES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Preset {
    /// To be read.
    Tiny,
    /// The usual one.
    #[default]
    Demo,
    /// For development.
    Dev,
    /// For tests under load.
    Load,
    /// Five times that.
    Xl,
}

impl Preset {
    /// How much that is.
    #[must_use]
    pub const fn size(self) -> Size {
        SIZES[self as usize]
    }
}

/// The moment at which data set v1 takes place: 2026-06-30 18:00 UTC.
const AS_OF: i64 = 1_782_842_400;

/// The ordinals of the tenants of `--edge`, out of reach of those that are counted.
pub(crate) const EDGE_TENANTS: Range<u32> = MAX_TENANT - 6..MAX_TENANT;

/// 1.0 in thousandths.
pub(crate) const WHOLE: u32 = 1_000;

/// Which rows are wanted.
///
/// All but [`tenants`](Self::tenants) and [`edge`](Self::edge) decide what is in the rows; those two
/// only say how many tenants there are, so that a larger set has all of the rows of a smaller one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The version of generators and words.
    pub dataset: Vocabulary,
    /// Another seed makes other rows.
    pub seed: u64,
    /// How many tenants, from 1 on.
    pub tenants: u32,
    /// The median size of a tenant, in whatever the application measures tenants by: most of its
    /// tables are sized by it.
    pub size: u32,
    /// How unequal the tenants are.
    pub skew: Skew,
    /// Rows of a table in thousandths of what there would be, where that is not 1,000.
    pub factors: BTreeMap<String, u32>,
    /// The present of the data: nothing happens later.
    pub as_of: DateTime<Utc>,
    /// Whether there are tenants with everything that breaks programs beside.
    pub edge: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self::preset(Preset::default())
    }
}

impl From<Preset> for Spec {
    fn from(preset: Preset) -> Self {
        Self::preset(preset)
    }
}

impl Spec {
    /// A usual size of the newest data set.
    #[must_use]
    pub fn preset(preset: Preset) -> Self {
        Self::sized(preset.size())
    }

    /// So much of the newest data set.
    #[must_use]
    pub fn sized(size: Size) -> Self {
        Self {
            dataset: Vocabulary::default(),
            seed: 0,
            tenants: size.tenants,
            size: size.median,
            skew: Skew::default(),
            factors: BTreeMap::new(),
            as_of: DateTime::from_timestamp(AS_OF, 0).unwrap_or_default(),
            edge: false,
        }
    }

    /// With so many times the size of tenants.
    #[must_use]
    pub fn scaled(mut self, thousandths: u32) -> Self {
        self.size = of_thousand(self.size, thousandths).max(1);
        self
    }

    /// The version of the data set as a number, for what is drawn.
    pub(crate) const fn version(&self) -> u64 {
        match self.dataset {
            Vocabulary::V1 => 1,
        }
    }

    /// How many rows of a table there are where there would be so many.
    #[must_use]
    pub fn factored(&self, table: &str, rows: u32) -> u32 {
        match self.factors.get(table) {
            Some(factor) => of_thousand(rows, *factor),
            None => rows,
        }
    }

    /// The ordinals of all tenants.
    pub fn ordinals(&self) -> impl Iterator<Item = u32> + Clone + use<> {
        let edge = if self.edge { EDGE_TENANTS } else { 0..0 };
        (1..=self.tenants).chain(edge)
    }

    /// Whether what both have is the same.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        let alike = |spec: &Self| Self { tenants: 0, edge: false, ..spec.clone() };
        alike(self) == alike(other)
    }

    /// Everything that is in one of two that fit.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let tenants = self.tenants.max(other.tenants);
        Self { tenants, edge: self.edge || other.edge, ..self.clone() }
    }
}

/// So many thousandths of a number.
pub(crate) fn of_thousand(number: u32, thousandths: u32) -> u32 {
    let product = u64::from(number) * u64::from(thousandths) / u64::from(WHOLE);
    u32::try_from(product).unwrap_or(u32::MAX)
}

/// Reads `1.5` as 1,500 thousandths.
///
/// # Errors
///
/// With a sentence if it is no number from 0 to 1,000 with at most three digits behind the point.
pub fn thousandths(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is no number from 0 to 1000 with at most three decimals");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 3 {
        return Err(wrong());
    }
    let fraction: u32 = format!("{fraction:0<3}").parse().map_err(|_| wrong())?;
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let number = whole.checked_mul(WHOLE).and_then(|whole| whole.checked_add(fraction));
    number.filter(|number| *number <= WHOLE * WHOLE).ok_or_else(wrong)
}

/// A line that says it all, for the journal and for people.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, seed, tenants, size, skew, factors, as_of, edge } = self;
        write!(
            f,
            "{} seed={seed} tenants={tenants} median={size} skew={} as-of={}",
            dataset.name(),
            skew.name(),
            as_of.format("%Y-%m-%dT%H:%M:%SZ")
        )?;
        for (table, factor) in factors {
            write!(f, " {table}={}.{:03}", factor / WHOLE, factor % WHOLE)?;
        }
        if *edge { f.write_str(" edge") } else { Ok(()) }
    }
}

/// The same line back. Whether there are the tables of its factors, [`DataSet::check`] says.
///
/// [`DataSet::check`]: crate::DataSet::check
impl FromStr for Spec {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || format!("{line:?} describes no data set that this version knows");
        let mut words = line.split(' ');
        if words.next() != Some(Vocabulary::V1.name()) {
            return Err(wrong());
        }
        let mut spec = Self::default();
        for word in words {
            let Some((key, value)) = word.split_once('=') else {
                spec.edge = word == "edge";
                if spec.edge {
                    continue;
                }
                return Err(wrong());
            };
            match key {
                "seed" => spec.seed = value.parse().map_err(|_| wrong())?,
                "tenants" => spec.tenants = value.parse().map_err(|_| wrong())?,
                "median" => spec.size = value.parse().map_err(|_| wrong())?,
                "as-of" => spec.as_of = value.parse().map_err(|_| wrong())?,
                "skew" => {
                    let known = Skew::ALL.into_iter().find(|skew| skew.name() == value);
                    spec.skew = known.ok_or_else(wrong)?;
                }
                table => {
                    spec.factors.insert(table.to_owned(), thousandths(value)?);
                }
            }
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_it_all() {
        let mut spec = Spec { seed: 7, edge: true, skew: Skew::Whale, ..Spec::default() };
        spec.factors.insert("leads".to_owned(), 1_500);
        assert_eq!(spec.to_string().parse(), Ok(spec.clone()));
        assert_eq!(
            spec.to_string(),
            "v1 seed=7 tenants=12 median=700 skew=whale as-of=2026-06-30T18:00:00Z leads=1.500 edge"
        );
        assert!("v0 seed=7".parse::<Spec>().is_err());
        assert!("v1 seed=7 nonsense".parse::<Spec>().is_err());
    }

    #[test]
    fn a_larger_set_has_the_smaller() {
        let (small, mut large) = (Spec::preset(Preset::Dev), Spec::preset(Preset::Load));
        assert!(small.fits(&large));
        assert_eq!(small.union(&large), large);
        large.seed = 1;
        assert!(!small.fits(&large));
    }

    #[test]
    fn numbers_with_a_point_are_read() {
        assert_eq!(thousandths("1.5"), Ok(1_500));
        assert_eq!(thousandths("0.001"), Ok(1));
        assert_eq!(thousandths("1000"), Ok(1_000_000));
        for wrong in ["", "-1", "1,5", "1.2345", "1001", "4294967.999", "x", ".5", "1."] {
            assert!(thousandths(wrong).is_err(), "{wrong}");
        }
    }
}
