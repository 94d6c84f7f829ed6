//! What judging a document costs on one core, whole and stage by stage, in CPU time of this process,
//! so that other load on the machine disturbs it little:
//!
//!     cargo bench -p standards                 # all documents, then 1, 8 and 32 MiB
//!     cargo bench -p standards -- xwasser      # documents with this in their name
//!     cargo bench -p standards -- peak         # 1, 8 and 32 MiB only
//!     cargo bench -p standards -- start        # how long a start takes with many standards
//!     cargo bench -p standards -- whole kfz    # the whole way only, for a profiler
//!
//! Beside it, on the same documents: quick-xml's `NsReader`, which only reads; `xsd-schema`, which judges what
//! is not proven, with its schemas compiled once; and `xmllint --schema` where it is installed, many documents
//! a call. Each figure is the least of five.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::string_slice,
    missing_docs,
    reason = "a measurement reports and gives up"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    fmt::Write as _,
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use bytes::Bytes;
use common::{
    Folder,
    publications::{SCHEMAS, Shelf, install},
};
use messaging::Timestamp;
use standards::{Document, Options, Stages, Standards};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often each figure is taken; the least of them counts.
const TIMES: usize = 5;

/// Seconds of CPU a figure is taken over: the kernel counts in hundredths.
const SECONDS: f64 = 0.4;

/// Utime and stime of this process, or of those it waited for, in seconds.
fn cpu(of_children: bool) -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells it");
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let fields = fields.skip(if of_children { 13 } else { 11 }).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A document and the schema that others judge it by.
struct Sample {
    name: String,
    text: String,
    schema: PathBuf,
}

impl Sample {
    fn document(&self) -> Document {
        let bytes = Bytes::copy_from_slice(self.text.as_bytes());
        Document { bytes, media_type: None, now: Timestamp(0) }
    }
}

fn samples(data: &Path) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name: &str, text: String, schema: PathBuf| {
        samples.push(Sample { name: name.to_owned(), text, schema });
    };
    let read = |path: &str| fs::read_to_string(data.join(path)).unwrap();
    let kfz = common::schemas().join("amtsbote-kfz/1.0/xsd/kfz.xsd");
    for name in ["neuzulassung-nordsachsen", "ausserbetriebsetzung-nordsachsen"] {
        add(&format!("kfz-{name}"), common::example(&format!("{name}.xml")), kfz.clone());
    }
    let schema = |number: usize| data.join(SCHEMAS[number].1);
    add("xwasser-2k", read("xwasser-1.0.0/samples/olb_report_minimal.xml"), schema(1));
    // The publisher's own sample refers to what it does not have; see the note beside it.
    let repaired = read("xwasser-1.0.0/samples/quality_report_minimal.xml")
        .replace(">abcd<", ">probennahmestelleid1<")
        .replace("ID14aeb6cd-bc5e-443f-890c-cbdfe6f50c86", "probennahmestelleid1");
    add("xwasser-15k", repaired, schema(1));
    let xdomea = "xdomea/3.0.0/samples/xx_Aussonderung";
    add("xdomea-10k", read(&format!("{xdomea}.Anbieteverzeichnis.0501.xml")), schema(3));
    add("xdomea-8k", read(&format!("{xdomea}.Aussonderung.0503.xml")), schema(3));
    for (name, bytes) in [("keys-3k", 3_000), ("keys-220k", 220_000), ("keys-8m", 8_000_000)] {
        add(name, generated(bytes), schema(0));
    }
    samples
}

/// A valid document of about so many bytes: persons, each with a key of its own.
fn generated(bytes: usize) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<nachricht xmlns=\"urn:m\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" version=\"2.0\">\
         <kopf erstellt=\"2026-01-01T00:00:00Z\"><empfaenger>E</empfaenger><sender>S</sender></kopf>\n",
    );
    let mut number = 0;
    while text.len() + "</nachricht>".len() < bytes {
        number += 1;
        writeln!(
            text,
            "<subjekt xsi:type=\"Person\"><id>{number:08}-0000-4000-8000-000000000001</id>\
             <vorname>Zoë Łukasz Friederike Ðorđe Małgorzata Søren Anneliese</vorname>\
             <nachname>Müller-Straße von und zu Groß-Žitavské Lužické Hory</nachname><geburt>1980-02-29</geburt><plz>01067</plz><mail>p{number}@example.de</mail>\
             <farbe>rot</farbe><zahlen>1 2 3</zahlen></subjekt>"
        )
        .unwrap();
    }
    text.push_str("</nachricht>");
    text
}

