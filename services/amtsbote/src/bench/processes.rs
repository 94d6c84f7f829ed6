//! What processes of this machine take: CPU seconds and memory, as `/proc` tells.

use std::{fs, time::Duration};

use crate::{codes, exit::Stop};

/// Ticks of a second in `/proc/PID/stat`: the same on every machine we are built for.
const TICKS_PER_SECOND: u64 = 100;

/// What is told of a process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    cpu: Duration,
    resident_bytes: u64,
    /// The most since it began.
    resident_bytes_max: u64,
}

/// Processes that are measured.
#[derive(Debug)]
pub(super) struct Meter(Vec<Measured>);

#[derive(Debug)]
struct Measured {
    process: u32,
    name: String,
    first: Look,
    last: Look,
    /// The most that was seen.
    seen_bytes_max: u64,
    is_gone: bool,
}

/// What a process took while it was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) process: u32,
    pub(super) name: String,
    pub(super) cpu: Duration,
    /// Resident at most.
    pub(super) memory_bytes_max: u64,
    /// It ended before the measurement did.
    pub(super) is_gone: bool,
}

impl Meter {
    /// Of these processes, which must be there.
    pub(super) fn new(processes: &[u32]) -> Result<Self, Stop> {
        let measured = processes.iter().map(|&process| {
            let first = look(process).ok_or_else(|| {
                let what = format!("there is no process {process} to be measured here");
                Stop::usage(codes::PROCESS_UNSEEN, what)
            })?;
            let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            let name = name.trim().to_owned();
            let (last, seen_bytes_max) = (first, first.resident_bytes);
            Ok(Measured { process, name, first, last, seen_bytes_max, is_gone: false })
        });
        measured.collect::<Result<Vec<_>, Stop>>().map(Self)
    }

    /// Measures from now on.
    pub(super) fn begin(&mut self) {
        self.look();
        for measured in &mut self.0 {
            measured.first = measured.last;
            measured.seen_bytes_max = measured.last.resident_bytes;
        }
    }

    /// Looks at all of them.
    pub(super) fn look(&mut self) {
        for measured in self.0.iter_mut().filter(|measured| !measured.is_gone) {
            match look(measured.process) {
                // Another process under a number used before has taken less.
                Some(now) if measured.last.cpu <= now.cpu => measured.see(now),
                _ => measured.is_gone = true,
            }
        }
    }

    /// What they took since [`Meter::begin`].
    pub(super) fn taken(&mut self) -> Vec<Taken> {
        self.look();
        self.0.iter().map(Measured::taken).collect()
    }
}

impl Measured {
    fn see(&mut self, now: Look) {
        self.last = now;
        self.seen_bytes_max = self.seen_bytes_max.max(now.resident_bytes);
    }

    fn taken(&self) -> Taken {
        let (first, last) = (self.first, self.last);
        // Where the most of all its life is newer than the beginning, it is the most of this time.
        let memory_bytes_max = match first.resident_bytes_max < last.resident_bytes_max {
            true => last.resident_bytes_max,
            false => self.seen_bytes_max,
        };
        Taken {
            process: self.process,
            name: self.name.clone(),
            cpu: last.cpu.saturating_sub(first.cpu),
            memory_bytes_max,
            is_gone: self.is_gone,
        }
    }
}

fn look(process: u32) -> Option<Look> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(Look {
        cpu: cpu(&stat)?,
        resident_bytes: bytes(&status, "VmRSS:").unwrap_or_default(),
        resident_bytes_max: bytes(&status, "VmHWM:").unwrap_or_default(),
    })
}

/// User and system time in a line of `/proc/PID/stat`. The name may hold anything, blanks and
/// parentheses too.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// A size in `/proc/PID/status`.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_found_whatever_the_process_is_called() {
        let fields = "S 1 2 3 4 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345";
        for name in ["amtsbote", "a b) (c", "1 2 3 4"] {
            let stat = format!("4711 ({name}) {fields}\n");
            assert_eq!(cpu(&stat), Some(Duration::from_secs(3)), "{name}");
        }
        assert_eq!(cpu("4711 (x) S 1"), None);
    }

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        let status = "Name:\tx\nVmHWM:\t  262144 kB\nVmRSS:\t  131072 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(128 << 20));
        assert_eq!(bytes(status, "VmHWM:"), Some(256 << 20));
        assert_eq!(bytes(status, "VmSwap:"), None);
    }

    #[test]
    fn a_peak_before_the_beginning_is_not_this_times_peak() {
        let look = |resident_bytes, resident_bytes_max| Look {
            resident_bytes,
            resident_bytes_max,
            cpu: Duration::ZERO,
        };
        let check = |first: Look, looks: &[Look], expected| {
            let name = String::new();
            let seen_bytes_max = first.resident_bytes;
            let mut measured =
                Measured { process: 1, name, first, last: first, seen_bytes_max, is_gone: false };
            looks.iter().for_each(|look| measured.see(*look));
            assert_eq!(measured.taken().memory_bytes_max, expected, "{looks:?}");
        };
        check(look(10, 90), &[look(30, 90), look(20, 90)], 30);
        check(look(10, 90), &[look(30, 95), look(20, 95)], 95);
        check(look(10, 90), &[], 10);
    }

    #[test]
    fn a_process_that_is_not_there_is_refused_and_this_one_is_seen() {
        let stop = Meter::new(&[u32::MAX]).unwrap_err();
        assert_eq!(stop.code, codes::PROCESS_UNSEEN);
        let own = std::process::id();
        let mut meter = Meter::new(&[own]).unwrap();
        meter.begin();
        let taken = meter.taken();
        let [taken] = taken.as_slice() else { panic!("one process") };
        assert_eq!((taken.process, taken.is_gone), (own, false));
        assert!(1 << 20 < taken.memory_bytes_max);
    }
}
