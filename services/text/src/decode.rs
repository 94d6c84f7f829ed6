//! Finds out a document's encoding from its byte order mark and declaration, and transcodes it to
//! UTF-8. Nothing is ever replaced: bytes that are not of their encoding are an error.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, Encoding as Table};
use thiserror::Error;

/// How far into a document its declaration may reach, in bytes.
const DECLARATION_BYTES_MAX: usize = 512;

/// The encodings that are read. `ISO-8859-1` is read as windows-1252, as everywhere on the web:
/// bytes 0x80 to 0x9F become printable instead of control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// With or without byte order mark.
    Utf8,
    /// Little-endian.
    Utf16Le,
    /// Big-endian.
    Utf16Be,
    /// Also where ISO-8859-1 or US-ASCII is declared.
    Windows1252,
    /// Latin-9, with the euro sign.
    Iso8859_15,
}

impl Encoding {
    /// The name as a declaration has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
            Self::Windows1252 => "windows-1252",
            Self::Iso8859_15 => "ISO-8859-15",
        }
    }

    fn of_label(label: &str) -> Option<Self> {
        match label.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "utf-16" | "utf-16le" => Some(Self::Utf16Le),
            "utf-16be" => Some(Self::Utf16Be),
            "iso-8859-1" | "latin1" | "us-ascii" | "ascii" | "windows-1252" | "cp1252" => {
                Some(Self::Windows1252)
            }
            "iso-8859-15" | "latin9" => Some(Self::Iso8859_15),
            _ => None,
        }
    }

    fn table(self) -> &'static Table {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
            Self::Iso8859_15 => encoding_rs::ISO_8859_15,
        }
    }

    fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }
}

/// A document as UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Without byte order mark, as the declaration says otherwise: an XML declaration in it may
    /// still name the original encoding.
    pub text: Cow<'a, str>,
    /// What the bytes were.
    pub encoding: Encoding,
}

/// Only sizes: a document can hold personal data.
impl std::fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("bytes", &self.text.len())
            .field("encoding", &self.encoding)
            .finish()
    }
}

/// Why bytes are no text.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The declaration names an encoding that is not read.
    #[error("encoding `{0}` is not read here")]
    Unknown(String),
    /// Byte order mark and declaration name different encodings.
    #[error("declared as {declared}, but the byte order mark says {found}")]
    Contradiction {
        /// By the declaration.
        declared: &'static str,
        /// By the byte order mark.
        found: &'static str,
    },
    /// The bytes are not of the encoding.
    #[error("byte {at} is not {encoding}")]
    Malformed {
        /// Offset of the first wrong byte.
        at: usize,
        /// From 1: the line it is in.
        line: u32,
        /// The encoding the bytes are said to be.
        encoding: &'static str,
    },
}

/// Transcodes an XML document: byte order mark first, then declaration, then UTF-8.
///
/// # Errors
/// When the encoding is not read here, or the bytes are not of it.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    let (marked, bytes) = split_mark(bytes);
    let assumed = marked.or_else(|| utf16_without_mark(bytes)).unwrap_or(Encoding::Utf8);
    let declared = match declared_label(bytes, assumed) {
        None => None,
        Some(label) => Some(
            Encoding::of_label(&label).ok_or_else(|| DecodeError::Unknown(printable(&label)))?,
        ),
    };
    let encoding = match declared {
        None => assumed,
        Some(declared) if declared.is_utf16() && assumed.is_utf16() => assumed,
        Some(declared) if declared == assumed => assumed,
        Some(declared) if marked.is_some() || assumed.is_utf16() || declared.is_utf16() => {
            return Err(DecodeError::Contradiction {
                declared: declared.name(),
                found: assumed.name(),
            });
        }
        Some(declared) => declared,
    };
    transcode(bytes, encoding)
}

/// Transcodes a JSON document: byte order mark, else UTF-16 by its zero bytes, else UTF-8.
///
/// # Errors
/// When the bytes are not of the encoding.
pub fn decode_json(bytes: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    let (marked, bytes) = split_mark(bytes);
    let encoding = marked.or(match bytes {
        [0, first, ..] if *first != 0 => Some(Encoding::Utf16Be),
        [first, 0, ..] if *first != 0 => Some(Encoding::Utf16Le),
        _ => None,
    });
    transcode(bytes, encoding.unwrap_or(Encoding::Utf8))
}

fn split_mark(bytes: &[u8]) -> (Option<Encoding>, &[u8]) {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Some(Encoding::Utf8), rest),
        [0xFF, 0xFE, rest @ ..] => (Some(Encoding::Utf16Le), rest),
        [0xFE, 0xFF, rest @ ..] => (Some(Encoding::Utf16Be), rest),
        _ => (None, bytes),
    }
}

