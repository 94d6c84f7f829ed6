//! Claims on a server that speaks S3, which checks keys and signatures: the conformance suite, what
//! is refused and how, large bodies in parts, and what killed writers leave.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::TryStreamExt as _;
use messaging::{
    ClaimId, Claims, Failure, FailureKind, GroupId, Result, SenderName, Ticket, Timestamp,
    conformance::claims::check,
};
use stores::claims::{Credentials, ObjectClaims, S3Settings};
use tests::{
    configuration::Configuration,
    s3::{self, Server},
};

const AT_ALL_TIMES: Timestamp = Timestamp(i64::MAX);
const MIB: usize = 1 << 20;
/// No answer may take longer.
const BOUND: Duration = Duration::from_secs(60);

fn settings(server: &Server, prefix: &str) -> S3Settings {
    S3Settings {
        bucket: s3::BUCKET.to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(server.endpoint()),
        region: "us-east-1".to_owned(),
        allows_plaintext: true,
        ca_file: None,
        credentials: Credentials {
            access_key_id: s3::KEY_ID.to_owned(),
            secret_access_key: s3::KEY.to_owned(),
            session_token: None,
        },
    }
}

fn open(settings: &S3Settings) -> Arc<ObjectClaims> {
    ObjectClaims::open_s3(settings).expect("settings of ours")
}

async fn server(folder: &Configuration) -> Server {
    Server::start(&folder.folder().join("s3")).await
}

async fn stored(claims: &dyn Claims, body: &[u8]) -> Result<Ticket> {
    let sender = SenderName::new("local").expect("a name");
    let mut writer = claims.create(&sender, Timestamp(1)).await?;
    for piece in body.chunks(MIB) {
        writer.write(Bytes::copy_from_slice(piece)).await?;
    }
    writer.finish().await
}

async fn read(claims: &dyn Claims, claim: ClaimId) -> Result<Vec<u8>> {
    let pieces: Vec<Bytes> = claims.read(claim).await?.try_collect().await?;
    Ok(pieces.concat())
}

