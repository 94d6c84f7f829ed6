//! Signs that are no letters, in ASCII: the mapping for character sets that lack them.
//!
//! The norm has no such mapping. Here are only those signs whose ASCII form is usual and is read as
//! the same; `°`, `§`, `£`, `‡`, `∞` and their like have none and are never guessed at.

/// The ASCII form of a sign that is not ASCII, one to four characters.
pub(crate) fn ascii_of(sign: char) -> Option<&'static str> {
    Some(match sign {
        '\u{A0}' => " ",
        '´' | 'ʹ' | 'ʾ' | 'ʿ' | 'ˈ' | 'ˌ' | '‘' | '’' | '‚' | '‹' | '›' | '′' => {
            "'"
        }
        '¨' | 'ʺ' | '“' | '”' | '„' | '«' | '»' | '″' => "\"",
        '·' => ".",
        '¸' => ",",
        '¦' => "|",
        'ˆ' => "^",
        '˜' => "~",
        '¡' => "!",
        '¿' => "?",
        '†' => "+",
        '±' => "+/-",
        '×' => "x",
        '÷' => "/",
        '≤' => "<=",
        '≥' => ">=",
        '…' => "...",
        '‰' => "o/oo",
        '€' => "EUR",
        '©' => "(C)",
        '®' => "(R)",
        '™' => "(TM)",
        '¼' => "1/4",
        '½' => "1/2",
        '¾' => "3/4",
        'ª' => "a",
        'º' => "o",
        'µ' => "u",
        'ƒ' => "f",
        'ʰ' => "h",
        'ʳ' => "r",
        'ˢ' => "s",
        'ᵈ' => "d",
        'ᵗ' => "t",
        'ⁿ' => "n",
        '⁰' | '₀' => "0",
        '¹' | '₁' => "1",
        '²' | '₂' => "2",
        '³' | '₃' => "3",
        '⁴' | '₄' => "4",
        '⁵' | '₅' => "5",
        '⁶' | '₆' => "6",
        '⁷' | '₇' => "7",
        '⁸' | '₈' => "8",
        '⁹' | '₉' => "9",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::din91379::{Group, entries};

    #[test]
    fn only_listed_signs_have_an_ascii_form_and_it_is_short() {
        let mut without = String::new();
        for entry in entries() {
            let sign = entry.text.chars().next().unwrap();
            match ascii_of(sign) {
                Some(ascii) => {
                    assert!(ascii.is_ascii() && matches!(ascii.len(), 1..=4), "{sign}");
                    assert!(!sign.is_ascii() && entry.group != Group::Letter, "{sign}");
                }
                None if sign.is_ascii() => {}
                None if matches!(entry.group, Group::N1 | Group::N2 | Group::N3 | Group::N4) => {
                    without.push(sign);
                }
                None => {}
            }
        }
        assert_eq!(without, "¢£¤¥§¬¯°¶‡");
        let mapped = (0..0x3000).filter_map(char::from_u32).filter(|c| ascii_of(*c).is_some());
        assert!(mapped.into_iter().all(|c| entries().any(|entry| entry.text == c.to_string())));
    }
}
