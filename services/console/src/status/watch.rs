//! A watch: first what is known, then what happens, without a gap between them.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{Stream, stream};
use messaging::SenderName;
use stores::journal::{Journal, Progress, Step};
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;
use wire::status::{WatchStatusRequest, WatchStatusResponse};

use super::StatusServer;
use crate::{
    answer, convert,
    cursor::{self, Place},
};

/// Streams open at a time.
const WATCHES_MAX: usize = 1_000;

/// Of one sender, so that none can keep the others out.
const WATCHES_OF_SENDER_MAX: usize = 100;

/// Ids in one request.
const IDS_MAX: usize = 1_000;

/// One open stream. Dropping it loses nothing: the last answer's cursor resumes.
pub(super) struct Watch {
    journal: Arc<dyn Journal>,
    progress: Receiver<Progress>,
    sender: SenderName,
    messages: HashSet<Uuid>,
    cases: HashSet<Uuid>,
    place: Place,
    is_restart: bool,
    ready: VecDeque<WatchStatusResponse>,
    shutdown: CancellationToken,
    _open: Open,
}

/// How many streams each sender has open.
#[derive(Debug, Default)]
pub(super) struct Watches(Mutex<HashMap<SenderName, usize>>);

/// Counts while it lives.
struct Open {
    watches: Arc<Watches>,
    sender: SenderName,
}

impl Watches {
    fn open(watches: &Arc<Self>, sender: &SenderName) -> Result<Open, Status> {
        let mut open = watches.lock();
        let of_all: usize = open.values().sum();
        let of_sender = open.get(sender).copied().unwrap_or_default();
        if WATCHES_MAX <= of_all || WATCHES_OF_SENDER_MAX <= of_sender {
            return Err(answer::too_many_watches());
        }
        open.insert(sender.clone(), of_sender + 1);
        Ok(Open { watches: watches.clone(), sender: sender.clone() })
    }

    /// No panic leaves it half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<SenderName, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.watches.lock();
        if let Some(of_sender) = open.get_mut(&self.sender) {
            *of_sender -= 1;
            if *of_sender == 0 {
                open.remove(&self.sender);
            }
        }
    }
}

impl Watch {
    pub(super) fn begin(
        server: &StatusServer,
        sender: SenderName,
        request: WatchStatusRequest,
    ) -> Result<Self, Status> {
        let open = Watches::open(&server.watches, &sender)?;
        let journal = server.journal.clone();
        let progress = journal.progress();
        let last = progress.borrow().sequence;
        let from_start = Place::Known { as_of: last, told: 0 };
        let (place, is_restart) = if request.cursor.is_empty() {
            (from_start, false)
        } else {
            let (epoch, place) = cursor::read(&request.cursor)
                .ok_or_else(|| answer::invalid("cursor", "not a cursor of this service"))?;
            let reached = match place {
                Place::Known { as_of, .. } => as_of,
                Place::Follow { told } => told,
            };
            // Of what went by retention nobody can tell any more which steps led to it.
            let is_left = journal.trimmed_through() <= reached;
            let is_ours = epoch == journal.epoch() && reached <= last && is_left;
            if is_ours { (place, false) } else { (from_start, true) }
        };
        Ok(Self {
            progress,
            messages: ids("message_ids", &request.message_ids)?,
            cases: ids("case_ids", &request.case_ids)?,
            journal,
            sender,
            place,
            is_restart,
            ready: VecDeque::new(),
            shutdown: server.shutdown.clone(),
            _open: open,
        })
    }

    pub(super) fn answers(self) -> impl Stream<Item = Result<WatchStatusResponse, Status>> {
        stream::unfold(Some(self), |watch| async {
            let mut watch = watch?;
            let shutdown = watch.shutdown.clone();
            let next = tokio::select! {
                biased;
                () = shutdown.cancelled() => Err(answer::shutting_down()),
                next = watch.next() => next,
            };
            match next {
                Ok(Some(answer)) => Some((Ok(answer), Some(watch))),
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<Option<WatchStatusResponse>, Status> {
        loop {
            if let Some(answer) = self.ready.pop_front() {
                return Ok(Some(answer));
            }
            // Seen before it is read, so that what comes in between wakes the wait below.
            let last = self.progress.borrow_and_update().sequence;
            let is_at_end = self.read().await? && last <= self.told();
            if self.ready.is_empty() && is_at_end && self.progress.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// Reads on; whether it follows what happens already.
    async fn read(&mut self) -> Result<bool, Status> {
        match self.place {
            Place::Known { as_of, told } => {
                let read = self.journal.snapshot(&self.sender, told, as_of).await;
                let (steps, end) = read.map_err(|failure| answer::failed(&failure))?;
                for step in steps {
                    let told = step.application.id;
                    self.tell(&step, Place::Known { as_of, told });
                }
                self.place = match end {
                    end if as_of <= end => Place::Follow { told: as_of },
                    told => Place::Known { as_of, told },
                };
                Ok(false)
            }
            Place::Follow { told } => {
                let read = self.journal.steps(&self.sender, told).await;
                let (steps, end) = read.map_err(|failure| answer::failed(&failure))?;
                for step in steps {
                    self.tell(&step, Place::Follow { told: step.sequence });
                }
                self.place = Place::Follow { told: end };
                Ok(true)
            }
        }
    }

    fn told(&self) -> i64 {
        match self.place {
            Place::Known { told, .. } | Place::Follow { told } => told,
        }
    }

    fn tell(&mut self, step: &Step, place: Place) {
        let row = &step.application;
        let is_everything = self.messages.is_empty() && self.cases.is_empty();
        let is_of_case = row.case_id.is_some_and(|case| self.cases.contains(&case));
        if is_everything || is_of_case || self.messages.contains(&row.message_id) {
            let cursor = cursor::write(self.journal.epoch(), place);
            let is_restart = std::mem::take(&mut self.is_restart);
            self.ready.push_back(convert::step(step, cursor, is_restart));
        }
    }
}

fn ids(field: &str, ids: &[String]) -> Result<HashSet<Uuid>, Status> {
    if IDS_MAX < ids.len() {
        return Err(answer::invalid(field, "at most 1,000 ids are expected"));
    }
    let parse =
        |id: &String| Uuid::parse_str(id).map_err(|_| answer::invalid(field, "UUIDs are expected"));
    ids.iter().map(parse).collect()
}
