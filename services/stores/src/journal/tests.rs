//! Tests of the journal.

use std::path::PathBuf;

use bytes::Bytes;
use messaging::{
    ApplicationHead, Authority, ChannelName, DeliveryState, DeliveryVersion, Domain, EndpointName,
    Event, EventKind, OwnId, ProcedureName, ReadReply, Reply, ReplyEvent, Sha256,
};

use super::*;

/// A journal in a directory that goes with it.
pub(super) struct Place {
    directory: PathBuf,
}

impl Place {
    pub(super) fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("amtsbote-journal-{}", Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        Self { directory }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.directory.join("journal.sqlite")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn sender(name: &str) -> SenderName {
    SenderName::new(name).unwrap()
}

pub(super) fn head(of: &str, own_id: &str, reference: Option<&str>) -> ApplicationHead {
    let (sender, own_id) = (sender(of), OwnId::new(own_id).unwrap());
    let sha256 = Sha256([7; 32]);
    let message_id = messaging::identity::message_id(&sender, Some(&own_id), &sha256);
    ApplicationHead {
        message_id,
        case_id: messaging::identity::case_id(&sender, reference, message_id),
        own_id: Some(own_id),
        case_reference: reference.map(str::to_owned),
        refers_to: None,
        sender,
        authority: Authority::new("svb:14730000").unwrap(),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").unwrap(),
        service: None,
        procedure: ProcedureName {
            standard: "amtsbote-kfz".to_owned(),
            version: "1.0".to_owned(),
            message_type: "kfz.neuzulassung.0101".to_owned(),
        },
        is_test: false,
        sha256,
        received_at: Timestamp(1_000_000),
        trace: None,
    }
}

pub(super) fn event(
    of: &ApplicationHead,
    version: u64,
    state: DeliveryState,
    kind: EventKind,
) -> Event {
    Event {
        id: format!("ledger-1-{}-{version}", of.message_id),
        at: Timestamp(2_000_000 + i64::try_from(version).unwrap()),
        message_id: Some(of.message_id),
        case_id: Some(of.case_id),
        sender: Some(of.sender.clone()),
        delivery: Some(DeliveryVersion {
            ledger: "ledger".to_owned(),
            epoch: 1,
            delivery: 5,
            version,
            endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
            state,
            attempts: u32::try_from(version).unwrap(),
            next_at: None,
        }),
        kind,
        code: None,
        cause: None,
        trace: None,
    }
}

pub(super) fn reply(of: &ApplicationHead, kind: &str, body: &'static [u8]) -> ReplyEvent {
    ReplyEvent {
        id: format!("reply-{kind}"),
        at: Timestamp(3_000_000),
        message_id: of.message_id,
        case_id: of.case_id,
        sender: of.sender.clone(),
        endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
        reply: Reply {
            id: kind.to_owned(),
            kind: kind.to_owned(),
            media_type: "application/xml".to_owned(),
            body: Bytes::from_static(body),
            read: (kind == "decision").then(|| ReadReply {
                procedure: bescheid(),
                canonical: Bytes::from_static(b"canonical"),
            }),
            code: None,
        },
        trace: None,
    }
}

fn bescheid() -> ProcedureName {
    ProcedureName {
        standard: "amtsbote-antwort".to_owned(),
        version: "1.0".to_owned(),
        message_type: "antwort.bescheid.0904".to_owned(),
    }
}

pub(super) fn accepted(head: &ApplicationHead) -> Projected {
    Projected::Application(Box::new(head.clone()))
}

pub(super) fn told(event: Event) -> Projected {
    Projected::Event(Box::new(event))
}

pub(super) fn delivered(of: &ApplicationHead, version: u64) -> Projected {
    let kind = EventKind::Delivered { receipt: Some("AZ 1".to_owned()) };
    told(event(of, version, DeliveryState::Delivered, kind))
}

pub(super) fn failed(of: &ApplicationHead, version: u64) -> Projected {
    told(event(of, version, DeliveryState::Waiting, EventKind::AttemptFailed))
}

fn partition(channel: &str) -> Partition {
    Partition { channel: ChannelName::new(channel).unwrap(), number: 0 }
}

/// Projects `entries` as the next ones of `channel`.
pub(super) async fn project(journal: &Journal, channel: &str, entries: Vec<Projected>) -> Progress {
    let partition = partition(channel);
    let from = journal.next_offset(&partition).await.unwrap().unwrap_or(0);
    let next = from + entries.len() as u64;
    let batch = Projection { partition, from, next, entries };
    journal.apply(vec![batch], Timestamp(9)).await.unwrap()
}

async fn state_of(journal: &Journal, head: &ApplicationHead) -> String {
    let whole = journal.message(&head.sender, head.message_id).await.unwrap().unwrap();
    whole.application.state
}

#[tokio::test]
async fn the_newest_version_wins_whatever_came_first() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    // Even the application itself comes last.
    project(&journal, "status", vec![delivered(&head, 3)]).await;
    project(&journal, "status", vec![failed(&head, 2), failed(&head, 1)]).await;
    project(&journal, "application.kfz", vec![accepted(&head)]).await;
    let whole = journal.message(&head.sender, head.message_id).await.unwrap().unwrap();
    assert_eq!(whole.application.state, "delivered");
    assert_eq!(whole.application.own_id.as_deref(), Some("a"));
    let [delivery] = &whole.deliveries[..] else { panic!("one delivery") };
    assert_eq!((delivery.version, delivery.receipt.as_deref()), (3, Some("AZ 1")));
    let kinds: Vec<&str> = whole.timeline.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["accepted", "attempt_failed", "attempt_failed", "delivered"]);
    let overview = journal.overview().await.unwrap();
    let counted: Vec<_> = overview.endpoints["nordsachsen-kfz"].deliveries.iter().collect();
    assert_eq!(counted, [(&"delivered".to_owned(), &1)]);
}

