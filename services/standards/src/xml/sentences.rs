//! Turns the validator's findings into sentences a clerk understands: German first, English beside.

use xsd::LocalName;
use xsd_schema::SchemaSet;

use crate::{
    codes,
    tree::Tree,
    xml::{CONTENT, Finding, INCOMPLETE, characters, types::SimpleType},
};

/// Allowed values that are told at most.
const VALUES_MAX: usize = 10;

/// A code and the same sentence twice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sentences {
    pub(crate) code: &'static str,
    pub(crate) german: String,
    pub(crate) english: String,
}

fn say(code: &'static str, german: String, english: String) -> Sentences {
    Sentences { code, german, english }
}

/// Describes `finding`; `expected` are the elements allowed there.
pub(crate) fn describe(
    finding: &Finding,
    tree: &Tree<'_>,
    schemas: &SchemaSet,
    expected: &[String],
) -> Sentences {
    let element = finding.node.map_or("", |node| tree.local_name(node));
    let (rule, message) = (finding.rule, finding.message.as_str());
    match rule {
        CONTENT => structure(element, is_incomplete(finding), expected),
        "cvc-complex-type.2.1" | "cvc-complex-type.2.3" => say(
            codes::XSD_STRUCTURE,
            format!("Im Element „{element}“ ist an dieser Stelle kein Text erlaubt."),
            format!("The element `{element}` may not contain text here."),
        ),
        "cvc-elt.1" => say(
            codes::XSD_STRUCTURE,
            format!("Das Element „{element}“ kommt im Schema nicht vor."),
            format!("The schema has no element `{element}`."),
        ),
        "cvc-complex-type.4" => {
            let name = between(message, "'", "'").unwrap_or_default();
            say(
                codes::XSD_ATTRIBUTE,
                format!("Im Element „{element}“ fehlt das Pflichtattribut „{name}“."),
                format!("The element `{element}` lacks the mandatory attribute `{name}`."),
            )
        }
        _ if rule.starts_with("cvc-complex-type.3") || rule.starts_with("cvc-assess-attr") => {
            let name = finding.attribute.as_deref().unwrap_or_default();
            say(
                codes::XSD_ATTRIBUTE,
                format!("Das Attribut „{name}“ ist im Element „{element}“ nicht erlaubt."),
                format!("The attribute `{name}` is not allowed in the element `{element}`."),
            )
        }
        _ if rule.starts_with("cvc-id") || rule.starts_with("cvc-identity-constraint") => {
            identity(element, rule, message)
        }
        _ if is_value(rule) => value(finding, element, tree, schemas),
        _ => other(element, rule),
    }
}

/// Whether content is missing at the end of the element, not wrong at its begin.
pub(crate) fn is_incomplete(finding: &Finding) -> bool {
    finding.message.contains(INCOMPLETE)
}

fn structure(element: &str, is_incomplete: bool, expected: &[String]) -> Sentences {
    let (german, english) =
        (listed(expected, "„", "“", " oder "), listed(expected, "`", "`", " or "));
    match (is_incomplete, expected.is_empty()) {
        (true, true) => say(
            codes::XSD_STRUCTURE,
            format!("Im Element „{element}“ fehlt mindestens eine Pflichtangabe."),
            format!("The element `{element}` lacks mandatory content."),
        ),
        (true, false) => say(
            codes::XSD_STRUCTURE,
            format!("Im Element „{element}“ fehlt eine Pflichtangabe; erwartet wird {german}."),
            format!("The element `{element}` lacks mandatory content; {english} is expected."),
        ),
        (false, true) => say(
            codes::XSD_STRUCTURE,
            format!("Das Element „{element}“ ist an dieser Stelle nicht erlaubt."),
            format!("The element `{element}` is not allowed here."),
        ),
        (false, false) => say(
            codes::XSD_STRUCTURE,
            format!(
                "Das Element „{element}“ ist an dieser Stelle nicht erlaubt; erwartet wird {german}."
            ),
            format!("The element `{element}` is not allowed here; {english} is expected."),
        ),
    }
}

