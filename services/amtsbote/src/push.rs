//! Pushes documents through one pipelined stream, and again where the outcome is unknown.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::{fs::File, io::AsyncReadExt as _, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use wire::intake::{
    AttachmentInfo, AttachmentReference, Refusal, SubmitRequest, SubmitResponse,
    SubmitStreamRequest, UploadAttachmentRequest, UploadAttachmentResponse,
    submit_stream_response::Answer as StreamAnswer, upload_attachment_request::Part,
};

use crate::{
    cli::{Attachment, Language},
    client::{self, Client},
    codes,
    exit::{Exit, Stop},
    files,
};

/// Documents read ahead of the stream.
const AHEAD_MAX: usize = 16;
/// How often what has no answer is sent in all.
const ROUNDS_MAX: u32 = 5;
/// The wait before the second round; each further one is as much longer.
const ROUND_WAIT: Duration = Duration::from_millis(500);
/// The longest wait the server may ask for.
const ROUND_WAIT_MAX: Duration = Duration::from_secs(30);
/// Bytes of one piece of an attachment.
const CHUNK_BYTES: usize = 256 << 10;

/// One document to push, with the files it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// What is pushed.
    pub(crate) body: Body,
    /// Uploaded before.
    pub(crate) attachments: Vec<AttachmentReference>,
}

/// Where a document is.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Read when its turn comes.
    File(PathBuf),
    /// Here.
    Bytes(Bytes),
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It has a receipt.
    Accepted(Box<SubmitResponse>),
    /// It has not, and why.
    Refused(Box<Refusal>),
    /// Nobody knows, or it could not be read.
    Failed(Stop),
}

/// Pushes `documents` in order. Tells each answer once, as it comes, with the document's number.
pub(crate) async fn push(
    client: &Client,
    documents: &[Document],
    language: Language,
    mut tell: impl FnMut(usize, Answer),
) {
    let mut open: BTreeSet<usize> = (0..documents.len()).collect();
    for round in 1..=ROUNDS_MAX {
        let is_last = round == ROUNDS_MAX;
        let mut wait = ROUND_WAIT * round;
        let numbers: Vec<_> = open.iter().copied().collect();
        let ended = {
            let mut take = |number: usize, answer: Answer| {
                if let Answer::Refused(refusal) = &answer
                    && refusal.retry_after_ms != 0
                    && !is_last
                {
                    wait = wait.max(Duration::from_millis(refusal.retry_after_ms));
                } else if open.remove(&number) {
                    tell(number, answer);
                }
            };
            pipeline(client, documents, &numbers, &mut take).await
        };
        if open.is_empty() {
            return;
        }
        if is_last || ended.as_ref().is_err_and(|status| !is_passing(status.code())) {
            let stop = || match &ended {
                Err(status) => client::stop(status, language),
                Ok(()) => no_answer(),
            };
            open.iter().for_each(|number| tell(*number, Answer::Failed(stop())));
            return;
        }
        tokio::time::sleep(wait.min(ROUND_WAIT_MAX)).await;
    }
}

/// Stores the files of `--attach`, piece by piece.
pub(crate) async fn upload(
    client: &Client,
    attachments: &[Attachment],
    language: Language,
) -> Result<Vec<AttachmentReference>, Stop> {
    let mut references = Vec::new();
    for attachment in attachments {
        let unreadable = |why: String| {
            let what = format!("`{}`: {why}", attachment.file.display());
            Stop::usage(codes::DOCUMENT_UNREADABLE, what)
        };
        let file = File::open(&attachment.file).await.map_err(|e| unreadable(e.to_string()))?;
        let size = file.metadata().await.map_err(|e| unreadable(e.to_string()))?.len();
        let stored = store(client, chunks(file), size, language).await?;
        // The stream has no way to say that reading failed; the number of bytes tells.
        if stored.size != size {
            return Err(unreadable(format!("{} of {size} bytes could be read", stored.size)));
        }
        references.push(AttachmentReference {
            ticket: stored.ticket,
            name: attachment.name.clone(),
            media_type: String::new(),
            sha256: stored.sha256,
        });
    }
    Ok(references)
}

