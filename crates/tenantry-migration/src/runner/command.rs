//! What a runner can be told to do, and what it says it did.

use serde::Serialize;

/// What a runner can be told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Apply pending migrations.
    Up(Up),
    /// Roll back what was applied last.
    Down(Down),
    /// Roll back what was applied last, this many, and apply the same again.
    Redo(u32),
    /// Roll back all applied migrations and apply all.
    Refresh,
    /// Roll back all applied migrations, remove the bookkeeping, and prove that nothing of ours is
    /// left.
    Reset,
    /// Drop every table that the migrations own, whatever the bookkeeping says, and apply all
    /// migrations. Tables of others stay.
    Fresh,
}

/// How far to apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Up {
    /// At most this many; `None` for all.
    pub steps: Option<u32>,
    /// Up to and with this one: its name, or a part that no other has.
    pub to: Option<String>,
    /// Also what comes in the list before something that is applied.
    pub out_of_order: bool,
}

/// How far to roll back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Down {
    /// At most this many; `None` for all.
    pub steps: Option<u32>,
    /// Everything that was applied after this one, which stays: its name, or a part that no other
    /// has.
    pub to: Option<String>,
}

impl Command {
    /// The command's name, as on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "up",
            Self::Down(_) => "down",
            Self::Redo(_) => "redo",
            Self::Refresh => "refresh",
            Self::Reset => "reset",
            Self::Fresh => "fresh",
        }
    }

    /// Whether it applies migrations.
    #[must_use]
    pub fn applies(&self) -> bool {
        !matches!(self, Self::Down(_) | Self::Reset)
    }

    /// Whether it rolls migrations back.
    #[must_use]
    pub fn rolls_back(&self) -> bool {
        !matches!(self, Self::Up(_))
    }
}

/// What a call changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Migrations rolled back, in the order in which that happened.
    pub rolled_back: Vec<String>,
    /// Migrations applied, in the order in which that happened.
    pub applied: Vec<String>,
}

impl Outcome {
    /// Whether anything changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rolled_back.is_empty() && self.applied.is_empty()
    }
}
