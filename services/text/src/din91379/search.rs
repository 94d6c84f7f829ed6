//! The search form: what names are found and compared by, in the basic letters A to Z.
//!
//! The norm maps its 649 letters and sequences, and nothing else. For the rest of a text this
//! follows what ICAO Doc 9303 does in machine-readable documents:
//!
//! | in the text | in the search form |
//! |---|---|
//! | letter or sequence of the list | its one or two letters: `ü` → `UE`, `ž` → `Z`, `ß` → `SS` |
//! | digit | itself |
//! | apostrophe, quotation mark, middle dot, modifier letter | nothing: `D’Angelo` → `DANGELO` |
//! | other sign with a usual ASCII form | that form: `²` → `2`, `€` → `EUR`, `ª` → `A` |
//! | blank, hyphen, any other sign | one blank, none at the ends: `Meyer-Landrut` → `MEYER LANDRUT` |
//! | mark on a letter the list does not have it on | nothing: the letter counts |
//! | letter of another script, or beyond the list | itself, unchanged: the norm says nothing of it |
//!
//! The last row keeps names apart that a deletion would make equal; only there, and never for a
//! text of datatype A, B or C, is the search form not ASCII.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{
    table::Table,
    units::{Unit, units},
};
use crate::signs::ascii_of;

/// Signs within words that a search must not stumble over; the other ones map to these.
const OMITTED: [char; 4] = ['\'', '"', '`', '·'];

/// The search form of `text`: of any text, composed or not. Its own search form is itself.
#[must_use]
pub fn search_form(text: &str) -> String {
    let normal: String;
    let text = if crate::is_normal(text) {
        text
    } else {
        normal = text.nfc().collect();
        &normal
    };
    let mut form = String::with_capacity(text.len());
    for unit in units(text) {
        match unit.entry.and_then(|entry| entry.search_form) {
            Some(letters) => form.push_str(letters),
            None => push_unit(&mut form, &unit),
        }
    }
    form.truncate(form.trim_end().len());
    form
}

fn push_unit(form: &mut String, unit: &Unit<'_>) {
    for character in unit.text.chars().filter(|character| !is_omitted(*character)) {
        let letters = Table::get().single(character).and_then(|entry| entry.search_form);
        match (letters, ascii_of(character)) {
            (Some(letters), _) => form.push_str(letters),
            (None, Some(ascii)) => ascii.chars().for_each(|sign| push_sign(form, sign)),
            (None, None) => push_sign(form, character),
        }
    }
}

fn push_sign(form: &mut String, character: char) {
    if character.is_alphanumeric() {
        form.push(character.to_ascii_uppercase());
    } else if !is_omitted(character) && !form.is_empty() && !form.ends_with(' ') {
        form.push(' ');
    }
}

fn is_omitted(character: char) -> bool {
    OMITTED.contains(&character) || is_combining_mark(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::din91379::{Datatype, entries};

    fn check(text: &str, expected: &str) {
        assert_eq!(search_form(text), expected, "{text}");
        assert_eq!(search_form(expected), expected);
    }

    #[test]
    fn names_are_found_by_basic_letters() {
        check("Mužakow", "MUZAKOW");
        check("Łužica Wětošow Běła Woda Wórša", "LUZICA WETOSOW BELA WODA WORSA");
        check("Żółć Gęślą Jaźń", "ZOLC GESLA JAZN");
        check("Şişli Iğdır İzmir Çağlayan", "SISLI IGDIR IZMIR CAGLAYAN");
        check("Nguyễn Thị Hồng Đặng Ưu Ơ", "NGUYEN THI HONG DANG UU O");
        check("Müller Jörg Weiß STRAẞE", "MUELLER JOERG WEISS STRASSE");
        check("Håkon Ærø Þórður Œuvre", "HAAKON AEROE THORDUR OEUVRE");
        check("Ångström", "AANGSTROEM");
        check("Ŀŀ ŉ ĸ ǰ ẖ ẗ", "LL N K J H T");
        check("C\u{328}\u{306}K\u{35F}HK\u{35F}hạ\u{308}", "CKHKHAE");
    }

    #[test]
    fn what_is_no_letter_is_treated_as_documented() {
        check("Meyer-Landrut", "MEYER LANDRUT");
        check("D’Angelo O'Neill ʿAlī", "DANGELO ONEILL ALI");
        check("col·lecció colŀecció", "COLLECCIO COLLECCIO");
        check("  St.  Gallen ,", "ST GALLEN");
        check("Straße 17\u{A0}a\r\nOG ²", "STRASSE 17 A OG 2");
        check("„Käse & Wein“ 5 €, ½ ™", "KAESE WEIN 5 EUR 1 2 TM");
        check("", "");
        check(" - ", "");
    }

    #[test]
    fn what_the_norm_says_nothing_of_stays() {
        check("Ωμέγα Москва", "Ωμέγα Москва");
        check("東京1", "東京1");
    }

    #[test]
    fn a_text_in_another_normal_form_has_the_same_search_form() {
        assert_eq!(search_form("Lo\u{308}bau Z\u{30C}"), "LOEBAU Z");
        assert_eq!(search_form("x\u{302}q\u{301}\u{301}"), "XQ");
        assert_eq!(search_form("\u{301}"), "");
    }

    #[test]
    fn every_normative_text_has_an_ascii_search_form() {
        for entry in entries() {
            let form = search_form(entry.text);
            assert_eq!(search_form(&form), form);
            if Datatype::C.has(entry.group) {
                assert!(form.is_ascii(), "{entry:?}");
            }
            if let Some(letters) = entry.search_form {
                assert_eq!(form, letters);
            }
        }
    }
}
