//! What this machine has, and what is said when it lacks something.

use std::{
    env,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// What fills a disk, and how often at most: 1 GiB.
const BALLAST_PIECE_BYTES: usize = 4 << 10;
const BALLAST_PIECES_MAX: usize = 1 << 18;

/// The folder of published samples, or a loud word that the test does not run.
#[must_use]
pub fn data(test: &str) -> Option<PathBuf> {
    let folder = env::var_os("AMTSBOTE_TEST_DATA")
        .map_or_else(|| crate::source::root().join("../shared/data"), PathBuf::from);
    if folder.join("SOURCES.md").exists() {
        return Some(folder);
    }
    not_run(test, &format!("no published samples at {}", folder.display()));
    None
}

/// Whether `program` can be started, or a loud word that the test does not run.
#[must_use]
pub fn has(program: &str, test: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        not_run(test, &format!("no {program}"));
    }
    is_there
}

/// Says that a test does not run here, where people and `tests/run` look.
///
/// # Panics
/// In a strict run, where nothing may be missing.
pub fn not_run(test: &str, why: &str) {
    eprintln!("!!! NOT RUN: {test}: {why}");
    if let Some(list) = env::var_os("AMTSBOTE_TEST_NOT_RUN") {
        let line = format!("{test}\t{why}\n");
        let file = OpenOptions::new().append(true).create(true).open(list);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the list can be written");
        return;
    }
    let is_set = |name| env::var(name).is_ok_and(|value| value == "true");
    assert!(!is_set("CI") && !is_set("AMTSBOTE_TEST_STRICT"), "{test} must run: {why}");
}

/// A folder of its own size, gone at the end.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// A disk of `bytes`, or nothing where this machine does not let us make one.
    #[must_use]
    pub fn new(folder: &Path, bytes: usize) -> Option<Self> {
        std::fs::create_dir_all(folder).ok()?;
        let options = format!("size={bytes}");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "amtsbote-test"])
            .arg(folder)
            .output()
            .ok()?
            .status;
        status.success().then(|| Self(folder.to_owned()))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Takes all the room that is left, and gives the file that does.
    ///
    /// # Panics
    /// When it has more room than a disk that was made here.
    #[must_use]
    pub fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = std::fs::File::create(&path).expect("a file on a disk of ours");
        for _ in 0..BALLAST_PIECES_MAX {
            if file.write_all(&[0; BALLAST_PIECE_BYTES]).is_err() {
                return path;
            }
        }
        panic!("{} has no end", self.0.display());
    }

    /// Makes it read-only.
    pub fn freeze(&self) {
        self.remount("remount,ro");
    }

    /// Lets it be written again.
    pub fn thaw(&self) {
        self.remount("remount,rw");
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", how]).arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "remount {}", self.0.display());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program that was killed a moment ago may still hold a file.
        let ended = Command::new("umount").arg("-l").arg(&self.0).status();
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("could not unmount {}", self.0.display());
        }
    }
}
