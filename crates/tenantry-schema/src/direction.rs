//! The two halves of a migration.

/// Which half of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Applying it.
    Up,
    /// Rolling it back.
    Down,
}

impl Direction {
    /// As the method is named.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}