#[tokio::test]
async fn what_is_told_twice_changes_nothing() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    let all = || {
        let reply = Projected::Reply(Box::new(reply(&head, "receipt", b"<ok/>")));
        vec![accepted(&head), failed(&head, 1), delivered(&head, 2), reply]
    };
    let first = project(&journal, "status", all()).await;
    let before = journal.message(&head.sender, head.message_id).await.unwrap();
    let again = project(&journal, "status", all()).await;
    assert_eq!(first.sequence, again.sequence, "nothing happened");
    assert_eq!(journal.message(&head.sender, head.message_id).await.unwrap(), before);
    assert_eq!(journal.overview().await.unwrap().applications, 1);
}

#[tokio::test]
async fn other_bytes_under_the_same_id_stand_apart() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let first = head("portal", "a", None);
    let other = ApplicationHead { sha256: Sha256([8; 32]), ..first.clone() };
    project(&journal, "application.kfz", vec![accepted(&first), accepted(&other)]).await;
    project(&journal, "status", vec![delivered(&first, 1)]).await;
    assert_eq!(state_of(&journal, &first).await, "delivered");
    let found = journal.search(&first.message_id.to_string(), 10).await.unwrap();
    let states: Vec<&str> = found.iter().map(|whole| whole.application.state.as_str()).collect();
    assert_eq!(states, ["delivered", "conflict"]);
}

#[tokio::test]
async fn a_restart_reads_on_where_it_was() {
    let place = Place::new();
    let head = head("portal", "a", None);
    let epoch = {
        let journal = Journal::open(&place.file()).unwrap();
        project(&journal, "application.kfz", vec![accepted(&head)]).await;
        journal.epoch()
    };
    let journal = Journal::open(&place.file()).unwrap();
    assert_eq!(journal.epoch(), epoch);
    let next = journal.next_offset(&partition("application.kfz")).await.unwrap();
    assert_eq!(next, Some(1));
    assert_eq!(journal.progress().borrow().sequence, 1);
    project(&journal, "status", vec![delivered(&head, 1)]).await;
    assert_eq!(state_of(&journal, &head).await, "delivered");
}

