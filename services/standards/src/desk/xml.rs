//! The way of an XML document over the desk.

use messaging::Timestamp;
use text::{Decoded, Encoding};
use xsd_schema::{
    SchemaSet,
    validation::SchemaValidator,
    xml::{ParseLimit, WellFormednessRule},
};

use super::{Case, Desk, Sound, transcoded};
use crate::{
    Document, Severity, Verdict, codes,
    load::registry::Found,
    report::Entry,
    tree::{Node, Tree},
    xml::{
        self, Fatal, Pass,
        mend::{self, Judge},
        proof::{self, Counts},
        root::Root,
        sentences,
    },
};

/// How the judgement of a schema came about, for counters: proven, or why not, beside the reasons of
/// `xsd`.
const PROVEN: &str = "proven";
const NOT_TRIED: &str = "not_tried";
const NOT_NORMAL: &str = "not_normal";
const DISAGREEMENT: &str = "disagreement";

impl<'d> Desk<'d> {
    pub(super) fn check_xml(&self, document: &Document, decoded: &Decoded<'_>) -> Verdict {
        let text: &str = &decoded.text;
        let (root, found) = match self.find(text) {
            Ok(found) => found,
            Err(Fatal::NotXml(at)) if !text.trim_start().starts_with('<') => {
                return self.refuse_at(text, neither().at(String::new(), at));
            }
            Err(fatal) => return self.refuse_at(text, fatal_entry(&fatal, String::new())),
        };
        let (index, case) = match self.case(&root, found, text, document.now) {
            Ok(recognised) => recognised,
            Err(verdict) => return *verdict,
        };
        let tree = match self.proven(index, text) {
            Ok(tree) => tree,
            Err(why) => {
                let verdict = self.validated(index, document, decoded, case);
                return Verdict { proof: Some(why), ..verdict };
            }
        };
        let verdict = self.conclude_proven(document, decoded, case, &tree);
        if self.is_checked_twice()
            && self.xsd(index).is_some()
            && let Ok((root, found)) = self.find(text)
            && let Ok((_, again)) = self.case(&root, found, text, document.now)
        {
            let other = self.validated(index, document, decoded, again);
            return self.compared(index, &document.bytes, verdict, other);
        }
        Verdict { proof: Some(PROVEN), ..verdict }
    }

    /// Standard and message type of the root, or the verdict that there is none.
    fn case(
        &self,
        root: &Root,
        found: Found<'d>,
        text: &str,
        now: Timestamp,
    ) -> Result<(usize, Case<'d>), Box<Verdict>> {
        let place = (format!("/{}", root.qualified), root.offset);
        self.recognise(found, &root.local, text, place, now)
    }

