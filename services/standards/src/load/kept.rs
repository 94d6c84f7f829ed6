//! Compiled tables, kept in a folder between starts, so that a start need not read every schema.
//!
//! A file is trusted only where it was made by the same code, with the same limits, of the same schemas
//! byte by byte; whatever else lies in its place is made anew. It says which files it was made of, and
//! which they were is part of the hash: a schema that is read now and was not then changes one that was.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use xsd::{CompileLimits, FileFault, Tables};

use crate::{load::standard::Standard, store};

/// Bytes of one file that are read at most; those of the largest published standard have half of one MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Files that tables are made of at most: a number that no standard comes near.
const SOURCES_MAX: usize = 10_000;

/// Bytes of a hash.
const HASH: usize = 32;

/// What says how schemas are found and read: another text of it makes other tables, perhaps.
const READING: [u64; 2] =
    [fingerprint(include_bytes!("schema.rs")), fingerprint(include_bytes!("alternation.rs"))];

/// The files that a schema set was compiled of, by every location they were asked for by, and what lies
/// there as [`digest`] tells it.
pub(crate) type Sources = BTreeMap<String, [u8; HASH]>;

/// A hash of what lies at `location`, and of where that is in truth: a link that leads elsewhere now leads to
/// other files beside it.
pub(crate) fn digest(location: &str, content: &[u8]) -> [u8; HASH] {
    let truth = fs::canonicalize(location).ok();
    let truth = truth.as_deref().and_then(Path::to_str).unwrap_or(location);
    let mut hash = Sha256::new();
    hash.update((truth.len() as u64).to_le_bytes());
    hash.update(truth);
    hash.update(content);
    hash.finalize().into()
}

/// A folder of tables.
#[derive(Debug)]
pub(crate) struct Kept<'f> {
    folder: &'f Path,
}

/// Why there are no tables to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Miss {
    /// It was not kept, or the standard has no XSD.
    #[error("nothing is kept")]
    Absent,
    /// It cannot be read.
    #[error("its file cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is no such file, or was made of something else.
    #[error("its file is not of use")]
    Fault(#[from] FileFault),
}

impl<'f> Kept<'f> {
    /// What is kept in `folder`, which need not be there.
    pub(crate) fn within(folder: &'f Path) -> Self {
        Self { folder }
    }

    /// The tables of `standard` as they are made of its schemas now.
    pub(crate) fn read(&self, standard: &Standard) -> Result<Tables, Miss> {
        let entry = standard.xsd.as_deref().ok_or(Miss::Absent)?;
        let path = self.path(standard);
        let length = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Miss::Absent),
            Err(error) => return Err(Miss::Unreadable(error)),
        };
        if length > FILE_BYTES_MAX {
            return Err(FileFault::NotTables.into());
        }
        let file = fs::read(&path).map_err(Miss::Unreadable)?;
        let (locations, tables) = split(&file).ok_or(FileFault::NotTables)?;
        let mut sources = Sources::new();
        for location in locations {
            // What is gone or cannot be read now is told by the schema's own reader.
            let bytes = store::read(location).map_err(|_| FileFault::OtherSchemas)?;
            sources.insert(location.to_owned(), digest(location, &bytes));
        }
        if !sources.contains_key(entry) {
            return Err(FileFault::OtherSchemas.into());
        }
        Ok(Tables::from_file(tables, &hash(standard, &sources))?)
    }

    /// Keeps the tables of `standard`, made of `sources`: whole or not at all, whoever else writes.
    pub(crate) fn write(
        &self,
        standard: &Standard,
        tables: &Tables,
        sources: &Sources,
    ) -> io::Result<()> {
        let mut folder = DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(self.folder)?;
        let mut file = Vec::new();
        put(&mut file, sources.len());
        for location in sources.keys() {
            put(&mut file, location.len());
            file.extend_from_slice(location.as_bytes());
        }
        file.extend_from_slice(&tables.to_file(&hash(standard, sources)));
        let path = self.path(standard);
        // Whoever else has this process number, on another machine, leaves a file that is not believed.
        let hidden = path.with_extension(format!("{}.new", std::process::id()));
        let written = fs::write(&hidden, &file).and_then(|()| fs::rename(&hidden, &path));
        written.inspect_err(|_| drop(fs::remove_file(&hidden)))
    }

    /// Id and version are names of folders.
    fn path(&self, standard: &Standard) -> PathBuf {
        self.folder.join(format!("{}_{}.tables", standard.id, standard.version))
    }
}

/// Of everything that makes tables what they are.
fn hash(standard: &Standard, sources: &Sources) -> [u8; HASH] {
    let mut hash = Sha256::new();
    READING.iter().for_each(|reading| hash.update(reading.to_le_bytes()));
    let CompileLimits { states_max, pattern_bytes_max, work_bytes_max } = CompileLimits::default();
    for limit in [states_max, pattern_bytes_max, work_bytes_max, sources.len()] {
        hash.update((limit as u64).to_le_bytes());
    }
    let entries = [standard.xsd.as_deref(), standard.catalog.as_deref()];
    for location in entries.into_iter().map(Option::unwrap_or_default) {
        hash.update((location.len() as u64).to_le_bytes());
        hash.update(location);
    }
    for (location, content) in sources {
        hash.update((location.len() as u64).to_le_bytes());
        hash.update(location);
        hash.update(content);
    }
    hash.finalize().into()
}

fn put(file: &mut Vec<u8>, number: usize) {
    file.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

/// The locations at the begin of a file, and what is behind them. Any bytes can be given.
fn split(mut file: &[u8]) -> Option<(Vec<&str>, &[u8])> {
    let number = |file: &mut &[u8]| {
        let (bytes, rest) = file.split_first_chunk()?;
        *file = rest;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let count = number(&mut file).filter(|count| *count <= SOURCES_MAX)?;
    let mut locations = Vec::new();
    for _ in 0..count {
        let length = number(&mut file)?;
        let (location, rest) = file.split_at_checked(length)?;
        locations.push(str::from_utf8(location).ok()?);
        file = rest;
    }
    Some((locations, file))
}

/// FNV-1a, made by the compiler: it tells texts of this program apart, which nobody chooses.
const fn fingerprint(mut text: &[u8]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    while let [first, rest @ ..] = text {
        hash = (hash ^ *first as u64).wrapping_mul(0x0100_0000_01B3);
        text = rest;
    }
    hash
}
