//! What goes, what stays, and when exactly.

use messaging::{
    ApplicationHead, ChannelName, Command, CommandId, DeliveryState, EndpointName, Event,
    EventKind, OperatorName, Order, Partition, Position, Sha256,
};
use uuid::Uuid;

use super::super::{
    Projected,
    tests::{Place, accepted, delivered, event, failed, head, project, reply, told},
};
use super::*;

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const KEEP: Duration = Duration::from_secs(10);
const MICRO: Duration = Duration::from_micros(1);

struct World {
    place: Place,
    journal: Journal,
    now: Timestamp,
}

impl World {
    async fn new() -> Self {
        let place = Place::new();
        let journal = Journal::open(&place.file()).unwrap();
        journal.grow_older(START, Duration::ZERO).await.unwrap();
        Self { place, journal, now: START }
    }

    async fn project(&self, entries: Vec<Projected>) {
        project(&self.journal, "status", entries).await;
    }

    async fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.journal.grow_older(self.now, Duration::MAX).await.unwrap();
    }

    /// Applications, events and commands that went.
    async fn trim(&self) -> [u64; 3] {
        let mut rows = [0; 3];
        for (kind, rows) in Kind::ALL.into_iter().zip(&mut rows) {
            let mut after = Some(0);
            while let Some(from) = after {
                let trimmed = self.journal.trim(kind, KEEP, from).await.unwrap();
                *rows += trimmed.rows;
                after = trimmed.next;
            }
        }
        rows
    }

    async fn is_there(&self, head: &ApplicationHead) -> bool {
        let id = head.message_id.to_string();
        !self.journal.search(&id, 10).await.unwrap().is_empty()
    }

    async fn count(&self, what: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {what}");
        let count = move |c: &mut Connection| c.query_row(&sql, [], |row| row.get(0));
        self.journal.read(count).await.unwrap()
    }
}

fn position() -> Position {
    let channel = ChannelName::new("application.kfz").unwrap();
    Position { partition: Partition { channel, number: 0 }, offset: 7 }
}

fn about(head: &ApplicationHead, kind: EventKind) -> Projected {
    let id = format!("{}-{}", kind.name(), head.message_id);
    told(Event { delivery: None, id, ..event(head, 1, DeliveryState::Pending, kind) })
}

fn about_none(id: &str, kind: EventKind) -> Projected {
    let event = event(&head("portal", "none", None), 1, DeliveryState::Pending, kind);
    let id = id.to_owned();
    told(Event { id, delivery: None, message_id: None, case_id: None, sender: None, ..event })
}

fn in_state(head: &ApplicationHead, version: u64, state: DeliveryState) -> Projected {
    told(event(head, version, state, EventKind::Admitted))
}

/// Whether the application goes in the end, and then at the right time.
async fn check(what: &str, entries: Vec<Projected>, goes: bool) {
    let mut world = World::new().await;
    let of = head("portal", "a", None);
    world.project(entries).await;
    world.wait(KEEP - MICRO).await;
    world.trim().await;
    assert!(world.is_there(&of).await, "{what}");
    world.wait(if goes { MICRO } else { KEEP * 1_000 }).await;
    world.trim().await;
    assert_eq!(world.is_there(&of).await, !goes, "{what}");
    let rows = if goes { 0..=0 } else { 1..=9 };
    assert!(rows.contains(&(world.count("application").await)), "{what}");
    if goes {
        for table in ["event", "delivery", "reply", "reading", "tally WHERE total <> 0"] {
            assert_eq!(world.count(table).await, 0, "{what}: {table}");
        }
    }
}