    /// The tree of `text` if it is proven to be valid and in its normal form, so that nothing is left to
    /// say of it by its schema; else why not.
    fn proven<'t>(&self, standard: usize, text: &'t str) -> Result<Tree<'t>, &'static str> {
        let counts = self.registry.counts(standard).ok_or(NOT_TRIED)?;
        let acceptor = self.acceptor(standard).ok_or(NOT_TRIED)?;
        if text::normalise_xml(text).is_some() {
            return Err(NOT_NORMAL);
        }
        let tree = proof::pass(text, &mut acceptor.borrow_mut());
        counts.count(tree.as_ref().err().copied());
        tree.map_err(xsd::Reason::label)
    }

    /// What holds of a document that was judged in both ways: where they say or carry different things,
    /// one of them is wrong, and what the validator's way says counts.
    fn compared(
        &self,
        standard: usize,
        bytes: &[u8],
        proven: Verdict,
        validated: Verdict,
    ) -> Verdict {
        let differs = if (&proven.violations, proven.violations_total)
            != (&validated.violations, validated.violations_total)
        {
            "violations"
        } else if proven.header != validated.header {
            "header"
        } else if proven != validated {
            "message"
        } else {
            return Verdict { proof: Some(PROVEN), ..proven };
        };
        self.registry.counts(standard).into_iter().for_each(Counts::disagree);
        tracing::error!(
            code = codes::JUDGES_DISAGREE,
            standard = self.registry.standards.get(standard).map(|s| s.id.as_str()),
            differs,
            "a document that was proven valid is judged or carried otherwise by the validator's way"
        );
        if let Some(on_defect) = self.on_defect {
            on_defect.give(codes::JUDGES_DISAGREE, bytes);
        }
        Verdict { proof: Some(DISAGREEMENT), ..validated }
    }

    /// Whether it is this document's turn: at one in a hundred, each hundredth at this desk.
    fn is_checked_twice(&self) -> bool {
        const WHOLE: u32 = 1_000_000;
        let due = self.due_ppm.get() + self.cross_check_ppm.min(WHOLE);
        let is_turn = due >= WHOLE;
        self.due_ppm.set(if is_turn { due - WHOLE } else { due });
        is_turn
    }

    fn conclude_proven(
        &self,
        document: &Document,
        decoded: &Decoded<'_>,
        case: Case<'_>,
        tree: &Tree<'_>,
    ) -> Verdict {
        let text: &str = &decoded.text;
        let is_changed = transcoded(document, decoded);
        let normalised = is_changed.then(|| declared_as_utf8(text, decoded.encoding));
        let sound = Sound { normalised, media_type: "application/xml" };
        self.conclude(case, tree, &|node| place(tree, node), text, Some(sound))
    }

    /// The verdict of the validator, and what it carries.
    fn validated(
        &self,
        standard: usize,
        document: &Document,
        decoded: &Decoded<'_>,
        case: Case<'_>,
    ) -> Verdict {
        let Some((schemas, validator)) = self.xsd(standard) else {
            // It could be compiled at start; only a changed folder leads here.
            let entry = Entry::error(
                codes::DEFECT,
                "Das Schema dieses Standards kann nicht mehr gelesen werden.",
                "The schema of this standard can no longer be read.",
            );
            return self.refuse(entry);
        };
        self.judge(document, decoded, case, schemas, validator)
    }

    /// Standard and name of the message type of `text`, if there is one.
    pub(crate) fn recognised_xml(&self, text: &str) -> Option<(usize, &'d str)> {
        match self.find(text).ok()?.1 {
            Found::Message(index, message) => Some((index, &message.name)),
            _ => None,
        }
    }

    /// Whether `text` is proven to be valid, if it is of a standard.
    pub(crate) fn proven_xml(&self, text: &str) -> Option<bool> {
        let (index, _) = self.recognised_xml(text)?;
        Some(self.proven(index, text).is_ok())
    }

    /// How many findings the schema has to `text`, if it is of a standard and well-formed.
    pub(crate) fn validated_xml(&self, text: &str) -> Option<usize> {
        let (index, _) = self.recognised_xml(text)?;
        let (schemas, validator) = self.xsd(index)?;
        let pass = xml::pass(text, schemas, validator, self.limits);
        pass.fatal.is_none().then_some(pass.findings_total)
    }

    fn judge(
        &self,
        document: &Document,
        decoded: &Decoded<'_>,
        mut case: Case<'_>,
        schemas: &SchemaSet,
        validator: &SchemaValidator<'_>,
    ) -> Verdict {
        let text: &str = &decoded.text;
        let judge = Judge { schemas, validator, limits: self.limits };
        let sent = xml::pass(text, schemas, validator, self.limits);
        if let Some(fatal) = &sent.fatal {
            report_findings(&mut case, text, &sent, &sent.tree, judge);
            let last = sent.tree.len().checked_sub(1).and_then(|last| u32::try_from(last).ok());
            let path = last.and_then(|last| sent.tree.node(last));
            let path = path.map_or(String::new(), |node| sent.tree.xpath(node));
            case.report.push(fatal_entry(fatal, path));
            let place = |node: Node| place(&sent.tree, node);
            return self.conclude(case, &sent.tree, &place, text, None);
        }
        let place = |node: Node| place(&sent.tree, node);
        let Some(normal) = text::normalise_xml(text) else {
            report_findings(&mut case, text, &sent, &sent.tree, judge);
            let is_changed = transcoded(document, decoded);
            let normalised = is_changed.then(|| declared_as_utf8(text, decoded.encoding));
            let sound = Sound { normalised, media_type: "application/xml" };
            return self.conclude(case, &sent.tree, &place, text, Some(sound));
        };
        let again = xml::pass(&normal, schemas, validator, self.limits);
        report_not_normal(&mut case, &sent.tree);
        // Pieces are normalised between markup, so both trees have the same nodes.
        let is_repaired = again.fatal.is_none() && again.tree.len() == sent.tree.len();
        let severity = case.standard.severity(codes::NOT_NFC, None, Severity::Warning);
        if !is_repaired || severity == Severity::Error {
            report_findings(&mut case, text, &sent, &sent.tree, judge);
            return self.conclude(case, &sent.tree, &place, text, None);
        }
        report_findings(&mut case, &normal, &again, &sent.tree, judge);
        let normalised = Some(declared_as_utf8(&normal, decoded.encoding));
        let sound = Sound { normalised, media_type: "application/xml" };
        self.conclude(case, &again.tree, &place, text, Some(sound))
    }
}

