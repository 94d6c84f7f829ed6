//! Which characters certainly are, and which certainly are not, of the classes XML and XSD speak of.
//!
//! The editions of XML and the versions of Unicode disagree about the rest, and so do validators. An
//! answer that all of them give is certain; every other character is in doubt.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// A class of characters known from below and from above.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// Certainly in it.
    pub(crate) sure: ClassUnicode,
    /// Perhaps in it: everything else is certainly not.
    pub(crate) possible: ClassUnicode,
}

impl Class {
    /// A class nobody disagrees about.
    pub(crate) fn exactly(ranges: &[(char, char)]) -> Self {
        let class = class(ranges);
        Self { possible: class.clone(), sure: class }
    }

    /// The same from two lists.
    pub(crate) fn between(sure: &[(char, char)], possible: &[(char, char)]) -> Self {
        let sure = class(sure);
        let mut possible = class(possible);
        possible.union(&sure);
        Self { sure, possible }
    }

    /// What is not in it.
    pub(crate) fn negated(mut self) -> Self {
        self.sure.negate();
        self.possible.negate();
        Self { sure: self.possible, possible: self.sure }
    }

    /// What is in either.
    pub(crate) fn with(mut self, other: &Self) -> Self {
        self.sure.union(&other.sure);
        self.possible.union(&other.possible);
        self
    }

    /// What is in this and not in `other`.
    pub(crate) fn without(mut self, other: &Self) -> Self {
        self.sure.difference(&other.possible);
        self.possible.difference(&other.sure);
        self
    }
}

fn class(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(from, to)| ClassUnicodeRange::new(*from, *to)))
}

/// Begins a name in every edition of XML 1.0, the colon aside: letters of scripts that German
/// administrations write, not all there are.
pub(crate) const NAME_START_SURE: &[(char, char)] = &[
    ('A', 'Z'),
    ('_', '_'),
    ('a', 'z'),
    ('\u{C0}', '\u{D6}'),
    ('\u{D8}', '\u{F6}'),
    ('\u{F8}', '\u{131}'),
    ('\u{134}', '\u{13E}'),
    ('\u{141}', '\u{148}'),
    ('\u{14A}', '\u{17E}'),
    ('\u{180}', '\u{1C3}'),
    ('\u{1CD}', '\u{1F0}'),
    ('\u{1F4}', '\u{1F5}'),
    ('\u{1FA}', '\u{217}'),
    ('\u{250}', '\u{2A8}'),
    ('\u{388}', '\u{38A}'),
    ('\u{38E}', '\u{3A1}'),
    ('\u{3A3}', '\u{3CE}'),
    ('\u{401}', '\u{40C}'),
    ('\u{40E}', '\u{44F}'),
    ('\u{451}', '\u{45C}'),
    ('\u{45E}', '\u{481}'),
    ('\u{1E00}', '\u{1E9B}'),
    ('\u{1EA0}', '\u{1EF9}'),
];

/// Continues a name in every edition, beside what begins one.
pub(crate) const NAME_MORE_SURE: &[(char, char)] =
    &[('-', '.'), ('0', '9'), ('\u{B7}', '\u{B7}'), ('\u{300}', '\u{345}')];

/// Begins a name in some edition, the colon aside.
const NAME_START_POSSIBLE: &[(char, char)] = &[
    ('\u{C0}', '\u{D6}'),
    ('\u{D8}', '\u{F6}'),
    ('\u{F8}', '\u{2FF}'),
    ('\u{370}', '\u{37D}'),
    ('\u{37F}', '\u{1FFF}'),
    ('\u{200C}', '\u{200D}'),
    ('\u{2070}', '\u{218F}'),
    ('\u{2C00}', '\u{2FEF}'),
    ('\u{3001}', '\u{D7FF}'),
    ('\u{F900}', '\u{FDCF}'),
    ('\u{FDF0}', '\u{FFFD}'),
    ('\u{10000}', '\u{EFFFF}'),
];

/// Continues a name in some edition, beside what begins one.
const NAME_MORE_POSSIBLE: &[(char, char)] = &[
    ('\u{B7}', '\u{B7}'),
    ('\u{2D0}', '\u{2D1}'),
    ('\u{300}', '\u{36F}'),
    ('\u{387}', '\u{387}'),
    ('\u{203F}', '\u{2040}'),
    ('\u{20D0}', '\u{20E1}'),
];

