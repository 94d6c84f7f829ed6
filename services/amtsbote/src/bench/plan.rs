//! What a run is to be: the command's arguments, checked before anything is sent.

use std::{net::SocketAddr, time::Duration};

use url::{Host, Url};
use uuid::Uuid;

use super::{
    book::Witness, mill::Mill, names::Names, pace::Schedule, template::Template, trouble::Trouble,
};
use crate::{
    cli::{Bench, Server},
    codes,
    exit::Stop,
    files,
};

/// Warm-up and measurement together: nobody forgets a load for longer.
const LENGTH_MAX: Duration = Duration::from_secs(3_600);
/// Shortest measurement that says anything.
const DURATION_MIN: Duration = Duration::from_millis(500);
/// Wait at the end.
const DRAIN: Duration = Duration::from_secs(60);
/// Longest wait at the end.
const DRAIN_MAX: Duration = Duration::from_secs(600);
/// Longest wait for a backlog, and the wait unless less is wanted.
const BACKLOG_DRAIN_MAX: Duration = Duration::from_secs(3_600);
/// Authorities among which cases are shared.
const AUTHORITIES_MAX: usize = 256;

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) server: Server,
    pub(super) rate: Option<f64>,
    pub(super) warmup: Duration,
    pub(super) duration: Duration,
    pub(super) drain: Duration,
    pub(super) connections: u16,
    pub(super) in_flight: u16,
    pub(super) cases: u32,
    pub(super) seed: u64,
    pub(super) witness: Witness,
    pub(super) receiver: Option<SocketAddr>,
    /// The file they come from; `None`: they are generated.
    pub(super) document: Option<String>,
    /// So many messages while the receiver is away; then nothing is measured but how they go.
    pub(super) backlog: Option<u32>,
    pub(super) poison_percent: f64,
    /// How many departmental systems there are, and how many of them are away.
    pub(super) systems: (u32, u32),
}

impl Plan {
    /// What is asked for, or why it is not to be had.
    pub(super) fn new(args: &Bench) -> Result<Self, Stop> {
        if !args.i_may_load_this_system && !is_here(&args.server.to) {
            let what = format!(
                "`{}` is not on this machine; if the system is there to be loaded, say \
                 --i-may-load-this-system",
                args.server.to
            );
            return Err(Stop::usage(codes::LOAD_FORBIDDEN, what));
        }
        let wrong = |what: String| Err(Stop::usage(codes::LOAD_WRONG, what));
        if args.duration < DURATION_MIN {
            return wrong("`--duration` is at least 0.5 s".to_owned());
        }
        if LENGTH_MAX < args.warmup.saturating_add(args.duration) {
            return wrong("`--warmup` and `--duration` together are at most 3600 s".to_owned());
        }
        let (drain, drain_max) = match args.backlog {
            None => (DRAIN, DRAIN_MAX),
            Some(_) => (BACKLOG_DRAIN_MAX, BACKLOG_DRAIN_MAX),
        };
        let drain = args.drain.unwrap_or(drain);
        if drain_max < drain {
            return wrong(format!("`--drain` is at most {} s", drain_max.as_secs()));
        }
        let systems = systems(args);
        if systems.0 <= systems.1 {
            let what =
                format!("`--dead {}`: of {} systems one must be there", systems.1, systems.0);
            return wrong(what);
        }
        if let Some(address) = args.receiver.filter(|address| !address.ip().is_loopback()) {
            return wrong(format!("`--receiver {address}`: only on this machine, e.g. 127.0.0.1"));
        }
        let witness = match (args.receiver, args.receipts_only) {
            (Some(_), _) => Witness::Receiver,
            (None, true) => Witness::Nobody,
            (None, false) => Witness::Status,
        };
        Ok(Self {
            server: args.server.clone(),
            rate: args.rate,
            warmup: args.warmup,
            duration: args.duration,
            drain,
            connections: args.connections,
            in_flight: args.in_flight,
            cases: args.cases,
            seed: args.seed,
            witness,
            receiver: args.receiver,
            document: args.document.as_ref().map(|file| file.display().to_string()),
            backlog: args.backlog,
            poison_percent: args.poison.unwrap_or_default(),
            systems,
        })
    }

    /// From the first message to the last.
    pub(super) fn length(&self) -> Duration {
        self.warmup + self.duration
    }

    /// When messages are due.
    pub(super) fn schedule(&self) -> Schedule {
        Schedule { rate: self.rate, length: self.length(), count: self.backlog }
    }

    /// What the receiver does not take.
    pub(super) fn trouble(&self) -> Trouble {
        Trouble::new((self.seed, self.cases), self.poison_percent, self.systems)
    }
}

