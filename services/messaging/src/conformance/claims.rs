//! What every [`crate::Claims`] must do.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future::poll_fn};

use crate::{
    ClaimId, Claims, FailureKind, GroupId, Result, SenderName, Ticket, Timestamp, identity,
};

const PIECE_BYTES_MAX: usize = 1 << 20;

/// Runs the suite; `make` gives each rule an empty store.
pub async fn check(make: impl Fn() -> Arc<dyn Claims>) {
    what_was_written_is_read(&*make()).await;
    what_was_kept_as_a_whole_is_read(&*make()).await;
    equal_bytes_are_different_claims(&*make()).await;
    a_ticket_belongs_to_its_sender(&*make()).await;
    nothing_can_be_done_with_what_is_not_there(&*make()).await;
    marking_again_renews(&*make()).await;
    claims_nobody_uses_are_swept(&*make()).await;
    used_claims_live_longer(&*make()).await;
    pins_keep_claims_alive(&*make()).await;
    an_unfinished_claim_leaves_nothing(&*make()).await;
}

async fn what_was_written_is_read(claims: &dyn Claims) {
    for len in [0, 1, 4_095, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, (3 << 20) + 17] {
        let bytes = body(len);
        let ticket = write(claims, &bytes, Timestamp(1)).await;
        assert_eq!(ticket.len, len as u64);
        assert_eq!(ticket.sha256, identity::sha256(&bytes, &[]));
        // Twice: reading consumes nothing.
        for _ in 0..2 {
            let read = read(claims, ticket.claim).await.expect("read");
            assert!(read == bytes, "{len} bytes must come back as they were");
        }
    }
}

async fn what_was_kept_as_a_whole_is_read(claims: &dyn Claims) {
    for len in [0, 1, (256 << 10) + 1, (6 << 20) + 17] {
        let bytes = body(len);
        let ticket = claims.keep(&sender(), bytes.clone(), Timestamp(17)).await.expect("keep");
        assert_eq!((ticket.len, ticket.sha256), (len as u64, identity::sha256(&bytes, &[])));
        let info = claims.look_up(ticket.claim).await.expect("look up").expect("it is there");
        assert_eq!((info.sender, info.created_at), (sender(), Timestamp(17)));
        let read = read(claims, ticket.claim).await.expect("read");
        assert!(read == bytes, "{len} bytes must come back as they were");
    }
}

async fn equal_bytes_are_different_claims(claims: &dyn Claims) {
    let first = write(claims, &body(100), Timestamp(1)).await;
    let second = write(claims, &body(100), Timestamp(1)).await;
    assert_ne!(first.claim, second.claim, "a ticket must not be guessed from the bytes");
    assert_eq!(first.sha256, second.sha256);
}

async fn a_ticket_belongs_to_its_sender(claims: &dyn Claims) {
    let ticket = write(claims, &body(100), Timestamp(17)).await;
    let info = claims.look_up(ticket.claim).await.expect("look up").expect("it is there");
    assert_eq!(info.sender, sender());
    assert_eq!(info.created_at, Timestamp(17));
    assert_eq!(info.used_at, None);
    assert_eq!(info.ticket, ticket);
}

async fn nothing_can_be_done_with_what_is_not_there(claims: &dyn Claims) {
    let claim = ClaimId(uuid::Uuid::nil());
    assert_eq!(claims.look_up(claim).await.expect("look up"), None);
    let answers = [
        claims.mark_used(claim, Timestamp(1)).await.err(),
        claims.pin(claim, &ledger("a")).await.err(),
        claims.read(claim).await.err(),
    ];
    for answer in answers {
        assert_eq!(answer.map(|failure| failure.kind()), Some(FailureKind::Defect));
    }
    claims.unpin(claim, &ledger("a")).await.expect("unpinning nothing does nothing");
}

async fn marking_again_renews(claims: &dyn Claims) {
    let claim = write(claims, &body(10), Timestamp(1)).await.claim;
    claims.mark_used(claim, Timestamp(5)).await.expect("mark");
    claims.mark_used(claim, Timestamp(9)).await.expect("mark again");
    let info = claims.look_up(claim).await.expect("look up").expect("it is there");
    assert_eq!(info.used_at, Some(Timestamp(9)), "the last time counts");
    assert_eq!(sweep(claims, 1_000, 9).await, 0, "it is as young as its last use");
    assert!(is_there(claims, claim).await);
}

