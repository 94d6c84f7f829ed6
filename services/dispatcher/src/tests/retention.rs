//! What the ledger keeps goes in time, and the pins of claims with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use channels::codec;
use messaging::{
    ClaimId, ClaimInfo, ClaimReader, ClaimWriter, Claims, EffectContract, FailureKind, GroupId,
    Order, Result, SenderName, Ticket, Timestamp,
};
use stores::claims::MemoryClaims;
use tokio_util::sync::CancellationToken;

use super::{
    claims::{AT_ALL_TIMES, attachment, stored},
    world::{Act, System, World, channel, endpoint, record, target},
};

const HOUR: Duration = Duration::from_secs(3_600);
const PAYLOAD: Duration = Duration::from_secs(2 * 3_600);
/// Two rounds: what is old is gone after them.
const ROUNDS: Duration = Duration::from_secs(1_300);

/// Claims of which no pin can be lifted while the store is away.
#[derive(Debug, Default)]
struct Clinging {
    claims: MemoryClaims,
    is_away: AtomicBool,
    lifted: AtomicU64,
}

#[async_trait]
impl Claims for Clinging {
    async fn create(&self, sender: &SenderName, now: Timestamp) -> Result<Box<dyn ClaimWriter>> {
        self.claims.create(sender, now).await
    }

    async fn look_up(&self, claim: ClaimId) -> Result<Option<ClaimInfo>> {
        self.claims.look_up(claim).await
    }

    async fn mark_used(&self, claim: ClaimId, now: Timestamp) -> Result<()> {
        self.claims.mark_used(claim, now).await
    }

    async fn pin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()> {
        self.claims.pin(claim, ledger).await
    }

    async fn unpin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(FailureKind::Unavailable.because("AB-0000", "nobody answers"));
        }
        self.lifted.fetch_add(1, Ordering::SeqCst);
        self.claims.unpin(claim, ledger).await
    }

    async fn read(&self, claim: ClaimId) -> Result<ClaimReader> {
        self.claims.read(claim).await
    }

    async fn sweep(&self, unused_before: Timestamp, used_before: Timestamp) -> Result<u64> {
        self.claims.sweep(unused_before, used_before).await
    }
}

impl Clinging {
    async fn has(&self, ticket: &Ticket) -> bool {
        self.claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap();
        self.claims.look_up(ticket.claim).await.unwrap().is_some()
    }
}

fn world(claims: &Arc<Clinging>) -> World {
    let mut world = World::new();
    world.use_claims(Arc::clone(claims) as Arc<dyn Claims>);
    world.retention.payload = PAYLOAD;
    world.retention.history = PAYLOAD * 2;
    world.retention.dedupe_horizon = PAYLOAD * 3;
    world
}