/// Stores one file of `size` bytes.
pub(crate) async fn store(
    client: &Client,
    chunks: impl Stream<Item = Part> + Send + 'static,
    size: u64,
    language: Language,
) -> Result<UploadAttachmentResponse, Stop> {
    let info = Part::Info(AttachmentInfo { size, ..AttachmentInfo::default() });
    let parts = stream::once(std::future::ready(info)).chain(chunks);
    let parts = parts.map(|part| UploadAttachmentRequest { part: Some(part) });
    let stored = client.intake().upload_attachment(client.request(parts)).await;
    Ok(stored.map_err(|status| client::stop(&status, language))?.into_inner())
}

/// Ends at the end of the file or where it cannot be read.
fn chunks(file: File) -> impl Stream<Item = Part> + Send + 'static {
    stream::unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = file.read(&mut chunk).await.unwrap_or_default();
        chunk.truncate(read);
        (read != 0).then(|| (Part::Chunk(chunk.into()), file))
    })
}

/// One stream: feeds it and takes its answers at the same time, so that neither waits for room.
async fn pipeline(
    client: &Client,
    documents: &[Document],
    numbers: &[usize],
    take: &mut impl FnMut(usize, Answer),
) -> Result<(), tonic::Status> {
    let (feed, fed) = mpsc::channel(AHEAD_MAX);
    let (unread, mut unreadable) = mpsc::channel(numbers.len().max(1));
    let feeding = async move {
        for number in numbers {
            let Some(document) = documents.get(*number) else { continue };
            let request = match read(&document.body).await {
                Ok(bytes) => SubmitRequest {
                    document: bytes,
                    attachments: document.attachments.clone(),
                    ..SubmitRequest::default()
                },
                Err(stop) => {
                    // There is room for one of each document.
                    drop(unread.try_send((*number, stop)));
                    continue;
                }
            };
            let correlation = *number as u64;
            let request = SubmitStreamRequest { correlation, request: Some(request) };
            if feed.send(request).await.is_err() {
                // The server ended the stream; the answers say why.
                return;
            }
        }
    };
    let taking = async {
        let request = client.request(ReceiverStream::new(fed));
        let mut answers = client.intake().submit_stream(request).await?.into_inner();
        while let Some(response) = answers.message().await? {
            let Ok(number) = usize::try_from(response.correlation) else { continue };
            match response.answer {
                Some(StreamAnswer::Accepted(accepted)) => {
                    take(number, Answer::Accepted(Box::new(accepted)));
                }
                Some(StreamAnswer::Refused(refusal)) => {
                    take(number, Answer::Refused(Box::new(refusal)));
                }
                None => {}
            }
        }
        Ok(())
    };
    let ((), ended) = tokio::join!(feeding, taking);
    while let Ok((number, stop)) = unreadable.try_recv() {
        take(number, Answer::Failed(stop));
    }
    ended
}

async fn read(body: &Body) -> Result<Bytes, Stop> {
    match body {
        Body::Bytes(bytes) => Ok(bytes.clone()),
        Body::File(path) => {
            let path = path.clone();
            let read = tokio::task::spawn_blocking(move || files::read(&path)).await;
            let defect = |error: tokio::task::JoinError| {
                Stop::new(Exit::Defect, codes::DOCUMENT_UNREADABLE, error.to_string())
            };
            Ok(read.map_err(defect)??.into())
        }
    }
}

/// Whether the outcome is unknown and sending the same again finds out.
fn is_passing(code: tonic::Code) -> bool {
    use tonic::Code::{Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable, Unknown};
    matches!(code, Unavailable | DeadlineExceeded | Cancelled | ResourceExhausted | Unknown)
}

fn no_answer() -> Stop {
    let what = "the server ended the stream without an answer; the outcome is unknown";
    Stop::unavailable(codes::SERVER_UNREACHABLE, what)
}
