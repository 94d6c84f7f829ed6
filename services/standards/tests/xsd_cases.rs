//! The judgement by XSD is right: 58 documents that break one rule each or none, what the validator
//! alone gets wrong, and the JDK's validator as a second opinion on these, on published samples and
//! on what becomes of them when they are changed at random.
//!
//! `AMTSBOTE_XSD_MUTANTS=20000` compares more documents than the usual 600.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{
    Folder, check,
    mutation::{Chance, mutate},
    publications::{SCHEMAS, Shelf, files, install},
    published,
    second_opinion::{Case, xerces, xmllint},
    violations_text,
};
use standards::{Options, Standards, Verdict};

/// What a schema judges. Everything else the engine says is not about the schema.
const OF_THE_SCHEMA: [&str; 11] = [
    "AB-4004", "AB-4005", "AB-4006", "AB-4007", "AB-4008", "AB-4009", "AB-4100", "AB-4101",
    "AB-4102", "AB-4103", "AB-4104",
];

/// The engine says so before it comes to the schema.
const BEFORE_THE_SCHEMA: [&str; 8] =
    ["AB-4001", "AB-4002", "AB-4003", "AB-4020", "AB-4021", "AB-4022", "AB-4030", "AB-4031"];

/// What an `xs:anyURI` is, XSD leaves open; the JDK reads an old rule strictly.
const LEFT_OPEN: &str = "for 'anyURI'";

/// Whether the schema allows the document as it was sent; `None` where the engine never asked it.
fn is_valid(verdict: &Verdict) -> Option<bool> {
    let has = |codes: &[&str]| verdict.violations.iter().any(|v| codes.contains(&v.code));
    assert!(!has(&["AB-9400"]), "a fault of ours");
    if has(&BEFORE_THE_SCHEMA) { None } else { Some(!has(&OF_THE_SCHEMA)) }
}