#[tokio::test]
async fn a_batch_from_another_place_changes_nothing() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    project(&journal, "application.kfz", vec![accepted(&head)]).await;
    let stray = Projection {
        partition: partition("application.kfz"),
        from: 7,
        next: 8,
        entries: vec![delivered(&head, 1)],
    };
    let failure = journal.apply(vec![stray], Timestamp(9)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2407"));
    assert_eq!(state_of(&journal, &head).await, "accepted");
}

#[tokio::test]
async fn a_step_shows_how_things_stood_then() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    project(&journal, "application.kfz", vec![accepted(&head)]).await;
    project(&journal, "status", vec![failed(&head, 1), delivered(&head, 2)]).await;
    let (steps, end) = journal.steps(&head.sender, 0).await.unwrap();
    let states: Vec<&str> = steps.iter().map(|step| step.application.state.as_str()).collect();
    assert_eq!(states, ["accepted", "waiting", "delivered"]);
    assert_eq!(end, 3);
    let (others, end) = journal.steps(&sender("other"), 0).await.unwrap();
    assert!(others.is_empty() && end == 3, "another sender sees nothing and still moves on");
}

#[tokio::test]
async fn steps_are_the_same_one_by_one_and_all_at_once() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    let answer = |kind| Projected::Reply(Box::new(reply(&head, kind, b"<x/>")));
    // Two endpoints, told against the order of their names.
    let mut elsewhere = event(&head, 1, DeliveryState::Waiting, EventKind::AttemptFailed);
    elsewhere.id.push_str("-elsewhere");
    elsewhere.delivery.as_mut().unwrap().endpoint = EndpointName::new("zwickau-kfz").unwrap();
    let (mut one_by_one, mut after) = (Vec::new(), 0);
    for entry in [
        accepted(&head),
        told(elsewhere),
        failed(&head, 1),
        answer("question"),
        delivered(&head, 2),
        answer("receipt"),
    ] {
        project(&journal, "status", vec![entry]).await;
        let (steps, end) = journal.steps(&head.sender, after).await.unwrap();
        one_by_one.extend(steps);
        after = end;
    }
    let (at_once, _) = journal.steps(&head.sender, 0).await.unwrap();
    assert_eq!(at_once.len(), 6);
    assert_eq!(one_by_one, at_once);
}

#[tokio::test]
async fn whoever_follows_reads_new_entries_alone() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    let elsewhere = event(&head, 1, DeliveryState::Waiting, EventKind::AttemptFailed);
    project(&journal, "status", vec![accepted(&head), told(elsewhere)]).await;
    let (_, after) = journal.steps(&head.sender, 0).await.unwrap();
    // Were the former entry read again, it would show in the step.
    let connection = Connection::open(place.file()).unwrap();
    let changed = connection.execute("UPDATE event SET endpoint = 'never-told'", []).unwrap();
    assert_eq!(changed, 1);
    project(&journal, "status", vec![delivered(&head, 2)]).await;
    let (steps, _) = journal.steps(&head.sender, after).await.unwrap();
    let [step] = &steps[..] else { panic!("one step") };
    let endpoints: Vec<&str> = step.deliveries.iter().map(|it| it.endpoint.as_str()).collect();
    assert_eq!(endpoints, ["nordsachsen-kfz"]);
}

