//! Schemas and documents to prove with: our own beside the crate, and published ones where there are
//! some.

use std::{
    collections::HashMap,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use xsd_schema::{LocationRequest, SchemaResolver, SchemaSet, SchemaSetBuilder, XsdVersion};

use crate::{CompileLimits, Tables, compile};

/// A schema and documents of it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) schema: PathBuf,
    data: Option<PathBuf>,
    pub(super) tables: Arc<Tables>,
    pub(super) documents: Vec<(PathBuf, Vec<u8>)>,
}

impl Case {
    /// The schema as `xsd-schema` has it, compiled anew: threads cannot share it.
    pub(super) fn schemas(&self) -> SchemaSet {
        schemas(&self.schema, self.data.as_deref())
    }
}

/// Published schemas and samples beside the repository; `None`, loudly, where they are missing.
pub(super) fn published() -> Option<PathBuf> {
    let beside = || repository().join("../shared/data");
    let data = std::env::var_os("AMTSBOTE_TEST_DATA").map_or_else(beside, PathBuf::from);
    if data.join("SOURCES.md").is_file() {
        return Some(data.canonicalize().unwrap());
    }
    not_run("the proof of `xsd` on published schemas", &format!("no data at {}", data.display()));
    None
}

/// Says that something does not run here, where people and test runs look.
pub(super) fn not_run(what: &str, why: &str) {
    eprintln!("!!! NOT RUN: {what}: {why}");
    if let Some(list) = std::env::var_os("AMTSBOTE_TEST_NOT_RUN") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(list);
        writeln!(file.unwrap(), "{what}\t{why}").unwrap();
        return;
    }
    let is_set = |name| std::env::var(name).is_ok_and(|value| value == "true");
    assert!(!is_set("CI") && !is_set("AMTSBOTE_TEST_STRICT"), "{what} must run: {why}");
}

pub(super) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All cases there are here.
pub(super) fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(make_cases)
}

fn make_cases() -> Vec<Case> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proof/schemas");
    let of_own = |name| case(name, &own.join(name).with_extension("xsd"), None, &[own.join(name)]);
    let mut cases = vec![of_own("everything"), of_own("envelope")];
    for name in ["antwort", "eakte", "fuehrerschein", "gewerbe", "kfz", "meldebescheinigung"] {
        let folder = repository().join("schemas").join(format!("amtsbote-{name}")).join("1.0");
        let schema = folder.join("xsd").join(format!("{name}.xsd"));
        let examples = ["valid", "invalid"].map(|kind| folder.join("examples").join(kind));
        cases.push(case(name, &schema, None, &examples));
    }
    if let Some(data) = published() {
        let places = [
            ("cases", "xsd-cases/main.xsd", "xsd-cases/cases"),
            ("xwasser", "xwasser-1.0.0/xsd/xwasser.xsd", "xwasser-1.0.0/samples"),
            ("xdomea 3.0", "xdomea/3.0.0/xsd/xdomea.xsd", "xdomea/3.0.0/samples"),
            (
                "xdomea 2.3",
                "xdomea/2.3.0/xsd/xdomea-Nachrichten-AussonderungDurchfuehren.xsd",
                "xdomea/2.3.0/samples",
            ),
        ];
        for (name, schema, documents) in places {
            let documents = data.join(documents);
            cases.push(case(name, &data.join(schema), Some(&data), &[documents]));
        }
    }
    cases
}

fn case(name: &'static str, schema: &Path, data: Option<&Path>, folders: &[PathBuf]) -> Case {
    let schemas = schemas(schema, data);
    let tables = compile(&schemas, CompileLimits::default());
    let mut documents: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    documents.sort();
    let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
    Case {
        name,
        schema: schema.to_owned(),
        data: data.map(Path::to_owned),
        tables: Arc::new(tables),
        documents: documents.into_iter().map(read).collect(),
    }
}

/// The schema at `path`, with the copies that a catalogue in `data` names.
fn schemas(path: &Path, data: Option<&Path>) -> SchemaSet {
    let mut builder = SchemaSetBuilder::with_resolver(SchemaResolver::new(), XsdVersion::V1_0);
    let local = data.map(local_copies).unwrap_or_default();
    builder.set_location_rewriter(move |request: &LocationRequest<'_>, _: &SchemaResolver| {
        local.get(without_scheme(request.location)).cloned()
    });
    let path = path.canonicalize().unwrap();
    let compiled = builder.add("", path.to_str().unwrap()).and_then(SchemaSetBuilder::compile);
    let schemas = compiled.unwrap_or_else(|error| panic!("{error}")).into_schema_set();
    let failures = schemas.directive_failures();
    assert!(failures.is_empty(), "{failures:?}");
    schemas
}

fn local_copies(data: &Path) -> HashMap<String, String> {
    let text = std::fs::read_to_string(data.join("catalog.xml")).unwrap();
    let value = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let copy = |line: &str| {
        let to = data.join(value(line, "uri")?);
        Some((without_scheme(&value(line, "systemId")?).to_owned(), to.display().to_string()))
    };
    text.lines().filter_map(copy).collect()
}

fn without_scheme(location: &str) -> &str {
    location.trim_start_matches("https:").trim_start_matches("http:")
}
