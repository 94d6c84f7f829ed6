//! Where things end in the text of a document. Nothing here knows a schema.

pub(crate) mod decode;
pub(crate) mod markup;

use crate::{
    lanes::{Lanes, WIDTH, below_lowest, load},
    simple::text::is_space,
};

/// A stretch of text or of an attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) end: usize,
    /// Printable ASCII only.
    pub(crate) is_plain: bool,
    /// References, or what may not stand as it is.
    pub(crate) has_markup: bool,
}

/// Not printable ASCII.
#[inline(always)]
fn odd<L: Lanes>(lanes: L) -> L {
    lanes.is_within(0x00, 0x1F).or(lanes.is_within(0x7F, 0xFF))
}

/// Text up to the next `<`; `None` where there is none.
#[inline(always)]
pub(crate) fn text<L: Lanes>(bytes: &[u8], from: usize) -> Option<Stretch> {
    stretch::<L>(bytes, from, b'<', b']')
}

/// An attribute's value up to its `quote`.
#[inline(always)]
pub(crate) fn quoted<L: Lanes>(bytes: &[u8], from: usize, quote: u8) -> Option<Stretch> {
    stretch::<L>(bytes, from, quote, b'<')
}

#[inline(always)]
fn stretch<L: Lanes>(bytes: &[u8], from: usize, end: u8, special: u8) -> Option<Stretch> {
    let (mut at, mut odds, mut specials) = (from, 0, 0);
    loop {
        let lanes: L = load(bytes, at);
        let ends = lanes.is(end).bits();
        let odd = odd(lanes).bits();
        let markup = lanes.is(b'&').or(lanes.is(special)).bits();
        if ends != 0 {
            let before = below_lowest(ends);
            (odds, specials) = (odds | (odd & before), specials | (markup & before));
            let end = at + ends.trailing_zeros() as usize;
            return Some(Stretch { end, is_plain: odds == 0, has_markup: specials != 0 });
        }
        (odds, specials, at) = (odds | odd, specials | markup, at + WIDTH);
        if at >= bytes.len() {
            return None;
        }
    }
}

/// The first byte that is no white space; perhaps the end.
#[inline(always)]
pub(crate) fn skip_space<L: Lanes>(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        let lanes: L = load(bytes, at);
        let lines = lanes.is_within(b'\t', b'\n').or(lanes.is(b'\r'));
        let other = !lanes.is(b' ').or(lines).bits() & 0xFFFF;
        if other != 0 {
            return at + other.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
}

/// The same where hardly any is expected.
#[inline(always)]
pub(crate) fn skip_little_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}

/// A name as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawName {
    pub(crate) end: usize,
    /// The first colon.
    pub(crate) colon: Option<usize>,
}

/// A name up to white space, `>`, `/` or `stop`. Whether it is one at all shows when it is looked up.
#[inline(always)]
pub(crate) fn name<L: Lanes>(bytes: &[u8], from: usize, stop: u8) -> RawName {
    let (mut at, mut colon) = (from, None);
    loop {
        let lanes: L = load(bytes, at);
        let below = lanes.is_within(0x00, 0x20);
        let ends = below.or(lanes.is(b'>')).or(lanes.is(b'/')).or(lanes.is(stop)).bits();
        let colons = lanes.is(b':').bits();
        if colon.is_none() && colons != 0 && (ends == 0 || colons & below_lowest(ends) != 0) {
            colon = Some(at + colons.trailing_zeros() as usize);
        }
        if ends != 0 {
            return RawName { end: at + ends.trailing_zeros() as usize, colon };
        }
        at += WIDTH;
    }
}

/// Whether the `length` bytes at `left` and at `right` are the same.
#[inline(always)]
pub(crate) fn are_same(bytes: &[u8], left: usize, right: usize, length: usize) -> bool {
    let of = |at: usize| bytes.get(at..)?.get(..length);
    of(left).is_some_and(|left| of(right) == Some(left))
}

/// Where `pattern` stands next.
pub(crate) fn find(bytes: &[u8], from: usize, pattern: &[u8]) -> Option<usize> {
    let first = *pattern.first()?;
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let next = rest.iter().position(|byte| *byte == first)?;
        at += next;
        if bytes.get(at..)?.starts_with(pattern) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests;
