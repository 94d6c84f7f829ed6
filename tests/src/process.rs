//! The real program as a process: started, killed, asked to end, and looked at from outside.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::Instant,
};

pub use crate::program::Program;
use crate::wait;

/// How long a start may take before a test gives up.
pub const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// How long an orderly end may take.
pub const ENDS_WITHIN: Duration = Duration::from_secs(30);
/// How much of a log a failure shows.
const LOG_LINES_SHOWN: usize = 40;

/// One process of `amtsbote run`.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Of the program itself, also where something wraps it.
    process: u32,
    addresses: BTreeMap<String, SocketAddr>,
    log: PathBuf,
    started_within: Duration,
}

/// Something to run the program under, e.g. a tracer.
#[derive(Clone, Debug, Default)]
pub struct Wrapper {
    words: Vec<String>,
    variables: Vec<(String, String)>,
    folder: Option<PathBuf>,
}

impl Wrapper {
    /// A program and its first arguments.
    #[must_use]
    pub fn new(program: &str, arguments: &[&str]) -> Self {
        let words = std::iter::once(&program).chain(arguments).map(|&word| word.to_owned());
        Self { words: words.collect(), ..Self::default() }
    }

    /// With a path as a further argument.
    #[must_use]
    pub fn with_argument(mut self, path: &Path) -> Self {
        self.words.push(path.display().to_string());
        self
    }

    /// With logs in this folder, instead of beside the configuration.
    #[must_use]
    pub fn with_logs_in(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Where the program lies: beside the folder of this test's own executable.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a process has an executable");
    let folder = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = folder.join("amtsbote");
    assert!(
        binary.exists(),
        "{} is missing: run the suite by tests/run, or first\n  \
         cargo build --workspace --bins --tests --features amtsbote/test-switches",
        binary.display()
    );
    binary
}

/// Runs a command of the program to its end.
pub async fn run(arguments: &[&str], folder: &Path, bound: Duration) -> std::process::Output {
    let output = Command::new(binary())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(bound, output)
        .await
        .unwrap_or_else(|_| panic!("amtsbote {arguments:?} does not end"))
        .expect("the program can be started")
}

impl Process {
    /// Starts `amtsbote run ROLES` with the file, and waits until it listens.
    pub async fn start(roles: &[&str], file: &Path, wrapper: Wrapper, bound: Duration) -> Self {
        let begun = Instant::now();
        let is_wrapped = !wrapper.words.is_empty();
        let (mut child, log) = spawn(roles, file, wrapper);
        let listening = format!("the program to listen, see {}", log.display());
        let ready = wait::until(&listening, bound, || {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                panic!("the program ended with {status}:\n{}", last_lines(&log));
            }
            let addresses = addresses(&log);
            async move { addresses }
        });
        let addresses = ready.await;
        let own = child.id().expect("it runs");
        let process = if is_wrapped { child_of(own).unwrap_or(own) } else { own };
        Self { child, process, addresses, log, started_within: begun.elapsed() }
    }

    /// Starts it; it must refuse to run. Gives what it said.
    pub async fn refuse(roles: &[&str], file: &Path, why: &str) -> (ExitStatus, String) {
        let (mut child, log) = spawn(roles, file, Wrapper::default());
        let status = tokio::time::timeout(STARTS_WITHIN, child.wait())
            .await
            .unwrap_or_else(|_| panic!("the program runs in spite of {why}:\n{}", last_lines(&log)))
            .expect("a child of ours");
        (status, fs::read_to_string(&log).unwrap_or_default())
    }

    /// Where it listens: `gateway`, `console` or `operations`.
    #[must_use]
    pub fn address(&self, name: &str) -> SocketAddr {
        *self.addresses.get(name).unwrap_or_else(|| panic!("no {name} among {:?}", self.addresses))
    }

    /// Everything it said that it listens on.
    #[must_use]
    pub fn listening(&self) -> Vec<&str> {
        self.addresses.keys().map(String::as_str).collect()
    }

