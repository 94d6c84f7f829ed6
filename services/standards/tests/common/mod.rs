//! What the tests of this crate share.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod known;
pub(crate) mod mutation;
pub(crate) mod publications;
pub(crate) mod second_opinion;
pub(crate) mod standard;

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use messaging::Timestamp;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use standards::{Document, Options, Standards, Verdict};

pub(crate) use self::known::{described, xdomea, xwasser};

/// The repository's `schemas/`.
pub(crate) fn schemas() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// The built-in standards, on one worker.
pub(crate) fn built_in() -> Standards {
    Standards::load(Options { workers: 1, ..Options::default() }).unwrap()
}

/// The verdict on `bytes`.
pub(crate) fn check(standards: &Standards, bytes: &[u8]) -> Verdict {
    let bytes = Bytes::copy_from_slice(bytes);
    standards.check_blocking(Document { bytes, media_type: None, now: Timestamp(0) })
}

/// The codes of a verdict's violations.
pub(crate) fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict.violations.iter().map(|violation| violation.code).collect()
}

/// A valid example of the built-in standard.
pub(crate) fn example(name: &str) -> String {
    let path = schemas().join("amtsbote-kfz/1.0/examples/valid").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// One line and two sentences per violation.
pub(crate) fn violations_text(verdict: &Verdict) -> String {
    let mut text = String::new();
    for v in &verdict.violations {
        let (line, column, severity) = (v.line, v.column, v.severity);
        let (xoev, rule) = (v.xoev_code.unwrap_or("-"), v.rule.as_deref().unwrap_or("-"));
        writeln!(text, "{line}:{column} {severity:?} {} {xoev} {rule} {}", v.code, v.path).unwrap();
        writeln!(text, "    {}\n    {}", v.german, v.english).unwrap();
    }
    writeln!(text, "total {}", verdict.violations_total).unwrap();
    text
}

/// The canonical message as JSON.
pub(crate) fn canonical_json(canonical: &[u8]) -> String {
    let pool = DescriptorPool::decode(wire::DESCRIPTORS).unwrap();
    let descriptor = pool.get_message_by_name("amtsbote.canonical.v1.Application").unwrap();
    let message = DynamicMessage::decode(descriptor, canonical).unwrap();
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut json);
    let options = SerializeOptions::new().use_proto_field_name(true);
    message.serialize_with_options(&mut serializer, &options).unwrap();
    json.push(b'\n');
    String::from_utf8(json).unwrap()
}

/// Compares with the file beside `path`, or writes it.
pub(crate) fn compare(path: &Path, ending: &str, now: &str) {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    let beside = PathBuf::from(beside);
    if std::env::var_os("AMTSBOTE_BLESS").is_some() {
        std::fs::write(&beside, now).unwrap();
    }
    let expected = std::fs::read_to_string(&beside).unwrap_or_default();
    assert_eq!(now, expected, "{}", beside.display());
}

/// Published schemas and samples beside the repository; `None`, loudly, where they are missing.
pub(crate) fn published() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("AMTSBOTE_TEST_DATA").map_or_else(beside, PathBuf::from);
    if data.join("SOURCES.md").is_file() {
        return Some(data.canonicalize().unwrap());
    }
    not_run("tests that read published XÖV samples", &format!("no data at {}", data.display()));
    None
}

/// Says that something does not run here, where people and `tests/run` look. In a strict run nothing
/// may be missing.
pub(crate) fn not_run(what: &str, why: &str) {
    eprintln!("!!! NOT RUN: {what}: {why}");
    if let Some(list) = std::env::var_os("AMTSBOTE_TEST_NOT_RUN") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(list);
        writeln!(file.unwrap(), "{what}\t{why}").unwrap();
        return;
    }
    let is_set = |name| std::env::var(name).is_ok_and(|value| value == "true");
    assert!(!is_set("CI") && !is_set("AMTSBOTE_TEST_STRICT"), "{what} must run: {why}");
}

/// A folder for `standards.paths` with one standard: its files, and `data` as a link to the
/// published schemas.
pub(crate) fn installed(
    data: &std::path::Path,
    id: &str,
    version: &str,
    files: &[(&str, &str)],
) -> Folder {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let root = std::env::temp_dir().join(format!("standards-{}-{number}", std::process::id()));
    let folder = root.join(id).join(version);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, content) in files {
        std::fs::write(folder.join(name), content).unwrap();
    }
    std::os::unix::fs::symlink(data, folder.join("data")).unwrap();
    Folder(root)
}

/// A `standard.toml` and a `mapping.toml` for a schema below `data`: its messages are `names`, all of
/// it is carried as generic fields, and text is judged as it was sent.
pub(crate) fn made_up(
    (id, version): (&str, &str),
    namespace: &str,
    (entry, catalog): (&str, Option<&str>),
    names: &[&str],
) -> [(&'static str, String); 2] {
    let messages: String = names
        .iter()
        .map(|name| {
            format!("[[message]]\nname = \"{name}\"\ntitle = \"Fall\"\ndomain = \"fall\"\n")
        })
        .collect();
    let catalog = catalog.map(|path| format!("catalog = \"{path}\"\n")).unwrap_or_default();
    let standard = format!(
        "id = \"{id}\"\nversion = \"{version}\"\ntitle = \"Fälle\"\ndialect = \"g2g-1.1\"\n\
         [recognise]\nnamespace = \"{namespace}\"\n[xml]\nentry = \"{entry}\"\n{catalog}\
         [rules]\n\"AB-4120\" = \"error\"\n\"AB-4134\" = \"warn\"\n{messages}"
    );
    [("standard.toml", standard), ("mapping.toml", "generic = \".\"\n".to_owned())]
}

/// A temporary folder, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
