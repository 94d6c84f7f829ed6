//! The other judges.

use std::process::Command;

use xsd_schema::{
    SchemaSet,
    validation::{
        CollectingValidationSink, SchemaValidator, SchemaValidity, ValidationFlags, drive_quick_xml,
    },
};

use super::data;

/// `xsd-schema`, used again and again.
pub(super) struct Full<'s> {
    schemas: &'s SchemaSet,
    validator: SchemaValidator<'s>,
}

impl<'s> Full<'s> {
    pub(super) fn new(schemas: &'s SchemaSet) -> Self {
        let flags = ValidationFlags::default() - ValidationFlags::BUILD_PSVI_TYPED_VALUES;
        Self { schemas, validator: SchemaValidator::new(schemas, flags) }
    }

    /// What it finds wrong.
    pub(super) fn problems(&self, document: &[u8]) -> Vec<String> {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        let sink = CollectingValidationSink { errors: &mut errors, warnings: &mut warnings };
        let mut run = self.validator.start_run(sink);
        let driven = drive_quick_xml(document, &mut run, self.schemas);
        drop(run);
        let mut problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
        match driven {
            Err(error) => problems.push(error.to_string()),
            Ok(outcome) if problems.is_empty() => {
                if outcome.root_validity != Some(SchemaValidity::Valid) {
                    problems.push(format!("{:?}", outcome.root_validity));
                }
            }
            Ok(_) => {}
        }
        problems
    }

    pub(super) fn is_valid(&self, document: &[u8]) -> bool {
        self.problems(document).is_empty()
    }
}

/// What the JDK's validator says of each document, given with its case's number: `None` is valid, `Some`
/// the first reason why not. Nothing at all, loudly, where there is no JDK. One start for all of them.
pub(super) fn xerces(documents: &[(usize, Vec<u8>)]) -> Option<Vec<Option<String>>> {
    if Command::new("java").arg("-version").output().is_err() {
        data::not_run("the JDK's validator as a second opinion on `xsd`", "no `java` is installed");
        return None;
    }
    let folder =
        std::env::temp_dir().join(format!("xsd-proof-{}-{}", std::process::id(), documents.len()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut list = String::new();
    for (number, (case, document)) in documents.iter().enumerate() {
        let path = folder.join(format!("{number}.xml"));
        std::fs::write(&path, document).unwrap();
        let schema = data::cases()[*case].schema.canonicalize().unwrap();
        list.push_str(&format!("{}\t{}\n", schema.display(), path.display()));
    }
    let path = folder.join("list");
    std::fs::write(&path, list).unwrap();
    let program = data::repository().join("services/standards/tests/xsd_cases/Xerces.java");
    let catalog = match data::published() {
        Some(data) => data.join("catalog.xml"),
        None => {
            let empty = folder.join("catalog.xml");
            std::fs::write(&empty, "<catalog/>").unwrap();
            empty
        }
    };
    let output = Command::new("java").arg(program).arg(path).arg(catalog).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_dir_all(folder).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = |line: &str| line.split_once('\t').map(|(_, reason)| reason.to_owned());
    let answers: Vec<Option<String>> = text.lines().map(answer).collect();
    assert_eq!(answers.len(), documents.len());
    Some(answers)
}
