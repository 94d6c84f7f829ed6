//! Patterns beside the `regex` crate, and automata beside themselves.

use regex::Regex;

use super::{Fault, Pattern, automaton, compile, dfa::Dfa, parse::parse};

fn attempted(steps: &[Vec<String>]) -> Result<Pattern, Fault> {
    compile(steps, &mut { usize::MAX })
}

fn compiled(pattern: &str) -> Pattern {
    attempted(&[vec![pattern.to_owned()]]).unwrap_or_else(|fault| panic!("{pattern}: {fault:?}"))
}

fn matches(pattern: &Pattern, text: &str) -> bool {
    let chars = u32::try_from(text.chars().count()).unwrap();
    let is_long_enough = (pattern.chars_min..=pattern.chars_max).contains(&chars);
    is_long_enough && pattern.dfa.as_ref().is_none_or(|dfa| dfa.matches(text.as_bytes()))
}

fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    let compiled = compiled(pattern);
    for text in yes {
        assert!(matches(&compiled, text), "{pattern} {text:?}");
    }
    for text in no {
        assert!(!matches(&compiled, text), "{pattern} {text:?}");
    }
}

#[test]
fn patterns_mean_what_xsd_says() {
    check("a|b", &["a", "b"], &["", "ab", "axx", "xb"]);
    check("a|", &["a", ""], &["b"]);
    check("(a|b)c", &["ac", "bc"], &["a", "c"]);
    check("^a$", &["^a$"], &["a"]);
    check("a.c", &["abc", "aäc"], &["a\nc", "a\rc", "ac"]);
    check(r"[a-c\-.]+", &["a-.c"], &["d", ""]);
    check("[-a]", &["-", "a"], &["b"]);
    check("[a-]", &["-", "a"], &["b"]);
    check("[^a-c]", &["d", "ä", "\n"], &["a", ""]);
    check("[a-z-[aeiou]]+", &["xyz"], &["xaz"]);
    check("[a-z-[b-y-[m]]]+", &["amz"], &["b"]);
    check("[^a-z-[0-9]]", &["A"], &["a", "5"]);
    check("[0-9|A-F]{2}", &["0|", "AF"], &["G0", "000"]);
    check(r"\d{5}", &["02826"], &["0282", "028266", "0282a"]);
    check(r"\i\c*", &["a", "_x.-1", ":a"], &["", "1a", "a b", "Straße"]);
    check(r"[\i-[:]][\c-[:]]*", &["a", "Strasse"], &[":a", "a:b"]);
    check(r"\p{Lu}\p{Ll}+", &["Ärger", "Abc"], &["aBC", "A1"]);
    check(r"\P{L}", &["1", "-"], &["a", "ä"]);
    check(r"\p{IsBasicLatin}+", &["abc"], &["ä"]);
    check(r"\s\S", &[" a", "\na"], &["aa", "\u{a0}a", " \u{a0}"]);
    check(r"\w+", &["aä1"], &["a b", "a-b", ""]);
    check(r"a{2}", &["aa"], &["a", "aaa"]);
    check(r"a{2,}", &["aa", "aaaa"], &["a"]);
    check(r".{1,100}", &["a", "ää"], &["", "a\nb"]);
    check(r"[a-c]{2,200}", &["ab"], &["a", "ad"]);
    check(r"([a-z]{1,3}(,|$))*", &["a,bc$"], &["a,bc"]);
    check(r"x\|y\\\^", &[r"x|y\^"], &["x"]);
}

#[test]
fn what_xsd_does_not_have_is_not_compiled() {
    let wrong = [
        "(",
        ")",
        "a)",
        "[",
        "[]",
        "[a",
        "a**",
        "*a",
        "+",
        "?",
        "{2}",
        "a{",
        "a{2",
        "a{3,2}",
        "a{,2}",
        "\\",
        r"\q",
        r"\p{X}",
        r"\p{L",
        r"\p{IsKlingon}",
        "[b-a]",
        "[a-[b]c]",
        "[[a]]",
        "(?:a)",
        "(?i)a",
        "a]",
        "a}",
    ];
    for pattern in wrong {
        assert_eq!(attempted(&[vec![pattern.to_owned()]]), Err(Fault::Syntax), "{pattern}");
    }
    assert_eq!(attempted(&[vec!["a{99999}".to_owned()]]), Err(Fault::Size));
    assert_eq!(attempted(&[vec!["(".repeat(100)]]), Err(Fault::Size));
    assert_eq!(attempted(&[vec!["((a{1,900}){1,900}){1,900}".to_owned()]]), Err(Fault::Size));
}

