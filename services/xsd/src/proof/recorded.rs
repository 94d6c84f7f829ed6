//! What is taken of a document on the acceptor's walk is what `xsd-schema` reads in it, byte for byte:
//! names, namespaces, places, attributes, texts.

use std::{convert::Infallible, fmt::Write as _, sync::Arc};

use xsd_schema::{
    SchemaSet,
    validation::{
        AttributeView, CollectingValidationSink, ElementStartView, EndElementInfo, SchemaValidator,
        TextKind, ValidationEventHandler, ValidationFlags, drive_quick_xml_with,
    },
};

use super::{
    chance::Chance,
    data::cases,
    differential::seeds,
    generated::{documents, shown},
    mutation::mutate,
};
use crate::{Acceptor, Limits, Node, Record, Scalar, faults, faults::Fault};

/// Documents changed at random, for each schema.
const MUTANTS: u64 = 4_000;

/// Everything a record holds, as text.
fn told(record: &Record<'_>) -> String {
    let mut told = String::new();
    for node in (0..record.len()).map(Node::of) {
        let (name, namespace) = (record.qualified_name(node), record.namespace(node));
        let (parent, at) = (record.parent(node).map(Node::index), record.offset(node));
        writeln!(told, "{parent:?} {at} {name} {namespace} {:?}", record.text_of(node)).unwrap();
        for (name, local, value) in record.attributes_of(node) {
            writeln!(told, "  {name} {local} {value:?}").unwrap();
        }
    }
    told
}

/// Fills a record with what the validator reads.
#[derive(Default)]
struct Reader {
    record: Record<'static>,
    innermost: Option<Node>,
    offset: usize,
}

impl ValidationEventHandler for Reader {
    type Error = Infallible;

    fn on_element_start_offset(&mut self, at: usize) -> Result<(), Infallible> {
        self.offset = at;
        Ok(())
    }

    fn before_element(&mut self, view: ElementStartView<'_>) -> Result<(), Infallible> {
        let name = (view.prefix, view.local_name, view.namespace_uri);
        self.innermost = Some(self.record.open(self.innermost, name, self.offset));
        Ok(())
    }

    fn before_attribute(&mut self, view: AttributeView<'_>) -> Result<(), Infallible> {
        let node = self.innermost.unwrap();
        self.record.attribute(node, view.prefix, view.local_name, view.value);
        Ok(())
    }

    fn on_text(&mut self, kind: TextKind, text: &str) -> Result<(), Infallible> {
        let Some(node) = self.innermost else { return Ok(()) };
        match kind {
            // Line ends in it are left as they are, against XML 1.0, 2.11.
            TextKind::CData => {
                let lines = text.replace("\r\n", "\n").replace('\r', "\n");
                self.record.text(node, &lines);
            }
            _ => self.record.text(node, text),
        }
        Ok(())
    }

    fn after_end_element(&mut self, _: &EndElementInfo, _: usize) -> Result<(), Infallible> {
        self.innermost = self.record.parent(self.innermost.unwrap());
        Ok(())
    }
}

fn read(document: &str, schemas: &SchemaSet, validator: &SchemaValidator<'_>) -> String {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let sink = CollectingValidationSink { errors: &mut errors, warnings: &mut warnings };
    let mut run = validator.start_run(sink);
    let mut reader = Reader::default();
    let driven = drive_quick_xml_with(document.as_bytes(), &mut run, schemas, &mut reader);
    driven.unwrap();
    drop(run);
    told(&reader.record)
}

/// The lines that differ first.
fn first_difference<'t>(one: &'t str, other: &'t str) -> Option<(&'t str, &'t str)> {
    let (mut ones, mut others) = (one.lines(), other.lines());
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => return Some((one.unwrap_or_default(), other.unwrap_or_default())),
        }
    }
}

#[test]
fn what_is_taken_on_the_way_is_what_another_reader_finds() {
    let mut wrong = String::new();
    for case in cases() {
        let schemas = case.schemas();
        let validator = SchemaValidator::new(&schemas, ValidationFlags::empty());
        let mut acceptor = Acceptor::new(Arc::clone(&case.tables), Limits::default());
        let mut scalar: Acceptor<Scalar> =
            Acceptor::with_lanes(Arc::clone(&case.tables), Limits::default());
        let mut all: Vec<Vec<u8>> = case.documents.iter().map(|(_, text)| text.clone()).collect();
        all.extend(documents(case, 3).0);
        let originals = seeds(case);
        let mut chance = Chance::new(0xBEEF);
        for _ in 0..if originals.is_empty() { 0 } else { MUTANTS } {
            let document = chance.one_of(&originals).clone();
            all.push(mutate(&document, &originals, &mut chance));
        }
        let mut compared = 0;
        for document in &all {
            let verdict = acceptor.judge(document);
            let Ok(text) = str::from_utf8(document) else { continue };
            let (first, second) = (acceptor.judge_and_record(text), scalar.judge_and_record(text));
            assert_eq!(first.is_ok(), verdict.is_valid(), "{}", shown(document));
            assert_eq!(second.is_ok(), verdict.is_valid(), "{}", shown(document));
            let (Ok(first), Ok(second)) = (first, second) else { continue };
            let (found, expected) = (told(&first), read(text, &schemas, &validator));
            assert_eq!(found, told(&second), "{}", shown(document));
            compared += 1;
            if let Some((one, other)) = first_difference(&found, &expected) {
                let text = shown(document);
                wrong.push_str(&format!("{}: {one}\n{other}\n{text}\n", case.name));
            }
        }
        eprintln!("{}: {compared} of {} documents compared", case.name, all.len());
        assert!(originals.is_empty() || compared > 1_000, "{}", case.name);
    }
    assert!(wrong.is_empty(), "{}", &wrong[..wrong.floor_char_boundary(20_000)]);
}

/// Otherwise the comparison would show nothing.
#[test]
fn a_name_that_is_mistaken_is_seen() {
    let case = &cases()[0];
    let schemas = case.schemas();
    let validator = SchemaValidator::new(&schemas, ValidationFlags::empty());
    let text = "<r xmlns='urn:everything'><p:nested xmlns:p='urn:everything'><p:nested/>\
        <p:nested xmlns:p='urn:other'/></p:nested></r>";
    let taken = |fault| {
        let mut acceptor = Acceptor::new(Arc::clone(&case.tables), Limits::default());
        faults::with(fault, || told(&acceptor.judge_and_record(text).unwrap()))
    };
    let expected = read(text, &schemas, &validator);
    assert_eq!(taken(None), expected);
    assert_ne!(taken(Some(Fault::GuessWithoutBindings)), expected);
}