fn of_58(data: &Path) -> Vec<PathBuf> {
    files(&data.join("xsd-cases/cases"))
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn each_of_58_documents_gets_the_right_verdict() {
    let Some(data) = published() else { return };
    let shelf = Shelf::of(Some(&data), 1);
    let documents = of_58(&data);
    assert_eq!(documents.len(), 58);
    for path in &documents {
        let verdict = check(&shelf.standards, &std::fs::read(path).unwrap());
        let (name, text) = (name(path), violations_text(&verdict));
        assert_eq!(verdict.is_acceptable(), name.starts_with("v_"), "{name}\n{text}");
    }
}

#[test]
fn libxml2_agrees_but_for_references_which_it_does_not_check() {
    let Some(data) = published() else { return };
    let documents = of_58(&data);
    let schema = data.join("xsd-cases/main.xsd");
    let Some(answers) = xmllint(&data, &schema, &documents) else { return };
    let differs = |(path, is_valid): &(&PathBuf, bool)| *is_valid != name(path).starts_with("v_");
    let different: Vec<&str> =
        documents.iter().zip(answers).filter(differs).map(|(path, _)| name(path)).collect();
    assert_eq!(different, ["i_idref.xml"]);
}

/// Content of the root of `xsd_cases/faults.xsd`, and whether it is valid. `N` and `T` stand for
/// `xsi:nil` and `xsi:type`.
const FAULTS: &[(&str, bool)] = &[
    ("<any>QUJD\nREVG</any>", true),
    ("<any>\n  QUJD\t\r\n  REVG\n</any>", true),
    ("<any>Q U J D</any>", true),
    ("<any>QQ= =</any>", true),
    ("<any>QUJD\u{a0}REVG</any>", false),
    ("<any>QUJ DRE</any>", false),
    ("<any>QR ==</any>", false),
    ("<any>QU$D REVG</any>", false),
    ("<any></any>", true),
    ("<short>QUJD\nREVG</short>", true),
    ("<short>QUJD REVG RA==</short>", false),
    ("<exact>QUJD REVG</exact>", true),
    ("<exact>QUJD RE VH SA==</exact>", false),
    ("<known>QUJD REVG</known>", true),
    ("<known>QU JD</known>", true),
    ("<known>QUJD REVH</known>", false),
    ("<formed>QUJDREVG</formed>", true),
    ("<formed>QUJD REVG</formed>", false),
    ("<list>QUJD REVG</list>", true),
    ("<list>QU JD</list>", false),
    ("<one>QUJD</one>", true),
    ("<one>QUJD REVG</one>", false),
    ("<union>QUJD REVG</union>", true),
    ("<union>QUJD REVG RA==</union>", false),
    ("<union>1 2</union>", false),
    ("<union>12</union>", true),
    ("<chosen>QUJDREVG</chosen>", true),
    ("<chosen>QUJD REVG</chosen>", false),
    ("<file a='QUJD REVG'>QUJD\n REVG</file>", true),
    ("<file a='QUJD REVG RA=='>QUJD</file>", false),
    ("<file a='QUJD'>QUJD REV</file>", false),
    ("<file fixed='QU JD'>QUJD</file>", true),
    ("<file fixed='QU JE'>QUJD</file>", false),
    ("<shortFile>QU JD</shortFile>", true),
    ("<shortFile>QUJD REVG</shortFile>", false),
    ("<fixed>QUJD REVG</fixed>", true),
    ("<fixed>QUJD REVH</fixed>", false),
    ("<fixed/>", true),
    ("<ab>a</ab>", true),
    ("<ab>b</ab>", true),
    ("<ab>axx</ab>", false),
    ("<ab>xb</ab>", false),
    ("<written>x</written>", true),
    ("<written>\"y></written>", true),
    ("<written>xa</written>", false),
    ("<both>b</both>", true),
    ("<both>c</both>", false),
    ("<both>d</both>", false),
    ("<class>||</class>", true),
    ("<class>]|</class>", true),
    ("<class>\\</class>", true),
    ("<class>a\\</class>", false),
    ("<number>22</number>", true),
    ("<number>122</number>", false),
    ("<children>\n</children>", true),
    ("<children>\u{a0}</children>", false),
    ("<children>\u{2028}<int>1</int></children>", false),
    ("<children><![CDATA[\u{3000}]]></children>", false),
    ("<empty></empty>", true),
    ("<empty><!-- nothing --></empty>", true),
    ("<empty>\u{a0}</empty>", false),
    ("<empty><![CDATA[\u{a0}]]></empty>", false),
    ("<empty> </empty>", false),
    ("<int> 1\n</int>", true),
    ("<int>1\u{a0}</int>", false),
    ("<tokens>a b</tokens>", true),
    ("<tokens>a\u{a0}b</tokens>", false),
    ("<nil N='true'/>", true),
    ("<nil N='1'>1</nil>", false),
    ("<nil N='1'> </nil>", false),
    ("<nil N='1'><![CDATA[ ]]></nil>", false),
    ("<nil N='1'><!-- nothing --><?a?></nil>", true),
    ("<empty><![CDATA[ ]]></empty>", false),
    ("<children><![CDATA[ ]]></children>", true),
    ("<int N='true'/>", false),
    ("<int N='false'>1</int>", false),
    ("<subject><name/></subject>", false),
    ("<subject T='f:Subject'><name/></subject>", false),
    ("<subject T='f:Person'><name/></subject>", true),
    ("<subject T=' f:Official\n'><name/><rank>1</rank></subject>", true),
    ("<subject T='f:Person'><name/><rank>1</rank></subject>", false),
    ("<subject T='f:File'>QUJD</subject>", false),
    ("<subject T='x:string'>a</subject>", false),
    ("<subject T='x:anyType'><name/></subject>", false),
    ("<subject T='f:Nobody'><name/></subject>", false),
    ("<subject T='g:Person'><name/></subject>", false),
    ("<subject T=''><name/></subject>", false),
    ("<sealed><name/></sealed>", true),
    ("<sealed T='f:Official'><name/><rank>1</rank></sealed>", false),
    ("<int T='x:byte'>1</int>", true),
    ("<int T='x:byte'>200</int>", false),
    ("<int T='x:integer'>1</int>", false),
    ("<id id='a'/><ref ref='a'/><ref refs='a a'/>", true),
    ("<ref ref='a'/><id id='a'/>", true),
    ("<id id='a'/><id id='a'/>", false),
    ("<id id='a'/><id id=' a '/>", false),
    ("<id id='1'/>", false),
    ("<ref ref='a'/>", false),
    ("<id id='a'/><ref refs='a b'/>", false),
    ("<ref refs=''/>", false),
    ("<item key='1'/><item key='2' of='1'/>", true),
    ("<item key='1'/><item key='01'/>", false),
    ("<item/><item/>", true),
    ("<item key='1'/><item of='3'/>", false),
];

fn fault(content: &str) -> String {
    let content = content.replace(" N=", " i:nil=").replace(" T=", " i:type=");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<r xmlns=\"urn:faults\" xmlns:f=\"urn:faults\" \
         xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:g=\"urn:other\" \
         xmlns:x=\"http://www.w3.org/2001/XMLSchema\">{content}</r>"
    )
}

/// The schema of `xsd_cases/faults.xsd`, installed.
fn faults() -> (Folder, Standards) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xsd_cases");
    let folder = install(&own, "faults", "data/faults.xsd", "urn:faults", &["r"]);
    let options = Options { paths: vec![folder.0.clone()], workers: 1, ..Options::default() };
    let standards = Standards::load(options).unwrap_or_else(|error| panic!("{error}"));
    (folder, standards)
}

