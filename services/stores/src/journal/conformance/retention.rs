//! What of the journal goes, what stays, and when exactly.

use std::{sync::Arc, time::Duration};

use messaging::{
    ApplicationHead, ChannelName, DeliveryState, EndpointName, Event, EventKind, Partition,
    Position, Sha256, Timestamp,
};

use super::{
    Site,
    fixtures::{accepted, delivered, event, failed, head, project, reply, told},
};
use crate::journal::{Journal, Kind, Projected};

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const KEEP: Duration = Duration::from_secs(10);
const MICRO: Duration = Duration::from_micros(1);

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    an_application_goes_when_nothing_about_it_is_open_and_nothing_happened_for_so_long(make).await;
    whatever_happens_to_an_application_keeps_all_of_it_for_as_long_again(&make().await).await;
    what_went_is_known_as_gone_to_cursors_also_after_a_restart(&make().await).await;
    what_happened_to_no_application_goes_but_a_record_nobody_can_read_stays(&make().await).await;
    a_step_is_bounded_and_the_next_goes_on_where_it_ended(&make().await).await;
}

struct World {
    journal: Arc<dyn Journal>,
    now: Timestamp,
}

impl World {
    async fn new(site: &Site) -> Self {
        let journal = site.open().await;
        journal.grow_older(START, Duration::ZERO).await.expect("it ages");
        Self { journal, now: START }
    }

    async fn project(&self, entries: Vec<Projected>) {
        project(&*self.journal, "status", entries).await;
    }

    async fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.journal.grow_older(self.now, Duration::MAX).await.expect("it ages");
    }

    /// Applications and events that went.
    async fn trim(&self) -> [u64; 2] {
        let mut rows = [0; 2];
        for (kind, rows) in Kind::ALL.into_iter().zip(&mut rows) {
            let mut after = Some(0);
            while let Some(from) = after {
                let trimmed = self.journal.trim(kind, KEEP, from).await.expect("it trims");
                *rows += trimmed.rows;
                after = trimmed.next;
            }
        }
        rows
    }

    async fn is_there(&self, head: &ApplicationHead) -> bool {
        let id = head.message_id.to_string();
        !self.journal.search(&id, 10).await.expect("it answers").is_empty()
    }
}

