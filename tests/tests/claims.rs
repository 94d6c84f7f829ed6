//! The real program with claims that lie elsewhere: on a server that speaks S3, and in a directory
//! that several processes share.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it measured"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::body::Bytes;
use tests::{
    configuration::{Configuration, System},
    documents::{self, Kfz},
    portal::{self, Portal},
    process::Program,
    receiver::{Manner, Receiver},
    s3::{self, Server},
    wait,
};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use wire::intake::{SubmitRequest, UploadAttachmentResponse};

const SOON: Duration = Duration::from_secs(60);
const MIB: usize = 1 << 20;
/// As many as a gateway takes at once, and more than hold a part of S3 at once.
const UPLOADS: usize = 100;
const UPLOAD_BYTES: usize = 6 * MIB;
const MEMORY_MAX: usize = 300 * MIB;

fn large(case: u32) -> Bytes {
    documents::too_large(&Kfz::read().document(case, 0))
}

fn with_attachment(upload: UploadAttachmentResponse) -> SubmitRequest {
    portal::with_attachment(documents::example("ausserbetriebsetzung-nordsachsen.xml"), upload)
}

/// Bytes of which no two parts are alike.
fn file(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| (n / 997 % 251) as u8).collect()
}

fn is_there(folder: &Path, expected: &[u8]) -> bool {
    let paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
    paths.iter().any(|path| fs::read(path).is_ok_and(|read| read == expected))
}

