//! Durability as the kernel saw it: no receipt leaves before the sync that covers it. `kill -9` could
//! not show this, for it keeps the page cache.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path, time::Duration};

use tests::{
    configuration::Configuration,
    documents::Kfz,
    machine,
    portal::Portal,
    process::{Program, Wrapper},
    syscalls::{self, Verdict},
};
use tokio::task::JoinSet;
use wire::intake::Receipt;

const ONE_AFTER_THE_OTHER: u32 = 20;
const AT_ONCE: u32 = 100;
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// What is recorded: enough of each call to find an id in a page of SQLite.
const STRACE: &[&str] = &[
    "-f",
    "-yy",
    "-s",
    "17000",
    "-e",
    "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg",
    "-o",
];

#[tokio::test]
async fn no_receipt_leaves_before_the_sync_that_covers_it() {
    if !machine::has("strace", "no receipt leaves before the sync that covers it") {
        return;
    }
    let verdicts = receipts_under_strace(&[]).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Safe), "{verdicts:?}");
}

/// The test above can fail: the same program with syncing switched off is caught at every receipt.
#[tokio::test]
async fn a_program_that_does_not_sync_is_caught() {
    if !machine::has("strace", "a program that does not sync is caught") {
        return;
    }
    let verdicts = receipts_under_strace(&[("AMTSBOTE_TEST_SYNCHRONOUS", "off")]).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Early), "{verdicts:?}");
}

#[test]
fn the_judge_knows_early_from_late() {
    let id = "3f2504e0-4f89-51d3-9a0c-0305e82c3301";
    let write = format!("1 pwrite64(9</d/channel.db-wal>, \"..{id}..\", 4096, 24) = 4096");
    let sync = "1 fdatasync(9</d/channel.db-wal>) = 0".to_owned();
    let begun = "1 fdatasync(9</d/channel.db-wal> <unfinished ...>".to_owned();
    let done = "1 <... fdatasync resumed>) = 0".to_owned();
    let other = "1 fdatasync(8</d/ledger.db-wal>) = 0".to_owned();
    let failed = "1 fdatasync(9</d/channel.db-wal>) = -1 EIO (Input/output error)".to_owned();
    let answer = format!("2 writev(7<TCP:[127.0.0.1:70->127.0.0.1:9]>, [{{\"{id}\"}}], 1) = 90");
    let elsewhere = format!("2 writev(7<TCP:[127.0.0.1:71->127.0.0.1:9]>, [{{\"{id}\"}}], 1) = 90");
    for (lines, expected) in [
        (vec![&write, &sync, &answer], Verdict::Safe),
        (vec![&write, &begun, &done, &answer], Verdict::Safe),
        (vec![&write, &begun, &answer, &done], Verdict::Early),
        (vec![&begun, &write, &done, &answer], Verdict::Early),
        (vec![&write, &other, &answer], Verdict::Early),
        (vec![&write, &failed, &answer], Verdict::Early),
        (vec![&write, &answer, &sync], Verdict::Early),
        (vec![&sync, &write, &answer], Verdict::Early),
        (vec![&sync, &answer], Verdict::NotStored),
        (vec![&write, &sync, &elsewhere], Verdict::NotSent),
    ] {
        let trace = lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n");
        let calls = syscalls::read(&trace);
        let words = vec!["another word".to_owned(), id.to_owned()];
        let verdicts = syscalls::judge(&calls, &[words], 70, |path| path.contains("channel"));
        assert_eq!(verdicts, [expected], "{trace}");
    }
}

/// Starts the program under strace, takes receipts, and judges each of them.
async fn receipts_under_strace(environment: &[(&str, &str)]) -> Vec<Verdict> {
    let configuration = Configuration::new().with_standard_route("kfz");
    let folder = configuration.folder();
    let trace = folder.join("trace");
    let mut wrapper = Wrapper::new("strace", STRACE).with_argument(&trace);
    for (name, value) in environment {
        wrapper = wrapper.with_variable(name, value);
    }
    let program = Program::start_wrapped(&configuration, wrapper, STARTS_WITHIN).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();

    let mut receipts = Vec::new();
    for number in 0..ONE_AFTER_THE_OTHER {
        receipts.push(portal.receipt(kfz.document(number, 0)).await);
    }
    let mut submitting: JoinSet<Receipt> = JoinSet::new();
    for number in 0..AT_ONCE {
        let (portal, document) = (portal.clone(), kfz.document(1_000 + number, 0));
        submitting.spawn(async move { portal.receipt(document).await });
    }
    receipts.extend(submitting.join_all().await);
    let port = program.gateway().port();
    program.end().await;

    assert_eq!(receipts.len(), (ONE_AFTER_THE_OTHER + AT_ONCE) as usize, "every one was given");
    let words = |receipt: Receipt| vec![receipt.message_id, receipt.own_id, receipt.sha256];
    let words: Vec<Vec<String>> = receipts.into_iter().map(words).collect();
    let trace = fs::read(&trace).expect("strace wrote its file");
    let calls = syscalls::read(&String::from_utf8_lossy(&trace));
    syscalls::judge(&calls, &words, port, is_channel_file)
}

fn is_channel_file(path: &str) -> bool {
    let name = Path::new(path).file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("channel"))
}
