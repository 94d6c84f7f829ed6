//! What goes, what stays, and when exactly.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use messaging::{CaseId, ClaimId, CommandId, DeliveryState, Domain, MessageId, SenderName, Sha256};
use uuid::Uuid;

use super::super::tests::{Folder, TO_VERSION_2, commit, control, order, partition, spec};
use super::*;
use crate::ledger::{
    Admission, AdmittedMessage, AttemptRow, DeliveryId, EndpointRow, IntentRow, Ledger as _,
    MessageRow, NewDelivery, PartitionBatch, PauseRow, Settlement, SqliteLedger, Transaction,
    VerdictKind, VerdictRow,
};

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const PAYLOAD: Duration = Duration::from_secs(10);
const HISTORY: Duration = Duration::from_secs(20);
const HORIZON: Duration = Duration::from_secs(30);
const MICRO: Duration = Duration::from_micros(1);

/// A ledger, how old it is, and what was put into it last.
struct World {
    folder: Folder,
    ledger: SqliteLedger,
    endpoint: EndpointRow,
    now: Timestamp,
    messages: i64,
    deliveries: i64,
    next: u64,
}

impl World {
    async fn new() -> Self {
        let folder = Folder::new();
        let ledger = SqliteLedger::open_inline(&folder.ledger()).unwrap();
        let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
        ledger.grow_older(START, Duration::ZERO).await.unwrap();
        let endpoint = loaded.endpoints[0];
        Self { folder, ledger, endpoint, now: START, messages: 0, deliveries: 0, next: 0 }
    }

    async fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.ledger.grow_older(self.now, Duration::MAX).await.unwrap();
    }

    async fn admit(&mut self, records: Vec<Admission>) {
        let from = self.next;
        self.next += u64::try_from(records.len()).unwrap();
        let batch = PartitionBatch { partition: partition(), from, next: self.next, records };
        let admissions = vec![batch];
        let rest = Transaction { subscriptions_version: 1, at: self.now, ..Transaction::default() };
        commit(&self.ledger, Transaction { admissions, ..rest }).await.unwrap();
    }

    /// A message with so many deliveries, whose numbers follow each other up to the last one.
    fn message(&mut self, deliveries: i64, claims: &[ClaimId]) -> Admission {
        self.messages += 1;
        let first = self.deliveries + 1;
        self.deliveries += deliveries;
        let endpoint = self.endpoint;
        let new =
            |delivery| NewDelivery { delivery: DeliveryId(delivery), endpoint, is_doubtful: false };
        Admission::Message(AdmittedMessage {
            row: MessageRow(self.messages),
            offset: self.messages.unsigned_abs(),
            message_id: MessageId(Uuid::from_u128(u128::from(self.messages.unsigned_abs()))),
            sha256: Sha256([7; 32]),
            case_id: CaseId(Uuid::from_u128(1)),
            sender: SenderName::new("portal").unwrap(),
            record: Bytes::from_static(b"record"),
            claims: claims.to_vec(),
            deliveries: (first..=self.deliveries).map(new).collect(),
        })
    }

    async fn admit_one(&mut self, deliveries: i64) -> i64 {
        let message = self.message(deliveries, &[]);
        self.admit(vec![message]).await;
        self.messages
    }

    async fn settle(&self, delivery: i64, version: u64, state: DeliveryState) {
        let attempt = AttemptRow {
            number: 1,
            started_at: self.now,
            ended_at: self.now,
            outcome: "accepted",
            code: None,
            cause: None,
            receipt: None,
        };
        let settlement = Settlement {
            delivery: DeliveryId(delivery),
            endpoint: self.endpoint,
            version,
            state,
            attempts: 1,
            next_at: None,
            first_attempt_at: Some(self.now),
            attempt: Some(attempt),
        };
        let settlements = vec![settlement];
        commit(&self.ledger, Transaction { settlements, at: self.now, ..Transaction::default() })
            .await
            .unwrap();
    }

    async fn trim_as(&self, retention: Retention) -> [u64; 6] {
        let retention = Arc::new(retention);
        let mut rows = [0; 6];
        for (kind, rows) in Kind::ALL.into_iter().zip(&mut rows) {
            let mut after = Some(0);
            while let Some(from) = after {
                let trimmed = self.ledger.trim(kind, Arc::clone(&retention), from).await.unwrap();
                *rows += trimmed.rows;
                after = trimmed.next;
            }
        }
        rows
    }

    /// What went: payloads, conflicts, deliveries, identities, verdicts, commands.
    async fn trim(&self) -> [u64; 6] {
        self.trim_as(retention()).await
    }

    async fn count(&self, what: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM {what}");
        self.ledger.inspect(move |c| c.query_row(&sql, [], |row| row.get(0))).await.unwrap()
    }

    async fn has_record(&self, message: i64) -> bool {
        !self.ledger.records(vec![MessageRow(message)]).await.unwrap().is_empty()
    }

    /// Claims whose pin is to be looked at, and whether somebody needs it.
    async fn doubtful(&self, is_lifted: bool) -> Vec<(u128, bool)> {
        let pins = self.ledger.doubtful_pins(is_lifted, 100).await.unwrap();
        pins.iter().map(|pin| (pin.claim.0.as_u128(), pin.is_needed)).collect()
    }
}

