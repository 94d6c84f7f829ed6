//! A departmental system that answers at once: the `rest` endpoint of a run, on this machine. It
//! recognises messages by their own ids and keeps no document.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    serve::ListenerExt as _,
};
use tokio::{net::TcpListener, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{desk::Desk, trouble::Answer};
use crate::{codes, exit::Stop};

/// Longest document it takes: as long as the gateway does.
const BODY_BYTES_MAX: usize = 64 << 20;
/// Names the message as its sender does.
const OWN_ID: &str = "x-amtsbote-own-id";
/// The delivery key, unless the endpoint is configured otherwise.
const KEY: &str = "idempotency-key";
/// The same answer to every delivery, repeated or not.
const RECEIPT: &str = r#"{"receipt":"amtsbote-bench"}"#;

/// Listens on `address` until `end`, in `tasks`.
pub(super) async fn listen(
    address: SocketAddr,
    desk: Arc<Desk>,
    tasks: &mut JoinSet<()>,
    end: CancellationToken,
) -> Result<(), Stop> {
    let taken = |error: std::io::Error| {
        Stop::usage(codes::ADDRESS_TAKEN, format!("`--receiver {address}`: {error}"))
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let listener = listener.tap_io(|stream| {
        // Without it an answer may wait 40 ms for company.
        drop(stream.set_nodelay(true));
    });
    let router =
        Router::new().fallback(take).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(desk);
    tasks.spawn(async move {
        // Connections are kept alive by the other side, so it does not wait for their end.
        tokio::select! {
            served = async { axum::serve(listener, router).await } => {
                if let Err(error) = served {
                    tracing::error!(%error, "the receiver ended");
                }
            }
            () = end.cancelled() => {}
        }
    });
    Ok(())
}

/// A delivery, or the question whether anybody is there.
async fn take(
    State(desk): State<Arc<Desk>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != Method::POST && method != Method::PUT {
        return match desk.is_away() {
            true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            false => StatusCode::NO_CONTENT.into_response(),
        };
    }
    if body.is_empty() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let own_id = headers.get(OWN_ID).and_then(|value| value.to_str().ok());
    let key = headers.get(KEY).map(HeaderValue::as_bytes);
    match desk.arrives(own_id.unwrap_or_default(), key.unwrap_or_default(), Instant::now()) {
        Answer::Taken => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], RECEIPT).into_response()
        }
        Answer::Failed => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Answer::Away => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
