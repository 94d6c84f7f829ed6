//! Looks for damage in SQLite's write-ahead log that SQLite itself takes for its end.
//!
//! SQLite reads the log up to the first frame whose checksum is wrong and forgets the rest without
//! a word. That is right for what a power cut left of the last transaction, and wrong for a damaged
//! frame in the middle: with `synchronous=FULL` every transaction before the last one reached the
//! disk and may have been receipted. So a wrong frame with two ends of transactions after (or in)
//! it is damage, because the first of them was on the disk before the second was begun.
//!
//! The format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

use messaging::Result;

use super::file::{damaged, unreadable};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const PAGE_BYTES: std::ops::RangeInclusive<usize> = 512..=65_536;

type Sum = (u32, u32);

/// Refuses a log that lost transactions in its middle.
pub(super) fn check(path: &Path) -> Result<()> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unreadable(&error)),
        Ok(file) => match has_hole(BufReader::new(file)) {
            Ok(false) => Ok(()),
            Ok(true) => Err(damaged("its write-ahead log is damaged before its end")),
            Err(error) => Err(unreadable(&error)),
        },
    }
}

fn has_hole(mut log: impl Read) -> io::Result<bool> {
    let mut header = [0; HEADER_BYTES];
    // Shorter than its header, or never written: nothing was in it.
    if !fill(&mut log, &mut header)? || header == [0; HEADER_BYTES] {
        return Ok(false);
    }
    let page_bytes = usize::try_from(word(&header, 8)).unwrap_or(usize::MAX);
    let is_big_endian = word(&header, 0) & 1 == 1;
    let (summed, _) = header.split_at(24);
    let mut sum = checksum(summed, (0, 0), is_big_endian);
    if sum != (word(&header, 24), word(&header, 28)) || !PAGE_BYTES.contains(&page_bytes) {
        return Ok(true);
    }
    let salts = (word(&header, 16), word(&header, 20));
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let (mut is_broken, mut ends) = (false, 0);
    while fill(&mut log, &mut frame)? {
        if (word(&frame, 8), word(&frame, 12)) != salts {
            // Left from an earlier round through the file: the end, unless the frame is damaged.
            is_broken = true;
            continue;
        }
        let told = (word(&frame, 16), word(&frame, 20));
        let (start, page) = frame.split_at(FRAME_HEADER_BYTES);
        let computed = checksum(start.get(..8).unwrap_or_default(), sum, is_big_endian);
        let is_right = checksum(page, computed, is_big_endian) == told;
        let is_first_wrong = !is_right && !is_broken;
        is_broken |= !is_right;
        let is_end = word(&frame, 4) != 0;
        ends += u32::from(is_broken && is_end && (is_right || is_first_wrong));
        // Each sum goes into the next, so the one a frame tells shows whether its successor is right.
        sum = told;
    }
    Ok(2 <= ends)
}

/// Whether there was enough to fill `buffer`.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

fn checksum(bytes: &[u8], (mut a, mut b): Sum, is_big_endian: bool) -> Sum {
    let (words, _) = bytes.as_chunks::<4>();
    let read = |word: [u8; 4]| {
        if is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    };
    let (pairs, _) = words.as_chunks::<2>();
    for [first, second] in pairs {
        a = a.wrapping_add(read(*first)).wrapping_add(b);
        b = b.wrapping_add(read(*second)).wrapping_add(a);
    }
    (a, b)
}
