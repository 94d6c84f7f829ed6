//! Projects batches: rows and position move in one transaction, with a handful of statements.

use std::collections::HashMap;

use messaging::{
    ApplicationHead, Event, EventKind, Partition, Position, ReadReply, ReplyEvent, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use uuid::Uuid;

use super::{
    bulk, command,
    keys::{int, of_texts, of_uuid, reasons_to_column},
    read, report,
    rows::{Delivery, Projected, Projection},
    state,
};

mod insert;

use insert::{Details, Row, delivery_of, place};

/// What became of a batch.
pub(super) enum Applied {
    /// It is in; the last sequence number given.
    Yes(i64),
    /// The stored position is not where reading began: somebody else wrote.
    Moved { partition: Partition, from: u64 },
}

/// Rows that belong to no application.
const NO_APPLICATION: i64 = 0;

/// Projects `batches`, all or nothing.
pub(super) fn apply(
    connection: &mut Connection,
    batches: &[Projection],
    now: Timestamp,
) -> rusqlite::Result<Applied> {
    let transaction = connection.transaction()?;
    let sequence =
        transaction.query_row("SELECT sequence FROM meta", [], |row| row.get::<_, i64>(0))?;
    let mut writing = Writing { transaction: &transaction, sequence, tally: HashMap::new() };
    for batch in batches {
        if !writing.advance(batch)? {
            let (partition, from) = (batch.partition.clone(), batch.from);
            return Ok(Applied::Moved { partition, from });
        }
        for entry in &batch.entries {
            writing.project(entry, &batch.partition)?;
        }
    }
    let sequence = writing.finish(now)?;
    transaction.commit()?;
    Ok(Applied::Yes(sequence))
}

struct Writing<'t> {
    transaction: &'t Transaction<'t>,
    sequence: i64,
    tally: HashMap<(String, &'static str), i64>,
}

/// What is known of a message when something about it comes.
struct Known {
    id: i64,
    has_head: bool,
    sha256: Option<Vec<u8>>,
    state: String,
    verdict: Option<String>,
}

/// Whose message an event or a reply is about.
#[derive(Clone, Copy)]
struct About<'a> {
    message_id: Uuid,
    case_id: Option<Uuid>,
    sender: Option<&'a str>,
}

