//! Projects batches: rows and position move in one transaction.

use std::collections::HashMap;

use messaging::{
    ApplicationHead, EndpointReport, Event, Partition, ReadReply, ReplyEvent, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use uuid::Uuid;

use super::{
    keys::{int, of_uuid},
    project::{About, Known, Row, Sheet, project},
    read, report,
    rows::{Delivery, Projection},
};

mod insert;

/// What became of a batch.
pub(super) enum Applied {
    /// It is in; the last sequence number given.
    Yes(i64),
    /// The stored position is not where reading began: somebody else wrote.
    Moved { partition: Partition, from: u64 },
}

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
            project(&mut writing, entry, &batch.partition)?;
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
}

impl Sheet for Writing<'_> {
    type Error = rusqlite::Error;

    fn find(&mut self, message_id: Uuid) -> rusqlite::Result<Option<Known>> {
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

    fn insert_accepted(&mut self, head: &ApplicationHead, is_copy: bool) -> rusqlite::Result<()> {
        self.insert_application(head, is_copy)
    }

    fn insert_announced(&mut self, about: About<'_>) -> rusqlite::Result<i64> {
        self.insert_announcement(about)
    }

    fn fill_in(&mut self, id: i64, head: &ApplicationHead) -> rusqlite::Result<()> {
        self.update_application(id, head)
    }

    fn insert_event(&mut self, row: &Row<'_>) -> rusqlite::Result<bool> {
        self.insert_event_row(row)
    }

    fn deliveries(&mut self, application: i64) -> rusqlite::Result<Vec<Delivery>> {
        read::deliveries(self.transaction, application)
    }

    fn insert_delivery(&mut self, application: i64, row: &Delivery) -> rusqlite::Result<()> {
        self.replace_delivery(application, row)
    }

    fn set_state(&mut self, application: i64, state: &'static str) -> rusqlite::Result<()> {
        let sql = "UPDATE application SET state = ?2 WHERE id = ?1";
        self.transaction.prepare_cached(sql)?.execute(params![application, state]).map(drop)
    }

    fn set_verdict(&mut self, application: i64, verdict: &'static str) -> rusqlite::Result<()> {
        let sql = "UPDATE application SET verdict = ?2 WHERE id = ?1";
        self.transaction.prepare_cached(sql)?.execute(params![application, verdict]).map(drop)
    }

    fn insert_reply(
        &mut self,
        application: i64,
        fingerprint: i64,
        told: &ReplyEvent,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT OR IGNORE INTO reply (application, fingerprint, at, endpoint, kind,
                   media_type, size, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let (reply, body) = (&told.reply, &told.reply.body);
        let size = int(body.len() as u64);
        let inserted = self.transaction.prepare_cached(sql)?.execute(params![
            application,
            fingerprint,
            told.at.0,
            told.endpoint.as_str(),
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

    fn set_gate(&mut self, endpoint: &str, event: &Event, is_closed: bool) -> rusqlite::Result<()> {
        // Events of one endpoint keep their order on the channel; the later time wins all the same.
        let sql = "INSERT INTO gate (endpoint, at, event, is_closed, code)
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
                   SET at = ?2, event = ?3, is_closed = ?4, code = ?5 WHERE at <= ?2";
        let values = params![endpoint, event.at.0, event.id, is_closed, event.code];
        self.transaction.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn report(&mut self, told: &EndpointReport, at: Timestamp) -> rusqlite::Result<()> {
        let values = params![told.endpoint.as_str(), at.0, report::to_text(told)];
        let sql = "INSERT INTO report (endpoint, at, told) VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET at = ?2, told = ?3 WHERE at <= ?2";
        self.transaction.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn count(&mut self, endpoint: &str, state: &'static str, change: i64) {
        *self.tally.entry((endpoint.to_owned(), state)).or_default() += change;
    }
}
