//! Canonical messages become documents and come back the same: every valid example of every built-in
//! standard, and messages made at random of what the mapping can carry.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;
#[path = "common/random.rs"]
mod random;

use std::{collections::BTreeMap, path::PathBuf};

use bytes::Bytes;
use common::{built_in, canonical_json, check, schemas, violations_text};
use messaging::{ProcedureName, Timestamp};
use random::{Chance, Kit};
use standards::{ComposeError, Composition, Media, Standards};

/// Messages at random that must come back, per message type; `AMTSBOTE_MESSAGES` asks for more.
const MESSAGES: usize = 200;

/// Of what is made at random, this share must be a message at all: one in so many.
const TRIES_PER_MESSAGE: usize = 6;

struct Example {
    path: PathBuf,
    procedure: ProcedureName,
    canonical: Bytes,
}

/// Every valid example of the built-in standards.
fn examples(standards: &Standards) -> Vec<Example> {
    let mut found = Vec::new();
    for standard in standards.list() {
        let folder = schemas().join(&standard.id).join(&standard.version).join("examples/valid");
        let Ok(files) = std::fs::read_dir(folder) else { continue };
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for path in files {
            if path.to_str().unwrap().ends_with(".canonical.json") {
                continue;
            }
            let verdict = check(standards, &std::fs::read(&path).unwrap());
            let text = violations_text(&verdict);
            let message = verdict.message.unwrap_or_else(|| panic!("{}\n{text}", path.display()));
            let procedure = verdict.recognised.unwrap().procedure;
            found.push(Example { path, procedure, canonical: message.canonical });
        }
    }
    found
}

fn compose(
    standards: &Standards,
    procedure: &ProcedureName,
    canonical: &Bytes,
    media: Media,
) -> Result<Bytes, ComposeError> {
    let (procedure, canonical) = (procedure.clone(), canonical.clone());
    let order = Composition { procedure, canonical, media, now: Timestamp(0) };
    standards.compose_blocking(order).map(|written| written.bytes)
}

/// The forms a standard has: those it has an example of.
fn forms(examples: &[Example], procedure: &ProcedureName) -> Vec<Media> {
    let of = |end: &str| {
        examples.iter().any(|e| {
            e.procedure.standard == procedure.standard
                && e.procedure.version == procedure.version
                && e.path.to_str().unwrap().ends_with(end)
        })
    };
    let mut forms = Vec::new();
    forms.extend(of(".xml").then_some(Media::Xml));
    forms.extend(of(".json").then_some(Media::Json));
    forms
}

#[test]
fn every_valid_example_is_written_from_its_canonical_message_and_comes_back() {
    let standards = built_in();
    let examples = examples(&standards);
    assert!(examples.len() >= 8);
    for example in &examples {
        for media in forms(&examples, &example.procedure) {
            let name = format!("{} as {}", example.path.display(), media.as_str());
            let written = compose(&standards, &example.procedure, &example.canonical, media);
            let written = written.unwrap_or_else(|error| panic!("{name}: {:#?}", error.problems));
            let verdict = check(&standards, &written);
            assert!(verdict.violations.is_empty(), "{name}\n{}", violations_text(&verdict));
            let back = verdict.message.unwrap().canonical;
            assert_eq!(canonical_json(&back), canonical_json(&example.canonical), "{name}");
        }
    }
}

#[test]
fn the_message_type_follows_from_the_header_or_from_the_constants() {
    let standards = built_in();
    let examples = examples(&standards);
    let example = examples.iter().find(|e| e.procedure.message_type == "kfz.umschreibung.0102");
    let example = example.unwrap();
    let unnamed = ProcedureName { message_type: String::new(), ..example.procedure.clone() };
    let mut message = random::decode(&example.canonical);
    for _ in 0..2 {
        let canonical = random::encode(&message);
        let written = compose(&standards, &unnamed, &canonical, Media::Xml).unwrap();
        let recognised = check(&standards, &written).recognised.unwrap();
        assert_eq!(recognised.procedure, example.procedure);
        random::clear(&mut message, "header.message_type");
    }
    random::clear(&mut message, "vehicle_registration.procedure");
    let canonical = random::encode(&message);
    let error = compose(&standards, &unnamed, &canonical, Media::Xml).unwrap_err();
    assert_eq!(error.code, standards::codes::NOTHING_TO_WRITE);
}

