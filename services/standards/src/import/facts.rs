//! What the annotations and names of schemas say about the standard they belong to: id, version, title.

use super::markup::Node;

/// What one schema says of its standard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The technical name in the annotation.
    pub(crate) id: Option<String>,
    /// The short name in the annotation.
    pub(crate) title: Option<String>,
    /// The version in the annotation.
    pub(crate) version: Option<String>,
    /// The attribute `version` of the schema itself.
    pub(crate) schema_version: Option<String>,
}

impl Facts {
    /// Reads the annotations as XGenerator writes them.
    pub(crate) fn of(root: &Node) -> Self {
        let mut facts = Self {
            schema_version: root.attribute("version").map(str::to_owned),
            ..Self::default()
        };
        let said = |node: Option<&Node>, name: &str| {
            let text = node.and_then(|node| node.first(name)).map(|node| node.text.trim());
            text.filter(|text| !text.is_empty() && text.len() <= 200).map(str::to_owned)
        };
        for annotation in root.all("annotation") {
            let (standard, version) =
                (annotation.first("standard"), annotation.first("versionStandard"));
            facts.id = facts.id.or_else(|| said(standard, "nameTechnisch"));
            facts.title = facts.title.or_else(|| said(standard, "nameKurz"));
            facts.title = facts.title.or_else(|| said(standard, "nameLang"));
            facts.version = facts.version.or_else(|| said(version, "version"));
        }
        facts
    }
}

/// Words of a namespace that name no standard.
const WORDS: [&str; 22] = [
    "schema",
    "schemas",
    "schemata",
    "spezifikation",
    "standard",
    "standards",
    "xsd",
    "raw",
    "main",
    "master",
    "de",
    "urn",
    "www",
    "http",
    "https",
    "org",
    "com",
    "bund",
    "xoev-de",
    "xoev",
    "namespace",
    "ns",
];

/// Id and version as the namespace has them, each where it can be told.
pub(crate) fn of_namespace(namespace: &str) -> (Option<String>, Option<String>) {
    let parts: Vec<&str> =
        namespace.split(['/', ':', '#']).filter(|part| !part.is_empty()).collect();
    let mut version = None;
    let mut id = None;
    for part in parts.iter().rev() {
        if version.is_none() && id.is_none() && is_version(part) {
            version = Some(part.trim_start_matches(['v', 'V']).replace('_', "."));
            continue;
        }
        // A host name: the part before the country.
        let labels: Vec<&str> = part.split('.').filter(|label| !WORDS.contains(label)).collect();
        let word = labels.last().copied().unwrap_or_default();
        let (word, end) = word_and_number(word);
        if word.is_empty() || WORDS.contains(&word) || word == "-" {
            continue;
        }
        if id.is_none() {
            id = Some(word.to_ascii_lowercase());
            version = version.or_else(|| (!end.is_empty()).then(|| end.to_owned()));
        }
    }
    (id.map(|id| id_of(&id)).filter(|id| !id.is_empty()), version)
}

/// The beginning that the namespaces of all versions of a standard share, if `namespace` ends with one.
pub(crate) fn family(namespace: &str) -> Option<String> {
    let at = namespace.trim_end_matches('/').rfind(['/', ':'])?;
    let (before, last) = namespace.split_at_checked(at + 1)?;
    is_version(last.trim_end_matches('/')).then(|| before.to_owned())
}

/// `text` as the id of a standard: small letters, digits and hyphens.
pub(crate) fn id_of(text: &str) -> String {
    let mut id = String::new();
    for character in text.to_lowercase().chars() {
        match character {
            'a'..='z' | '0'..='9' => id.push(character),
            'ä' => id.push_str("ae"),
            'ö' => id.push_str("oe"),
            'ü' => id.push_str("ue"),
            'ß' => id.push_str("ss"),
            _ if !id.ends_with('-') && !id.is_empty() => id.push('-'),
            _ => {}
        }
    }
    id.trim_end_matches('-').chars().take(60).collect()
}

/// Whether `text` can be a folder's name as a version.
pub(crate) fn is_version_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty()
        && text.len() <= 40
        && text.chars().all(is_allowed)
        && !text.starts_with(['.', '-'])
}

fn is_version(text: &str) -> bool {
    let text = text.trim_start_matches(['v', 'V']);
    let is_part = |part: &str| {
        !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit())
    };
    text.starts_with(|c: char| c.is_ascii_digit()) && text.split(['.', '_', '-']).all(is_part)
}

/// `xmeld2511a` is `xmeld` and `2511a`.
fn word_and_number(word: &str) -> (&str, &str) {
    let at = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
    let (name, number) = word.split_at_checked(at).unwrap_or((word, ""));
    let is_release = 2 <= name.len() && 2 <= number.len();
    if is_release { (name.trim_end_matches(['_', '-']), number) } else { (word, "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_tells_id_version_and_family() {
        let rows = [
            (
                "urn:xoev-de:xdomea:schema:2.3.0",
                Some("xdomea"),
                Some("2.3.0"),
                Some("urn:xoev-de:xdomea:schema:"),
            ),
            (
                "https://gitlab.opencode.de/akdb/xoev/xwasser/-/raw/main/V1_0_0",
                Some("xwasser"),
                Some("1.0.0"),
                Some("https://gitlab.opencode.de/akdb/xoev/xwasser/-/raw/main/"),
            ),
            (
                "http://www.xgewerbeanzeige.de/spezifikation/2.2",
                Some("xgewerbeanzeige"),
                Some("2.2"),
                Some("http://www.xgewerbeanzeige.de/spezifikation/"),
            ),
            ("http://www.osci.de/xmeld2511a", Some("xmeld"), Some("2511a"), None),
            ("http://www.xjustiz.de", Some("xjustiz"), None, None),
            ("urn:strandkorb:1.0", Some("strandkorb"), Some("1.0"), Some("urn:strandkorb:")),
            ("", None, None, None),
        ];
        for (namespace, id, version, family_of) in rows {
            let found = of_namespace(namespace);
            assert_eq!((found.0.as_deref(), found.1.as_deref()), (id, version), "{namespace}");
            assert_eq!(family(namespace).as_deref(), family_of, "{namespace}");
        }
    }

    #[test]
    fn an_id_has_small_letters_digits_and_hyphens() {
        for (text, id) in [("XWasser", "xwasser"), ("X Größe_2", "x-groesse-2"), ("--", "")] {
            assert_eq!(id_of(text), id);
        }
    }
}
