//! A batch in memory: what is known of its messages is read before, what follows is written after, each
//! in a few statements.

use std::collections::{BTreeMap, HashMap, HashSet};

use messaging::{ApplicationHead, EndpointReport, Event, ReplyEvent, Timestamp};
use uuid::Uuid;

use crate::journal::{
    keys::reasons_to_column,
    project::{About, Known, Row, Sheet},
    report,
    rows::Delivery,
    state::{ACCEPTED, CONFLICT},
};

/// A row of `application` that is to be written.
#[derive(Clone)]
pub(super) struct ApplicationRow {
    pub(super) message_id: Uuid,
    pub(super) is_copy: bool,
    pub(super) is_fresh: bool,
    pub(super) state: String,
    pub(super) verdict: Option<String>,
    pub(super) case_id: Option<Uuid>,
    pub(super) sender: Option<String>,
    pub(super) head: Option<Box<ApplicationHead>>,
}

/// A row of `event` that is to be written.
pub(super) struct EventRow {
    pub(super) id: i64,
    pub(super) application: i64,
    pub(super) fingerprint: i64,
    pub(super) at: i64,
    pub(super) texts: [Option<String>; 9],
    pub(super) delivery: Option<Delivery>,
}

/// What is known, and what is to be written.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) sequence: i64,
    pub(super) known: HashMap<Uuid, Known>,
    /// Which message a row is of.
    pub(super) message_of: HashMap<i64, Uuid>,
    pub(super) deliveries: HashMap<i64, Vec<Delivery>>,
    pub(super) events_known: HashSet<(i64, i64)>,
    pub(super) inserted: BTreeMap<i64, ApplicationRow>,
    pub(super) filled: Vec<(i64, Box<ApplicationHead>)>,
    /// State and verdict of rows that were there.
    pub(super) changed: BTreeMap<i64, (Option<&'static str>, Option<&'static str>)>,
    pub(super) events: Vec<EventRow>,
    pub(super) delivered: HashSet<(i64, (String, String, i64))>,
    pub(super) replies: Vec<(i64, i64, i64, Box<ReplyEvent>)>,
    pub(super) gates: Vec<(String, Box<Event>, bool)>,
    /// The newest of each endpoint.
    pub(super) reports: HashMap<String, (Timestamp, String)>,
    pub(super) tally: HashMap<(String, &'static str), i64>,
}

/// Nothing can fail in memory.
pub(super) type Never = std::convert::Infallible;

impl Draft {
    fn next(&mut self) -> i64 {
        self.sequence += 1;
        self.sequence
    }

    fn insert(&mut self, row: ApplicationRow) -> i64 {
        let id = self.next();
        if !row.is_copy {
            self.message_of.insert(id, row.message_id);
            let head = row.head.as_ref();
            self.known.insert(
                row.message_id,
                Known {
                    id,
                    has_head: head.is_some(),
                    sha256: head.map(|head| head.sha256.0.to_vec()),
                    state: row.state.clone(),
                    verdict: row.verdict.clone(),
                },
            );
        }
        self.inserted.insert(id, row);
        id
    }

    fn known_of(&mut self, id: i64) -> Option<&mut Known> {
        self.known.get_mut(self.message_of.get(&id)?)
    }
}

impl Sheet for Draft {
    type Error = Never;

    fn find(&mut self, message_id: Uuid) -> Result<Option<Known>, Never> {
        Ok(self.known.get(&message_id).cloned())
    }

    fn insert_accepted(&mut self, head: &ApplicationHead, is_copy: bool) -> Result<(), Never> {
        let (state, verdict) = if is_copy { (CONFLICT, Some(CONFLICT)) } else { (ACCEPTED, None) };
        self.insert(ApplicationRow {
            message_id: head.message_id.0,
            is_copy,
            is_fresh: true,
            state: state.to_owned(),
            verdict: verdict.map(str::to_owned),
            case_id: Some(head.case_id.0),
            sender: Some(head.sender.to_string()),
            head: Some(Box::new(head.clone())),
        });
        Ok(())
    }

