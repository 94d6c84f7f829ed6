//! What changed when everything was loaded anew.

/// What a reload found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// How many versions of standards there are now.
    pub standards: usize,
    /// `id version` of those that were not there before.
    pub added: Vec<String>,
    /// `id version` of those that are gone.
    pub removed: Vec<String>,
}
