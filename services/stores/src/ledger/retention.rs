//! What is kept how long, and which pins of claims are in doubt.

use std::{collections::BTreeMap, time::Duration};

use messaging::{ClaimId, Domain};

/// How long what is done stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Records of messages since all their deliveries are final, and of conflicts.
    pub payload: Duration,
    /// The same for messages of some domains.
    pub payload_of: BTreeMap<Domain, Duration>,
    /// Final deliveries with their attempts, verdicts and commands; not shorter than `payload`.
    pub history: Duration,
    /// Ids and hashes, by which a repetition is known; not shorter than `history`.
    pub dedupe_horizon: Duration,
}

/// What is looked through in one pass. What a later one removes needs the earlier ones' to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Records of messages.
    Payload,
    /// Records of conflicts.
    Conflict,
    /// Final deliveries, with their attempts.
    Delivery,
    /// Ids and hashes of messages.
    Identity,
    /// Verdicts; records nobody can read stay.
    Verdict,
    /// Commands.
    Command,
}

impl Kind {
    /// In the order in which they are looked through.
    pub const ALL: [Self; 6] = [
        Self::Payload,
        Self::Conflict,
        Self::Delivery,
        Self::Identity,
        Self::Verdict,
        Self::Command,
    ];

    /// The word in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Conflict => "conflict",
            Self::Delivery => "delivery",
            Self::Identity => "identity",
            Self::Verdict => "verdict",
            Self::Command => "command",
        }
    }
}

/// A claim that no kept record needed when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubtfulPin {
    /// Which.
    pub claim: ClaimId,
    /// Whether its pin was lifted in an earlier round.
    pub is_lifted: bool,
    /// Whether a kept record needs it now.
    pub is_needed: bool,
}