/// `\i`: what begins a name. Beyond ASCII it is in doubt: one of the validators goes no further.
pub(crate) fn name_start() -> Class {
    let ascii = &[(':', ':'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    Class::between(ascii, NAME_START_POSSIBLE)
}

/// `\c`: what names are made of; the same.
pub(crate) fn name() -> Class {
    name_start().with(&Class::between(&[('-', '.'), ('0', '9')], NAME_MORE_POSSIBLE))
}

/// `\s`: white space. What only Unicode takes for some is in doubt: one of the validators does.
pub(crate) fn space() -> Class {
    let of_unicode = &[
        ('\u{B}', '\u{C}'),
        ('\u{85}', '\u{85}'),
        ('\u{A0}', '\u{A0}'),
        ('\u{1680}', '\u{1680}'),
        ('\u{2000}', '\u{200A}'),
        ('\u{2028}', '\u{2029}'),
        ('\u{202F}', '\u{202F}'),
        ('\u{205F}', '\u{205F}'),
        ('\u{3000}', '\u{3000}'),
    ];
    Class::between(&[('\t', '\n'), ('\r', '\r'), (' ', ' ')], of_unicode)
}

/// `.`: everything but line ends.
pub(crate) fn any_but_line_ends() -> Class {
    Class::exactly(&[('\n', '\n'), ('\r', '\r')]).negated()
}

/// Where general categories are what they were in Unicode 3.0 and 3.1, which XSD refers to: scripts and
/// signs that German administrations write. Not `§` and `¶`, which were symbols then, nor `ª`, `º` and
/// the soft hyphen.
const SETTLED: &[(char, char)] = &[
    ('\0', '\u{A6}'),
    ('\u{A8}', '\u{A9}'),
    ('\u{AB}', '\u{AC}'),
    ('\u{AE}', '\u{B5}'),
    ('\u{B7}', '\u{B9}'),
    ('\u{BB}', '\u{24F}'),
    ('\u{300}', '\u{345}'),
    ('\u{386}', '\u{3CE}'),
    ('\u{400}', '\u{481}'),
    ('\u{1E00}', '\u{1EF9}'),
    ('\u{2010}', '\u{2027}'),
    ('\u{2030}', '\u{203A}'),
    ('\u{20A0}', '\u{20AF}'),
];

/// A general category such as `L` or `Nd`; `None` where there is none of this name.
pub(crate) fn category(name: &str) -> Option<Class> {
    let is_category = match name.as_bytes() {
        [major] => b"LMNPZSC".contains(major),
        [major, minor] => b"LMNPZSC".contains(major) && minor.is_ascii_lowercase(),
        _ => false,
    };
    if !is_category || name == "Cs" {
        return None;
    }
    let mut sure = unicode(&format!(r"\p{{{name}}}"))?;
    let mut settled = unicode(r"\p{Age:3.1}")?;
    settled.intersect(&class(SETTLED));
    let mut possible = settled.clone();
    possible.negate();
    possible.union(&sure);
    sure.intersect(&settled);
    Some(Class { sure, possible })
}

/// A block such as `BasicLatin`, of those that occur in practice.
pub(crate) fn block(name: &str) -> Option<Class> {
    let (from, to) = match name {
        "BasicLatin" => ('\0', '\u{7F}'),
        "Latin-1Supplement" => ('\u{80}', '\u{FF}'),
        "LatinExtended-A" => ('\u{100}', '\u{17F}'),
        "LatinExtended-B" => ('\u{180}', '\u{24F}'),
        "IPAExtensions" => ('\u{250}', '\u{2AF}'),
        "SpacingModifierLetters" => ('\u{2B0}', '\u{2FF}'),
        "CombiningDiacriticalMarks" => ('\u{300}', '\u{36F}'),
        "Cyrillic" => ('\u{400}', '\u{4FF}'),
        "LatinExtendedAdditional" => ('\u{1E00}', '\u{1EFF}'),
        "GeneralPunctuation" => ('\u{2000}', '\u{206F}'),
        "CurrencySymbols" => ('\u{20A0}', '\u{20CF}'),
        _ => return None,
    };
    Some(Class::exactly(&[(from, to)]))
}

/// `\w`: everything but punctuation, separators and what has no use.
pub(crate) fn word() -> Option<Class> {
    let not = category("P")?.with(&category("Z")?).with(&category("C")?);
    Some(not.negated())
}

fn unicode(class: &str) -> Option<ClassUnicode> {
    match regex_syntax::parse(class).ok()?.into_kind() {
        regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => Some(class),
        _ => None,
    }
}

/// Whether `character` certainly begins a name; the colon does not.
pub(crate) fn begins_name(character: char) -> bool {
    is_in(NAME_START_SURE, character)
}

/// Whether `character` certainly continues a name; the colon does not.
pub(crate) fn continues_name(character: char) -> bool {
    begins_name(character) || is_in(NAME_MORE_SURE, character)
}

fn is_in(ranges: &[(char, char)], character: char) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&character))
}
