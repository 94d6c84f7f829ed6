//! Answers on the command line: `status --as-answer` and `standard check --answer`.

use bytes::Bytes;
use messaging::{Authority, ProcedureName};
use prost_reflect::prost::Message as _;
use serde_json::json;
use standards::{
    Composition, Document, Media, Standards, Verdict,
    answer::{self, Parties, Party, Unanswered},
};
use wire::{
    canonical::Application,
    status::{RenderAnswerRequest, render_answer_request::By},
};

use crate::{
    cli::{AsAnswer, Form, Language, WithAnswer},
    client::{self, Client},
    codes,
    exit::{Exit, Stop},
    output::Output,
};

/// Asks the gateway for the answer about message `id`, and prints it.
pub(crate) async fn fetch(
    client: &Client,
    id: &str,
    args: &AsAnswer,
    language: Language,
    output: &Output,
) -> Result<(), Stop> {
    let standard = args.standard.as_deref().unwrap_or_default();
    let (standard, version) = standard.split_once('/').unwrap_or((standard, ""));
    let request = RenderAnswerRequest {
        by: Some(By::MessageId(id.to_owned())),
        reader: args.reader.clone().unwrap_or_default(),
        reader_name: args.reader_name.clone().unwrap_or_default(),
        standard: standard.to_owned(),
        version: version.to_owned(),
        media_type: media(args.form).as_str().to_owned(),
    };
    let answer = client.answers().render_answer(client.request(request)).await;
    let answer = answer.map_err(|status| client::stop(&status, language))?.into_inner();
    show(&answer.document, &answer.message_type, output);
    Ok(())
}

/// Prints the rejection of a refused document; whether there was one to print.
pub(crate) fn reject(
    standards: &Standards,
    verdict: &Verdict,
    document: &Document,
    args: &WithAnswer,
    output: &Output,
) -> Result<bool, Stop> {
    let header = &verdict.header;
    let parties = Parties {
        author: party(args.author.as_ref().or(header.authority.as_ref()), "--author")?,
        reader: party(args.reader.as_ref().or(header.author.as_ref()), "--reader")?,
    };
    let rejection = answer::rejection(verdict, document, &parties, args.with_original);
    let rejection = match rejection {
        Ok(rejection) => rejection,
        Err(Unanswered::NothingToReject) => return Ok(false),
        Err(Unanswered::AnswerToAnswer) => {
            let what = "a rejection is never answered with a rejection";
            return Err(Stop::new(Exit::Refused, gateway::codes::NOT_ANSWERED, what));
        }
    };
    let written = write(standards, &rejection, media(args.form), document)?;
    show(&written.bytes, &written.message_type, output);
    Ok(true)
}

fn write(
    standards: &Standards,
    message: &Application,
    media: Media,
    document: &Document,
) -> Result<standards::Composed, Stop> {
    let installed = standards.list().into_iter().filter(|info| info.id == answer::STANDARD);
    let procedure = ProcedureName {
        standard: answer::STANDARD.to_owned(),
        version: installed.last().map(|info| info.version).unwrap_or_default(),
        message_type: String::new(),
    };
    let canonical = Bytes::from(message.encode_to_vec());
    let order = Composition { procedure, canonical, media, now: document.now };
    standards.compose_blocking(order).map_err(|error| {
        let place = |p: &standards::Uncarried| format!("{} {}: {}", p.field, p.path, p.english);
        let details = error.problems.iter().map(place).collect();
        let what = "the rejection cannot be written";
        Stop::new(Exit::Refused, error.code, what).with_details(details)
    })
}

fn party(identifier: Option<&String>, option: &str) -> Result<Party, Stop> {
    let known = identifier.filter(|text| Authority::new(text).is_ok());
    let Some(identifier) = known else {
        let what = format!("say who it is by {option} PREFIX:KEY; the document does not");
        return Err(Stop::usage(codes::PARTY_UNKNOWN, what));
    };
    Ok(Party { identifier: identifier.clone(), name: String::new() })
}

fn media(form: Form) -> Media {
    match form {
        Form::Xml => Media::Xml,
        Form::Json => Media::Json,
    }
}

fn show(document: &[u8], message_type: &str, output: &Output) {
    let text = String::from_utf8_lossy(document);
    match output.is_json {
        true => output.json(&json!({ "message_type": message_type, "document": text })),
        false => output.line(text.trim_end()),
    }
}
