//! A machine that is not as it should be: taken ports, full disks, wrong configurations, spoiled
//! files. Each is told with a code and a page, and nothing is lost.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fs, net::TcpListener, path::Path, time::Duration};

use axum::body::Bytes;
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    machine::{self, SmallDisk},
    portal::{self, Portal},
    process::Program,
    receiver::Receiver,
    source, wait,
};
use wire::intake::Receipt;

const MIB: usize = 1 << 20;
const SOON: Duration = Duration::from_secs(60);
/// Room for data on a disk that gets full, and what is freed later.
const DISK_BYTES: usize = 48 * MIB;
const BALLAST_BYTES: usize = 24 * MIB;
/// Submissions at most until a full disk shows.
const SUBMISSIONS_MAX: u32 = 2_000;
const DOCUMENT_BYTES: usize = 100 << 10;

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_its_place() {
    let route = "[[route]]\ndomain = \"kfz\"";
    for (name, configuration, code, place) in [
        ("an unknown key", Configuration::new().with_head("chanel = \"x\""), "AB-5003", "chanel"),
        (
            "a bad URL",
            Configuration::new().with_head("channel = \"ftp://broker\""),
            "AB-5006",
            "channel",
        ),
        (
            "a URL of a later version",
            Configuration::new().with_head("claims = \"s3://bucket\""),
            "AB-5006",
            "claims",
        ),
        (
            "a missing secret",
            Configuration::new().with("[[sender]]\nname = \"portal\"\ntoken_file = \"token\""),
            "AB-5007",
            "token_file",
        ),
        ("no TOML", Configuration::new().with("[[route"), "AB-5002", ""),
        (
            "a wrong type",
            Configuration::new().with("[retention]\nchannel = 7"),
            "AB-5004",
            "channel",
        ),
        (
            "an unknown adapter",
            Configuration::new().with(route).with_system(&System::new("a", "rest", "url = 1")),
            "AB-50",
            "settings",
        ),
        (
            "an unknown key of an adapter",
            Configuration::new().with(route).with_system(&System::new(
                "a",
                "file_drop",
                "directory = \"d\"\nextension = \"xml\"\ncolour = 1",
            )),
            "AB-5003",
            "colour",
        ),
        (
            "an address that others can reach, in plain text",
            Configuration::new().with_gateway("listen = \"0.0.0.0:0\""),
            "AB-5009",
            "listen",
        ),
    ] {
        let said = refused(name, &configuration, code).await;
        assert!(said.contains("amtsbote.toml"), "{name}: no file in\n{said}");
        assert!(said.contains(place), "{name}: no `{place}` in\n{said}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let configuration = Configuration::new().with_gateway(&format!("listen = \"{address}\""));
    let said = refused("a port in use", &configuration, "AB-5013").await;
    assert!(said.contains(&address.to_string()), "{said}");
}

#[tokio::test]
async fn a_data_directory_that_is_a_file_is_told() {
    let configuration = Configuration::new();
    let file = configuration.folder().join("file");
    fs::write(&file, "not a folder").expect("a file in a folder of ours");
    let configuration = configuration.with_data(&file);
    refused("a file", &configuration, "AB-").await;
}

#[tokio::test]
async fn a_read_only_data_directory_is_told() {
    let configuration = Configuration::new();
    let Some(disk) = small_disk(&configuration, "a read-only data directory is told") else {
        return;
    };
    disk.freeze();
    let configuration = configuration.clone().with_data(&disk.folder().join("data"));
    refused("a read-only disk", &configuration, "AB-5014").await;

    // The same of one that was in use, and nothing is the worse for it.
    disk.thaw();
    let configuration = configuration.with_standard_route("kfz");
    let program = Program::start(&configuration).await;
    let receipt = Portal::new(program.gateway()).receipt(Kfz::read().document(1, 0)).await;
    assert!(program.end().await.success());
    disk.freeze();
    let said = refused("a disk that turned read-only", &configuration, "AB-5014").await;
    assert!(said.contains("Read-only file system"), "the system's own word: {said}");
    disk.thaw();
    let program = Program::start(&configuration).await;
    Portal::new(program.gateway()).until(&receipt.message_id, "unrouted", SOON).await;
}

#[tokio::test]
async fn a_second_process_on_the_directory_is_refused() {
    let configuration = Configuration::new().with_standard_route("kfz");
    let mut program = Program::start(&configuration).await;
    refused("a second process", &configuration, "AB-").await;
    Portal::new(program.gateway()).receipt(Kfz::read().document(1, 0)).await;
    assert!(program.is_alive());
}

