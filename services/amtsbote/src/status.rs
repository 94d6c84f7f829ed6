//! `amtsbote status`: what became of an application, as its sender may see it.

use jiff::Timestamp;
use prost_types::Timestamp as WireTimestamp;
use serde_json::{Value, json};
use tonic::Code;
use uuid::Uuid;
use wire::{
    intake::Receipt,
    status::{
        ApplicationStatus, CitizenStatus, DeliveryStatus, GetStatusRequest, TimelineEntry,
        get_status_request::By,
    },
};

use crate::{
    answer,
    cli::{Language, Status},
    client::{self, Client},
    codes,
    exit::{Exit, Stop},
    output::Output,
};

/// Runs the command: exit code 0 if everything asked for is delivered or on its way.
pub(crate) async fn run(args: &Status, language: Language, output: &Output) -> Result<Exit, Stop> {
    let client = Client::connect(&args.server).await?;
    let applications = find(&client, &args.id, language).await?;
    let mut worst = Exit::Done;
    for application in &applications {
        worst = worst.max(exit(&application.state));
        if args.answer.as_answer {
            answer::fetch(&client, &application.message_id, &args.answer, language, output).await?;
            continue;
        }
        match output.is_json {
            true => output.json(&json(application)),
            false => print(application, language, output),
        }
    }
    Ok(worst)
}

/// What is known of a message that has a receipt.
pub(crate) async fn of_receipt(
    client: &Client,
    receipt: &Receipt,
    language: Language,
) -> Result<Option<ApplicationStatus>, Stop> {
    let request = GetStatusRequest {
        position: receipt.position.clone(),
        by: Some(By::MessageId(receipt.message_id.clone())),
    };
    Ok(ask(client, request, language).await?.into_iter().next())
}

/// Whether nothing follows by itself. What is uncertain may be cleared up by asking or repeating.
pub(crate) fn is_settled(state: &str) -> bool {
    !matches!(state, "" | "accepted" | "pending" | "leased" | "waiting" | "uncertain")
}

/// What a state means for a script: on its way is as good as delivered.
pub(crate) fn exit(state: &str) -> Exit {
    match state {
        "uncertain" => Exit::Unavailable,
        "delivered" => Exit::Done,
        state if is_settled(state) => Exit::Refused,
        _ => Exit::Done,
    }
}

/// One line.
pub(crate) fn summary(application: &ApplicationStatus, language: Language) -> String {
    let mut text = format!("{}: {}", application.message_id, state(&application.state, language));
    for delivery in &application.deliveries {
        let name = state(&delivery.state, language);
        text.push_str(&format!("; {} {name}", delivery.endpoint));
        if !delivery.receipt.is_empty() {
            text.push_str(&format!(" ({})", delivery.receipt));
        }
        if !delivery.code.is_empty() && delivery.state != "delivered" {
            text.push_str(&format!(" ({})", delivery.code));
        }
    }
    text
}

/// For programs.
pub(crate) fn json(application: &ApplicationStatus) -> Value {
    let deliveries = application.deliveries.iter().map(|delivery| {
        let reason =
            |reason: &wire::status::Reason| json!({ "code": reason.code, "text": reason.text });
        json!({
            "endpoint": delivery.endpoint,
            "state": delivery.state,
            "attempts": delivery.attempts,
            "next_at": time(delivery.next_at.as_ref()),
            "receipt": delivery.receipt,
            "code": delivery.code,
            "waits_for": delivery.waits_for,
            "ahead": delivery.ahead,
            "behind": delivery.behind,
            "reasons": delivery.reasons.iter().map(reason).collect::<Vec<_>>(),
        })
    });
    let timeline = application.timeline.iter().map(|entry| {
        json!({
            "at": time(entry.at.as_ref()),
            "kind": entry.kind,
            "endpoint": entry.endpoint,
            "code": entry.code,
            "cause": entry.cause,
            "german": entry.german,
            "english": entry.english,
        })
    });
    let replies = application.replies.iter().map(|reply| {
        json!({
            "reply_id": reply.reply_id,
            "endpoint": reply.endpoint,
            "kind": reply.kind,
            "media_type": reply.media_type,
            "size": reply.size,
            "received_at": time(reply.received_at.as_ref()),
        })
    });
    json!({
        "message_id": application.message_id,
        "own_id": application.own_id,
        "case_id": application.case_id,
        "sha256": application.sha256,
        "received_at": time(application.received_at.as_ref()),
        "standard": application.standard,
        "version": application.version,
        "message_type": application.message_type,
        "authority": application.authority,
        "is_test": application.is_test,
        "is_projected": application.is_projected,
        "state": application.state,
        "citizen_status": citizen_status(application.citizen_status()),
        "deliveries": deliveries.collect::<Vec<_>>(),
        "timeline": timeline.collect::<Vec<_>>(),
        "replies": replies.collect::<Vec<_>>(),
    })
}

/// As RFC 3339, in UTC.
pub(crate) fn time(time: Option<&WireTimestamp>) -> Option<String> {
    let time = time?;
    Some(Timestamp::new(time.seconds, time.nanos).ok()?.to_string())
}

