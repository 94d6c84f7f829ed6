//! Obeying: what operators order is decided, recorded with the position it was read at, and true
//! with the same commit. A command that comes again finds its row and changes nothing.

use std::collections::HashMap;

use bytes::Bytes;
use messaging::{
    Command, CommandId, DeliveryState, EffectContract, EventKind, Order, Partition, Position,
    Result, Seen, Target, fault,
};
use stores::ledger::{
    Admission, CommandRow, CommandState, DeliveryId, EndpointRow, MessageIdentity, Part,
    PartitionBatch, PauseRow, Settlement,
};
use tracing::{info, warn};

use super::{
    Draft, Engine,
    recover::plain_entry,
    repetition,
    settle::{next_at, turn_of},
};
use crate::{
    codes,
    control::{Content, OrderRecord, Orders},
    orders::{self, Refusal, Revision},
    ruling::Next,
    schedule::{Entry, Step, Turn},
    teller::{Subject, What, Why},
};

/// What is answered to an operator.
pub(super) type Answer = std::result::Result<Done, Refusal>;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    /// For whoever ordered it.
    remark: Option<&'static str>,
    /// The delivery it was about, and what that is now.
    pub(super) delivery: Option<(DeliveryId, DeliveryState)>,
}

impl Done {
    fn with(remark: Option<&'static str>) -> Self {
        Self { remark, delivery: None }
    }

    pub(super) fn about(delivery: DeliveryId, state: DeliveryState) -> Self {
        Self { remark: None, delivery: Some((delivery, state)) }
    }
}

/// Who is asked to obey.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    /// Index of the endpoint.
    Served(usize),
    /// Not configured any more; what is open of it can still be ended.
    Former(EndpointRow),
}

impl Engine {
    /// Records every command of an endpoint of this ledger with its answer and its effect; the
    /// others are for other dispatchers.
    pub(super) async fn obey(&mut self, orders: Orders, draft: &mut Draft) -> Result<()> {
        let Orders { partition, from, next, records } = orders;
        if self.is_read_twice(&partition, from, draft) {
            return Ok(());
        }
        let mut known = self.commands_known(&records, draft).await?;
        let mut made = Vec::with_capacity(records.len());
        for OrderRecord { offset, sha256, bytes, content } in records {
            let (command, is_past) = match content {
                Content::Undecodable(record, why) => {
                    let position = position(&partition, offset);
                    made.push(self.undecodable(position, record, why, bytes, draft));
                    continue;
                }
                Content::Command(command) => (command, false),
                Content::Past(command) => (command, true),
            };
            let is_shared = self.sharing.is_some();
            let owner = self.owner_of(&command);
            if owner.is_none() && !(is_shared && self.is_known(&command.endpoint)) {
                continue;
            }
            if let Some(first) = known.get(&command.id)
                && !fault::is_on("command-twice")
            {
                repetition::note(&command, first.clone());
                continue;
            }
            known.insert(command.id, bytes.clone());
            let answer = match (is_past, owner) {
                (true, _) => Some(Err(past())),
                // Its owner, which may be another dispatcher, finds it in the ledger.
                (false, _) if is_shared => None,
                (false, Some(owner)) => match self.execute(owner, &command, draft).await? {
                    Some(answer) => Some(answer),
                    None => continue,
                },
                (false, None) => continue,
            };
            let of = Part::Partition(partition.clone());
            let is_waiting = answer.is_none();
            let record = self.remembered(&command, is_waiting).unwrap_or(bytes);
            let code = answer.and_then(|answer| self.answer(&command, answer, of, draft));
            made.push(Admission::Command(CommandRow {
                id: command.id,
                offset,
                sha256,
                endpoint: command.endpoint,
                name: command.order.name().to_owned(),
                issued_at: command.at,
                state: match code {
                    _ if is_waiting => CommandState::Waiting,
                    None => CommandState::Accepted,
                    Some(_) => CommandState::Refused,
                },
                code,
                record,
            }));
        }
        draft.transaction.admissions.push(PartitionBatch { partition, from, next, records: made });
        Ok(())
    }

