//! Admitting: what becomes of each record, and telling of it in time.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    sync::Arc,
    time::Duration,
};

use messaging::{
    ApplicationHead, CaseId, DeliveryState, Envelope, EventKind, MessageId, Partition, Position,
    Record, Result, Sha256,
};
use stores::ledger::{
    Admission, AdmittedMessage, DeliveryId, EndpointRow, FollowedMessage, MessageRow, NewDelivery,
    Part, PartitionBatch, VerdictKind, VerdictRow,
};
use tokio::time::Instant;
use tracing::{error, warn};

use super::{Announcement, Draft, Engine, tenure::Admitted};
use crate::{
    admission::{Novelty, novelty},
    codes,
    reader::{Content, Prepared, PreparedRecord},
    schedule::{Entry, Step},
    teller::{Subject, What, Why},
};

/// A delivery to which nothing has happened for so long is told of as pending. Most are delivered
/// long before, and one event tells all of it.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(1);
/// Behind so many others, a delivery starts too late for its envelope to be kept in memory.
pub(super) const DUE_SOON_MAX: usize = 1_000;
/// Deliveries announced in one turn.
const ANNOUNCEMENTS_MAX: usize = 500;

impl Engine {
    pub(super) async fn admit(&mut self, batch: Prepared, draft: &mut Draft) -> Result<()> {
        let Prepared { partition, from, next, records, span } = batch;
        if self.is_read_twice(&partition, from, draft) {
            return Ok(());
        }
        draft.spans.extend(span);
        let mut admitted = self.admitted_before(&records, draft).await?;
        self.reserve(records.len() * self.subscribers.len(), records.len()).await?;
        draft.admitted.extend(self.sharing.is_some().then(|| Admitted {
            partition: partition.clone(),
            from,
            next,
            messages: Vec::new(),
        }));
        let mut made = Vec::with_capacity(records.len());
        for PreparedRecord { offset, bytes, content } in records {
            let position = Position { partition: partition.clone(), offset };
            made.push(match content {
                Content::Undecodable(record, why) => {
                    self.undecodable(position, record, why, bytes, draft)
                }
                Content::Application(envelope) => {
                    let head = &envelope.head;
                    match novelty(head, admitted.get(&head.message_id).copied()) {
                        Novelty::New => {
                            if let Slot::Vacant(slot) = admitted.entry(head.message_id) {
                                slot.insert(head.sha256);
                            }
                            self.message(&position, &envelope, bytes, draft)
                        }
                        known => self.verdict(&position, &envelope, known, bytes, draft),
                    }
                }
            });
        }
        let count = u64::try_from(made.len()).unwrap_or(u64::MAX);
        self.metrics.dispatcher().admitted(partition.channel.as_str(), count);
        draft.progress.push((partition.clone(), next));
        draft.transaction.admissions.push(PartitionBatch { partition, from, next, records: made });
        Ok(())
    }

    /// The hash of every id among `records` that was admitted before, in the ledger or this draft.
    async fn admitted_before(
        &self,
        records: &[PreparedRecord],
        draft: &Draft,
    ) -> Result<HashMap<MessageId, Sha256>> {
        let ids = records.iter().filter_map(|record| match &record.content {
            Content::Application(envelope) => Some(envelope.head.message_id),
            Content::Undecodable(..) => None,
        });
        let suspects: Vec<MessageRow> =
            ids.flat_map(|id| self.known.suspects(id).collect::<Vec<_>>()).collect();
        if suspects.is_empty() {
            return Ok(HashMap::new());
        }
        let drafted = draft.transaction.admissions.iter().flat_map(|batch| &batch.records);
        let drafted = drafted.filter_map(|record| match record {
            Admission::Message(message) => Some((message.message_id, message.sha256)),
            Admission::Command(_) | Admission::Verdict(_) => None,
        });
        let mut admitted: HashMap<MessageId, Sha256> = drafted.collect();
        let known = self.ledger.identities(suspects).await?;
        admitted.extend(known.into_iter().map(|known| (known.message_id, known.sha256)));
        Ok(admitted)
    }