fn identity(element: &str, rule: &str, message: &str) -> Sentences {
    let (german, english) = match rule {
        "cvc-id.1" => (
            format!(
                "Ein Verweis in „{element}“ zeigt auf eine Kennung, die es im Dokument nicht gibt."
            ),
            format!("A reference in `{element}` points to an id the document does not have."),
        ),
        "cvc-id.2" => (
            format!("Die Kennung in „{element}“ kommt im Dokument mehrfach vor."),
            format!("The id in `{element}` occurs more than once in the document."),
        ),
        _ => {
            let name = between(message, "'", "'").unwrap_or_default();
            (
                format!("Die Schlüsselregel „{name}“ ist im Element „{element}“ verletzt."),
                format!("The key rule `{name}` is broken in the element `{element}`."),
            )
        }
    };
    say(codes::XSD_IDENTITY, german, english)
}

/// Whether a rule is about a value that is prescribed.
pub(crate) fn is_fixed(rule: &str) -> bool {
    rule.starts_with("cvc-elt.5") || rule == "cvc-attribute.4"
}

/// The value that is prescribed.
pub(crate) fn fixed(message: &str) -> Option<&str> {
    between(message, "fixed value '", "'")
}

/// Whether a rule is about a value and its type.
pub(crate) fn is_value(rule: &str) -> bool {
    rule.ends_with("-valid")
        || ["cvc-datatype", "cvc-simple-type", "cvc-attribute", "cvc-elt.5", "cvc-type.3"]
            .iter()
            .any(|prefix| rule.starts_with(prefix))
}

fn value(finding: &Finding, element: &str, tree: &Tree<'_>, schemas: &SchemaSet) -> Sentences {
    let (german, english) = match &finding.attribute {
        Some(name) => (format!("des Attributs „{name}“"), format!("of the attribute `{name}`")),
        None => (format!("des Elements „{element}“"), format!("of the element `{element}`")),
    };
    let shown = shown(finding, tree);
    let german =
        format!("Der Wert{} {german}", shown.map(|v| format!(" „{v}“")).unwrap_or_default());
    let english =
        format!("The value{} {english}", shown.map(|v| format!(" `{v}`")).unwrap_or_default());
    let (is, is_english) = fault_of_value(finding, tree, schemas);
    say(codes::XSD_VALUE, format!("{german} {is}."), format!("{english} {is_english}."))
}

/// What is wrong with the value, without the value.
fn fault_of_value(finding: &Finding, tree: &Tree<'_>, schemas: &SchemaSet) -> (String, String) {
    let simple = finding.type_key.and_then(|key| SimpleType::of(schemas, key));
    let limit = finding.message.rsplit(' ').next().unwrap_or_default().trim_matches('\'');
    let message = finding.message.as_str();
    match finding.rule {
        "cvc-maxLength-valid" => (
            format!("ist zu lang; höchstens {limit} Zeichen sind erlaubt"),
            format!("is too long; at most {limit} characters are allowed"),
        ),
        "cvc-minLength-valid" => (
            format!("ist zu kurz; mindestens {limit} Zeichen sind nötig"),
            format!("is too short; at least {limit} characters are needed"),
        ),
        "cvc-minInclusive-valid" | "cvc-minExclusive-valid" => (
            format!("ist zu klein; die Grenze ist {limit}"),
            format!("is too small; the limit is {limit}"),
        ),
        "cvc-maxInclusive-valid" | "cvc-maxExclusive-valid" => (
            format!("ist zu groß; die Grenze ist {limit}"),
            format!("is too large; the limit is {limit}"),
        ),
        "cvc-enumeration-valid" => {
            let allowed = simple.map(SimpleType::allowed).unwrap_or_default();
            let values = shortened(&allowed);
            (
                format!("ist nicht erlaubt; erlaubt sind {values}"),
                format!("is not allowed; allowed are {values}"),
            )
        }
        rule if is_fixed(rule) && fixed(message).is_some() => {
            let fixed = fixed(message).unwrap_or_default();
            (
                format!("ist nicht erlaubt; vorgeschrieben ist „{fixed}“"),
                format!("is not allowed; `{fixed}` is prescribed"),
            )
        }
        "cvc-pattern-valid" => match fault_of_characters(finding, tree, simple) {
            Some(fault) => fault,
            None => fault_of_form(simple),
        },
        _ => match simple.and_then(SimpleType::name) {
            Some(name) => (
                format!("ist kein gültiger Wert des Datentyps „{name}“"),
                format!("is no valid value of the type `{name}`"),
            ),
            None => ("ist ungültig".to_owned(), "is not valid".to_owned()),
        },
    }
}

