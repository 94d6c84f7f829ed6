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
const FOLDERS: [(&str, &str); 10] = [
    ("nordsachsen-kfz", "fachverfahren/nordsachsen/kfz"),
    ("nordsachsen-fuehrerschein", "fachverfahren/nordsachsen/fuehrerschein"),
    ("nordsachsen-gewerbe", "fachverfahren/nordsachsen/gewerbe"),
    ("nordsachsen-eakte", "fachverfahren/nordsachsen/eakte"),
    ("spree-neisse-kfz", "fachverfahren/spree-neisse/kfz"),
    ("spree-neisse-fuehrerschein", "fachverfahren/spree-neisse/fuehrerschein"),
    ("spree-neisse-gewerbe", "fachverfahren/spree-neisse/gewerbe"),
    ("spree-neisse-eakte", "fachverfahren/spree-neisse/eakte"),
    ("zoll-kfz", "fachverfahren/zoll"),
    ("weitere-gewerbe", "fachverfahren/weitere"),
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
    let mut arrived: BTreeMap<String, Arrived> = inboxes.arrived().collect();
    for (endpoint, directory) in FOLDERS {
        let directory = folder.join(directory);
        let applications =
            outcome.receipts_of(endpoint).filter(|name| directory.join(name).is_file()).count();
        arrived.insert(endpoint.to_owned(), Arrived { applications, ..Arrived::default() });
    }
    arrived
}
