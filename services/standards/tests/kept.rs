//! Compiled tables are kept between starts, and what lies in their place is believed only where it is
//! theirs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "helpers of tests are tests"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{
    Folder, check, example, installed, made_up,
    publications::{SCHEMAS, install},
    published,
};
use standards::{Options, Prepared, Standards};

const SCHEMA: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:mine"
    xmlns="urn:mine"><xs:include schemaLocation="part.xsd"/><xs:element name="antrag" type="Nummer"/></xs:schema>"#;

/// Numbers of so many digits.
fn part(digits: usize) -> String {
    format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:mine'>\
         <xs:simpleType name='Nummer'><xs:restriction base='xs:string'><xs:pattern value='[0-9]{{{digits}}}'/>\
         </xs:restriction></xs:simpleType></xs:schema>"
    )
}

/// A folder for standards with one in it.
fn mine(digits: usize) -> Folder {
    let [standard, mapping] = made_up(("mine", "1"), "urn:mine", ("mine.xsd", None), &["antrag"]);
    let part = part(digits);
    let files = [
        (standard.0, standard.1.as_str()),
        (mapping.0, mapping.1.as_str()),
        ("mine.xsd", SCHEMA),
        ("part.xsd", &part),
    ];
    installed(Path::new(env!("CARGO_MANIFEST_DIR")), "mine", "1", &files)
}

/// What a start finds and makes.
fn start(paths: &[&Folder], tables: &Path) -> (Standards, Prepared) {
    let paths = paths.iter().map(|folder| folder.0.clone()).collect();
    let tables = Some(tables.to_owned());
    let options = Options { paths, workers: 1, tables, ..Options::default() };
    let standards = Standards::load(options).unwrap_or_else(|error| panic!("{error}"));
    let prepared = standards.prepared();
    (standards, prepared)
}

fn antrag(number: &str) -> Vec<u8> {
    format!("<antrag xmlns='urn:mine'>{number}</antrag>").into_bytes()
}

/// Where the tables of `mine` are.
fn file(tables: &Path) -> PathBuf {
    tables.join("mine_1.tables")
}

#[test]
fn a_second_start_finds_what_the_first_has_made() {
    let mine = mine(3);
    let tables = mine.0.join("kept");
    let (first, made) = start(&[&mine], &tables);
    assert!(made.kept == 0 && made.made > 5, "{made:?}");
    let (second, kept) = start(&[&mine], &tables);
    assert_eq!(kept, Prepared { kept: made.made, made: 0 });
    for standards in [&first, &second] {
        for (number, proof) in [("123", Some("proven")), ("12", Some("value"))] {
            let verdict = check(standards, &antrag(number));
            assert_eq!((verdict.proof, verdict.is_acceptable()), (proof, number == "123"));
        }
        let verdict = check(standards, example("neuzulassung-nordsachsen.xml").as_bytes());
        assert_eq!((verdict.proof, verdict.is_acceptable()), (Some("proven"), true));
    }
    let sizes = fs::read_dir(&tables).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    let sizes: Vec<u64> = sizes.collect();
    assert!(sizes.len() == made.made && sizes.iter().all(|size| *size < 1 << 20), "{sizes:?}");
    // Read anew while it runs, they are found too.
    second.reload(std::slice::from_ref(&mine.0)).unwrap();
    assert_eq!(second.prepared(), kept);
}

/// They have catalogues, which lead to files of other standards.
#[test]
fn tables_of_published_standards_are_found_again_and_are_small() {
    let Some(data) = published() else { return };
    let folders: Vec<Folder> = SCHEMAS
        .iter()
        .map(|(id, schema, namespace, names)| {
            install(&data, id, &format!("data/{schema}"), namespace, names)
        })
        .collect();
    let all: Vec<&Folder> = folders.iter().collect();
    let tables = folders[0].0.join("kept");
    let (_, made) = start(&all, &tables);
    let (standards, found) = start(&all, &tables);
    assert_eq!(found, Prepared { kept: made.made, made: 0 });
    let files = fs::read_dir(&tables).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    assert!(files.max().unwrap() < 1 << 20);
    assert!(standards.proofs(|_, _| true).iter().all(|proofs| proofs.tables_bytes < 1 << 20));
}

