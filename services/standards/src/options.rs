//! What the engine is told at start: where standards lie, how many threads, which bounds.

use std::{
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};

/// How to load and run the engine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folders `<standard>/<version>/standard.toml` (and `dialects/*.toml`) beside the built-in ones.
    pub paths: Vec<PathBuf>,
    /// Folders of single versions below `paths` that are passed over, as others are to take their place.
    pub except: Vec<PathBuf>,
    /// Threads that check documents; at least 1. Default: one per core.
    pub workers: usize,
    /// Bounds on every document.
    pub limits: Limits,
    /// Where compiled tables are kept between starts; the folder is made when something is to be kept, and
    /// need not be writable. Default: nowhere, so that they are made when a document needs them.
    pub tables: Option<PathBuf>,
    /// Of a million documents that are proven valid, how many go the validator's way too. Default 0.
    pub cross_check_ppm: u32,
    /// Is given each document whose check fails by a fault of ours, and each that is proven valid and
    /// judged or carried otherwise by the validator's way. Default: nobody.
    pub on_defect: Option<OnDefect>,
}

/// What is done with such a document, on the worker's thread: why, and its bytes as received.
pub type Keep = dyn Fn(&'static str, &[u8]) + Send + Sync;

/// Is given the bytes of a document that showed a fault of ours.
#[derive(Clone)]
pub struct OnDefect(pub Arc<Keep>);

impl OnDefect {
    /// Gives `bytes` away. A panic of whoever takes them changes no verdict.
    pub(crate) fn give(&self, code: &'static str, bytes: &[u8]) {
        drop(catch_unwind(AssertUnwindSafe(|| (self.0)(code, bytes))));
    }
}

impl fmt::Debug for OnDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDefect")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            except: Vec::new(),
            workers: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            limits: Limits::default(),
            tables: None,
            cross_check_ppm: 0,
            on_defect: None,
        }
    }
}

/// Bounds on what is read, so that no document costs more than its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one document as received. Default 64 MiB.
    pub document_bytes_max: usize,
    /// Elements within each other, or JSON arrays and objects. Default 256, at most 256.
    pub depth_max: usize,
    /// Attributes of one element, namespace declarations among them. Default 128.
    pub attributes_max: usize,
    /// Bytes of one attribute's value. Default 64 KiB.
    pub attribute_bytes_max: usize,
    /// Bytes of one element's or attribute's name. Default 1,024.
    pub name_bytes_max: usize,
    /// Elements of one document, or JSON values. Default 2,000,000.
    pub elements_max: usize,
    /// Violations reported; the total is counted beyond. Default 1,000.
    pub violations_max: usize,
    /// Documents waiting for a worker. Default 1,024.
    pub queue_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes_max: 64 << 20,
            depth_max: 256,
            attributes_max: 128,
            attribute_bytes_max: 64 << 10,
            name_bytes_max: 1024,
            elements_max: 2_000_000,
            violations_max: 1_000,
            queue_max: 1_024,
        }
    }
}