#[tokio::test]
async fn an_application_goes_when_nothing_about_it_is_open_and_nothing_happened_for_so_long() {
    use DeliveryState::*;
    let a = head("portal", "a", None);
    let copy = ApplicationHead { sha256: Sha256([8; 32]), ..a.clone() };
    for state in [Delivered, Rejected, Discarded] {
        check(state.name(), vec![accepted(&a), in_state(&a, 1, state)], true).await;
    }
    for state in [Pending, Leased, Waiting, Uncertain, Dead] {
        check(state.name(), vec![accepted(&a), in_state(&a, 1, state)], false).await;
    }
    check("before its head", vec![delivered(&a, 1)], true).await;
    check("with reply", vec![accepted(&a), delivered(&a, 1), told_reply(&a)], true).await;
    check("tried twice", vec![accepted(&a), failed(&a, 1), delivered(&a, 2)], true).await;
    check("accepted", vec![accepted(&a)], false).await;
    check("unrouted", vec![accepted(&a), about(&a, EventKind::Unrouted)], false).await;
    let refused = EventKind::Refused { reasons: Vec::new() };
    check("refused", vec![about(&a, refused)], true).await;
    check("a copy", vec![accepted(&a), delivered(&a, 1), accepted(&copy)], true).await;
    check("of an open one", vec![accepted(&a), accepted(&copy)], false).await;
    let duplicate = about(&a, EventKind::Duplicate { position: position() });
    check("once more, after it had gone", vec![accepted(&a), duplicate.clone()], true).await;
    check("once more, meanwhile", vec![accepted(&a), failed(&a, 1), duplicate], false).await;
}

fn told_reply(of: &ApplicationHead) -> Projected {
    Projected::Reply(Box::new(reply(of, "decision", b"<bescheid/>")))
}

#[tokio::test]
async fn whatever_happens_to_an_application_keeps_all_of_it_for_as_long_again() {
    let mut world = World::new().await;
    let (a, b) = (head("portal", "a", None), head("portal", "b", None));
    world.project(vec![accepted(&a), delivered(&a, 1), accepted(&b), delivered(&b, 1)]).await;
    world.wait(KEEP - MICRO).await;
    world.project(vec![told_reply(&a)]).await;
    world.wait(KEEP - MICRO).await;
    assert_eq!(world.trim().await, [1, 0, 0]);
    assert!(world.is_there(&a).await && !world.is_there(&b).await);
    let whole = world.journal.message(&a.sender, a.message_id).await.unwrap().unwrap();
    assert_eq!((whole.timeline.len(), whole.replies.len()), (3, 1));
    let overview = world.journal.overview().await.unwrap();
    assert_eq!(overview.applications, 1);
    assert_eq!(overview.endpoints["nordsachsen-kfz"].deliveries["delivered"], 1);
    world.wait(MICRO).await;
    assert_eq!(world.trim().await, [1, 0, 0]);
    assert!(!world.is_there(&a).await);
}

#[tokio::test]
async fn what_went_is_known_as_gone_to_cursors_also_after_a_restart() {
    let mut world = World::new().await;
    let (a, b) = (head("portal", "a", None), head("portal", "b", None));
    world.project(vec![accepted(&a), accepted(&b), delivered(&a, 1)]).await;
    assert_eq!(world.journal.trimmed_through(), 0);
    world.wait(KEEP).await;
    world.trim().await;
    assert_eq!(world.journal.trimmed_through(), 3, "its last step");
    let World { place, journal, .. } = world;
    drop(journal);
    let journal = Journal::open(&place.file()).unwrap();
    assert_eq!(journal.trimmed_through(), 3);
    let sequence = journal.progress().borrow().sequence;
    assert_eq!(sequence, 3, "numbers are not given twice");
}

