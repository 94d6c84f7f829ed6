//! How fast documents are judged, alone and with everything they hold taken on the way, beside a reader that
//! judges nothing, a full validator that is used again and again, and libxml2's `xmllint` where it is
//! installed. One core, the best of many repetitions, all in one run: `cargo bench -p xsd`. What it prints
//! is a table for `docs/performance.md`.
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
    clippy::cast_precision_loss,
    clippy::let_underscore_must_use,
    reason = "a program for people who measure"
)]

use std::{
    collections::HashMap,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use quick_xml::{NsReader, events::Event};
use xsd::{
    Acceptor, CompileLimits, Limits, Scalar, Tables,
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
        "| document | bytes | judged | and recorded | judged, scalar | `NsReader` | `xsd-schema` | `xmllint` |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let everything = Schema::of(&own.join("src/proof/schemas/everything.xsd"), None);
    let tables = Arc::new(xsd::compile(&everything.set, CompileLimits::default()));
    let file = |line: &str| {
        let body = line.repeat((1 << 20) / line.len());
        format!("<r xmlns='urn:everything'><values><base64>{body}</base64></values></r>")
            .into_bytes()
    };
    let digits = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg012345";
    measure("a file in base 64", &file(&digits[..76]), &everything, &tables);
    measure("the same in lines", &file(&format!("{}\n", &digits[..76])), &everything, &tables);
    if !data.join("catalog.xml").is_file() {
        println!("!!! nothing more: no data at {}", data.display());
        return;
    }
    let begin = Instant::now();
    let schema = Schema::of(&data.join("xwasser-1.0.0/xsd/xwasser.xsd"), Some(&data));
    let read = begin.elapsed();
    let begin = Instant::now();
    let tables = xsd::compile(&schema.set, CompileLimits::default());
    let (compiled, hash) = (begin.elapsed(), [0; 32]);
    let file = tables.to_file(&hash);
    let begin = Instant::now();
    drop(Tables::from_file(&file, &hash).unwrap());
    let loaded = begin.elapsed();
    let tables = Arc::new(tables);
    for (name, document) in documents(&data, &tables) {
        measure(name, &document, &schema, &tables);
    }
    println!(
        "\nXWasser: schemas read in {read:.1?}, tables compiled in {compiled:.1?}, {} KB in memory, {} KB in a \
         file, read back in {loaded:.1?}",
        tables.bytes() / 1024,
        file.len() / 1024
    );
}

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

fn measure(name: &str, document: &[u8], schema: &Schema, tables: &Arc<Tables>) {
    let mut fast = Acceptor::new(Arc::clone(tables), Limits::default());
    let mut scalar: Acceptor<Scalar> = Acceptor::with_lanes(Arc::clone(tables), Limits::default());
    assert!(fast.judge(document).is_valid(), "{name}: {:?}", fast.judge(document));
    let own = best(|| assert!(fast.judge(black_box(document)).is_valid()));
    let text = std::str::from_utf8(document).unwrap();
    let recorded = best(|| drop(black_box(fast.judge_and_record(black_box(text)).unwrap())));
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
    let validator = SchemaValidator::new(&schema.set, flags);
    let full = best(|| {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let sink = CollectingValidationSink { errors: &mut errors, warnings: &mut warnings };
        let mut run = validator.start_run(sink);
        drop(drive_quick_xml(black_box(document), &mut run, &schema.set));
    });
    let told =
        |time: f64| format!("{:.1} µs, {:.0} MB/s", time * 1e6, document.len() as f64 / time / 1e6);
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} |",
        document.len(),
        told(own),
        told(recorded),
        told(slow),
        told(reader),
        told(full),
        schema.xmllint(document).map_or("–".to_owned(), told)
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

/// A schema as others read it.
struct Schema {
    set: SchemaSet,
    path: PathBuf,
    data: Option<PathBuf>,
}

impl Schema {
    fn of(path: &Path, data: Option<&Path>) -> Self {
        let mut builder = SchemaSetBuilder::with_resolver(SchemaResolver::new(), XsdVersion::V1_0);
        let local = data.map(local_copies).unwrap_or_default();
        builder.set_location_rewriter(move |request: &LocationRequest<'_>, _: &SchemaResolver| {
            local.get(request.location.split_once(':').map_or("", |(_, rest)| rest)).cloned()
        });
        let path = path.canonicalize().unwrap();
        let compiled = builder.add("", path.to_str().unwrap()).and_then(SchemaSetBuilder::compile);
        let set = compiled.unwrap_or_else(|error| panic!("{error}")).into_schema_set();
        Self { set, path, data: data.map(Path::to_owned) }
    }

    /// Seconds that one document costs `xmllint`, without its start and its schema; `None` where it is not
    /// installed or refuses the document.
    fn xmllint(&self, document: &[u8]) -> Option<f64> {
        let path = std::env::temp_dir().join(format!("xsd-bench-{}.xml", std::process::id()));
        std::fs::write(&path, document).unwrap();
        let seconds = |count: usize| {
            let mut program = Command::new("xmllint");
            if let Some(data) = &self.data {
                let catalog = format!("file://{}", data.join("catalog.xml").display());
                program.env("XML_CATALOG_FILES", catalog);
            }
            program.args(["--nonet", "--noout", "--schema"]).arg(&self.path);
            let begin = Instant::now();
            let output = program.args(vec![&path; count]).output().ok()?;
            output.status.success().then(|| begin.elapsed().as_secs_f64())
        };
        // Enough of them for a second or so.
        let count = (20_000_000 / document.len()).clamp(3, 6_000);
        let times = (0..3).map(|_| Some((seconds(count + 1)? - seconds(1)?) / count as f64));
        let least = times.collect::<Option<Vec<f64>>>()?.into_iter().fold(f64::MAX, f64::min);
        std::fs::remove_file(path).unwrap();
        Some(least.max(1e-9))
    }
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
