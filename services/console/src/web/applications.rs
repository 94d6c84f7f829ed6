//! The first page: applications, newest first.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use stores::journal::{Application, Delivery};

use super::{Site, show, trouble, words};

/// Rows on one page.
const ROWS_MAX: u32 = 50;

/// Finds shown for a search.
const FOUND_MAX: u32 = 50;

/// What the address says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    state: String,
    before: Option<i64>,
    q: String,
}

#[derive(Template)]
#[template(path = "applications.html")]
struct Page {
    total: u64,
    unrouted: u64,
    refused: u64,
    closed: Vec<Closed>,
    choices: Vec<Choice>,
    wanted_state: &'static str,
    query: String,
    rows: Vec<Row>,
    is_first: bool,
    next: Option<i64>,
}

struct Closed {
    endpoint: String,
    since: String,
    code: String,
}

struct Choice {
    name: &'static str,
    word: &'static str,
    is_chosen: bool,
}

struct Row {
    message_id: String,
    own_id: String,
    received: String,
    message_type: String,
    authority: String,
    endpoints: String,
    state: &'static str,
    urgency: &'static str,
    sign: &'static str,
    is_test: bool,
}

pub(super) async fn page(State(site): State<Site>, Query(wanted): Query<Wanted>) -> Response {
    match build(&site, wanted).await {
        Ok(response) => response,
        Err(failure) => trouble(&failure),
    }
}

async fn build(site: &Site, wanted: Wanted) -> messaging::Result<Response> {
    let query = wanted.q.trim().to_owned();
    // An address with a word nobody knows shows everything.
    let wanted_state = words::STATES.into_iter().find(|name| *name == wanted.state);
    let (rows, next): (Vec<Row>, _) = if query.is_empty() {
        let state = wanted_state.map(str::to_owned);
        let found = site.journal.list(wanted.before, state, None, ROWS_MAX).await?;
        let last = found.last().map(|(last, _)| last.id);
        let next = last.filter(|_| found.len() == ROWS_MAX as usize);
        (found.iter().map(|(of, deliveries)| row(of, deliveries)).collect(), next)
    } else {
        let found = site.journal.search(&query, FOUND_MAX).await?;
        if let [only] = found.as_slice() {
            let path = format!("/applications/{}", only.application.message_id);
            return Ok(Redirect::to(&path).into_response());
        }
        (found.iter().map(|whole| row(&whole.application, &whole.deliveries)).collect(), None)
    };
    let overview = site.journal.overview().await?;
    let closed = overview.endpoints.into_iter().filter_map(|(endpoint, of)| {
        let (since, code) = of.gate_closed?;
        Some(Closed { endpoint, since: words::time(since), code: code.unwrap_or_default() })
    });
    let choice = |name: &'static str| Choice {
        name,
        word: words::state(name),
        is_chosen: Some(name) == wanted_state,
    };
    let page = Page {
        total: overview.applications,
        unrouted: overview.unrouted,
        refused: overview.refused,
        closed: closed.collect(),
        choices: words::STATES.into_iter().map(choice).collect(),
        wanted_state: wanted_state.unwrap_or_default(),
        query,
        rows,
        is_first: wanted.before.is_none(),
        next,
    };
    Ok(show(StatusCode::OK, &page))
}

fn row(of: &Application, deliveries: &[Delivery]) -> Row {
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let endpoints: Vec<&str> = deliveries.iter().map(|row| row.endpoint.as_str()).collect();
    Row {
        message_id: of.message_id.to_string(),
        own_id: dash(&of.own_id),
        received: words::time_or_dash(of.received_at),
        message_type: dash(&of.message_type),
        authority: dash(&of.authority),
        endpoints: if endpoints.is_empty() { "–".to_owned() } else { endpoints.join(", ") },
        state: words::state(&of.state),
        urgency: words::urgency(&of.state),
        sign: words::sign(&of.state),
        is_test: of.is_test,
    }
}
