//! What must hold for every adapter, present and future.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{ALL, codes, testing::context};

#[test]
fn every_file_is_on_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kinds");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = ALL.iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(files, listed);
    assert_eq!(listed.len(), ALL.len(), "a name is taken twice");
}

#[test]
fn every_example_builds_and_no_unknown_key_passes() {
    let context = context(Path::new("/nowhere"));
    for kind in ALL {
        assert!(kind.summary.ends_with('.'), "{}", kind.name);
        let example: toml::Table = kind.example.parse().unwrap();
        (kind.build)(example.clone(), &context)
            .unwrap_or_else(|error| panic!("{}: {error:#}", kind.name));

        let mut misspelt = example;
        misspelt.insert("colour".to_owned(), true.into());
        let fault = format!("{:#}", (kind.build)(misspelt, &context).unwrap_err());
        assert!(fault.contains("colour"), "{}: {fault}", kind.name);
    }
}

#[test]
fn every_key_is_in_the_manual() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/adapters.md");
    let manual = fs::read_to_string(manual).unwrap();
    for kind in ALL {
        assert!(manual.contains(&format!("## `{}`", kind.name)), "{}", kind.name);
        // The refusal of an unknown key lists the known ones.
        let mut misspelt: toml::Table = kind.example.parse().unwrap();
        misspelt.insert("colour".to_owned(), true.into());
        let context = context(Path::new("/nowhere"));
        let fault = format!("{:#}", (kind.build)(misspelt, &context).unwrap_err());
        let (_, expected) = fault.split_once("expected").unwrap();
        let keys: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        assert!(keys.len() > 3, "{fault}");
        for key in keys {
            let is_there = [format!("`{key}`"), format!("`[{key}]`")];
            assert!(is_there.iter().any(|k| manual.contains(k)), "{}: {key}", kind.name);
        }
    }
}

#[test]
fn faults_of_configuration_have_codes_of_their_own() {
    for code in codes::CONFIGURATION_FAULTS {
        assert!(code.starts_with("AB-30"), "{code}");
    }
    assert!(!codes::CONFIGURATION_FAULTS.contains(&codes::DIRECTORY_DOWN));
    assert!(!codes::CONFIGURATION_FAULTS.contains(&codes::NO_CONNECTION));
}
