//! Turns what a JSON Schema does not allow into sentences a clerk understands: German first, English
//! beside it.

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use serde_json::Value;

/// Choices within choices that are looked into.
const DEPTH_MAX: usize = 4;

/// Allowed values that are told at most.
const VALUES_MAX: usize = 10;

/// The same sentence twice.
pub(crate) type Sentences = (String, String);

/// One thing to tell: where, by which keyword of the schema, and what.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) pointer: String,
    pub(crate) keyword: String,
    pub(crate) sentences: Sentences,
}

/// What there is to tell of `error`. Of a choice none of whose alternatives fits, what is wrong with
/// the one that comes nearest.
pub(crate) fn of(error: &ValidationError<'_>) -> Vec<Told> {
    let mut told = Vec::new();
    tell(error, DEPTH_MAX, &mut told);
    told
}

fn tell(error: &ValidationError<'_>, depth: usize, told: &mut Vec<Told>) {
    if let Kind::OneOfNotValid { context } | Kind::AnyOf { context } = error.kind()
        && let Some(nearest) = context.iter().min_by_key(|errors| errors.len())
        && !nearest.is_empty()
        && 0 < depth
    {
        nearest.iter().for_each(|error| tell(error, depth - 1, told));
        return;
    }
    told.push(Told {
        pointer: error.instance_path().to_string(),
        keyword: error.kind().keyword().to_owned(),
        sentences: describe(error.kind()),
    });
}

fn describe(kind: &Kind) -> Sentences {
    match kind {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            said(
                format!("Die Pflichtangabe „{name}“ fehlt."),
                format!("The mandatory member `{name}` is missing."),
            )
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let quoted = |open: &str, close: &str| {
                let names = unexpected.iter().map(|name| format!("{open}{name}{close}"));
                names.collect::<Vec<_>>().join(", ")
            };
            said(
                format!("Hier nicht erlaubt: {}.", quoted("„", "“")),
                format!("Not allowed here: {}.", quoted("`", "`")),
            )
        }
        Kind::Enum { options } => {
            let values = listed(options);
            said(
                format!("Der Wert ist nicht erlaubt; erlaubt sind {values}."),
                format!("The value is not allowed; allowed are {values}."),
            )
        }
        Kind::Constant { expected_value } => {
            let value = plain(expected_value);
            said(
                format!("Der Wert ist nicht erlaubt; vorgeschrieben ist „{value}“."),
                format!("The value is not allowed; `{value}` is prescribed."),
            )
        }
        Kind::Type { kind } => of_type(kind),
        Kind::Format { format } => of_format(format),
        Kind::Pattern { .. } => said(
            "Der Wert hat nicht die vorgeschriebene Form oder Zeichen, die nicht erlaubt sind.",
            "The value has not the prescribed form, or characters that are not allowed.",
        ),
        kind => of_limit(kind),
    }
}

/// The values of an enumeration, the first few.
fn listed(options: &Value) -> String {
    let values = options.as_array().map_or(&[][..], Vec::as_slice);
    let shown: Vec<String> = values.iter().take(VALUES_MAX).map(plain).collect();
    let more = values.len().saturating_sub(VALUES_MAX);
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown}, … (+{more})") }
}

/// A value as a person writes it: a text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn of_limit(kind: &Kind) -> Sentences {
    match kind {
        Kind::MaxLength { limit } => said(
            format!("Der Wert ist zu lang; höchstens {limit} Zeichen sind erlaubt."),
            format!("The value is too long; at most {limit} characters are allowed."),
        ),
        Kind::MinLength { limit } => said(
            format!("Der Wert ist zu kurz; mindestens {limit} Zeichen sind nötig."),
            format!("The value is too short; at least {limit} characters are needed."),
        ),
        Kind::MinItems { limit } => said(
            format!("Es gibt zu wenige Einträge (mindestens {limit})."),
            format!("There are too few items (at least {limit})."),
        ),
        Kind::MaxItems { limit } => said(
            format!("Es gibt zu viele Einträge (höchstens {limit})."),
            format!("There are too many items (at most {limit})."),
        ),
        Kind::UniqueItems => {
            said("Ein Eintrag kommt mehrfach vor.", "An item occurs more than once.")
        }
        Kind::Minimum { limit } => said(
            format!("Der Wert ist zu klein; mindestens {limit} ist nötig."),
            format!("The value is too small; at least {limit} is needed."),
        ),
        Kind::Maximum { limit } => said(
            format!("Der Wert ist zu groß; höchstens {limit} ist erlaubt."),
            format!("The value is too large; at most {limit} is allowed."),
        ),
        Kind::ExclusiveMinimum { limit } => said(
            format!("Der Wert ist zu klein; er muss größer als {limit} sein."),
            format!("The value is too small; it must be greater than {limit}."),
        ),
        Kind::ExclusiveMaximum { limit } => said(
            format!("Der Wert ist zu groß; er muss kleiner als {limit} sein."),
            format!("The value is too large; it must be less than {limit}."),
        ),
        Kind::OneOfMultipleValid { .. } => said(
            "Von mehreren Möglichkeiten ist nur eine erlaubt.",
            "Only one of several alternatives is allowed.",
        ),
        Kind::Not { .. } | Kind::FalseSchema => {
            said("Diese Angabe ist hier nicht erlaubt.", "This is not allowed here.")
        }
        kind => {
            let keyword = kind.keyword();
            said(
                format!("Der Wert verletzt die Schemaregel „{keyword}“."),
                format!("The value breaks the schema rule `{keyword}`."),
            )
        }
    }
}

