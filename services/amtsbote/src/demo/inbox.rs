//! Simulated departmental systems that speak HTTP: they recognise a repeated key, can be asked
//! about one, and fail now and then, as real ones do.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{codes, exit::Stop};

/// Longest message a simulated system takes.
const BODY_BYTES_MAX: usize = 64 << 20;
/// How often Görlitz stumbles over a message and can be sent it again.
const STUMBLES: u32 = 2;
/// How often Harz is down for maintenance.
const OUTAGES: u32 = 3;

/// All of them, on one address.
#[derive(Debug)]
pub(super) struct Inboxes {
    address: SocketAddr,
    goerlitz: Arc<Inbox>,
    harz: Arc<Inbox>,
    serving: JoinSet<()>,
}

/// One system.
#[derive(Debug)]
struct Inbox {
    /// What it answers while it fails.
    failure: StatusCode,
    state: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    failures_left: u32,
    failed: usize,
    keys: BTreeSet<String>,
    repeats: usize,
}

/// What arrived at one system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Different applications.
    pub(super) applications: usize,
    /// The same again, recognised by its key.
    pub(super) repeats: usize,
    /// Requests it failed to take.
    pub(super) failed: usize,
}

impl Inboxes {
    /// Listens on a free port of this machine.
    pub(super) async fn start(shutdown: &CancellationToken) -> Result<Self, Stop> {
        let refused = |error: std::io::Error| {
            Stop::usage(codes::ADDRESS_TAKEN, format!("the simulated systems: {error}"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let goerlitz = Inbox::failing(StatusCode::INTERNAL_SERVER_ERROR, STUMBLES);
        let harz = Inbox::failing(StatusCode::SERVICE_UNAVAILABLE, OUTAGES);
        let router = Router::new()
            .nest("/goerlitz", routes(&goerlitz))
            .nest("/harz", routes(&harz))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        let mut serving = JoinSet::new();
        let token = shutdown.clone();
        serving.spawn(async move {
            let served =
                axum::serve(listener, router).with_graceful_shutdown(token.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the simulated systems ended");
            }
        });
        Ok(Self { address, goerlitz, harz, serving })
    }

    /// Where they are.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What arrived in Görlitz.
    pub(super) fn goerlitz(&self) -> Arrived {
        self.goerlitz.arrived()
    }

    /// What arrived in the Harz.
    pub(super) fn harz(&self) -> Arrived {
        self.harz.arrived()
    }

    /// Cuts off connections that are kept open for nothing.
    pub(super) async fn end(mut self) {
        self.serving.shutdown().await;
    }
}

impl Inbox {
    fn failing(failure: StatusCode, times: u32) -> Arc<Self> {
        let ledger = Ledger { failures_left: times, ..Ledger::default() };
        Arc::new(Self { failure, state: Mutex::new(ledger) })
    }

    fn arrived(&self) -> Arrived {
        let state = self.state();
        Arrived { applications: state.keys.len(), repeats: state.repeats, failed: state.failed }
    }

    /// Takes a message once, whatever how often it comes.
    fn take(&self, key: &str) -> StatusCode {
        let mut state = self.state();
        if let Some(left) = state.failures_left.checked_sub(1) {
            state.failures_left = left;
            state.failed += 1;
            return self.failure;
        }
        if state.keys.insert(key.to_owned()) {
            return StatusCode::CREATED;
        }
        state.repeats += 1;
        StatusCode::OK
    }

    fn state(&self) -> MutexGuard<'_, Ledger> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn routes(inbox: &Arc<Inbox>) -> Router {
    Router::new()
        .route("/antraege", post(receive))
        .route("/health", get(async || StatusCode::NO_CONTENT))
        .route("/antraege/{key}", get(find))
        .with_state(Arc::clone(inbox))
}

async fn receive(
    State(inbox): State<Arc<Inbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    match key {
        Some(key) if !body.is_empty() => (inbox.take(key), receipt(key)),
        _ => (StatusCode::BAD_REQUEST, "a key and a message, please".to_owned()),
    }
}

async fn find(State(inbox): State<Arc<Inbox>>, Path(key): Path<String>) -> (StatusCode, String) {
    match inbox.state().keys.contains(&key) {
        true => (StatusCode::OK, receipt(&key)),
        false => (StatusCode::NOT_FOUND, String::new()),
    }
}

/// The system's own name for it.
fn receipt(key: &str) -> String {
    let short: String = key.chars().take(8).collect();
    serde_json::json!({ "aktenzeichen": format!("KFZ-{short}") }).to_string()
}
