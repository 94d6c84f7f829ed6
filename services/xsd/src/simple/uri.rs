//! URIs and languages.

use super::{Doubt, Proof};

/// What an `xs:anyURI` is, XSD leaves open, and validators differ; what each of them takes is certain.
pub(crate) fn any_uri(value: &[u8]) -> Proof {
    let mut rest = value;
    let mut fragments = 0;
    while let [first, more @ ..] = rest {
        match (first, more) {
            (b'%', [a, b, ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {}
            (b'#', _) => fragments += 1,
            (byte, _) if byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(byte) => {}
            _ => return Err(Doubt::Unsure),
        }
        rest = more;
    }
    let at = value.iter().position(|byte| matches!(byte, b':' | b'/' | b'?' | b'#'));
    let is_certain = match at.and_then(|at| value.split_at_checked(at)) {
        Some((scheme, [b':', rest @ ..])) => is_scheme(scheme) && is_certain_behind_scheme(rest),
        // Who has authority is written in many ways.
        Some(_) => !value.starts_with(b"//"),
        None => true,
    };
    if fragments <= 1 && is_certain { Ok(()) } else { Err(Doubt::Unsure) }
}

fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
}

fn is_certain_behind_scheme(rest: &[u8]) -> bool {
    let Some(behind) = rest.strip_prefix(b"//") else {
        return rest.first().is_some_and(|first| !b"?#".contains(first));
    };
    let end = behind.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(behind.len());
    let host = behind.get(..end).unwrap_or_default();
    let is_label = |label: &[u8]| {
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric();
        label.first().is_some_and(u8::is_ascii_alphabetic)
            && label.last().is_some_and(is_letter)
            && label.iter().all(|byte| is_letter(byte) || *byte == b'-')
    };
    host.split(|byte| *byte == b'.').all(is_label)
}

/// `de` or `de-DE`.
pub(crate) fn language(value: &[u8]) -> Proof {
    let is_part = |(number, part): (usize, &[u8])| {
        let is_letter =
            |byte: &u8| byte.is_ascii_alphabetic() || (number > 0 && byte.is_ascii_digit());
        (1..=8).contains(&part.len()) && part.iter().all(is_letter)
    };
    let is_language = value.split(|byte| *byte == b'-').enumerate().all(is_part);
    if is_language { Ok(()) } else { Err(Doubt::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_taken_where_everybody_takes_them() {
        let certain = [
            "",
            "urn:de:x",
            "http://a.de/b?c=d#e",
            "a/b",
            "#a",
            "https://www.xrepository.de/api/x",
            "a%20b",
        ];
        for value in certain {
            assert_eq!(any_uri(value.as_bytes()), Ok(()), "{value}");
        }
        for value in
            ["1a:b", ":", "a b", "http://a b", "%zz", "#a#b", "//a", "urn:", "http://1.2/", "ä"]
        {
            assert_eq!(any_uri(value.as_bytes()), Err(Doubt::Unsure), "{value}");
        }
    }

    #[test]
    fn languages_have_short_parts() {
        assert!(language(b"de").is_ok() && language(b"de-CH-1996").is_ok());
        for value in ["", "deutschland", "de-", "1", "de_DE"] {
            assert!(language(value.as_bytes()).is_err(), "{value}");
        }
    }
}
