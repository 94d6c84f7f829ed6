//! What is asked of the journal, of many applications at once where there are many.

use std::collections::{BTreeMap, HashMap};

use messaging::{ChannelName, DeliveryState, Partition, ProcedureName, Sha256, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::journal::{
    TIMELINE_MAX,
    asked::{PREFIX_MIN, range_of},
    keys::{reasons_of_column, segment},
    rows::{
        Application, Delivery, EndpointOverview, Entry, Overview, Progress, ReplyBody, ReplyInfo,
        Whole,
    },
    stand::accepted,
};

pub(super) const APPLICATION: &str =
    "a.id, a.message_id, a.has_head, a.state, a.is_test, a.case_id,
    a.sender, a.own_id, a.case_reference, a.authority, a.standard, a.version, a.message_type,
    a.sha256, a.received_at, a.trace, a.is_fresh";

const DELIVERY: &str = "d.endpoint, d.ledger, d.number, d.epoch, d.version, d.state, d.attempts,
    d.next_at, d.receipt, d.code, d.reasons";

const ENTRY: &str =
    "e.id, e.at, e.kind, e.endpoint, e.code, e.cause, e.place, e.receipt, e.reasons,
    e.reply_kind, e.ledger, e.epoch, e.number, e.version, e.state, e.attempts, e.next_at,
    e.application";

const REPLY: &str = "r.id, r.fingerprint, a.message_id, r.endpoint, r.kind, r.media_type,
    octet_length(r.body)::bigint, r.at, r.standard, r.version, r.message_type, r.application";

type Rows<T> = sqlx::Result<Vec<T>>;

pub(super) async fn progress(sql: &mut PgConnection) -> sqlx::Result<(Progress, Uuid, i64)> {
    let row = sqlx::query("SELECT sequence, projected_at, epoch, trimmed_through FROM meta")
        .fetch_one(&mut *sql)
        .await?;
    let progress = Progress {
        sequence: row.try_get(0)?,
        projected_at: row.try_get::<Option<i64>, _>(1)?.map(Timestamp),
        positions: positions(sql).await?.into(),
    };
    Ok((progress, row.try_get(2)?, row.try_get(3)?))
}

pub(super) async fn positions(sql: &mut PgConnection) -> sqlx::Result<BTreeMap<Partition, u64>> {
    let rows = sqlx::query("SELECT channel, number, next FROM position").fetch_all(sql).await?;
    let mut positions = BTreeMap::new();
    for row in &rows {
        if let Ok(channel) = ChannelName::new(row.try_get::<String, _>(0)?) {
            let number = row.try_get::<i32, _>(1)?.unsigned_abs();
            let next = row.try_get::<i64, _>(2)?.unsigned_abs();
            positions.insert(Partition { channel, number }, next);
        }
    }
    Ok(positions)
}

/// The rows of a message id: at most one, and copies with other bytes.
pub(super) async fn by_message(sql: &mut PgConnection, id: Uuid) -> Rows<Application> {
    let asked =
        format!("SELECT {APPLICATION} FROM application a WHERE message_id = $1 ORDER BY id");
    let rows = sqlx::query(AssertSqlSafe(asked)).bind(id).fetch_all(sql).await?;
    rows.iter().map(application).collect()
}

/// All segments there are, each asked in the index that begins with it.
async fn segments(sql: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    let row = sqlx::query("SELECT sequence FROM meta").fetch_one(sql).await?;
    Ok((0..=segment(row.try_get(0)?)).collect())
}

/// The messages of a case in order; at most `rows_max`.
pub(super) async fn by_case(
    sql: &mut PgConnection,
    case: Uuid,
    rows_max: u32,
) -> Rows<Application> {
    let segments = segments(sql).await?;
    let asked = format!(
        "SELECT {APPLICATION} FROM application a WHERE segment = ANY ($1) AND case_id = $2
         ORDER BY id LIMIT $3"
    );
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(segments).bind(case);
    let rows = asked.bind(i64::from(rows_max)).fetch_all(sql).await?;
    rows.iter().map(application).collect()
}

/// Whatever `text` may be: the most certain finds first, each once.
pub(super) async fn search(sql: &mut PgConnection, text: &str, rows_max: u32) -> Rows<Application> {
    let text = text.trim();
    let mut found = Vec::new();
    if let Ok(id) = Uuid::parse_str(text) {
        found.extend(by_message(sql, id).await?);
        found.extend(by_case(sql, id, rows_max).await?);
    } else if let Some((low, high)) = range_of(text) {
        let asked = format!(
            "SELECT {APPLICATION} FROM application a WHERE message_id BETWEEN $1 AND $2
             ORDER BY message_id LIMIT $3"
        );
        let asked = sqlx::query(AssertSqlSafe(asked)).bind(low).bind(high);
        let rows = asked.bind(i64::from(rows_max)).fetch_all(&mut *sql).await?;
        found.extend(rows.iter().map(application).collect::<Rows<_>>()?);
    }
    if PREFIX_MIN <= text.len() {
        let segments = segments(sql).await?;
        let asked = format!(
            "SELECT {APPLICATION} FROM application a
             WHERE segment = ANY ($1) AND own_id >= $2 AND own_id < $3 LIMIT $4"
        );
        let end = format!("{text}{}", char::MAX);
        let asked = sqlx::query(AssertSqlSafe(asked)).bind(segments).bind(text).bind(end);
        let rows = asked.bind(i64::from(rows_max)).fetch_all(&mut *sql).await?;
        found.extend(rows.iter().map(application).collect::<Rows<_>>()?);
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|application| seen.insert(application.id));
    found.truncate(rows_max as usize);
    Ok(found)
}

/// Newest first, below `before`.
pub(super) async fn list(
    sql: &mut PgConnection,
    before: i64,
    state: Option<&str>,
    endpoint: Option<&str>,
    rows_max: u32,
) -> Rows<Application> {
    let by_state = match state {
        Some("delivered") => "AND state = $2",
        // Said twice, so that the index without delivered ones is used.
        Some(_) => "AND state = $2 AND state <> 'delivered'",
        None => "AND $2::text IS NULL",
    };
    let by_endpoint = match endpoint {
        Some(_) => {
            "AND EXISTS (SELECT 1 FROM delivery d WHERE d.endpoint = $3 AND d.application = a.id)"
        }
        None => "AND $3::text IS NULL",
    };
    let asked = format!(
        "SELECT {APPLICATION} FROM application a WHERE id < $1 {by_state} {by_endpoint}
         ORDER BY id DESC LIMIT $4"
    );
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(before).bind(state).bind(endpoint);
    let rows = asked.bind(i64::from(rows_max)).fetch_all(sql).await?;
    rows.iter().map(application).collect()
}

/// Of each application, by endpoint, ledger and number.
pub(super) async fn deliveries(
    sql: &mut PgConnection,
    applications: &[i64],
) -> sqlx::Result<HashMap<i64, Vec<Delivery>>> {
    let asked =
        format!("SELECT {DELIVERY}, d.application FROM delivery d WHERE d.application = ANY ($1)");
    let rows = sqlx::query(AssertSqlSafe(asked)).bind(applications).fetch_all(sql).await?;
    let mut found: HashMap<i64, Vec<Delivery>> = HashMap::new();
    for row in &rows {
        found.entry(row.try_get(11)?).or_default().push(delivery(row, 0)?);
    }
    for deliveries in found.values_mut() {
        deliveries.sort_by_cached_key(|of| (of.endpoint.clone(), of.ledger.clone(), of.number));
    }
    Ok(found)
}

/// The newest entries of each application up to `last`, oldest first.
pub(super) async fn timelines(
    sql: &mut PgConnection,
    of: &[&Application],
    last: i64,
    rows_max: u32,
) -> sqlx::Result<HashMap<i64, Vec<Entry>>> {
    let asked = format!(
        "SELECT {ENTRY} FROM unnest($1::bigint[]) g (application) CROSS JOIN LATERAL
             (SELECT * FROM event WHERE event.application = g.application AND event.id <= $2
              ORDER BY event.id DESC LIMIT $3) e"
    );
    let rows = sqlx::query(AssertSqlSafe(asked))
        .bind(of.iter().map(|application| application.id).collect::<Vec<i64>>())
        .bind(last)
        .bind(i64::from(rows_max))
        .fetch_all(sql)
        .await?;
    let mut found: HashMap<i64, Vec<Entry>> = HashMap::new();
    for row in &rows {
        found.entry(row.try_get(17)?).or_default().push(entry(row)?);
    }
    for application in of {
        let timeline = found.entry(application.id).or_default();
        timeline.extend(accepted(application));
        timeline.sort_by_key(|entry| entry.sequence);
    }
    Ok(found)
}

/// Everything about each of them, in their order.
pub(super) async fn whole(sql: &mut PgConnection, of: Vec<Application>) -> Rows<Whole> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = of.iter().map(|application| application.id).collect();
    let mut deliveries = deliveries(sql, &ids).await?;
    let all: Vec<&Application> = of.iter().collect();
    let mut timelines = timelines(sql, &all, i64::MAX, TIMELINE_MAX).await?;
    let mut replies_of: HashMap<i64, Vec<ReplyInfo>> = HashMap::new();
    for (id, reply) in replies(sql, &ids, (0, 0), i64::from(TIMELINE_MAX)).await? {
        replies_of.entry(id).or_default().push(reply);
    }
    let whole = |application: Application| {
        let mut timeline = timelines.remove(&application.id).unwrap_or_default();
        // Arrival says little to a reader; what happened first stands first.
        timeline.sort_by_key(|entry| (entry.at, entry.sequence));
        Whole {
            deliveries: deliveries.remove(&application.id).unwrap_or_default(),
            replies: replies_of.remove(&application.id).unwrap_or_default(),
            timeline,
            application,
        }
    };
    Ok(of.into_iter().map(whole).collect())
}

