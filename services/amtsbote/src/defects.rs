//! Keeps documents whose check fails by a fault of ours, so that the fault can be found. They hold
//! personal data: only who configures a folder has them, and nobody else can read it.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};
use standards::OnDefect;
use tracing::warn;

/// Documents kept at most; a sender that has found one fault has no use for more.
const FILES_MAX: usize = 100;

/// Bytes kept at most, all documents together.
const BYTES_MAX: u64 = 256 << 20;

/// Keeps each document in `folder`, which is made when it is first needed.
pub(crate) fn keep_in(folder: PathBuf) -> OnDefect {
    OnDefect(Arc::new(move |code, bytes| {
        let sha256 = format!("{:x}", Sha256::digest(bytes));
        match keep(&folder, &sha256, bytes) {
            Ok(true) => warn!(code, %sha256, "the document is kept"),
            Ok(false) => warn!(code, %sha256, "the folder for documents is full"),
            Err(error) => {
                warn!(code, %sha256, cause = %error, "the document cannot be kept");
            }
        }
    }))
}

/// Whether the folder has it now; not if it is full.
fn keep(folder: &Path, sha256: &str, bytes: &[u8]) -> io::Result<bool> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = folder.join(sha256);
    if file.try_exists()? {
        return Ok(true);
    }
    let (mut files, mut held) = (0, 0);
    for entry in fs::read_dir(folder)? {
        files += 1;
        held += entry?.metadata()?.len();
    }
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if files >= FILES_MAX || size > BYTES_MAX.saturating_sub(held) {
        return Ok(false);
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(bytes)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use standards::codes;

    use super::*;

    #[test]
    fn documents_are_kept_once_for_their_owner_only_and_never_too_many() {
        let folder = std::env::temp_dir().join(format!("defects-{}", std::process::id()));
        let OnDefect(keep) = keep_in(folder.clone());
        keep(codes::DEFECT, b"<a/>");
        keep(codes::DEFECT, b"<a/>");
        let name = format!("{:x}", Sha256::digest(b"<a/>"));
        let entries = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        assert_eq!(entries().collect::<Vec<_>>(), [folder.join(&name)]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(&name))), (0o700, 0o600));
        assert_eq!(fs::read(folder.join(&name)).unwrap(), b"<a/>");
        for number in 0..2 * FILES_MAX {
            keep(codes::DEFECT, number.to_string().as_bytes());
        }
        assert_eq!(entries().count(), FILES_MAX);
        fs::remove_dir_all(folder).unwrap();
    }
}
