//! Standards whose schemas may not be part of the program, and whose `standard.toml` and `mapping.toml`
//! are: below `schemas/known`, found by namespace.

use crate::store;

/// Where they lie.
const FOLDER: &str = "builtin:/known";

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) version: String,
    /// `standard.toml`, whose `[xml]` the import writes anew.
    pub(crate) standard: String,
    /// `mapping.toml`.
    pub(crate) mapping: String,
}

/// The one whose messages are in `namespace`.
pub(crate) fn of_namespace(namespace: &str) -> Option<Known> {
    let folders = store::standards(FOLDER).unwrap_or_default();
    folders
        .iter()
        .filter_map(|folder| read(folder))
        .find(|(of, _)| of == namespace)
        .map(|(_, known)| known)
}

fn read(folder: &str) -> Option<(String, Known)> {
    let standard = store::read_text(&store::join(folder, "standard.toml")).ok()?;
    let mapping = store::read_text(&store::join(folder, "mapping.toml")).ok()?;
    let table: toml::Table = standard.parse().ok()?;
    let text = |name: &str| Some(table.get(name)?.as_str()?.to_owned());
    let (id, version) = (text("id")?, text("version")?);
    let namespace = table.get("recognise")?.as_table()?.get("namespace")?.as_str()?.to_owned();
    Some((namespace, Known { id, version, standard, mapping }))
}

impl Known {
    /// Name, title and domain of each message type.
    pub(crate) fn messages(&self) -> Vec<[String; 3]> {
        let table: toml::Table = self.standard.parse().unwrap_or_default();
        let messages = table.get("message").and_then(toml::Value::as_array);
        let text = |message: &toml::Value, key: &str| {
            message.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
        };
        let message = |message| ["name", "title", "domain"].map(|key| text(message, key));
        messages.into_iter().flatten().map(message).collect()
    }

    /// `standard.toml` under this name, with this entry and catalogue.
    pub(crate) fn standard_with(&self, id: &str, version: &str, xml: &str) -> String {
        let mut text = String::new();
        let (mut is_top, mut is_xml) = (true, false);
        for line in self.standard.lines() {
            if line.trim_start().starts_with('[') {
                is_top = false;
                is_xml = line.trim() == "[xml]";
                if is_xml {
                    text.push_str(xml);
                }
            }
            let key = line.split('=').next().unwrap_or_default().trim();
            match (is_xml, is_top, key) {
                (true, ..) => {}
                (_, true, "id") => text.push_str(&format!("id = {id:?}\n")),
                (_, true, "version") => text.push_str(&format!("version = {version:?}\n")),
                _ => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        if !text.contains("[xml]") {
            text.push_str(xml);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_entry_are_the_imports_and_the_rest_is_kept() {
        let standard = "# note\nid = \"a\"\nversion = \"1\"\n[xml]\nentry = \"x\"\n\n[[message]]\nname = \"m\"\n".to_owned();
        let known = Known { id: "a".into(), version: "1".into(), standard, mapping: String::new() };
        assert_eq!(
            known.standard_with("b", "2", "[xml]\nentry = \"y\"\n\n"),
            "# note\nid = \"b\"\nversion = \"2\"\n[xml]\nentry = \"y\"\n\n[[message]]\nname = \"m\"\n"
        );
    }
}
