//! Codes: what a document names must be in the list and version it names (XÖV type `Code`).

use crate::{
    codelist::{CodeList, CodeLists, Named},
    codes,
    load::standard::Standard,
    report::{Entry, Report},
    tree::{Node, Tree, called},
    xml::sentences::is_code_like,
};

/// Codes that are told at most where one is unknown.
const CODES_MAX: usize = 12;

/// Checks every element that names a list.
pub(super) fn check(
    standard: &Standard,
    tree: &Tree<'_>,
    codelists: &CodeLists,
    place: &dyn Fn(Node) -> (String, usize),
    report: &mut Report<'_>,
) {
    let nodes = (0..).map_while(|index| tree.node(index));
    for node in nodes.filter(|node| tree.can_have_attributes(*node)) {
        let (Some(uri), Some(version)) =
            (tree.attribute(node, &called::LIST), tree.attribute(node, &called::LIST_VERSION))
        else {
            continue;
        };
        let at = tree.child(node, &called::CODE).unwrap_or(node);
        let code = tree.text(at).trim();
        if code.is_empty() {
            continue;
        }
        let found = judge(standard, codelists, (uri.trim(), version.trim()), code);
        let Some((entry, is_of_code)) = found else { continue };
        let (path, at) = place(if is_of_code { at } else { node });
        // Where the schema fixes list or codes, it has said so.
        if !report.is_told_at(at) {
            report.push(entry.at(path, at));
        }
    }
}

/// What is wrong, and whether the code itself is.
fn judge(
    standard: &Standard,
    codelists: &CodeLists,
    (uri, version): (&str, &str),
    code: &str,
) -> Option<(Entry<'static>, bool)> {
    if uri.is_empty() || version.is_empty() {
        return Some((unnamed(), false));
    }
    match codelists.find(uri, version) {
        Named::Known(list) if list.contains(code) => None,
        Named::Known(list) => Some((unknown(&list, code), true)),
        Named::OtherVersions(versions) => {
            let severity = standard.codelists.of(uri).severity()?;
            Some((Entry { severity, ..other_version(uri, version, &versions) }, false))
        }
        Named::Unknown => None,
    }
}

fn unknown(list: &CodeList, code: &str) -> Entry<'static> {
    let CodeList { title, version, .. } = list;
    let said = if is_code_like(code) { code } else { "…" };
    let (german, english) = if list.len() <= CODES_MAX {
        let codes: Vec<&str> = list.iter().map(|(code, _)| code).collect();
        let codes = codes.join(", ");
        (format!("; enthalten sind {codes}"), format!("; it has {codes}"))
    } else {
        (String::new(), String::new())
    };
    Entry::error(
        codes::CODE_UNKNOWN,
        format!(
            "Der Code „{said}“ steht nicht in Version {version} der Codeliste „{title}“{german}."
        ),
        format!(
            "The code `{said}` is not in version {version} of the code list `{title}`{english}."
        ),
    )
    .xoev("S011")
}

fn other_version(uri: &str, version: &str, versions: &[String]) -> Entry<'static> {
    let said = if is_version(version) { version } else { "…" };
    let there = versions.join(", ");
    Entry::warning(
        codes::CODE_LIST_VERSION,
        format!(
            "Version {said} der Codeliste {uri} ist nicht eingerichtet, der Code wurde nicht geprüft; \
             eingerichtet ist: {there}."
        ),
        format!(
            "Version {said} of the code list {uri} is not installed, the code was not checked; \
             installed is: {there}."
        ),
    )
    .xoev("S010")
}

/// Versions are numbers or days.
fn is_version(text: &str) -> bool {
    text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit() || b".-_".contains(&b))
}

fn unnamed() -> Entry<'static> {
    Entry::warning(
        codes::CODE_LIST_UNNAMED,
        "Der Code nennt keine Codeliste oder keine Version; er wurde nicht geprüft.",
        "The code names no list or no version of it; it was not checked.",
    )
    .xoev("S010")
}
