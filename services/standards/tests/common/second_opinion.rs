//! What others say of documents: the validator of the JDK, strict, and `xmllint`.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::not_run;

/// A document and the schema that judges it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) schema: PathBuf,
    pub(crate) document: PathBuf,
}

/// What the JDK says of each case: `None` is valid, `Some` the first reason why not. Nothing at all,
/// loudly, where there is no JDK. One start for all of them.
pub(crate) fn xerces(data: &Path, cases: &[Case], folder: &Path) -> Option<Vec<Option<String>>> {
    if !has("java", "the JDK's validator as a second opinion on XSD") {
        return None;
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xsd_cases/Xerces.java");
    let list: String = cases
        .iter()
        .map(|case| format!("{}\t{}\n", case.schema.display(), case.document.display()))
        .collect();
    let path = folder.join("list");
    std::fs::write(&path, list).unwrap();
    let mut java = Command::new("java");
    let output = java.arg(program).arg(path).arg(data.join("catalog.xml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Option<String>> = text
        .lines()
        .map(|line| line.split_once('\t').map(|(_, reason)| reason.to_owned()))
        .collect();
    assert_eq!(answers.len(), cases.len());
    Some(answers)
}

/// Which of `documents` `xmllint` takes for valid; nothing, loudly, where there is no `xmllint`.
pub(crate) fn xmllint(data: &Path, schema: &Path, documents: &[PathBuf]) -> Option<Vec<bool>> {
    if !has("xmllint", "libxml2 as a third opinion on XSD") {
        return None;
    }
    let Output { stderr, .. } = Command::new("xmllint")
        .env("XML_CATALOG_FILES", format!("file://{}", data.join("catalog.xml").display()))
        .args(["--nonet", "--noout", "--schema"])
        .arg(schema)
        .args(documents)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&stderr);
    let lines: HashSet<&str> = said.lines().collect();
    let is_valid = |path: &PathBuf| lines.contains(&*format!("{} validates", path.display()));
    Some(documents.iter().map(is_valid).collect())
}

fn has(program: &str, what: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        not_run(what, &format!("no {program}"));
    }
    is_there
}
