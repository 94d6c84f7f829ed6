//! The real program as its users run it: one process with all roles, or three.

use std::{collections::BTreeMap, net::SocketAddr, process::ExitStatus, time::Duration};

use crate::{
    configuration::{Configuration, ROLES},
    process::{Process, STARTS_WITHIN, Wrapper},
};

/// Instead of a role's name.
const ALL: &str = "all";

/// All roles, running.
#[derive(Debug)]
pub struct Program {
    /// By role, or one for all.
    processes: BTreeMap<&'static str, Process>,
    // Keeps the folder.
    configuration: Configuration,
}

impl Program {
    /// Starts the program and waits until it listens: in three processes where the configuration says
    /// so.
    pub async fn start(configuration: &Configuration) -> Self {
        if !configuration.is_apart() {
            return Self::start_wrapped(configuration, Wrapper::default(), STARTS_WITHIN).await;
        }
        let [gateway, dispatcher, console] = ROLES;
        let (gateway, dispatcher, console) = tokio::join!(
            start_role(configuration, gateway),
            start_role(configuration, dispatcher),
            start_role(configuration, console),
        );
        let processes = ROLES.into_iter().zip([gateway, dispatcher, console]).collect();
        Self { processes, configuration: configuration.clone() }
    }

    /// As [`Program::start`], in one process under something.
    pub async fn start_wrapped(
        configuration: &Configuration,
        wrapper: Wrapper,
        bound: Duration,
    ) -> Self {
        let process = Process::start(&[], &configuration.write(), wrapper, bound).await;
        let processes = BTreeMap::from([(ALL, process)]);
        Self { processes, configuration: configuration.clone() }
    }

    /// Starts the program in one process, which must refuse to run, and gives what it said.
    pub async fn refuse(configuration: &Configuration, why: &str) -> (ExitStatus, String) {
        Process::refuse(&[], &configuration.write(), why).await
    }

    /// The process with this role.
    #[must_use]
    pub fn role(&self, role: &str) -> &Process {
        let process = self.processes.get(role).or_else(|| self.processes.get(ALL));
        process.unwrap_or_else(|| panic!("the {role} runs"))
    }

    /// Takes one of three processes out of the program.
    pub fn take_role(&mut self, role: &str) -> Process {
        self.processes.remove(role).unwrap_or_else(|| panic!("the {role} runs"))
    }

    /// Kills one of three processes, as a power cut would.
    pub async fn kill_role(&mut self, role: &str) {
        self.take_role(role).kill().await;
    }

    /// Starts it again, at the address it had.
    pub async fn start_role(&mut self, role: &'static str) {
        self.processes.insert(role, start_role(&self.configuration, role).await);
    }

    /// Where portals push.
    #[must_use]
    pub fn gateway(&self) -> SocketAddr {
        self.role("gateway").address("gateway")
    }

    /// Where operators look.
    #[must_use]
    pub fn console(&self) -> SocketAddr {
        self.role("console").address("console")
    }

    /// The number of the one process, or of the gateway's.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.role("gateway").process()
    }

    /// How long the slowest process took to listen.
    #[must_use]
    pub fn started_within(&self) -> Duration {
        self.processes.values().map(Process::started_within).max().unwrap_or_default()
    }

    /// Everything it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.processes.values().map(Process::log).collect()
    }

    /// Kills it as a power cut would, but for the page cache.
    pub async fn kill(self) {
        for process in self.processes.into_values() {
            process.kill().await;
        }
    }

    /// Asks it to end and waits. Of several ends, the worst.
    pub async fn end(self) -> ExitStatus {
        let mut worst = ExitStatus::default();
        for process in self.processes.into_values() {
            let status = process.end().await;
            if worst.success() {
                worst = status;
            }
        }
        worst
    }

    /// Asks each process to end.
    pub async fn ask_to_end(&self) {
        for process in self.processes.values() {
            process.ask_to_end().await;
        }
    }

    /// How it ended, once every process has: of several ends, the worst.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ends: Option<Vec<ExitStatus>> =
            self.processes.values_mut().map(Process::ended).collect();
        let ends = ends?;
        let worst = ends.iter().find(|status| !status.success()).or(ends.first());
        worst.copied()
    }

    /// Whether it runs still.
    pub fn is_alive(&mut self) -> bool {
        self.processes.values_mut().all(Process::is_alive)
    }

    /// Time the threads of all its processes have worked so far.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        self.processes.values().map(Process::processor_time).sum()
    }

    /// Bytes resident at most so far, of the largest process.
    #[must_use]
    pub fn memory_peak(&self) -> usize {
        self.processes.values().map(Process::memory_peak).max().unwrap_or_default()
    }
}

async fn start_role(configuration: &Configuration, role: &str) -> Process {
    let file = configuration.write_role(role);
    Process::start(&[role], &file, Wrapper::default(), STARTS_WITHIN).await
}