/// What must be said while the claims are away: come again, and when.
#[track_caller]
fn to_come_again(refusal: &Status, code: &str) {
    assert_eq!(refusal.code(), Code::Unavailable, "{}", portal::told(refusal));
    assert_eq!(portal::code(refusal).as_deref(), Some(code), "{}", portal::told(refusal));
    let wait = refusal.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(wait.is_some_and(|wait| !wait.is_zero()), "{}", portal::told(refusal));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_goes_away_stops_only_what_needs_it_and_until_it_is_back() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let folder = configuration.folder().join("files");
    fs::create_dir_all(&folder).expect("a folder of ours");
    let mut server = Server::start(&configuration.folder().join("s3")).await;
    let configuration = configuration.with_system(&System::directory("files", &folder));
    let program = Program::start(&server.configured(configuration, s3::KEY)).await;
    let portal = Portal::new(program.gateway());

    // Larger than one part of S3.
    let file = file(7 * MIB);
    let uploaded = portal.upload_pdf(&file).await.expect("stored");
    let response = portal.send(with_attachment(uploaded)).await.expect("accepted");
    let receipt = response.receipt.expect("a receipt");
    portal.until(&receipt.message_id, "delivered", SOON).await;
    assert!(is_there(&folder, &file), "the attachment arrived");
    assert!(server.objects().iter().any(|name| name.contains(".pin.")), "it is pinned");

    server.go_away();
    let away = async {
        let refusal = portal.submit(large(1)).await.expect_err("nowhere to keep it");
        to_come_again(&refusal, "AB-2203");
        let refusal = portal.upload_pdf(&file).await.expect_err("nowhere to keep it");
        to_come_again(&refusal, "AB-2203");
    };
    tokio::time::timeout(SOON, away).await.expect("every answer comes in time");
    let small = portal.receipt(Kfz::read().document(2, 0)).await;
    portal.until(&small.message_id, "delivered", SOON).await;

    server.come_back().await;
    let receipt = portal.receipt(large(1)).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
    assert!(is_there(&folder, &large(1)));
    assert!(!program.log().contains(s3::KEY), "no key is told");
    assert!(program.end().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_its_bucket_goes_on_when_that_comes() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let receiver = Receiver::start().await;
    let system = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let mut server = Server::start(&configuration.folder().join("s3")).await;
    let configuration = server.configured(configuration.with_system(&system), s3::KEY);
    server.go_away();
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let small = portal.receipt(Kfz::read().document(1, 0)).await;
    portal.until(&small.message_id, "delivered", SOON).await;
    to_come_again(&portal.submit(large(2)).await.expect_err("nowhere to keep it"), "AB-2203");
    assert!(program.log().contains("AB-2203"), "{}", program.log());
    server.come_back().await;
    let receipt = portal.receipt(large(2)).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_refuses_us_ends_the_start_with_a_code() {
    let folder = Configuration::new();
    let server = Server::start(&folder.folder().join("s3")).await;
    let configured =
        |key: &str| server.configured(Configuration::new().with_standard_route("kfz"), key);
    let (status, said) = Program::refuse(&configured("falsch"), "a wrong key").await;
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("AB-2206") && !said.contains("falsch"), "{said}");
    server.let_only_read(true);
    let (status, said) = Program::refuse(&configured(s3::KEY), "too few rights").await;
    assert!(status.code() == Some(3) && said.contains("AB-2206"), "{said}");
    fs::remove_dir_all(folder.folder().join("s3").join(s3::BUCKET)).expect("a folder of ours");
    server.let_only_read(false);
    let (status, said) = Program::refuse(&configured(s3::KEY), "no bucket").await;
    assert!(status.code() == Some(3) && said.contains("AB-2207"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_directory_that_is_not_mounted_ends_the_start_with_a_code() {
    let configuration = Configuration::new();
    let directory = configuration.folder().join("mount").display().to_string();
    let configuration = configuration.with_head(&format!("claims = \"file://{directory}\""));
    let (status, said) = Program::refuse(&configuration, "no directory").await;
    assert!(status.code() == Some(3) && said.contains("AB-2201"), "{said}");
    assert!(!Path::new(&directory).exists(), "it is not made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_gone_is_told_and_holds_back_no_other_case() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let directory = configuration.folder().join("shared");
    fs::create_dir_all(&directory).expect("a folder of ours");
    let receiver = Receiver::start().await;
    receiver.behave("inbox", Manner { status: 503, ..Manner::default() });
    let system = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let head = format!("claims = \"file://{}\"", directory.display());
    let configuration = configuration.with_head(&head).with_system(&system);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let gone = portal.receipt(large(1)).await;
    let kept = portal.receipt(large(2)).await;
    // Both are admitted, and what they refer to is pinned.
    let pins = || objects(&directory).into_iter().filter(|it| it.contains(".pin.")).count();
    wait::until("pins", SOON, || async { (2 <= pins()).then_some(()) }).await;
    let bodies = objects(&directory)
        .into_iter()
        .filter(|path| fs::read(path).is_ok_and(|read| read == large(1)));
    for body in bodies {
        fs::remove_file(&body).expect("a file in a folder of ours");
        fs::remove_file(body + ".json").expect("a file in a folder of ours");
    }
    receiver.behave("inbox", Manner::default());
    portal.until(&kept.message_id, "delivered", SOON).await;
    let small = portal.receipt(Kfz::read().document(3, 0)).await;
    portal.until(&small.message_id, "delivered", SOON).await;
    let status = portal.until(&gone.message_id, "dead", SOON).await;
    assert!(format!("{status:?}").contains("AB-3"), "it says why: {status:?}");
}

fn objects(directory: &Path) -> Vec<String> {
    let shards = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = shards.flat_map(|shard| fs::read_dir(shard.path()).into_iter().flatten().flatten());
    files.map(|file| file.path().display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_uploads_to_a_bucket_at_once_need_little_memory() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let server = Server::start(&configuration.folder().join("s3")).await;
    let program = Program::start(&server.configured(configuration, s3::KEY)).await;
    let portal = Portal::new(program.gateway());
    let body = Bytes::from(file(UPLOAD_BYTES));
    let mut uploading = JoinSet::new();
    for _ in 0..UPLOADS {
        let (portal, body) = (portal.clone(), body.clone());
        uploading.spawn(async move {
            wait::until("an upload", Duration::from_secs(300), || async {
                match portal.upload_pdf(&body).await {
                    Ok(uploaded) => Some(uploaded.size),
                    Err(status) if status.code() == Code::Unavailable => None,
                    Err(status) if portal::is_overload(&status) => None,
                    Err(status) => panic!("{}", portal::told(&status)),
                }
            })
            .await
        });
    }
    let sizes = uploading.join_all().await;
    assert!(sizes.iter().all(|size| *size == UPLOAD_BYTES as u64));
    let peak = program.memory_peak();
    assert!(peak < MEMORY_MAX, "{} MiB at most", peak / MIB);
    eprintln!("{UPLOADS} uploads of {UPLOAD_BYTES} bytes: {} MiB at most", peak / MIB);
}