#[test]
fn a_schema_that_changed_makes_its_tables_anew_and_no_others() {
    let mine = mine(3);
    let tables = mine.0.join("kept");
    let (_, made) = start(&[&mine], &tables);
    // Not the entry itself, but what it includes.
    fs::write(mine.0.join("mine/1/part.xsd"), part(2)).unwrap();
    let (standards, changed) = start(&[&mine], &tables);
    assert_eq!(changed, Prepared { kept: made.made - 1, made: 1 });
    assert!(check(&standards, &antrag("12")).is_acceptable());
    assert!(!check(&standards, &antrag("123")).is_acceptable());
    fs::remove_file(mine.0.join("mine/1/part.xsd")).unwrap();
    let options =
        Options { paths: vec![mine.0.clone()], tables: Some(tables), ..Options::default() };
    let error = Standards::load(options).unwrap_err().to_string();
    assert!(error.contains("part.xsd"), "a fault is found in spite of what is kept: {error}");
}

/// The entry is the same file by file, and stands beside another one.
#[test]
fn a_link_that_leads_elsewhere_makes_tables_anew() {
    let (three, two, home) = (mine(3), mine(2), mine(9));
    let (link, tables) = (home.0.join("mine"), home.0.join("kept"));
    let lead_to = |folder: &Folder| {
        fs::remove_dir_all(&link).or_else(|_| fs::remove_file(&link)).unwrap();
        std::os::unix::fs::symlink(folder.0.join("mine"), &link).unwrap();
    };
    lead_to(&three);
    let (_, made) = start(&[&home], &tables);
    let (_, found) = start(&[&home], &tables);
    assert_eq!(found, Prepared { kept: made.made, made: 0 });
    lead_to(&two);
    let (standards, found) = start(&[&home], &tables);
    assert_eq!(found, Prepared { kept: made.made - 1, made: 1 });
    assert!(!check(&standards, &antrag("123")).is_acceptable());
}

#[test]
fn whatever_else_lies_in_their_place_is_made_anew_and_proves_nothing() {
    let (strict, lax) = (mine(3), mine(2));
    let tables = strict.0.join("kept");
    let (_, made) = start(&[&lax], &tables);
    let foreign = fs::read(file(&tables)).unwrap();
    let built_in = fs::read(tables.join("amtsbote-kfz_1.0.tables")).unwrap();
    let (_, anew) = start(&[&strict], &tables);
    assert_eq!(anew, Prepared { kept: made.made - 1, made: 1 });
    let own = fs::read(file(&tables)).unwrap();
    let flipped = |at: usize| {
        let mut bytes = own.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let mut others = vec![foreign, built_in, Vec::new(), b"tables".to_vec(), vec![0xFF; 5_000]];
    others.extend([1, 4, own.len() / 2, own.len() - 1].map(|end| own[..end].to_vec()));
    others.extend((0..own.len()).step_by(own.len() / 40).map(flipped));
    others.push([own.as_slice(), b" "].concat());
    for other in others {
        fs::write(file(&tables), &other).unwrap();
        let (standards, found) = start(&[&strict], &tables);
        assert_eq!(found, anew, "{} bytes", other.len());
        assert!(!check(&standards, &antrag("12")).is_acceptable());
        assert_eq!(check(&standards, &antrag("123")).proof, Some("proven"));
        assert_eq!(fs::read(file(&tables)).unwrap(), own, "it is replaced");
    }
    fs::remove_file(file(&tables)).unwrap();
    fs::create_dir(file(&tables)).unwrap();
    let (standards, found) = start(&[&strict], &tables);
    assert_eq!((found, check(&standards, &antrag("123")).proof), (anew, Some("proven")));
}

#[test]
fn a_folder_that_cannot_be_written_is_no_fault() {
    let mine = mine(3);
    // Nobody makes a folder in a file, whatever rights they have.
    let tables = mine.0.join("mine/1/standard.toml").join("kept");
    for _ in 0..2 {
        let (standards, prepared) = start(&[&mine], &tables);
        assert!(prepared.kept == 0 && prepared.made > 5, "{prepared:?}");
        assert_eq!(check(&standards, &antrag("123")).proof, Some("proven"));
    }
}

#[test]
fn starts_at_once_do_each_other_no_harm() {
    let mine = mine(3);
    let tables = mine.0.join("kept");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (standards, prepared) = start(&[&mine], &tables);
                assert!(prepared.kept + prepared.made > 5, "{prepared:?}");
                assert!(!check(&standards, &antrag("12")).is_acceptable());
                assert_eq!(check(&standards, &antrag("123")).proof, Some("proven"));
            });
        }
    });
    let (_, prepared) = start(&[&mine], &tables);
    assert_eq!(prepared.made, 0);
    let names = fs::read_dir(&tables).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".new")).collect();
    assert!(left.is_empty(), "{left:?}");
}
