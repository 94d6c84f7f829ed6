//! The directory: hidden files that become visible whole, and what its errors mean.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use futures_util::{TryStreamExt as _, pin_mut};
use messaging::{Claims, DeliveryKey, Envelope, Failure, FailureKind, Result};
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt as _,
};

use super::{
    next,
    settings::{Attachments, Checked},
};
use crate::{
    codes,
    content::{self, Segment},
};

/// How many hidden names of foreign remainders are passed over before giving up.
const HIDDEN_NAMES_TRIED_MAX: usize = 1000;
/// Longest extension an attachment's file takes from its name, in bytes.
const EXTENSION_BYTES_MAX: usize = 8;

/// The names of one delivery's files, relative to the directory.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) document: String,
    pub(super) sidecar: Option<String>,
    pub(super) folder: Option<String>,
    pub(super) attachments: Vec<String>,
}

impl Names {
    /// Made of the key and numbers alone: the name a citizen gave a file never becomes a path.
    pub(super) fn new(settings: &Checked, envelope: &Envelope, key: DeliveryKey) -> Self {
        let folder = format!("{key}.attachments");
        let attachments = envelope.attachments.iter().enumerate().map(|(index, attachment)| {
            let (number, extension) = (index + 1, extension(&attachment.name));
            match settings.attachments {
                Attachments::Directory => format!("{folder}/{number}.{extension}"),
                Attachments::Suffix | Attachments::None => format!("{key}.{number}.{extension}"),
            }
        });
        Self {
            document: format!("{key}.{}", settings.extension),
            sidecar: settings.sidecar.then(|| format!("{key}.json")),
            attachments: attachments.collect(),
            folder: (settings.attachments == Attachments::Directory).then_some(folder),
        }
    }
}

/// `pdf` of `Vollmacht.PDF`; `bin` where the name has none that is harmless.
fn extension(name: &str) -> String {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_harmless = (1..=EXTENSION_BYTES_MAX).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_harmless { extension.to_ascii_lowercase() } else { "bin".to_owned() }
}

/// A directory somebody polls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory<'a> {
    pub(super) path: &'a Path,
    pub(super) marker: Option<&'a str>,
    pub(super) hidden_names: &'a AtomicU64,
}

/// A file that is written and synced, and not visible yet. Removed when dropped before.
#[derive(Debug)]
pub(super) struct Hidden {
    path: PathBuf,
    is_shown: bool,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.is_shown {
            // Best effort: the next attempt removes what is left.
            std::fs::remove_file(&self.path).ok();
        }
    }
}

impl Directory<'_> {
    /// An unmounted share leaves an empty directory behind, which would take messages gladly.
    pub(super) async fn check_marker(&self) -> Result<()> {
        let Some(marker) = self.marker else { return Ok(()) };
        match fs::metadata(self.path.join(marker)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(before(error)),
        }
    }

    pub(super) async fn has_file(&self, name: &str) -> Result<bool> {
        match fs::metadata(self.path.join(name)).await {
            Ok(metadata) if metadata.is_file() => Ok(true),
            Ok(_) => Err(FailureKind::Defect
                .because(codes::NAME_TAKEN, format!("`{name}` exists and is no file"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(before(error)),
        }
    }

    /// Writes `segments` under a hidden name that nobody else writes to, and syncs it.
    pub(super) async fn write(
        &self,
        name: &str,
        segments: Vec<Segment>,
        claims: &Arc<dyn Claims>,
    ) -> Result<Hidden> {
        let (mut file, hidden) = self.create(name).await.map_err(before)?;
        let pieces = content::pieces(segments, Arc::clone(claims));
        pin_mut!(pieces);
        while let Some(piece) = pieces.try_next().await? {
            file.write_all(&piece).await.map_err(before)?;
        }
        // Writes go through a buffer whose errors the next call tells.
        file.flush().await.map_err(before)?;
        file.sync_all().await.map_err(before)?;
        Ok(hidden)
    }

    pub(super) async fn show(&self, mut hidden: Hidden, name: &str) -> Result<()> {
        // A rename that fails did not happen.
        fs::rename(&hidden.path, self.path.join(name)).await.map_err(before)?;
        hidden.is_shown = true;
        Ok(())
    }

    pub(super) async fn make_folder(&self, folder: &str) -> Result<()> {
        match fs::create_dir(self.path.join(folder)).await {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(before(error)),
            _ => Ok(()),
        }
    }

    /// Makes the names of attachments durable; the message is not visible yet.
    pub(super) async fn sync_before(&self, folder: Option<&str>) -> Result<()> {
        if let Some(folder) = folder {
            match sync(&self.path.join(folder)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(before(error)),
                _ => {}
            }
        }
        sync(self.path).await.map_err(before)
    }

    /// Makes the name of the message durable. It is visible already, so a failure leaves the
    /// outcome unknown.
    pub(super) async fn sync_after(&self) -> Result<()> {
        let uncertain = |error| FailureKind::Uncertain.because(codes::SYNC_FAILED, error);
        sync(self.path).await.map_err(uncertain)
    }

    /// Hidden files that a crash left of earlier attempts of this delivery.
    pub(super) async fn remove_remainders(&self, key: DeliveryKey) -> Result<()> {
        let prefix = format!(".{key}.");
        let mut entries = fs::read_dir(self.path).await.map_err(before)?;
        while let Some(entry) = entries.next_entry().await.map_err(before)? {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                // Gone already is as good.
                fs::remove_file(entry.path()).await.ok();
            }
        }
        Ok(())
    }

    /// Writes a hidden byte and takes it away: rights and space are only known by trying.
    pub(super) async fn try_to_write(&self) -> Result<()> {
        let (mut file, _removed_at_the_end) = self.create("probe").await.map_err(before)?;
        file.write_all(b"?").await.map_err(before)?;
        file.flush().await.map_err(before)
    }

    /// All hidden files lie in the directory itself, so that one look finds remainders. An attempt
    /// that was given up may still be writing: so the file is never one that exists.
    async fn create(&self, name: &str) -> io::Result<(File, Hidden)> {
        let name = name.replace('/', ".").replace(".attachments.", ".");
        for _ in 0..HIDDEN_NAMES_TRIED_MAX {
            let number = next(self.hidden_names);
            let path = self.path.join(format!(".{name}.{number}.part"));
            match OpenOptions::new().write(true).create_new(true).open(&path).await {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => return Ok((file, Hidden { path, is_shown: false })),
            }
        }
        Err(io::Error::other("too many hidden remainders in the directory"))
    }
}

async fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory).await?.sync_all().await
}

