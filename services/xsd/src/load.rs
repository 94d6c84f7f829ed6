//! The ways to tables: from a schema set, from a file, from text.

use xsd_schema::{SchemaError, SchemaSet, SchemaSetBuilder, XsdVersion};

use crate::{CompileLimits, Tables, compile::compile as compile_model, front};

/// Why there are no tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaFault {
    /// The schema, or one that it includes or imports, cannot be read or is wrong.
    #[error("the schema does not compile")]
    Schema(#[source] Box<SchemaError>),
    /// Something that the schema imports or includes is not there: this.
    #[error("`{0}` cannot be read")]
    Missing(String),
}

/// Compiles a schema set. Patterns are read as XSD says, also where the schema set's own reading of them
/// differs.
#[must_use]
pub fn compile(schemas: &SchemaSet, limits: CompileLimits) -> Tables {
    compile_model(&front::schema(schemas), limits)
}

/// Compiles the schema in the file at `path`, with those it includes and imports by relative paths.
///
/// # Errors
/// When one of them cannot be read or is wrong.
pub fn compile_file(path: &str, limits: CompileLimits) -> Result<Tables, SchemaFault> {
    let builder =
        SchemaSetBuilder::with_resolver(xsd_schema::SchemaResolver::new(), XsdVersion::V1_0);
    finish(builder.add("", path), limits)
}

/// Compiles the schema in `text`, which includes and imports nothing.
///
/// # Errors
/// When it is wrong.
pub fn compile_text(text: &str, limits: CompileLimits) -> Result<Tables, SchemaFault> {
    let builder = SchemaSetBuilder::with_version(XsdVersion::V1_0);
    finish(builder.add_source(text, "schema.xsd"), limits)
}

fn finish(
    builder: Result<SchemaSetBuilder, SchemaError>,
    limits: CompileLimits,
) -> Result<Tables, SchemaFault> {
    let fault = |error| SchemaFault::Schema(Box::new(error));
    let compiled = builder.and_then(SchemaSetBuilder::compile).map_err(fault)?;
    let schemas = compiled.into_schema_set();
    if let Some(missing) = schemas.directive_failures().first() {
        return Err(SchemaFault::Missing(missing.schema_location().unwrap_or_default().to_owned()));
    }
    Ok(compile(&schemas, limits))
}
