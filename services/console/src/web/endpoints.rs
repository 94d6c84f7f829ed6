//! Departmental systems as they are served, and what operators ordered.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use messaging::{BulkState, Drained, EndpointReport, ItemResult};
use serde::Deserialize;
use stores::{
    journal::EndpointOverview,
    register::{BulkOverview, CommandRow},
};
use uuid::Uuid;

use super::{Site, show, trouble, words};

/// Orders on one page.
const ROWS_MAX: u32 = 50;

/// What the address says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "endpoints.html")]
struct Page {
    endpoints: Vec<Endpoint>,
    commands: Vec<Command>,
    is_first: bool,
    next: Option<i64>,
}

struct Endpoint {
    name: String,
    gate: &'static str,
    urgency: &'static str,
    sign: &'static str,
    since: String,
    code: String,
    deliveries: String,
    backlog: String,
    forecast: String,
}

struct Command {
    at: String,
    endpoint: String,
    order: String,
    message_id: Option<Uuid>,
    operator: String,
    reason: String,
    answer: &'static str,
    urgency: &'static str,
    sign: &'static str,
    code: String,
    /// Of a bulk: what became of so many.
    progress: String,
}

pub(super) async fn page(State(site): State<Site>, Query(wanted): Query<Wanted>) -> Response {
    match build(&site, &wanted).await {
        Ok(page) => show(StatusCode::OK, &page),
        Err(failure) => trouble(&failure),
    }
}

async fn build(site: &Site, wanted: &Wanted) -> messaging::Result<Page> {
    let overview = site.journal.overview().await?;
    let rows = site.register.commands(wanted.before, None, ROWS_MAX).await?;
    let last = rows.last().map(|row| row.number);
    let is_full = rows.len() == ROWS_MAX as usize;
    let mut commands = Vec::with_capacity(rows.len());
    for row in rows {
        let bulk = match &row.issued {
            Some(issued) if issued.name.starts_with("bulk_") => site.register.bulk(row.id).await?,
            _ => None,
        };
        let progress = bulk.as_ref().map(progress).unwrap_or_default();
        commands.push(Command { progress, ..command(row) });
    }
    Ok(Page {
        endpoints: overview.endpoints.into_iter().map(endpoint).collect(),
        next: last.filter(|_| is_full),
        commands,
        is_first: wanted.before.is_none(),
    })
}

fn endpoint((name, of): (String, EndpointOverview)) -> Endpoint {
    let counted = of.deliveries.iter().filter(|(_, count)| **count != 0);
    let counted = counted.map(|(state, count)| format!("{count} {}", words::state(state)));
    let deliveries = counted.collect::<Vec<_>>().join(", ");
    let (gate, urgency, sign, since, code) = match of.gate_closed {
        None => ("offen", "good", "✓", String::new(), String::new()),
        Some((at, code)) => ("geschlossen", "warn", "!", words::time(at), code.unwrap_or_default()),
    };
    let backlog = of.report.as_ref().map_or_else(|| "–".to_owned(), |(_, report)| backlog(report));
    let forecast = of.report.map_or_else(|| "–".to_owned(), |(_, report)| forecast(&report));
    Endpoint { name, gate, urgency, sign, since, code, deliveries, backlog, forecast }
}

fn backlog(of: &EndpointReport) -> String {
    let mut text = format!("{} offen", of.open);
    if of.waiting != 0 {
        text.push_str(&format!(", {} zur Wiederholung vorgemerkt", of.waiting));
    }
    if of.held != 0 {
        text.push_str(&format!(", {} hinter einer offenen Entscheidung", of.held));
    }
    text
}

/// When nothing will be left, or why nobody can say.
fn forecast(of: &EndpointReport) -> String {
    match of.drained {
        Drained::At(at) => format!("voraussichtlich {}", words::time(at)),
        Drained::Empty => "nichts steht an".to_owned(),
        Drained::Paused => "nicht absehbar: angehalten".to_owned(),
        Drained::Down => "nicht absehbar: nicht erreichbar".to_owned(),
        Drained::Unmeasured => "noch nicht absehbar".to_owned(),
        Drained::Beyond => "nicht in den nächsten 400 Tagen".to_owned(),
    }
}

fn command(row: CommandRow) -> Command {
    let CommandRow { endpoint, issued, answer, .. } = row;
    let (told, urgency, sign) = match &answer {
        None => ("noch nicht beantwortet", "warn", "!"),
        Some(answer) if answer.is_accepted => ("ausgeführt", "good", "✓"),
        Some(_) => ("abgelehnt", "bad", "✕"),
    };
    let dash = || "–".to_owned();
    let at = words::time_or_dash(issued.as_ref().map(|issued| issued.at));
    let (order, message_id, operator, reason) = match issued {
        Some(issued) => {
            let reason = issued.reason.unwrap_or_else(dash);
            (words::order(&issued.name), issued.message_id, issued.operator, reason)
        }
        None => (dash(), None, dash(), dash()),
    };
    Command {
        at,
        endpoint,
        order,
        message_id,
        operator,
        reason,
        answer: told,
        urgency,
        sign,
        code: answer.and_then(|answer| answer.code).unwrap_or_default(),
        progress: String::new(),
    }
}

/// How a bulk is getting on, e.g. `läuft: 8 von 12, davon 7 gelungen, 1 nicht angeordnet`.
fn progress(of: &BulkOverview) -> String {
    let state = match of.state {
        BulkState::Running => "läuft",
        BulkState::Stopped => "angehalten",
        BulkState::Done => "abgeschlossen",
    };
    let told: u64 = of.results.values().sum();
    let word = |result: &str| match ItemResult::named(result) {
        Some(ItemResult::Ordered) => "angeordnet",
        Some(ItemResult::Succeeded) => "gelungen",
        Some(ItemResult::Failed) => "wieder gescheitert",
        Some(ItemResult::Refused) => "nicht angeordnet",
        Some(ItemResult::Skipped) => "ausgelassen",
        None => "unbekannt",
    };
    let results = of.results.iter().map(|(result, count)| format!("{count} {}", word(result)));
    let results = results.collect::<Vec<_>>().join(", ");
    let total = of.total;
    match told {
        0 => format!("{state}: 0 von {total}"),
        told => format!("{state}: {told} von {total}, davon {results}"),
    }
}
