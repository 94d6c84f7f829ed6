//! What must hold of the source itself. Cheaper than a reviewer, and never tired.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use tests::source::{self, Text};

/// Which layer each crate is on; see `docs/ARCHITECTURE.md`.
const LAYERS: &[(&str, u8)] = &[
    ("amtsbote", 4),
    ("gateway", 3),
    ("dispatcher", 3),
    ("console", 3),
    ("standards", 2),
    ("channels", 2),
    ("stores", 2),
    ("adapters", 2),
    ("messaging", 1),
    ("wire", 0),
    ("telemetry", 0),
    ("text", 0),
    ("xsd", 0),
];

const FILE_LINES_MAX: usize = 500;
const DECISION_LINES_MAX: usize = 40;

/// The codes each crate may give out: first and last.
const CODES: &[(&str, &[(u16, u16)])] = &[
    ("gateway", &[(1000, 1399)]),
    ("console", &[(1400, 1999)]),
    ("channels", &[(2000, 2199)]),
    ("stores", &[(2200, 2499)]),
    ("adapters", &[(3000, 3199)]),
    ("dispatcher", &[(3200, 3999)]),
    ("standards", &[(4000, 4999)]),
    ("amtsbote", &[(5000, 5999)]),
];

/// What has no place in the project, in halves so that this file may state it.
const FORBIDDEN: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("to", "do!("),
    ("unimple", "mented!("),
    ("/wo", "rk/"),
    ("/ro", "ot/."),
    ("Clau", "de"),
    ("Anthro", "pic"),
    ("Ã", "¤"),
    ("Ã", "¶"),
    ("Ã", "¼"),
    ("Ã", "Ÿ"),
    ("â", "€"),
    ("", "\u{FFFD}"),
    (" fu", "er "),
    (" ue", "ber "),
    ("koen", "nen"),
    ("mues", "sen"),
];

#[test]
fn every_crate_is_on_a_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<String> = source::crates();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, known, "folders of services/ and the crates with a layer");
}

#[test]
fn dependencies_point_down() {
    for (name, layer) in LAYERS {
        for seen in source::sees(name, "dependencies") {
            let below = layer_of(&seen);
            // `messaging` is above the edges and sees none of them: no I/O, no protobuf.
            assert!(below < *layer && *name != "messaging", "{name} must not see {seen}");
        }
        for seen in source::sees(name, "dev-dependencies") {
            assert!(layer_of(&seen) <= *layer, "not even tests of {name} see {seen}");
        }
    }
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    for name in source::crates() {
        let manifest = source::manifest(&name);
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(lints.and_then(toml::Value::as_bool), Some(true), "{name}");
    }
}

