//! Tables as the bytes of a file: with the text of the code that made them, with the hash of the schemas
//! they were made of, and with a hash of themselves.

use sha2::{Digest as _, Sha256};

use super::Tables;

/// The first bytes of every file.
const MAGIC: &[u8; 8] = b"xsdtable";

/// The text this crate was compiled from: what is written, and what it means, is that of no other.
const TEXT: &[u8] = env!("XSD_TEXT").as_bytes();

/// Bytes of a hash.
const HASH: usize = 32;

/// Why bytes are not the tables that were asked for. They are to be compiled anew then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// Something else.
    #[error("not a file of tables")]
    NotTables,
    /// By another build of this crate, of another text.
    #[error("tables of another version")]
    Version,
    /// Of other schemas.
    #[error("tables of other schemas")]
    OtherSchemas,
    /// Damaged.
    #[error("damaged tables")]
    Damaged,
}

impl Tables {
    /// The tables as bytes; `schemas` is a hash of everything they were made of, which the caller takes.
    #[must_use]
    pub fn to_file(&self, schemas: &[u8; 32]) -> Vec<u8> {
        let body = self.to_bytes();
        let mut file = Vec::with_capacity(body.len() + 128);
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(TEXT);
        file.extend_from_slice(schemas);
        file.extend_from_slice(&Sha256::digest(&body));
        file.extend_from_slice(&body);
        file
    }

    /// Reads what [`to_file`](Self::to_file) wrote for the same schemas. Any bytes can be given.
    ///
    /// # Errors
    /// When they are anything else.
    pub fn from_file(file: &[u8], schemas: &[u8; 32]) -> Result<Self, FileFault> {
        let rest = file.strip_prefix(MAGIC).ok_or(FileFault::NotTables)?;
        let (version, rest) = rest.split_at_checked(TEXT.len()).ok_or(FileFault::NotTables)?;
        if version != TEXT {
            return Err(FileFault::Version);
        }
        let (of, rest) = rest.split_first_chunk::<HASH>().ok_or(FileFault::Damaged)?;
        if of != schemas {
            return Err(FileFault::OtherSchemas);
        }
        let (hash, body) = rest.split_first_chunk::<HASH>().ok_or(FileFault::Damaged)?;
        if Sha256::digest(body).as_slice() != hash {
            return Err(FileFault::Damaged);
        }
        Self::from_bytes(body).ok_or(FileFault::Damaged)
    }
}
