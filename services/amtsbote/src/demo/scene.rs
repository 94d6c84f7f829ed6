//! The counties of the demonstration: how they are configured, and what arrived there.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use super::{
    inbox::{Arrived, Inboxes},
    summary::Outcome,
};
use crate::{codes, exit::Stop};

/// Endpoints that are folders, and their folders.
const FOLDERS: [(&str, &str); 2] = [
    ("nordsachsen-kfz", "fachverfahren/nordsachsen"),
    ("spree-neisse-kfz", "fachverfahren/spree-neisse"),
];

/// The configuration, as a user would write it; it stays beside the data to be looked at.
pub(super) fn configuration(folder: &Path, inbox: SocketAddr) -> Result<String, Stop> {
    let text = format!(
        r#"# Made by `amtsbote demo`; every run writes it anew.
data = "data"

[gateway]
listen = "127.0.0.1:0"

[console]
listen = "127.0.0.1:0"

[telemetry]
filter = "error"

# Who is responsible, and on which channel it travels. Chemnitz is missing on purpose.
[[route]]
domain = "kfz"
authority = "svb:14730"
area = "nordsachsen"

[[route]]
domain = "kfz"
authority = "svb:14626"
area = "goerlitz"

[[route]]
domain = "kfz"
authority = "svb:15085"
area = "harz"

[[route]]
domain = "kfz"
authority = "svb:12071"
area = "spree-neisse"

# Nordsachsen polls a folder.
[[endpoint]]
name = "nordsachsen-kfz"
adapter = "file_drop"
subscribe = [{{ domain = "kfz", authority = "svb:14730" }}]
[endpoint.settings]
directory = "fachverfahren/nordsachsen"
extension = "antrag"

# Görlitz takes HTTP requests, recognises repeated ones, and stumbles now and then.
[[endpoint]]
name = "goerlitz-kfz"
adapter = "rest"
subscribe = [{{ domain = "kfz", authority = "svb:14626" }}]
retry = {{ initial_interval = "200ms", max_interval = "2s" }}
[endpoint.settings]
url = "http://{inbox}/goerlitz/antraege"
contract = "deduplicates"
attachments = "multipart"
transient = [500]
receipt = "/aktenzeichen"

# Harz takes HTTP requests, can be asked what it has, and is down for maintenance at first.
[[endpoint]]
name = "harz-kfz"
adapter = "rest"
subscribe = [{{ domain = "kfz", authority = "svb:15085" }}]
retry = {{ initial_interval = "200ms", max_interval = "2s" }}
[endpoint.settings]
url = "http://{inbox}/harz/antraege"
contract = "can_look_up"
conflict = "already_there"
attachments = "multipart"
receipt = "/aktenzeichen"
probe = "http://{inbox}/harz/health"
[endpoint.settings.look_up]
url = "http://{inbox}/harz/antraege/{{key}}"
visible_within = "1s"
receipt = "/aktenzeichen"

# Spree-Neiße polls a folder, and wants to know what it gets.
[[endpoint]]
name = "spree-neisse-kfz"
adapter = "file_drop"
subscribe = [{{ domain = "kfz", authority = "svb:12071" }}]
[endpoint.settings]
directory = "fachverfahren/spree-neisse"
extension = "antrag"
sidecar = true
"#
    );
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
