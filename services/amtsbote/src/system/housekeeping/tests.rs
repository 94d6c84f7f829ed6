//! What a round may remove, and when.

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use channels::memory::MemoryChannel;
use messaging::{
    ClaimId, Partition, Record, SenderName, conformance::channel::Positions as Admitted,
};
use stores::claims::MemoryClaims;

use super::*;

struct World {
    keeper: Keeper,
    mark: Option<Mark>,
    admitted: Admitted,
    now: Arc<AtomicI64>,
}

impl World {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&now);
        let clock = Clock::new(move || Timestamp(clock.load(Ordering::SeqCst)));
        let admitted = Admitted::default();
        let day = Duration::from_secs(86_400);
        let keeper = Keeper {
            channel: Arc::new(MemoryChannel::new(clock.clone())),
            claims: Arc::new(MemoryClaims::default()),
            admitted: Some(Box::new(admitted.clone())),
            channels: vec![kfz()],
            retention: Retention {
                channel: day,
                claims_unused: day,
                claims_used: day,
                ledger: stores::ledger::Retention {
                    payload: day,
                    payload_of: std::collections::BTreeMap::new(),
                    history: day,
                    dedupe_horizon: day,
                },
                journal: day,
            },
            clock,
        };
        Self { keeper, mark: None, admitted, now }
    }

    /// Claims a body and accepts a message that refers to it.
    async fn accept(&self) -> ClaimId {
        let now = self.keeper.clock.now();
        let sender = SenderName::new("local").unwrap();
        let writer = self.keeper.claims.create(&sender, now).await.unwrap();
        let claim = writer.finish().await.unwrap().claim;
        self.keeper.claims.mark_used(claim, now).await.unwrap();
        let (key, value) = (Bytes::from_static(b"case"), Bytes::from_static(b"message"));
        let record = Record { channel: kfz(), key, headers: Vec::new(), value };
        self.keeper.channel.append(vec![record]).await.unwrap();
        claim
    }

    fn admit(&self, next_offset: u64) {
        let partition = Partition { channel: kfz(), number: 0 };
        self.admitted.set(&partition, next_offset);
    }

    fn wait_days(&self, days: i64) {
        self.now.fetch_add(days * 86_400_000_000, Ordering::SeqCst);
    }

    async fn round(&mut self) {
        self.keeper.round(&mut self.mark).await;
    }

    async fn is_there(&self, claim: ClaimId) -> bool {
        self.keeper.claims.look_up(claim).await.unwrap().is_some()
    }
}

fn kfz() -> ChannelName {
    ChannelName::new("application.kfz").unwrap()
}

#[tokio::test]
async fn a_claim_outlives_a_long_standstill_until_its_message_is_admitted() {
    let mut world = World::new();
    let claim = world.accept().await;
    world.wait_days(30);
    for _ in 0..3 {
        world.round().await;
        assert!(world.is_there(claim).await, "its message is not admitted yet");
    }
    // The ledger has it now, and needs it no more.
    world.admit(1);
    world.round().await;
    assert!(!world.is_there(claim).await);
}

#[tokio::test]
async fn the_first_round_sweeps_no_used_claim() {
    let mut world = World::new();
    let claim = world.accept().await;
    world.admit(1);
    world.wait_days(30);
    world.round().await;
    assert!(world.is_there(claim).await, "what the ledger does with it may be under way");
    world.round().await;
    assert!(!world.is_there(claim).await);
}

#[tokio::test]
async fn a_claim_that_was_used_after_the_mark_waits_for_the_next() {
    let mut world = World::new();
    world.accept().await;
    world.round().await;
    let late = world.accept().await;
    world.wait_days(30);
    world.admit(1);
    world.round().await;
    assert!(world.is_there(late).await, "its message lies behind the mark");
    world.round().await;
    assert!(world.is_there(late).await, "and is not admitted");
    world.admit(2);
    world.round().await;
    assert!(!world.is_there(late).await);
}

#[tokio::test]
async fn an_unused_claim_goes_by_its_age() {
    let mut world = World::new();
    let sender = SenderName::new("local").unwrap();
    let writer = world.keeper.claims.create(&sender, Timestamp(0)).await.unwrap();
    let claim = writer.finish().await.unwrap().claim;
    world.wait_days(1);
    world.round().await;
    assert!(world.is_there(claim).await);
    world.wait_days(1);
    world.round().await;
    assert!(!world.is_there(claim).await);
}

#[tokio::test]
async fn where_the_ledgers_are_elsewhere_a_used_claim_goes_by_its_age_unless_it_is_pinned() {
    let mut world = World::new();
    world.keeper.admitted = None;
    let (used, pinned) = (world.accept().await, world.accept().await);
    let ledger = messaging::GroupId::new("ledger-a").unwrap();
    world.keeper.claims.pin(pinned, &ledger).await.unwrap();
    world.wait_days(1);
    world.round().await;
    assert!(world.is_there(used).await, "the channel may still have its record");
    world.wait_days(1);
    world.round().await;
    assert!(!world.is_there(used).await);
    assert!(world.is_there(pinned).await, "a ledger needs it");
}
