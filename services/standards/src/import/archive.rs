//! Unpacks ZIP archives into a package: bounded, and nothing outside the package.

use std::{
    collections::HashSet,
    io::{Cursor, Read},
};

use zip::{ZipArchive, read::ZipFile, result::ZipError};

use super::{
    ImportError, Package,
    package::{SNIFFED_BYTES, Sniffed, sniff},
};
use crate::codes;

/// Bytes of a file below which its ratio is no sign of anything.
const RATIO_FROM_BYTES: u64 = 1 << 20;

/// Bytes of an entry of the central directory before its names.
const ENTRY_BYTES: usize = 46;

/// Unpacks the archive at `path` into `package`; its files lie below `path`.
pub(super) fn unpack(
    package: &mut Package,
    path: &str,
    bytes: &[u8],
    nesting: usize,
) -> Result<(), ImportError> {
    if package.bounds.nesting_max < nesting {
        let what =
            format!("`{path}`: archives nested more than {} deep", package.bounds.nesting_max);
        return Err(package.too_large(what));
    }
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(package, path, &error))?;
    let start = usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX);
    if let Some(name) = named_twice(bytes.get(start..).unwrap_or_default()) {
        return Err(package.unsafe_name(&inside(path, &name), "is there twice"));
    }
    for number in 0..archive.len() {
        package.count()?;
        let mut entry = match archive.by_index(number) {
            Ok(entry) => entry,
            Err(error) => return Err(broken(package, path, &error)),
        };
        let name = safe_name(package, path, &entry)?;
        if entry.is_dir() {
            continue;
        }
        match read(package, &name, &mut entry)? {
            Some(content) => package.keep(name, content, nesting)?,
            None => package.left_out += 1,
        }
    }
    Ok(())
}

/// The path of `entry` within the package.
fn safe_name(
    package: &Package,
    path: &str,
    entry: &ZipFile<'_, Cursor<&[u8]>>,
) -> Result<String, ImportError> {
    // Windows packs with the other slash.
    let name = entry.name().replace('\\', "/");
    let told = inside(path, &printable(&name));
    let is_absolute = name.starts_with('/') || name.get(1..2) == Some(":");
    let why = if is_absolute {
        "is an absolute path"
    } else if name.split('/').any(|part| part == "..") {
        "leads out of the package"
    } else if name.chars().any(char::is_control) {
        "has control characters in its name"
    } else if package.bounds.path_bytes_max < name.len() {
        "has too long a name"
    } else if entry.is_symlink() {
        "is a symbolic link"
    } else if entry.encrypted() {
        "is encrypted"
    } else {
        let parts: Vec<&str> =
            name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        return Ok(inside(path, &parts.join("/")));
    };
    Err(package.unsafe_name(&told, why))
}

fn inside(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn printable(name: &str) -> String {
    name.chars().take(200).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The content of `entry`; `None` where its beginning says that it is of no use.
fn read(
    package: &mut Package,
    name: &str,
    entry: &mut ZipFile<'_, Cursor<&[u8]>>,
) -> Result<Option<Vec<u8>>, ImportError> {
    let packed = entry.compressed_size().max(1);
    let mut content = Vec::new();
    let mut step = vec![0; SNIFFED_BYTES];
    loop {
        let got =
            entry.read(&mut step).map_err(|error| broken(package, name, &ZipError::Io(error)))?;
        content.extend_from_slice(step.get(..got).unwrap_or_default());
        package.weigh(name, got as u64)?;
        let bytes = content.len() as u64;
        if got == 0 {
            return Ok(Some(content));
        }
        if package.bounds.file_bytes_max < bytes {
            let mib = package.bounds.file_bytes_max >> 20;
            return Err(package.too_large(format!("`{name}` is longer than {mib} MiB")));
        }
        if RATIO_FROM_BYTES < bytes && packed.saturating_mul(package.bounds.ratio_max) < bytes {
            let ratio = package.bounds.ratio_max;
            return Err(
                package.too_large(format!("`{name}` unpacks to more than {ratio} times its size"))
            );
        }
        let is_useless = matches!(sniff(&content, false), Sniffed::Other | Sniffed::OtherXml);
        // A few bytes may be less than a mark; later the answer is the same for ever.
        if is_useless && (4 <= bytes) {
            return Ok(None);
        }
    }
}

/// The first name that the central directory has twice; the archive's reader keeps one of them silently.
fn named_twice(directory: &[u8]) -> Option<String> {
    let mut names = HashSet::new();
    let mut rest = directory;
    while rest.starts_with(b"PK\x01\x02") {
        let length = |at: usize| {
            let bytes: Option<[u8; 2]> =
                rest.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
            bytes.map(|bytes| usize::from(u16::from_le_bytes(bytes)))
        };
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let raw = rest.get(ENTRY_BYTES..ENTRY_BYTES + name)?;
        let text = String::from_utf8_lossy(raw).replace('\\', "/");
        if !names.insert(text.clone()) {
            return Some(printable(&text));
        }
        rest = rest.get(ENTRY_BYTES + name + extra + comment..)?;
    }
    None
}

fn broken(package: &Package, path: &str, error: &ZipError) -> ImportError {
    let what = format!("`{}`: `{path}` cannot be unpacked: {error}", package.name);
    let way_out = "download it again; or unpack it by hand and give the folder".to_owned();
    ImportError::new(codes::IMPORT_UNREADABLE, what).with([way_out])
}