/// Replies to applications, oldest first within each; of the one `after` names, those after that one.
/// At most `each_max` of one application.
pub(super) async fn replies(
    sql: &mut PgConnection,
    of: &[i64],
    after: (i64, i64),
    each_max: i64,
) -> Rows<(i64, ReplyInfo)> {
    let asked = format!(
        "SELECT {REPLY} FROM unnest($1::bigint[]) g (application)
         JOIN application a ON a.id = g.application CROSS JOIN LATERAL
             (SELECT * FROM reply WHERE reply.application = g.application
                AND (g.application <> $2 OR reply.id > $3) ORDER BY reply.id LIMIT $4) r
         ORDER BY r.application, r.id"
    );
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(of).bind(after.0).bind(after.1);
    let rows = asked.bind(each_max).fetch_all(sql).await?;
    rows.iter().map(|row| Ok((row.try_get(11)?, reply(row)?))).collect()
}

/// Of the last reply to each that decides what a citizen is shown.
pub(super) async fn reply_kinds(
    sql: &mut PgConnection,
    of: &[i64],
) -> sqlx::Result<HashMap<i64, String>> {
    let rows = sqlx::query(
        "SELECT DISTINCT ON (application) application, kind FROM reply
         WHERE application = ANY ($1) AND kind IN ('question', 'decision')
         ORDER BY application, id DESC",
    )
    .bind(of)
    .fetch_all(sql)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

pub(super) async fn reply_body(
    sql: &mut PgConnection,
    of: i64,
    fingerprint: i64,
) -> sqlx::Result<Option<ReplyBody>> {
    let asked = format!(
        "SELECT {REPLY}, r.body, r.canonical FROM reply r JOIN application a ON a.id = r.application
         WHERE r.application = $1 AND r.fingerprint = $2"
    );
    let asked = sqlx::query(AssertSqlSafe(asked)).bind(of).bind(fingerprint);
    let Some(row) = asked.fetch_optional(sql).await? else { return Ok(None) };
    let body = row.try_get::<Vec<u8>, _>(12)?.into();
    let canonical = row.try_get::<Option<Vec<u8>>, _>(13)?.filter(|it| !it.is_empty());
    Ok(Some(ReplyBody { info: reply(&row)?, body, canonical: canonical.map(Into::into) }))
}

pub(super) async fn overview(sql: &mut PgConnection) -> sqlx::Result<Overview> {
    let mut overview = Overview::default();
    let rows = sqlx::query("SELECT endpoint, state, total FROM tally").fetch_all(&mut *sql).await?;
    for row in &rows {
        let (endpoint, state): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let total = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
        match (endpoint.as_str(), state.as_str()) {
            ("", "applications") => overview.applications = total,
            ("", _) => overview.refused = total,
            _ => {
                overview.endpoints.entry(endpoint).or_default().deliveries.insert(state, total);
            }
        }
    }
    let rows = sqlx::query("SELECT endpoint, at, code, is_closed FROM gate");
    for row in &rows.fetch_all(&mut *sql).await? {
        let gate = (Timestamp(row.try_get(1)?), row.try_get(2)?);
        // Also one that was never sent anything: every start tells of its gate.
        let of: &mut EndpointOverview = overview.endpoints.entry(row.try_get(0)?).or_default();
        of.gate_closed = row.try_get::<bool, _>(3)?.then_some(gate);
    }
    super::report::add_reports(sql, &mut overview).await?;
    let row = sqlx::query(
        "SELECT count(*) FROM application WHERE state = 'unrouted' AND state <> 'delivered'",
    )
    .fetch_one(sql)
    .await?;
    overview.unrouted = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
    Ok(overview)
}

/// Columns as [`APPLICATION`] lists them.
pub(super) fn application(row: &PgRow) -> sqlx::Result<Application> {
    let sha256: Option<Vec<u8>> = row.try_get(13)?;
    let sha256 = sha256.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
    Ok(Application {
        id: row.try_get(0)?,
        message_id: row.try_get(1)?,
        has_head: row.try_get(2)?,
        state: row.try_get(3)?,
        is_test: row.try_get(4)?,
        case_id: row.try_get(5)?,
        sender: row.try_get(6)?,
        own_id: row.try_get(7)?,
        case_reference: row.try_get(8)?,
        authority: row.try_get(9)?,
        standard: row.try_get(10)?,
        version: row.try_get(11)?,
        message_type: row.try_get(12)?,
        sha256: sha256.map(|hash| Sha256(hash).to_string()),
        received_at: row.try_get::<Option<i64>, _>(14)?.map(Timestamp),
        trace: row.try_get(15)?,
        is_fresh: row.try_get(16)?,
    })
}

/// Eleven columns from `first` on.
pub(super) fn delivery(row: &PgRow, first: usize) -> sqlx::Result<Delivery> {
    let state: String = row.try_get(first + 5)?;
    let reasons: Option<String> = row.try_get(first + 10)?;
    Ok(Delivery {
        endpoint: row.try_get(first)?,
        ledger: row.try_get(first + 1)?,
        number: row.try_get(first + 2)?,
        epoch: row.try_get(first + 3)?,
        version: row.try_get(first + 4)?,
        // Written from the same list.
        state: DeliveryState::named(&state).unwrap_or(DeliveryState::Pending),
        attempts: row.try_get::<i32, _>(first + 6)?.unsigned_abs(),
        next_at: row.try_get::<Option<i64>, _>(first + 7)?.map(Timestamp),
        receipt: row.try_get(first + 8)?,
        code: row.try_get(first + 9)?,
        reasons: reasons_of_column(reasons.as_deref()),
    })
}

fn entry(row: &PgRow) -> sqlx::Result<Entry> {
    let reasons: Option<String> = row.try_get(8)?;
    let (kind, endpoint): (String, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    let (code, receipt): (Option<String>, Option<String>) = (row.try_get(4)?, row.try_get(7)?);
    let state: Option<String> = row.try_get(14)?;
    let reasons = reasons_of_column(reasons.as_deref());
    let delivery = match state.as_deref().and_then(DeliveryState::named) {
        Some(state) => Some(Delivery {
            endpoint: endpoint.clone().unwrap_or_default(),
            ledger: row.try_get(10)?,
            epoch: row.try_get(11)?,
            number: row.try_get(12)?,
            version: row.try_get(13)?,
            state,
            attempts: row.try_get::<i32, _>(15)?.unsigned_abs(),
            next_at: row.try_get::<Option<i64>, _>(16)?.map(Timestamp),
            receipt: receipt.clone(),
            code: code.clone().filter(|_| state != DeliveryState::Delivered),
            reasons: if kind == "rejected" { reasons.clone() } else { Vec::new() },
        }),
        None => None,
    };
    Ok(Entry {
        sequence: row.try_get(0)?,
        at: Timestamp(row.try_get(1)?),
        kind,
        endpoint,
        code,
        cause: row.try_get(5)?,
        place: row.try_get(6)?,
        receipt,
        reasons,
        reply_kind: row.try_get(9)?,
        delivery,
    })
}

fn reply(row: &PgRow) -> sqlx::Result<ReplyInfo> {
    let (fingerprint, message_id): (i64, Uuid) = (row.try_get(1)?, row.try_get(2)?);
    Ok(ReplyInfo {
        id: row.try_get(0)?,
        reply_id: format!("{message_id}.{:016x}", fingerprint.cast_unsigned()),
        message_id,
        endpoint: row.try_get(3)?,
        kind: row.try_get(4)?,
        media_type: row.try_get(5)?,
        size: u64::try_from(row.try_get::<i64, _>(6)?).unwrap_or(0),
        at: Timestamp(row.try_get(7)?),
        procedure: match row.try_get::<Option<String>, _>(8)? {
            Some(standard) => Some(ProcedureName {
                standard,
                version: row.try_get(9)?,
                message_type: row.try_get(10)?,
            }),
            None => None,
        },
    })
}
