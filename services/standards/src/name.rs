//! Family names and what stands before them: standards write both in one text or keep them apart.

/// Words that stand before a family name, as they are written there: in small letters.
const PARTICLES: [&str; 52] = [
    "'s", "'t", "a", "ab", "af", "al", "am", "an", "auf", "aus", "bei", "beim", "bin", "d'", "da",
    "das", "de", "degli", "dei", "del", "dela", "della", "delle", "dem", "den", "der", "des", "di",
    "do", "dos", "du", "e", "el", "ibn", "im", "in", "la", "las", "le", "los", "op", "te", "ten",
    "ter", "und", "van", "vom", "von", "y", "zu", "zum", "zur",
];

/// What stands before the name, if anything, and the name: `von der Heide` is `von der` and `Heide`.
/// One word at least is the name. Joined by a blank, both are the text again.
pub(crate) fn split(text: &str) -> (Option<&str>, &str) {
    let mut at = 0;
    for word in text.split_inclusive(' ') {
        let end = at + word.len();
        if end == text.len() || !PARTICLES.contains(&word.trim_end_matches(' ')) {
            break;
        }
        at = end;
    }
    let (prefix, name) = text.split_at(at);
    let prefix = prefix.trim_end();
    ((!prefix.is_empty()).then_some(prefix), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_name_is_told_from_it() {
        let rows = [
            ("von der Heide", Some("von der"), "Heide"),
            ("Freiherr von Stein", None, "Freiherr von Stein"),
            ("zu Sayn-Wittgenstein", Some("zu"), "Sayn-Wittgenstein"),
            ("Von Bergen", None, "Von Bergen"),
            ("von", None, "von"),
            ("von zu", Some("von"), "zu"),
            ("de la Cruz Ortega", Some("de la"), "Cruz Ortega"),
            ("M\u{fc}ller", None, "M\u{fc}ller"),
        ];
        for (text, prefix, name) in rows {
            assert_eq!(split(text), (prefix, name));
            let joined =
                prefix.map_or_else(|| name.to_owned(), |prefix| format!("{prefix} {name}"));
            assert_eq!(joined, text);
        }
    }
}
