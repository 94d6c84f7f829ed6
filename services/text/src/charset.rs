//! Character sets of departmental systems: what they hold, and how a text is written in one.
//!
//! These are the sets themselves, not the labels of the web: ISO-8859-1 has its control characters
//! U+0080 to U+009F where Windows-1252 has `€`, `„` and `Š`.

mod loss;
mod target;

use std::{fmt, str::FromStr};

use thiserror::Error;

pub use loss::{Encoded, Loss, NotCarried, Uncarried};
pub use target::{Policy, Target};

/// Bytes 0x80 to 0x9F of Windows-1252; five are not assigned.
const WINDOWS_1252_HIGH: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', //
    '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// Where ISO-8859-15 differs from ISO-8859-1.
const ISO_8859_15_CHANGES: [(u8, char); 8] = [
    (0xA4, '€'),
    (0xA6, 'Š'),
    (0xA8, 'š'),
    (0xB4, 'Ž'),
    (0xB8, 'ž'),
    (0xBC, 'Œ'),
    (0xBD, 'œ'),
    (0xBE, 'Ÿ'),
];

/// A character set that can be written and read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charset {
    /// All of Unicode, one to four bytes per character.
    Utf8,
    /// Latin-1: U+0000 to U+00FF, with the control characters U+0080 to U+009F.
    Iso8859_1,
    /// Latin-9: Latin-1 with `€`, `Š`, `š`, `Ž`, `ž`, `Œ`, `œ`, `Ÿ` for eight of its signs.
    Iso8859_15,
    /// Latin-1 with 27 printable characters for the control characters; the other five are nothing.
    Windows1252,
    /// U+0000 to U+007F.
    Ascii,
}

impl Charset {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Utf8, Self::Iso8859_1, Self::Iso8859_15, Self::Windows1252, Self::Ascii];

    /// The name as configurations and declarations have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Iso8859_1 => "ISO-8859-1",
            Self::Iso8859_15 => "ISO-8859-15",
            Self::Windows1252 => "windows-1252",
            Self::Ascii => "US-ASCII",
        }
    }

    /// Whether it has every character of `text` as it is.
    #[must_use]
    pub fn carries(self, text: &str) -> bool {
        self == Self::Utf8 || text.chars().all(|character| self.byte(character).is_some())
    }

    /// Reads bytes of this character set; a byte order mark is a character.
    ///
    /// # Errors
    /// When a byte is not of it.
    pub fn decode(self, bytes: &[u8]) -> Result<String, NotDecoded> {
        let malformed = |at| NotDecoded { at, charset: self };
        if self == Self::Utf8 {
            let text =
                std::str::from_utf8(bytes).map_err(|fault| malformed(fault.valid_up_to()))?;
            return Ok(text.to_owned());
        }
        let characters = bytes.iter().enumerate();
        characters.map(|(at, byte)| self.character(*byte).ok_or_else(|| malformed(at))).collect()
    }

    /// The byte that is `character`; `None` also in UTF-8 beyond ASCII, where it is more than one.
    pub(crate) fn byte(self, character: char) -> Option<u8> {
        if character.is_ascii() {
            return u8::try_from(character).ok();
        }
        let changed = ISO_8859_15_CHANGES.iter();
        match self {
            Self::Utf8 | Self::Ascii => None,
            Self::Iso8859_1 => u8::try_from(character).ok(),
            Self::Iso8859_15 => match changed.clone().find(|(_, new)| *new == character) {
                Some((byte, _)) => Some(*byte),
                None => u8::try_from(character)
                    .ok()
                    .filter(|byte| changed.clone().all(|(gone, _)| gone != byte)),
            },
            Self::Windows1252 => match u8::try_from(character) {
                Ok(byte) => (0xA0 <= byte).then_some(byte),
                Err(_) => (0x80..)
                    .zip(WINDOWS_1252_HIGH)
                    .find(|(_, high)| *high == character)
                    .map(|(byte, _)| byte),
            },
        }
    }

    /// The character that is `byte`, in a set of one byte per character.
    fn character(self, byte: u8) -> Option<char> {
        let plain = char::from(byte);
        match self {
            _ if byte.is_ascii() => Some(plain),
            Self::Utf8 | Self::Ascii => None,
            Self::Iso8859_1 => Some(plain),
            Self::Iso8859_15 => {
                let changed = ISO_8859_15_CHANGES.iter().find(|(place, _)| *place == byte);
                Some(changed.map_or(plain, |(_, new)| *new))
            }
            Self::Windows1252 => match WINDOWS_1252_HIGH.get(usize::from(byte - 0x80)) {
                Some('\0') => None,
                Some(high) => Some(*high),
                None => Some(plain),
            },
        }
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Charset {
    type Err = UnknownCharset;

    fn from_str(name: &str) -> Result<Self, UnknownCharset> {
        let is_named = |charset: &Self| charset.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_named).ok_or(UnknownCharset)
    }
}

