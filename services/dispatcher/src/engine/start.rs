//! Choosing what starts next.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use messaging::{Envelope, Payload, Result, TraceParent, fault};
use stores::ledger::{IntentRow, MessageRow, Started};
use tokio::time::Instant;

use super::{Draft, Engine, Served, edit::edit_of};
use crate::{
    attempt::{Job, Letter},
    gate::rate::Bucket,
    schedule::{Entry, Step},
};

/// Bytes of envelopes kept so that what was just admitted is not read back.
const ENVELOPE_BYTES_MAX: usize = 32 << 20;

impl Engine {
    /// Fills the free slots of every open endpoint and writes the intent.
    pub(super) async fn choose(&mut self, draft: &mut Draft) -> Result<()> {
        let mut chosen: Vec<(usize, Entry)> = Vec::new();
        for (index, served) in self.served.iter_mut().enumerate() {
            take_due(index, served, draft.now, &mut chosen);
            let name = served.endpoint.name.as_str();
            let in_flight = u64::try_from(served.in_flight).unwrap_or(u64::MAX);
            self.metrics.dispatcher().set_in_flight(name, in_flight);
            let open = u64::try_from(served.schedule.len()).unwrap_or(u64::MAX);
            self.metrics.dispatcher().set_deliveries(name, "open", open);
        }
        if chosen.is_empty() {
            return Ok(());
        }
        let fetched = self.fetch(&chosen).await?;
        let mut edits = self.edits_of(chosen.iter().map(|(_, entry)| entry), draft).await?;
        let intent = IntentRow(self.numbers.intent + 1);
        let mut handed_out: Vec<Started> = Vec::new();
        for (served, mut entry) in chosen {
            let message = entry.message;
            let edit = edit_of(&entry).and_then(|of| edits.remove(&of)).map(|edit| edit.record);
            let read = || self.ahead.get(message).or_else(|| fetched.get(&message).cloned());
            let letter = match (edit, self.envelopes.get(message)) {
                (None, Some(kept)) => Letter::Open(kept),
                (edit, _) => edit.or_else(read).map_or(Letter::Gone, Letter::Sealed),
            };
            let needs_intent = entry.step == Step::Deliver && !fault::is_on("no-intent");
            if needs_intent {
                entry.first_attempt_at.get_or_insert(draft.steady);
                let Entry { delivery, version, endpoint, .. } = entry;
                handed_out.push(Started { delivery, version, endpoint });
            }
            let Some(of) = self.served.get(served) else { continue };
            draft.jobs.push(Job {
                round: of.ramp.round(),
                choice: of.blame.choice(),
                served,
                entry,
                letter,
                intent: needs_intent.then_some(intent),
                fence: of.fence,
                started_at: draft.at,
            });
        }
        if !handed_out.is_empty() {
            self.numbers.intent = intent.0;
            self.intents.insert(intent, handed_out.len());
            draft.transaction.intent = Some((intent, handed_out));
        }
        Ok(())
    }

    /// The records of what is neither in memory nor was read ahead.
    async fn fetch(&mut self, chosen: &[(usize, Entry)]) -> Result<HashMap<MessageRow, Bytes>> {
        self.ahead.arrive().await?;
        let messages = chosen.iter().map(|(_, entry)| entry.message);
        let is_missing =
            |message: &MessageRow| !self.envelopes.has(*message) && !self.ahead.has(*message);
        let mut missing: Vec<MessageRow> = messages.filter(is_missing).collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(self.ledger.records(missing).await?.into_iter().collect())
    }
}

fn take_due(index: usize, served: &mut Served, now: Instant, chosen: &mut Vec<(usize, Entry)>) {
    served.schedule.wake(now);
    served.blame.choose();
    let limit = served.ramp.limit() + if fault::is_on("limit-ignored") { 4 } else { 0 };
    while served.is_open() && served.in_flight < limit {
        let has_token = |bucket: &Bucket| bucket.next_at() <= now;
        if !served.bucket.as_ref().is_none_or(has_token) && !fault::is_on("rate-ignored") {
            break;
        }
        let Some(entry) = served.schedule.take_due(limit) else { break };
        if let Some(bucket) = &mut served.bucket {
            bucket.take(now);
        }
        served.in_flight += 1;
        chosen.push((index, entry));
    }
    served.pace.note(now, 0, served.in_flight != 0);
}

/// Envelopes in memory, at most [`ENVELOPE_BYTES_MAX`]; beyond that they are read back.
#[derive(Debug, Default)]
pub(super) struct Envelopes {
    kept: HashMap<MessageRow, Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    envelope: Arc<Envelope>,
    bytes: usize,
    /// Deliveries that still want it.
    uses: usize,
}

impl Envelopes {
    pub(super) fn keep(&mut self, message: MessageRow, envelope: &Arc<Envelope>, uses: usize) {
        let bytes = bytes_of(envelope);
        if uses == 0 || ENVELOPE_BYTES_MAX < self.bytes + bytes {
            return;
        }
        self.bytes += bytes;
        self.kept.insert(message, Kept { envelope: Arc::clone(envelope), bytes, uses });
    }

    /// One delivery wants it no more, for now.
    pub(super) fn release(&mut self, message: MessageRow) {
        let Some(kept) = self.kept.get_mut(&message) else { return };
        kept.uses -= 1;
        if kept.uses == 0 {
            self.bytes -= kept.bytes;
            self.kept.remove(&message);
        }
    }

    /// The trace of a message, if it is at hand.
    pub(super) fn trace(&self, message: MessageRow) -> Option<TraceParent> {
        self.kept.get(&message)?.envelope.head.trace.clone()
    }

    fn get(&self, message: MessageRow) -> Option<Arc<Envelope>> {
        self.kept.get(&message).map(|kept| Arc::clone(&kept.envelope))
    }

    pub(super) fn has(&self, message: MessageRow) -> bool {
        self.kept.contains_key(&message)
    }
}

fn bytes_of(envelope: &Envelope) -> usize {
    let bodies =
        [Some(&envelope.original), envelope.normalised.as_ref(), Some(&envelope.canonical)];
    let inline = bodies.into_iter().flatten().map(|body| match body {
        Payload::Inline(bytes) => bytes.len(),
        Payload::Claim { .. } => 0,
    });
    // Names, ids and tables; an estimate on the safe side.
    inline.sum::<usize>() + 1_024
}
