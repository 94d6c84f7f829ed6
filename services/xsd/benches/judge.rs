//! How fast documents are judged, beside a reader that judges nothing and a full validator. One core,
//! the best of many repetitions, all in one run: `cargo bench -p xsd`.
//!
//! Documents are made from published samples (`AMTSBOTE_TEST_DATA`, by default `../shared/data` beside
//! the repository); without them there is little to measure, and it says so.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::let_underscore_must_use,
    reason = "a program for people who measure"
)]

use std::{
    collections::HashMap,
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use quick_xml::{NsReader, events::Event};
use xsd::{
    Acceptor, Captures, CompileLimits, Limits, Scalar, Tables,
    xsd_schema::{
        LocationRequest, SchemaResolver, SchemaSet, SchemaSetBuilder, XsdVersion,
        validation::{CollectingValidationSink, SchemaValidator, ValidationFlags, drive_quick_xml},
    },
};

/// How long one way is measured for one document.
const MEASURED: Duration = Duration::from_millis(600);

fn main() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = || own.join("../../../shared/data");
    let data = std::env::var_os("AMTSBOTE_TEST_DATA").map_or_else(beside, PathBuf::from);
    println!(
        "| document | bytes | own | own, {FIELDS} fields | own, scalar | `NsReader` | `xsd-schema` |"
    );
    println!("|---|---|---|---|---|---|---|");
    let everything = schemas(&own.join("src/proof/schemas/everything.xsd"), None);
    let tables = Arc::new(xsd::compile(&everything, CompileLimits::default()));
    let file = |line: &str| {
        let body = line.repeat((1 << 20) / line.len());
        format!("<r xmlns='urn:everything'><values><base64>{body}</base64></values></r>")
            .into_bytes()
    };
    let digits = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg012345";
    measure("a file in base 64", &file(&digits[..76]), &everything, &tables, &[]);
    measure("the same in lines", &file(&format!("{}\n", &digits[..76])), &everything, &tables, &[]);
    if !data.join("catalog.xml").is_file() {
        println!("!!! nothing more: no data at {}", data.display());
        return;
    }
    let begin = Instant::now();
    let schemas = schemas(&data.join("xwasser-1.0.0/xsd/xwasser.xsd"), Some(&data));
    let read = begin.elapsed();
    let begin = Instant::now();
    let tables = xsd::compile(&schemas, CompileLimits::default());
    let (compiled, hash) = (begin.elapsed(), [0; 32]);
    let file = tables.to_file(&hash);
    let begin = Instant::now();
    drop(Tables::from_file(&file, &hash).unwrap());
    let loaded = begin.elapsed();
    let tables = Arc::new(tables);
    for (name, document) in documents(&data, &tables) {
        measure(name, &document, &schemas, &tables, &paths(&document));
    }
    println!(
        "\nXWasser: schemas read in {read:.1?}, tables compiled in {compiled:.1?}, {} KB in memory, {} KB in a \
         file, read back in {loaded:.1?}",
        tables.bytes() / 1024,
        file.len() / 1024
    );
}

/// Fields that are taken on the way.
const FIELDS: usize = 40;

fn documents(data: &Path, tables: &Arc<Tables>) -> Vec<(&'static str, Vec<u8>)> {
    let sample = |name: &str| {
        std::fs::read_to_string(data.join("xwasser-1.0.0/samples").join(name)).unwrap()
    };
    let small = sample("administration_receipt.xml").into_bytes();
    // The publisher's sample has two references that lead nowhere.
    let mut report = sample("quality_report_minimal.xml");
    for dangling in dangling(&report) {
        for (before, behind) in [('"', '"'), ('>', '<')] {
            let new = format!("{before}probennahmestelleid1{behind}");
            report = report.replace(&format!("{before}{dangling}{behind}"), &new);
        }
    }
    let report = report.into_bytes();
    let mut acceptor = Acceptor::new(Arc::clone(tables), Limits::default());
    let large = repeated(&report, &mut acceptor, 8 << 20);
    let umlauts = with_umlauts(&report, &mut acceptor);
    vec![
        ("receipt", small),
        ("report", report),
        ("report with many umlauts", umlauts),
        ("large report", large),
    ]
}

/// Values of references that no id has.
fn dangling(text: &str) -> Vec<String> {
    let words = text.split(['"', '<', '>']);
    let is_one = |word: &&str| *word == "abcd" || word.starts_with("ID14aeb6cd");
    let mut found: Vec<String> = words.filter(is_one).map(str::to_owned).collect();
    found.dedup();
    found
}

/// The largest element that may stand twice, as often as it takes.
fn repeated(document: &[u8], acceptor: &mut Acceptor, bytes: usize) -> Vec<u8> {
    let mut best = 0..0;
    let opens = (0..document.len()).filter(|at| document[*at] == b'<');
    for begin in opens {
        let Some(end) = end_of(document, begin) else { continue };
        if end - begin <= best.len() {
            continue;
        }
        let twice = [&document[..end], &document[begin..end], &document[end..]].concat();
        if acceptor.judge(&twice).is_valid() {
            best = begin..end;
        }
    }
    let piece = &document[best.clone()];
    assert!(!piece.is_empty(), "something can be repeated");
    let many = piece.repeat(bytes / piece.len());
    [&document[..best.start], &many, &document[best.end..]].concat()
}

