//! Tells the crate which text it is compiled from: tables in files are of use only to the very code that
//! made them.

use std::{
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files)?;
    // The crates it stands on, where it is built in their company.
    files.push(root.join("../../Cargo.lock"));
    files.sort();
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    println!("cargo:rerun-if-changed={}", root.join("src").display());
    for file in files.iter().filter(|file| file.is_file()) {
        println!("cargo:rerun-if-changed={}", file.display());
        let mut text = Vec::new();
        fs::File::open(file)?.read_to_end(&mut text)?;
        // FNV-1a: it tells texts apart that nobody chooses.
        for byte in text {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    println!("cargo:rustc-env=XSD_TEXT={hash:016x}");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "proof") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
