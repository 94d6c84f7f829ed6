//! `amtsbote submit`: pushes documents like a portal and shows receipts, or every reason why not.

use std::{path::PathBuf, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::Instant;
use wire::intake::{Receipt, Refusal, SubmitResponse};

use crate::{
    cli::{Language, Submit},
    client::Client,
    codes,
    exit::{Exit, Stop},
    files,
    output::Output,
    push::{self, Answer, Body, Document},
    status, violations,
};

/// Between two questions about what is under way.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) async fn run(args: &Submit, language: Language, output: &Output) -> Result<Exit, Stop> {
    let paths = files::documents(&args.files)?;
    if !args.attachments.is_empty() && paths.len() != 1 {
        let what = format!("`--attach` needs a single document, not {}", paths.len());
        return Err(Stop::usage(codes::DOCUMENT_UNREADABLE, what));
    }
    let client = Client::connect(&args.server).await?;
    let attachments = push::upload(&client, &args.attachments, language).await?;
    let documents: Vec<_> = paths
        .iter()
        .map(|path| Document { body: Body::File(path.clone()), attachments: attachments.clone() })
        .collect();
    let mut report = Report {
        output,
        language,
        client: &client,
        bar: bar(output, documents.len()),
        paths: &paths,
        accepted: Vec::new(),
        refused: 0,
        worst: Exit::Done,
    };
    push::push(&client, &documents, language, |number, answer| {
        report.tell(number, answer);
    })
    .await;
    report.bar.finish_and_clear();
    report.sum_up(documents.len());
    let Report { accepted, worst, .. } = report;
    let settled = match args.wait {
        true => wait(&client, &accepted, args.wait_max, language, output).await?,
        false => Exit::Done,
    };
    Ok(worst.max(settled))
}

/// What is told while answers come, and what is counted for the end.
struct Report<'a> {
    output: &'a Output,
    language: Language,
    client: &'a Client,
    bar: ProgressBar,
    paths: &'a [PathBuf],
    accepted: Vec<Receipt>,
    refused: usize,
    worst: Exit,
}

impl Report<'_> {
    fn tell(&mut self, number: usize, answer: Answer) {
        self.bar.inc(1);
        let file = self.paths.get(number).map(|path| path.display().to_string());
        let file = file.unwrap_or_default();
        let (exit, text, value) = match &answer {
            Answer::Accepted(response) => {
                (Exit::Done, accepted_text(response, self.language), accepted_json(response))
            }
            Answer::Refused(refusal) => {
                let exit =
                    if refusal.retry_after_ms == 0 { Exit::Refused } else { Exit::Unavailable };
                (exit, refused_text(refusal, self.language), refused_json(refusal))
            }
            Answer::Failed(stop) => {
                let error = json!({ "code": stop.code, "what": stop.what });
                let text = format!("{} {}", stop.code, stop.what);
                (stop.exit, text, json!({ "outcome": "failed", "error": error }))
            }
        };
        self.worst = self.worst.max(exit);
        match answer {
            Answer::Accepted(response) => self.accepted.extend(response.receipt),
            Answer::Refused(_) | Answer::Failed(_) => self.refused += 1,
        }
        self.bar.suspend(|| match self.output.is_json {
            true => self.output.json(&with_file(value, &file)),
            false => self.output.line(format_args!("{file}: {text}")),
        });
    }

    fn sum_up(&self, total: usize) {
        if 1 < total {
            let (accepted, refused) = (self.accepted.len(), self.refused);
            self.output.note(match self.language {
                Language::De => format!("{accepted} angenommen, {refused} nicht angenommen"),
                Language::En => format!("{accepted} accepted, {refused} not accepted"),
            });
        }
        if let Some(receipt) = self.accepted.last()
            && !self.output.is_json
        {
            let how = self.language.of("weiter mit", "next");
            let (id, url) = (&receipt.message_id, self.client.url());
            self.output.note(format_args!("{how}: amtsbote status {id} --to {url}"));
        }
    }
}

