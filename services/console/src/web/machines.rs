//! What machines ask for: whether the process lives, whether it works, what it counts.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::Machine;

/// The process answers.
pub(super) async fn health() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether every component can do its work, and what is wrong if not.
pub(super) async fn readiness(State(machine): State<Machine>) -> Response {
    let components: Vec<_> = machine.ready.components();
    let is_ready = components.iter().all(|component| component.reason.is_none());
    let told: Vec<_> = components
        .into_iter()
        .map(|component| {
            json!({
                "name": component.name,
                "ready": component.reason.is_none(),
                "reason": component.reason,
            })
        })
        .collect();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": is_ready, "components": told }))).into_response()
}

/// Prometheus' text format.
pub(super) async fn metrics(State(machine): State<Machine>) -> impl IntoResponse {
    let content = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, content)], machine.metrics.render())
}
