//! Ends are found at every place of a block, in both ways.

use super::{Stretch, are_same, find, name, quoted, skip_space, text};
use crate::lanes::{Scalar, Vector};

#[test]
fn text_ends_at_the_next_tag_wherever_it_begins() {
    for length in 0..40 {
        for (filler, is_plain, has_markup) in [
            ("a", true, false),
            ("&", true, true),
            ("]", true, true),
            ("\n", false, false),
            ("ä", false, false),
        ] {
            let before = format!("{}{}", "x".repeat(length), filler);
            let bytes = format!("{before}<&ä]").into_bytes();
            let expected = Some(Stretch { end: before.len(), is_plain, has_markup });
            assert_eq!(text::<Vector>(&bytes, 0), expected, "{before}");
            assert_eq!(text::<Scalar>(&bytes, 0), expected, "{before}");
            assert_eq!(text::<Vector>(before.as_bytes(), 0), None);
        }
        let spaces = format!("{}<", " \n\t\r".repeat(length));
        assert_eq!(skip_space::<Vector>(spaces.as_bytes(), 0), length * 4);
        assert_eq!(skip_space::<Scalar>(spaces.as_bytes(), 0), length * 4);
        let value = format!("{}'<\"", "v".repeat(length));
        let end = quoted::<Vector>(value.as_bytes(), 0, b'\'').map(|stretch| stretch.end);
        assert_eq!(end, Some(length));
    }
}

#[test]
fn names_end_where_tags_go_on_and_know_their_first_colon() {
    let rows = [
        ("a>", 1, None),
        ("a:b c", 3, Some(1)),
        ("a/", 1, None),
        ("a:b:c>", 5, Some(1)),
        ("aVeryLongNameIndeed:withMore>", 28, Some(19)),
        ("a", 1, None),
        ("a >:", 1, None),
        (":a>", 2, Some(0)),
    ];
    for (bytes, end, colon) in rows {
        let found = name::<Vector>(bytes.as_bytes(), 0, b'>');
        assert_eq!((found.end, found.colon), (end, colon), "{bytes}");
        assert_eq!(name::<Scalar>(bytes.as_bytes(), 0, b'>'), found, "{bytes}");
    }
}

#[test]
fn pieces_are_found_and_compared_within_bounds() {
    assert_eq!(find(b"a-b--c", 0, b"--"), Some(3));
    assert_eq!(find(b"a-b-", 0, b"--"), None);
    assert_eq!(find(b"ab", 5, b"a"), None);
    assert!(are_same(b"abcabc", 0, 3, 3) && !are_same(b"abcabd", 0, 3, 3));
    assert!(!are_same(b"abc", 0, 2, 2));
}
