//! An operator at the command line of the real program.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{process::Output, time::Duration};

use serde_json::Value;

use crate::{
    configuration::Configuration,
    process::{self, Program},
    wait,
};

const SOON: Duration = Duration::from_secs(60);

/// An operator at the command line.
#[derive(Debug)]
pub struct Operator {
    console: String,
    configuration: Configuration,
}

impl Operator {
    /// One who orders at this console.
    #[must_use]
    pub fn of(console: String, configuration: &Configuration) -> Self {
        Self { console, configuration: configuration.clone() }
    }

    /// Sits down, and waits until the dispatcher obeys: a new ledger only records at first.
    pub async fn at(program: &Program, configuration: &Configuration) -> Self {
        let console = format!("http://{}", program.console());
        let operator = Self { console, configuration: configuration.clone() };
        wait::until("the dispatcher to obey", SOON, || async {
            let resumed = operator.says(&["endpoint", "resume", "inbox"]).await;
            resumed.status.success().then_some(())
        })
        .await;
        operator
    }

    /// Says `words`, and hears what is answered.
    pub async fn says(&self, words: &[&str]) -> Output {
        let words = [words, &["--to", &self.console, "--json"]].concat();
        process::run(&words, self.configuration.folder(), SOON).await
    }

    /// What must succeed.
    ///
    /// # Panics
    /// If it does not, or says anything but one JSON value.
    pub async fn orders(&self, words: &[&str]) -> Value {
        let output = self.says(words).await;
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("one JSON value")
    }

    /// What must fail: exit code and code.
    ///
    /// # Panics
    /// If what it says is not JSON.
    pub async fn fails(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.says(words).await;
        let told: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", said(&output)));
        (
            output.status.code(),
            told.pointer("/error/code").and_then(Value::as_str).unwrap_or_default().to_owned(),
        )
    }
}

/// All it said.
fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}
