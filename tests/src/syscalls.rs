//! Reads what `strace -f -yy` wrote, and finds receipts that left before they were safe.

use std::collections::BTreeMap;

/// One system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// E.g. `fsync`.
    pub name: String,
    /// What its first argument names: a file's path, or `TCP:[from->to]`.
    pub target: String,
    /// All arguments as printed.
    pub arguments: String,
    /// The line where it began.
    pub begun: usize,
    /// The line where it ended.
    pub ended: usize,
    /// Whether it succeeded.
    pub is_ok: bool,
}

/// How one receipt left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Stored, synced, then sent.
    Safe,
    /// Sent while no sync of what stores it had ended.
    Early,
    /// Sent, and stored nowhere that was seen.
    NotStored,
    /// Not sent at all.
    NotSent,
}

/// Every call of a trace, in the order in which they began.
#[must_use]
pub fn read(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((process, rest)) = text.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            let Some(index) = unfinished.remove(process) else { continue };
            let Some(call) = calls.get_mut(index) else { continue };
            call.ended = line;
            call.is_ok = is_ok(rest);
            if let Some((_, more)) = rest.split_once("resumed>") {
                call.arguments.push_str(more);
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        let target = target(arguments);
        let is_unfinished = rest.ends_with("<unfinished ...>");
        if is_unfinished {
            unfinished.insert(process, calls.len());
        }
        calls.push(Call {
            name: name.to_owned(),
            target,
            arguments: arguments.to_owned(),
            begun: line,
            // A call that never ended ends after everything.
            ended: if is_unfinished { usize::MAX } else { line },
            is_ok: !is_unfinished && is_ok(rest),
        });
    }
    calls
}

/// Judges each receipt, known by words that nothing else has: its bytes leave through a socket of
/// `port` only after a sync of the file that stores it. `is_store` says which files count.
///
/// Several words, since one may be cut in two by the end of a page or of a write.
#[must_use]
pub fn judge(
    calls: &[Call],
    receipts: &[Vec<String>],
    port: u16,
    is_store: impl Fn(&str) -> bool,
) -> Vec<Verdict> {
    let from = format!("127.0.0.1:{port}->");
    let is_answer = |call: &&Call| is_write(call) && call.target.contains(&from);
    let answers: Vec<&Call> = calls.iter().filter(is_answer).collect();
    let stored: Vec<&Call> =
        calls.iter().filter(|call| is_write(call) && is_store(&call.target)).collect();
    let synced: Vec<&Call> = calls
        .iter()
        .filter(|call| matches!(call.name.as_str(), "fsync" | "fdatasync") && call.is_ok)
        .collect();
    let verdict = |words: &Vec<String>| {
        let tells = |call: &&&Call| words.iter().any(|word| call.arguments.contains(word));
        let Some(answer) = answers.iter().find(tells) else {
            return Verdict::NotSent;
        };
        let Some(write) = stored.iter().find(tells) else {
            return Verdict::NotStored;
        };
        let covers = |sync: &&&Call| {
            sync.target == write.target && write.ended < sync.begun && sync.ended < answer.begun
        };
        if synced.iter().any(|sync| covers(&sync)) { Verdict::Safe } else { Verdict::Early }
    };
    receipts.iter().map(verdict).collect()
}

fn is_write(call: &Call) -> bool {
    matches!(call.name.as_str(), "write" | "pwrite64" | "writev" | "pwritev" | "sendto" | "sendmsg")
}

/// `12</path>, …` or `12<TCP:[a->b]>, …`
fn target(arguments: &str) -> String {
    let Some((descriptor, rest)) = arguments.split_once('<') else { return String::new() };
    if descriptor.is_empty() || !descriptor.bytes().all(|byte| byte.is_ascii_digit()) {
        return String::new();
    }
    let end =
        if rest.starts_with("TCP") { rest.find("]>").map(|at| at + 1) } else { rest.find('>') };
    end.and_then(|end| rest.get(..end)).unwrap_or_default().to_owned()
}

fn is_ok(line: &str) -> bool {
    line.rsplit_once(" = ").is_some_and(|(_, result)| !result.trim_start().starts_with('-'))
}
