//! How a departmental system is served: told on `status` for those who watch.

use crate::{EndpointName, Timestamp};

/// What stands before one endpoint, and how it gets on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointReport {
    /// Which.
    pub endpoint: EndpointName,
    /// Deliveries that are not final.
    pub open: u64,
    /// Of these, those that wait for their next attempt themselves.
    pub waiting: u64,
    /// Of these, those that wait for a person, and all that wait behind them in their cases.
    pub held: u64,
    /// Attempts under way.
    pub in_flight: u32,
    /// Attempts it is trusted with at once now; grows up to `concurrency`.
    pub limit: u32,
    /// Attempts at once, at most, as configured.
    pub concurrency: u32,
    /// Deliveries that ended in an hour of work, as measured; `None` before there is a measure.
    pub per_hour: Option<u64>,
    /// When its calendar opens or closes next, where it has one.
    pub calendar_at: Option<Timestamp>,
    /// When nothing will be left of what can go, if nothing comes.
    pub drained: Drained,
    /// Its effect contract, as [`EffectContract::name`](crate::EffectContract::name).
    pub contract: String,
    /// Whether a dead letter holds its case back.
    pub is_held_by_dead: bool,
}

/// When a backlog will be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// There is none.
    Empty,
    /// By what was measured and by the calendar.
    At(Timestamp),
    /// Nobody can say: an operator has paused it.
    Paused,
    /// Nobody can say: the system does not answer.
    Down,
    /// Nobody can say: nothing was measured yet.
    Unmeasured,
    /// Not within 400 days.
    Beyond,
}

impl Drained {
    /// The word used in records, stores and interfaces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::At(_) => "at",
            Self::Paused => "paused",
            Self::Down => "down",
            Self::Unmeasured => "unmeasured",
            Self::Beyond => "beyond",
        }
    }

    /// The one called `name`; a word nobody here knows says nothing.
    #[must_use]
    pub fn named(name: &str, at: Option<Timestamp>) -> Self {
        match (name, at) {
            ("empty", _) => Self::Empty,
            ("at", Some(at)) => Self::At(at),
            ("paused", _) => Self::Paused,
            ("down", _) => Self::Down,
            ("beyond", _) => Self::Beyond,
            _ => Self::Unmeasured,
        }
    }

    /// The moment, if it is one.
    #[must_use]
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_reads_back_as_it_is_called() {
        let at = Timestamp(7);
        for drained in [
            Drained::Empty,
            Drained::At(at),
            Drained::Paused,
            Drained::Down,
            Drained::Unmeasured,
            Drained::Beyond,
        ] {
            assert_eq!(Drained::named(drained.name(), drained.at()), drained);
        }
        assert_eq!(Drained::named("at", None), Drained::Unmeasured);
    }
}
