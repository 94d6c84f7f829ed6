//! Departmental systems that speak HTTP, with the oracle in them: they count what arrives, not what
//! anybody says was sent.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::documents;

/// The header that carries the delivery key.
pub const KEY_HEADER: &str = "idempotency-key";
/// Longest body a receiver takes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// One request that came, whatever became of it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Counts the requests of all inboxes, from 1.
    pub sequence: u64,
    /// Which system.
    pub inbox: String,
    /// The delivery key.
    pub key: String,
    /// The document's own id.
    pub own_id: Option<Uuid>,
    /// What the trace header said.
    pub traceparent: Option<String>,
    /// The document.
    pub body: Bytes,
}

/// How an inbox behaves from now on.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether a key that took effect takes none again.
    pub recognises_keys: bool,
    /// How long after the request came its effect shows, even if nobody waits for the answer.
    pub effect_after: Duration,
    /// How long after the effect the answer is given.
    pub answer_after: Duration,
    /// The answer; other than 2xx has no effect.
    pub status: u16,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            recognises_keys: true,
            effect_after: Duration::ZERO,
            answer_after: Duration::ZERO,
            status: 200,
        }
    }
}

/// A server on loopback with any number of inboxes: `POST /<inbox>` delivers, `GET /<inbox>/<key>`
/// answers truthfully whether a key took effect.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    _server: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Desk {
    seen: Mutex<Seen>,
    effects: TaskTracker,
}

#[derive(Debug, Default)]
struct Seen {
    manners: BTreeMap<String, Manner>,
    /// Statuses of the next answers.
    failures: BTreeMap<String, VecDeque<u16>>,
    arrivals: Vec<Arrival>,
    counts: BTreeMap<String, usize>,
    effects: Vec<Arrival>,
    effective: BTreeSet<(String, String)>,
    look_ups: u64,
    open: usize,
}

impl Receiver {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let desk = Arc::new(Desk::default());
        let router = Router::new()
            .route("/{inbox}", post(deliver).get(|| async { StatusCode::OK }))
            .route("/{inbox}/{key}", get(look_up))
            .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::clone(&desk));
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, router).await.expect("a listener on loopback serves");
        });
        Self { address, desk, _server: server }
    }

    /// Where `inbox` is.
    #[must_use]
    pub fn url(&self, inbox: &str) -> String {
        format!("http://{}/{inbox}", self.address)
    }

    /// Makes `inbox` behave.
    pub fn behave(&self, inbox: &str, manner: Manner) {
        self.desk.seen().manners.insert(inbox.to_owned(), manner);
    }

    /// Makes the next answers of `inbox` these statuses; then it behaves as before.
    pub fn fail_first(&self, inbox: &str, statuses: &[u16]) {
        self.desk.seen().failures.insert(inbox.to_owned(), statuses.iter().copied().collect());
    }

    /// Every request so far, in the order they came.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.desk.seen().arrivals.clone()
    }

    /// Every effect so far, in the order they took place.
    #[must_use]
    pub fn effects(&self) -> Vec<Arrival> {
        self.desk.seen().effects.clone()
    }

    /// The effects of one inbox.
    #[must_use]
    pub fn effects_of(&self, inbox: &str) -> Vec<Arrival> {
        self.effects().into_iter().filter(|effect| effect.inbox == inbox).collect()
    }

    /// How many requests came so far.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.desk.seen().arrivals.len() as u64
    }

    /// How many requests came for one inbox so far.
    #[must_use]
    pub fn count(&self, inbox: &str) -> usize {
        self.desk.seen().counts.get(inbox).copied().unwrap_or_default()
    }

    /// How many requests wait for their answer.
    #[must_use]
    pub fn open(&self) -> usize {
        self.desk.seen().open
    }

    /// How often anybody asked whether a key took effect.
    #[must_use]
    pub fn look_ups(&self) -> u64 {
        self.desk.seen().look_ups
    }
}

impl Desk {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("no test panics while it holds this")
    }
}

/// Counts an open request for as long as it lives: also one whose client went away.
struct Open(Arc<Desk>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.seen().open -= 1;
    }
}

async fn deliver(
    State(desk): State<Arc<Desk>>,
    Path(inbox): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (manner, arrival) = {
        let mut seen = desk.seen();
        seen.open += 1;
        let arrival = Arrival {
            sequence: seen.arrivals.len() as u64 + 1,
            key: text(KEY_HEADER).unwrap_or_default(),
            own_id: documents::own_id(&body),
            traceparent: text("traceparent"),
            inbox: inbox.clone(),
            body,
        };
        seen.arrivals.push(arrival.clone());
        *seen.counts.entry(inbox.clone()).or_default() += 1;
        let mut manner = seen.manners.get(&inbox).copied().unwrap_or_default();
        if let Some(status) = seen.failures.get_mut(&inbox).and_then(VecDeque::pop_front) {
            manner.status = status;
        }
        (manner, arrival)
    };
    let _open = Open(Arc::clone(&desk));
    if !(200..300).contains(&manner.status) {
        return StatusCode::from_u16(manner.status)
            .unwrap_or(StatusCode::BAD_GATEWAY)
            .into_response();
    }
    let answer = receipt(&arrival.key);
    // The effect takes place even if the client is gone by then: that is what makes it uncertain.
    let effect = take_effect(Arc::clone(&desk), arrival, manner);
    desk.effects.spawn(effect).await.expect("an effect does not panic");
    tokio::time::sleep(manner.answer_after).await;
    answer
}

async fn take_effect(desk: Arc<Desk>, arrival: Arrival, manner: Manner) {
    tokio::time::sleep(manner.effect_after).await;
    let mut seen = desk.seen();
    let is_first = seen.effective.insert((arrival.inbox.clone(), arrival.key.clone()));
    if is_first || !manner.recognises_keys {
        seen.effects.push(arrival);
    }
}

async fn look_up(
    State(desk): State<Arc<Desk>>,
    Path((inbox, key)): Path<(String, String)>,
) -> Response {
    let mut seen = desk.seen();
    seen.look_ups += 1;
    match seen.effective.contains(&(inbox, key.clone())) {
        true => receipt(&key),
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The system's own name for what it took.
fn receipt(key: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::OK, kind, format!("{{\"receipt\":\"AZ-{key}\"}}")).into_response()
}