#[test]
fn all_that_cannot_be_carried_is_told_at_once_by_its_canonical_name() {
    let standards = built_in();
    let examples = examples(&standards);
    let example = examples.iter().find(|e| e.procedure.message_type == "kfz.umschreibung.0102");
    let example = example.unwrap();
    let mut message = random::decode(&example.canonical);
    random::clear(&mut message, "vehicle_registration.insurance_number");
    random::clear(&mut message, "header.reader.name");
    random::set_text(&mut message, "vehicle_registration.former_address.city", "Torgau");
    random::set_text(&mut message, "vehicle_registration.plate.digits", "185");
    let canonical = random::encode(&message);
    for media in [Media::Xml, Media::Json] {
        let error = compose(&standards, &example.procedure, &canonical, media).unwrap_err();
        assert_eq!(error.code, standards::codes::NOT_CARRIED);
        let mut told: Vec<(&str, &str)> =
            error.problems.iter().map(|p| (&*p.field, &*p.path)).collect();
        told.sort_unstable();
        let expected = [
            ("header.reader.name", "nachrichtenkopf.g2g/leser/name"),
            ("vehicle_registration.former_address.city", "anschriftBisher/ort"),
            ("vehicle_registration.insurance_number", "versicherungsbestaetigungsnummer"),
            ("vehicle_registration.plate.district", "kennzeichen/unterscheidungszeichen"),
            ("vehicle_registration.plate.letters", "kennzeichen/erkennungszeichen"),
        ];
        assert_eq!(told, expected, "{media:?} {:#?}", error.problems);
    }
    // What the schema refuses is told of the canonical field too, once all else is right.
    let mut message = random::decode(&example.canonical);
    random::set_text(&mut message, "vehicle_registration.former_plate.suffix", "N\u{1f600}");
    random::set_text(&mut message, "applicant.address.postal_code", "4509");
    let canonical = random::encode(&message);
    let error = compose(&standards, &example.procedure, &canonical, Media::Xml).unwrap_err();
    let mut told: Vec<&str> = error.problems.iter().map(|p| &*p.field).collect();
    told.sort_unstable();
    assert_eq!(told, ["applicant.address.postal_code", "vehicle_registration.former_plate.suffix"]);
    // And what no line of the mapping carries.
    let mut message = random::decode(&example.canonical);
    random::set_text(&mut message, "vehicle_registration.vehicle.make", " blank before");
    let canonical = random::encode(&message);
    let error = compose(&standards, &example.procedure, &canonical, Media::Xml).unwrap_err();
    let told: Vec<&str> = error.problems.iter().map(|p| &*p.field).collect();
    assert_eq!(told, ["vehicle_registration.vehicle.make"]);
}

/// Property: whatever is written at all comes back the same. 200 messages of each type, in each of
/// its forms in turn, from what the examples hold, texts in every letter of DIN 91379 among them.
#[test]
fn messages_made_at_random_come_back_the_same() {
    let standards = built_in();
    let examples = examples(&standards);
    let one_way = standards.one_way();
    let wanted =
        std::env::var("AMTSBOTE_MESSAGES").map_or(MESSAGES, |count| count.parse().unwrap());
    let mut types: BTreeMap<String, Vec<&Example>> = BTreeMap::new();
    for example in &examples {
        let p = &example.procedure;
        let key = format!("{} {} {}", p.standard, p.version, p.message_type);
        types.entry(key).or_default().push(example);
    }
    for (key, own) in types {
        let procedure = &own[0].procedure;
        let forms = forms(&examples, procedure);
        let same = |e: &&Example| e.procedure.standard == procedure.standard;
        let donors: Vec<_> = examples.iter().filter(same).map(|e| &e.canonical).collect();
        let excluded: Vec<String> = one_way
            .iter()
            .filter(|line| line.standard == procedure.standard)
            .map(|line| line.field.clone())
            .collect();
        let bases: Vec<_> = own.iter().map(|example| &example.canonical).collect();
        let write = |canonical: &Bytes, media| compose(&standards, procedure, canonical, media);
        let mut chance = Chance::of(&key);
        // What the schema prescribes is not left out: it comes back where it was not.
        let comes_back = |canonical: &Bytes, media| {
            let written = write(canonical, media).ok()?;
            check(&standards, &written).message.filter(|back| back.canonical == *canonical)
        };
        let kit = Kit::new(&bases, &donors, &excluded, &mut chance, |canonical| {
            comes_back(canonical, forms[0]).is_some()
        });
        let (mut come_back, mut tries) = (0, 0);
        while come_back < wanted {
            tries += 1;
            assert!(tries < wanted * TRIES_PER_MESSAGE, "{key}: {come_back} of {tries}");
            let canonical = kit.message(&mut chance);
            let media = forms[tries % forms.len()];
            let Ok(written) = write(&canonical, media) else { continue };
            let verdict = check(&standards, &written);
            let back = verdict.message.unwrap().canonical;
            if back != canonical {
                assert_eq!(canonical_json(&back), canonical_json(&canonical), "{key}");
            }
            come_back += 1;
        }
        eprintln!("{key}: {come_back} of {tries}, {}", kit.describe());
    }
}
