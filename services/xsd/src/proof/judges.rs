//! The other judges.

use xsd_schema::{
    SchemaSet,
    validation::{
        CollectingValidationSink, SchemaValidator, SchemaValidity, ValidationFlags,
        drive_quick_xml,
    },
};

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