async fn submit_with(world: &World, own_id: &str, case: &str, ticket: &Ticket) {
    let mut envelope = codec::decode_application(&record(own_id, case, "<a/>")).unwrap();
    envelope.attachments = vec![attachment(ticket, "a")];
    world.append(vec![codec::encode_application(channel(), &envelope, "test")]).await;
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn verdicts(world: &World) -> usize {
    world.event_counts().await.get("duplicate").copied().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_swept_once_its_message_is_final_for_long_enough_and_one_that_waits_keeps_its() {
    let claims = Arc::new(Clinging::default());
    let (done, waits) = (stored(&claims.claims).await, stored(&claims.claims).await);
    let world = world(&claims);
    let script = [Act::Accept, Act::Fail(FailureKind::Defect)];
    let system = System::new(EffectContract::Idempotent, &script);
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            submit_with(&world, "m", "c", &done).await;
            until(|| system.arrived().len() == 1).await;
            submit_with(&world, "dead", "d", &waits).await;
            until(|| system.arrived().len() == 2).await;
            tokio::time::sleep(PAYLOAD - ROUNDS).await;
            assert!(claims.has(&done).await && claims.has(&waits).await, "too soon");
            tokio::time::sleep(ROUNDS * 2).await;
            assert!(!claims.has(&done).await, "nobody needs it");
            assert!(claims.has(&waits).await, "somebody may replay it");
            tokio::time::sleep(PAYLOAD * 3).await;
            assert!(claims.has(&waits).await, "for as long as it takes");
            assert_eq!(world.obeyed("kfz", Order::Replay(target("dead"))).await, None);
            until(|| system.took_effect().len() == 2).await;
        })
        .await;
    let counted = world.metrics.render();
    for line in ["kind=\"payload\"} 1", "kind=\"pin\"} 1"] {
        let line = format!("amtsbote_dispatcher_trimmed_rows_total{{{line}");
        assert!(counted.contains(&line), "{line} in {counted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_repetition_is_known_after_the_payload_has_gone_and_a_replay_is_refused_with_a_reason()
 {
    let claims = Arc::new(Clinging::default());
    let (first, again) = (stored(&claims.claims).await, stored(&claims.claims).await);
    let world = world(&claims);
    let system = System::new(EffectContract::Idempotent, &[]);
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            submit_with(&world, "m", "c", &first).await;
            until(|| system.took_effect().len() == 1).await;
            // The newest row of each table stays.
            world.submit("newest", "d").await;
            let refused = world.obeyed("kfz", Order::Replay(target("m"))).await;
            assert_eq!(refused.as_deref(), Some("AB-3222"), "it is final");
            for (wait, code) in [(PAYLOAD, "AB-3230"), (PAYLOAD, "AB-3230")] {
                tokio::time::sleep(wait + ROUNDS / 2).await;
                let seen = verdicts(&world).await;
                submit_with(&world, "m", "c", &again).await;
                while verdicts(&world).await == seen {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                let refused = world.obeyed("kfz", Order::Replay(target("m"))).await;
                assert_eq!(refused.as_deref(), Some(code));
            }
            assert_eq!(system.took_effect(), ["m", "newest"], "never delivered again");
            tokio::time::sleep(ROUNDS).await;
            assert!(!claims.has(&again).await, "what came with the repetition is not needed");

            // Nobody remembers it any more.
            tokio::time::sleep(PAYLOAD).await;
            let refused = world.obeyed("kfz", Order::Replay(target("m"))).await;
            assert_eq!(refused.as_deref(), Some("AB-3222"));
            world.submit("m", "c").await;
            until(|| system.took_effect().len() == 3).await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
#[allow(clippy::result_large_err, reason = "the store's own error, once")]
async fn a_pin_that_was_not_lifted_before_a_crash_is_lifted_later() {
    let claims = Arc::new(Clinging::default());
    let ticket = stored(&claims.claims).await;
    let world = world(&claims);
    let system = System::new(EffectContract::Idempotent, &[]);
    claims.is_away.store(true, Ordering::SeqCst);
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            submit_with(&world, "m", "c", &ticket).await;
            until(|| system.took_effect().len() == 1).await;
            tokio::time::sleep(PAYLOAD + ROUNDS).await;
        })
        .await;
    let ledger = world.ledger();
    let bodies = ledger
        .inspect(|c| c.query_row("SELECT count(*) FROM body", [], |row| row.get::<_, i64>(0)));
    assert_eq!(bodies.await.unwrap(), 0, "the ledger has forgotten it");
    assert!(claims.has(&ticket).await, "its pin is there still");

    claims.is_away.store(false, Ordering::SeqCst);
    world.while_dispatching(vec![endpoint("kfz", &system)], tokio::time::sleep(ROUNDS)).await;
    assert!(!claims.has(&ticket).await);
    assert_eq!(claims.lifted.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_by_years_erases_nothing_for_hours() {
    let claims = Arc::new(Clinging::default());
    let ticket = stored(&claims.claims).await;
    let mut world = world(&claims);
    let is_wrong = Arc::new(AtomicBool::new(false));
    world.jump_ahead(Arc::clone(&is_wrong), HOUR * 24 * 3_650);
    // Six times as fast as time at most: an hour in each round.
    world.retention.payload = HOUR * 12;
    world.retention.history = HOUR * 12;
    let system = System::new(EffectContract::Idempotent, &[]);
    world
        .while_dispatching(vec![endpoint("kfz", &system)], async {
            submit_with(&world, "m", "c", &ticket).await;
            until(|| system.took_effect().len() == 1).await;
            is_wrong.store(true, Ordering::SeqCst);
            tokio::time::sleep(HOUR + HOUR / 2).await;
            assert!(claims.has(&ticket).await);
            is_wrong.store(false, Ordering::SeqCst);
            tokio::time::sleep(HOUR * 8).await;
            assert!(claims.has(&ticket).await, "nor when it is right again");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_again_and_again_ages_nothing() {
    let claims = Arc::new(Clinging::default());
    let ticket = stored(&claims.claims).await;
    let mut world = world(&claims);
    let is_wrong = Arc::new(AtomicBool::new(false));
    world.jump_ahead(Arc::clone(&is_wrong), HOUR * 24 * 3_650);
    let system = System::new(EffectContract::Idempotent, &[]);
    submit_with(&world, "m", "c", &ticket).await;
    world.dispatch_until(vec![endpoint("kfz", &system)], || !system.took_effect().is_empty()).await;
    is_wrong.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        let short = async {
            tokio::select! {
                () = world.dispatch(vec![endpoint("kfz", &system)], CancellationToken::new()) => {}
                () = tokio::time::sleep(Duration::from_secs(500)) => {}
            }
        };
        short.await;
    }
    assert!(claims.has(&ticket).await);
}