fn of_type(kind: &TypeKind) -> Sentences {
    let TypeKind::Single(kind) = kind else {
        return said("Der Wert ist von der falschen Art.", "The value is of the wrong kind.");
    };
    let (german, english) = match kind {
        JsonType::String => ("ein Text", "a text"),
        JsonType::Integer => ("eine ganze Zahl", "a whole number"),
        JsonType::Number => ("eine Zahl", "a number"),
        JsonType::Boolean => ("true oder false", "true or false"),
        JsonType::Array => ("eine Liste", "a list"),
        JsonType::Object => ("ein Objekt", "an object"),
        JsonType::Null => ("null", "null"),
    };
    said(
        format!("Der Wert ist von der falschen Art; erwartet wird {german}."),
        format!("The value is of the wrong kind; {english} is expected."),
    )
}

fn of_format(format: &str) -> Sentences {
    let (german, english) = match format {
        "date" => ("ein Tag wie 2026-11-02", "a day as 2026-11-02"),
        "date-time" => (
            "ein Zeitpunkt wie 2026-11-02T09:14:07.312+01:00",
            "a time as 2026-11-02T09:14:07.312+01:00",
        ),
        "uuid" => ("eine UUID", "a UUID"),
        "email" | "idn-email" => ("eine E-Mail-Adresse", "an email address"),
        "uri" | "iri" => ("eine URI", "a URI"),
        _ => {
            return said(
                format!("Der Wert hat nicht die vorgeschriebene Form „{format}“."),
                format!("The value has not the prescribed form `{format}`."),
            );
        }
    };
    said(format!("Erwartet wird {german}."), format!("{english} is expected."))
}

fn said(german: impl Into<String>, english: impl Into<String>) -> Sentences {
    let english: String = english.into();
    let mut characters = english.chars();
    // Some begin with what is expected, which may be an article.
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    (german.into(), first.into_iter().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn german(schema: &Value, value: &Value) -> Vec<(String, String)> {
        let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
        let told = validator.iter_errors(value).flat_map(|error| of(&error)).collect::<Vec<_>>();
        told.into_iter().map(|told| (told.pointer, told.sentences.0)).collect()
    }

    #[test]
    fn a_clerk_is_told_what_is_expected() {
        let rows = [
            (json!({"type": "integer"}), json!("x"), "eine ganze Zahl"),
            (json!({"minItems": 1}), json!([]), "mindestens 1"),
            (json!({"maxItems": 1}), json!([1, 2]), "höchstens 1"),
            (json!({"format": "date"}), json!("1.2.2026"), "ein Tag wie"),
            (json!({"minimum": 0}), json!(-1), "mindestens 0"),
            (
                json!({"properties": {"b": {}}, "additionalProperties": false}),
                json!({"a": 1}),
                "„a“",
            ),
            (json!({"required": ["b"]}), json!({}), "„b“ fehlt"),
            (json!({"enum": ["portal", "post"]}), json!("fax"), "erlaubt sind portal, post."),
            (json!({"const": "1"}), json!("2"), "„1“"),
        ];
        for (schema, value, expected) in rows {
            let found = german(&schema, &value);
            assert!(found.len() == 1 && found[0].1.contains(expected), "{schema}: {found:?}");
        }
    }

    #[test]
    fn of_a_choice_the_nearest_alternative_is_explained() {
        let person = json!({"properties": {"name": {"maxLength": 3}}, "required": ["name"]});
        let firm = json!({"required": ["firm", "seat", "form"]});
        let schema = json!({"properties": {"who": {"oneOf": [firm, person]}}});
        let found = german(&schema, &json!({"who": {"name": "Müller"}}));
        let expected = "Der Wert ist zu lang; höchstens 3 Zeichen sind erlaubt.";
        assert_eq!(found, [("/who/name".to_owned(), expected.to_owned())]);
    }
}
