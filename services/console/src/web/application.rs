//! The page of one application: what it is, where it goes, what happened.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use stores::journal::{Entry, Whole};
use wire::status::CitizenStatus;

use super::{Site, not_found, show, trouble, words};
use crate::{
    chain::{self, Place},
    citizen, convert, sentences,
};

/// Finds of an id; more than one where copies with other bytes arrived.
const FOUND_MAX: u32 = 10;

#[derive(Template)]
#[template(path = "application.html")]
struct Page {
    message_id: String,
    facts: Vec<(&'static str, String)>,
    state: &'static str,
    urgency: &'static str,
    sign: &'static str,
    citizen: &'static str,
    has_head: bool,
    deliveries: Vec<DeliveryRow>,
    timeline: Vec<TimelineRow>,
    replies: Vec<ReplyRow>,
}

struct DeliveryRow {
    endpoint: String,
    state: &'static str,
    urgency: &'static str,
    sign: &'static str,
    attempts: u32,
    next: String,
    receipt: String,
    code: String,
    waits_for: Option<uuid::Uuid>,
    chain: String,
}

struct TimelineRow {
    at: String,
    sentence: String,
    code: String,
    cause: String,
    place: String,
}

struct ReplyRow {
    at: String,
    endpoint: String,
    kind: String,
    media_type: String,
    size: u64,
}

pub(super) async fn page(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let found = match site.journal.search(&id, FOUND_MAX).await {
        Ok(found) => found,
        Err(failure) => return trouble(&failure),
    };
    let exact = found.iter().find(|whole| whole.application.message_id.to_string() == id);
    match (exact, found.first()) {
        (Some(whole), _) => match chain::of(&*site.journal, whole).await {
            Ok(places) => show(StatusCode::OK, &build(whole, &places)),
            Err(failure) => trouble(&failure),
        },
        // Another id of it led here: its own address is shown.
        (None, Some(whole)) => {
            let path = format!("/applications/{}", whole.application.message_id);
            Redirect::to(&path).into_response()
        }
        (None, None) => not_found::page("Zu dieser Kennung ist kein Antrag bekannt."),
    }
}

fn build(whole: &Whole, places: &[Option<Place>]) -> Page {
    let of = &whole.application;
    let word = convert::application(whole).citizen_status;
    let word = CitizenStatus::try_from(word).unwrap_or(CitizenStatus::Unspecified);
    let standard = match (&of.standard, &of.version) {
        (Some(standard), Some(version)) => Some(format!("{standard} {version}")),
        _ => None,
    };
    let facts = [
        ("Kennung des Absenders", of.own_id.clone()),
        ("Absender", of.sender.clone()),
        ("Vorgang", of.case_id.map(|case| case.to_string())),
        ("Vorgangsreferenz", of.case_reference.clone()),
        ("Eingang", of.received_at.map(words::time)),
        ("Standard", standard),
        ("Nachrichtentyp", of.message_type.clone()),
        ("Zuständige Behörde", of.authority.clone()),
        ("Testnachricht", of.is_test.then(|| "ja".to_owned())),
        ("SHA-256", of.sha256.clone()),
        ("Trace", of.trace.clone()),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Page {
        message_id: of.message_id.to_string(),
        facts: facts.collect(),
        state: words::state(&of.state),
        urgency: words::urgency(&of.state),
        sign: words::sign(&of.state),
        citizen: citizen::german(word),
        has_head: of.has_head,
        deliveries: whole
            .deliveries
            .iter()
            .zip(places)
            .map(|(row, place)| delivery(row, place.unwrap_or_default()))
            .collect(),
        timeline: whole.timeline.iter().map(entry).collect(),
        replies: whole.replies.iter().map(reply).collect(),
    }
}

fn delivery(row: &stores::journal::Delivery, place: Place) -> DeliveryRow {
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let state = row.state.name();
    DeliveryRow {
        endpoint: row.endpoint.clone(),
        state: words::state(state),
        urgency: words::urgency(state),
        sign: words::sign(state),
        attempts: row.attempts,
        next: words::time_or_dash(row.next_at),
        receipt: dash(&row.receipt),
        code: dash(&row.code),
        waits_for: place.waits_for.filter(|_| !row.state.is_final()),
        chain: match (place.ahead, place.behind) {
            (0, 0) => "–".to_owned(),
            (ahead, 0) => format!("{ahead} davor"),
            (0, behind) => format!("{behind} dahinter"),
            (ahead, behind) => format!("{ahead} davor, {behind} dahinter"),
        },
    }
}

fn entry(row: &Entry) -> TimelineRow {
    let (code, cause) =
        (row.code.clone().unwrap_or_default(), row.cause.clone().unwrap_or_default());
    TimelineRow {
        at: words::time(row.at),
        sentence: sentences::of(row).0,
        // A cause mostly begins with its code.
        code: if cause.starts_with(&code) { String::new() } else { code },
        cause,
        place: row.place.clone().unwrap_or_default(),
    }
}

fn reply(row: &stores::journal::ReplyInfo) -> ReplyRow {
    ReplyRow {
        at: words::time(row.at),
        endpoint: row.endpoint.clone(),
        kind: row.kind.clone(),
        media_type: row.media_type.clone(),
        size: row.size,
    }
}
