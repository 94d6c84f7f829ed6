//! The settings of a file drop, and what they become once checked.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::Deserialize;

use crate::content::Content;

/// Longest extension and marker name, in bytes: room for the key within the 255 of a file name.
const NAME_PART_BYTES_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Must exist when messages come; relative to the configuration file's folder.
    directory: PathBuf,
    /// Of the message's file, without the dot.
    extension: String,
    /// Which form of the document is written. Default `original`.
    #[serde(default)]
    content: Content,
    /// Where attachments go. Default `suffix`.
    #[serde(default)]
    attachments: Attachments,
    /// Whether `<key>.json` with the ids is written beside. Default `false`.
    #[serde(default)]
    sidecar: bool,
    /// A file that exists in the directory only while it is mounted. Default: none.
    marker: Option<String>,
}

/// Where attachments go.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Attachments {
    /// A message with attachments is a configuration error.
    None,
    /// `<key>.1.pdf`, `<key>.2.jpg` beside the message.
    #[default]
    Suffix,
    /// `<key>.attachments/1.pdf`.
    Directory,
}

/// Checked settings.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) directory: PathBuf,
    pub(super) extension: String,
    pub(super) content: Content,
    pub(super) attachments: Attachments,
    pub(super) sidecar: bool,
    pub(super) marker: Option<String>,
}

impl Settings {
    pub(super) fn check(self, base: &Path) -> anyhow::Result<Checked> {
        ensure!(!self.directory.as_os_str().is_empty(), "`directory` is empty");
        ensure!(
            is_name_part(&self.extension) && !self.extension.contains('.'),
            "`extension` is `{}`: write letters, digits, `-` and `_` only, without a dot",
            self.extension
        );
        ensure!(
            self.extension != "attachments",
            "`extension` is `attachments`: that is what the folder of attachments is called"
        );
        ensure!(
            !(self.sidecar && self.extension == "json"),
            "`extension` is `json` and `sidecar` is on: both would be named `<key>.json`"
        );
        if let Some(marker) = &self.marker {
            ensure!(
                is_name_part(marker) && marker != "." && marker != "..",
                "`marker` is `{marker}`: write the name of a file, without a folder"
            );
        }
        Ok(Checked {
            directory: base.join(self.directory),
            extension: self.extension,
            content: self.content,
            attachments: self.attachments,
            sidecar: self.sidecar,
            marker: self.marker,
        })
    }
}

fn is_name_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_PART_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
