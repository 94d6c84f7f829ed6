//! `amtsbote standard list`: what is installed, a line each.

use serde_json::{Value, json};
use standards::{Options, StandardInfo};

use super::{folders, load};
use crate::{
    cli::{Language, StandardPaths},
    exit::{Exit, Stop},
    output::Output,
};

/// Runs the command.
pub(super) fn list(
    paths: &StandardPaths,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let options = Options { paths: folders(paths)?, workers: 1, ..Options::default() };
    for standard in load(options)?.list() {
        if output.is_json {
            output.json(&as_json(&standard));
            continue;
        }
        let StandardInfo { id, version, title, dialect, source, .. } = &standard;
        let count = standard.message_types.len();
        let messages = match count {
            1 => language.of("Nachrichtentyp", "message type"),
            _ => language.of("Nachrichtentypen", "message types"),
        };
        let valid = validity(&standard, language).map(|valid| format!(", {valid}"));
        output.line(format_args!(
            "{id} {version}: {title}, {count} {messages}, {dialect}{} ({source})",
            valid.unwrap_or_default()
        ));
    }
    Ok(Exit::Done)
}

/// From when until when it is taken; `None`: always.
pub(super) fn validity(standard: &StandardInfo, language: Language) -> Option<String> {
    let from = |day: &String| format!("{} {day}", language.of("gültig ab", "valid from"));
    let until = |day: &String| format!("{} {day}", language.of("gültig bis", "valid until"));
    let parts = [standard.valid_from.as_ref().map(from), standard.valid_until.as_ref().map(until)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// One standard, for programs.
pub(super) fn as_json(standard: &StandardInfo) -> Value {
    let types = standard.message_types.iter().map(|message_type| {
        json!({
            "name": message_type.name,
            "title": message_type.title,
            "domain": message_type.domain.as_str(),
            "service": message_type.service,
            "kind": message_type.kind.as_str(),
        })
    });
    json!({
        "id": standard.id,
        "version": standard.version,
        "title": standard.title,
        "dialect": standard.dialect,
        "namespace": standard.namespace,
        "accepts": standard.accepts,
        "valid_from": standard.valid_from,
        "valid_until": standard.valid_until,
        "source": standard.source,
        "message_types": types.collect::<Vec<_>>(),
    })
}
