//! Keys of municipalities: AGS (8 digits) and ARS (12 digits) exist and name the same one. Which
//! elements hold them is known from the mapping. Existence is checked where the official list
//! (Destatis, `…:schluessel:rs`) is installed, in its newest version.

use std::sync::Arc;

use crate::{
    codelist::{CodeList, CodeLists},
    codes,
    load::{addresses::Addresses, path::Path, standard::MessageType},
    report::{Entry, Report},
    tree::{Node, Tree},
};

/// All municipalities by ARS.
const LIST: &str = "urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs";

/// Both keys of one address, each with its element.
#[derive(Default)]
struct Keys<'t> {
    ags: Option<(&'t str, Node)>,
    ars: Option<(&'t str, Node)>,
}

/// Checks the keys of every address.
pub(super) fn check(
    message: &MessageType,
    tree: &Tree<'_>,
    codelists: &CodeLists,
    place: &dyn Fn(Node) -> (String, usize),
    report: &mut Report<'_>,
) {
    let Some(root) = tree.root() else { return };
    let mut found = Vec::new();
    collect(&message.addresses, tree, root, &mut found);
    if found.is_empty() {
        return;
    }
    let list = codelists.newest(LIST);
    for keys in found {
        for entry in judge(&keys, list.as_ref()) {
            let (entry, node) = entry;
            let (path, at) = place(node);
            report.push(entry.at(path, at));
        }
    }
}

fn collect<'t>(addresses: &Addresses, tree: &'t Tree<'_>, node: Node, found: &mut Vec<Keys<'t>>) {
    for address in &addresses.here {
        let key = |lines: &[Vec<Path>]| lines.iter().rev().find_map(|line| key(line, tree, node));
        let keys = Keys { ags: key(&address.ags), ars: key(&address.ars) };
        if keys.ags.is_some() || keys.ars.is_some() {
            found.push(keys);
        }
    }
    for (each, within) in &addresses.within {
        for path in each {
            path.each(tree, node, &mut |node| collect(within, tree, node, found));
        }
    }
}

/// What the first path says that leads to a value, and where.
fn key<'t>(paths: &[Path], tree: &'t Tree<'_>, node: Node) -> Option<(&'t str, Node)> {
    let value = |path: &Path| Some((path.value(tree, node)?, path.node(tree, node)?));
    paths.iter().find_map(value)
}

fn judge(keys: &Keys<'_>, list: Option<&Arc<CodeList>>) -> Vec<(Entry<'static>, Node)> {
    let mut entries = Vec::new();
    if let (Some((ags, _)), Some((ars, node))) = (keys.ags, keys.ars)
        && ags_of(ars).is_some_and(|of_ars| of_ars != ags)
    {
        entries.push((differ(), node));
        return entries;
    }
    let Some(list) = list else { return entries };
    let is_unknown_ars = keys.ars.filter(|(ars, _)| !list.contains(ars));
    let is_unknown_ags = keys.ags.filter(|(ags, _)| !has_ags(list, ags));
    let unknown = is_unknown_ars.or(is_unknown_ags);
    entries.extend(unknown.map(|(_, node)| (not_listed(&list.version), node)));
    entries
}

/// An ARS is an AGS with four digits of an association of municipalities in its middle.
fn ags_of(ars: &str) -> Option<String> {
    (ars.len() == 12).then(|| Some(format!("{}{}", ars.get(..5)?, ars.get(9..)?)))?
}

fn has_ags(list: &CodeList, ags: &str) -> bool {
    let Some(district) = ags.get(..5) else { return false };
    list.beginning_with(district).any(|ars| ags_of(ars).as_deref() == Some(ags))
}

fn differ() -> Entry<'static> {
    Entry::warning(
        codes::MUNICIPALITY_KEYS_DIFFER,
        "Gemeindeschlüssel (AGS) und Regionalschlüssel (ARS) bezeichnen verschiedene Gemeinden.",
        "The municipality key (AGS) and the regional key (ARS) name different municipalities.",
    )
    .xoev("S011")
}

fn not_listed(version: &str) -> Entry<'static> {
    Entry::warning(
        codes::MUNICIPALITY_UNKNOWN,
        format!("Der Schlüssel steht nicht im amtlichen Gemeindeverzeichnis (Stand {version})."),
        format!("The key is not in the official list of municipalities (as of {version})."),
    )
    .xoev("S011")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codelist::genericode;

    fn node() -> Node {
        let mut tree = Tree::default();
        tree.push(None, "", "a", "", 0)
    }

    #[test]
    fn keys_must_exist_and_name_the_same_municipality() {
        let text = genericode::tests::file(LIST, "2026-06-30", &["146260110110", "147305310310"]);
        let list = Arc::new(genericode::read(&text).unwrap());
        let differ = codes::MUNICIPALITY_KEYS_DIFFER;
        let unknown = codes::MUNICIPALITY_UNKNOWN;
        let rows = [
            ("14626110", "146260110110", None),
            ("14626110", "", None),
            ("", "147305310310", None),
            ("14730310", "146260110110", Some(differ)),
            // A county has no municipality of its own.
            ("14626000", "", Some(unknown)),
            ("", "146260110111", Some(unknown)),
            ("1462", "", Some(unknown)),
            ("", "", None),
        ];
        for (ags, ars, expected) in rows {
            let key = |key: &'static str| Some((key, node())).filter(|_| !key.is_empty());
            let keys = Keys { ags: key(ags), ars: key(ars) };
            let found: Vec<_> = judge(&keys, Some(&list)).iter().map(|(e, _)| e.code).collect();
            assert_eq!(found.first().copied(), expected, "{ags} {ars}");
        }
    }
}
