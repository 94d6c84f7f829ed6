//! What several processes can do to each other in one store, and a store that goes away.

use std::{os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use futures_util::future::join_all;
use object_store::memory::InMemory;
use tokio::time::advance;

use super::*;
use crate::claims::store::Kind;

/// Longer than a tombstone must stand still to be a dead sweep's.
const LONG: Duration = Duration::from_secs(301);

fn ledger() -> GroupId {
    GroupId::new("ledger-1").unwrap()
}

/// Two processes on one store.
fn two() -> [ObjectClaims; 2] {
    let store = Arc::new(InMemory::new());
    [(); 2].map(|()| ObjectClaims::over(Arc::clone(&store) as _, Kind::Shared))
}

async fn bury(claims: &ObjectClaims, claim: ClaimId) {
    let tombstone = crate::claims::names::tombstone(claim);
    claims.store.put(&tombstone, Bytes::new(), object_store::PutMode::Create).await.unwrap();
}

#[tokio::test]
async fn what_one_process_stores_another_reads_and_pins() {
    let dir = TempDir::new().unwrap();
    let [one, other] = [(); 2].map(|()| ObjectClaims::open_shared(dir.path()).unwrap());
    let claim = stored(&*one, b"Antragsunterlagen").await.claim;
    one.mark_used(claim, Timestamp(1)).await.unwrap();
    other.pin(claim, &ledger()).await.unwrap();
    assert_eq!(one.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 0);
    assert_eq!(read(&*other, claim).await.unwrap(), b"Antragsunterlagen");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_what_another_is_at() {
    let [one, other] = two();
    let claim = stored(&one, b"x").await.claim;
    bury(&one, claim).await;
    assert_eq!(other.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 0);
    // It may neither remove the claim nor the tombstone under which the first one removes it.
    let marked = other.mark_used(claim, Timestamp(5)).await.unwrap_err();
    assert_eq!(marked.kind(), FailureKind::Unavailable);
    assert_eq!(other.sweep(AT_ALL_TIMES, AGES_AGO).await.unwrap(), 0);
    assert!(other.mark_used(claim, Timestamp(5)).await.is_err(), "the tombstone stands");
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_that_stands_still_is_cleared_and_its_claim_judged_anew() {
    let [one, other] = two();
    let (needed, over) = (stored(&one, b"x").await.claim, stored(&one, b"y").await.claim);
    for claim in [needed, over] {
        bury(&one, claim).await;
    }
    other.mark_used(needed, Timestamp(i64::MAX)).await.unwrap_err();
    for swept in [0, 0, 1] {
        assert_eq!(other.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), swept);
        advance(LONG).await;
    }
    other.mark_used(needed, Timestamp(5)).await.unwrap();
    assert!(other.look_up(over).await.unwrap().is_none());
}

#[tokio::test]
async fn sweeps_and_marks_at_the_same_time_lose_no_claim_that_was_marked() {
    let dir = TempDir::new().unwrap();
    let processes = [(); 4].map(|()| ObjectClaims::open_shared(dir.path()).unwrap());
    let [one, two, three, four] = &processes;
    let mut claims = Vec::new();
    for _ in 0..40 {
        claims.push(stored(&**one, b"x").await.claim);
    }
    let mark = async |process: &ObjectClaims| {
        let ledger = ledger();
        join_all(claims.iter().map(|claim| process.pin(*claim, &ledger))).await
    };
    let sweep =
        async |process: &ObjectClaims| process.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap();
    let (marked, again, _, _) = tokio::join!(mark(one), mark(two), sweep(three), sweep(four));
    for (claim, marked) in claims.iter().chain(&claims).zip(marked.iter().chain(&again)) {
        if marked.is_ok() {
            assert_eq!(read(&**four, *claim).await.unwrap(), b"x", "it was promised");
        }
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_not_made() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("mount");
    let failure = ObjectClaims::open_shared(&path).unwrap_err();
    assert_eq!(
        (failure.code(), failure.kind()),
        (codes::CLAIMS_UNUSABLE, FailureKind::Unavailable)
    );
    assert!(!path.exists());
}

#[tokio::test]
async fn a_directory_that_goes_away_makes_no_claim_seem_missing() {
    let dir = TempDir::new().unwrap();
    let mount = dir.path().join("mount");
    fs::create_dir(&mount).unwrap();
    let claims = ObjectClaims::open_shared(&mount).unwrap();
    let claim = stored(&*claims, b"x").await.claim;
    // As an unmounted share: its mount point is there, empty, and takes files.
    fs::rename(&mount, dir.path().join("elsewhere")).unwrap();
    fs::create_dir(&mount).unwrap();
    let told = |failure: Option<messaging::Failure>| failure.map(|it| (it.code(), it.kind()));
    let gone = Some((codes::CLAIMS_GONE, FailureKind::Unavailable));
    assert_eq!(told(claims.look_up(claim).await.err()), gone);
    assert_eq!(told(claims.pin(claim, &ledger()).await.err()), gone);
    assert_eq!(told(claims.read(claim).await.err()), gone);
    let sender = SenderName::new("local").unwrap();
    let mut writer = claims.create(&sender, Timestamp(1)).await.unwrap();
    writer.write(Bytes::from_static(b"y")).await.unwrap();
    assert_eq!(told(writer.finish().await.err()), gone, "a ticket for it would promise too much");
    fs::remove_dir_all(&mount).unwrap();
    fs::rename(dir.path().join("elsewhere"), &mount).unwrap();
    assert_eq!(read(&*claims, claim).await.unwrap(), b"x");
}

#[tokio::test]
async fn every_folder_has_the_permissions_of_the_directory() {
    let dir = TempDir::new().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o2770)).unwrap();
    ObjectClaims::open_shared(dir.path()).unwrap();
    for shard in ["00", "ff"] {
        assert_eq!(mode(&dir.path().join(shard)), 0o2770);
    }
}

#[tokio::test]
async fn a_store_of_another_version_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("amtsbote-claims.json"), b"{\"format\":2}").unwrap();
    let claims = ObjectClaims::open_shared(dir.path()).unwrap();
    let failure = claims.check().await.unwrap_err();
    assert_eq!(failure.code(), codes::CLAIMS_UNUSABLE);
}

#[tokio::test]
async fn an_upload_of_another_process_is_kept_while_it_is_young() {
    let dir = TempDir::new().unwrap();
    let [one, other] = [(); 2].map(|()| ObjectClaims::open_shared(dir.path()).unwrap());
    let sender = SenderName::new("local").unwrap();
    let mut writer = one.create(&sender, Timestamp(1)).await.unwrap();
    for _ in 0..3 {
        writer.write(Bytes::from(vec![7; 1 << 20])).await.unwrap();
    }
    assert_eq!(other.sweep(Timestamp(1_000_000), AT_ALL_TIMES).await.unwrap(), 0);
    let claim = writer.finish().await.unwrap().claim;
    assert_eq!(read(&*other, claim).await.unwrap().len(), 3 << 20);
}