#[tokio::test]
async fn another_senders_message_is_not_there() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", Some("v-1"));
    let answer = Projected::Reply(Box::new(reply(&head, "decision", b"<bescheid/>")));
    project(&journal, "application.kfz", vec![accepted(&head), answer]).await;
    let whole = journal.message(&head.sender, head.message_id).await.unwrap().unwrap();
    let reply_id = &whole.replies[0].reply_id;
    let body = journal.reply(&head.sender, reply_id).await.unwrap().unwrap().body;
    assert_eq!(body, &b"<bescheid/>"[..]);
    let other = sender("other");
    assert_eq!(journal.message(&other, head.message_id).await.unwrap(), None);
    assert!(journal.case(&other, head.case_id).await.unwrap().is_empty());
    assert_eq!(journal.reply(&other, reply_id).await.unwrap(), None);
}

#[tokio::test]
async fn a_reply_of_a_standard_is_kept_with_what_it_says_and_another_as_it_is() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let head = head("portal", "a", None);
    let answer = |kind| Projected::Reply(Box::new(reply(&head, kind, b"<x/>")));
    // Told twice, as a relay may: kept once.
    let told = vec![accepted(&head), answer("document"), answer("decision"), answer("decision")];
    project(&journal, "application.kfz", told).await;
    let whole = journal.message(&head.sender, head.message_id).await.unwrap().unwrap();
    let procedures: Vec<_> = whole.replies.iter().map(|reply| reply.procedure.clone()).collect();
    assert_eq!(procedures, [None, Some(bescheid())]);
    let mut canonical = Vec::new();
    for reply in &whole.replies {
        let body = journal.reply(&head.sender, &reply.reply_id).await.unwrap().unwrap();
        assert_eq!(body.body, &b"<x/>"[..]);
        canonical.push(body.canonical);
    }
    assert_eq!(canonical, [None, Some(Bytes::from_static(b"canonical"))]);
}

#[tokio::test]
async fn people_find_by_whatever_they_have() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let one = head("portal", "KFZ-2026-0001", Some("v-1"));
    let two = head("portal", "KFZ-2026-0002", Some("v-1"));
    project(&journal, "application.kfz", vec![accepted(&one), accepted(&two)]).await;
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
        let found = journal.search(text, 10).await.unwrap();
        assert_eq!(found.len(), expected, "{text}");
    }
    let case = journal.case(&one.sender, one.case_id).await.unwrap();
    let own: Vec<_> = case.iter().map(|it| it.application.own_id.as_deref().unwrap()).collect();
    assert_eq!(own, ["KFZ-2026-0001", "KFZ-2026-0002"], "in order");
    let newest = journal.list(None, None, None, 1).await.unwrap();
    assert_eq!(newest[0].0.own_id.as_deref(), Some("KFZ-2026-0002"));
    let dead = journal.list(None, Some("dead".to_owned()), None, 10).await.unwrap();
    assert!(dead.is_empty());
}

#[tokio::test]
async fn a_closed_gate_is_shown_until_it_opens() {
    let place = Place::new();
    let journal = Journal::open(&place.file()).unwrap();
    let endpoint = EndpointName::new("harz-kfz").unwrap();
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
    project(&journal, "status", vec![closed.clone()]).await;
    let overview = journal.overview().await.unwrap();
    let told = overview.endpoints["harz-kfz"].gate_closed.clone();
    assert_eq!(told, Some((Timestamp(10), Some("AB-3001".to_owned()))));
    let opened = gate("2", 20, EventKind::GateOpened { endpoint });
    project(&journal, "status", vec![opened, closed]).await;
    let overview = journal.overview().await.unwrap();
    assert!(overview.endpoints.get("harz-kfz").is_none_or(|of| of.gate_closed.is_none()));
}

#[test]
fn a_file_that_is_no_journal_is_refused() {
    let place = Place::new();
    std::fs::write(place.file(), vec![0x5a; 40_000]).unwrap();
    let failure = Journal::open(&place.file()).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2402"));
    std::fs::remove_file(place.file()).unwrap();
    drop(Journal::open(&place.file()).unwrap());
    let connection = Connection::open(place.file()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let failure = Journal::open(&place.file()).unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2403"));
}