fn end_of(document: &[u8], begin: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = begin;
    loop {
        let open = at + document[at..].iter().position(|byte| *byte == b'<')?;
        let close = open + document[open..].iter().position(|byte| *byte == b'>')?;
        match (document.get(open + 1)?, document[close - 1]) {
            (b'!' | b'?', _) => {}
            (b'/', _) => depth = depth.checked_sub(1)?,
            (_, b'/') => {}
            _ => depth += 1,
        }
        at = close + 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Every text that may have some gets them.
fn with_umlauts(document: &[u8], acceptor: &mut Acceptor) -> Vec<u8> {
    let mut changed = document.to_vec();
    let mut at = 0;
    while let Some(begin) = changed[at..].iter().position(|byte| *byte == b'>').map(|b| at + b + 1)
    {
        let Some(end) = changed[begin..].iter().position(|byte| *byte == b'<') else { break };
        let text = String::from_utf8_lossy(&changed[begin..begin + end]).into_owned();
        let new = text.replace('a', "ä").replace('o', "ö").replace('u', "ü").replace('e', "é");
        let other = [&changed[..begin], new.as_bytes(), &changed[begin + end..]].concat();
        at = begin;
        if new != text && acceptor.judge(&other).is_valid() {
            changed = other;
        }
    }
    changed
}

/// Paths of texts in the document itself, every other one.
fn paths(document: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&document[..document.len().min(64 << 10)]).into_owned();
    let (mut open, mut found): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for part in text.split('<').skip(1).filter(|part| !part.starts_with(['?', '!'])) {
        let tag = part.split('>').next().unwrap_or_default();
        if tag.starts_with('/') {
            let path = open.get(1..).unwrap_or_default().join("/");
            if !path.is_empty() && !found.contains(&path) {
                found.push(path);
            }
            open.pop();
        } else {
            let name =
                tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
            open.push(name.rsplit(':').next().unwrap_or_default().to_owned());
            if tag.ends_with('/') {
                open.pop();
            }
        }
    }
    found.into_iter().step_by(2).take(FIELDS).collect()
}

fn measure(
    name: &str,
    document: &[u8],
    schemas: &SchemaSet,
    tables: &Arc<Tables>,
    paths: &[String],
) {
    let mut fast = Acceptor::new(Arc::clone(tables), Limits::default());
    let mut scalar: Acceptor<Scalar> = Acceptor::with_lanes(Arc::clone(tables), Limits::default());
    assert!(fast.judge(document).is_valid(), "{name}: {:?}", fast.judge(document));
    let own = best(|| assert!(fast.judge(black_box(document)).is_valid()));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut captures = Captures::of(tables, &paths);
    let fields = best(|| {
        let fields = fast.judge_and_take(black_box(document), &mut captures).unwrap();
        black_box(fields.iter().count());
    });
    let slow = best(|| assert!(scalar.judge(black_box(document)).is_valid()));
    let reader = best(|| {
        let mut reader = NsReader::from_reader(document);
        let mut count = 0_usize;
        while !matches!(reader.read_resolved_event().unwrap().1, Event::Eof) {
            count += 1;
        }
        black_box(count);
    });
    let flags = ValidationFlags::default() - ValidationFlags::BUILD_PSVI_TYPED_VALUES;
    let validator = SchemaValidator::new(schemas, flags);
    let full = best(|| {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let sink = CollectingValidationSink { errors: &mut errors, warnings: &mut warnings };
        let mut run = validator.start_run(sink);
        drop(drive_quick_xml(black_box(document), &mut run, schemas));
    });
    let told =
        |time: f64| format!("{:.1} µs, {:.0} MB/s", time * 1e6, document.len() as f64 / time / 1e6);
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} |",
        document.len(),
        told(own),
        told(fields),
        told(slow),
        told(reader),
        told(full)
    );
}

/// Seconds of the fastest of many repetitions.
fn best(mut act: impl FnMut()) -> f64 {
    let begin = Instant::now();
    act();
    let once = begin.elapsed().as_secs_f64().max(1e-7);
    // As many at once as take a millisecond, so that looking at the clock costs nothing.
    let many = (1e-3 / once).ceil().max(1.0) as u32;
    let (begin, mut best) = (Instant::now(), f64::MAX);
    while begin.elapsed() < MEASURED {
        let round = Instant::now();
        (0..many).for_each(|_| act());
        best = best.min(round.elapsed().as_secs_f64() / f64::from(many));
    }
    best
}

fn schemas(path: &Path, data: Option<&Path>) -> SchemaSet {
    let mut builder = SchemaSetBuilder::with_resolver(SchemaResolver::new(), XsdVersion::V1_0);
    let local = data.map(local_copies).unwrap_or_default();
    builder.set_location_rewriter(move |request: &LocationRequest<'_>, _: &SchemaResolver| {
        local.get(request.location.split_once(':').map_or("", |(_, rest)| rest)).cloned()
    });
    let path = path.canonicalize().unwrap();
    let compiled = builder.add("", path.to_str().unwrap()).and_then(SchemaSetBuilder::compile);
    compiled.unwrap_or_else(|error| panic!("{error}")).into_schema_set()
}

fn local_copies(data: &Path) -> HashMap<String, String> {
    let text = std::fs::read_to_string(data.join("catalog.xml")).unwrap();
    let value = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let copy = |line: &str| {
        let (from, to) = (value(line, "systemId")?, data.join(value(line, "uri")?));
        Some((from.split_once(':')?.1.to_owned(), to.display().to_string()))
    };
    text.lines().filter_map(copy).collect()
}
