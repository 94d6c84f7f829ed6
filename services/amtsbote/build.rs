//! Puts the pages of the codes and the examples of the built-in standards into the program.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = String::new();
    let pages = root.join("docs/errors");
    embed(&mut code, "PAGES", &pages, |path| path.extension().is_some_and(|e| e == "md"))?;
    let schemas = root.join("schemas");
    embed(&mut code, "EXAMPLES", &schemas, |path| {
        let is_document = path.extension().is_some_and(|e| e == "xml" || e == "json");
        let is_expectation = path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.contains("expected") || name.contains("canonical")
        });
        is_document && !is_expectation && path.components().any(|c| c.as_os_str() == "examples")
    })?;
    fs::write(PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("embedded.rs"), code)
}

/// `pub(crate) const <name>: &[(&str, &[u8])]`: paths below `folder` and their bytes, in order.
fn embed(
    code: &mut String,
    name: &str,
    folder: &Path,
    is_wanted: impl Fn(&Path) -> bool,
) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    writeln!(code, "pub(crate) const {name}: &[(&str, &[u8])] = &[").expect("writing to a string");
    for file in files.iter().filter(|file| is_wanted(file)) {
        let below = file.strip_prefix(folder).expect("collected below it");
        writeln!(code, "    ({below:?}, include_bytes!({file:?})),").expect("writing to a string");
    }
    code.push_str("];\n");
    Ok(())
}

/// Nothing below a folder that does not exist.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
