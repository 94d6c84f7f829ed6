//! Handing another document over: it is judged first, beside the turns, as loading standards takes its
//! time. What was ordered after it waits meanwhile, so that commands keep their order; deliveries do
//! not.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use channels::codec;
use messaging::{
    Command, CommandId, Correction, Edit, EndpointName, Order, Partition, Record, Result,
};
use stores::ledger::{EditOf, EditRow, KeptEdit, MessageIdentity};
use tokio::task::JoinSet;
use tracing::error;

use super::{Draft, Engine, command::erased, replay::generation_after};
use crate::{
    codes,
    control::{Content, Orders},
    correction,
    examiner::{Examined, Examiner},
    orders::Refusal,
    schedule::Entry,
};

/// Where documents lie while they are judged.
#[derive(Debug)]
pub(super) struct Desk {
    examiner: Arc<dyn Examiner>,
    judging: JoinSet<(CommandId, Examined)>,
    /// Of those, which.
    open: HashSet<CommandId>,
    /// What was found, until it is decided about.
    found: HashMap<CommandId, Examined>,
    /// Waits for what is judged, and all that is read after it.
    waiting: Option<Orders>,
}

/// An edit that is to be made.
pub(super) struct Edited {
    pub(super) edit: Edit,
    /// What the delivery's generation is from now on.
    pub(super) generation: u32,
    record: Record,
}

impl Desk {
    pub(super) fn new(examiner: Arc<dyn Examiner>) -> Self {
        Self {
            examiner,
            judging: JoinSet::new(),
            open: HashSet::new(),
            found: HashMap::new(),
            waiting: None,
        }
    }

    /// Whether more orders may be read.
    pub(super) fn is_free(&self) -> bool {
        self.waiting.is_none()
    }

    /// What was found of one document. Cancel safe.
    pub(super) async fn judged(&mut self) -> Option<(CommandId, Examined)> {
        let judged = self.judging.join_next().await?;
        Some(judged.expect("nobody aborts a judgement, and an examiner does not panic"))
    }

    /// Forgets what was found: it was decided about, or is found again.
    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    /// Whether it is known what standards make of `command`'s document, if it has one; else it is
    /// judged from now on.
    pub(super) fn has_judged(&mut self, command: &Command) -> bool {
        let Order::Edit(correction) = &command.order else { return true };
        if self.found.contains_key(&command.id) {
            return true;
        }
        if self.open.insert(command.id) {
            let (id, examiner) = (command.id, Arc::clone(&self.examiner));
            let document = correction.document.clone();
            self.judging.spawn(async move { (id, examiner.examine(document).await) });
        }
        false
    }

    /// What is waited for no longer.
    fn take_over(&mut self, id: CommandId, examined: Examined) -> Option<Orders> {
        self.open.remove(&id);
        self.found.insert(id, examined);
        self.waiting.take_if(|_| self.open.is_empty())
    }
}

fn edits(orders: &Orders) -> impl Iterator<Item = &Command> {
    orders.records.iter().filter_map(|record| match &record.content {
        Content::Command(command) if matches!(command.order, Order::Edit(_)) => Some(command),
        _ => None,
    })
}

impl Engine {
    /// Obeys once every document in `orders` that concerns an endpoint served here is judged. On a
    /// shared ledger they are only recorded here.
    pub(super) async fn judge_and_obey(&mut self, orders: Orders, draft: &mut Draft) -> Result<()> {
        let is_served =
            |name: &EndpointName| self.served.iter().any(|served| served.endpoint.name == *name);
        let mut is_judged = true;
        if self.sharing.is_none() {
            for command in edits(&orders) {
                is_judged &= !is_served(&command.endpoint) || self.desk.has_judged(command);
            }
        }
        if is_judged {
            let obeyed = self.obey(orders, draft).await;
            self.desk.clear();
            return obeyed;
        }
        self.desk.waiting = Some(orders);
        Ok(())
    }

    pub(super) async fn judged(
        &mut self,
        id: CommandId,
        examined: Examined,
        draft: &mut Draft,
    ) -> Result<()> {
        match self.desk.take_over(id, examined) {
            Some(orders) => self.judge_and_obey(orders, draft).await,
            None => Ok(()),
        }
    }

