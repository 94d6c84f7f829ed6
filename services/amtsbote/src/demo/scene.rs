//! The counties of the demonstration: how they are configured, and what arrived there.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use super::{
    inbox::{Arrived, Inboxes},
    summary::Outcome,
};
use crate::{codes, exit::Stop};

/// With one variable: where the simulated systems are.
const CONFIGURATION: &str = include_str!("amtsbote.toml");

/// Endpoints that are folders, and their folders.
const FOLDERS: [(&str, &str); 2] = [
    ("nordsachsen-kfz", "fachverfahren/nordsachsen"),
    ("spree-neisse-kfz", "fachverfahren/spree-neisse"),
];

/// The configuration, as a user would write it; it stays beside the data to be looked at.
pub(super) fn configuration(folder: &Path, inbox: SocketAddr) -> Result<String, Stop> {
    let text = CONFIGURATION.replace("${INBOX}", &inbox.to_string());
    let unwritable = |error: std::io::Error| {
        let what = format!("cannot write in `{}`: {error}", folder.display());
        Stop::usage(codes::DATA_UNWRITABLE, what)
    };
    for (_, directory) in FOLDERS {
        fs::create_dir_all(folder.join(directory)).map_err(unwritable)?;
    }
    fs::write(folder.join("amtsbote.toml"), &text).map_err(unwritable)?;
    Ok(text)
}

/// Looks at the receivers themselves: a status is a claim, a file is a fact.
pub(super) fn arrived(
    folder: &Path,
    inboxes: &Inboxes,
    outcome: &Outcome,
) -> BTreeMap<String, Arrived> {
    let mut arrived = BTreeMap::from([
        ("goerlitz-kfz".to_owned(), inboxes.goerlitz()),
        ("harz-kfz".to_owned(), inboxes.harz()),
    ]);
    for (endpoint, directory) in FOLDERS {
        let directory = folder.join(directory);
        let applications =
            outcome.receipts_of(endpoint).filter(|name| directory.join(name).is_file()).count();
        arrived.insert(endpoint.to_owned(), Arrived { applications, ..Arrived::default() });
    }
    arrived
}
