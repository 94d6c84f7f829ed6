//! Declarations, comments, processing instructions and CDATA.

use super::find;
use crate::{
    lanes::Lanes,
    simple::text::{is_ncname, is_space, is_xml, trim},
    verdict::{Doubted, Reason},
};

/// Where the document begins behind its byte order mark and its declaration. Only version 1.0 and
/// UTF-8 are taken.
pub(crate) fn prolog(bytes: &[u8]) -> Doubted<usize> {
    let begin = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let rest = bytes.get(begin..).unwrap_or_default();
    let is_declaration =
        rest.starts_with(b"<?xml") && rest.get(5).is_some_and(|byte| is_space(*byte));
    if !is_declaration {
        return Ok(begin);
    }
    let end = find(rest, 5, b"?>").ok_or(Reason::Syntax)?;
    let mut left = rest.get(5..end).unwrap_or_default();
    let version = pseudo_attribute(&mut left, b"version")?;
    let encoding = pseudo_attribute(&mut left, b"encoding")?;
    let standalone = pseudo_attribute(&mut left, b"standalone")?;
    if version != Some(b"1.0") {
        return Err(Reason::Encoding);
    }
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"utf-8")) {
        return Err(Reason::Encoding);
    }
    let is_fine = standalone.is_none_or(|standalone| standalone == b"yes" || standalone == b"no");
    if is_fine && trim(left).is_empty() { Ok(begin + end + 2) } else { Err(Reason::Syntax) }
}

/// Takes ` name="value"` from the begin of `left`, if it is there.
fn pseudo_attribute<'b>(left: &mut &'b [u8], name: &[u8]) -> Doubted<Option<&'b [u8]>> {
    let Some((first, _)) = left.split_first() else { return Ok(None) };
    let Some(rest) = trim_start(left).strip_prefix(name) else { return Ok(None) };
    let rest = trim_start(rest).strip_prefix(b"=").ok_or(Reason::Syntax)?;
    let (quote, rest) = trim_start(rest).split_first().ok_or(Reason::Syntax)?;
    let end = rest.iter().position(|byte| byte == quote).ok_or(Reason::Syntax)?;
    let (value, rest) = rest.split_at_checked(end).ok_or(Reason::Syntax)?;
    if !is_space(*first) || !matches!(quote, b'"' | b'\'') {
        return Err(Reason::Syntax);
    }
    *left = rest.get(1..).unwrap_or_default();
    Ok(Some(value))
}

fn trim_start(text: &[u8]) -> &[u8] {
    let at = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    text.get(at..).unwrap_or_default()
}

/// The end of the comment that begins at `at` with `<!--`.
pub(crate) fn comment<L: Lanes>(bytes: &[u8], at: usize) -> Doubted<usize> {
    let end = find(bytes, at + 4, b"--").ok_or(Reason::End)?;
    let is_fine = bytes.get(end + 2) == Some(&b'>') && holds_xml::<L>(bytes, at + 4, end);
    if is_fine { Ok(end + 3) } else { Err(Reason::Syntax) }
}

/// The end of the processing instruction that begins at `at`; its target is a name of at most so many
/// bytes.
pub(crate) fn instruction<L: Lanes>(bytes: &[u8], at: usize, name_max: usize) -> Doubted<usize> {
    let end = find(bytes, at + 2, b"?>").ok_or(Reason::End)?;
    let body = bytes.get(at + 2..end).unwrap_or_default();
    let target = body.iter().position(|byte| is_space(*byte)).unwrap_or(body.len());
    let target = body.get(..target).unwrap_or_default();
    if name_max < target.len() {
        return Err(Reason::Size);
    }
    let is_fine = is_ncname(target) && !target.eq_ignore_ascii_case(b"xml");
    if is_fine && is_xml::<L>(body) { Ok(end + 2) } else { Err(Reason::Syntax) }
}

/// What the CDATA section that begins at `at` holds; `None` where there is none.
pub(crate) fn cdata<L: Lanes>(bytes: &[u8], at: usize) -> Doubted<Option<(usize, usize)>> {
    const OPEN: &[u8] = b"<![CDATA[";
    if !bytes.get(at..).is_some_and(|rest| rest.starts_with(OPEN)) {
        return Ok(None);
    }
    let begin = at + OPEN.len();
    let end = find(bytes, begin, b"]]>").ok_or(Reason::End)?;
    if holds_xml::<L>(bytes, begin, end) { Ok(Some((begin, end))) } else { Err(Reason::Characters) }
}

fn holds_xml<L: Lanes>(bytes: &[u8], from: usize, to: usize) -> bool {
    is_xml::<L>(bytes.get(from..to).unwrap_or_default())
}