#[test]
fn steps_must_all_match_and_one_pattern_of_each() {
    let steps = [vec!["a|b".to_owned()], vec!["b|c".to_owned(), "d".to_owned()]];
    let pattern = attempted(&steps).unwrap();
    assert!(matches(&pattern, "b"));
    for text in ["a", "c", "d", ""] {
        assert!(!matches(&pattern, text), "{text}");
    }
}

/// Patterns that mean the same to the `regex` crate once they are anchored as a whole.
const COMMON: &[&str] = &[
    "a|bc|d*",
    "(ab|a)(c|bcd)*",
    "[a-c]*d?",
    "(a|b)*abb",
    "a{2,4}b{0,2}",
    "[^ab]{1,3}",
    "(a+|b)c",
    "[0-9]{1,3}(.[0-9]{2})?",
    "ä|[ö-ü]+",
    "((a|b)(c|d)){1,3}",
    "a?b?c?d?",
    "(abc|abd|acd)+",
];

fn texts(seed: u64) -> impl Iterator<Item = String> {
    let alphabet: Vec<char> = "aabbccddäöü019. x".chars().collect();
    let mut state = seed | 1;
    let mut next = move |count: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 8).unwrap() % count
    };
    (0..4_000).map(move |_| (0..next(9)).map(|_| alphabet[next(alphabet.len())]).collect())
}

#[test]
fn the_regex_crate_agrees_on_random_texts() {
    for (seed, pattern) in (1..).zip(COMMON) {
        let theirs = Regex::new(&format!("^(?:{pattern})$")).unwrap();
        let ours = compiled(pattern);
        for text in texts(seed) {
            assert_eq!(matches(&ours, &text), theirs.is_match(&text), "{pattern} {text:?}");
        }
    }
}

#[test]
fn made_small_an_automaton_accepts_the_same() {
    for (seed, pattern) in (1..).zip(COMMON) {
        let hir = parse(pattern).unwrap();
        let small = automaton(&hir, &mut { usize::MAX }).unwrap();
        let large = Dfa::of(&super::uncut(&hir, &mut { usize::MAX }).unwrap(), false).unwrap();
        assert!(small.bytes() <= large.bytes() + 2_048, "{pattern}");
        for text in texts(seed ^ 0xABCD) {
            let (one, other) = (small.matches(text.as_bytes()), large.matches(text.as_bytes()));
            assert_eq!(one, other, "{pattern} {text:?}");
        }
        let both = small.both(&large, &mut { usize::MAX }).unwrap();
        assert_eq!(both, small, "the intersection of equal languages is the same: {pattern}");
    }
}

#[test]
fn samples_match() {
    let mut state = 7_usize;
    for pattern in [r"\d{5}", "[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} [1-9][0-9]{0,3}", "a|bc", "(a|b)*abb"] {
        let dfa = compiled(pattern).dfa.unwrap();
        for _ in 0..200 {
            let text = dfa.sample(|count| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) % count.max(1)
            });
            let text = text.unwrap();
            assert!(dfa.matches(&text), "{pattern} {text:?}");
        }
    }
}

#[test]
fn what_is_too_large_takes_its_share_of_the_work_and_nothing_is_left_for_more() {
    let compile = |pattern: &str, work: &mut usize| compile(&[vec![pattern.to_owned()]], work);
    let mut work = 4 << 20;
    assert!(compile("(ab)*", &mut work).is_ok());
    assert!(work > 3 << 20, "{work}");
    // An automaton that remembers its last twenty letters.
    assert_eq!(compile("(a|b)*a(a|b){20}c", &mut work), Err(Fault::Size));
    assert!(work < 1 << 10, "{work}");
    assert_eq!(compile("(ab)*", &mut work), Err(Fault::Size));
}
