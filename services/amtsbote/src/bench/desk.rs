//! What sending and watching share: the books of the run, and why it must end before its time.

use std::{
    hash::{DefaultHasher, Hasher as _},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wire::status::WatchStatusResponse;

use super::{
    book::Book,
    names::Names,
    trouble::{Answer, Trouble},
};
use crate::{cli::Language, exit::Stop};

/// One desk for the first application and for the run after it, each with books of its own.
#[derive(Debug)]
pub(super) struct Desk {
    open: Mutex<Open>,
    stop: Mutex<Option<Stop>>,
    /// Nothing more is sent.
    pub(super) halt: CancellationToken,
    /// Of what is told.
    pub(super) language: Language,
}

#[derive(Debug)]
struct Open {
    names: Names,
    book: Book,
    /// `None`: everything is taken.
    trouble: Option<Trouble>,
    /// The receiver is away, whatever comes.
    is_away: bool,
}

impl Desk {
    pub(super) fn new(names: Names, book: Book, language: Language) -> Self {
        let open = Mutex::new(Open { names, book, trouble: None, is_away: false });
        Self { open, stop: Mutex::default(), halt: CancellationToken::new(), language }
    }

    /// Goes on with new books: what still comes of the old ones is foreign. From here on the receiver
    /// is away if `is_away`, and takes what `trouble` lets it.
    pub(super) fn turn_over(&self, names: Names, book: Book, trouble: Trouble, is_away: bool) {
        *self.open() = Open { names, book, trouble: Some(trouble), is_away };
    }

    /// The receiver is here again, and from now on it is measured.
    pub(super) fn come_back(&self, at: Instant) {
        let mut open = self.open();
        open.is_away = false;
        open.book.measure_from(at);
    }

    /// Looks into the books, or writes in them.
    pub(super) fn book<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        work(&mut self.open().book)
    }

    /// Whether the receiver is to take nothing of message `number`.
    pub(super) fn keeps_back(&self, number: u32) -> bool {
        self.open().trouble.is_some_and(|trouble| trouble.keeps_back(number))
    }

    /// Whether a departmental system answers at all.
    pub(super) fn is_away(&self) -> bool {
        self.open().is_away
    }

    /// A departmental system gets a message of this own id, under this delivery key.
    pub(super) fn arrives(&self, own_id: &str, key: &[u8], at: Instant) -> Answer {
        let mut hasher = DefaultHasher::new();
        hasher.write(key);
        // Enough to tell two apart.
        let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
        let mut open = self.open();
        if open.is_away {
            return Answer::Away;
        }
        let number = open.names.number(own_id);
        let answer = match (number, open.trouble) {
            (Some(number), Some(trouble)) => trouble.of(number),
            _ => Answer::Taken,
        };
        match answer {
            Answer::Taken => open.book.arrived(number, u32::from_be_bytes([a, b, c, d]), at),
            Answer::Failed | Answer::Away => open.book.kept_back_again(),
        }
        answer
    }

    /// The status of a message changed.
    pub(super) fn told(&self, answer: &WatchStatusResponse, at: Instant) {
        let kind = answer.entry.as_ref().map(|entry| entry.kind.as_str());
        let Ok(id) = Uuid::parse_str(&answer.message_id) else { return };
        match (kind, answer.state.as_str()) {
            (Some("delivered"), "delivered") => self.book(|book| book.told_delivered(id, at)),
            (Some(_), state @ ("dead" | "rejected" | "discarded" | "unrouted" | "conflict")) => {
                self.book(|book| book.told_ended(id, state));
            }
            _ => {}
        }
    }

    /// Ends sending because of `stop`; the first reason is the one that is told.
    pub(super) fn stop(&self, stop: Stop) {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(stop);
        self.halt.cancel();
    }

    /// Why it ended before its time.
    pub(super) fn take_stop(&self) -> Option<Stop> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// No panic leaves it half changed.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