    /// Commands admitted before, in the ledger or in this draft.
    async fn commands_known(
        &self,
        records: &[OrderRecord],
        draft: &Draft,
    ) -> Result<HashMap<CommandId, Bytes>> {
        let ids = records.iter().filter_map(|record| match &record.content {
            Content::Command(command) | Content::Past(command) => Some(command.id),
            Content::Undecodable(..) => None,
        });
        let mut known = self.ledger.commands_known(ids.collect()).await?;
        let drafted = draft.transaction.admissions.iter().flat_map(|batch| &batch.records);
        known.extend(drafted.filter_map(|record| match record {
            Admission::Command(command) => Some((command.id, command.record.clone())),
            Admission::Message(_) | Admission::Verdict(_) => None,
        }));
        Ok(known)
    }

    /// Whether the ledger has such an endpoint, whoever serves it.
    fn is_known(&self, endpoint: &messaging::EndpointName) -> bool {
        self.names.contains(endpoint)
    }

    /// `None`: another dispatcher's.
    fn owner_of(&self, command: &Command) -> Option<Owner> {
        let is_it = |served: &super::Served| served.endpoint.name == command.endpoint;
        if let Some(index) = self.served.iter().position(is_it) {
            return Some(Owner::Served(index));
        }
        if let Order::StopBulk(id) = &command.order {
            return self.bulk_of(*id).map(Owner::Former);
        }
        // Where it is not served, it may be another dispatcher's, which has a ledger of its own.
        let seen = command.order.target()?.seen.as_ref();
        let is_here = seen.is_none_or(|seen| seen.ledger == self.teller.identity.id.as_str());
        self.former.get(&command.endpoint).copied().filter(|_| is_here).map(Owner::Former)
    }

    /// Whether the numbers that were looked at are this ledger's.
    pub(super) fn is_of_ledger(&self, seen: &Seen) -> bool {
        let identity = &self.teller.identity;
        (seen.ledger.as_str(), seen.epoch) == (identity.id.as_str(), identity.epoch)
    }

    /// `None`: of a former endpoint that has nothing open here, so that another may own it now.
    pub(super) async fn execute(
        &mut self,
        owner: Owner,
        command: &Command,
        draft: &mut Draft,
    ) -> Result<Option<Answer>> {
        let Owner::Served(index) = owner else {
            return match &command.order {
                Order::StopBulk(bulk) => Ok(Some(self.stop_bulk(*bulk, draft))),
                _ => self.execute_on_delivery(owner, command, draft).await,
            };
        };
        Ok(match &command.order {
            Order::Pause => Some(Ok(Done::with(self.pause(index, command.id, draft)))),
            Order::Resume => Some(Ok(Done::with(self.resume(index, draft)))),
            Order::Bulk(bulk) => Some(self.begin_bulk(index, command, bulk, draft)),
            Order::StopBulk(bulk) => Some(self.stop_bulk(*bulk, draft)),
            Order::Unknown { name, .. } => Some(Err(orders::unknown(name))),
            _ => self.execute_on_delivery(owner, command, draft).await?,
        })
    }

