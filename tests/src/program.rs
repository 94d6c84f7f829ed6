//! The real program as its users run it: one process with all roles, or three.

use std::{net::SocketAddr, process::ExitStatus, time::Duration};

use crate::{
    configuration::{Configuration, ROLES},
    process::{Process, STARTS_WITHIN, Wrapper},
};

/// All roles, running.
#[derive(Debug)]
pub struct Program {
    /// One, or one for each of [`ROLES`].
    processes: Vec<Process>,
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
        let configuration = configuration.clone();
        Self { processes: vec![gateway, dispatcher, console], configuration }
    }

    /// As [`Program::start`], in one process under something.
    pub async fn start_wrapped(
        configuration: &Configuration,
        wrapper: Wrapper,
        bound: Duration,
    ) -> Self {
        let process = Process::start(&[], &configuration.write(), wrapper, bound).await;
        Self { processes: vec![process], configuration: configuration.clone() }
    }

    /// Starts the program in one process, which must refuse to run, and gives what it said.
    pub async fn refuse(configuration: &Configuration, why: &str) -> (ExitStatus, String) {
        Process::refuse(&[], &configuration.write(), why).await
    }

    /// The process with this role.
    #[must_use]
    pub fn role(&self, role: &str) -> &Process {
        match self.processes.as_slice() {
            [all] => all,
            _ => &self.processes[place(role)],
        }
    }

    /// Kills one of three processes.
    pub async fn kill_role(&mut self, role: &str) {
        let place = place(role);
        self.processes.remove(place).kill().await;
        self.processes.insert(place, start_role(&self.configuration, role).await);
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

    /// How long the slowest process took to listen.
    #[must_use]
    pub fn started_within(&self) -> Duration {
        self.processes.iter().map(Process::started_within).max().unwrap_or_default()
    }

    /// Everything it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.processes.iter().map(Process::log).collect()
    }

    /// Kills it as a power cut would, but for the page cache.
    pub async fn kill(self) {
        for process in self.processes {
            process.kill().await;
        }
    }

    /// Asks it to end and waits. Of several ends, the worst.
    pub async fn end(self) -> ExitStatus {
        let mut worst = ExitStatus::default();
        for process in self.processes {
            let status = process.end().await;
            if worst.success() {
                worst = status;
            }
        }
        worst
    }

    /// Whether it runs still.
    pub fn is_alive(&mut self) -> bool {
        self.processes.iter_mut().all(Process::is_alive)
    }

    /// Bytes resident at most so far, of the largest process.
    #[must_use]
    pub fn memory_peak(&self) -> usize {
        self.processes.iter().map(Process::memory_peak).max().unwrap_or_default()
    }
}

async fn start_role(configuration: &Configuration, role: &str) -> Process {
    let file = configuration.write_role(role);
    Process::start(&[role], &file, Wrapper::default(), STARTS_WITHIN).await
}

fn place(role: &str) -> usize {
    ROLES.iter().position(|known| *known == role).expect("one of the roles")
}