fn place(tree: &Tree<'_>, node: Node) -> (String, usize) {
    (tree.xpath(node), tree.offset(node))
}

/// Reports what the schema does not allow in `text`; places are those of `sent`.
fn report_findings(
    case: &mut Case<'_>,
    text: &str,
    pass: &Pass,
    sent: &Tree<'_>,
    judge: Judge<'_>,
) {
    if pass.findings.is_empty() {
        return;
    }
    let (told, more) = mend::every(text, pass, judge);
    case.report.count(more, Severity::Error);
    for told in &told {
        let finding = &told.finding;
        let said = sentences::describe(finding, &pass.tree, judge.schemas, &told.names());
        let mut entry =
            Entry::error(said.code, said.german, said.english).xoev("X001").rule(finding.rule);
        if let Some(node) = finding.node {
            let (mut path, at) = place(sent, node);
            if let Some(attribute) = &finding.attribute {
                path = format!("{path}/@{attribute}");
            }
            entry = entry.at(path, at);
        }
        case.report.push(entry);
    }
}

fn report_not_normal(case: &mut Case<'_>, tree: &Tree<'_>) {
    let entry = || {
        Entry::warning(
            codes::NOT_NFC,
            "Der Text liegt nicht in der Normalform NFC vor; zugestellt wird die Normalform.",
            "The text is not in normal form NFC; the normal form is what is delivered.",
        )
    };
    let severity = case.standard.severity(codes::NOT_NFC, None, Severity::Warning);
    let mut is_told = false;
    let nodes = (0..).map_while(|index| tree.node(index));
    for node in nodes {
        let is_normal = text::is_normal(tree.text(node))
            && tree.attributes(node).all(|(_, value)| text::is_normal(value));
        if !is_normal && case.report.is_full() {
            case.report.count(1, severity);
        } else if !is_normal {
            let (path, at) = place(tree, node);
            case.report.push(entry().at(path, at));
            is_told = true;
        }
    }
    if !is_told {
        case.report.push(entry());
    }
}

fn neither() -> Entry<'static> {
    Entry::error(
        codes::NEITHER_XML_NOR_JSON,
        "Das Dokument ist weder XML noch JSON.",
        "The document is neither XML nor JSON.",
    )
    .xoev("X000")
}

fn fatal_entry(fatal: &Fatal, path: String) -> Entry<'static> {
    match fatal {
        Fatal::Doctype(at) => Entry::error(
            codes::DOCTYPE,
            "Das Dokument enthält eine Dokumenttypdeklaration (DOCTYPE); sie ist nicht erlaubt.",
            "The document has a document type declaration (DOCTYPE), which is not allowed.",
        )
        .xoev("X000")
        .at(path, *at),
        Fatal::NotXml(at) => malformed("", "").at(path, *at),
        Fatal::NotWellFormed(error) => {
            let at = usize::try_from(error.position()).unwrap_or(usize::MAX);
            let entry = match error.rule() {
                WellFormednessRule::EntityDeclared => Entry::error(
                    codes::ENTITY,
                    "Das Dokument verwendet eine Entität, die XML nicht selbst kennt.",
                    "The document uses an entity that XML does not define itself.",
                )
                .xoev("X000"),
                WellFormednessRule::DocumentTypeDeclaration => Entry::error(
                    codes::DOCTYPE,
                    "Das Dokument enthält eine Dokumenttypdeklaration (DOCTYPE); sie ist nicht erlaubt.",
                    "The document has a document type declaration (DOCTYPE), which is not allowed.",
                )
                .xoev("X000"),
                rule => {
                    let (german, english) = explain(rule);
                    malformed(german, english)
                }
            };
            entry.at(path, at)
        }
        Fatal::Limit(limit) => {
            let at = usize::try_from(limit.position()).unwrap_or(usize::MAX);
            limit_entry(limit.limit(), limit.max()).at(path, at)
        }
    }
}

