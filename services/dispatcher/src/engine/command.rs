//! Obeying: what operators order is decided, recorded with the position it was read at, and true
//! with the same commit. A command that comes again finds its row and changes nothing.

use std::collections::HashSet;

use messaging::{
    Command, CommandId, EffectContract, EventKind, Order, Partition, Position, Result, Target,
};
use stores::ledger::{
    Admission, CommandRow, CommandState, EndpointRow, MessageIdentity, PartitionBatch, PauseRow,
    Settlement,
};
use tracing::{info, warn};

use super::{
    Draft, Engine,
    recover::plain_entry,
    settle::{next_at, turn_of},
};
use crate::{
    codes,
    control::{Content, OrderRecord, Orders},
    orders::{self, Refusal, Revision},
    schedule::{Entry, Step, Turn},
    teller::{Subject, What, Why},
};

/// What is answered to an operator; accepted with a remark, or with none.
type Answer = std::result::Result<Option<&'static str>, Refusal>;

/// Who is asked to obey.
#[derive(Clone, Copy, Debug)]
enum Owner {
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
            let Some(owner) = self.owner_of(&command) else { continue };
            if !known.insert(command.id) {
                info!(command = %command.id, "a command that came again changes nothing");
                continue;
            }
            let answer = match is_past {
                true => Err(past()),
                false => match self.execute(owner, &command, draft).await? {
                    Some(answer) => answer,
                    None => continue,
                },
            };
            let code = self.answer(&command, answer, draft);
            made.push(Admission::Command(CommandRow {
                id: command.id,
                offset,
                sha256,
                endpoint: command.endpoint,
                name: command.order.name().to_owned(),
                issued_at: command.at,
                state: if code.is_none() { CommandState::Accepted } else { CommandState::Refused },
                code,
                record: bytes,
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
    ) -> Result<HashSet<CommandId>> {
        let ids = records.iter().filter_map(|record| match &record.content {
            Content::Command(command) | Content::Past(command) => Some(command.id),
            Content::Undecodable(..) => None,
        });
        let mut known: HashSet<CommandId> =
            self.ledger.commands_known(ids.collect()).await?.into_iter().collect();
        let drafted = draft.transaction.admissions.iter().flat_map(|batch| &batch.records);
        known.extend(drafted.filter_map(|record| match record {
            Admission::Command(command) => Some(command.id),
            Admission::Message(_) | Admission::Verdict(_) => None,
        }));
        Ok(known)
    }

    /// `None`: another dispatcher's, or another ledger's.
    fn owner_of(&self, command: &Command) -> Option<Owner> {
        let seen = command.order.target().and_then(|target| target.seen.as_ref());
        if seen.is_some_and(|seen| seen.ledger != self.teller.identity.id.as_str()) {
            return None;
        }
        let is_it = |served: &super::Served| served.endpoint.name == command.endpoint;
        if let Some(index) = self.served.iter().position(is_it) {
            return Some(Owner::Served(index));
        }
        let former = self.former.get(&command.endpoint).copied().map(Owner::Former);
        former.filter(|_| command.order.target().is_some())
    }

    /// `None`: of a former endpoint that has nothing open here, so that another may own it now.
    async fn execute(
        &mut self,
        owner: Owner,
        command: &Command,
        draft: &mut Draft,
    ) -> Result<Option<Answer>> {
        let Owner::Served(index) = owner else {
            return self.execute_on_delivery(owner, command, draft).await;
        };
        Ok(match &command.order {
            Order::Pause => Some(Ok(self.pause(index, command.id, draft))),
            Order::Resume => Some(Ok(self.resume(index, draft))),
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
        let endpoint = &served.endpoint.name;
        info!(%endpoint, "resumed by an operator");
        self.tell_gate_of(index, draft);
        None
    }

    async fn execute_on_delivery(
        &mut self,
        owner: Owner,
        command: &Command,
        draft: &mut Draft,
    ) -> Result<Option<Answer>> {
        let Some(target) = command.order.target() else { return Ok(None) };
        let found = match self.identity_of(target, draft).await? {
            Some(identity) => self.delivery_of(owner, &identity).await?.map(|it| (identity, it)),
            None => None,
        };
        let Some((identity, (entry, turn))) = found else {
            let is_served = matches!(owner, Owner::Served(_));
            return Ok(is_served.then(|| Err(without_delivery())));
        };
        let revision = match self.judge(owner, command, target, &entry, turn, draft) {
            Ok(revision) => revision,
            Err(refusal) => return Ok(Some(Err(refusal))),
        };
        self.revise(owner, command, &identity, &entry, turn, revision, draft);
        Ok(Some(Ok(None)))
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
        let open = self.ledger.open_delivery(row, identity.row).await?;
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
        let is_seen = |seen: &messaging::Seen| {
            (seen.epoch, seen.delivery, seen.version)
                == (self.teller.identity.epoch, entry.delivery.0.unsigned_abs(), entry.version)
        };
        let settled = &draft.transaction.settlements;
        let is_changing = turn == Turn::Gone
            && settled.iter().any(|settlement| settlement.delivery == entry.delivery);
        if is_changing || !target.seen.as_ref().is_none_or(is_seen) {
            let sentence = "the delivery has changed since it was looked at; look again";
            return Err(Refusal::because(codes::ORDER_STALE, sentence));
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
        let cause = Some(format!("ordered by command {}", command.id));
        let why = Why { code: None, cause };
        let what = What { kind: revision.event, why, next_at, at: draft.at };
        let subject = Subject::from(identity);
        let event = self.teller.about_delivery(&subject, &command.endpoint, &revised, what);
        draft.tell(&mut self.numbers, self.teller.event_record(&event));
    }

    /// Tells the answer and gives the code of a refusal.
    fn answer(
        &mut self,
        command: &Command,
        answer: Answer,
        draft: &mut Draft,
    ) -> Option<&'static str> {
        let (id, endpoint, order) = (command.id, command.endpoint.clone(), command.order.name());
        let (kind, why) = match answer {
            Ok(remark) => {
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
        draft.tell(&mut self.numbers, self.teller.event_record(&event));
        code
    }
}

fn position(partition: &Partition, offset: u64) -> Position {
    Position { partition: partition.clone(), offset }
}

fn past() -> Refusal {
    let sentence = "it was issued before this ledger began, which cannot know whether it was \
                    executed then; issue it again if it is still wanted";
    Refusal::because(codes::ORDER_PAST, sentence)
}

fn without_delivery() -> Refusal {
    let sentence = "the endpoint has no delivery of this message that waits for anything";
    Refusal::because(codes::ORDER_WITHOUT_DELIVERY, sentence)
}