/// Prepares the documents.
pub(super) fn mill(args: &Bench) -> Result<Mill, Stop> {
    let names = Names::new(Uuid::new_v4());
    let (seed, cases) = (args.seed, args.cases);
    let wrong = |what: String| Stop::usage(codes::LOAD_WRONG, what);
    let Some(file) = &args.document else {
        if let Some(count) = args.endpoints {
            let authorities: Vec<_> = (1..=count).map(authority).collect();
            return Ok(Mill::generated(&authorities, args.test, seed, cases, names));
        }
        if let Some(odd) = args.authorities.iter().find(|name| !is_authority(name)) {
            return Err(wrong(format!("`{odd}` is no authority; write e.g. svb:14730000")));
        }
        if AUTHORITIES_MAX < args.authorities.len() {
            return Err(wrong(format!("at most {AUTHORITIES_MAX} authorities")));
        }
        return Ok(Mill::generated(&args.authorities, args.test, seed, cases, names));
    };
    let template = Template::new(&files::read(file)?)
        .map_err(|what| wrong(format!("`{}`: {what}", file.display())))?;
    if template.len() == 0 {
        return Err(wrong(format!("`{}` is empty", file.display())));
    }
    Ok(Mill::of_template(template, seed, cases, names))
}

/// The authority of the endpoint with this number, from 1: none is the beginning of another.
pub(super) fn authority(number: u16) -> String {
    format!("svb:9900{number:04}")
}

/// How many authorities there are, and of how many the system is away.
fn systems(args: &Bench) -> (u32, u32) {
    let count = match args.endpoints {
        Some(count) => u32::from(count),
        None if args.document.is_some() => 1,
        None => u32::try_from(args.authorities.len()).unwrap_or(u32::MAX),
    };
    (count, u32::from(args.dead.unwrap_or_default()))
}

/// As the schema of generated documents wants it.
fn is_authority(name: &str) -> bool {
    name.split_once(':').is_some_and(|(prefix, key)| {
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        (2..=6).contains(&prefix.len())
            && prefix.chars().all(|c| c.is_ascii_alphabetic())
            && (1..=60).contains(&key.len())
            && key.chars().all(is_key)
    })
}

/// Whether a URL leads nowhere beyond this machine. What is no URL is told when it is connected to.
fn is_here(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return true };
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // `http:` alone has no special form without a host; another scheme is refused later.
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(line: &str) -> Bench {
        let words = ["amtsbote", "bench"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Bench(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_system_beyond_this_machine_is_loaded_only_by_those_who_say_so() {
        for (to, is_refused) in [
            ("http://127.0.0.1:7001", false),
            ("http://127.1.2.3:7001", false),
            ("http://[::1]:7001", false),
            ("http://LOCALHOST:7001", false),
            ("http://10.0.0.1:7001", true),
            ("http://0.0.0.0:7001", true),
            ("http://localhost.example.org:7001", true),
            ("http://portal.sachsen.example", true),
        ] {
            let refused = Plan::new(&args(&format!("--to {to}")));
            let code = refused.as_ref().err().map(|stop| stop.code.as_str());
            assert_eq!(code, is_refused.then_some(codes::LOAD_FORBIDDEN), "{to}");
            assert!(Plan::new(&args(&format!("--to {to} --i-may-load-this-system"))).is_ok());
        }
    }

    #[test]
    fn a_load_has_bounds() {
        for (line, expected) in [
            ("--duration 3600 --warmup 0", None),
            ("--duration 3600", Some("3600 s")),
            ("--duration 0.1", Some("0.5 s")),
            ("--drain 601", Some("600 s")),
            ("--receiver 127.0.0.1:1 --backlog 9 --drain 3600", None),
            ("--receiver 127.0.0.1:1 --backlog 9 --drain 3601", Some("3600 s")),
            ("--receiver 127.0.0.1:1 --dead 1", Some("one must be there")),
            ("--receiver 127.0.0.1:1 --endpoints 2 --dead 1", None),
            ("--receiver 0.0.0.0:7080", Some("only on this machine")),
            ("--receiver 127.0.0.1:7080", None),
        ] {
            let refused = Plan::new(&args(line));
            match (&refused, expected) {
                (Ok(_), None) => {}
                (Err(stop), Some(part)) => assert!(stop.what.contains(part), "{}", stop.what),
                _ => panic!("{line}: {refused:?}"),
            }
        }
    }

    #[test]
    fn authorities_are_checked_before_anything_is_sent() {
        for (line, is_fine) in [
            ("--authority svb:14730000 --authority svb:14626000", true),
            ("--authority 14730000", false),
            ("--authority svb:<x/>", false),
            ("--document missing.xml", false),
        ] {
            assert_eq!(mill(&args(line)).is_ok(), is_fine, "{line}");
        }
    }
}
