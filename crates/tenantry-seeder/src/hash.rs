//! The hash that every value comes from. It is frozen: a change of it changes all sample rows, so
//! it has to be another data set's.
//!
//! `SplitMix64`'s finaliser over a key of the tenant, the column and the row (Steele, Lea and Flood,
//! "Fast splittable pseudorandom number generators", 2014); names are hashed with 64-bit FNV-1a. No
//! crate is asked, since the output of random generators changes between their versions.

/// The step between rows: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that depends on every bit of `x`.
#[must_use]
pub(crate) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The number of a name.
#[must_use]
pub const fn name(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// What one cell has to draw from: 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw(u64);

impl Draw {
    /// The lowest, which is drawn from nothing.
    pub const FIRST: Self = Self(0);

    /// For the cell of `column` in row `row`, of the row with this key.
    #[must_use]
    pub const fn of(key: u64, column: u64, row: u32) -> Self {
        Self(mix(mix(key ^ column).wrapping_add(STEP.wrapping_mul(row as u64 + 1))))
    }

    /// Another 64 bits for the same cell.
    #[must_use]
    pub const fn again(self) -> Self {
        Self(mix(self.0.wrapping_add(STEP)))
    }

    /// All of the bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A number below `limit`; 0 if that is 0.
    #[allow(clippy::cast_possible_truncation, reason = "what is below a u32 is one")]
    #[must_use]
    pub const fn below(self, limit: u32) -> u32 {
        (((self.0 >> 32) * limit as u64) >> 32) as u32
    }

    /// True so many times of a hundred.
    #[must_use]
    pub const fn percent(self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of a list.
    #[must_use]
    pub fn pick<T: Copy>(self, list: &[T]) -> T {
        list[self.below(u32::try_from(list.len()).unwrap_or(u32::MAX)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, put it back as it was: see the head of the file.
    #[test]
    fn the_hash_is_frozen() {
        assert_eq!(mix(1), 0x5692_161d_100b_05e5);
        assert_eq!(name("leads.status"), 0xb21c_17df_585b_2530);
        assert_eq!(Draw::of(1, 2, 3).bits(), 0xd337_56a8_9082_caea);
        assert_eq!(Draw::of(1, 2, 3).again().bits(), 0x3a27_d35c_4ce0_39e2);
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut counts = [0_u32; 10];
        for row in 0..10_000 {
            counts[Draw::of(7, name("a.b"), row).below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }
}