    /// No lease is granted from here on, in this turn neither.
    fn pause(
        &mut self,
        index: usize,
        command: CommandId,
        draft: &mut Draft,
    ) -> Option<&'static str> {
        let served = self.served.get_mut(index)?;
        if served.paused.is_some() {
            return Some("it was paused already");
        }
        let pause = PauseRow { at: draft.at, command };
        served.paused = Some(pause);
        draft.transaction.pauses.push((served.row, Some(pause)));
        let endpoint = &served.endpoint.name;
        info!(%endpoint, %command, "paused by an operator");
        self.tell_gate_of(index, draft);
        None
    }

    fn resume(&mut self, index: usize, draft: &mut Draft) -> Option<&'static str> {
        let served = self.served.get_mut(index)?;
        if served.paused.take().is_none() {
            return Some("it was not paused");
        }
        draft.transaction.pauses.push((served.row, None));
        served.ramp.begin_anew();
        let endpoint = &served.endpoint.name;
        info!(%endpoint, "resumed by an operator");
        self.tell_gate_of(index, draft);
        None
    }

    pub(super) async fn execute_on_delivery(
        &mut self,
        owner: Owner,
        command: &Command,
        draft: &mut Draft,
    ) -> Result<Option<Answer>> {
        let Some(target) = command.order.target() else { return Ok(None) };
        let is_served = matches!(owner, Owner::Served(_));
        let is_ours = target.seen.as_ref().is_none_or(|seen| self.is_of_ledger(seen));
        if is_served && !is_ours {
            return Ok(Some(Err(stale())));
        }
        let Some(identity) = self.identity_of(target, draft).await? else {
            return Ok(is_served.then(|| Err(without_delivery())));
        };
        if let (Owner::Served(index), Order::ReplayAgain(_) | Order::ReplayAnew(_)) =
            (owner, &command.order)
        {
            let is_new = matches!(command.order, Order::ReplayAnew(_));
            return self.replay(index, command, target, &identity, is_new, draft).await.map(Some);
        }
        let seen = target.seen.as_ref().filter(|_| is_ours);
        let named = seen.map(|seen| DeliveryId(seen.delivery.cast_signed()));
        let Some((entry, turn)) = self.delivery_of(owner, &identity, named).await? else {
            let is_erased = self.ledger.kept(identity.row).await?.is_none();
            let refusal = if is_erased { erased() } else { without_delivery() };
            return Ok(is_served.then_some(Err(refusal)));
        };
        let revision = match self.judge(owner, command, target, &entry, turn, draft) {
            Ok(revision) => revision,
            Err(refusal) => return Ok(Some(Err(refusal))),
        };
        let done = Done::about(entry.delivery, revision.state);
        let (entry, revision) = match &command.order {
            Order::Edit(correction) => {
                match self.edited(command, correction, &identity, &entry).await? {
                    Ok(edited) => {
                        self.keep_edit(&entry, &edited, draft);
                        let entry = Entry { generation: edited.generation, ..entry };
                        (entry, Revision { event: EventKind::Edited(edited.edit), ..revision })
                    }
                    Err(refusal) => return Ok(Some(Err(refusal))),
                }
            }
            _ => (entry, revision),
        };
        self.revise(owner, command, &identity, &entry, turn, revision, draft);
        Ok(Some(Ok(done)))
    }

    async fn identity_of(&self, target: &Target, draft: &Draft) -> Result<Option<MessageIdentity>> {
        // What is admitted in this very turn is pending, and waits for no decision.
        let drafted = draft.transaction.admissions.iter().flat_map(|batch| &batch.records);
        let is_drafted = drafted.into_iter().any(|record| {
            matches!(record, Admission::Message(message) if message.message_id == target.message_id)
        });
        let suspects: Vec<_> = self.known.suspects(target.message_id).collect();
        if suspects.is_empty() || is_drafted {
            return Ok(None);
        }
        let found = self.ledger.identities(suspects).await?;
        Ok(found.into_iter().find(|identity| identity.message_id == target.message_id))
    }

    /// The open delivery, from the schedule, or from the ledger where it holds no case.
    async fn delivery_of(
        &self,
        owner: Owner,
        identity: &MessageIdentity,
        named: Option<DeliveryId>,
    ) -> Result<Option<(Entry, Turn)>> {
        let row = match owner {
            Owner::Former(row) => row,
            Owner::Served(index) => {
                let Some(served) = self.served.get(index) else { return Ok(None) };
                let found = served.schedule.of_message(identity.case_id, identity.row);
                if found.is_some() {
                    return Ok(found);
                }
                served.row
            }
        };
        let open = self.ledger.open_delivery(row, identity.row, named).await?;
        Ok(open.map(|open| (plain_entry(&open, Step::Deliver), Turn::Gone)))
    }

    fn judge(
        &self,
        owner: Owner,
        command: &Command,
        target: &Target,
        entry: &Entry,
        turn: Turn,
        draft: &Draft,
    ) -> std::result::Result<Revision, Refusal> {
        let is_seen = |seen: &Seen| {
            if fault::is_on("decided-unseen") {
                return true;
            }
            let looked_at = (seen.delivery, seen.version);
            self.is_of_ledger(seen) && looked_at == (entry.delivery.0.unsigned_abs(), entry.version)
        };
        let settled = &draft.transaction.settlements;
        let is_changing = turn == Turn::Gone
            && settled.iter().any(|settlement| settlement.delivery == entry.delivery);
        if is_changing || !target.seen.as_ref().is_none_or(is_seen) {
            return Err(stale());
        }
        let served = match owner {
            Owner::Served(index) => self.served.get(index),
            Owner::Former(_) => None,
        };
        let contract = served.map_or(EffectContract::None, |served| served.terms.contract);
        let revision = orders::revise(&command.order, entry, contract)?;
        if served.is_none() && !revision.state.is_final() {
            let sentence = "the endpoint is not configured any more, and nothing can be sent to it";
            return Err(Refusal::because(codes::ORDER_FORMER, sentence));
        }
        let doubtful_until = served.and_then(|served| served.doubtful.get(&entry.delivery));
        if turn == Turn::Busy || doubtful_until.is_some_and(|until| draft.now < *until) {
            let sentence = "an attempt or a question may still be under way; order again when it \
                            has surely ended";
            return Err(Refusal::because(codes::ORDER_TOO_EARLY, sentence));
        }
        Ok(revision)
    }

    #[allow(clippy::too_many_arguments, reason = "all of what was found and decided")]
    fn revise(
        &mut self,
        owner: Owner,
        command: &Command,
        identity: &MessageIdentity,
        entry: &Entry,
        before: Turn,
        revision: Revision,
        draft: &mut Draft,
    ) {
        let revised = revision.of(entry);
        let next_at = next_at(revision.next, draft.at);
        draft.transaction.settlements.push(Settlement {
            delivery: revised.delivery,
            endpoint: revised.endpoint,
            version: revised.version,
            state: revised.state,
            attempts: revised.attempts,
            next_at,
            first_attempt_at: revised.first_attempt_at,
            attempt: None,
        });
        let turn = turn_of(revision.next, draft.now);
        if let Owner::Served(index) = owner
            && let Some(served) = self.served.get_mut(index)
        {
            match (before, turn) {
                // It held nothing, so it comes behind what has come since.
                (Turn::Gone, Turn::Gone) => {}
                (Turn::Gone, turn) => served.schedule.add(revised, turn),
                (_, turn) => served.schedule.revise(revised, turn),
            }
        }
        let cause = Some(match &revision.event {
            EventKind::Edited(edit) => edit.to_string(),
            _ => format!("ordered by command {}", command.id),
        });
        let why = Why { code: None, cause };
        let what = What { kind: revision.event, why, next_at, at: draft.at };
        let subject = Subject::from(identity);
        let event = self.teller.about_delivery(&subject, &command.endpoint, &revised, what);
        let of = Part::Endpoint(revised.endpoint);
        draft.tell_of(of, &mut self.numbers, self.teller.event_record(&event));
        self.note_in_bulks(revised.delivery, revised.state, revision.next == Next::Held, draft);
    }

    /// Tells the answer and gives the code of a refusal.
    pub(super) fn answer(
        &mut self,
        command: &Command,
        answer: Answer,
        of: Part,
        draft: &mut Draft,
    ) -> Option<&'static str> {
        let (id, endpoint, order) = (command.id, command.endpoint.clone(), command.order.name());
        let (kind, why) = match answer {
            Ok(Done { remark, .. }) => {
                info!(command = %id, %endpoint, order, "command accepted");
                let why = Why { code: None, cause: remark.map(str::to_owned) };
                (EventKind::CommandAccepted { command: id, endpoint }, why)
            }
            Err(Refusal { code, sentence }) => {
                warn!(command = %id, %endpoint, order, code, cause = sentence, "command refused");
                let why = Why { code: Some(code), cause: Some(sentence) };
                (EventKind::CommandRefused { command: id, endpoint }, why)
            }
        };
        let code = why.code;
        let event = self.teller.about_command(kind, why, draft.at);
        draft.tell_of(of, &mut self.numbers, self.teller.event_record(&event));
        code
    }
}

fn position(partition: &Partition, offset: u64) -> Position {
    Position { partition: partition.clone(), offset }
}

pub(super) fn past() -> Refusal {
    let sentence = "it was issued before this ledger began, which cannot know whether it was \
                    executed then; issue it again if it is still wanted";
    Refusal::because(codes::ORDER_PAST, sentence)
}

pub(super) fn stale() -> Refusal {
    let sentence = "the delivery has changed since it was looked at; look again";
    Refusal::because(codes::ORDER_STALE, sentence)
}

pub(super) fn without_delivery() -> Refusal {
    let sentence = "the endpoint has no delivery of this message that waits for anything";
    Refusal::because(codes::ORDER_WITHOUT_DELIVERY, sentence)
}

/// Only who it was is known of it.
pub(super) fn erased() -> Refusal {
    let sentence = "what became of the message is final, and it was erased when its retention \
                    ended; whoever needs it again must send it again";
    Refusal::because(codes::ORDER_ERASED, sentence)
}
