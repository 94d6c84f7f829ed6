//! The channel adapter: the last step, into a departmental system.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{Claims, DeliveryKey, EndpointName, Envelope, Reply, Result, TraceParent};

/// Feeds one departmental system. The only thing a vendor writes.
///
/// An adapter holds no queue, keeps no retry count and logs no failure: it tries once and tells
/// the truth. Everything else is the dispatcher's.
#[async_trait]
pub trait Adapter: fmt::Debug + Send + Sync + 'static {
    /// What may be done after an attempt whose end is unknown.
    fn contract(&self) -> EffectContract;

    /// Delivers `envelope`, or says why not.
    ///
    /// Dropping the future (deadline, shutdown) leaves the outcome unknown: `Uncertain`.
    ///
    /// # Errors
    /// Choose the [`crate::FailureKind`] by what should happen next, not by what went wrong.
    /// `Unavailable` only if the receiver certainly did nothing.
    async fn deliver(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Accepted>;

    /// Whether the departmental system has the effect of `attempt.key` already. Only asked where
    /// the contract is [`EffectContract::CanLookUp`]; the dispatcher waits `visible_within` first.
    ///
    /// # Errors
    /// As [`Adapter::deliver`]; not having found out leaves the delivery as uncertain as it was.
    async fn find(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Found>;

    /// Whether the departmental system is there, without changing anything in it.
    ///
    /// # Errors
    /// `Unavailable` when it is not.
    async fn probe(&self) -> Result<()>;
}

/// What follows an attempt whose end is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectContract {
    /// Doing it twice is doing it once, e.g. a file of the same name.
    Idempotent,
    /// The receiver recognises our key.
    Deduplicates,
    /// The receiver can be asked; an effect shows at most this long after its attempt ended.
    CanLookUp {
        /// "Absent" counts only when asked that long after.
        visible_within: Duration,
    },
    /// Neither: an operator decides, never an automatic repeat.
    None,
}

impl EffectContract {
    /// The word used in configuration and on pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idempotent => "idempotent",
            Self::Deduplicates => "deduplicates",
            Self::CanLookUp { .. } => "can_look_up",
            Self::None => "none",
        }
    }
}

/// One try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Whose.
    pub endpoint: EndpointName,
    /// The same for every try of this delivery: make effects idempotent by it.
    pub key: DeliveryKey,
    /// Answer within this time from the call; the dispatcher drops the try at its end.
    pub time_max: Duration,
    /// Reads bodies and attachments.
    pub claims: Arc<dyn Claims>,
    /// For the outgoing request.
    pub trace: Option<TraceParent>,
}

/// The departmental system has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Its own name for what it took, e.g. a file number; shown to operator and portal. At most
    /// 200 bytes, longer ones are cut at a character.
    pub receipt: Option<String>,
    /// What it answered at once.
    pub replies: Vec<Reply>,
}

/// What a departmental system says when asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    Yes(Accepted),
    /// It is not.
    No,
    /// Nobody can tell but an operator.
    CannotTell,
}
