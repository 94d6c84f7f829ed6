//! What people see: one file per page, and what machines ask for.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use stores::{journal::Journal, register::Register};
use telemetry::{Metrics, Readiness};

mod application;
mod applications;
mod endpoints;
mod machines;
pub(crate) mod not_found;
mod words;

/// The one style sheet.
const STYLE: &str = include_str!("../templates/style.css");

/// What pages are made from.
#[derive(Clone, Debug)]
struct Site {
    journal: Arc<dyn Journal>,
    register: Arc<dyn Register>,
}

/// What machines are told.
#[derive(Clone, Debug)]
struct Machine {
    metrics: Metrics,
    ready: Readiness,
}

pub(crate) fn router(
    journal: Arc<dyn Journal>,
    register: Arc<dyn Register>,
    metrics: Metrics,
    ready: Readiness,
) -> Router {
    Router::new()
        .route("/", get(applications::page))
        .route("/applications/{message_id}", get(application::page))
        .route("/endpoints", get(endpoints::page))
        .route("/style.css", get(style))
        .with_state(Site { journal, register })
        .merge(machines(metrics, ready))
}

/// What machines ask for, and nothing else.
pub(crate) fn machines(metrics: Metrics, ready: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(machines::health))
        .route("/readyz", get(machines::readiness))
        .route("/metrics", get(machines::metrics))
        .with_state(Machine { metrics, ready })
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// A template as a page.
fn show(status: StatusCode, page: &impl askama::Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(cause = %error, "page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Journal or register cannot be read.
fn trouble(failure: &messaging::Failure) -> Response {
    tracing::error!(code = failure.code(), cause = failure.report(), "page cannot be shown");
    let code = failure.code();
    let text = format!("Die Seite kann zurzeit nicht angezeigt werden ({code}).");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    (status, not_found::page_with(status, "Störung", &text)).into_response()
}
