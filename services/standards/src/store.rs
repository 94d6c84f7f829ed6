//! Where the files of standards are: inside the binary or in a folder. A location is a text: either
//! `builtin:/…` or a path.

use std::{borrow::Cow, fs, io, path::Path};

include!(concat!(env!("OUT_DIR"), "/schemas.rs"));

/// Begins the location of a file inside the binary.
pub(crate) const BUILT_IN: &str = "builtin:/";

/// Bytes of one file that are read at most: the largest published XÖV schema has 3 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads the file at `location`.
pub(crate) fn read(location: &str) -> io::Result<Cow<'static, [u8]>> {
    if let Some(name) = location.strip_prefix(BUILT_IN) {
        let found = FILES.binary_search_by(|(file, _)| (*file).cmp(name)).ok();
        let (_, content) = found.and_then(|at| FILES.get(at)).ok_or(io::ErrorKind::NotFound)?;
        return Ok(Cow::Borrowed(content));
    }
    if fs::metadata(location)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    fs::read(location).map(Cow::Owned)
}

/// Reads the file at `location`, which must be UTF-8.
pub(crate) fn read_text(location: &str) -> io::Result<String> {
    let text = read(location)?.into_owned();
    let text = String::from_utf8(text).map_err(|_| io::Error::other("not UTF-8"))?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

/// The location of `relative` as seen from `folder`.
pub(crate) fn join(folder: &str, relative: &str) -> String {
    if relative.starts_with(BUILT_IN) || Path::new(relative).is_absolute() {
        return relative.to_owned();
    }
    let (root, folder) = match folder.strip_prefix(BUILT_IN) {
        Some(rest) => (BUILT_IN, rest),
        None if folder.starts_with('/') => ("/", folder),
        None => ("", folder),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

/// The folder a file lies in.
pub(crate) fn folder(location: &str) -> &str {
    location.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders below `root` that hold a `standard.toml`, two levels down.
pub(crate) fn standards(root: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for standard in folders(root)? {
        for version in folders(&standard)? {
            if exists(&join(&version, "standard.toml")) {
                found.push(version);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files with `extension` in the folder `name` below `root`; none where there is no such folder.
pub(crate) fn files(root: &str, name: &str, extension: &str) -> io::Result<Vec<String>> {
    let folder = join(root, name);
    let mut found: Vec<String> = if let Some(folder) = folder.strip_prefix(BUILT_IN) {
        let below = |name: &&str| name.strip_prefix(folder).is_some_and(|n| n.starts_with('/'));
        let names = FILES.iter().map(|(name, _)| *name).filter(below);
        names.map(|name| format!("{BUILT_IN}{name}")).collect()
    } else if Path::new(&folder).is_dir() {
        entries(&folder)?
    } else {
        Vec::new()
    };
    found.retain(|name| Path::new(name).extension().is_some_and(|e| e == extension));
    found.sort();
    Ok(found)
}

fn exists(location: &str) -> bool {
    match location.strip_prefix(BUILT_IN) {
        Some(name) => FILES.iter().any(|(file, _)| *file == name),
        None => Path::new(location).is_file(),
    }
}

fn folders(root: &str) -> io::Result<Vec<String>> {
    let Some(prefix) = root.strip_prefix(BUILT_IN) else {
        return Ok(entries(root)?.into_iter().filter(|path| Path::new(path).is_dir()).collect());
    };
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let below = |name: &'static str| Some(name.strip_prefix(&*prefix)?.split_once('/')?.0);
    let mut names: Vec<&str> = FILES.iter().filter_map(|(name, _)| below(name)).collect();
    names.dedup();
    Ok(names.into_iter().map(|name| format!("{BUILT_IN}{prefix}{name}")).collect())
}

fn entries(folder: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let path = path.to_str().ok_or_else(|| io::Error::other("a name is not UTF-8"))?;
        found.push(path.to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined_without_leaving_their_root() {
        let rows = [
            ("builtin:/a/1", "xsd/k.xsd", "builtin:/a/1/xsd/k.xsd"),
            ("builtin:/a/1/xsd", "../../x.xsd", "builtin:/a/x.xsd"),
            ("builtin:/a", "../../../x", "builtin:/x"),
            ("/srv/s", "./b/../c.xsd", "/srv/s/c.xsd"),
            ("/srv/s", "/other.xsd", "/other.xsd"),
            ("../s", "../c", "../c"),
        ];
        for (folder, relative, expected) in rows {
            assert_eq!(join(folder, relative), expected);
        }
    }
}