async fn claims_nobody_uses_are_swept(claims: &dyn Claims) {
    let old = write(claims, &body(10), Timestamp(10)).await.claim;
    let young = write(claims, &body(10), Timestamp(20)).await.claim;
    assert_eq!(sweep(claims, 10, 0).await, 0);
    assert_eq!(sweep(claims, 20, 0).await, 1);
    assert!(!is_there(claims, old).await);
    assert!(is_there(claims, young).await);
    assert!(read(claims, old).await.is_err(), "what was swept cannot be read");
    assert!(claims.mark_used(old, Timestamp(30)).await.is_err(), "nor used");
}

async fn used_claims_live_longer(claims: &dyn Claims) {
    let claim = write(claims, &body(10), Timestamp(10)).await.claim;
    claims.mark_used(claim, Timestamp(50)).await.expect("mark");
    assert_eq!(sweep(claims, 1_000, 50).await, 0);
    assert!(is_there(claims, claim).await);
    assert_eq!(sweep(claims, 1_000, 51).await, 1);
    assert!(!is_there(claims, claim).await);
}

async fn pins_keep_claims_alive(claims: &dyn Claims) {
    let claim = write(claims, &body(10), Timestamp(10)).await.claim;
    claims.mark_used(claim, Timestamp(10)).await.expect("mark");
    for ledger in [ledger("a"), ledger("b"), ledger("a")] {
        claims.pin(claim, &ledger).await.expect("pin");
    }
    assert_eq!(sweep(claims, 1_000, 1_000).await, 0);
    claims.unpin(claim, &ledger("a")).await.expect("unpin");
    claims.unpin(claim, &ledger("a")).await.expect("unpin again");
    assert_eq!(sweep(claims, 1_000, 1_000).await, 0, "the other ledger needs it still");
    assert!(read(claims, claim).await.is_ok());
    claims.unpin(claim, &ledger("b")).await.expect("unpin");
    assert_eq!(sweep(claims, 1_000, 1_000).await, 1);
    assert!(!is_there(claims, claim).await);
}

async fn an_unfinished_claim_leaves_nothing(claims: &dyn Claims) {
    let mut writer = claims.create(&sender(), Timestamp(1)).await.expect("create");
    writer.write(body(1 << 20)).await.expect("write");
    drop(writer);
    let other = write(claims, &body(10), Timestamp(i64::MAX)).await.claim;
    claims.sweep(Timestamp(i64::MAX), Timestamp(i64::MAX)).await.expect("sweep");
    assert!(is_there(claims, other).await);
}

fn sender() -> SenderName {
    SenderName::new("landesportal").expect("the suite's names are valid")
}

fn ledger(name: &str) -> GroupId {
    GroupId::new(name).expect("the suite's names are valid")
}

/// Bytes in which no two pieces are alike.
fn body(len: usize) -> Bytes {
    let words = (0..len.div_ceil(8) as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes: BytesMut = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(len);
    bytes.freeze()
}

async fn write(claims: &dyn Claims, bytes: &Bytes, now: Timestamp) -> Ticket {
    let mut writer = claims.create(&sender(), now).await.expect("create");
    // Pieces of odd sizes, an empty one first.
    writer.write(Bytes::new()).await.expect("write");
    let mut rest = bytes.clone();
    let mut size = 1;
    while !rest.is_empty() {
        let piece = rest.split_to(size.min(rest.len()));
        writer.write(piece).await.expect("write");
        size = size * 3 + 1;
    }
    writer.finish().await.expect("finish")
}

async fn read(claims: &dyn Claims, claim: ClaimId) -> Result<Bytes> {
    let mut reader = claims.read(claim).await?;
    let mut bytes = BytesMut::new();
    while let Some(piece) = poll_fn(|context| reader.poll_next_unpin(context)).await {
        let piece = piece?;
        assert!(piece.len() <= PIECE_BYTES_MAX, "pieces are bounded");
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

async fn is_there(claims: &dyn Claims, claim: ClaimId) -> bool {
    claims.look_up(claim).await.expect("look up").is_some()
}

async fn sweep(claims: &dyn Claims, unused_before: i64, used_before: i64) -> u64 {
    claims.sweep(Timestamp(unused_before), Timestamp(used_before)).await.expect("sweep")
}