fn told(failure: &Failure) -> (&'static str, FailureKind) {
    // Keys and signatures are nobody's business, nor is what a server says about them.
    let report = failure.report();
    assert!(!report.contains(s3::KEY) && !report.contains("Signature>"), "{report}");
    (failure.code(), failure.kind())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_claims() {
    let folder = Configuration::new();
    let server = server(&folder).await;
    let count = Mutex::new(0);
    check(|| {
        let mut count = count.lock().expect("no panic");
        *count += 1;
        // Each rule has a store of its own in the same bucket.
        open(&settings(&server, &format!("rule/{count}")))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_at_first_sight_says_why() {
    let folder = Configuration::new();
    let server = server(&folder).await;
    let good = settings(&server, "");
    let with = |change: &dyn Fn(&mut S3Settings)| {
        let mut changed = good.clone();
        change(&mut changed);
        open(&changed)
    };
    let refused = |claims: Arc<ObjectClaims>| async move {
        let failure = claims.check().await.expect_err("it cannot be used");
        told(&failure)
    };
    let wrong_key = with(&|it| it.credentials.secret_access_key = "falsch".to_owned());
    assert_eq!(refused(wrong_key).await, ("AB-2206", FailureKind::Unavailable));
    let unknown_key = with(&|it| it.credentials.access_key_id = "FALSCH".to_owned());
    assert_eq!(refused(unknown_key).await, ("AB-2206", FailureKind::Unavailable));
    let no_bucket = with(&|it| it.bucket = "another".to_owned());
    assert_eq!(refused(no_bucket).await, ("AB-2207", FailureKind::Unavailable));
    server.let_only_read(true);
    assert_eq!(refused(open(&good)).await, ("AB-2206", FailureKind::Unavailable));
    server.let_only_read(false);
    open(&good).check().await.expect("nothing is wrong any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_waited_for_and_no_claim_seems_missing() {
    let folder = Configuration::new();
    let mut server = server(&folder).await;
    let [gateway, dispatcher] = [(); 2].map(|()| open(&settings(&server, "")));
    let claim = stored(&*gateway, b"Antragsunterlagen").await.expect("stored").claim;
    server.go_away();
    let ledger = GroupId::new("ledger-1").expect("a name");
    let away = Some((ObjectClaims::UNREACHABLE, FailureKind::Unavailable));
    let asked = async {
        // Also by one who never met it.
        let answers = [
            gateway.look_up(claim).await.err(),
            gateway.mark_used(claim, Timestamp(1)).await.err(),
            dispatcher.pin(claim, &ledger).await.err(),
            dispatcher.read(claim).await.err(),
            stored(&*dispatcher, b"x").await.err(),
        ];
        for answer in answers {
            assert_eq!(answer.as_ref().map(told), away);
        }
    };
    tokio::time::timeout(BOUND, asked).await.expect("every answer comes in time");
    server.come_back().await;
    dispatcher.pin(claim, &ledger).await.expect("it is back");
    assert_eq!(read(&*dispatcher, claim).await.expect("read"), b"Antragsunterlagen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_lost_makes_no_claim_seem_missing() {
    let folder = Configuration::new();
    let server = server(&folder).await;
    let claims = open(&settings(&server, ""));
    let claim = stored(&*claims, b"x").await.expect("stored").claim;
    let bucket = folder.folder().join("s3").join(s3::BUCKET);
    let aside = folder.folder().join("s3").join("aside");
    std::fs::rename(&bucket, &aside).expect("a folder of ours");
    for answer in [claims.look_up(claim).await.err(), claims.read(claim).await.err()] {
        let gone = Some(("AB-2207", FailureKind::Unavailable));
        assert_eq!(answer.as_ref().map(told), gone);
    }
    std::fs::rename(&aside, &bucket).expect("a folder of ours");
    assert_eq!(read(&*claims, claim).await.expect("read"), b"x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_goes_in_parts_and_what_a_killed_writer_left_is_ended() {
    let folder = Configuration::new();
    let server = server(&folder).await;
    let claims = open(&settings(&server, "county"));
    let body: Vec<u8> = (0..12 * MIB).map(|n| (n / 1_000) as u8).collect();
    let kept = stored(&*claims, &body).await.expect("stored").claim;
    assert!(read(&*claims, kept).await.expect("read") == body);
    let of = |suffix: &str| {
        let names = server.objects();
        names.into_iter().filter(|name| name.ends_with(suffix)).count()
    };
    assert_eq!(of(".upload"), 0, "it is done");

    // Killed after its first parts: nothing but the note shows it.
    let sender = SenderName::new("local").expect("a name");
    let mut writer = claims.create(&sender, Timestamp(1)).await.expect("begun");
    writer.write(Bytes::from(body.clone())).await.expect("written");
    drop(writer);
    assert_eq!(of(".upload"), 1);
    let parts = || parts_in(&folder.folder().join("s3"));
    assert_ne!(parts(), 0, "the server keeps them");
    assert_eq!(claims.sweep(Timestamp(0), Timestamp(0)).await.expect("swept"), 0, "it is young");
    assert_ne!(parts(), 0);
    let ledger = GroupId::new("ledger-1").expect("a name");
    claims.pin(kept, &ledger).await.expect("pinned");
    assert_eq!(claims.sweep(AT_ALL_TIMES, AT_ALL_TIMES).await.expect("swept"), 1);
    assert_eq!((of(".upload"), parts()), (0, 0));
    assert!(read(&*claims, kept).await.expect("read") == body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_of_which_no_note_can_be_left_is_ended() {
    let folder = Configuration::new();
    let server = server(&folder).await;
    let claims = open(&settings(&server, "county"));
    claims.check().await.expect("it is there");
    let sender = SenderName::new("local").expect("a name");
    let body = Bytes::from(vec![7; 6 * MIB]);
    let mut writer = claims.create(&sender, Timestamp(1)).await.expect("begun");
    writer.write(body.clone()).await.expect("written");
    assert_eq!(server.uploads(), 1, "as one that goes well");
    writer.finish().await.expect("finished");
    assert_eq!(server.uploads(), 0);

    server.take_no_notes(true);
    let failure = claims.keep(&sender, body, Timestamp(1)).await.expect_err("refused");
    assert_eq!(told(&failure), ("AB-2206", FailureKind::Unavailable));
    assert_eq!(server.uploads(), 0, "nobody would find it any more");
}

/// Parts of uploads that did not end, where this server keeps them.
fn parts_in(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("part")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_sweeps_and_marks_at_once_lose_nothing_that_was_promised() {
    let folder = Configuration::new();
    let server = server(&folder).await;
    let [one, two, three] = [(); 3].map(|()| open(&settings(&server, "")));
    let mut claims = Vec::new();
    for _ in 0..20 {
        claims.push(stored(&*one, b"x").await.expect("stored").claim);
    }
    let ledger = GroupId::new("ledger-1").expect("a name");
    let pins = futures_util::future::join_all(claims.iter().map(|c| one.pin(*c, &ledger)));
    let (pins, first, second) = tokio::join!(
        pins,
        two.sweep(AT_ALL_TIMES, AT_ALL_TIMES),
        three.sweep(AT_ALL_TIMES, AT_ALL_TIMES)
    );
    first.expect("swept");
    second.expect("swept");
    for (claim, pin) in claims.iter().zip(&pins) {
        if pin.is_ok() {
            assert_eq!(read(&*three, *claim).await.expect("promised"), b"x");
        }
    }
}