/// An id can be three things; the message's is the most likely.
async fn find(
    client: &Client,
    id: &str,
    language: Language,
) -> Result<Vec<ApplicationStatus>, Stop> {
    let by_uuid = Uuid::parse_str(id).ok().map(|uuid| uuid.to_string());
    let ways = [
        by_uuid.clone().map(By::MessageId),
        Some(By::OwnId(id.to_owned())),
        by_uuid.map(By::CaseId),
    ];
    for by in ways.into_iter().flatten() {
        let request = GetStatusRequest { position: None, by: Some(by) };
        let found = ask(client, request, language).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let what = format!("nothing is known of `{id}` at {} for this sender", client.url());
    Err(Stop::new(Exit::Refused, codes::ID_UNKNOWN, what))
}

async fn ask(
    client: &Client,
    request: GetStatusRequest,
    language: Language,
) -> Result<Vec<ApplicationStatus>, Stop> {
    match client.status().get_status(client.request(request)).await {
        Ok(response) => Ok(response.into_inner().applications),
        Err(status) if status.code() == Code::NotFound => Ok(Vec::new()),
        Err(status) => Err(client::stop(&status, language)),
    }
}

pub(crate) fn print(application: &ApplicationStatus, language: Language, output: &Output) {
    output.line(summary(application, language));
    let rows = [
        (language.of("Kennung des Absenders", "sender's id"), &application.own_id),
        (language.of("Vorgang", "case"), &application.case_id),
        (language.of("Nachrichtentyp", "message type"), &application.message_type),
        (language.of("Behörde", "authority"), &application.authority),
        ("SHA-256", &application.sha256),
    ];
    for (name, value) in rows {
        if !value.is_empty() {
            output.line(format_args!("  {name}: {value}"));
        }
    }
    for delivery in &application.deliveries {
        for text in chain(delivery, language) {
            output.line(format_args!("  {}: {text}", delivery.endpoint));
        }
    }
    for entry in &application.timeline {
        output.line(line(entry, language));
    }
    for reply in &application.replies {
        let name = language.of("Antwort", "reply");
        let (id, kind, size) = (&reply.reply_id, &reply.kind, reply.size);
        output.line(format_args!("  {name} {id}: {kind}, {} ({size} B)", reply.media_type));
    }
}

/// Who waits for whom within the case.
fn chain(of: &DeliveryStatus, language: Language) -> Vec<String> {
    let mut lines = Vec::new();
    if !of.waits_for.is_empty() {
        let (word, before) =
            (language.of("wartet auf", "waits for"), language.of("davor", "before it"));
        lines.push(format!("{word} {} ({before} {})", of.waits_for, of.ahead));
    }
    if of.behind != 0 {
        let word = language.of("dahinter warten", "waiting behind it");
        lines.push(format!("{word} {}", of.behind));
    }
    lines
}

fn line(entry: &TimelineEntry, language: Language) -> String {
    let sentence = language.of(&entry.german, &entry.english);
    let sentence = if sentence.is_empty() { &entry.kind } else { sentence };
    let mut text = format!("  {}", time(entry.at.as_ref()).unwrap_or_default());
    if !entry.endpoint.is_empty() {
        text.push_str(&format!("  {}", entry.endpoint));
    }
    text.push_str(&format!("  {sentence}"));
    if !entry.code.is_empty() {
        text.push_str(&format!("  [{}]", entry.code));
    }
    text
}

/// What people read instead of a state's word.
pub(crate) fn state(state: &str, language: Language) -> &str {
    match (state, language) {
        ("accepted", Language::De) => "angenommen",
        ("pending", Language::De) => "steht an",
        ("leased", Language::De) => "wird übergeben",
        ("waiting", Language::De) => "wird wiederholt",
        ("uncertain", Language::De) => "Ausgang unbekannt",
        ("delivered", Language::De) => "zugestellt",
        ("rejected", Language::De) => "vom Fachverfahren abgelehnt",
        ("dead", Language::De) => "nicht zustellbar",
        ("discarded", Language::De) => "aufgegeben",
        ("unrouted", Language::De) => "kein Empfänger eingerichtet",
        ("refused", Language::De) => "abgelehnt",
        ("conflict", Language::De) => "Kennung doppelt vergeben",
        (state, _) => state,
    }
}

fn citizen_status(status: CitizenStatus) -> &'static str {
    match status {
        CitizenStatus::Unspecified => "unspecified",
        CitizenStatus::Initiated => "initiated",
        CitizenStatus::Submitted => "submitted",
        CitizenStatus::Received => "received",
        CitizenStatus::Processing => "processing",
        CitizenStatus::ActionRequired => "action_required",
        CitizenStatus::Completed => "completed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_learns_from_a_state_whether_to_go_on() {
        for (state, settled, expected) in [
            ("accepted", false, Exit::Done),
            ("pending", false, Exit::Done),
            ("leased", false, Exit::Done),
            ("waiting", false, Exit::Done),
            ("delivered", true, Exit::Done),
            ("uncertain", false, Exit::Unavailable),
            ("rejected", true, Exit::Refused),
            ("dead", true, Exit::Refused),
            ("discarded", true, Exit::Refused),
            ("unrouted", true, Exit::Refused),
            ("conflict", true, Exit::Refused),
        ] {
            assert_eq!((is_settled(state), exit(state)), (settled, expected), "{state}");
        }
    }
}
