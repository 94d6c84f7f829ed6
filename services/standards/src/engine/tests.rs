//! Who waits for whom, what is given away of a document, and two ways that disagree about one.

use std::path::Path;

use super::*;
use crate::xml::proof::planted;

#[test]
fn a_document_that_makes_the_engine_panic_is_given_away_and_no_other() {
    let (kept, bytes) = mpsc::channel();
    let keep =
        OnDefect(Arc::new(move |_: &'static str, bytes: &[u8]| kept.send(bytes.to_vec()).unwrap()));
    let sound = guarded(b"sound", Some(&keep), Verdict::default);
    assert_eq!(sound, Some(Verdict::default()));
    let hurt = |keep| guarded::<Verdict>(b"hurts", keep, || panic!("a broken invariant"));
    assert_eq!((hurt(Some(&keep)), hurt(None)), (None, None));
    drop(keep);
    assert_eq!(bytes.iter().collect::<Vec<_>>(), [b"hurts".to_vec()]);
    assert_eq!(defect().violations[0].code, codes::DEFECT);
}

#[test]
fn small_documents_pass_by_a_large_one_while_another_is_checked() {
    let registry = Registry::load(&Options::default()).unwrap();
    let shared = Shared {
        registry: RwLock::new(Arc::new(registry)),
        generation: AtomicU64::new(0),
        limits: Limits::default(),
        tables: None,
        cross_check_ppm: 0,
        on_defect: None,
        large_max: 1,
        queue: Mutex::default(),
        filled: Condvar::new(),
        emptied: Condvar::new(),
    };
    for bytes in [LARGE_BYTES + 1, LARGE_BYTES + 2, 1] {
        let bytes = Bytes::from(vec![b' '; bytes]);
        let document = Document { bytes, media_type: None, now: messaging::Timestamp(0) };
        shared.lock().jobs.push_back(Job::check(document, |_| {}));
    }
    let next = || match shared.next(0) {
        Next::Job(job) => job.bytes,
        Next::Changed | Next::End => 0,
    };
    assert_eq!((next(), next()), (LARGE_BYTES + 1, 1));
    shared.end_large();
    assert_eq!(next(), LARGE_BYTES + 2);
    assert!(matches!(shared.next(1), Next::Changed), "another generation is installed");
}

const EVERY: u32 = 1_000_000;

/// What was given away: why, and of which document.
type Kept = Arc<Mutex<Vec<(&'static str, Vec<u8>)>>>;

fn checked_twice() -> (Standards, Kept) {
    let kept = Kept::default();
    let keep = Arc::clone(&kept);
    let on_defect = OnDefect(Arc::new(move |code: &'static str, bytes: &[u8]| {
        keep.lock().unwrap().push((code, bytes.to_vec()));
    }));
    let options = Options {
        workers: 1,
        cross_check_ppm: EVERY,
        on_defect: Some(on_defect),
        ..Options::default()
    };
    (Standards::load(options).unwrap(), kept)
}

fn example() -> String {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/amtsbote-kfz/1.0/examples");
    std::fs::read_to_string(root.join("valid/neuzulassung-nordsachsen.xml")).unwrap()
}

fn check(standards: &Standards, text: &str) -> Verdict {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let document = Document { bytes, media_type: None, now: messaging::Timestamp(0) };
    standards.at_a_desk(|stages| stages.check(&document))
}

fn disagreements(standards: &Standards) -> u64 {
    standards.proofs(|id, _| id == "amtsbote-kfz").iter().map(|proofs| proofs.disagreements).sum()
}

#[test]
fn a_document_that_is_carried_otherwise_by_the_two_ways_is_kept_and_the_validators_counts() {
    let (standards, kept) = checked_twice();
    let text = example();
    let right = check(&standards, &text);
    assert_eq!((right.proof, disagreements(&standards)), (Some("proven"), 0));
    let found = planted::with(|| check(&standards, &text));
    assert_eq!((found.proof, disagreements(&standards)), (Some("disagreement"), 1));
    assert_eq!(Verdict { proof: right.proof, ..found }, right);
    let expected = [(codes::JUDGES_DISAGREE, text.into_bytes())];
    assert_eq!(*kept.lock().unwrap(), expected);
}

#[test]
fn a_document_that_is_proven_and_refused_by_the_validator_is_kept_and_refused() {
    const LAX: &str = r###"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
        targetNamespace="urn:de:amtsbote:kfz:1.0"><xs:element name="kfz.neuzulassung.0101"><xs:complexType>
        <xs:sequence><xs:any namespace="##any" processContents="skip" minOccurs="0" maxOccurs="unbounded"/>
        </xs:sequence><xs:anyAttribute processContents="skip"/></xs:complexType></xs:element></xs:schema>"###;
    let (standards, kept) = checked_twice();
    let tables = xsd::compile_text(LAX, xsd::CompileLimits::default()).unwrap();
    let registry = standards.0.shared.registry();
    let at = registry.standards.iter().position(|standard| standard.id == "amtsbote-kfz").unwrap();
    registry.plant(at, tables);
    let text = example().replace("<kfz:ort>Torgau</kfz:ort>", "");
    let found = check(&standards, &text);
    assert_eq!((found.proof, disagreements(&standards)), (Some("disagreement"), 1));
    assert!(!found.is_acceptable() && found.message.is_none());
    let expected = [(codes::JUDGES_DISAGREE, text.into_bytes())];
    assert_eq!(*kept.lock().unwrap(), expected);
    // Where the validator is not asked, nobody would know.
    let alone = Standards::load(Options { workers: 1, ..Options::default() }).unwrap();
    let tables = xsd::compile_text(LAX, xsd::CompileLimits::default()).unwrap();
    alone.0.shared.registry().plant(at, tables);
    assert!(check(&alone, &String::from_utf8(expected[0].1.clone()).unwrap()).is_acceptable());
}
