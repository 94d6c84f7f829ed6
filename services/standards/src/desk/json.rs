//! The way of a JSON document over the desk.

use jsonschema::ValidationError;
use text::Decoded;

use super::{Case, Desk, Sound, transcoded};
use crate::{
    Document, Severity, Verdict, codes,
    json::{
        self,
        sentences::{self, Told},
    },
    report::Entry,
    tree::{self, Node, Step, Tree},
};

impl<'d> Desk<'d> {
    pub(super) fn check_json(&self, document: &Document, decoded: &Decoded<'_>) -> Verdict {
        let text: &str = &decoded.text;
        let json = match json::parse(text, self.limits) {
            Ok(json) => json,
            Err(fault) => {
                let entry = self.unreadable(fault.code).xoev("X000");
                return self.refuse_at(text, entry.at(String::new(), fault.at));
            }
        };
        let (schema, member) =
            (json.schema.as_deref().unwrap_or(""), json.member.as_deref().unwrap_or(""));
        let found = self.registry.find_json(schema, member);
        let place = (String::new(), 0);
        let (index, mut case) = match self.recognise(found, member, text, place, document.now) {
            Ok(recognised) => recognised,
            Err(verdict) => return *verdict,
        };
        let place = |node: Node| (pointer(&json.tree, node), json.tree.offset(node));
        let compiled = self
            .json
            .get(index)
            .map(|cell| cell.get_or_init(|| json::schema::compile(case.standard).ok().flatten()));
        let Some(validator) = compiled.and_then(Option::as_ref) else {
            let entry = Entry::error(
                codes::DEFECT,
                "Das Schema dieses Standards kann nicht mehr gelesen werden.",
                "The schema of this standard can no longer be read.",
            );
            return self.refuse(entry);
        };
        // Text that is valid only in NFC is a warning; so the normal form is what is judged.
        let normal = text::normalise_json(text);
        let again = normal.as_deref().and_then(|normal| json::parse(normal, self.limits).ok());
        let judged = again.as_ref().unwrap_or(&json);
        self.report_errors(&mut case, &json.tree, validator.iter_errors(&judged.value));
        if normal.is_some() {
            case.report.push(Entry::warning(
                codes::NOT_NFC,
                "Der Text liegt nicht in der Normalform NFC vor; zugestellt wird die Normalform.",
                "The text is not in normal form NFC; the normal form is what is delivered.",
            ));
        }
        let normalised = normal.or_else(|| transcoded(document, decoded).then(|| text.to_owned()));
        let sound = Sound { normalised, media_type: "application/json" };
        self.conclude(case, &judged.tree, &place, text, Some(sound))
    }
}

impl Desk<'_> {
    /// Reports what the schema does not allow, as far as reports go; beyond, it is counted.
    fn report_errors<'e>(
        &self,
        case: &mut Case<'_>,
        tree: &Tree<'_>,
        errors: impl Iterator<Item = ValidationError<'e>>,
    ) {
        let (mut kept, mut paths, mut beyond) = (Vec::new(), Vec::new(), 0);
        for error in errors {
            for told in sentences::of(&error) {
                if kept.len() >= self.limits.violations_max {
                    beyond += 1;
                    continue;
                }
                paths.push(steps(&told.pointer));
                kept.push(told);
            }
        }
        let places = tree::locate(tree, &paths);
        for (Told { pointer, keyword, sentences }, node) in kept.into_iter().zip(places) {
            let at = node.map_or(0, |node| tree.offset(node));
            let (german, english) = sentences;
            let entry = Entry::error(codes::JSON_SCHEMA, german, english).xoev("X001");
            case.report.push(entry.rule(&keyword).at(pointer, at));
        }
        let severity = case.standard.severity(codes::JSON_SCHEMA, None, Severity::Error);
        case.report.count(beyond, severity);
    }

    fn unreadable(&self, code: &'static str) -> Entry<'static> {
        let (depth, values) = (self.limits.depth_max, self.limits.elements_max);
        let (german, english) = match code {
            codes::TOO_DEEP => (
                format!("Das Dokument ist tiefer als {depth} Ebenen verschachtelt."),
                format!("The document is nested more than {depth} levels deep."),
            ),
            codes::TOO_LARGE => (
                format!("Das Dokument hat mehr als {values} Werte."),
                format!("The document has more than {values} values."),
            ),
            codes::JSON_DUPLICATE_KEY => (
                "Ein Schlüssel kommt in einem Objekt zweimal vor.".to_owned(),
                "An object has a key twice.".to_owned(),
            ),
            _ => (
                "Das Dokument ist an dieser Stelle kein gültiges JSON.".to_owned(),
                "The document is not valid JSON here.".to_owned(),
            ),
        };
        Entry::error(code, german, english)
    }
}

/// A JSON pointer as steps below the message.
fn steps(pointer: &str) -> Vec<Step> {
    let mut found = Vec::new();
    let mut tokens = pointer.split('/').skip(2).peekable();
    while let Some(token) = tokens.next() {
        // An array's items are siblings of one name.
        let number = tokens.next_if(|next| next.bytes().all(|b| b.is_ascii_digit()));
        let number: usize = number.and_then(|number| number.parse().ok()).unwrap_or(0);
        let local = token.replace("~1", "/").replace("~0", "~");
        found.push(Step { local, namespace: None, number: number.saturating_add(1) });
    }
    found
}

/// The JSON pointer of a node.
fn pointer(tree: &Tree<'_>, node: Node) -> String {
    tree.xpath(node)
}
