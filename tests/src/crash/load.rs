//! Portals under a crash: each sends case after case, and repeats a message until it has a receipt.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use tokio::{sync::watch, task::JoinSet};
use uuid::Uuid;
use wire::intake::Receipt;

use crate::{
    documents::{self, Kfz},
    portal::{self, Portal},
};

/// How long a sender waits before it repeats itself, or looks for room again.
const PAUSE: Duration = Duration::from_millis(20);
/// How many messages a case has at most.
const CASE_MESSAGES_MAX: u32 = 3;

/// One message with its receipt.
#[derive(Clone, Debug)]
pub struct Sent {
    /// For whom.
    pub authority: String,
    /// What the document says.
    pub own_id: Uuid,
    /// What Amtsbote calls it.
    pub message_id: String,
    /// What was sent.
    pub document: Bytes,
}

/// All senders of a test.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    senders: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    kfz: Kfz,
    gateway: watch::Receiver<Option<SocketAddr>>,
    cases: AtomicU32,
    is_over: AtomicBool,
    sent: Mutex<Vec<Sent>>,
    counts: Mutex<BTreeMap<String, usize>>,
    repeated: AtomicU32,
}

impl Load {
    /// Nobody sends yet; `gateway` tells where to.
    #[must_use]
    pub fn new(gateway: watch::Receiver<Option<SocketAddr>>) -> Self {
        let shared = Shared {
            kfz: Kfz::read(),
            gateway,
            cases: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
            sent: Mutex::default(),
            counts: Mutex::default(),
            repeated: AtomicU32::new(0),
        };
        Self { shared: Arc::new(shared), senders: JoinSet::new() }
    }

    /// Adds `count` senders for one authority. They stop for breath while `is_full`.
    pub fn send_to(
        &mut self,
        authority: &str,
        count: usize,
        is_full: impl Fn(usize) -> bool + Send + Sync + Clone + 'static,
    ) {
        for _ in 0..count {
            let (shared, authority) = (Arc::clone(&self.shared), authority.to_owned());
            let is_full = is_full.clone();
            self.senders.spawn(async move { shared.send_cases(&authority, is_full).await });
        }
    }

    /// Everything that has a receipt so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.sent().clone()
    }

    /// How many calls had no answer, so that they were made again.
    #[must_use]
    pub fn repeated(&self) -> u32 {
        self.shared.repeated.load(Ordering::Relaxed)
    }

    /// Lets every sender finish its case. The gateway must be there.
    pub async fn finish(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.senders.join_next().await {
            ended.expect("no sender is told no");
        }
    }
}

impl Shared {
    fn sent(&self) -> std::sync::MutexGuard<'_, Vec<Sent>> {
        self.sent.lock().expect("no sender panics while it holds this")
    }

    /// Counts `more` receipts for an authority, and gives how many it has.
    fn count(&self, authority: &str, more: usize) -> usize {
        let mut counts = self.counts.lock().expect("no sender panics while it holds this");
        let count = counts.entry(authority.to_owned()).or_default();
        *count += more;
        *count
    }

    async fn send_cases(&self, authority: &str, is_full: impl Fn(usize) -> bool) {
        while !self.is_over.load(Ordering::Relaxed) {
            if is_full(self.count(authority, 0)) {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let case = self.cases.fetch_add(1, Ordering::Relaxed);
            for sequence in 0..=case % CASE_MESSAGES_MAX {
                let document = self.kfz.document_for(authority, case, sequence);
                // The next of this case is sent after this one's receipt: so it comes later.
                let receipt = self.until_receipted(&document).await;
                let own_id = documents::own_id_of(case, sequence);
                assert_eq!(receipt.own_id, own_id.to_string(), "the receipt of another message");
                self.count(authority, 1);
                self.sent().push(Sent {
                    authority: authority.to_owned(),
                    own_id,
                    message_id: receipt.message_id,
                    document,
                });
            }
        }
    }

    /// An unknown outcome is no outcome: the same again, until there is an answer.
    async fn until_receipted(&self, document: &Bytes) -> Receipt {
        let mut connection: Option<(SocketAddr, Portal)> = None;
        loop {
            let Some(address) = *self.gateway.borrow() else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let portal = match &connection {
                Some((known, portal)) if *known == address => portal.clone(),
                _ => Portal::new(address),
            };
            connection = Some((address, portal.clone()));
            match portal.submit(document.clone()).await {
                Ok(response) => return response.receipt.expect("accepted with a receipt"),
                Err(status) if portal::is_unknown(&status) || portal::is_overload(&status) => {
                    self.repeated.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
                Err(status) => panic!("refused: {}", portal::told(&status)),
            }
        }
    }
}
