//! Reads packages from the file system: archives, folders and single files, each within bounds.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use standards::import::{Bounds, Catalogue, ImportError, Package};

use crate::{
    codes,
    exit::{Exit, Stop},
};

/// Folders within each other.
const DEPTH_MAX: usize = 32;
/// Bytes that tell what a file is.
const BEGINNING_BYTES: u64 = 64 << 10;

/// A fault in a package, for whoever gave the command.
pub(crate) fn stop(error: ImportError) -> Stop {
    Stop::new(Exit::Refused, error.code, error.what).with_details(error.details)
}

/// The package at `path`: a ZIP archive, a folder, or one file.
pub(crate) fn package(path: &Path) -> Result<Package, Stop> {
    let bounds = Bounds::default();
    let name = path.display().to_string();
    let kind = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let package = if kind.is_dir() {
        let mut package = Package::new(name, bounds);
        walk(path, "", DEPTH_MAX, &mut package)?;
        package
    } else {
        let bytes = read(path, bounds.total_bytes_max)?;
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Package::of_file(name, &file.unwrap_or_default(), bytes, bounds).map_err(stop)?
    };
    package.expect_some().map_err(stop)?;
    Ok(package)
}

/// Schemas of every standard in `folder`, each a package of its own.
pub(crate) fn installed(folder: &Path, except: Option<&Path>) -> Result<Vec<Package>, Stop> {
    let mut packages = Vec::new();
    for standard in folders(folder)? {
        for version in folders(&standard)? {
            if except.is_some_and(|except| except == version) {
                continue;
            }
            let mut package = Package::new(version.display().to_string(), Bounds::default());
            for part in ["xsd", "lib"].map(|part| (part, version.join(part))) {
                if part.1.is_dir() {
                    walk(&part.1, part.0, DEPTH_MAX, &mut package)?;
                }
            }
            if !package.is_empty() {
                packages.push(package);
            }
        }
    }
    Ok(packages)
}

/// The catalogue in `file`; what it names is read when it is needed.
pub(crate) fn catalogue(file: &Path) -> Result<Catalogue, Stop> {
    let bounds = Bounds::default();
    let location = fs::canonicalize(file).map_err(|error| unreadable(file, &error))?;
    let bytes = read(&location, bounds.file_bytes_max)?;
    let reader = move |location: &str| {
        let mut bytes = Vec::new();
        let file = fs::File::open(location)?;
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        file.take(bounds.file_bytes_max + 1).read_to_end(&mut bytes)?;
        match bounds.file_bytes_max < bytes.len() as u64 {
            true => {
                Err(io::Error::other(format!("longer than {} MiB", bounds.file_bytes_max >> 20)))
            }
            false => Ok(bytes),
        }
    };
    Catalogue::new(&location.to_string_lossy(), &bytes, reader).map_err(stop)
}

fn walk(folder: &Path, below: &str, depth: usize, package: &mut Package) -> Result<(), Stop> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.map_err(|error| unreadable(folder, &error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(stop(package.unsafe_name(&path.display().to_string(), "is no UTF-8")));
        };
        let inside = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
        if name.starts_with('.') {
            continue;
        } else if kind.is_symlink() {
            return Err(stop(package.unsafe_name(&inside, "is a symbolic link")));
        } else if kind.is_dir() {
            if depth == 0 {
                let what = format!("folders nested more than {DEPTH_MAX} deep");
                return Err(stop(package.too_large(what)));
            }
            walk(&path, &inside, depth - 1, package)?;
        } else if kind.is_file() {
            take(&path, &inside, package)?;
        }
    }
    Ok(())
}

fn take(path: &Path, inside: &str, package: &mut Package) -> Result<(), Stop> {
    let mut beginning = Vec::new();
    let begun = fs::File::open(path)
        .and_then(|file| file.take(BEGINNING_BYTES).read_to_end(&mut beginning));
    begun.map_err(|error| unreadable(path, &error))?;
    if !Package::may_be_of_use(&beginning) {
        return package.leave_out().map_err(stop);
    }
    let bytes = read(path, Bounds::default().file_bytes_max)?;
    package.add(inside, bytes).map_err(stop)
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if bytes_max < bytes.len() as u64 {
        let package = Package::new(path.display().to_string(), Bounds::default());
        return Err(stop(package.too_large(format!("longer than {} MiB", bytes_max >> 20))));
    }
    Ok(bytes)
}

/// The folders in `folder`, sorted, without hidden ones; none where it is not there.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
    };
    let entries = entries.map_err(|error| unreadable(folder, &error))?;
    let is_visible = |path: &PathBuf| {
        path.is_dir() && path.file_name().is_some_and(|n| !n.as_encoded_bytes().starts_with(b"."))
    };
    let mut folders: Vec<PathBuf> =
        entries.iter().map(fs::DirEntry::path).filter(is_visible).collect();
    folders.sort();
    Ok(folders)
}

fn unreadable(path: &Path, error: &io::Error) -> Stop {
    Stop::usage(codes::DOCUMENT_UNREADABLE, format!("`{}`: {error}", path.display()))
}