#[test]
fn what_the_validator_alone_gets_wrong_is_right() {
    let (_folder, standards) = faults();
    let mut wrong = String::new();
    for (content, expected) in FAULTS {
        let verdict = check(&standards, fault(content).as_bytes());
        if is_valid(&verdict) != Some(*expected) {
            wrong.push_str(&format!("{content}\n{}", violations_text(&verdict)));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn line_wrapped_files_do_not_fill_the_report() {
    let (_folder, standards) = faults();
    let files = "<any>QUJD\nREVG</any>".repeat(3_000);
    let verdict = check(&standards, fault(&files).as_bytes());
    assert_eq!(is_valid(&verdict), Some(true), "{}", violations_text(&verdict));
    let verdict = check(&standards, fault(&format!("{files}<int>x</int>")).as_bytes());
    assert_eq!(verdict.violations_total, 1);
}

#[test]
fn many_errors_among_many_siblings_cost_no_square_of_them() {
    let (_folder, standards) = faults();
    // With a walk over the siblings per violation this would take minutes.
    let wrong = "<int>x</int><ref ref='nobody'/>".repeat(30_000);
    let verdict = check(&standards, fault(&wrong).as_bytes());
    assert_eq!((verdict.violations.len(), verdict.violations_total), (1_000, 60_000));
    let last = &verdict.violations[999];
    assert_eq!((&*last.path, last.code), ("/r/int[1000]", "AB-4102"));
    let dangling = "<ref ref='nobody'/>".repeat(30_000);
    let verdict = check(&standards, fault(&dangling).as_bytes());
    assert_eq!((verdict.violations.len(), verdict.violations_total), (1_000, 30_000));
    let last = &verdict.violations[999];
    assert_eq!((&*last.path, last.code), ("/r/ref[1000]/@ref", "AB-4103"));
}

/// Every case of this file and every published sample.
fn corpus(data: &Path, folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |schema: &str, documents: Vec<PathBuf>| {
        let schema = data.join(schema);
        cases.extend(documents.into_iter().map(|document| {
            let schema = schema.clone();
            Case { schema, document }
        }));
    };
    add(SCHEMAS[0].1, of_58(data));
    add(SCHEMAS[1].1, files(&data.join("xwasser-1.0.0/samples")));
    add(SCHEMAS[2].1, files(&data.join("xdomea/2.3.0/samples")));
    add(SCHEMAS[3].1, files(&data.join("xdomea/3.0.0/samples")));
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xsd_cases/faults.xsd");
    for (number, (content, _)) in FAULTS.iter().enumerate() {
        let document = folder.join(format!("fault-{number}.xml"));
        std::fs::write(&document, fault(content)).unwrap();
        cases.push(Case { schema: schema.clone(), document });
    }
    cases
}

/// Changed once to three times, from any document of the corpus.
fn mutants(corpus: &[Case], folder: &Path) -> Vec<Case> {
    let count = std::env::var("AMTSBOTE_XSD_MUTANTS").map_or(600, |count| count.parse().unwrap());
    let mut mutants = Vec::new();
    for seed in 0..count {
        let mut chance = Chance::new(seed);
        let case = chance.one_of(corpus);
        let mut bytes = std::fs::read(&case.document).unwrap();
        for _ in 0..=chance.below(3) {
            bytes = mutate(&bytes, &mut chance);
        }
        let document = folder.join(format!("mutant-{seed}.xml"));
        std::fs::write(&document, bytes).unwrap();
        mutants.push(Case { schema: case.schema.clone(), document });
    }
    mutants
}

#[test]
fn the_validator_of_the_jdk_agrees() {
    let Some(data) = published() else { return };
    let shelf = Shelf::of(Some(&data), 1);
    let folder = shelf.folders[0].0.join("documents");
    std::fs::create_dir_all(&folder).unwrap();
    let mut cases = corpus(&data, &folder);
    cases.extend(mutants(&cases, &folder));
    let Some(answers) = xerces(&data, &cases, &folder) else { return };
    let (mut different, mut judged) = (Vec::new(), 0);
    for (case, reason) in cases.iter().zip(answers) {
        let bytes = std::fs::read(&case.document).unwrap();
        let verdict = check(&shelf.standards, &bytes);
        let Some(found) = is_valid(&verdict) else { continue };
        judged += 1;
        if reason.as_ref().is_some_and(|reason| reason.contains(LEFT_OPEN)) {
            continue;
        }
        if found != reason.is_none() {
            let name = name(&case.document);
            let ours = violations_text(&verdict);
            different.push(format!("{name}: {}\n{ours}", reason.unwrap_or_default()));
        }
    }
    eprintln!("{judged} of {} documents judged by both", cases.len());
    assert!(judged * 2 > cases.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}