fn retention() -> Retention {
    Retention {
        payload: PAYLOAD,
        payload_of: BTreeMap::new(),
        history: HISTORY,
        dedupe_horizon: HORIZON,
    }
}

fn claim(id: u128) -> ClaimId {
    ClaimId(Uuid::from_u128(id))
}

fn verdict(kind: VerdictKind, offset: u64, claims: &[ClaimId]) -> Admission {
    let record = (kind != VerdictKind::Duplicate).then(|| Bytes::from_static(b"other"));
    Admission::Verdict(VerdictRow {
        offset,
        kind,
        message_id: Some(MessageId(Uuid::from_u128(1))),
        sha256: Some(Sha256([8; 32])),
        record,
        claims: claims.to_vec(),
    })
}

/// Whether the record is gone `after` the last of `states` was reached.
async fn check_payload(states: &[DeliveryState], after: Duration, goes: bool) {
    let mut world = World::new().await;
    let message = world.admit_one(i64::try_from(states.len()).unwrap()).await;
    for (state, delivery) in states.iter().zip(1..) {
        world.wait(Duration::from_secs(1)).await;
        if *state != DeliveryState::Pending {
            world.settle(delivery, 2, *state).await;
        }
    }
    world.wait(after).await;
    world.trim().await;
    let is_gone = !world.has_record(message).await;
    assert_eq!(is_gone, goes, "{states:?} after {after:?}");
}

#[tokio::test]
async fn a_record_goes_when_every_delivery_was_final_for_so_long_and_no_sooner() {
    use DeliveryState::*;
    let long = Duration::from_secs(1_000_000);
    for state in [Delivered, Rejected, Discarded] {
        check_payload(&[state], PAYLOAD - MICRO, false).await;
        check_payload(&[state], PAYLOAD, true).await;
        check_payload(&[state], long, true).await;
    }
    for state in [Pending, Leased, Waiting, Uncertain, Dead] {
        check_payload(&[state], long, false).await;
        check_payload(&[Delivered, state], long, false).await;
        check_payload(&[state, Delivered], long, false).await;
    }
    check_payload(&[], long, false).await;
    check_payload(&[Delivered, Rejected], PAYLOAD - MICRO, false).await;
    check_payload(&[Delivered, Rejected], PAYLOAD, true).await;
}

#[tokio::test]
async fn what_was_done_outlives_the_payload_and_who_it_was_outlives_that() {
    let mut world = World::new().await;
    world.admit_one(1).await;
    world.settle(1, 2, DeliveryState::Delivered).await;
    // The newest row of a table stays, as the next number follows it.
    world.admit_one(1).await;
    let standing = async |world: &World| {
        let [a, b, c, d] = ["body", "delivery", "attempt", "message"].map(|it| world.count(it));
        (a.await, b.await, c.await, d.await)
    };
    for (wait, gone, left) in [
        (PAYLOAD - MICRO, [0; 6], (2, 2, 1, 2)),
        (MICRO, [1, 0, 0, 0, 0, 0], (1, 2, 1, 2)),
        (HISTORY - PAYLOAD - MICRO, [0; 6], (1, 2, 1, 2)),
        (MICRO, [0, 0, 1, 0, 0, 0], (1, 1, 0, 2)),
        (HORIZON - HISTORY - MICRO, [0; 6], (1, 1, 0, 2)),
        (MICRO, [0, 0, 0, 1, 0, 0], (1, 1, 0, 1)),
        (HORIZON * 1_000, [0; 6], (1, 1, 0, 1)),
    ] {
        world.wait(wait).await;
        let is_known = !world.ledger.identities(vec![MessageRow(1)]).await.unwrap().is_empty();
        assert!(is_known || left.3 == 1, "a late duplicate is known as one");
        assert_eq!((world.trim().await, standing(&world).await), (gone, left), "{wait:?}");
    }
}