#[test]
fn files_fit_in_a_head() {
    let long: Vec<String> = source::rust_files()
        .iter()
        .filter(|file| FILE_LINES_MAX < file.text.lines().count())
        .map(|file| format!("{}: {} lines, split it", file.path, file.text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = source::rust_files()
        .into_iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path)
        .collect();
    assert!(silent.is_empty(), "no module comment: {}", silent.join(", "));
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages = source::error_pages();
    let mut given = BTreeSet::new();
    let mut faults = Vec::new();
    for file in source::product_files() {
        for code in source::codes(file.without_tests()) {
            if !pages.contains_key(&code) {
                faults.push(format!("{} gives {code}, which has no page", file.path));
            }
            given.insert(code);
        }
    }
    for code in pages.keys().filter(|code| !given.contains(*code)) {
        faults.push(format!("docs/errors/{code}.md explains what nobody gives"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_says_what_happened_and_what_to_do() {
    for (code, page) in source::error_pages() {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}: its title");
        for section in ["## What happened", "## What to do"] {
            let (_, body) = page.split_once(section).unwrap_or_else(|| panic!("{code}: {section}"));
            let body = body.split("\n## ").next().unwrap_or_default();
            assert!(20 < body.trim().len(), "{code}: {section} says nothing");
        }
    }
}

#[test]
fn a_code_is_given_out_once_and_in_its_crates_range() {
    let mut all = BTreeSet::new();
    for (name, ranges) in CODES {
        for file in source::rust_files() {
            if !file.path.starts_with(&format!("services/{name}/"))
                || !file.path.ends_with("codes.rs")
            {
                continue;
            }
            let constants = file.without_tests().lines().filter(|line| line.contains("const "));
            for code in constants.flat_map(source::codes) {
                let number: u16 = code.trim_start_matches("AB-").parse().expect("four digits");
                let is_own = ranges.iter().any(|(first, last)| (*first..=*last).contains(&number));
                assert!(is_own || 9000 <= number, "{name} must not give {code}");
                assert!(all.insert(code.clone()), "{code} is given out twice");
            }
        }
    }
}

#[test]
fn the_layers_drawn_are_the_real_ones() {
    let page = source::read("docs/ARCHITECTURE.md");
    let mut drawn = BTreeSet::new();
    for line in page.lines().map(str::trim_start) {
        let Some(rest) = line.strip_prefix('L') else { continue };
        let Some((layer, names)) = rest.split_once(' ') else { continue };
        let Ok(layer) = layer.parse::<u8>() else { continue };
        // Crates stand before the first `|`; remarks after it.
        let names = names.split('|').next().unwrap_or_default();
        drawn.extend(names.split_whitespace().map(|name| (name.to_owned(), layer)));
    }
    let real: BTreeSet<(String, u8)> =
        LAYERS.iter().map(|(name, layer)| ((*name).to_owned(), *layer)).collect();
    assert_eq!(drawn, real, "the drawing in docs/ARCHITECTURE.md");
}

#[test]
fn the_code_map_tells_what_each_crate_sees() {
    let page = source::read("docs/ARCHITECTURE.md");
    for name in source::crates() {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("the code map of docs/ARCHITECTURE.md has no row `{name}`"));
        let told: BTreeSet<String> = row
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .unwrap_or_default()
            .split([',', ' ', '`'])
            .filter(|word| !word.is_empty() && *word != "–")
            .map(str::to_owned)
            .collect();
        assert_eq!(told, source::sees(&name, "dependencies"), "what `{name}` sees");
    }
}

#[test]
fn every_path_the_pages_name_exists() {
    let mut missing = Vec::new();
    for page in ["README.md", "docs/ARCHITECTURE.md", "docs/STYLE.md", "docs/decisions/README.md"] {
        for path in source::paths_named(&source::read(page)) {
            if !source::root().join(&path).exists() {
                missing.push(format!("{page} names `{path}`, which is not there"));
            }
        }
        for path in source::links(&source::read(page)) {
            let folder = source::root().join(page);
            let folder = folder.parent().expect("a page lies in a folder");
            if !folder.join(&path).exists() {
                missing.push(format!("{page} links to {path}, which is not there"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn decisions_are_short_and_indexed() {
    let index = source::read("docs/decisions/README.md");
    for Text { path, text } in source::files_below("docs/decisions") {
        let name = path.rsplit('/').next().unwrap_or_default();
        if name == "README.md" {
            continue;
        }
        assert!(index.contains(name), "{name} is not in the index");
        assert!(text.lines().count() <= DECISION_LINES_MAX, "{name} is too long");
        for section in ["## Context", "## Decision", "## Consequences"] {
            assert!(text.contains(section), "{name}: {section}");
        }
    }
}

#[test]
fn nothing_half_done_and_no_machines_path_is_left() {
    let mut faults = Vec::new();
    for file in source::all_files() {
        for (number, line) in file.text.lines().enumerate() {
            for (first, second) in FORBIDDEN {
                if line.contains(&format!("{first}{second}")) {
                    faults.push(format!("{}:{}: {first}{second}", file.path, number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_call_of_the_protocols_is_explained() {
    let mut silent = Vec::new();
    for file in source::files_below("proto") {
        let mut before = "";
        for line in file.text.lines().map(str::trim) {
            let is_declared = ["service ", "rpc "].iter().any(|word| line.starts_with(word));
            if is_declared && !before.starts_with("//") {
                silent.push(format!("{}: {line}", file.path));
            }
            before = line;
        }
    }
    assert!(silent.is_empty(), "no comment above:\n{}", silent.join("\n"));
}

#[test]
fn every_suite_is_run() {
    let runner = std::fs::read_to_string(source::root().join("tests/run")).expect("it is there");
    let line = runner.lines().find(|line| line.starts_with("LONG_SUITES=")).expect("the list");
    let listed: BTreeSet<&str> =
        line.trim_start_matches("LONG_SUITES=(").trim_end_matches(')').split(' ').collect();
    for entry in std::fs::read_dir(source::root().join("tests/tests")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let suite = path.file_stem().and_then(|name| name.to_str()).expect("UTF-8");
        // These two need no machine to themselves and run at once with the checks of the source.
        let is_quick = matches!(suite, "tidy" | "oracle");
        assert!(is_quick || listed.contains(suite), "tests/run does not run {suite}");
    }
}

fn layer_of(name: &str) -> u8 {
    let found = LAYERS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("{name} is on no layer")).1
}