fn utf16_without_mark(bytes: &[u8]) -> Option<Encoding> {
    match bytes {
        [b'<', 0, ..] => Some(Encoding::Utf16Le),
        [0, b'<', ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// The `encoding` of the XML declaration, if there is one within reach.
fn declared_label(bytes: &[u8], assumed: Encoding) -> Option<String> {
    let head = bytes.get(..DECLARATION_BYTES_MAX.min(bytes.len()))?;
    let head: Cow<'_, [u8]> = match assumed {
        Encoding::Utf16Le => Cow::Owned(head.iter().copied().step_by(2).collect()),
        Encoding::Utf16Be => Cow::Owned(head.iter().copied().skip(1).step_by(2).collect()),
        _ => Cow::Borrowed(head),
    };
    let declaration = head.strip_prefix(b"<?xml")?;
    let end = declaration.windows(2).position(|pair| pair == b"?>")?;
    let declaration: String =
        declaration.get(..end)?.iter().map(|byte| char::from(*byte)).collect();
    let after = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(after.split(quote).nth(1)?.trim().to_owned())
}

/// A label as it may be shown: short and harmless.
fn printable(label: &str) -> String {
    label.chars().filter(|c| c.is_ascii_graphic()).take(40).collect()
}

fn transcode(bytes: &[u8], encoding: Encoding) -> Result<Decoded<'_>, DecodeError> {
    if encoding == Encoding::Utf8 {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| malformed(bytes, error.valid_up_to(), encoding))?;
        return Ok(Decoded { text: Cow::Borrowed(text), encoding });
    }
    let mut decoder = encoding.table().new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(capacity.unwrap_or(0));
    let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
    match result {
        DecoderResult::InputEmpty => Ok(Decoded { text: Cow::Owned(text), encoding }),
        DecoderResult::Malformed(len, after) => {
            let at = read.saturating_sub(usize::from(len) + usize::from(after));
            Err(malformed(bytes, at, encoding))
        }
        DecoderResult::OutputFull => Err(malformed(bytes, read, encoding)),
    }
}

fn malformed(bytes: &[u8], at: usize, encoding: Encoding) -> DecodeError {
    let before = bytes.get(..at).unwrap_or(bytes);
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    let line = u32::try_from(lines + 1).unwrap_or(u32::MAX);
    DecodeError::Malformed { at, line, encoding: encoding.name() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    }

    #[test]
    fn every_allowed_encoding_becomes_the_same_text() {
        let text =
            |label: &str| format!("<?xml version=\"1.0\" encoding=\"{label}\"?><a>Löbau</a>");
        let latin = |label: &str| text(label).chars().map(|c| c as u8).collect::<Vec<_>>();
        let marked = |mark: &[u8], body: Vec<u8>| [mark, &body].concat();
        let rows: Vec<(Vec<u8>, Encoding)> = vec![
            (text("UTF-8").into_bytes(), Encoding::Utf8),
            (marked(&[0xEF, 0xBB, 0xBF], text("utf-8").into_bytes()), Encoding::Utf8),
            (marked(&[0xFF, 0xFE], utf16(&text("UTF-16"), false)), Encoding::Utf16Le),
            (marked(&[0xFE, 0xFF], utf16(&text("UTF-16"), true)), Encoding::Utf16Be),
            (utf16(&text("UTF-16LE"), false), Encoding::Utf16Le),
            (latin("ISO-8859-1"), Encoding::Windows1252),
            (latin("windows-1252"), Encoding::Windows1252),
            (latin("ISO-8859-15"), Encoding::Iso8859_15),
        ];
        for (bytes, encoding) in rows {
            let decoded = decode(&bytes).unwrap();
            assert_eq!(decoded.encoding, encoding);
            assert!(decoded.text.ends_with("<a>Löbau</a>"), "{encoding:?}");
        }
    }

    #[test]
    fn nothing_is_replaced_by_a_question_mark() {
        let wrong = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>L\xF6bau</a>";
        let error = decode(wrong).unwrap_err();
        assert_eq!(error, DecodeError::Malformed { at: 43, line: 2, encoding: "UTF-8" });
        let odd = [&[0xFF, 0xFE][..], b"<\0a"].concat();
        assert!(matches!(decode(&odd), Err(DecodeError::Malformed { .. })));
    }

    #[test]
    fn an_encoding_that_is_not_read_is_named() {
        let error = decode(b"<?xml version='1.0' encoding='EBCDIC-DE'?><a/>").unwrap_err();
        assert_eq!(error, DecodeError::Unknown("EBCDIC-DE".to_owned()));
    }

    #[test]
    fn mark_and_declaration_must_agree() {
        let marked = b"\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>";
        assert!(matches!(decode(marked), Err(DecodeError::Contradiction { .. })));
        let plain = b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>";
        assert!(matches!(decode(plain), Err(DecodeError::Contradiction { .. })));
    }

    #[test]
    fn json_is_read_in_utf_8_and_utf_16() {
        assert_eq!(decode_json("{\"a\":\"ö\"}".as_bytes()).unwrap().encoding, Encoding::Utf8);
        let wide = utf16("{\"a\":\"ö\"}", false);
        assert_eq!(decode_json(&wide).unwrap().text, "{\"a\":\"ö\"}");
    }
}
