//! A real Kafka broker beside a test, gone with it.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{machine, source};

/// One broker, on a log of its own.
#[derive(Debug)]
pub struct Broker {
    // Its input is the thread it hangs by: the script ends when this process does, however it does.
    child: Child,
    address: String,
    folder: PathBuf,
}

impl Broker {
    /// Starts it, or says loudly that `test` does not run here.
    ///
    /// # Panics
    /// When all is there and it does not start.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        let script = source::root().join("deploy/kafka/start");
        let installed = Command::new(&script).arg("--install").output().expect("bash is there");
        if !installed.status.success() {
            let why = String::from_utf8_lossy(&installed.stderr);
            machine::not_run(test, why.lines().last().unwrap_or("no Apache Kafka"));
            return None;
        }
        let folder = std::env::temp_dir().join(format!("amtsbote-kafka-{}", uuid::Uuid::new_v4()));
        let (child, address) = spawn(&folder, &[]);
        Some(Self { child, address, folder })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends it, orderly; its log stays.
    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("a child of ours");
    }

    /// Ends it in the middle of whatever it does; its log stays.
    ///
    /// # Panics
    /// When it is not there to be killed.
    pub fn kill(&mut self) {
        let pid = std::fs::read_to_string(self.folder.join("broker.pid")).expect("it runs");
        let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
        assert!(killed.expect("kill is there").success(), "no process {pid}");
        // The script sees it within a second, and ends too.
        self.child.wait().expect("a child of ours");
    }

    /// Starts it again where it was, on what it had.
    ///
    /// # Panics
    /// When it does not start.
    pub fn go_on(&mut self) {
        let port = self.address.rsplit(':').next().unwrap_or_default().to_owned();
        (self.child, self.address) = spawn(&self.folder, &["--port", &port]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("left for a look: {}", self.folder.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("could not remove {}: {error}", self.folder.display());
        }
    }
}

fn spawn(folder: &Path, more: &[&str]) -> (Child, String) {
    let mut child = Command::new(source::root().join("deploy/kafka/start"))
        .arg("--until-stdin-ends")
        .arg("--data")
        .arg(folder)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash is there");
    let output = child.stdout.take().expect("it was asked for");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("its one line");
    let address = line.trim().strip_prefix("bootstrap=").map(str::to_owned);
    (child, address.expect("a broker that answers"))
}
