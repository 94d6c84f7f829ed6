//! Writing names in the character sets of departmental systems: what is exact, what is lost, what
//! is told of it, and what fits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it did not test"
)]

mod common;

use common::Texts;
use text::{
    Charset::{self, Ascii, Iso8859_1, Iso8859_15, Utf8, Windows1252},
    Datatype, Length, Limit, Policy, Target,
    din91379::{Group, entries, units},
    search_form,
};
use unicode_normalization::UnicodeNormalization as _;

fn target(charset: Charset, policy: Policy) -> Target {
    Target { charset, policy }
}

/// What `text` is written as, read again.
fn transliterated(charset: Charset, text: &str) -> String {
    let encoded = target(charset, Policy::Transliterate).encode(text).unwrap();
    charset.decode(&encoded.bytes).unwrap()
}

#[test]
fn each_character_set_keeps_what_it_has_and_replaces_only_the_rest() {
    for (text, charset, expected) in [
        ("Mužakow", Utf8, "Mužakow"),
        ("Mužakow", Windows1252, "Mužakow"),
        ("Mužakow", Iso8859_15, "Mužakow"),
        ("Mužakow", Iso8859_1, "Muzakow"),
        ("Łódź Müller", Iso8859_1, "Lódz Müller"),
        ("Łódź Müller", Ascii, "Lodz Mueller"),
        ("Nguyễn Thị", Iso8859_1, "Nguyen Thi"),
        ("Şişli Iğdır", Windows1252, "Sisli Igdir"),
        ("Weiß WEIẞ", Iso8859_1, "Weiß WEISS"),
        ("Weiß WEIẞ", Ascii, "Weiss WEISS"),
        ("ŉ ǰ ẖ ẗ ĸ Ŀŀ", Iso8859_1, "n j h t k Ll"),
        ("Œuvre cœur", Iso8859_1, "OEuvre coeur"),
        ("Œuvre cœur", Iso8859_15, "Œuvre cœur"),
        ("K\u{35F}HK\u{35F}hk\u{35F}h", Windows1252, "KHKhkh"),
        ("C\u{328}\u{306}Ạ\u{308}", Iso8859_1, "CAE"),
        ("5 €, „Käse“ …", Windows1252, "5 €, „Käse“ …"),
        ("5 €, „Käse“ …", Iso8859_15, "5 €, \"Käse\" ..."),
        ("5 €, „Käse“ …", Iso8859_1, "5 EUR, \"Käse\" ..."),
        ("½ D’Angelo", Iso8859_15, "1/2 D'Angelo"),
        ("½ D’Angelo", Iso8859_1, "½ D'Angelo"),
        ("Lo\u{308}bau", Iso8859_1, "Löbau"),
    ] {
        assert_eq!(transliterated(charset, text), expected, "{charset}");
    }
}

#[test]
fn every_loss_is_recorded_with_its_place() {
    let encoded = target(Iso8859_1, Policy::Transliterate).encode("aC\u{328}\u{306}öœ…b").unwrap();
    assert_eq!(encoded.bytes, b"aC\xF6oe...b");
    assert!(!encoded.is_exact());
    let told: Vec<_> = encoded
        .losses
        .iter()
        .map(|loss| (loss.at, loss.original.to_string(), loss.replacement.to_string()))
        .collect();
    let at = |units, characters, bytes| Length { units, characters, bytes };
    let row = |at, original: &str, new: &str| (at, original.to_owned(), new.to_owned());
    assert_eq!(
        told,
        [
            row(at(1, 1, 1), "U+0043 U+0328 U+0306", "U+0043"),
            row(at(3, 5, 8), "U+0153", "U+006F U+0065"),
            row(at(4, 6, 10), "U+2026", "U+002E U+002E U+002E"),
        ]
    );
}

#[test]
fn what_cannot_be_carried_is_an_error_that_names_code_points_and_places() {
    for (policy, text, message) in [
        (Policy::Exact, "Mužakow", "ISO-8859-1 cannot carry U+017E at character 2"),
        (
            Policy::Reject,
            "Łódź",
            "ISO-8859-1 cannot carry U+0141 at character 0, U+017A at character 3",
        ),
        (Policy::Transliterate, "žω", "ISO-8859-1 cannot carry U+03C9 at character 1"),
        (Policy::Transliterate, "x\u{302}", "ISO-8859-1 cannot carry U+0078 U+0302 at character 0"),
    ] {
        let target = target(Iso8859_1, policy);
        let fault = target.encode(text).unwrap_err();
        assert_eq!(fault.to_string(), message);
        assert!(!format!("{fault:?}").contains(['ž', 'Ł', 'ω']), "{fault:?}");
        assert_eq!(fault.policy.is_refusal(), policy == Policy::Reject);
        assert_eq!(target.length(text), Err(fault.clone()));
        assert_eq!(target.fits(text, Limit::Bytes(100)), Err(fault.clone()));
        assert_eq!(target.prefix(text, Limit::Bytes(100)), Err(fault));
    }
}