/// The character that a datatype of DIN 91379 does not have.
fn fault_of_characters(
    finding: &Finding,
    tree: &Tree<'_>,
    simple: Option<SimpleType<'_>>,
) -> Option<(String, String)> {
    let node = finding.node?;
    let value = match &finding.attribute {
        Some(name) => tree.attribute(node, &LocalName::new(name))?,
        None => tree.text(node),
    };
    characters::fault(simple?, value)
}

fn fault_of_form(simple: Option<SimpleType<'_>>) -> (String, String) {
    match simple.and_then(SimpleType::name) {
        Some(name) => (
            format!("hat nicht die Form oder die Zeichen, die der Datentyp „{name}“ verlangt"),
            format!("has not the form or the characters that the type `{name}` demands"),
        ),
        None => (
            "hat nicht die vorgeschriebene Form".to_owned(),
            "has not the prescribed form".to_owned(),
        ),
    }
}

/// The value, if it cannot be personal data: a code or version where codes and versions belong.
fn shown<'t>(finding: &Finding, tree: &'t Tree<'_>) -> Option<&'t str> {
    let node = finding.node?;
    let is_version = |name: &str| matches!(name, "listVersionID" | "version" | "xjustizVersion");
    let value = match &finding.attribute {
        Some(name) if is_version(name) => tree.attribute(node, &LocalName::new(name))?,
        None if tree.local_name(node) == "code" => tree.text(node).trim(),
        _ => return None,
    };
    is_code_like(value).then_some(value)
}

/// Whether `value` can be shown: a code, and no name or date.
pub(crate) fn is_code_like(value: &str) -> bool {
    let is_short = (1..=8).contains(&value.len());
    let has_form = value.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    is_short && has_form && (value.len() <= 3 || value.bytes().any(|b| b.is_ascii_digit()))
}

fn other(element: &str, rule: &str) -> Sentences {
    let (german, english) = match rule {
        "cvc-elt.2" | "cvc-type.2" => (
            format!(
                "Das Element „{element}“ ist abstrakt; eine konkrete Form muss angegeben werden."
            ),
            format!("The element `{element}` is abstract; a concrete form must be given."),
        ),
        _ if rule.starts_with("cvc-elt.3") => (
            format!(
                "Das Element „{element}“ darf nicht so als leer (xsi:nil) gekennzeichnet sein."
            ),
            format!("The element `{element}` may not be marked as nil this way."),
        ),
        _ if rule.starts_with("cvc-elt.4") => (
            format!("Der im Element „{element}“ angegebene Typ (xsi:type) ist hier nicht erlaubt."),
            format!("The type named by xsi:type in the element `{element}` is not allowed here."),
        ),
        _ => (
            format!("Das Element „{element}“ verletzt die Schemaregel {rule}."),
            format!("The element `{element}` breaks the schema rule {rule}."),
        ),
    };
    say(codes::XSD_OTHER, german, english)
}

/// `„a“, „b“ oder „c“`.
fn listed(names: &[String], open: &str, close: &str, or: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{open}{name}{close}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{}{or}{last}", others.join(", ")),
        None => String::new(),
    }
}

fn shortened(values: &[&str]) -> String {
    let shown: Vec<&str> = values.iter().take(VALUES_MAX).copied().collect();
    let more = values.len().saturating_sub(VALUES_MAX);
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown}, … (+{more})") }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_are_shown() {
        for code in ["0101", "1", "51", "A.1", "D"] {
            assert!(is_code_like(code), "{code}");
        }
        for name in ["Müller", "Meier", "1980-01-01", "Jan Noak", ""] {
            assert!(!is_code_like(name), "{name}");
        }
    }

    #[test]
    fn long_lists_are_shortened() {
        let values: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert_eq!(shortened(&values), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … (+15)");
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&names, "„", "“", " oder "), "„a“, „b“ oder „c“");
    }
}
