//! What the demonstration's portal does in the end: it asks the status service what came back, and
//! fetches it, as a portal does for its applicants.

use std::{fs, path::Path, time::Duration};

use tokio::time::Instant;
use wire::status::{
    ApplicationStatus, FetchReplyRequest, ListRepliesRequest, ReplyInfo, list_replies_request::By,
};

use crate::{
    cli::Language,
    client::{self, Client},
    codes,
    exit::Stop,
};

/// Message types whose applicants get a document.
const ANSWERED: &str = "meldebescheinigung.";
/// Where the portal keeps what it fetched, below the demonstration's folder.
const FOLDER: &str = "portal";
/// How long a reply may take after its application was delivered.
const REPLIED_WITHIN: Duration = Duration::from_secs(30);
/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A document that the portal has fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    /// Of the application.
    pub(super) message_id: String,
    /// The departmental system that sent it.
    pub(super) endpoint: String,
    /// As the system named it.
    pub(super) media_type: String,
    /// How long it is.
    pub(super) bytes: usize,
    /// Whether it begins as PDF does.
    pub(super) is_pdf: bool,
    /// Below the demonstration's folder.
    pub(super) file: String,
}

/// Whether a document is awaited.
pub(super) fn is_answered(status: &ApplicationStatus) -> bool {
    status.state == "delivered" && status.message_type.starts_with(ANSWERED)
}

/// Fetches the documents of all that await one, and keeps them in `folder`. What does not come in
/// time is missing in the result.
pub(super) async fn fetch_all(
    client: &Client,
    statuses: &[ApplicationStatus],
    folder: &Path,
    language: Language,
) -> Result<Vec<Fetched>, Stop> {
    let until = Instant::now() + REPLIED_WITHIN;
    let mut fetched = Vec::new();
    for status in statuses.iter().filter(|status| is_answered(status)) {
        for reply in replies(client, &status.message_id, until, language).await? {
            let body = fetch(client, &reply.reply_id, language).await?;
            let file = keep(folder, &reply, &body)?;
            fetched.push(Fetched {
                message_id: reply.message_id,
                endpoint: reply.endpoint,
                media_type: reply.media_type,
                bytes: body.len(),
                is_pdf: body.starts_with(b"%PDF-"),
                file,
            });
        }
    }
    Ok(fetched)
}

/// A reply travels on a channel of its own and may come after its delivery is known.
async fn replies(
    client: &Client,
    message_id: &str,
    until: Instant,
    language: Language,
) -> Result<Vec<ReplyInfo>, Stop> {
    loop {
        let by = Some(By::MessageId(message_id.to_owned()));
        let request = ListRepliesRequest { by, ..ListRepliesRequest::default() };
        let listed = client.status().list_replies(client.request(request)).await;
        let replies =
            listed.map_err(|status| client::stop(&status, language))?.into_inner().replies;
        if !replies.is_empty() || until <= Instant::now() {
            return Ok(replies);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn fetch(client: &Client, reply_id: &str, language: Language) -> Result<Vec<u8>, Stop> {
    let failed = |status: tonic::Status| client::stop(&status, language);
    let request = FetchReplyRequest { reply_id: reply_id.to_owned(), canonical: false };
    let answer = client.status().fetch_reply(client.request(request)).await.map_err(failed)?;
    let (mut parts, mut body) = (answer.into_inner(), Vec::new());
    while let Some(part) = parts.message().await.map_err(failed)? {
        body.extend_from_slice(&part.chunk);
    }
    Ok(body)
}

fn keep(folder: &Path, reply: &ReplyInfo, body: &[u8]) -> Result<String, Stop> {
    let ending = if reply.media_type == "application/pdf" { "pdf" } else { "bin" };
    let file = format!("{FOLDER}/{}.{ending}", reply.message_id);
    let unwritable = |error: std::io::Error| {
        let what = format!("cannot write in `{}`: {error}", folder.display());
        Stop::usage(codes::DATA_UNWRITABLE, what)
    };
    fs::create_dir_all(folder.join(FOLDER)).map_err(unwritable)?;
    fs::write(folder.join(&file), body).map_err(unwritable)?;
    Ok(file)
}