    fn insert_announced(&mut self, about: About<'_>) -> Result<i64, Never> {
        Ok(self.insert(ApplicationRow {
            message_id: about.message_id,
            is_copy: false,
            is_fresh: false,
            state: ACCEPTED.to_owned(),
            verdict: None,
            case_id: about.case_id,
            sender: about.sender.map(str::to_owned),
            head: None,
        }))
    }

    fn fill_in(&mut self, id: i64, head: &ApplicationHead) -> Result<(), Never> {
        if let Some(known) = self.known.get_mut(&head.message_id.0) {
            known.has_head = true;
            known.sha256 = Some(head.sha256.0.to_vec());
        }
        match self.inserted.get_mut(&id) {
            Some(row) => {
                row.case_id = Some(head.case_id.0);
                row.sender = Some(head.sender.to_string());
                row.head = Some(Box::new(head.clone()));
            }
            None => self.filled.push((id, Box::new(head.clone()))),
        }
        Ok(())
    }

    fn insert_event(&mut self, row: &Row<'_>) -> Result<bool, Never> {
        if !self.events_known.insert((row.application, row.fingerprint)) {
            return Ok(false);
        }
        let id = self.next();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        self.events.push(EventRow {
            id,
            application: row.application,
            fingerprint: row.fingerprint,
            at: row.at,
            texts: [
                Some(row.kind.to_owned()),
                owned(row.endpoint),
                owned(row.code),
                owned(row.cause),
                owned(row.place),
                owned(row.trace),
                owned(row.receipt),
                row.reasons.clone(),
                owned(row.reply_kind),
            ],
            delivery: row.delivery.cloned(),
        });
        Ok(true)
    }

    fn deliveries(&mut self, application: i64) -> Result<Vec<Delivery>, Never> {
        Ok(self.deliveries.get(&application).cloned().unwrap_or_default())
    }

    fn insert_delivery(&mut self, application: i64, row: &Delivery) -> Result<(), Never> {
        let key = |of: &Delivery| (of.endpoint.clone(), of.ledger.clone(), of.number);
        let deliveries = self.deliveries.entry(application).or_default();
        match deliveries.iter_mut().find(|known| key(known) == key(row)) {
            Some(known) => *known = row.clone(),
            None => deliveries.push(row.clone()),
        }
        self.delivered.insert((application, key(row)));
        Ok(())
    }

    fn set_state(&mut self, application: i64, state: &'static str) -> Result<(), Never> {
        if let Some(known) = self.known_of(application) {
            state.clone_into(&mut known.state);
        }
        match self.inserted.get_mut(&application) {
            Some(row) => state.clone_into(&mut row.state),
            None => self.changed.entry(application).or_default().0 = Some(state),
        }
        Ok(())
    }

    fn set_verdict(&mut self, application: i64, verdict: &'static str) -> Result<(), Never> {
        if let Some(known) = self.known_of(application) {
            known.verdict = Some(verdict.to_owned());
        }
        match self.inserted.get_mut(&application) {
            Some(row) => row.verdict = Some(verdict.to_owned()),
            None => self.changed.entry(application).or_default().1 = Some(verdict),
        }
        Ok(())
    }

    fn insert_reply(
        &mut self,
        application: i64,
        fingerprint: i64,
        reply: &ReplyEvent,
    ) -> Result<(), Never> {
        self.replies.push((self.sequence, application, fingerprint, Box::new(reply.clone())));
        Ok(())
    }

    fn set_gate(&mut self, endpoint: &str, event: &Event, is_closed: bool) -> Result<(), Never> {
        self.gates.push((endpoint.to_owned(), Box::new(event.clone()), is_closed));
        Ok(())
    }

    fn report(&mut self, told: &EndpointReport, at: Timestamp) -> Result<(), Never> {
        let known = self.reports.get(told.endpoint.as_str());
        if known.is_none_or(|(before, _)| *before <= at) {
            self.reports.insert(told.endpoint.to_string(), (at, report::to_text(told)));
        }
        Ok(())
    }

    fn count(&mut self, endpoint: &str, state: &'static str, change: i64) {
        *self.tally.entry((endpoint.to_owned(), state)).or_default() += change;
    }
}

/// Reasons as a column has them.
pub(super) fn reasons(of: &Delivery) -> Option<String> {
    reasons_to_column(&of.reasons)
}