    /// What is to go instead, if that may.
    pub(super) async fn edited(
        &mut self,
        command: &Command,
        correction: &Correction,
        identity: &MessageIdentity,
        entry: &Entry,
    ) -> Result<std::result::Result<Edited, Refusal>> {
        let unjudged = || Examined::Unjudged("it was not judged");
        let examined = self.desk.found.remove(&command.id).unwrap_or_else(unjudged);
        let Some((position, bytes)) = self.ledger.kept(identity.row).await? else {
            return Ok(Err(erased()));
        };
        let came = codec::from_bytes(bytes).and_then(|record| codec::decode_application(&record));
        let came = match came {
            Ok(came) => came,
            Err(cause) => {
                error!(code = codes::UNDECODABLE, row = identity.row.0, %cause, "record is damaged");
                return Ok(Err(erased()));
            }
        };
        let corrected = match correction::corrected(&came, correction, examined) {
            Ok(corrected) => corrected,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let last = self.ledger.generation_last(entry.endpoint, entry.message).await?;
        let Partition { channel, .. } = position.partition;
        Ok(Ok(Edited {
            edit: Edit {
                command: command.id,
                sha256: corrected.head.sha256,
                instead_of: came.head.sha256,
            },
            generation: generation_after(last, &self.teller.identity),
            record: codec::encode_application(channel, &corrected, &self.teller.source),
        }))
    }

    /// A command as the ledger keeps it, where that is less than what was read. Its owner still needs
    /// all of one that waits.
    pub(super) fn remembered(&self, command: &Command, is_waiting: bool) -> Option<Bytes> {
        let command = command.without_document().filter(|_| !is_waiting)?;
        Some(codec::to_bytes(&codec::encode_command(&command, &self.teller.source)))
    }

    /// Keeps it with what revives the delivery.
    pub(super) fn keep_edit(&self, entry: &Entry, edited: &Edited, draft: &mut Draft) {
        draft.transaction.edits.push(EditRow {
            delivery: entry.delivery,
            endpoint: entry.endpoint,
            message: entry.message,
            generation: edited.generation,
            command: edited.edit.command,
            record: codec::to_bytes(&edited.record),
        });
    }

    /// The record that an attempt handed over, and which edit that was, if it was one.
    pub(super) fn handed_over(
        &self,
        came: Bytes,
        edit: Option<KeptEdit>,
    ) -> std::result::Result<(Record, Option<Edit>), codec::Undecodable> {
        let came = codec::from_bytes(came)?;
        let Some(KeptEdit { command, record }) = edit else { return Ok((came, None)) };
        let edited = codec::from_bytes(record)?;
        let sha256 = codec::decode_head(&edited)?.sha256;
        let instead_of = codec::decode_head(&came)?.sha256;
        Ok((edited, Some(Edit { command, sha256, instead_of })))
    }

    /// What goes instead of the messages of `entries`, where that is another document. What is ordered
    /// in this very turn is not in the ledger yet, and may go with it.
    pub(super) async fn edits_of<'e>(
        &self,
        entries: impl Iterator<Item = &'e Entry>,
        draft: &Draft,
    ) -> Result<HashMap<EditOf, KeptEdit>> {
        let of: HashSet<EditOf> = entries.filter_map(edit_of).collect();
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        let mut found = self.ledger.edits(of.iter().copied().collect()).await?;
        for EditRow { endpoint, message, generation, command, record, .. } in
            &draft.transaction.edits
        {
            let (command, record) = (*command, record.clone());
            let drafted =
                EditOf { endpoint: *endpoint, message: *message, generation: *generation };
            if of.contains(&drafted) {
                found.insert(drafted, KeptEdit { command, record });
            }
        }
        Ok(found)
    }
}

/// What is asked for `entry`; nothing has gone under another key than its first one, nothing was
/// edited.
pub(super) fn edit_of(entry: &Entry) -> Option<EditOf> {
    let Entry { endpoint, message, generation, .. } = *entry;
    (generation != 0).then_some(EditOf { endpoint, message, generation })
}
