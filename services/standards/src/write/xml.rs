//! Writes an element and what is in it: every prefix declared once, at the root.

use std::fmt::Write as _;

use super::arrange::{Content, Element};

/// The document. The root's namespace gets a prefix after the standard's id.
pub(crate) fn serialise(root: &Element, standard: &str) -> String {
    let mut namespaces = vec![root.namespace.as_str()];
    collect(root, &mut namespaces);
    namespaces.retain(|namespace| !namespace.is_empty());
    let mut prefixes: Vec<(String, &str)> = Vec::new();
    for (number, namespace) in namespaces.into_iter().enumerate() {
        let is_root = namespace == root.namespace;
        let prefix = if is_root { prefix_of(standard) } else { format!("ns{number}") };
        prefixes.push((prefix, namespace));
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write(root, &prefixes, true, 0, &mut text);
    text.push('\n');
    text
}

fn collect<'e>(element: &'e Element, namespaces: &mut Vec<&'e str>) {
    let own = [element.namespace.as_str()].into_iter();
    for namespace in own.chain(element.attributes.iter().map(|(namespace, ..)| namespace.as_str()))
    {
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    if let Content::Elements(children) = &element.content {
        children.iter().for_each(|child| collect(child, namespaces));
    }
}

/// `amtsbote-kfz` is `kfz`, `xdomea` is `xdomea`.
fn prefix_of(standard: &str) -> String {
    let last = standard.rsplit('-').next().unwrap_or(standard);
    let is_name = last.starts_with(|c: char| c.is_ascii_lowercase())
        && last.chars().all(|c| c.is_ascii_alphanumeric())
        && !last.starts_with("xml")
        && !last.starts_with("ns");
    if is_name { last.to_owned() } else { "n".to_owned() }
}

fn write(
    element: &Element,
    prefixes: &[(String, &str)],
    is_root: bool,
    depth: usize,
    text: &mut String,
) {
    let qualified = |namespace: &str, local: &str| {
        let prefix = prefixes.iter().find(|(_, known)| *known == namespace);
        prefix.map_or_else(|| local.to_owned(), |(prefix, _)| format!("{prefix}:{local}"))
    };
    let name = qualified(&element.namespace, &element.local);
    text.push('<');
    text.push_str(&name);
    for (prefix, namespace) in prefixes.iter().filter(|_| is_root) {
        write!(text, " xmlns:{prefix}=\"").expect("a text takes everything");
        escape(namespace, true, text);
        text.push('"');
    }
    for (namespace, local, value) in &element.attributes {
        write!(text, " {}=\"", qualified(namespace, local)).expect("a text takes everything");
        escape(value, true, text);
        text.push('"');
    }
    match &element.content {
        Content::Elements(children) if !children.is_empty() => {
            text.push('>');
            for child in children {
                line(depth + 1, text);
                write(child, prefixes, false, depth + 1, text);
            }
            line(depth, text);
        }
        Content::Text(value) if !value.is_empty() => {
            text.push('>');
            escape(value, false, text);
        }
        Content::Elements(_) | Content::Text(_) => {
            text.push_str("/>");
            return;
        }
    }
    write!(text, "</{name}>").expect("a text takes everything");
}

fn line(depth: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// What a reader would take for markup, or change: line ends are normalised in texts, all white
/// space in attributes.
fn escape(value: &str, is_attribute: bool, text: &mut String) {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' if is_attribute => text.push_str("&quot;"),
            '\r' => text.push_str("&#13;"),
            '\n' if is_attribute => text.push_str("&#10;"),
            '\t' if is_attribute => text.push_str("&#9;"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_markup_or_change_is_escaped() {
        let leaf = Element {
            local: "b".to_owned(),
            namespace: String::new(),
            attributes: vec![("urn:x".to_owned(), "c".to_owned(), "\"<\n\t&".to_owned())],
            content: Content::Text("a < b ]]> & \r\n".to_owned()),
        };
        let root = Element {
            local: "a".to_owned(),
            namespace: "urn:a".to_owned(),
            attributes: Vec::new(),
            content: Content::Elements(vec![leaf]),
        };
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <kfz:a xmlns:kfz=\"urn:a\" xmlns:ns1=\"urn:x\">\n  \
            <b ns1:c=\"&quot;&lt;&#10;&#9;&amp;\">a &lt; b ]]&gt; &amp; &#13;\n</b>\n</kfz:a>\n";
        assert_eq!(serialise(&root, "amtsbote-kfz"), expected);
        assert_eq!(prefix_of("1a"), "n");
        assert_eq!(prefix_of("xmlx"), "n");
    }
}