/// What an error means as long as the message is not visible.
fn before(error: io::Error) -> Failure {
    use io::ErrorKind as Kind;
    let (kind, code) = match error.kind() {
        // A missing directory is an unmounted share: the endpoint is down, the message is fine.
        Kind::NotFound
        | Kind::StorageFull
        | Kind::QuotaExceeded
        | Kind::StaleNetworkFileHandle
        | Kind::NetworkDown
        | Kind::NetworkUnreachable
        | Kind::HostUnreachable
        | Kind::NotConnected
        | Kind::ConnectionAborted
        | Kind::ConnectionReset
        | Kind::ResourceBusy
        | Kind::TimedOut => (FailureKind::Unavailable, codes::DIRECTORY_DOWN),
        // Wrong rights must not kill citizens' messages one by one.
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::NotADirectory => {
            (FailureKind::Unavailable, codes::DIRECTORY_FORBIDDEN)
        }
        Kind::IsADirectory | Kind::DirectoryNotEmpty | Kind::InvalidFilename => {
            (FailureKind::Defect, codes::NAME_TAKEN)
        }
        _ => (FailureKind::Transient, codes::WRITE_FAILED),
    };
    kind.because(code, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_before_the_message_is_visible_never_leaves_its_outcome_unknown() {
        use io::ErrorKind as Kind;
        let check = |error: Kind, kind: FailureKind, code: &str| {
            let failure = before(error.into());
            assert_eq!((failure.kind(), failure.code()), (kind, code), "{error}");
        };
        check(Kind::NotFound, FailureKind::Unavailable, "AB-3004");
        check(Kind::StorageFull, FailureKind::Unavailable, "AB-3004");
        check(Kind::QuotaExceeded, FailureKind::Unavailable, "AB-3004");
        check(Kind::StaleNetworkFileHandle, FailureKind::Unavailable, "AB-3004");
        check(Kind::PermissionDenied, FailureKind::Unavailable, "AB-3005");
        check(Kind::ReadOnlyFilesystem, FailureKind::Unavailable, "AB-3005");
        check(Kind::NotADirectory, FailureKind::Unavailable, "AB-3005");
        check(Kind::IsADirectory, FailureKind::Defect, "AB-3008");
        check(Kind::Other, FailureKind::Transient, "AB-3006");
    }

    #[test]
    fn an_attachments_name_never_becomes_a_path() {
        let check = |name, expected| assert_eq!(extension(name), expected, "{name}");
        check("Vollmacht.PDF", "pdf");
        check("foto.jpeg", "jpeg");
        check("../../etc/passwd", "bin");
        check("a./../b", "bin");
        check("ohne", "bin");
        check("x.", "bin");
        check("x.überlang", "bin");
        check("x.123456789", "bin");
    }
}