fn position() -> Position {
    let channel = ChannelName::new("application.kfz").expect("a name");
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
async fn goes(make: &impl AsyncFn() -> Site, what: &str, entries: Vec<Projected>, goes: bool) {
    let mut world = World::new(&make().await).await;
    let of = head("portal", "a", None);
    world.project(entries).await;
    world.wait(KEEP - MICRO).await;
    world.trim().await;
    assert!(world.is_there(&of).await, "{what}");
    world.wait(if goes { MICRO } else { KEEP * 1_000 }).await;
    world.trim().await;
    assert_eq!(world.is_there(&of).await, !goes, "{what}");
    if goes {
        let overview = world.journal.overview().await.expect("it answers");
        let counts = overview.endpoints.values().flat_map(|of| of.deliveries.values());
        let left: u64 = counts.sum::<u64>() + overview.applications + overview.refused;
        assert_eq!(left, 0, "{what}: {overview:?}");
    }
}

async fn an_application_goes_when_nothing_about_it_is_open_and_nothing_happened_for_so_long(
    make: &impl AsyncFn() -> Site,
) {
    use DeliveryState::*;
    let a = head("portal", "a", None);
    let copy = ApplicationHead { sha256: Sha256([8; 32]), ..a.clone() };
    for state in [Delivered, Rejected, Discarded] {
        goes(make, state.name(), vec![accepted(&a), in_state(&a, 1, state)], true).await;
    }
    for state in [Pending, Leased, Waiting, Uncertain, Dead] {
        goes(make, state.name(), vec![accepted(&a), in_state(&a, 1, state)], false).await;
    }
    goes(make, "before its head", vec![delivered(&a, 1)], true).await;
    goes(make, "with reply", vec![accepted(&a), delivered(&a, 1), told_reply(&a)], true).await;
    goes(make, "tried twice", vec![accepted(&a), failed(&a, 1), delivered(&a, 2)], true).await;
    goes(make, "accepted", vec![accepted(&a)], false).await;
    goes(make, "unrouted", vec![accepted(&a), about(&a, EventKind::Unrouted)], false).await;
    let refused = EventKind::Refused { reasons: Vec::new() };
    goes(make, "refused", vec![about(&a, refused)], true).await;
    goes(make, "a copy", vec![accepted(&a), delivered(&a, 1), accepted(&copy)], true).await;
    goes(make, "of an open one", vec![accepted(&a), accepted(&copy)], false).await;
    let duplicate = about(&a, EventKind::Duplicate { position: position() });
    goes(make, "once more, after it had gone", vec![accepted(&a), duplicate.clone()], true).await;
    goes(make, "once more, meanwhile", vec![accepted(&a), failed(&a, 1), duplicate], false).await;
}

fn told_reply(of: &ApplicationHead) -> Projected {
    Projected::Reply(Box::new(reply(of, "decision", b"<bescheid/>")))
}

async fn whatever_happens_to_an_application_keeps_all_of_it_for_as_long_again(site: &Site) {
    let mut world = World::new(site).await;
    let (a, b) = (head("portal", "a", None), head("portal", "b", None));
    world.project(vec![accepted(&a), delivered(&a, 1), accepted(&b), delivered(&b, 1)]).await;
    world.wait(KEEP - MICRO).await;
    world.project(vec![told_reply(&a)]).await;
    world.wait(KEEP - MICRO).await;
    assert_eq!(world.trim().await, [1, 0]);
    assert!(world.is_there(&a).await && !world.is_there(&b).await);
    let whole = world
        .journal
        .message(&a.sender, a.message_id)
        .await
        .expect("it answers")
        .expect("it is there");
    assert_eq!((whole.timeline.len(), whole.replies.len()), (3, 1));
    let overview = world.journal.overview().await.expect("it answers");
    assert_eq!(overview.applications, 1);
    assert_eq!(
        overview
            .endpoints
            .get("nordsachsen-kfz")
            .expect("it is shown")
            .deliveries
            .get("delivered")
            .copied(),
        Some(1)
    );
    world.wait(MICRO).await;
    assert_eq!(world.trim().await, [1, 0]);
    assert!(!world.is_there(&a).await);
}

async fn what_went_is_known_as_gone_to_cursors_also_after_a_restart(site: &Site) {
    let mut world = World::new(site).await;
    let (a, b) = (head("portal", "a", None), head("portal", "b", None));
    world.project(vec![accepted(&a), accepted(&b), delivered(&a, 1)]).await;
    assert_eq!(world.journal.trimmed_through(), 0);
    world.wait(KEEP).await;
    world.trim().await;
    assert_eq!(world.journal.trimmed_through(), 3, "its last step");
    drop(world);
    let journal = site.open().await;
    assert_eq!(journal.trimmed_through(), 3);
    let sequence = journal.progress().borrow().sequence;
    assert_eq!(sequence, 3, "numbers are not given twice");
}

async fn what_happened_to_no_application_goes_but_a_record_nobody_can_read_stays(site: &Site) {
    let mut world = World::new(site).await;
    let endpoint = EndpointName::new("harz-kfz").expect("it is there");
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
    assert_eq!(world.journal.overview().await.expect("it answers").refused, 1);
    world.wait(KEEP).await;
    assert_eq!(world.trim().await, [0, 2]);
    let overview = world.journal.overview().await.expect("it answers");
    assert_eq!(overview.refused, 0);
    assert!(
        overview.endpoints.get("harz-kfz").expect("it is shown").gate_closed.is_some(),
        "it is closed still"
    );
}

async fn a_step_is_bounded_and_the_next_goes_on_where_it_ended(site: &Site) {
    let mut world = World::new(site).await;
    let heads: Vec<_> = (0..250).map(|n| head("portal", &format!("a{n}"), None)).collect();
    world.project(heads.iter().flat_map(|of| [accepted(of), delivered(of, 1)]).collect()).await;
    world.wait(KEEP).await;
    let (mut steps, mut after) = (Vec::new(), Some(0));
    while let Some(from) = after {
        let step = world.journal.trim(Kind::Application, KEEP, from).await.expect("it answers");
        steps.push(step.rows);
        after = step.next;
    }
    assert_eq!(steps, [100, 100, 50]);
}