#[tokio::test]
async fn what_happened_to_no_application_goes_but_a_record_nobody_can_read_stays() {
    let mut world = World::new().await;
    let endpoint = EndpointName::new("harz-kfz").unwrap();
    let waiting = head("portal", "a", None);
    world
        .project(vec![
            about_none("1", EventKind::GateClosed { endpoint }),
            about_none("2", EventKind::Refused { reasons: Vec::new() }),
            about_none("3", EventKind::Undecodable { position: position() }),
            accepted(&waiting),
            failed(&waiting, 1),
        ])
        .await;
    assert_eq!(world.journal.overview().await.unwrap().refused, 1);
    world.wait(KEEP).await;
    assert_eq!(world.trim().await, [0, 2, 0]);
    let overview = world.journal.overview().await.unwrap();
    assert_eq!(overview.refused, 0);
    assert!(overview.endpoints["harz-kfz"].gate_closed.is_some(), "it is closed still");
    assert_eq!(world.count("event").await, 2);
}

#[tokio::test]
async fn commands_go_once_they_are_answered() {
    let mut world = World::new().await;
    let endpoint = EndpointName::new("harz-kfz").unwrap();
    let issue = |id: u128| {
        Projected::Command(Box::new(Command {
            id: CommandId(Uuid::from_u128(id)),
            at: START,
            operator: OperatorName::new("erika").unwrap(),
            endpoint: endpoint.clone(),
            order: Order::Pause,
            reason: None,
        }))
    };
    let command = CommandId(Uuid::from_u128(1));
    let done = EventKind::CommandAccepted { command, endpoint: endpoint.clone() };
    world.project(vec![issue(1), issue(2), issue(3), about_none("1", done)]).await;
    world.wait(KEEP - MICRO).await;
    assert_eq!(world.trim().await, [0; 3]);
    world.wait(MICRO).await;
    assert_eq!(world.trim().await, [0, 0, 1]);
    assert_eq!(world.count("command").await, 2);
}

#[tokio::test]
async fn a_step_is_bounded_and_the_next_goes_on_where_it_ended() {
    let mut world = World::new().await;
    let heads: Vec<_> = (0..250).map(|n| head("portal", &format!("a{n}"), None)).collect();
    world.project(heads.iter().flat_map(|of| [accepted(of), delivered(of, 1)]).collect()).await;
    world.wait(KEEP).await;
    let (mut steps, mut after) = (Vec::new(), Some(0));
    while let Some(from) = after {
        let step = world.journal.trim(Kind::Application, KEEP, from).await.unwrap();
        steps.push(step.rows);
        after = step.next;
    }
    assert_eq!(steps, [100, 100, 50]);
}

/// Makes a journal what the former version would have left.
const TO_VERSION_2: &str =
    "DROP TABLE reading; DROP TABLE milestone; ALTER TABLE meta DROP COLUMN age;
    ALTER TABLE meta DROP COLUMN trimmed_through; PRAGMA user_version = 2;";

#[tokio::test]
async fn a_journal_of_the_former_version_ages_from_its_last_sign_of_life() {
    let world = World::new().await;
    let a = head("portal", "a", None);
    world.project(vec![accepted(&a), delivered(&a, 1)]).await;
    let tables = |sql: &mut Connection| {
        let mut columns = sql.prepare(
            "SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
             WHERE t.type = 'table' ORDER BY t.name, c.name",
        )?;
        let rows = columns.query_map([], |row| {
            let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((table, column, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let made = world.journal.read(tables).await.unwrap();
    let last = START.0;
    let former = format!("UPDATE meta SET projected_at = {last}; {TO_VERSION_2}");
    world.journal.0.writer.call(move |sql| sql.execute_batch(&former)).await.unwrap();
    let World { place, journal, .. } = world;
    drop(journal);

    let journal = Journal::open(&place.file()).unwrap();
    assert_eq!(journal.read(tables).await.unwrap(), made);
    let mut world = World { place, journal, now: START };
    let age = world.journal.grow_older(Timestamp(0), Duration::ZERO).await.unwrap();
    assert_eq!(age.at, START);
    world.wait(KEEP - MICRO).await;
    assert_eq!(world.trim().await, [0; 3]);
    world.wait(MICRO).await;
    assert_eq!(world.trim().await, [1, 0, 0]);
    drop(world.place);
}