    fn message(
        &mut self,
        position: &Position,
        envelope: &Arc<Envelope>,
        record: bytes::Bytes,
        draft: &mut Draft,
    ) -> Admission {
        let head = &envelope.head;
        self.numbers.message += 1;
        let row = MessageRow(self.numbers.message);
        self.known.insert(head.message_id, row);
        let deliveries = self.deliveries(head, self.beyond.holds(position));
        if let Some(admitted) = draft.admitted.last_mut() {
            let message = followed(head, row, position.offset, &deliveries);
            admitted.messages.push((message, Arc::clone(envelope)));
        } else {
            let soon = self.schedule(head, row, &deliveries, draft);
            self.envelopes.keep(row, envelope, soon);
        }
        if deliveries.is_empty() {
            self.unrouted(head, position, draft);
        }
        Admission::Message(AdmittedMessage {
            row,
            offset: position.offset,
            message_id: head.message_id,
            sha256: head.sha256,
            case_id: head.case_id,
            sender: head.sender.clone(),
            record,
            claims: envelope.claims().collect(),
            deliveries,
        })
    }

    /// A delivery for every endpoint that wants `head`.
    fn deliveries(&mut self, head: &ApplicationHead, is_doubtful: bool) -> Vec<NewDelivery> {
        let wanting = self.subscribers.iter().filter(|subscriber| subscriber.wants(head));
        wanting
            .map(|subscriber| {
                self.numbers.delivery += 1;
                let delivery = DeliveryId(self.numbers.delivery);
                NewDelivery { delivery, endpoint: subscriber.endpoint, is_doubtful }
            })
            .collect()
    }

    /// Puts them into the schedules, and says how many start soon.
    fn schedule(
        &mut self,
        head: &ApplicationHead,
        message: MessageRow,
        deliveries: &[NewDelivery],
        draft: &Draft,
    ) -> usize {
        let mut soon = 0;
        for NewDelivery { delivery, endpoint, is_doubtful } in deliveries {
            let Some(index) = self.by_row.get(endpoint).copied() else { continue };
            let Some(served) = self.served.get_mut(index) else { continue };
            let entry = new_entry(*delivery, *endpoint, message, head.case_id);
            soon += usize::from(served.take_up(entry, *is_doubtful, draft));
            self.announce_in_time(&entry, index, deliveries.len(), draft.now);
        }
        soon
    }

    /// One delivery of `of` of its message is told of as pending when nothing has happened to it for a
    /// while. Several are told of before anything happens to one of them: a message whose first system
    /// has it would pass for delivered, as long as nobody has heard of the second.
    pub(super) fn announce_in_time(
        &mut self,
        entry: &Entry,
        index: usize,
        of: usize,
        now: Instant,
    ) {
        match of {
            0 | 1 => {
                self.announcements.push_back(announcement(entry, index, now + ANNOUNCE_AFTER));
            }
            _ => self.announcements.push_front(announcement(entry, index, now)),
        }
    }

    fn unrouted(&mut self, head: &ApplicationHead, position: &Position, draft: &mut Draft) {
        let message_id = head.message_id;
        warn!(%message_id, code = codes::UNROUTED, "no endpoint subscribes");
        self.metrics.dispatcher().verdict("unrouted");
        let why = Why { code: Some(codes::UNROUTED), cause: None };
        let subject = Subject::from(head);
        let event =
            self.teller.about_record(Some(&subject), position, EventKind::Unrouted, why, draft.at);
        let of = Part::Partition(position.partition.clone());
        draft.tell_of(of, &mut self.numbers, self.teller.event_record(&event));
    }

    fn verdict(
        &mut self,
        position: &Position,
        envelope: &Envelope,
        novelty: Novelty,
        record: bytes::Bytes,
        draft: &mut Draft,
    ) -> Admission {
        let head = &envelope.head;
        let is_conflict = novelty == Novelty::Conflict;
        let (kind, event, code) = if is_conflict {
            let event = EventKind::Conflict { position: position.clone() };
            (VerdictKind::Conflict, event, codes::CONFLICT)
        } else {
            let event = EventKind::Duplicate { position: position.clone() };
            (VerdictKind::Duplicate, event, codes::DUPLICATE)
        };
        self.metrics.dispatcher().verdict(kind.name());
        let why = Why { code: Some(code), cause: None };
        let subject = Subject::from(head);
        let event = self.teller.about_record(Some(&subject), position, event, why, draft.at);
        let of = Part::Partition(position.partition.clone());
        draft.tell_of(of, &mut self.numbers, self.teller.event_record(&event));
        Admission::Verdict(VerdictRow {
            offset: position.offset,
            kind,
            message_id: Some(head.message_id),
            sha256: Some(head.sha256),
            record: is_conflict.then_some(record),
            claims: envelope.claims().collect(),
        })
    }

