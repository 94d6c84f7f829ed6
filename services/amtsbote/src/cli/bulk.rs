//! What operators order about many deliveries at once.

use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use dispatcher::Rate;

use super::{Console, Orderer};

/// Chooses deliveries by filter and orders the same about each: a canary first, then at a rate, and
/// no further once too many fail.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Which: `endpoint=NAME` always, and any of `state=WORD` (dead, uncertain, delivered, rejected,
    /// discarded; without: dead), `code=AB-nnnn`, `case=ID`, `own_id=PREFIX`, separated by commas.
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub(crate) filter: Filter,
    /// Print what would be ordered, and order nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What is ordered about each that is dead or uncertain.
    #[arg(long, value_enum, default_value = "replay")]
    pub(crate) order: Each,
    /// About deliveries that are over: send them again with their key; the receiver may recognise
    /// them.
    #[arg(long, conflicts_with = "new_effect")]
    pub(crate) same_key: bool,
    /// About deliveries that are over: send them again as new effects.
    #[arg(long)]
    pub(crate) new_effect: bool,
    /// So many go first; the others when it is known what became of all of these.
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) canary: u32,
    /// At most so many in a time.
    #[arg(long, value_name = "N/UNIT", default_value = "10/s")]
    pub(crate) rate: Rate,
    /// Stop when so many have failed; 0: whatever fails.
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) stop_after: u32,
    /// Wait until it is known what became of each.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) by: Orderer,
}

/// What is ordered about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Each {
    /// Revive it in its place, with the same key.
    Replay,
    /// Give it up for good.
    Discard,
    /// It did take effect: somebody has looked.
    Delivered,
    /// It took no effect: hand it over once more.
    SendAgain,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bulk {
    /// Print bulks, the newest first.
    List(Console),
    /// Print how a bulk is getting on, and what became of each of its deliveries.
    Show {
        /// Its id, in full.
        id: String,
        #[command(flatten)]
        console: Console,
    },
    /// Order nothing more of a bulk; what was ordered may end.
    Stop {
        /// Its id, in full.
        id: String,
        #[command(flatten)]
        by: Orderer,
    },
}

/// Which deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) endpoint: String,
    pub(crate) state: String,
    pub(crate) code: Option<String>,
    pub(crate) case: Option<String>,
    pub(crate) own_id: Option<String>,
}

/// States of deliveries that can be chosen.
const STATES: [&str; 5] = ["dead", "uncertain", "delivered", "rejected", "discarded"];

impl Filter {
    /// Whether these wait for a decision.
    pub(crate) fn is_undecided(&self) -> bool {
        matches!(self.state.as_str(), "dead" | "uncertain")
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut filter = Self {
            endpoint: String::new(),
            state: String::new(),
            code: None,
            case: None,
            own_id: None,
        };
        for part in text.split(',') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (key.trim(), value.trim().to_owned());
            if value.is_empty() {
                return Err(format!("`{part}` is not KEY=VALUE"));
            }
            let is_twice = match key {
                "endpoint" => !std::mem::replace(&mut filter.endpoint, value).is_empty(),
                "state" => !std::mem::replace(&mut filter.state, value).is_empty(),
                "code" => filter.code.replace(value).is_some(),
                "case" => filter.case.replace(value).is_some(),
                "own_id" => filter.own_id.replace(value).is_some(),
                _ => {
                    let known = "`endpoint`, `state`, `code`, `case` and `own_id`";
                    return Err(format!("`{key}` is none of {known}"));
                }
            };
            if is_twice {
                return Err(format!("`{key}` is said twice"));
            }
        }
        if filter.endpoint.is_empty() {
            return Err("`endpoint=NAME` is missing".to_owned());
        }
        if filter.state.is_empty() {
            "dead".clone_into(&mut filter.state);
        }
        if !STATES.contains(&filter.state.as_str()) {
            let known = STATES.join("`, `");
            return Err(format!("`{}` is none of `{known}`", filter.state));
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_an_endpoint_and_what_it_does_not_know_is_refused() {
        let filter: Filter = "endpoint=kfz,code=AB-3001,own_id=2026".parse().unwrap();
        assert_eq!((filter.endpoint.as_str(), filter.state.as_str()), ("kfz", "dead"));
        assert_eq!(filter.code.as_deref(), Some("AB-3001"));
        assert!(filter.is_undecided());
        let over: Filter = "state=delivered, endpoint=kfz".parse().unwrap();
        assert!(!over.is_undecided());
        for wrong in [
            "",
            "kfz",
            "endpoint=",
            "state=dead",
            "endpoint=kfz,endpoint=copy",
            "endpoint=kfz,state=lost",
            "endpoint=kfz,name=Muster",
            "endpoint=kfz,",
        ] {
            assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
        }
    }
}
