//! `amtsbote standard check`: what a portal would be told about one document.

use bytes::Bytes;
use messaging::Clock;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use standards::{Document, Options, Verdict};

use super::load;
use crate::{
    answer,
    cli::{Language, StandardCheck},
    codes,
    exit::{Exit, Stop},
    files,
    output::Output,
    violations,
};

/// Runs the command.
pub(super) fn check(
    args: &StandardCheck,
    clock: &Clock,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let bytes = files::read(&args.file)?;
    let paths = super::folders(&args.standards)?;
    let standards = load(Options { paths, workers: 1, ..Options::default() })?;
    let document = Document { bytes: bytes.into(), media_type: None, now: clock.now() };
    let verdict = standards.check_blocking(document.clone());
    if args.answer.answer && answer::reject(&standards, &verdict, &document, &args.answer, output)?
    {
        return Ok(Exit::Refused);
    }
    let canonical = match &verdict.message {
        Some(message) if args.canonical => Some(canonical_json(&message.canonical)?),
        _ => None,
    };
    match output.is_json {
        true => output.json(&verdict_json(&verdict, canonical)),
        false => print(&verdict, canonical, language, output),
    }
    Ok(if verdict.is_acceptable() { Exit::Done } else { Exit::Refused })
}

fn print(verdict: &Verdict, canonical: Option<Value>, language: Language, output: &Output) {
    match &verdict.recognised {
        Some(recognised) => {
            let procedure = &recognised.procedure;
            output.line(format_args!(
                "{}: {} {}, {}",
                recognised.title, procedure.standard, procedure.version, procedure.message_type
            ));
        }
        None => output.line(language.of("kein bekannter Standard", "no standard known here")),
    }
    let header = &verdict.header;
    let rows = [
        (language.of("Nachricht", "message"), &header.own_id),
        (language.of("Vorgang", "case"), &header.case_reference),
        (language.of("bezieht sich auf", "refers to"), &header.refers_to),
        (language.of("Behörde", "authority"), &header.authority),
        (language.of("Absender", "author"), &header.author),
        (language.of("Leistung", "service"), &header.service),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            output.line(format_args!("  {name}: {value}"));
        }
    }
    if header.is_test {
        output.line(format_args!("  {}", language.of("Testnachricht", "test message")));
    }
    for attachment in verdict.message.iter().flat_map(|message| &message.attachments) {
        let name = language.of("Anlage", "attachment");
        output.line(format_args!("  {name}: {} ({})", attachment.name, attachment.media_type));
    }
    for violation in &verdict.violations {
        output.line(violations::text(&violations::of(violation), language));
    }
    let hidden = verdict.violations_total.saturating_sub(verdict.violations.len());
    if hidden != 0 {
        output.line(format_args!("… {hidden} {}", language.of("weitere", "more")));
    }
    output.line(match verdict.is_acceptable() {
        true => language.of("annehmbar", "acceptable"),
        false => language.of("abgelehnt", "refused"),
    });
    if let Some(canonical) = canonical {
        output.line(format_args!("{canonical:#}"));
    }
}

fn verdict_json(verdict: &Verdict, canonical: Option<Value>) -> Value {
    let recognised = verdict.recognised.as_ref().map(|recognised| {
        let procedure = &recognised.procedure;
        json!({
            "standard": procedure.standard,
            "version": procedure.version,
            "message_type": procedure.message_type,
            "domain": recognised.domain.as_str(),
            "title": recognised.title,
        })
    });
    let header = &verdict.header;
    let attachments = verdict.message.iter().flat_map(|message| &message.attachments);
    let attachments: Vec<_> = attachments
        .map(|a| {
            json!({
                "name": a.name,
                "media_type": a.media_type,
                "sha256": a.sha256.map(|sha256| sha256.to_string()),
            })
        })
        .collect();
    let violations: Vec<_> = verdict.violations.iter().map(violations::of).collect();
    json!({
        "is_acceptable": verdict.is_acceptable(),
        "recognised": recognised,
        "header": {
            "own_id": header.own_id,
            "case_reference": header.case_reference,
            "refers_to": header.refers_to,
            "authority": header.authority,
            "author": header.author,
            "service": header.service,
            "is_test": header.is_test,
        },
        "attachments": attachments,
        "violations": violations.iter().map(violations::json).collect::<Vec<_>>(),
        "violations_total": verdict.violations_total,
        "canonical": canonical,
    })
}

/// By reflection, so that every field of every standard shows.
fn canonical_json(canonical: &Bytes) -> Result<Value, Stop> {
    let defect = |error: String| Stop::new(Exit::Defect, codes::ANSWER_BROKEN, error);
    let pool = DescriptorPool::decode(wire::DESCRIPTORS).map_err(|e| defect(e.to_string()))?;
    let descriptor = pool
        .get_message_by_name("amtsbote.canonical.v1.Application")
        .ok_or_else(|| defect("the canonical message has no descriptor".to_owned()))?;
    let message = DynamicMessage::decode(descriptor, canonical.clone())
        .map_err(|error| defect(error.to_string()))?;
    serde_json::to_value(&message).map_err(|error| defect(error.to_string()))
}