/// A name that is none of a character set here.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("no character set; there are UTF-8, ISO-8859-1, ISO-8859-15, windows-1252 and US-ASCII")]
pub struct UnknownCharset;

/// Bytes that are not of their character set.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("byte {at} is not {charset}")]
pub struct NotDecoded {
    /// Offset of the first wrong byte.
    pub at: usize,
    /// What the bytes were read as.
    pub charset: Charset,
}

#[cfg(test)]
mod tests {
    use encoding_rs::Encoding;

    use super::*;

    fn check_against(charset: Charset, reference: &'static Encoding, is_special: fn(u8) -> bool) {
        for byte in 0..=u8::MAX {
            let decoded = charset.decode(&[byte]);
            if is_special(byte) {
                continue;
            }
            let bytes = [byte];
            let (expected, _) = reference.decode_without_bom_handling(&bytes);
            assert_eq!(decoded.as_deref(), Ok(&*expected), "{charset} {byte:X}");
        }
    }

    #[test]
    fn every_byte_is_what_a_second_implementation_says() {
        let undefined = |byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D);
        check_against(Charset::Windows1252, encoding_rs::WINDOWS_1252, undefined);
        check_against(Charset::Iso8859_15, encoding_rs::ISO_8859_15, |_| false);
        // There, this name means Windows-1252, and differs in the control characters.
        let control = |byte| (0x80..0xA0).contains(&byte);
        check_against(Charset::Iso8859_1, encoding_rs::WINDOWS_1252, control);
    }

    #[test]
    fn bytes_80_to_9f_are_control_characters_where_they_are() {
        for byte in 0x80..0xA0_u8 {
            let control = String::from(char::from(byte));
            for charset in [Charset::Iso8859_1, Charset::Iso8859_15] {
                assert_eq!(charset.decode(&[byte]).unwrap(), control);
                assert!(charset.carries(&control));
            }
            assert!(!Charset::Windows1252.carries(&control));
        }
        for byte in [0x81, 0x8D, 0x8F, 0x90, 0x9D] {
            let fault = Charset::Windows1252.decode(&[b'a', byte]).unwrap_err();
            assert_eq!(fault.to_string(), "byte 1 is not windows-1252");
        }
    }

    #[test]
    fn what_is_written_is_what_is_read_for_every_byte_and_character() {
        for charset in Charset::ALL {
            for byte in 0..=u8::MAX {
                if let Ok(text) = charset.decode(&[byte]) {
                    let read: Option<Vec<u8>> = text.chars().map(|c| charset.byte(c)).collect();
                    assert_eq!(read, Some(vec![byte]));
                }
            }
            for character in (0..0x3000).filter_map(char::from_u32) {
                if let Some(byte) = charset.byte(character) {
                    assert_eq!(charset.decode(&[byte]), Ok(character.to_string()));
                }
            }
        }
        assert_eq!(Charset::Utf8.decode(b"ab\xC3").unwrap_err().at, 2);
        assert_eq!(Charset::Ascii.decode(b"ab\xC3").unwrap_err().at, 2);
    }

    #[test]
    fn a_character_set_is_known_by_its_name() {
        for charset in Charset::ALL {
            assert_eq!(charset.name().parse(), Ok(charset));
            assert_eq!(charset.name().to_ascii_lowercase().parse(), Ok(charset));
        }
        assert_eq!("latin1".parse::<Charset>(), Err(UnknownCharset));
    }
}