    pub(super) fn undecodable(
        &mut self,
        position: Position,
        record: Record,
        why: String,
        bytes: bytes::Bytes,
        draft: &mut Draft,
    ) -> Admission {
        let Partition { channel, number } = &position.partition;
        let (code, offset) = (codes::UNDECODABLE, position.offset);
        error!(%channel, number, offset, code, cause = why, "record cannot be read");
        self.metrics.dispatcher().verdict("undecodable");
        let why = Why { code: Some(code), cause: Some(why) };
        let kind = EventKind::Undecodable { position: position.clone() };
        let event = self.teller.about_record(None, &position, kind, why, draft.at);
        let of = Part::Partition(position.partition.clone());
        draft.tell_of(of.clone(), &mut self.numbers, self.teller.event_record(&event));
        let letter = self.teller.dead_letter_record(event, Vec::new(), position, (record, None));
        draft.tell_of(of, &mut self.numbers, letter);
        let kind = VerdictKind::Undecodable;
        let (message_id, sha256, record, claims) = (None, None, Some(bytes), Vec::new());
        Admission::Verdict(VerdictRow { offset, kind, message_id, sha256, record, claims })
    }

    /// Tells of deliveries to which nothing has happened yet.
    pub(super) async fn announce(&mut self, draft: &mut Draft) -> Result<()> {
        let mut quiet = Vec::new();
        for _ in 0..ANNOUNCEMENTS_MAX {
            let Some(next) = self.announcements.front() else { break };
            if draft.now < next.due {
                break;
            }
            let served = self.served.get(next.served);
            let entry = served.and_then(|s| s.schedule.find(next.case_id, next.delivery));
            let entry = entry.filter(|entry| entry.version == next.version);
            quiet.extend(entry.map(|entry| (next.served, *entry)));
            self.announcements.pop_front();
        }
        if quiet.is_empty() {
            return Ok(());
        }
        let messages = quiet.iter().map(|(_, entry)| entry.message).collect();
        let known = self.ledger.identities(messages).await?;
        let known: HashMap<MessageRow, _> = known.iter().map(|known| (known.row, known)).collect();
        for (index, entry) in quiet {
            let (Some(known), Some(served)) = (known.get(&entry.message), self.served.get(index))
            else {
                continue;
            };
            let (kind, why) = match entry.state {
                DeliveryState::Uncertain => served.tells_of_restored(),
                _ => (EventKind::Admitted, Why::default()),
            };
            let what = What { kind, why, next_at: None, at: draft.at };
            let mut subject = Subject::from(*known);
            subject.trace = self.envelopes.trace(entry.message);
            let name = &served.endpoint.name;
            let event = self.teller.about_delivery(&subject, name, &entry, what);
            let of = Part::Endpoint(entry.endpoint);
            draft.tell_of(of, &mut self.numbers, self.teller.event_record(&event));
        }
        Ok(())
    }
}

/// As it is taken up once it is committed.
fn followed(
    head: &ApplicationHead,
    row: MessageRow,
    offset: u64,
    deliveries: &[NewDelivery],
) -> FollowedMessage {
    FollowedMessage {
        row,
        offset,
        message_id: head.message_id,
        case_id: head.case_id,
        deliveries: deliveries.to_vec(),
    }
}

/// Tells of `entry` as it is, at `due` at the earliest.
pub(super) fn announcement(entry: &Entry, served: usize, due: Instant) -> Announcement {
    let Entry { case_id, delivery, version, .. } = *entry;
    Announcement { due, served, case_id, delivery, version }
}

/// As nothing has happened to it yet.
pub(super) fn new_entry(
    delivery: DeliveryId,
    endpoint: EndpointRow,
    message: MessageRow,
    case_id: CaseId,
) -> Entry {
    Entry {
        delivery,
        endpoint,
        message,
        case_id,
        generation: 0,
        state: DeliveryState::Pending,
        attempts: 0,
        first_attempt_at: None,
        version: 1,
        gate_closings: 0,
        answers_then: None,
        step: Step::Deliver,
    }
}
