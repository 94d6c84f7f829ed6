//! What a message refers to is pinned for this ledger before its position moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use channels::codec;
use messaging::{
    Attachment, ClaimId, ClaimInfo, ClaimReader, ClaimWriter, Claims, EffectContract, FailureKind,
    GroupId, Partition, Payload, Result, SenderName, StoredPositions as _, Ticket, Timestamp,
};
use stores::claims::MemoryClaims;
use tokio_util::sync::CancellationToken;

use super::world::{System, World, channel, endpoint, record};

pub(super) const AT_ALL_TIMES: Timestamp = Timestamp(i64::MAX);

/// Claims of which one cannot be pinned while the store is away.
#[derive(Debug)]
struct Reluctant {
    claims: MemoryClaims,
    claim: ClaimId,
    is_away: AtomicBool,
}

#[async_trait]
impl Claims for Reluctant {
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
        if claim == self.claim && self.is_away.load(Ordering::SeqCst) {
            return Err(FailureKind::Unavailable.because("AB-0000", "nobody answers"));
        }
        self.claims.pin(claim, ledger).await
    }

    async fn unpin(&self, claim: ClaimId, ledger: &GroupId) -> Result<()> {
        self.claims.unpin(claim, ledger).await
    }

    async fn read(&self, claim: ClaimId) -> Result<ClaimReader> {
        self.claims.read(claim).await
    }

    async fn sweep(&self, unused_before: Timestamp, used_before: Timestamp) -> Result<u64> {
        self.claims.sweep(unused_before, used_before).await
    }
}

pub(super) async fn stored(claims: &MemoryClaims) -> Ticket {
    let sender = SenderName::new("portal").unwrap();
    let mut writer = claims.create(&sender, Timestamp(1)).await.unwrap();
    writer.write(Bytes::from_static(b"x")).await.unwrap();
    let ticket = writer.finish().await.unwrap();
    claims.mark_used(ticket.claim, Timestamp(1)).await.unwrap();
    ticket
}

fn body(Ticket { claim, len, sha256 }: &Ticket) -> Payload {
    Payload::Claim { claim: *claim, len: *len, sha256: *sha256 }
}

pub(super) fn attachment(Ticket { claim, len, sha256 }: &Ticket, name: &str) -> Attachment {
    Attachment {
        name: name.to_owned(),
        media_type: "application/pdf".to_owned(),
        claim: *claim,
        len: *len,
        sha256: *sha256,
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_moves_only_when_all_that_its_records_refer_to_is_pinned() {
    // Original, normalised, canonical, and two files.
    for away in 0..5 {
        let claims = MemoryClaims::default();
        let mut tickets = Vec::new();
        for _ in 0..5 {
            tickets.push(stored(&claims).await);
        }
        let mut world = World::new();
        let reluctant = Arc::new(Reluctant {
            claims: claims.clone(),
            claim: tickets[away].claim,
            is_away: AtomicBool::new(true),
        });
        world.use_claims(Arc::clone(&reluctant) as Arc<dyn Claims>);
        let mut envelope = codec::decode_application(&record("m", "c", "<a/>")).unwrap();
        envelope.original = body(&tickets[0]);
        envelope.normalised = Some(body(&tickets[1]));
        envelope.canonical = body(&tickets[2]);
        envelope.attachments = vec![attachment(&tickets[3], "a"), attachment(&tickets[4], "b")];
        world.submit("before", "d").await;
        world.append(vec![codec::encode_application(channel(), &envelope, "test")]).await;

        let system = System::new(EffectContract::Idempotent, &[]);
        let working = world.dispatch(vec![endpoint("a", &system)], CancellationToken::new());
        let outage = tokio::time::timeout(Duration::from_secs(60), working).await;
        assert!(outage.is_err(), "it waits");
        let partition = Partition { channel: channel(), number: 0 };
        let admitted = world.ledger().next_offset(&partition).await.unwrap();
        assert!(admitted.unwrap_or(0) <= 1, "claim {away}: the position may not pass the record");
        assert!(!system.took_effect().contains(&"m".to_owned()));

        reluctant.is_away.store(false, Ordering::SeqCst);
        let is_delivered = || system.took_effect().len() == 2;
        world.dispatch_until(vec![endpoint("a", &system)], is_delivered).await;
        let swept = claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap();
        assert_eq!(swept, 0, "claim {away}: what is admitted is pinned");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_gone_keeps_nobody_from_being_admitted() {
    let claims = MemoryClaims::default();
    let ticket = stored(&claims).await;
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 1);
    let mut world = World::new();
    world.use_claims(Arc::new(claims));
    let mut envelope = codec::decode_application(&record("m", "c", "<a/>")).unwrap();
    envelope.attachments = vec![attachment(&ticket, "a")];
    world.append(vec![codec::encode_application(channel(), &envelope, "test")]).await;
    world.submit("after", "d").await;
    let system = System::new(EffectContract::Idempotent, &[]);
    // The system of these tests reads no claims; an adapter that does says what is missing.
    world.dispatch_until(vec![endpoint("a", &system)], || system.took_effect().len() == 2).await;
}