impl Writing<'_> {
    fn next(&mut self) -> i64 {
        self.sequence += 1;
        self.sequence
    }

    fn advance(&self, batch: &Projection) -> rusqlite::Result<bool> {
        let (channel, number) = (batch.partition.channel.as_str(), batch.partition.number);
        let sql = "INSERT INTO position (channel, number, next) VALUES (?1, ?2, ?4)
                   ON CONFLICT DO UPDATE SET next = ?4 WHERE next = ?3";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.execute(params![channel, number, int(batch.from), int(batch.next)])?;
        Ok(rows == 1)
    }

    fn project(&mut self, entry: &Projected, partition: &Partition) -> rusqlite::Result<()> {
        match entry {
            Projected::Application(head) => self.application(head),
            Projected::Event(event) => self.event(event),
            Projected::Reply(reply) => self.reply(reply),
            Projected::Command(command) => command::issued(self.transaction, command),
            Projected::Undecodable { offset, at, code, cause } => {
                let position = Position { partition: partition.clone(), offset: *offset };
                let place = place(&position);
                let row = Row {
                    code: Some(code),
                    cause: Some(cause),
                    place: Some(&place),
                    ..Row::new(NO_APPLICATION, of_texts(&[&place]), *at, "undecodable")
                };
                self.insert_event(&row).map(drop)
            }
        }
    }

    /// Of two records with one id and other bytes, the one that is read here first is shown as the
    /// message, and the other as its conflict. The ledger decides by what it reads first. Both read
    /// a partition in the same order, so they can differ only if the two lie in different ones: the
    /// copy names another case, came by another channel, or after a change of the number of
    /// partitions. Then the hash shown may be that of the copy the ledger put aside; the ledger's
    /// `conflict` event in the timeline names the place of the record that lost.
    fn application(&mut self, head: &ApplicationHead) -> rusqlite::Result<()> {
        match self.find(head.message_id.0)? {
            None => {
                self.insert_accepted(head, false)?;
                self.count("", "applications", 1);
                Ok(())
            }
            Some(known) if !known.has_head => {
                self.fill_in(known.id, head)?;
                self.count("", "applications", 1);
                let fingerprint = of_texts(&["accepted"]);
                self.insert_event(&Row::new(known.id, fingerprint, head.received_at, "accepted"))?;
                let deliveries = read::deliveries(self.transaction, known.id)?;
                self.settle_state(&Known { has_head: true, ..known }, &deliveries)
            }
            // The sender repeated itself; the ledger tells so.
            Some(known) if known.sha256.as_deref() == Some(head.sha256.0.as_slice()) => Ok(()),
            Some(_) => self.insert_accepted(head, true),
        }
    }

    fn event(&mut self, event: &Event) -> rusqlite::Result<()> {
        if command::answered(self.transaction, event)? || bulk::told(self.transaction, event)? {
            return Ok(());
        }
        // The newest says it all; what was before is no history of anything.
        if let EventKind::EndpointReported(told) = &event.kind {
            let values = params![told.endpoint.as_str(), event.at.0, report::to_text(told)];
            let sql = "INSERT INTO report (endpoint, at, told) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET at = ?2, told = ?3 WHERE at <= ?2";
            return self.transaction.prepare_cached(sql)?.execute(values).map(drop);
        }
        let known = match event.message_id {
            Some(message_id) => Some(self.find_or_insert(About {
                message_id: message_id.0,
                case_id: event.case_id.map(|case| case.0),
                sender: event.sender.as_ref().map(|sender| sender.as_str()),
            })?),
            None => None,
        };
        let application = known.as_ref().map_or(NO_APPLICATION, |known| known.id);
        let details = Details::of(event);
        let place = details.position.map(place);
        let fingerprint = match (&event.kind, &place) {
            // The dispatcher and this projector find the same record unreadable: told once.
            (EventKind::Undecodable { .. }, Some(place)) => of_texts(&[place]),
            _ => of_texts(&[&event.id]),
        };
        let trace = event.trace.as_ref().map(|trace| trace.as_str());
        let delivery = delivery_of(event, &details);
        let row = Row {
            endpoint: details.endpoint,
            code: event.code.as_deref(),
            cause: event.cause.as_deref(),
            place: place.as_deref(),
            trace,
            receipt: details.receipt,
            reasons: reasons_to_column(details.reasons),
            delivery: delivery.as_ref(),
            ..Row::new(application, fingerprint, event.at, event.kind.name())
        };
        if !self.insert_event(&row)? {
            return Ok(());
        }
        match (&event.kind, known) {
            (EventKind::GateClosed { endpoint }, _) => {
                self.gate(endpoint.as_str(), event, true)?;
            }
            (EventKind::GateOpened { endpoint }, _) => {
                self.gate(endpoint.as_str(), event, false)?;
            }
            (EventKind::Refused { .. }, None) => self.count("", "refused", 1),
            (_, Some(known)) => self.touch(known, event, delivery)?,
            (_, None) => {}
        }
        Ok(())
    }

    /// Draws what follows from an event for its application.
    fn touch(
        &mut self,
        mut known: Known,
        event: &Event,
        delivery: Option<Delivery>,
    ) -> rusqlite::Result<()> {
        let verdict = match event.kind {
            EventKind::Refused { .. } => {
                self.count("", "refused", 1);
                Some(state::REFUSED)
            }
            EventKind::Unrouted => Some(state::UNROUTED),
            _ => None,
        };
        if verdict.is_none() && delivery.is_none() {
            return Ok(());
        }
        if let Some(verdict) = verdict
            && known.verdict.as_deref() != Some(state::UNROUTED)
        {
            known.verdict = Some(verdict.to_owned());
            let sql = "UPDATE application SET verdict = ?2 WHERE id = ?1";
            self.transaction.prepare_cached(sql)?.execute(params![known.id, verdict])?;
        }
        let mut deliveries = read::deliveries(self.transaction, known.id)?;
        if let Some(told) = delivery {
            self.deliver(known.id, &mut deliveries, told)?;
        }
        self.settle_state(&known, &deliveries)
    }

    fn deliver(
        &mut self,
        application: i64,
        deliveries: &mut Vec<Delivery>,
        told: Delivery,
    ) -> rusqlite::Result<()> {
        let key = (told.endpoint.clone(), told.ledger.clone(), told.number);
        let is_it =
            |row: &&Delivery| (&row.endpoint, &row.ledger, row.number) == (&key.0, &key.1, key.2);
        let before = deliveries.iter().find(is_it).map(|row| row.state);
        if !state::merge(deliveries, told) {
            return Ok(());
        }
        let row = deliveries.iter().find(is_it).expect("it was merged just now");
        if let Some(before) = before {
            self.count(&key.0, before.name(), -1);
        }
        self.count(&key.0, row.state.name(), 1);
        self.insert_delivery(application, row)
    }

    /// Writes the one word anew if it changed.
    fn settle_state(&self, known: &Known, deliveries: &[Delivery]) -> rusqlite::Result<()> {
        let state = state::state(deliveries, known.verdict.as_deref(), known.has_head);
        if state == known.state {
            return Ok(());
        }
        let sql = "UPDATE application SET state = ?2 WHERE id = ?1";
        self.transaction.prepare_cached(sql)?.execute(params![known.id, state]).map(drop)
    }

    fn reply(&mut self, reply: &ReplyEvent) -> rusqlite::Result<()> {
        let known = self.find_or_insert(About {
            message_id: reply.message_id.0,
            case_id: Some(reply.case_id.0),
            sender: Some(reply.sender.as_str()),
        })?;
        let endpoint = reply.endpoint.as_str();
        let fingerprint = of_texts(&["reply", endpoint, &reply.reply.id]);
        let row = Row {
            endpoint: Some(endpoint),
            trace: reply.trace.as_ref().map(|trace| trace.as_str()),
            reply_kind: Some(&reply.reply.kind),
            code: reply.reply.code.as_deref(),
            ..Row::new(known.id, fingerprint, reply.at, "reply")
        };
        if !self.insert_event(&row)? {
            return Ok(());
        }
        let sql = "INSERT OR IGNORE INTO reply (application, fingerprint, at, endpoint, kind,
                   media_type, size, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let (reply, body) = (&reply.reply, &reply.reply.body);
        let size = int(body.len() as u64);
        let inserted = self.transaction.prepare_cached(sql)?.execute(params![
            known.id,
            fingerprint,
            row.at,
            endpoint,
            reply.kind,
            reply.media_type,
            size,
            body.as_ref(),
        ])?;
        let Some(ReadReply { procedure, canonical }) = reply.read.as_ref().filter(|_| inserted > 0)
        else {
            return Ok(());
        };
        let sql = "INSERT INTO reading (reply, standard, version, message_type, canonical)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        self.transaction.prepare_cached(sql)?.execute(params![
            self.transaction.last_insert_rowid(),
            procedure.standard,
            procedure.version,
            procedure.message_type,
            canonical.as_ref(),
        ])?;
        Ok(())
    }

    fn gate(&self, endpoint: &str, event: &Event, is_closed: bool) -> rusqlite::Result<()> {
        // Events of one endpoint keep their order on the channel; the later time wins all the same.
        let sql = "INSERT INTO gate (endpoint, at, event, is_closed, code)
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
                   SET at = ?2, event = ?3, is_closed = ?4, code = ?5 WHERE at <= ?2";
        let values = params![endpoint, event.at.0, event.id, is_closed, event.code];
        self.transaction.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn count(&mut self, endpoint: &str, state: &'static str, change: i64) {
        *self.tally.entry((endpoint.to_owned(), state)).or_default() += change;
    }

    fn finish(self, now: Timestamp) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO tally (endpoint, state, total) VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET total = total + ?3";
        let mut statement = self.transaction.prepare_cached(sql)?;
        for ((endpoint, state), change) in self.tally.iter().filter(|(_, change)| **change != 0) {
            statement.execute(params![endpoint, state, change])?;
        }
        let sql = "UPDATE meta SET sequence = ?1, projected_at = ?2";
        self.transaction.prepare_cached(sql)?.execute(params![self.sequence, now.0])?;
        Ok(self.sequence)
    }

    fn find(&self, message_id: Uuid) -> rusqlite::Result<Option<Known>> {
        let sql = "SELECT id, has_head, sha256, state, verdict FROM application
                   WHERE message_key = ?1 AND message_id = ?2 AND is_copy = 0";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let known =
            statement.query_row(params![of_uuid(message_id), message_id.as_bytes()], |row| {
                Ok(Known {
                    id: row.get(0)?,
                    has_head: row.get(1)?,
                    sha256: row.get(2)?,
                    state: row.get(3)?,
                    verdict: row.get(4)?,
                })
            });
        known.optional()
    }

    /// What is told of a message may come before the message itself.
    fn find_or_insert(&mut self, about: About<'_>) -> rusqlite::Result<Known> {
        if let Some(known) = self.find(about.message_id)? {
            return Ok(known);
        }
        let id = self.insert_announced(about)?;
        let state = state::ACCEPTED.to_owned();
        Ok(Known { id, has_head: false, sha256: None, state, verdict: None })
    }
}