/// A delivery, how it ended, and when.
type Ended = (i64, DeliveryState, Timestamp);

#[tokio::test]
async fn a_message_of_which_anything_is_open_keeps_everything() {
    use DeliveryState::*;
    let states = [Pending, Waiting, Uncertain, Dead, Leased, Delivered, Rejected, Discarded];
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut throw = move |sides: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % u64::try_from(sides).unwrap()).unwrap()
    };
    for _ in 0..4 {
        let mut world = World::new().await;
        let mut made: Vec<(i64, Vec<Ended>)> = Vec::new();
        for _ in 0..60 {
            let deliveries = i64::try_from(throw(4)).unwrap();
            let message = world.admit_one(deliveries).await;
            let mut of = Vec::new();
            for delivery in world.deliveries - deliveries + 1..=world.deliveries {
                world.wait(Duration::from_millis(throw(900) as u64)).await;
                // Mostly final, or nothing would ever go.
                let state = states[if throw(3) == 0 { throw(8) } else { 5 + throw(3) }];
                world.settle(delivery, 2, state).await;
                of.push((delivery, state, world.now));
            }
            made.push((message, of));
            world.trim().await;
        }
        world.wait(PAYLOAD).await;
        for _ in 0..12 {
            world.wait(Duration::from_millis(throw(4_000) as u64)).await;
            world.trim().await;
            for (message, of) in &made {
                let is_open = of.is_empty() || of.iter().any(|(_, state, _)| !state.is_final());
                let since = of.iter().map(|(_, _, at)| *at).max().unwrap_or(START);
                let is_old = PAYLOAD <= world.now.since(since);
                let has_record = world.has_record(*message).await;
                assert_eq!(has_record, is_open || !is_old, "{message} {of:?}");
                if has_record {
                    let rows = vec![MessageRow(*message)];
                    assert_eq!(world.ledger.identities(rows).await.unwrap().len(), 1);
                    for (delivery, state, _) in of {
                        let of_it = format!(
                            "SELECT (SELECT state FROM delivery WHERE id = {delivery}) || ' ' ||
                             (SELECT count(*) FROM attempt WHERE delivery = {delivery})"
                        );
                        let kept = world.ledger.inspect(move |c| {
                            c.query_row(&of_it, [], |row| row.get::<_, String>(0))
                        });
                        assert_eq!(kept.await.unwrap(), format!("{} 1", state.name()));
                    }
                }
            }
        }
        assert_ne!(world.count("body").await, i64::try_from(made.len()).unwrap());
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_erases_nothing_and_one_that_jumps_back_neither() {
    let mut world = World::new().await;
    world.admit_one(1).await;
    world.settle(1, 2, DeliveryState::Delivered).await;
    let step = Duration::from_secs(1);
    let far = START.after(Duration::from_secs(10 * 365 * 86_400));
    for seconds in 1..=9 {
        let age = world.ledger.grow_older(far, step).await.unwrap();
        assert_eq!(age.at, START.after(step * seconds));
        assert_eq!(world.trim().await, [0; 6]);
    }
    let back = world.ledger.grow_older(Timestamp(5), step).await.unwrap();
    assert_eq!(back.at, START.after(step * 9));
    assert_eq!(world.trim().await, [0; 6]);
    world.ledger.grow_older(far, step).await.unwrap();
    assert_eq!(world.trim().await, [1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn payloads_of_a_domain_may_have_their_own_time() {
    for (domain, goes) in [("kfz", false), ("kfz-x", true), ("gewerbe", true)] {
        let mut world = World::new().await;
        world.admit_one(1).await;
        world.settle(1, 2, DeliveryState::Delivered).await;
        world.wait(PAYLOAD * 2).await;
        let payload_of = [(Domain::new(domain).unwrap(), PAYLOAD * 3)].into();
        let rows = world.trim_as(Retention { payload_of, ..retention() }).await;
        assert_eq!(rows[0] == 1, goes, "{domain}");
    }
}

#[tokio::test]
async fn verdicts_lose_their_records_and_then_go_but_what_nobody_can_read_stays() {
    let mut world = World::new().await;
    world.admit_one(1).await;
    let kinds = [VerdictKind::Undecodable, VerdictKind::Conflict, VerdictKind::Duplicate];
    // One more, as the newest stays.
    let rows = kinds.into_iter().chain([VerdictKind::Duplicate]).zip(1..);
    world.admit(rows.map(|(kind, offset)| verdict(kind, offset, &[])).collect()).await;
    world.wait(PAYLOAD - MICRO).await;
    assert_eq!(world.trim().await, [0; 6]);
    world.wait(MICRO).await;
    assert_eq!(world.trim().await, [0, 1, 0, 0, 0, 0]);
    assert_eq!(world.count("verdict WHERE record IS NOT NULL").await, 1);
    world.wait(HISTORY - PAYLOAD - MICRO).await;
    assert_eq!(world.trim().await, [0; 6]);
    world.wait(MICRO).await;
    assert_eq!(world.trim().await, [0, 0, 0, 0, 2, 0]);
    assert_eq!(world.count("verdict WHERE kind = 'undecodable' AND record IS NOT NULL").await, 1);
    assert_eq!(world.count("body").await, 1, "it waits still");
}

#[tokio::test]
async fn commands_go_but_for_the_one_by_which_an_endpoint_is_paused() {
    let world = World::new().await;
    let records = vec![order(1, 0), order(2, 1)];
    let batch = PartitionBatch { partition: control(), from: 0, next: 2, records };
    let pause = PauseRow { at: START, command: CommandId(Uuid::from_u128(2)) };
    let transaction = Transaction {
        admissions: vec![batch],
        pauses: vec![(world.endpoint, Some(pause))],
        subscriptions_version: 1,
        at: Timestamp(5),
        ..Transaction::default()
    };
    commit(&world.ledger, transaction).await.unwrap();
    let mut world = world;
    world.wait(HISTORY - MICRO).await;
    assert_eq!(world.trim().await, [0; 6]);
    world.wait(MICRO).await;
    assert_eq!(world.trim().await, [0, 0, 0, 0, 0, 1]);
    assert_eq!(world.count("command WHERE id = X'00000000000000000000000000000002'").await, 1);
}

#[tokio::test]
async fn a_step_is_bounded_and_the_next_goes_on_where_it_ended() {
    let mut world = World::new().await;
    let messages = (0..1_200).map(|_| world.message(1, &[])).collect();
    world.admit(messages).await;
    let sql = "UPDATE delivery SET state = 'delivered', final_at = 1 WHERE id <> 600";
    world.ledger.inspect(move |c| c.execute(sql, [])).await.unwrap();
    world.wait(PAYLOAD).await;
    let (retention, mut steps) = (Arc::new(retention()), Vec::new());
    let mut after = Some(0);
    while let Some(from) = after {
        let step = world.ledger.trim(Kind::Payload, Arc::clone(&retention), from).await.unwrap();
        steps.push((step.rows, step.next));
        after = step.next;
    }
    assert_eq!(steps, [(500, Some(500)), (499, Some(1_000)), (200, None)]);
    assert!(world.has_record(600).await);
}

#[tokio::test]
async fn a_number_is_never_given_twice() {
    let mut world = World::new().await;
    for delivery in 1..=3 {
        world.admit_one(1).await;
        world.settle(delivery, 2, DeliveryState::Delivered).await;
    }
    let intent = Some((IntentRow(1), vec![crate::ledger::conformance::fixtures::started(1)]));
    commit(&world.ledger, Transaction { intent, ..Transaction::default() }).await.unwrap();
    world.wait(HORIZON * 2).await;
    assert_eq!(world.trim().await, [3, 0, 2, 2, 0, 0]);
    let path = world.folder.ledger();
    drop(world.ledger);
    let ledger = SqliteLedger::open_inline(&path).unwrap();
    let loaded = ledger.load(vec![spec("nordsachsen-kfz", "kfz")]).await.unwrap();
    assert_eq!((loaded.delivery_last.0, loaded.message_last.0), (3, 3));
    assert_eq!(loaded.interrupted, [], "what an old intent names is gone, and was settled");
}

#[tokio::test]
async fn a_pin_is_in_doubt_when_the_last_record_that_needs_the_claim_goes() {
    let mut world = World::new().await;
    let messages =
        vec![world.message(1, &[claim(1), claim(2)]), world.message(1, &[claim(2), claim(3)])];
    world.admit(messages).await;
    // What came once more, and what came instead.
    world.admit(vec![verdict(VerdictKind::Duplicate, 3, &[claim(1), claim(4)])]).await;
    world.admit(vec![verdict(VerdictKind::Conflict, 4, &[claim(5), claim(1)])]).await;
    assert_eq!(world.doubtful(false).await, [(4, false)], "pinned for the duplicate alone");

    world.settle(1, 2, DeliveryState::Delivered).await;
    world.wait(PAYLOAD).await;
    assert_eq!(world.trim().await, [1, 1, 0, 0, 0, 0]);
    assert_eq!(world.doubtful(false).await, [(1, false), (4, false), (5, false)]);
    world.settle(2, 2, DeliveryState::Delivered).await;
    world.wait(PAYLOAD).await;
    world.trim().await;
    let all = [1, 2, 3, 4, 5].map(|id| (id, false));
    assert_eq!(world.doubtful(false).await, all);
    assert_eq!(world.count("claim").await, 0);
}

#[tokio::test]
async fn a_lifted_pin_is_looked_at_once_more_in_case_somebody_came_meanwhile() {
    let mut world = World::new().await;
    world.admit_one(1).await;
    let claims = [claim(1), claim(2), claim(3)];
    world.admit(vec![verdict(VerdictKind::Duplicate, 2, &claims)]).await;
    world.ledger.settle_pins(vec![claim(1), claim(2)], Vec::new()).await.unwrap();
    assert_eq!(world.doubtful(false).await, [(3, false)]);

    // A message that refers to two of them was pinned before, and is admitted after.
    let late = world.message(1, &[claim(1), claim(3)]);
    world.admit(vec![late]).await;
    assert_eq!(world.doubtful(true).await, [(1, true), (2, false)]);
    assert_eq!(world.doubtful(false).await, [(3, true)]);

    let listed = world.ledger.doubtful_pins(true, 100).await.unwrap();
    // Once more in doubt since it was listed: that is not settled with it.
    world.admit(vec![verdict(VerdictKind::Duplicate, 4, &[claim(2)])]).await;
    world.ledger.settle_pins(Vec::new(), listed).await.unwrap();
    assert_eq!(world.doubtful(true).await, []);
    assert_eq!(world.doubtful(false).await, [(2, false), (3, true)]);
}

#[tokio::test]
async fn what_a_former_version_left_ages_from_its_last_sign_of_life_and_keeps_its_claims() {
    let mut world = World::new().await;
    for delivery in 1..=2 {
        world.admit_one(1).await;
        world.settle(delivery, 2, DeliveryState::Delivered).await;
        world.wait(Duration::from_secs(3)).await;
    }
    world.admit_one(1).await;
    let last = world.now;
    world.ledger.inspect(|sql| sql.execute_batch(TO_VERSION_2)).await.unwrap();
    world.ledger = SqliteLedger::open_inline(&world.folder.ledger()).unwrap();
    let age = world.ledger.grow_older(Timestamp(0), Duration::ZERO).await.unwrap();
    assert_eq!(age.at, last);

    world.wait(PAYLOAD * 2).await;
    assert_eq!(world.trim().await, [0; 6], "what they refer to is not known yet");
    let batch = world.ledger.without_claims(2).await.unwrap();
    let found = batch.into_iter().map(|(message, _)| (message, vec![claim(1)]));
    world.ledger.note_claims(found.collect()).await.unwrap();
    world.admit(vec![verdict(VerdictKind::Duplicate, 4, &[claim(1), claim(2)])]).await;
    assert_eq!(world.doubtful(false).await, [], "it is known of two of three");
    assert_eq!(world.trim().await[0], 1);
    let batch = world.ledger.without_claims(2).await.unwrap();
    assert_eq!(batch.len(), 1);
    world.ledger.note_claims(vec![(batch[0].0, vec![claim(2)])]).await.unwrap();
    assert_eq!(world.ledger.without_claims(2).await.unwrap(), []);
    assert_eq!(world.trim().await[0], 1);
    assert_eq!(world.doubtful(false).await, [(2, false)]);
}

#[tokio::test]
async fn before_the_first_count_nothing_is_old() {
    let folder = Folder::new();
    let ledger = SqliteLedger::open_inline(&folder.ledger()).unwrap();
    for kind in Kind::ALL {
        let trimmed = ledger.trim(kind, Arc::new(retention()), 0).await.unwrap();
        assert_eq!(trimmed, Trimmed::default(), "{kind:?}");
    }
}
