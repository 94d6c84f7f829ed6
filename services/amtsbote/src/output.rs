//! Everything the program prints goes through here: answers to standard output, the rest to
//! standard error.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::exit::{Exit, Stop, Told};

/// Where a command prints.
#[derive(Debug)]
pub(crate) struct Output {
    /// Whether answers are JSON, for programs, instead of text, for people.
    pub(crate) is_json: bool,
    /// What went wrong with standard output first, if anything did.
    broken: Mutex<Option<io::Error>>,
}

impl Output {
    /// Nothing printed yet.
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, broken: Mutex::new(None) }
    }

    /// Whether people watch standard error, so that a progress bar makes sense.
    pub(crate) fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Prints one line, or several.
    pub(crate) fn line(&self, text: impl Display) {
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
            self.remember(error);
        }
    }

    /// Prints a value as JSON on one line.
    pub(crate) fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(text),
            Err(error) => self.remember(error.into()),
        }
    }

    /// Tells people something that is no answer.
    pub(crate) fn note(&self, text: impl Display) {
        // Whoever does not read standard error does not want to know.
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    /// Tells why the command cannot go on.
    pub(crate) fn stop(&self, stop: &Stop) {
        if self.is_json {
            let Told { code, what, details, .. } = &**stop;
            let error = serde_json::json!({ "code": code, "what": what, "details": details });
            self.json(&serde_json::json!({ "error": error }));
            return;
        }
        self.note(format_args!("error {}: {}", stop.code, stop.what));
        for detail in &stop.details {
            self.note(format_args!("  {detail}"));
        }
        self.note(format_args!("what to do: amtsbote errors {}", stop.code));
    }

    /// The exit code in the light of what became of the output. A reader that went away (`| head`)
    /// is no fault and changes nothing; a full disk is one.
    pub(crate) fn settle(&self, exit: Exit) -> Exit {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        match broken {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.note(format_args!("error: write to standard output: {error}"));
                Exit::Defect
            }
            _ => exit,
        }
    }

    fn remember(&self, error: io::Error) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}