fn malformed(german: &str, english: &str) -> Entry<'static> {
    let (german, english) = match german {
        "" => (String::new(), String::new()),
        _ => (format!(": {german}"), format!(": {english}")),
    };
    Entry::error(
        codes::NOT_WELL_FORMED,
        format!("Das Dokument ist kein wohlgeformtes XML{german}."),
        format!("The document is not well-formed XML{english}."),
    )
    .xoev("X000")
}

fn explain(rule: WellFormednessRule) -> (&'static str, &'static str) {
    match rule {
        WellFormednessRule::Document => (
            "außerhalb des einen Wurzelelements steht Inhalt",
            "there is content outside the one root element",
        ),
        WellFormednessRule::Truncated => (
            "es endet, bevor alle Elemente geschlossen sind",
            "it ends before all elements are closed",
        ),
        WellFormednessRule::ElementTypeMatch => (
            "ein schließendes Element passt nicht zum geöffneten",
            "an end tag does not match the open element",
        ),
        WellFormednessRule::Char | WellFormednessRule::LegalCharacter => {
            ("es enthält ein unzulässiges Zeichen", "it contains a character that is not allowed")
        }
        WellFormednessRule::UniqueAttSpec | WellFormednessRule::AttributesUnique => {
            ("ein Attribut kommt in einem Element zweimal vor", "an element has an attribute twice")
        }
        WellFormednessRule::PrefixDeclared => {
            ("ein Namensraumpräfix ist nicht vereinbart", "a namespace prefix is not declared")
        }
        WellFormednessRule::Reference => {
            ("das Zeichen & leitet keinen gültigen Verweis ein", "an & begins no valid reference")
        }
        _ => ("die Auszeichnung ist fehlerhaft", "its markup is wrong"),
    }
}

fn limit_entry(limit: ParseLimit, most: usize) -> Entry<'static> {
    let (code, german, english) = match limit {
        ParseLimit::Depth => (codes::TOO_DEEP, "Verschachtelungsebenen", "levels of nesting"),
        ParseLimit::Attributes => {
            (codes::TOO_LARGE, "Attribute je Element", "attributes per element")
        }
        ParseLimit::AttributeValueSize => {
            (codes::TOO_LARGE, "Byte je Attributwert", "bytes per attribute value")
        }
        ParseLimit::NameLength | ParseLimit::NamespaceUriLength => {
            (codes::TOO_LARGE, "Byte je Name", "bytes per name")
        }
        ParseLimit::NamespaceDeclarations | ParseLimit::NamespacesInScope => {
            (codes::TOO_LARGE, "Namensräume", "namespaces")
        }
        _ => (codes::TOO_LARGE, "Bestandteile", "parts"),
    };
    Entry::error(
        code,
        format!("Das Dokument überschreitet eine Grenze: höchstens {most} {german}."),
        format!("The document exceeds a limit: at most {most} {english}."),
    )
}

/// The same text with a declaration that names the encoding it now has.
fn declared_as_utf8(text: &str, was: Encoding) -> String {
    let declaration = || {
        let end = text.strip_prefix("<?xml").filter(|_| was != Encoding::Utf8)?.find("?>")?;
        let (declaration, rest) = text.split_at(end + "<?xml".len());
        let (before, after) = declaration.split_once("encoding")?;
        let quote = after.chars().find(|c| matches!(c, '"' | '\''))?;
        let (_, after) = after.split_once(quote)?.1.split_once(quote)?;
        Some(format!("{before}encoding={quote}UTF-8{quote}{after}{rest}"))
    };
    declaration().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcoded_text_declares_what_it_is() {
        let text = "<?xml version='1.0' encoding='ISO-8859-1' standalone='yes'?><a/>";
        let expected = "<?xml version='1.0' encoding='UTF-8' standalone='yes'?><a/>";
        assert_eq!(declared_as_utf8(text, Encoding::Windows1252), expected);
        assert_eq!(declared_as_utf8("<a/>", Encoding::Windows1252), "<a/>");
    }
}
