//! What nobody drops or deletes without.

/// The permission to drop or delete. Only the guard makes one, after it has locked and counted, so
/// a function that asks for it cannot be reached around the guard.
#[derive(Debug)]
pub struct Destructive(());

impl Destructive {
    /// For what has been looked at in [`super::guard`] or [`super::samples`], and nowhere else.
    pub(super) fn granted() -> Self {
        Self(())
    }
}
