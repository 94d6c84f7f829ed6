//! Pins of claims: which kept record needs which claim, and lifting the pins nobody needs.
//!
//! **Decide, record, act, settle**: the transaction that removes the last record that refers to a
//! claim records the claim as doubtful; its pin is lifted after that commit, and looked at once more
//! a round later. A crash in between lifts at the next round, and lifting twice is lifting once. The
//! second look is for a message that came with the same claim meanwhile: its reader pinned the claim
//! before our lifting, and its admission came after; then the pin is set again, long before a sweep
//! may take a claim that was used so lately.

use bytes::Bytes;
use messaging::ClaimId;
use rusqlite::{Connection, Transaction as Sql, params};
use uuid::Uuid;

use super::{
    retention::DoubtfulPin,
    types::{MessageRow, VerdictKind, VerdictRow},
};

/// Verdicts and messages are numbered apart.
pub(super) fn holder_of_verdict(verdict: i64) -> i64 {
    -verdict
}

/// `holder` needs `claims`.
pub(super) fn hold(sql: &Sql<'_>, holder: i64, claims: &[ClaimId]) -> rusqlite::Result<()> {
    for claim in claims {
        sql.prepare_cached("INSERT OR IGNORE INTO claim VALUES (?1, ?2)")?
            .execute(params![claim.0.as_bytes(), holder])?;
    }
    Ok(())
}

/// A conflict's record is kept and needs its claims. A duplicate's is not: whatever was pinned for it
/// alone is needed by nobody.
pub(super) fn hold_verdict(sql: &Sql<'_>, verdict: i64, row: &VerdictRow) -> rusqlite::Result<()> {
    let holder = holder_of_verdict(verdict);
    hold(sql, holder, &row.claims)?;
    match row.kind {
        VerdictKind::Duplicate if !row.claims.is_empty() => release(sql, holder),
        _ => Ok(()),
    }
}

/// `holder` needs nothing any more.
pub(super) fn release(sql: &Sql<'_>, holder: i64) -> rusqlite::Result<()> {
    sql.prepare_cached(
        "INSERT INTO lift (claim, is_lifted)
             SELECT claim, 0 FROM claim c WHERE c.holder = ?1
                AND NOT EXISTS (SELECT 1 FROM claim o
                                WHERE o.claim = c.claim AND o.holder <> ?1)
             ON CONFLICT (claim) DO UPDATE SET is_lifted = 0",
    )?
    .execute([holder])?;
    sql.prepare_cached("DELETE FROM claim WHERE holder = ?1")?.execute([holder]).map(drop)
}

/// Records of messages up to this one may refer to claims that are not known; 0: none.
pub(super) fn claims_unknown(sql: &Connection) -> rusqlite::Result<i64> {
    sql.prepare_cached("SELECT claims_unknown FROM meta")?.query_row([], |row| row.get(0))
}

pub(super) fn doubtful(
    connection: &mut Connection,
    is_lifted: bool,
    limit: u32,
) -> rusqlite::Result<Vec<DoubtfulPin>> {
    if claims_unknown(connection)? != 0 {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(
        "SELECT claim, EXISTS (SELECT 1 FROM claim c WHERE c.claim = lift.claim) FROM lift
         WHERE is_lifted = ?1 ORDER BY claim LIMIT ?2",
    )?;
    let rows = statement.query_map(params![is_lifted, limit], |row| {
        let claim = ClaimId(Uuid::from_bytes(row.get(0)?));
        Ok(DoubtfulPin { claim, is_lifted, is_needed: row.get(1)? })
    })?;
    rows.collect()
}

pub(super) fn settle(
    connection: &mut Connection,
    lifted: &[ClaimId],
    done: &[DoubtfulPin],
) -> rusqlite::Result<()> {
    let sql = connection.transaction()?;
    for claim in lifted {
        sql.prepare_cached("UPDATE lift SET is_lifted = 1 WHERE claim = ?1")?
            .execute([claim.0.as_bytes()])?;
    }
    for pin in done {
        // Another may have come and gone meanwhile; that is another doubt.
        sql.prepare_cached("DELETE FROM lift WHERE claim = ?1 AND is_lifted = ?2")?
            .execute(params![pin.claim.0.as_bytes(), pin.is_lifted])?;
    }
    sql.commit()
}

pub(super) fn without_claims(
    connection: &mut Connection,
    limit: u32,
) -> rusqlite::Result<Vec<(MessageRow, Bytes)>> {
    let unknown = claims_unknown(connection)?;
    if unknown == 0 {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(
        "SELECT message, record FROM body WHERE message <= ?1 ORDER BY message DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![unknown, limit], |row| {
        let record: Vec<u8> = row.get(1)?;
        Ok((MessageRow(row.get(0)?), record.into()))
    })?;
    let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    drop(statement);
    if rows.is_empty() {
        connection.execute("UPDATE meta SET claims_unknown = 0", [])?;
    }
    Ok(rows)
}

pub(super) fn note_claims(
    connection: &mut Connection,
    found: &[(MessageRow, Vec<ClaimId>)],
) -> rusqlite::Result<()> {
    let sql = connection.transaction()?;
    for (message, claims) in found {
        hold(&sql, message.0, claims)?;
        sql.execute("UPDATE meta SET claims_unknown = ?1", [message.0 - 1])?;
    }
    sql.commit()
}