/// Waits until nothing of `receipts` is under way any more; tells each state once.
async fn wait(
    client: &Client,
    receipts: &[Receipt],
    wait_max: Duration,
    language: Language,
    output: &Output,
) -> Result<Exit, Stop> {
    let until = Instant::now() + wait_max;
    let mut open: Vec<&Receipt> = receipts.iter().collect();
    let mut worst = Exit::Done;
    loop {
        let mut still = Vec::new();
        for receipt in open {
            match status::of_receipt(client, receipt, language).await? {
                Some(state) if status::is_settled(&state.state) => {
                    let exit = status::exit(&state.state);
                    worst = worst.max(exit);
                    match output.is_json {
                        true => output.json(&status::json(&state)),
                        false => output.line(status::summary(&state, language)),
                    }
                }
                _ => still.push(receipt),
            }
        }
        open = still;
        if open.is_empty() {
            return Ok(worst);
        }
        if until <= Instant::now() {
            let what = format!("{} of {} are still under way", open.len(), receipts.len());
            let ids = open.iter().map(|receipt| receipt.message_id.clone()).collect();
            return Err(Stop::unavailable(codes::WAIT_ENDED, what).with_details(ids));
        }
        tokio::time::sleep(POLL_WAIT).await;
    }
}

/// One line, then warnings.
pub(crate) fn accepted_text(response: &SubmitResponse, language: Language) -> String {
    let receipt = response.receipt.clone().unwrap_or_default();
    let accepted = language.of("angenommen", "accepted");
    let mut text = format!("{accepted} {} ({})", receipt.message_id, receipt.message_type);
    for warning in &response.warnings {
        text.push('\n');
        text.push_str(&violations::text(warning, language));
    }
    text
}

/// One line, then every violation.
pub(crate) fn refused_text(refusal: &Refusal, language: Language) -> String {
    let refused = language.of("abgelehnt", "refused");
    let why = language.of(&refusal.german, &refusal.english);
    let mut text = format!("{refused} {}: {why}", refusal.code);
    for violation in &refusal.violations {
        text.push('\n');
        text.push_str(&violations::text(violation, language));
    }
    let shown = u32::try_from(refusal.violations.len()).unwrap_or(u32::MAX);
    if shown < refusal.violations_total {
        let (hidden, more) = (refusal.violations_total - shown, language.of("weitere", "more"));
        text.push_str(&format!("\n  … {hidden} {more}"));
    }
    text
}

fn accepted_json(response: &SubmitResponse) -> Value {
    let receipt = response.receipt.clone().unwrap_or_default();
    let position = receipt.position.unwrap_or_default();
    json!({
        "outcome": "accepted",
        "receipt": {
            "message_id": receipt.message_id,
            "own_id": receipt.own_id,
            "case_id": receipt.case_id,
            "sha256": receipt.sha256,
            "received_at": status::time(receipt.received_at.as_ref()),
            "position": {
                "channel": position.channel,
                "partition": position.partition,
                "offset": position.offset,
            },
            "standard": receipt.standard,
            "version": receipt.version,
            "message_type": receipt.message_type,
            "authority": receipt.authority,
            "is_test": receipt.is_test,
        },
        "warnings": response.warnings.iter().map(violations::json).collect::<Vec<_>>(),
    })
}

fn refused_json(refusal: &Refusal) -> Value {
    json!({
        "outcome": "refused",
        "code": refusal.code,
        "german": refusal.german,
        "english": refusal.english,
        "violations": refusal.violations.iter().map(violations::json).collect::<Vec<_>>(),
        "violations_total": refusal.violations_total,
        "retry_after_ms": refusal.retry_after_ms,
    })
}

fn with_file(mut value: Value, file: &str) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("file".to_owned(), file.into());
    }
    value
}

/// Drawn only where people watch, and only if there is something to wait for.
fn bar(output: &Output, documents: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(documents as u64), ProgressDrawTarget::stderr());
    if !output.is_watched() || documents < 2 || output.is_json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
