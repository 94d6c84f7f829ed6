//! ZIP archives byte by byte, so that tests can make what no packer makes.

use std::path::Path;

/// An archive that grows.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    files: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

/// The kind of a symbolic link in the upper half of the attributes.
const LINK: u32 = 0o120_777 << 16;
/// The kind of a plain file.
const FILE: u32 = 0o100_644 << 16;

impl Archive {
    /// Nothing in it yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a file under any name.
    #[must_use]
    pub fn with(self, name: &str, content: &[u8]) -> Self {
        self.entry(name, content, content.len(), FILE, 0)
    }

    /// With a symbolic link.
    #[must_use]
    pub fn with_link(self, name: &str, target: &str) -> Self {
        self.entry(name, target.as_bytes(), target.len(), LINK, 0)
    }

    /// With a file that says of itself to be packed by a method nobody knows.
    #[must_use]
    pub fn with_method(self, name: &str, content: &[u8], method: u16) -> Self {
        self.entry(name, content, content.len(), FILE, method)
    }

    /// With every file below `folder`, under names that begin with `prefix`.
    ///
    /// # Panics
    /// When the folder cannot be read.
    #[must_use]
    pub fn with_folder(mut self, prefix: &str, folder: &Path) -> Self {
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .expect("a folder of samples")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            let inside = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            self = match path.is_dir() {
                true => self.with_folder(&inside, &path),
                false => self.with(&inside, &std::fs::read(&path).expect("a file of samples")),
            };
        }
        self
    }

    fn entry(mut self, name: &str, content: &[u8], size: usize, kind: u32, method: u16) -> Self {
        let at = u32::try_from(self.files.len()).expect("a small archive");
        let size = u32::try_from(size).expect("a small file");
        let length = u16::try_from(name.len()).expect("a short name");
        let mut common = Vec::new();
        // The names are UTF-8.
        for word in [20_u16, 0x800, method, 0, 0x21] {
            common.extend(word.to_le_bytes());
        }
        for number in [crc32fast::hash(content), size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(length.to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        self.files.extend(b"PK\x03\x04");
        self.files.extend(&common);
        self.files.extend(name.as_bytes());
        self.files.extend(content);
        self.directory.extend(b"PK\x01\x02");
        // Made by Unix, so that the attributes hold a kind.
        self.directory.extend([20, 3]);
        self.directory.extend(&common);
        self.directory.extend([0; 6]);
        self.directory.extend(kind.to_le_bytes());
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count += 1;
        self
    }

    /// The archive.
    ///
    /// # Panics
    /// When it is beyond what one without extensions holds.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.files.clone();
        bytes.extend(&self.directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        for number in [self.directory.len(), self.files.len()] {
            bytes.extend(u32::try_from(number).expect("a small archive").to_le_bytes());
        }
        bytes.extend([0; 2]);
        bytes
    }
}