#[test]
fn an_error_names_the_first_places_and_counts_them_all() {
    let fault = target(Ascii, Policy::Exact).encode(&"ž".repeat(1000)).unwrap_err();
    assert_eq!((fault.count, fault.first.len()), (1000, 16));
    assert!(fault.to_string().ends_with("U+017E at character 15 and 984 more"), "{fault}");
}

#[test]
fn what_is_exact_reads_as_the_same_text_in_nfc() {
    for datatype in Datatype::ALL {
        let mut texts = Texts::of(datatype, 8859);
        let mut exact = [0; 5];
        for number in 0..1_000 {
            let text = if number % 2 == 0 { texts.valid() } else { texts.mutated() };
            let beginning: String = text.chars().take(number % 4).collect();
            for text in [text, beginning] {
                let normal: String = text.nfc().collect();
                for (charset, exact) in Charset::ALL.into_iter().zip(&mut exact) {
                    let Ok(encoded) = target(charset, Policy::Exact).encode(&text) else {
                        assert!(!charset.carries(&normal));
                        continue;
                    };
                    *exact += 1;
                    assert!(encoded.is_exact());
                    assert_eq!(charset.decode(&encoded.bytes).unwrap(), normal);
                }
            }
        }
        assert!(exact.iter().all(|exact| 100 < *exact), "{exact:?}");
    }
}

#[test]
fn a_replaced_letter_is_found_by_the_same_search_form() {
    for entry in entries().filter(|entry| Datatype::E.has(entry.group)) {
        for charset in Charset::ALL {
            match target(charset, Policy::Transliterate).encode(entry.text) {
                Ok(encoded) => {
                    let read = charset.decode(&encoded.bytes).unwrap();
                    let is_dot = entry.text == "·";
                    assert!(is_dot || search_form(&read) == search_form(entry.text), "{entry:?}");
                    assert_eq!(encoded.is_exact(), read == entry.text);
                }
                Err(_) => assert_ne!(entry.group, Group::Letter, "{entry:?}"),
            }
        }
    }
}

#[test]
fn the_longest_beginning_that_fits_is_whole_units_of_the_text() {
    let limits = |n| [Limit::Units(n), Limit::Characters(n), Limit::Bytes(n)];
    let mut texts = Texts::of(Datatype::A, 42);
    for number in 0..500 {
        let text: String = texts.valid().replace('‡', "");
        for charset in Charset::ALL {
            let target = target(charset, Policy::Transliterate);
            for limit in limits(number % 9) {
                let beginning = target.prefix(&text, limit).unwrap();
                assert!(text.starts_with(&*beginning));
                assert!(target.fits(&beginning, limit).unwrap());
                let bytes = target.encode(&beginning).unwrap().bytes.len();
                assert_eq!(target.length(&beginning).unwrap().bytes, bytes);
                let rest = text.get(beginning.len()..).unwrap();
                let Some(next) = units(rest).next() else { continue };
                let longer = format!("{beginning}{}", next.text);
                assert!(!target.fits(&longer, limit).unwrap(), "{limit:?}");
                assert!(units(&text).any(|unit| unit.at.bytes == beginning.len()));
            }
        }
    }
}

#[test]
fn a_limit_counts_what_is_written() {
    for (text, charset, length) in [
        ("Œ", Utf8, (1, 1, 2)),
        ("Œ", Iso8859_1, (1, 2, 2)),
        ("Œ", Iso8859_15, (1, 1, 1)),
        ("C\u{328}\u{306}", Utf8, (1, 3, 5)),
        ("C\u{328}\u{306}", Ascii, (1, 1, 1)),
        ("", Utf8, (0, 0, 0)),
    ] {
        let found = target(charset, Policy::Transliterate).length(text).unwrap();
        assert_eq!((found.units, found.characters, found.bytes), length, "{text} {charset}");
    }
    let target = target(Ascii, Policy::Transliterate);
    assert_eq!(target.prefix("aŒb", Limit::Bytes(2)).unwrap(), "a");
    assert_eq!(target.prefix("aŒb", Limit::Bytes(3)).unwrap(), "aŒ");
    // What is cut off need not be carried.
    assert_eq!(target.prefix("ab東", Limit::Characters(2)).unwrap(), "ab");
    assert_eq!(target.prefix("o\u{308}b東", Limit::Units(2)).unwrap(), "öb");
}
