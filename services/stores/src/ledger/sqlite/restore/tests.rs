//! A backup is one moment of a ledger, and a restore is done or not.

use std::{fs, sync::Arc};

use super::super::{
    SqliteLedger,
    tests::{Folder, admission, commit, partition, spec},
};
use super::*;
use crate::ledger::{Ledger as _, conformance::fixtures::load};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// A ledger with so many messages, open.
async fn ledger(folder: &Folder, messages: i64) -> Arc<SqliteLedger> {
    let ledger = SqliteLedger::open(&folder.ledger()).unwrap();
    let loaded = load(&ledger, vec![spec("nordsachsen-kfz", "kfz")]).await;
    commit(&ledger, admission(1..messages + 1, Some(loaded.endpoints[0]))).await.unwrap();
    Arc::new(ledger)
}

async fn open_in(folder: &Folder) -> usize {
    let ledger = SqliteLedger::open(&folder.ledger()).unwrap();
    load(&ledger, vec![spec("nordsachsen-kfz", "kfz")]).await.open.len()
}

fn files(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.ledger().parent().unwrap()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_is_one_file_that_holds_what_is_committed_while_the_ledger_is_worked_on() {
    let folder = Folder::new();
    let working = ledger(&folder, 3).await;
    let to = folder.ledger().with_file_name("backup");
    let backup = SqliteLedger::back_up(&folder.ledger(), &to).unwrap();
    assert_eq!((&backup.ledger, backup.epoch), (&working.identity().id, 1));
    assert_eq!(backup.positions, [Position { partition: partition(), offset: 3 }]);
    assert_eq!(backup.bytes, fs::metadata(&to).unwrap().len());
    // It is worked on.
    let loaded = load(&*working, vec![spec("nordsachsen-kfz", "kfz")]).await;
    commit(&*working, admission(4..6, Some(loaded.endpoints[0]))).await.unwrap();
    let again = SqliteLedger::back_up(&folder.ledger(), &to).unwrap_err();
    assert_eq!(again.code(), "AB-2308", "no backup is written over");
    drop(working);

    let restored = SqliteLedger::restore(&to, &folder.ledger(), NOW).unwrap();
    assert_eq!((restored.uncertain, restored.epoch), (3, epoch_at(NOW)));
    let kept = restored.kept.unwrap();
    assert!(kept.to_str().unwrap().ends_with(".before-restore-1800000000"), "{kept:?}");
    assert_eq!(open_in(&folder).await, 3, "as it was then");
    fs::rename(kept, folder.ledger()).unwrap();
    assert_eq!(open_in(&folder).await, 5, "and what was there is whole");
}

#[tokio::test]
async fn what_is_no_backup_of_this_ledger_is_refused_and_changes_nothing() {
    let (folder, other) = (Folder::new(), Folder::new());
    drop(ledger(&folder, 3).await);
    drop(ledger(&other, 1).await);
    let backup = |name: &str| other.ledger().with_file_name(name);
    SqliteLedger::back_up(&other.ledger(), &backup("foreign")).unwrap();
    let mine = backup("mine");
    SqliteLedger::back_up(&folder.ledger(), &mine).unwrap();
    fs::write(backup("letter"), b"a letter to the county".repeat(100)).unwrap();
    let newer = backup("newer");
    fs::copy(&mine, &newer).unwrap();
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let damaged = backup("damaged");
    let mut bytes = fs::read(&mine).unwrap();
    let len = bytes.len();
    bytes[len / 2..].fill(0xA5);
    fs::write(&damaged, bytes).unwrap();

    let before = files(&folder);
    for (from, expected) in [
        (backup("nowhere"), "AB-2301"),
        (backup("letter"), "AB-2302"),
        (newer, "AB-2303"),
        (damaged, "AB-2304"),
        (backup("foreign"), "AB-2315"),
    ] {
        let failure = SqliteLedger::restore(&from, &folder.ledger(), NOW).unwrap_err();
        assert_eq!(failure.code(), expected, "{from:?}");
        assert_eq!(open_in(&folder).await, 3);
    }
    let left: Vec<String> =
        files(&folder).into_iter().filter(|file| !before.contains(file)).collect();
    assert_eq!(left, ["ledger.sqlite.part"], "of no use to anybody, and written over");
}

#[tokio::test]
async fn a_restore_that_is_cut_short_anywhere_is_not_taken_for_a_ledger() {
    let folder = Folder::new();
    drop(ledger(&folder, 3).await);
    let backup = folder.ledger().with_file_name("backup");
    SqliteLedger::back_up(&folder.ledger(), &backup).unwrap();
    let ready = beside(&folder.ledger(), READY);
    // Ready to be moved: what is there may be whole or not.
    fs::copy(&backup, &ready).unwrap();
    for is_moved in [false, true] {
        if is_moved {
            fs::rename(folder.ledger(), beside(&folder.ledger(), KEPT)).unwrap();
        }
        assert_eq!(SqliteLedger::open(&folder.ledger()).unwrap_err().code(), "AB-2309");
        let copied = SqliteLedger::back_up(&folder.ledger(), &beside(&backup, "2"));
        assert_eq!(copied.unwrap_err().code(), "AB-2309");
    }
    // Run again, it is done.
    let restored = SqliteLedger::restore(&backup, &folder.ledger(), NOW).unwrap();
    assert_eq!((restored.uncertain, restored.kept), (3, None));
    assert_eq!(open_in(&folder).await, 3);
    assert!(!ready.exists());
}

#[tokio::test]
async fn a_ledger_put_there_by_other_means_is_restored_in_its_place() {
    let folder = Folder::new();
    drop(ledger(&folder, 3).await);
    let first = SqliteLedger::restore(&folder.ledger(), &folder.ledger(), NOW).unwrap();
    let second = SqliteLedger::restore(&folder.ledger(), &folder.ledger(), NOW).unwrap();
    assert_eq!((first.uncertain, second.uncertain), (3, 3));
    assert!(first.epoch < second.epoch, "within a second, too");
    assert_ne!(first.kept, second.kept);
}
