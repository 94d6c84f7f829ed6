//! What of the journal goes by retention.

/// What is looked through in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Applications with everything that happened to them.
    Application,
    /// What happened to none: gates, refusals without an id. Records nobody can read stay.
    Event,
}

impl Kind {
    /// In the order in which they are looked through.
    pub const ALL: [Self; 2] = [Self::Application, Self::Event];

    /// The word in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Event => "event",
        }
    }
}