    /// Its number.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    /// How long it took to listen.
    #[must_use]
    pub fn started_within(&self) -> Duration {
        self.started_within
    }

    /// Everything it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as a power cut would, but for the page cache.
    pub async fn kill(mut self) {
        self.child.start_kill().expect("it runs");
        self.child.wait().await.expect("a child of ours");
    }

    /// Asks it to end and waits.
    pub async fn end(mut self) -> ExitStatus {
        self.ask_to_end().await;
        self.until_ended(ENDS_WITHIN).await
    }

    /// Asks it to end.
    pub async fn ask_to_end(&self) {
        signal(self.process, "TERM").await;
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Asks it to read its standards anew.
    pub async fn hang_up(&self) {
        signal(self.process, "HUP").await;
    }

    /// Lets it stand still, as a host does that has no time for it.
    pub async fn stand_still(&self) {
        signal(self.process, "STOP").await;
    }

    /// Lets it go on after it stood still.
    pub async fn go_on(&self) {
        signal(self.process, "CONT").await;
    }

    /// Waits until it ends by itself, and gives how.
    pub async fn until_ended(&mut self, bound: Duration) -> ExitStatus {
        let ended = tokio::time::timeout(bound, self.child.wait()).await;
        let late = |_| panic!("it does not end within {bound:?}:\n{}", last_lines(&self.log));
        ended.unwrap_or_else(late).expect("a child of ours")
    }

    /// Whether it runs still.
    pub fn is_alive(&mut self) -> bool {
        self.ended().is_none()
    }

    /// Time its threads have worked so far.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process)).unwrap_or_default();
        // The name in brackets may hold anything; what follows it are numbers.
        let numbers = stat.rsplit(')').next().unwrap_or_default();
        let ticks =
            numbers.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok());
        // A hundredth of a second each, wherever Linux runs.
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Bytes resident at most so far.
    #[must_use]
    pub fn memory_peak(&self) -> usize {
        self.memory("VmHWM:")
    }

    /// Bytes resident now.
    #[must_use]
    pub fn memory_now(&self) -> usize {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> usize {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let kib: usize =
            line.trim().trim_end_matches("kB").trim().parse().unwrap_or(usize::MAX / 1024);
        kib * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}\n{}\n---", self.log.display(), last_lines(&self.log));
        }
    }
}

fn spawn(roles: &[&str], file: &Path, wrapper: Wrapper) -> (Child, PathBuf) {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let beside = || file.parent().expect("a file lies in a folder").to_owned();
    let folder = wrapper.folder.unwrap_or_else(beside);
    let log = folder.join(format!("log-{}", RUNS.fetch_add(1, Ordering::Relaxed)));
    let output = File::create(&log).expect("a file in a folder of ours");
    let words: Vec<String> = wrapper
        .words
        .into_iter()
        .chain([binary().display().to_string(), "run".to_owned(), "--json".to_owned()])
        .chain(roles.iter().map(|&role| role.to_owned()))
        .chain(["--config".to_owned(), file.display().to_string()])
        .collect();
    let (program, arguments) = words.split_first().expect("at least the program");
    let child = Command::new(program)
        .args(arguments)
        .envs(wrapper.variables)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a second handle"))
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .expect("the program can be started");
    (child, log)
}

/// The addresses the program says it listens on.
fn addresses(log: &Path) -> Option<BTreeMap<String, SocketAddr>> {
    let text = fs::read_to_string(log).ok()?;
    let line = text.lines().find(|line| line.starts_with("{\"ready\""))?;
    let said: serde_json::Value = serde_json::from_str(line).ok()?;
    let parsed = |(name, address): (&String, &serde_json::Value)| {
        Some((name.clone(), address.as_str()?.parse().ok()?))
    };
    said["ready"].as_object()?.iter().map(parsed).collect()
}

async fn signal(process: u32, name: &str) {
    let status =
        Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status().await;
    assert!(status.is_ok_and(|status| status.success()), "signal {name} to {process}");
}

fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES_SHOWN);
    lines.get(from..).unwrap_or_default().join("\n")
}
