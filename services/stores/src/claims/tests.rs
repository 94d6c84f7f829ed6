//! Claims: the conformance suite on both stores, and what only a directory can suffer.

use std::{
    fs,
    io::{self, ErrorKind},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use messaging::{
    ClaimId, Claims, FailureKind, GroupId, Result, SenderName, Ticket, Timestamp,
    conformance::claims::check,
};
use object_store::Error as StoreError;
use tempfile::TempDir;
use uuid::Uuid;

use super::{MemoryClaims, ObjectClaims, failure};

mod busy;
mod shared;
use crate::codes;

#[tokio::test]
async fn memory_keeps_claims() {
    check(|| Arc::new(MemoryClaims::default())).await;
}

#[tokio::test]
async fn a_directory_keeps_claims() {
    let dirs = Mutex::new(Vec::new());
    check(|| {
        let dir = TempDir::new().unwrap();
        let claims = ObjectClaims::open(dir.path()).unwrap();
        dirs.lock().unwrap().push(dir);
        claims
    })
    .await;
}

#[tokio::test]
async fn a_directory_of_several_processes_keeps_claims() {
    let dirs = Mutex::new(Vec::new());
    check(|| {
        let dir = TempDir::new().unwrap();
        let claims = ObjectClaims::open_shared(dir.path()).unwrap();
        dirs.lock().unwrap().push(dir);
        claims
    })
    .await;
}

const AGES_AGO: Timestamp = Timestamp(0);
const AT_ALL_TIMES: Timestamp = Timestamp(i64::MAX);

async fn stored(claims: &dyn Claims, bytes: &'static [u8]) -> Ticket {
    let sender = SenderName::new("local").unwrap();
    let mut writer = claims.create(&sender, Timestamp(1)).await.unwrap();
    writer.write(Bytes::from_static(bytes)).await.unwrap();
    writer.finish().await.unwrap()
}

fn file(dir: &TempDir, claim: ClaimId, suffix: &str) -> PathBuf {
    let id = claim.to_string();
    dir.path().join(id.get(..2).unwrap()).join(id + suffix)
}

async fn read(claims: &dyn Claims, claim: ClaimId) -> Result<Vec<u8>> {
    let pieces: Vec<Bytes> = claims.read(claim).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn a_flipped_bit_is_told_at_the_end_and_a_cut_at_once() {
    let dir = TempDir::new().unwrap();
    let claims = ObjectClaims::open(dir.path()).unwrap();
    let claim = stored(&*claims, b"Antragsunterlagen").await.claim;
    let body = file(&dir, claim, "");
    fs::write(&body, b"antragsunterlagen").unwrap();
    let mut reader = claims.read(claim).await.unwrap();
    assert!(reader.try_next().await.unwrap().is_some());
    let failure = reader.try_next().await.unwrap_err();
    assert_eq!((failure.code(), failure.kind()), (codes::CLAIM_DAMAGED, FailureKind::Defect));
    for change in [Some(&b"Antrag"[..]), None] {
        match change {
            Some(bytes) => fs::write(&body, bytes).unwrap(),
            None => fs::remove_file(&body).unwrap(),
        }
        assert_eq!(claims.read(claim).await.err().unwrap().code(), codes::CLAIM_DAMAGED);
    }
}

#[tokio::test]
async fn a_damaged_description_is_a_defect_and_stops_no_sweep() {
    let dir = TempDir::new().unwrap();
    let claims = ObjectClaims::open(dir.path()).unwrap();
    let claim = stored(&*claims, b"x").await.claim;
    fs::write(file(&dir, claim, ".json"), b"{").unwrap();
    assert_eq!(claims.look_up(claim).await.unwrap_err().code(), codes::CLAIM_DAMAGED);
    stored(&*claims, b"y").await;
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 1, "the other one");
    assert!(file(&dir, claim, "").exists(), "it is kept for the operator");
}

#[tokio::test]
async fn what_a_killed_writer_left_is_invisible_and_swept_when_it_is_old() {
    let dir = TempDir::new().unwrap();
    let claims = ObjectClaims::open(dir.path()).unwrap();
    let kept = stored(&*claims, b"kept").await.claim;
    claims.pin(kept, &GroupId::new("ledger-1").unwrap()).await.unwrap();
    // Killed while writing, and killed between body and description.
    let (hidden, bare) = (ClaimId(Uuid::new_v4()), ClaimId(Uuid::new_v4()));
    for path in [file(&dir, hidden, "#1"), file(&dir, bare, "")] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"half").unwrap();
    }
    assert_eq!(claims.look_up(bare).await.unwrap(), None);
    assert_eq!(claims.sweep(AGES_AGO, AGES_AGO).await.unwrap(), 0, "they may be in use");
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 2);
    assert!(!file(&dir, hidden, "#1").exists() && !file(&dir, bare, "").exists());
    assert_eq!(read(&*claims, kept).await.unwrap(), b"kept");
}

#[tokio::test]
async fn a_removed_claim_leaves_no_file() {
    let dir = TempDir::new().unwrap();
    let claims = ObjectClaims::open(dir.path()).unwrap();
    let claim = stored(&*claims, b"x").await.claim;
    claims.mark_used(claim, Timestamp(1)).await.unwrap();
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.unwrap(), 1);
    let shard = file(&dir, claim, "").parent().unwrap().to_owned();
    assert_eq!(fs::read_dir(shard).unwrap().count(), 0);
}

#[tokio::test]
async fn a_mark_under_a_tombstone_has_to_be_set_again() {
    let dir = TempDir::new().unwrap();
    let claims = ObjectClaims::open(dir.path()).unwrap();
    let claim = stored(&*claims, b"x").await.claim;
    // A sweep was killed after its first step.
    fs::write(file(&dir, claim, ".tombstone"), b"").unwrap();
    let failure = claims.mark_used(claim, Timestamp(5)).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unavailable);
    // The mark is there all the same: the next sweep finds it and gives way.
    assert_eq!(claims.sweep(AT_ALL_TIMES, AGES_AGO).await.unwrap(), 0);
    claims.mark_used(claim, Timestamp(6)).await.unwrap();
    assert_eq!(read(&*claims, claim).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_file_in_the_way_is_told_with_its_code() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("claims");
    fs::write(&path, b"a file").unwrap();
    let failure = ObjectClaims::open(&path).unwrap_err();
    assert_eq!(failure.code(), codes::CLAIMS_UNUSABLE);
    assert_eq!(failure.kind(), FailureKind::Unavailable);
}

#[test]
fn a_full_disk_is_found_wherever_it_is_in_the_chain() {
    for (kind, code) in [
        (ErrorKind::StorageFull, codes::CLAIMS_DISK_FULL),
        (ErrorKind::QuotaExceeded, codes::CLAIMS_DISK_FULL),
        (ErrorKind::TimedOut, codes::CLAIMS_UNAVAILABLE),
    ] {
        let source = Box::new(io::Error::from(kind));
        let failure = failure(StoreError::Generic { store: "test", source });
        assert_eq!((failure.code(), failure.kind()), (code, FailureKind::Unavailable));
    }
}
