//! A sick disk: a tracer takes hold of a running process, and from then on the kernel's answers about some of
//! its files are what a full, read-only, failing or slow disk gives; until it lets go.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};

use crate::wait;

/// How long the tracer may take to get hold of every thread, or to let go.
const HELD_WITHIN: Duration = Duration::from_secs(30);
/// What SQLite and plain files change a disk by.
const CHANGES: &str = "write,pwrite64,writev,pwritev,fallocate,ftruncate";
/// What makes it durable.
const SYNCS: &str = "fsync,fdatasync";

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disease {
    /// No room.
    Full,
    /// Turned read-only by the kernel, as it does with file systems that are damaged.
    ReadOnly,
    /// What was written cannot be synced.
    Unsynced,
    /// Each sync takes so much longer.
    Slow(Duration),
}

/// One disease of one process, until it is cured. Dropped, the tracer is killed, and with that lets go too.
#[derive(Debug)]
pub struct Ailment {
    tracer: Child,
    trace: PathBuf,
}

impl Ailment {
    /// Lets the files of `process` whose paths are given suffer from `disease`. `folder` keeps what is seen.
    ///
    /// # Panics
    /// When the tracer cannot take hold of the process.
    pub async fn befall(process: u32, files: &[PathBuf], disease: Disease, folder: &Path) -> Self {
        let (calls, symptom) = match disease {
            Disease::Full => (CHANGES, "error=ENOSPC".to_owned()),
            Disease::ReadOnly => (CHANGES, "error=EROFS".to_owned()),
            Disease::Unsynced => (SYNCS, "error=EIO".to_owned()),
            Disease::Slow(more) => (SYNCS, format!("delay_exit={}", more.as_micros())),
        };
        let trace = folder.join("ailment");
        let said = folder.join("ailment-log");
        let log = fs::File::create(&said).expect("a file in a folder of ours");
        let mut tracer = Command::new("strace");
        tracer.args(["-f", "-p", &process.to_string(), "-e", &format!("trace={calls}")]);
        tracer.args(["-e", &format!("inject={calls}:{symptom}"), "-o"]).arg(&trace);
        for file in files {
            tracer.arg("-P").arg(file);
        }
        let tracer = tracer.stdin(Stdio::null()).stderr(log).kill_on_drop(true).spawn();
        let tracer = tracer.expect("strace can be started");
        wait::until("the tracer to take hold", HELD_WITHIN, || async {
            fs::read_to_string(&said).ok()?.contains("attached").then_some(())
        })
        .await;
        Self { tracer, trace }
    }

    /// How many calls were answered so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        let seen = fs::read(&self.trace).unwrap_or_default();
        String::from_utf8_lossy(&seen).matches("(INJECTED)").count()
            + String::from_utf8_lossy(&seen).matches("(DELAYED)").count()
    }

    /// Lets go; the disk is well again.
    ///
    /// # Panics
    /// When nothing was ever answered: then nothing was shown.
    pub async fn cure(mut self) {
        let answered = self.answered();
        let tracer = self.tracer.id().expect("it runs").to_string();
        let told = Command::new("kill").args(["-INT", &tracer]).status().await;
        assert!(told.is_ok_and(|status| status.success()), "the tracer is told to let go");
        let ended = tokio::time::timeout(HELD_WITHIN, self.tracer.wait()).await;
        ended.expect("the tracer lets go in time").expect("a child of ours");
        assert!(0 < answered, "the disk was never asked while it was sick");
    }
}