fn ns_reader(text: &str) -> usize {
    let mut reader = quick_xml::NsReader::from_str(text);
    let mut elements = 0;
    loop {
        match reader.read_resolved_event() {
            Ok((_, quick_xml::events::Event::Eof)) => return elements,
            Ok(_) => elements += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Milliseconds of CPU that one `run` costs.
fn cost(mut run: impl FnMut() -> usize) -> f64 {
    let (mut count, mut least) = (1_u32, f64::MAX);
    let mut taken = 0;
    while taken < TIMES {
        let begin = cpu(false);
        for _ in 0..count {
            black_box(run());
        }
        let seconds = cpu(false) - begin;
        if seconds < SECONDS && taken == 0 {
            count = count.saturating_mul(if seconds < SECONDS / 10.0 { 8 } else { 2 });
            continue;
        }
        least = least.min(seconds / f64::from(count));
        taken += 1;
    }
    least * 1e3
}

/// What one document costs `xmllint`, without its start and its schema; `None` where it is missing.
fn xmllint(data: &Path, sample: &Sample, folder: &Folder) -> Option<f64> {
    let path = folder.0.join("sample.xml");
    fs::write(&path, &sample.text).unwrap();
    let seconds = |count: usize| {
        let begin = cpu(true);
        let output = Command::new("xmllint")
            .env("XML_CATALOG_FILES", format!("file://{}", data.join("catalog.xml").display()))
            .args(["--nonet", "--noout", "--schema"])
            .arg(&sample.schema)
            .args(vec![&path; count])
            .output()
            .ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(cpu(true) - begin)
    };
    // Enough of them for a second or so.
    let count = (20_000_000 / sample.text.len()).clamp(3, 6_000);
    let mut least = f64::MAX;
    for _ in 0..3 {
        let seconds = seconds(count + 1)? - seconds(1)?;
        least = least.min(seconds.max(0.0) / count as f64);
    }
    Some(least * 1e3)
}

/// Prints a table for `docs/performance.md`.
fn table(data: &Path, samples: &[Sample], stages: &Stages<'_>, folder: &Folder) {
    println!(
        "| document | bytes | decode | recognise | recognise and prove | whole, with mapping to protobuf | \
         documents/s | MB/s | `NsReader` | `xsd-schema` | `xmllint` | `xmllint` by whole |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for sample in samples {
        let document = sample.document();
        let verdict = stages.check(&document);
        assert!(verdict.is_acceptable(), "{}: {}", sample.name, common::violations_text(&verdict));
        assert_eq!(stages.prove(&sample.text), Some(true), "{}", sample.name);
        let decode = cost(|| text::decode(&document.bytes).map_or(0, |decoded| decoded.text.len()));
        let recognise = cost(|| stages.recognise(&sample.text).map_or(0, str::len));
        let prove = cost(|| usize::from(stages.prove(&sample.text).unwrap()));
        let whole = cost(|| stages.check(&document).violations_total);
        let validate = cost(|| stages.validate(&sample.text).unwrap());
        let reader = cost(|| ns_reader(&sample.text));
        let other = xmllint(data, sample, folder);
        let bytes = sample.text.len();
        println!(
            "| {} | {bytes} | {decode:.4} ms | {recognise:.4} ms | {prove:.4} ms, {:.0} MB/s | {whole:.4} ms | {:.0} \
             | {:.0} | {reader:.4} ms | {:.4} ms | {} | {} |",
            sample.name,
            bytes as f64 / prove / 1e3,
            1e3 / whole,
            bytes as f64 / whole / 1e3,
            validate - recognise,
            other.map_or("–".to_owned(), |other| format!("{other:.4} ms")),
            other.map_or("–".to_owned(), |other| format!("{:.2}", other / whole)),
        );
    }
}

/// The whole way only, over and over: what a profiler is to see.
fn whole(samples: &[Sample], stages: &Stages<'_>) {
    for sample in samples {
        let document = sample.document();
        // The first of a standard finds its tables.
        drop(stages.check(&document));
        let whole = cost(|| again(stages, &document));
        let (name, bytes) = (&sample.name, sample.text.len());
        println!("{name}: {whole:.4} ms, {:.0} MB/s", bytes as f64 / whole / 1e3);
    }
}

/// What a profiler is to look at.
#[inline(never)]
fn again(stages: &Stages<'_>, document: &Document) -> usize {
    stages.check(document).violations_total
}

/// One document of so many MiB in a process of its own: time a byte, and memory at most.
fn peak(data: &Path, mebibytes: usize, only_validate: bool) {
    let shelf = Shelf::of(Some(data), 1);
    let status = |key: &str| {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    shelf.standards.at_a_desk(|stages| {
        let text = generated(mebibytes << 20);
        let mib = text.len() as f64 / f64::from(1 << 20);
        let small = generated(3_000).into_bytes().into();
        let document = Document { bytes: small, media_type: None, now: Timestamp(0) };
        drop(stages.check(&document));
        let (before, begin) = (status("VmRSS:"), cpu(false));
        if only_validate {
            assert_eq!(stages.validate(&text), Some(0));
        } else {
            let verdict = stages.check(&Document { bytes: text.into_bytes().into(), ..document });
            assert!(verdict.is_acceptable(), "{}", common::violations_text(&verdict));
        }
        let seconds = cpu(false) - begin;
        let most = status("VmHWM:") - before + mib;
        println!(
            "{} {mib:>6.1} MiB: {:>7.0} ms, {:>5.1} MB/s, {most:>6.1} MiB at most: {:.2} x the document",
            if only_validate { "validate" } else { "whole   " },
            seconds * 1e3,
            mib * 1.048_576 / seconds,
            most / mib,
        );
    });
}

/// How long a start takes with copies of published standards, by the clock: without kept tables, when they
/// are made, and when they are found.
fn start(data: &Path) {
    println!(
        "| standards beside the built-in ones | nothing is kept | tables are made and kept | they are found | a file, at most |\n\
         |---|---|---|---|---|"
    );
    for count in [6, 50] {
        let copies: Vec<Folder> = (0..count)
            .map(|number| {
                let (id, schema, ..) = SCHEMAS[if number % 2 == 0 { 1 } else { 3 }];
                let (id, namespace) = (format!("{id}-{number}"), format!("urn:copy:{number}"));
                install(data, &id, &format!("data/{schema}"), &namespace, &["nachricht"])
            })
            .collect();
        let kept = copies[0].0.join("kept");
        let started = |tables: Option<&PathBuf>| {
            let paths = copies.iter().map(|folder| folder.0.clone()).collect();
            let options = Options { paths, tables: tables.cloned(), ..Options::default() };
            let begin = Instant::now();
            let standards = Standards::load(options).unwrap();
            (begin.elapsed().as_secs_f64() * 1e3, standards.prepared())
        };
        let (without, _) = started(None);
        let (first, _) = started(Some(&kept));
        let (mut least, mut found) = (f64::MAX, 0);
        for _ in 0..TIMES {
            let (time, prepared) = started(Some(&kept));
            assert_eq!(prepared.made, 0);
            (least, found) = (least.min(time), prepared.kept);
        }
        let files =
            fs::read_dir(&kept).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
        let largest = files.max().unwrap() / 1024;
        println!(
            "| {count}, {found} in all | {without:.0} ms | {first:.0} ms | {least:.0} ms | {largest} KiB |"
        );
    }
}

fn main() {
    let Some(data) = common::published() else { return };
    if let Ok(mebibytes) = std::env::var("AMTSBOTE_BENCH_PEAK") {
        let only_validate = std::env::var_os("AMTSBOTE_BENCH_VALIDATE").is_some();
        return peak(&data, mebibytes.parse().unwrap(), only_validate);
    }
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if asked == ["start"] {
        return start(&data);
    }
    if asked != ["peak"] {
        let shelf = Shelf::of(Some(&data), 1);
        let mut samples = samples(&data);
        let parts: Vec<_> = asked.iter().filter(|part| *part != "whole").collect();
        samples.retain(|sample| {
            parts.is_empty() || parts.iter().any(|part| sample.name.contains(part.as_str()))
        });
        if parts.len() < asked.len() {
            return shelf.standards.at_a_desk(|desk| whole(&samples, desk));
        }
        shelf.standards.at_a_desk(|desk| table(&data, &samples, desk, &shelf.folders[0]));
    }
    if !asked.is_empty() && asked != ["peak"] {
        return;
    }
    println!();
    for (mebibytes, only_validate) in
        [("1", true), ("8", true), ("32", true), ("1", false), ("8", false), ("32", false)]
    {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.env("AMTSBOTE_BENCH_PEAK", mebibytes);
        if only_validate {
            program.env("AMTSBOTE_BENCH_VALIDATE", "1");
        }
        assert!(program.status().unwrap().success());
    }
}
