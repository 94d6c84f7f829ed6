//! Simulated departmental systems that speak HTTP: they recognise a repeated key, can be asked
//! about one, and fail now and then, as real ones do. Those of the residents' registers answer with
//! the certificate that was asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::certificate;
use crate::{codes, exit::Stop};

/// Longest message a simulated system takes.
const BODY_BYTES_MAX: usize = 64 << 20;
/// How often Görlitz stumbles over a message and can be sent it again.
const STUMBLES: u32 = 2;
/// How often Harz is down for maintenance.
const OUTAGES: u32 = 3;
/// Where a residents' register says its own name for an application: its body is the certificate.
const FILE_NUMBER: HeaderName = HeaderName::from_static("aktenzeichen");

/// What a system answers when it has taken an application.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// Its own name for it, as JSON.
    FileNumber,
    /// The certificate, as PDF.
    Certificate,
}

/// Every one of them by its endpoint's name.
const SYSTEMS: [(&str, Answer); 12] = [
    ("goerlitz-kfz", Answer::FileNumber),
    ("goerlitz-fuehrerschein", Answer::FileNumber),
    ("goerlitz-gewerbe", Answer::FileNumber),
    ("goerlitz-eakte", Answer::FileNumber),
    ("harz-kfz", Answer::FileNumber),
    ("harz-fuehrerschein", Answer::FileNumber),
    ("harz-gewerbe", Answer::FileNumber),
    ("harz-eakte", Answer::FileNumber),
    ("nordsachsen-meldebescheinigung", Answer::Certificate),
    ("goerlitz-meldebescheinigung", Answer::Certificate),
    ("harz-meldebescheinigung", Answer::Certificate),
    ("spree-neisse-meldebescheinigung", Answer::Certificate),
];

/// All of them, on one address.
#[derive(Debug)]
pub(super) struct Inboxes {
    address: SocketAddr,
    systems: Systems,
    serving: JoinSet<()>,
}

type Systems = Arc<BTreeMap<&'static str, Inbox>>;

/// One system.
#[derive(Debug)]
struct Inbox {
    answer: Answer,
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
        let inbox = |(name, answer)| (name, Inbox::new(name, answer));
        let systems: Systems = Arc::new(SYSTEMS.into_iter().map(inbox).collect());
        let router = Router::new()
            .route("/{system}/antraege", post(receive))
            .route("/{system}/health", get(async || StatusCode::NO_CONTENT))
            .route("/{system}/antraege/{key}", get(find))
            .with_state(Arc::clone(&systems))
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
        Ok(Self { address, systems, serving })
    }

    /// Where they are.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What arrived, by endpoint.
    pub(super) fn arrived(&self) -> impl Iterator<Item = (String, Arrived)> {
        self.systems.iter().map(|(name, inbox)| ((*name).to_owned(), inbox.arrived()))
    }

    /// Cuts off connections that are kept open for nothing.
    pub(super) async fn end(mut self) {
        self.serving.shutdown().await;
    }
}

impl Inbox {
    fn new(name: &str, answer: Answer) -> Self {
        let (failure, failures_left) = match name {
            "goerlitz-kfz" => (StatusCode::INTERNAL_SERVER_ERROR, STUMBLES),
            "harz-kfz" => (StatusCode::SERVICE_UNAVAILABLE, OUTAGES),
            _ => (StatusCode::OK, 0),
        };
        let ledger = Ledger { failures_left, ..Ledger::default() };
        Self { answer, failure, state: Mutex::new(ledger) }
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

async fn receive(
    State(systems): State<Systems>,
    Path(system): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(inbox) = systems.get(system.as_str()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let Some(key) = key.filter(|_| !body.is_empty()) else {
        return (StatusCode::BAD_REQUEST, "a key and a message, please").into_response();
    };
    let status = inbox.take(key);
    let number = file_number(&system, key);
    match inbox.answer {
        Answer::Certificate if status.is_success() => {
            let kind = (header::CONTENT_TYPE, "application/pdf".to_owned());
            (status, [kind, (FILE_NUMBER, number.clone())], certificate::pdf(&number))
                .into_response()
        }
        _ => (status, receipt(&number)).into_response(),
    }
}

async fn find(
    State(systems): State<Systems>,
    Path((system, key)): Path<(String, String)>,
) -> (StatusCode, String) {
    let is_there = |inbox: &Inbox| inbox.state().keys.contains(&key);
    match systems.get(system.as_str()).is_some_and(is_there) {
        true => (StatusCode::OK, receipt(&file_number(&system, &key))),
        false => (StatusCode::NOT_FOUND, String::new()),
    }
}

/// The system's own name for it, e.g. `KFZ-1f0c2a9b`.
fn file_number(system: &str, key: &str) -> String {
    let (_, procedure) = system.rsplit_once('-').unwrap_or_default();
    let procedure: String = procedure.chars().take(3).collect();
    let short: String = key.chars().take(8).collect();
    format!("{}-{short}", procedure.to_ascii_uppercase())
}

fn receipt(number: &str) -> String {
    serde_json::json!({ "aktenzeichen": number }).to_string()
}
