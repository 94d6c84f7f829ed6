//! The statements that put rows in.

use messaging::ApplicationHead;
use rusqlite::params;
use uuid::Uuid;

use super::{About, Row, Writing};
use crate::journal::{
    keys::{of_uuid, reasons_to_column, segment},
    rows::Delivery,
    state::{ACCEPTED, CONFLICT},
};

impl Writing<'_> {
    /// An application that is its own "accepted" entry.
    pub(super) fn insert_application(
        &mut self,
        head: &ApplicationHead,
        is_copy: bool,
    ) -> rusqlite::Result<()> {
        let id = self.next();
        let (message_id, case_id) = (head.message_id.0, head.case_id.0);
        let (state, verdict) = if is_copy { (CONFLICT, Some(CONFLICT)) } else { (ACCEPTED, None) };
        let sql =
            "INSERT INTO application (id, segment, message_key, message_id, is_copy, is_fresh,
             has_head, state, verdict, is_test, case_key, case_id, sender, own_id, case_reference,
             authority, standard, version, message_type, sha256, received_at, trace)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, 1, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
             ?17, ?18, ?19, ?20)";
        self.transaction.prepare_cached(sql)?.execute(params![
            id,
            segment(id),
            of_uuid(message_id),
            message_id.as_bytes(),
            is_copy,
            state,
            verdict,
            head.is_test,
            of_uuid(case_id),
            case_id.as_bytes(),
            head.sender.as_str(),
            head.own_id.as_ref().map(|own_id| own_id.as_str()),
            head.case_reference,
            head.authority.as_str(),
            head.procedure.standard,
            head.procedure.version,
            head.procedure.message_type,
            head.sha256.0,
            head.received_at.0,
            head.trace.as_ref().map(|trace| trace.as_str()),
        ])?;
        Ok(())
    }

    /// A row for what is told before its application is.
    pub(super) fn insert_announcement(&mut self, about: About<'_>) -> rusqlite::Result<i64> {
        let id = self.next();
        let sql =
            "INSERT INTO application (id, segment, message_key, message_id, is_copy, is_fresh,
             has_head, state, is_test, case_key, case_id, sender)
             VALUES (?1, ?2, ?3, ?4, 0, 0, 0, ?5, 0, ?6, ?7, ?8)";
        self.transaction.prepare_cached(sql)?.execute(params![
            id,
            segment(id),
            of_uuid(about.message_id),
            about.message_id.as_bytes(),
            ACCEPTED,
            about.case_id.map(of_uuid),
            about.case_id.as_ref().map(Uuid::as_bytes),
            about.sender,
        ])?;
        Ok(id)
    }

    /// The application itself has come.
    pub(super) fn update_application(
        &self,
        id: i64,
        head: &ApplicationHead,
    ) -> rusqlite::Result<()> {
        let sql = "UPDATE application SET has_head = 1, is_test = ?2, case_key = ?3, case_id = ?4,
             sender = ?5, own_id = ?6, case_reference = ?7, authority = ?8, standard = ?9,
             version = ?10, message_type = ?11, sha256 = ?12, received_at = ?13, trace = ?14
             WHERE id = ?1";
        self.transaction.prepare_cached(sql)?.execute(params![
            id,
            head.is_test,
            of_uuid(head.case_id.0),
            head.case_id.0.as_bytes(),
            head.sender.as_str(),
            head.own_id.as_ref().map(|own_id| own_id.as_str()),
            head.case_reference,
            head.authority.as_str(),
            head.procedure.standard,
            head.procedure.version,
            head.procedure.message_type,
            head.sha256.0,
            head.received_at.0,
            head.trace.as_ref().map(|trace| trace.as_str()),
        ])?;
        Ok(())
    }

    /// Whether it was new: a repeated event changes nothing.
    pub(super) fn insert_event_row(&mut self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let delivery = row.delivery;
        let sql = "INSERT OR IGNORE INTO event (id, application, fingerprint, at, kind, endpoint,
             code, cause, place, trace, receipt, reasons, reply_kind, ledger, epoch, number,
             version, state, attempts, next_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
             ?18, ?19, ?20)";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.execute(params![
            self.sequence + 1,
            row.application,
            row.fingerprint,
            row.at,
            row.kind,
            row.endpoint,
            row.code,
            row.cause,
            row.place,
            row.trace,
            row.receipt,
            row.reasons,
            row.reply_kind,
            delivery.map(|delivery| &delivery.ledger),
            delivery.map(|delivery| delivery.epoch),
            delivery.map(|delivery| delivery.number),
            delivery.map(|delivery| delivery.version),
            delivery.map(|delivery| delivery.state.name()),
            delivery.map(|delivery| delivery.attempts),
            delivery.and_then(|delivery| delivery.next_at).map(|at| at.0),
        ])?;
        if rows == 1 {
            self.next();
        }
        Ok(rows == 1)
    }

    pub(super) fn replace_delivery(
        &self,
        application: i64,
        row: &Delivery,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO delivery (application, endpoint, ledger, number, epoch,
             version, state, attempts, next_at, receipt, code, reasons)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.transaction.prepare_cached(sql)?.execute(params![
            application,
            row.endpoint,
            row.ledger,
            row.number,
            row.epoch,
            row.version,
            row.state.name(),
            row.attempts,
            row.next_at.map(|at| at.0),
            row.receipt,
            row.code,
            reasons_to_column(&row.reasons),
        ])?;
        Ok(())
    }
}
