//! How a message stood at some step, from what happened until then.

use super::{
    rows::{Application, Delivery, Entry, Step},
    state::{self, CONFLICT},
};

/// Sequence numbers a watch looks at in one go.
pub(super) const WINDOW: i64 = 1_000;

/// What follows from what happened so far.
#[derive(Clone)]
pub(super) struct Stand {
    deliveries: Vec<Delivery>,
    verdict: Option<&'static str>,
    reply_kind: Option<String>,
    has_head: bool,
}

impl Stand {
    pub(super) fn of(application: &Application) -> Self {
        Self {
            deliveries: Vec::new(),
            // A copy with other bytes is what it is from its first moment on.
            verdict: (application.state == CONFLICT).then_some(CONFLICT),
            reply_kind: None,
            has_head: application.is_fresh,
        }
    }

    pub(super) fn go_on(&mut self, entry: &Entry) {
        match entry.kind.as_str() {
            "accepted" => self.has_head = true,
            "unrouted" if self.verdict != Some(CONFLICT) => self.verdict = Some(state::UNROUTED),
            "refused" => self.verdict = self.verdict.or(Some(state::REFUSED)),
            _ => {}
        }
        if matches!(entry.reply_kind.as_deref(), Some("question" | "decision")) {
            self.reply_kind.clone_from(&entry.reply_kind);
        }
        if let Some(delivery) = entry.delivery.clone() {
            state::merge(&mut self.deliveries, delivery);
            state::end_forgotten(&mut self.deliveries);
        }
    }

    pub(super) fn step(
        mut self,
        application: Application,
        entry: Option<Entry>,
        sequence: i64,
    ) -> Step {
        let key = |of: &Delivery| (of.endpoint.clone(), of.ledger.clone(), of.number);
        // As the table has them: the same answer, whichever way it was found.
        self.deliveries.sort_by_cached_key(key);
        let state = state::state(&self.deliveries, self.verdict, self.has_head).to_owned();
        let application = Application { state, has_head: self.has_head, ..application };
        let Self { deliveries, reply_kind, .. } = self;
        Step { sequence, application, entry, deliveries, reply_kind }
    }
}

/// The entry an application is itself.
pub(super) fn accepted(of: &Application) -> Option<Entry> {
    let at = of.received_at.filter(|_| of.is_fresh)?;
    Some(Entry {
        sequence: of.id,
        at,
        kind: "accepted".to_owned(),
        endpoint: None,
        code: None,
        cause: None,
        place: None,
        receipt: None,
        reasons: Vec::new(),
        reply_kind: None,
        delivery: None,
    })
}
