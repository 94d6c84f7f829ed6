//! Real Kafka brokers beside a test, gone with it.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use crate::{machine, source};

/// One broker, on a log of its own.
#[derive(Debug)]
pub struct Broker {
    // Its input is the thread it hangs by: the script ends when this process does, however it does.
    child: Child,
    address: String,
    internal: String,
    folder: PathBuf,
    options: Vec<String>,
}

/// Three brokers as one cluster; one that is killed comes back by itself.
#[derive(Debug)]
pub struct Cluster {
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
        Self::start_with(test, &[])
    }

    /// As [`Broker::start`], with further options of `deploy/kafka/start`.
    ///
    /// # Panics
    /// As [`Broker::start`].
    #[must_use]
    pub fn start_with(test: &str, options: &[&str]) -> Option<Self> {
        if !is_installed(test) {
            return None;
        }
        let folder = new_folder();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let (child, [address, internal]) = spawn(&folder, &options, &[]);
        Some(Self { child, address, internal, folder, options })
    }

    /// The one broker of all tests of a suite that leave it alone; its log goes with the suite.
    ///
    /// # Panics
    /// As [`Broker::start`].
    #[must_use]
    pub fn shared(test: &str) -> Option<&'static Self> {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        if !is_installed(test) {
            return None;
        }
        // Nothing drops it: the script removes a folder of its own when the process has ended.
        Some(SHARED.get_or_init(|| {
            let (child, [address, internal]) = spawn_in(None, &[], &[]);
            Self { child, address, internal, folder: PathBuf::new(), options: Vec::new() }
        }))
    }

    /// `host:port` for clients.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where its log and its certificates lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs one of Kafka's own tools with all rights.
    ///
    /// # Panics
    /// When it fails.
    pub fn tool(&self, name: &str, arguments: &[&str]) {
        let output = Command::new(source::root().join("deploy/kafka/tool"))
            .args([name, "--bootstrap-server", &self.internal])
            .args(arguments)
            .output()
            .expect("bash is there");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !said.contains("Error while"), "{name}: {output:?}");
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
        kill(&self.folder);
        // The script sees it within a second, and ends too.
        self.child.wait().expect("a child of ours");
    }

    /// Starts it again where it was, on what it had.
    ///
    /// # Panics
    /// When it does not start.
    pub fn go_on(&mut self) {
        let port = self.address.rsplit(':').next().unwrap_or_default().to_owned();
        let (child, [address, internal]) = spawn(&self.folder, &self.options, &["--port", &port]);
        (self.child, self.address, self.internal) = (child, address, internal);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
        remove(&self.folder);
    }
}

impl Cluster {
    /// Starts it, or says loudly that `test` does not run here.
    ///
    /// # Panics
    /// When all is there and it does not start.
    #[must_use]
    pub fn start(test: &str) -> Option<Self> {
        if !is_installed(test) {
            return None;
        }
        let folder = new_folder();
        let mut command = Command::new(source::root().join("deploy/kafka/cluster"));
        command.arg("--until-stdin-ends").arg("--data").arg(&folder);
        let (child, [address]) = said(command, ["bootstrap"]);
        Some(Self { child, address, folder })
    }

    /// `host:port`, several with commas.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends broker `node`, from 1 to 3, in the middle of whatever it does.
    ///
    /// # Panics
    /// When it is not there to be killed.
    pub fn kill(&self, node: i32) {
        kill(&self.folder.join(node.to_string()));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("a child of ours");
        remove(&self.folder);
    }
}

fn is_installed(test: &str) -> bool {
    let script = source::root().join("deploy/kafka/start");
    let installed = Command::new(&script).arg("--install").output().expect("bash is there");
    if !installed.status.success() {
        let why = String::from_utf8_lossy(&installed.stderr);
        machine::not_run(test, why.lines().last().unwrap_or("no Apache Kafka"));
    }
    installed.status.success()
}

fn new_folder() -> PathBuf {
    std::env::temp_dir().join(format!("amtsbote-kafka-{}", uuid::Uuid::new_v4()))
}

fn remove(folder: &Path) {
    if std::thread::panicking() {
        eprintln!("left for a look: {}", folder.display());
    } else if let Err(error) = std::fs::remove_dir_all(folder) {
        eprintln!("could not remove {}: {error}", folder.display());
    }
}

fn kill(folder: &Path) {
    let pid = std::fs::read_to_string(folder.join("broker.pid")).expect("it runs");
    let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
    assert!(killed.expect("kill is there").success(), "no process {pid}");
}

fn spawn(folder: &Path, options: &[String], more: &[&str]) -> (Child, [String; 2]) {
    spawn_in(Some(folder), options, more)
}

fn spawn_in(folder: Option<&Path>, options: &[String], more: &[&str]) -> (Child, [String; 2]) {
    let mut command = Command::new(source::root().join("deploy/kafka/start"));
    command.arg("--until-stdin-ends").args(options).args(more);
    if let Some(folder) = folder {
        command.arg("--data").arg(folder);
    }
    said(command, ["bootstrap", "internal"])
}

/// Starts a script and waits for the lines it says once its brokers answer.
fn said<const N: usize>(mut command: Command, names: [&str; N]) -> (Child, [String; N]) {
    // Most of them live for seconds: the JVM's first compiler is enough.
    command.env("AMTSBOTE_KAFKA_TIER", "1");
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.expect("bash is there");
    let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
    let values = names.map(|name| {
        let mut line = String::new();
        output.read_line(&mut line).expect("a line for each name");
        let value = line.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name}: no broker that answers")).to_owned()
    });
    (child, values)
}
