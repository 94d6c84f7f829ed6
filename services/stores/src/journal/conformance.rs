//! What every [`Journal`] must do; the suite panics at the first rule broken.

mod endpoints;
pub(crate) mod fixtures;
mod retention;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use messaging::{
    ApplicationHead, DeliveryState, EndpointName, Event, EventKind, FailureKind, Sha256, Timestamp,
};

use self::fixtures::{
    accepted, bescheid, delivered, event, failed, head, partition, project, reply, sender,
    state_of, told,
};
use super::{Journal, Projected, Projection, UndecidedOf};

/// A place where a journal is kept, empty at first.
pub struct Site {
    /// Opens the journal; again after all handles of it are gone, as a new process would.
    pub open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Journal>> + Send + Sync>,
}

impl Site {
    async fn open(&self) -> Arc<dyn Journal> {
        (self.open)().await
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

/// Runs the suite; `make` gives each rule a site of its own.
pub async fn check(make: impl AsyncFn() -> Site) {
    the_newest_version_wins_whatever_came_first(&make().await).await;
    what_a_restored_ledger_tells_stands_for_what_it_told_before(&make().await).await;
    what_is_told_twice_changes_nothing(&make().await).await;
    other_bytes_under_the_same_id_stand_apart(&make().await).await;
    a_restart_reads_on_where_it_was(&make().await).await;
    a_batch_from_another_place_changes_nothing(&make().await).await;
    a_step_shows_how_things_stood_then(&make().await).await;
    steps_are_the_same_one_by_one_and_all_at_once(&make().await).await;
    another_senders_message_is_not_there(&make().await).await;
    a_reply_of_a_standard_is_kept_with_what_it_says_and_another_as_it_is(&make().await).await;
    people_find_by_whatever_they_have(&make().await).await;
    a_closed_gate_is_shown_until_it_opens(&make().await).await;
    endpoints::check(&make).await;
    retention::check(&make).await;
}

async fn the_newest_version_wins_whatever_came_first(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", None);
    // Even the application itself comes last.
    project(&*journal, "status", vec![delivered(&head, 3)]).await;
    project(&*journal, "status", vec![failed(&head, 2), failed(&head, 1)]).await;
    project(&*journal, "application.kfz", vec![accepted(&head)]).await;
    let whole = journal
        .message(&head.sender, head.message_id)
        .await
        .expect("it answers")
        .expect("it is there");
    assert_eq!(whole.application.state, "delivered");
    assert_eq!(whole.application.own_id.as_deref(), Some("a"));
    let [delivery] = &whole.deliveries[..] else { unreachable!("one delivery") };
    assert_eq!((delivery.version, delivery.receipt.as_deref()), (3, Some("AZ 1")));
    let kinds: Vec<&str> = whole.timeline.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["accepted", "attempt_failed", "attempt_failed", "delivered"]);
    let overview = journal.overview().await.expect("it answers");
    let counted: Vec<_> =
        overview.endpoints.get("nordsachsen-kfz").expect("it is shown").deliveries.iter().collect();
    assert_eq!(counted, [(&"delivered".to_owned(), &1)]);
}

async fn what_a_restored_ledger_tells_stands_for_what_it_told_before(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", None);
    let dead = event(&head, 4, DeliveryState::Dead, EventKind::DeadLettered);
    let question = EventKind::Uncertain { is_question: true };
    let mut restored = event(&head, 1, DeliveryState::Uncertain, question);
    restored.id = "ledger-2-99-1".to_owned();
    if let Some(delivery) = &mut restored.delivery {
        (delivery.epoch, delivery.delivery) = (2, 99);
    }
    project(&*journal, "application.kfz", vec![accepted(&head)]).await;
    project(&*journal, "status", vec![told(dead), told(restored)]).await;
    assert_eq!(state_of(&*journal, &head).await, "uncertain");
    let open = journal.undecided(None, UndecidedOf::default(), 10).await;
    let open: Vec<i64> =
        open.expect("it answers").iter().map(|undecided| undecided.delivery.number).collect();
    assert_eq!(open, [99], "the other is nobody's question any more");
    let overview = journal.overview().await.expect("it answers");
    let counted = overview.endpoints.get("nordsachsen-kfz").expect("it is shown");
    let uncertain = counted.deliveries.get("uncertain").copied().unwrap_or_default();
    let dead = counted.deliveries.get("dead").copied().unwrap_or_default();
    assert_eq!((uncertain, dead), (1, 0));
}

async fn what_is_told_twice_changes_nothing(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", None);
    let all = || {
        let reply = Projected::Reply(Box::new(reply(&head, "receipt", b"<ok/>")));
        vec![accepted(&head), failed(&head, 1), delivered(&head, 2), reply]
    };
    let first = project(&*journal, "status", all()).await;
    let before = journal.message(&head.sender, head.message_id).await.expect("it answers");
    let again = project(&*journal, "status", all()).await;
    assert_eq!(first.sequence, again.sequence, "nothing happened");
    assert_eq!(journal.message(&head.sender, head.message_id).await.expect("it answers"), before);
    assert_eq!(journal.overview().await.expect("it answers").applications, 1);
}

async fn other_bytes_under_the_same_id_stand_apart(site: &Site) {
    let journal = site.open().await;
    let first = head("portal", "a", None);
    let other = ApplicationHead { sha256: Sha256([8; 32]), ..first.clone() };
    project(&*journal, "application.kfz", vec![accepted(&first), accepted(&other)]).await;
    project(&*journal, "status", vec![delivered(&first, 1)]).await;
    assert_eq!(state_of(&*journal, &first).await, "delivered");
    let found = journal.search(&first.message_id.to_string(), 10).await.expect("it answers");
    let states: Vec<&str> = found.iter().map(|whole| whole.application.state.as_str()).collect();
    assert_eq!(states, ["delivered", "conflict"]);
}

async fn a_restart_reads_on_where_it_was(site: &Site) {
    let head = head("portal", "a", None);
    let epoch = {
        let journal = site.open().await;
        project(&*journal, "application.kfz", vec![accepted(&head)]).await;
        journal.epoch()
    };
    let journal = site.open().await;
    assert_eq!(journal.epoch(), epoch);
    let next = journal.next_offset(&partition("application.kfz")).await.expect("it answers");
    assert_eq!(next, Some(1));
    assert_eq!(journal.progress().borrow().sequence, 1);
    project(&*journal, "status", vec![delivered(&head, 1)]).await;
    assert_eq!(state_of(&*journal, &head).await, "delivered");
}

async fn a_batch_from_another_place_changes_nothing(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", None);
    project(&*journal, "application.kfz", vec![accepted(&head)]).await;
    let stray = Projection {
        partition: partition("application.kfz"),
        from: 7,
        next: 8,
        entries: vec![delivered(&head, 1)],
    };
    let failure = journal.apply(vec![stray], Timestamp(9)).await.expect_err("it is refused");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2407"));
    assert_eq!(state_of(&*journal, &head).await, "accepted");
}

async fn a_step_shows_how_things_stood_then(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", None);
    project(&*journal, "application.kfz", vec![accepted(&head)]).await;
    project(&*journal, "status", vec![failed(&head, 1), delivered(&head, 2)]).await;
    let (steps, end) = journal.steps(&head.sender, 0).await.expect("it answers");
    let states: Vec<&str> = steps.iter().map(|step| step.application.state.as_str()).collect();
    assert_eq!(states, ["accepted", "waiting", "delivered"]);
    assert_eq!(end, 3);
    let (others, end) = journal.steps(&sender("other"), 0).await.expect("it answers");
    assert!(others.is_empty() && end == 3, "another sender sees nothing and still moves on");
}

async fn steps_are_the_same_one_by_one_and_all_at_once(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", None);
    let answer = |kind| Projected::Reply(Box::new(reply(&head, kind, b"<x/>")));
    // Two endpoints, told against the order of their names.
    let mut elsewhere = event(&head, 1, DeliveryState::Waiting, EventKind::AttemptFailed);
    elsewhere.id.push_str("-elsewhere");
    elsewhere.delivery.as_mut().expect("it is there").endpoint =
        EndpointName::new("zwickau-kfz").expect("it is there");
    let (mut one_by_one, mut after) = (Vec::new(), 0);
    for entry in [
        accepted(&head),
        told(elsewhere),
        failed(&head, 1),
        answer("question"),
        delivered(&head, 2),
        answer("receipt"),
    ] {
        project(&*journal, "status", vec![entry]).await;
        let (steps, end) = journal.steps(&head.sender, after).await.expect("it answers");
        one_by_one.extend(steps);
        after = end;
    }
    let (at_once, _) = journal.steps(&head.sender, 0).await.expect("it answers");
    assert_eq!(at_once.len(), 6);
    assert_eq!(one_by_one, at_once);
}

async fn another_senders_message_is_not_there(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", Some("v-1"));
    let answer = Projected::Reply(Box::new(reply(&head, "decision", b"<bescheid/>")));
    project(&*journal, "application.kfz", vec![accepted(&head), answer]).await;
    let whole = journal
        .message(&head.sender, head.message_id)
        .await
        .expect("it answers")
        .expect("it is there");
    let reply_id = &whole.replies.first().expect("one reply").reply_id;
    let body =
        journal.reply(&head.sender, reply_id).await.expect("it answers").expect("it is there").body;
    assert_eq!(body, &b"<bescheid/>"[..]);
    let other = sender("other");
    assert_eq!(journal.message(&other, head.message_id).await.expect("it answers"), None);
    assert!(journal.case(&other, head.case_id).await.expect("it answers").is_empty());
    assert_eq!(journal.reply(&other, reply_id).await.expect("it answers"), None);
}

async fn a_reply_of_a_standard_is_kept_with_what_it_says_and_another_as_it_is(site: &Site) {
    let journal = site.open().await;
    let head = head("portal", "a", None);
    let answer = |kind| Projected::Reply(Box::new(reply(&head, kind, b"<x/>")));
    // Told twice, as a relay may: kept once.
    let told = vec![accepted(&head), answer("document"), answer("decision"), answer("decision")];
    project(&*journal, "application.kfz", told).await;
    let whole = journal
        .message(&head.sender, head.message_id)
        .await
        .expect("it answers")
        .expect("it is there");
    let procedures: Vec<_> = whole.replies.iter().map(|reply| reply.procedure.clone()).collect();
    assert_eq!(procedures, [None, Some(bescheid())]);
    let mut canonical = Vec::new();
    for reply in &whole.replies {
        let body = journal
            .reply(&head.sender, &reply.reply_id)
            .await
            .expect("it answers")
            .expect("it is there");
        assert_eq!(body.body, &b"<x/>"[..]);
        canonical.push(body.canonical);
    }
    assert_eq!(canonical, [None, Some(Bytes::from_static(b"canonical"))]);
}

async fn people_find_by_whatever_they_have(site: &Site) {
    let journal = site.open().await;
    let one = head("portal", "KFZ-2026-0001", Some("v-1"));
    let two = head("portal", "KFZ-2026-0002", Some("v-1"));
    project(&*journal, "application.kfz", vec![accepted(&one), accepted(&two)]).await;
    let id = one.message_id.to_string();
    for (text, expected) in [
        (id.as_str(), 1),
        (id.split_at(9).0, 1),
        (&one.case_id.to_string(), 2),
        ("KFZ-2026-0001", 1),
        ("KFZ-2026", 2),
        ("KFZ-2", 0),
        ("ffffffff", 0),
    ] {
        let found = journal.search(text, 10).await.expect("it answers");
        assert_eq!(found.len(), expected, "{text}");
    }
    let case = journal.case(&one.sender, one.case_id).await.expect("it answers");
    let own: Vec<_> =
        case.iter().map(|it| it.application.own_id.as_deref().expect("it is there")).collect();
    assert_eq!(own, ["KFZ-2026-0001", "KFZ-2026-0002"], "in order");
    let newest = journal.list(None, None, None, 1).await.expect("it answers");
    assert_eq!(newest.first().expect("one").0.own_id.as_deref(), Some("KFZ-2026-0002"));
    let dead = journal.list(None, Some("dead".to_owned()), None, 10).await.expect("it answers");
    assert!(dead.is_empty());
}

async fn a_closed_gate_is_shown_until_it_opens(site: &Site) {
    let journal = site.open().await;
    let endpoint = EndpointName::new("harz-kfz").expect("it is there");
    let gate = |id: &str, at: i64, kind: EventKind| {
        told(Event {
            id: id.to_owned(),
            at: Timestamp(at),
            message_id: None,
            case_id: None,
            sender: None,
            delivery: None,
            kind,
            code: Some("AB-3001".to_owned()),
            cause: None,
            trace: None,
        })
    };
    let closed = gate("1", 10, EventKind::GateClosed { endpoint: endpoint.clone() });
    project(&*journal, "status", vec![closed.clone()]).await;
    let overview = journal.overview().await.expect("it answers");
    let told = overview.endpoints.get("harz-kfz").expect("it is shown").gate_closed.clone();
    assert_eq!(told, Some((Timestamp(10), Some("AB-3001".to_owned()))));
    let opened = gate("2", 20, EventKind::GateOpened { endpoint });
    project(&*journal, "status", vec![opened, closed]).await;
    let overview = journal.overview().await.expect("it answers");
    assert!(overview.endpoints.get("harz-kfz").is_none_or(|of| of.gate_closed.is_none()));
}
