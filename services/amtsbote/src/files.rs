//! Finds and reads documents.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{codes, exit::Stop};

/// Longest document that is read; the gateway takes no longer one.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;
/// Deepest folder that is searched; links can go in circles.
const DEPTH_MAX: usize = 32;

/// The bytes of a document.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if DOCUMENT_BYTES_MAX < bytes.len() as u64 {
        return Err(unreadable(path, "is longer than 64 MiB"));
    }
    Ok(bytes)
}

/// Files as given, and the documents in folders, sorted within each.
pub(crate) fn documents(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    for path in paths {
        let kind = fs::metadata(path).map_err(|error| unreadable(path, &error.to_string()))?;
        if !kind.is_dir() {
            found.push(path.clone());
            continue;
        }
        let before = found.len();
        collect(path, DEPTH_MAX, &mut found)
            .map_err(|error| unreadable(path, &error.to_string()))?;
        if found.len() == before {
            return Err(unreadable(path, "holds no `.xml` and no `.json` file"));
        }
    }
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let is_document =
            path.extension().is_some_and(|extension| extension == "xml" || extension == "json");
        if is_hidden {
            continue;
        } else if path.is_dir() && 0 < depth {
            collect(&path, depth - 1, found)?;
        } else if path.is_file() && is_document {
            found.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, why: &str) -> Stop {
    Stop::usage(codes::DOCUMENT_UNREADABLE, format!("`{}`: {why}", path.display()))
}
