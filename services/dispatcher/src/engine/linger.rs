//! A moment's wait before a turn that would only settle: each turn costs a sync, and what is there
//! by then shares it. Nobody waits for such a settlement but those who are told of it. A process
//! that is killed within the moment repeats the delivery, so only a receiver that recognises a
//! repetition is exposed to it: of others, a person would be asked.

use std::time::Duration;

use messaging::EffectContract;
use tokio::time::Instant;

use super::{Engine, Wake, ended_of};
use crate::{attempt::Ended, ruling::Ending};

/// How long the settlement of a success may wait for company.
const LINGER: Duration = Duration::from_millis(10);
/// So many settlements are worth a sync of their own.
const LINGERING_MAX: usize = 64;

impl Engine {
    /// Gathers what else ends or comes within the moment. Whatever somebody waits for ends it: a
    /// batch, an order, a failure, a case with more to deliver, an endpoint whose slots are taken.
    ///
    /// Dropping it loses nothing: what it holds is unsettled, as before.
    pub(super) async fn linger(&mut self, first: Wake) -> Wake {
        let until = Instant::now() + LINGER;
        let mut is_patient = self.is_patient(&first);
        while is_patient && self.lingering.len() < LINGERING_MAX {
            let next = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                Some(orders) = self.orders.recv() => Wake::Orders(orders),
                Some(ended) = self.attempts.join_next() => ended_of(ended),
                Some(()) = self.inbox.arrived() => Wake::Batch,
                () = tokio::time::sleep_until(until) => break,
            };
            is_patient = self.is_patient(&next);
            self.lingering.push(next);
        }
        first
    }

    fn is_patient(&self, wake: &Wake) -> bool {
        let Wake::Ended(ended) = wake else { return false };
        let Ended { job, ending: Ending::Delivered(Ok(_)), .. } = &**ended else { return false };
        self.served.get(job.served).is_some_and(|served| {
            let contract = &served.terms.contract;
            matches!(contract, EffectContract::Idempotent | EffectContract::Deduplicates)
                && !served.schedule.has_due(served.ramp.limit())
                && !served.schedule.has_successor(job.entry.case_id)
        })
    }
}