#[tokio::test]
async fn a_spoiled_file_is_an_error_and_never_an_empty_one() {
    let receiver = Receiver::start().await;
    for name in ["channel", "ledger"] {
        let system = System::http("inbox", &receiver.url("inbox"), "deduplicates");
        let configuration = Configuration::new().with_standard_route("kfz").with_system(&system);
        let program = Program::start(&configuration).await;
        let portal = Portal::new(program.gateway());
        for case in 0..50 {
            portal.receipt(Kfz::read().document(case, 0)).await;
        }
        assert!(program.end().await.success());
        let file = database(&configuration.folder().join("data"), name);
        let whole = fs::read(&file).expect("a file of ours");
        let mut spoiled = vec![
            ("noise at its head", [&[0x5a; 4096], &whole[4096..]].concat()),
            ("cut in half", whole[..whole.len() / 2].to_vec()),
            ("emptied", Vec::new()),
        ];
        if name == "channel" {
            spoiled.push(("a page of noise in its middle", with_noise(&whole)));
        }
        for (how, bytes) in spoiled {
            fs::write(&file, bytes).expect("a file of ours");
            // As an unclean end leaves it: then the file is read whole before it is trusted.
            fs::write(file.with_file_name("lock"), "1").expect("a file of ours");
            refused(&format!("{name}: {how}"), &configuration, "AB-2").await;
        }
        fs::write(&file, &whole).expect("a file of ours");
        let program = Program::start(&configuration).await;
        assert!(program.end().await.success(), "whole again");
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_survived() {
    let receiver = Receiver::start().await;
    let configuration = Configuration::new();
    let Some(disk) = small_disk(&configuration, "a full disk loses nothing") else { return };
    let ballast = disk.folder().join("ballast");
    fs::write(&ballast, vec![0; BALLAST_BYTES]).expect("there is room");
    let system = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let configuration = configuration
        .clone()
        .with_data(&disk.folder().join("data"))
        .with_standard_route("kfz")
        .with_system(&system);
    let mut program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());

    let mut receipts = Vec::new();
    let refusal = loop {
        let case = u32::try_from(receipts.len()).expect("few");
        assert!(case < SUBMISSIONS_MAX, "the disk never gets full");
        match portal.submit(large(case)).await {
            Ok(response) => receipts.push(response.receipt.expect("a receipt")),
            Err(status) => break status,
        }
    };
    let code = portal::code(&refusal).unwrap_or_default();
    assert!(source::error_pages().contains_key(&code), "{}", portal::told(&refusal));
    assert!(
        portal::is_unknown(&refusal) || portal::is_overload(&refusal),
        "{}",
        portal::told(&refusal)
    );
    assert!(program.is_alive(), "a full disk does not end it");

    fs::remove_file(&ballast).expect("the ballast");
    let next = u32::try_from(receipts.len()).expect("few");
    for case in next..next + 5 {
        receipts.push(until_taken(&portal, case).await);
    }
    for receipt in &receipts {
        wait::until(&format!("{} to be delivered", receipt.message_id), SOON, || async {
            let status = portal.status(&receipt.message_id).await.ok()?;
            (status.state == "delivered").then_some(())
        })
        .await;
    }
    assert!(!program.log().contains("panicked"), "no panic");
    assert_eq!(receiver.effects().len(), receipts.len());
}

/// The program refuses to run, says `code`, and that has a page.
async fn refused(name: &str, configuration: &Configuration, code: &str) -> String {
    let (status, said) = Program::refuse(configuration, name).await;
    assert!(!status.success(), "{name}: exit {status}");
    assert!(!said.contains("panicked"), "{name}: a panic\n{said}");
    let codes = source::codes(&said);
    let found = codes.iter().find(|found| found.starts_with(code));
    let found = found.unwrap_or_else(|| panic!("{name}: no {code} in\n{said}"));
    assert!(source::error_pages().contains_key(found), "{name}: {found} has no page");
    said
}

async fn until_taken(portal: &Portal, case: u32) -> Receipt {
    wait::until("room again", SOON, || async {
        portal.submit(large(case)).await.ok().and_then(|response| response.receipt)
    })
    .await
}

fn small_disk(configuration: &Configuration, test: &str) -> Option<SmallDisk> {
    let disk = SmallDisk::new(&configuration.folder().join("disk"), DISK_BYTES);
    if disk.is_none() {
        machine::not_run(test, "no right to mount a small disk");
    }
    disk
}

/// A valid document of some size.
fn large(case: u32) -> Bytes {
    let document = Kfz::read().document(case, 0);
    let comment = format!("<!--{}-->", " ".repeat(DOCUMENT_BYTES));
    Bytes::from([document.trim_ascii_end(), comment.as_bytes()].concat())
}

fn database(folder: &Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of ours") {
            let path = entry.expect("an entry").path();
            let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if file.starts_with(name)
                && !file.ends_with("-wal")
                && !file.ends_with("-shm")
                && fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"SQLite"))
            {
                return path;
            }
        }
    }
    panic!("no database `{name}` below {}", folder.display());
}

fn with_noise(whole: &[u8]) -> Vec<u8> {
    let page = 16 << 10;
    let from = whole.len() / 2 / page * page;
    let mut bytes = whole.to_vec();
    bytes[from..from + page].fill(0x5a);
    bytes
}
