//! `amtsbote standard show`: all there is to a standard.

use serde_json::json;
use standards::{CodeListInfo, Options, Proofs, Severity, StandardInfo};

use super::{
    folders,
    list::{as_json, validity},
    load,
};
use crate::{
    cli::{Language, StandardPaths},
    codes,
    exit::{Exit, Stop},
    output::Output,
};

/// Runs the command.
pub(super) fn show(
    name: &str,
    paths: &StandardPaths,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let (id, version) = match name.split_once('/') {
        Some((id, version)) => (id, Some(version)),
        None => (name, None),
    };
    let standards = load(Options { paths: folders(paths)?, workers: 1, ..Options::default() })?;
    let (installed, lists) = (standards.list(), standards.codelists());
    let are_meant =
        |of: &str, number: &str| of == id && version.is_none_or(|version| number == version);
    let proofs = standards.proofs(are_meant);
    let is_meant = |standard: &&StandardInfo| are_meant(&standard.id, &standard.version);
    let mut found = installed.iter().filter(is_meant).peekable();
    if found.peek().is_none() {
        let others: Vec<String> = installed
            .iter()
            .filter(|standard| standard.id == id || version.is_none())
            .map(|standard| format!("{}/{}", standard.id, standard.version))
            .collect();
        let what = format!("no standard `{name}`; there are: {}", others.join(", "));
        return Err(Stop::new(Exit::Refused, codes::NOT_INSTALLED, what));
    }
    for standard in found {
        // Those of a folder are its own; what several share lies beside all standards.
        let own: Vec<&CodeListInfo> =
            lists.iter().filter(|list| list.source.starts_with(&folder(standard))).collect();
        let is_own = |p: &&Proofs| p.standard == standard.id && p.version == standard.version;
        let proofs = proofs.iter().find(is_own);
        match output.is_json {
            true => json(standard, &own, proofs, output),
            false => tell(standard, &own, proofs, language, output),
        }
    }
    Ok(Exit::Done)
}

fn folder(standard: &StandardInfo) -> String {
    match standard.source.as_str() {
        "built-in" => format!("builtin:/{}/{}/", standard.id, standard.version),
        folder => format!("{folder}/"),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warn",
        Severity::Error => "error",
    }
}

fn json(
    standard: &StandardInfo,
    lists: &[&CodeListInfo],
    proofs: Option<&Proofs>,
    output: &Output,
) {
    let mut value = as_json(standard);
    let rules = standard.rules.iter();
    let rules = rules.map(|(rule, of)| (rule.clone(), severity(*of).into())).collect();
    let lists = lists.iter().map(|list| json!({ "uri": list.uri, "version": list.version }));
    if let Some(object) = value.as_object_mut() {
        object.insert("rules".to_owned(), serde_json::Value::Object(rules));
        object.insert("code_lists".to_owned(), lists.collect());
        if let Some(proofs) = proofs {
            let (bytes, never) = (proofs.tables_bytes, &proofs.not_compiled);
            object.insert("proof".to_owned(), json!({ "bytes": bytes, "never": never }));
        }
    }
    output.json(&value);
}

fn tell(
    standard: &StandardInfo,
    lists: &[&CodeListInfo],
    proofs: Option<&Proofs>,
    language: Language,
    output: &Output,
) {
    let of = |german, english| language.of(german, english);
    output.line(format_args!("{} {}: {}", standard.id, standard.version, standard.title));
    let line = |name: &str, value: &str| output.line(format_args!("  {name}: {value}"));
    line(of("Quelle", "source"), &standard.source);
    line(of("Namensraum", "namespace"), &standard.namespace);
    if !standard.accepts.is_empty() {
        line(of("Versionen", "versions"), &standard.accepts.join(", "));
    }
    line(of("Kopf", "header"), &standard.dialect);
    let always = of("unbegrenzt", "always").to_owned();
    line(of("Geltung", "validity"), &validity(standard, language).unwrap_or(always));
    for (rule, of_rule) in &standard.rules {
        let severity = match of_rule {
            Severity::Warning => of("Warnung", "warning"),
            Severity::Error => of("Fehler", "error"),
        };
        line(&format!("{} {rule}", of("Regel", "rule")), severity);
    }
    for message_type in &standard.message_types {
        let (name, domain) = (&message_type.name, &message_type.domain);
        let kind = message_type.kind.as_str();
        line(&format!("{name} [{domain}, {kind}]"), &message_type.title);
    }
    if let Some(proofs) = proofs {
        let size = format!("{} KiB", proofs.tables_bytes.div_ceil(1024));
        line(of("Schnellprüfung", "fast judgement"), &size);
        for never in &proofs.not_compiled {
            line(of("nie schnell geprüft", "never judged fast"), never);
        }
    }
    for list in lists {
        line(of("Codeliste", "code list"), &format!("{} {}", list.uri, list.version));
    }
}
