//! What the demonstration's portal pushes: the examples of the built-in standards for applications,
//! each with an id of its own, and one that nobody here is responsible for.

use bytes::Bytes;
use futures_util::stream;
use messaging::{Clock, identity};
use standards::{Standards, Verdict};
use wire::intake::{AttachmentReference, upload_attachment_request::Part};

use crate::{
    cli::Language,
    client::Client,
    codes, embedded,
    exit::{Exit, Stop},
    push::{self, Body, Document},
};

/// How often each valid example is pushed, as a portal has more than one applicant.
const COPIES: usize = 3;

/// The standard whose messages go to portals: a portal pushes none of them.
const ANSWERS: &str = "amtsbote-antwort/";

/// The example that goes to an authority nobody here serves, and its authority.
const STRAY: (&str, &str, &str) = (
    "amtsbote-kfz/1.0/examples/valid/neuzulassung-nordsachsen.xml",
    "svb:14730000",
    "svb:14511000",
);

/// One document and what should become of it.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// The example's file, and why it is here again.
    pub(super) name: String,
    /// What is pushed.
    bytes: Bytes,
    /// Names of the files it refers to, with types and contents.
    attachments: Vec<(String, String, Bytes)>,
    /// Whether it should get a receipt.
    pub(super) is_welcome: bool,
    /// How many systems of this demonstration get it.
    pub(super) receivers: usize,
}

/// All of them, in the order of the portal's work.
pub(super) fn all(standards: &Standards, clock: &Clock) -> Result<Vec<Sample>, Stop> {
    let mut samples = Vec::new();
    for (file, bytes) in embedded::EXAMPLES {
        if file.starts_with(ANSWERS) {
            continue;
        }
        let bytes = Bytes::from_static(bytes);
        let document =
            standards::Document { bytes: bytes.clone(), media_type: None, now: clock.now() };
        let verdict = standards.check_blocking(document);
        let name = short(file);
        let is_welcome = verdict.is_acceptable() && !verdict.header.is_test;
        let copies = if is_welcome { COPIES } else { 1 };
        for _ in 0..copies {
            samples.push(fresh(name.clone(), &bytes, &verdict, is_welcome));
        }
        let (stray, authority, elsewhere) = STRAY;
        if *file == stray {
            let mut sample = fresh(format!("{name} an {elsewhere}"), &bytes, &verdict, false);
            sample.bytes = replaced(&sample.bytes, authority, elsewhere);
            samples.push(sample);
        }
    }
    match samples.iter().any(|sample| sample.is_welcome) {
        true => Ok(samples),
        false => {
            let what = "no example of the built-in standards is acceptable";
            Err(Stop::new(Exit::Defect, codes::DEMO_UNEXPECTED, what))
        }
    }
}

/// `kfz/neuzulassung.xml` of `amtsbote-kfz/1.0/examples/valid/neuzulassung.xml`.
fn short(file: &str) -> String {
    let standard = file.split('/').next().unwrap_or_default();
    let standard = standard.strip_prefix("amtsbote-").unwrap_or(standard);
    let name = file.rsplit('/').next().unwrap_or_default();
    format!("{standard}/{name}")
}

/// Stores the files first, as a portal must.
pub(super) async fn upload(
    client: &Client,
    samples: &[Sample],
    language: Language,
) -> Result<Vec<Document>, Stop> {
    let mut documents = Vec::new();
    for sample in samples {
        let mut attachments = Vec::new();
        for (name, media_type, bytes) in &sample.attachments {
            let chunks = stream::iter([Part::Chunk(bytes.clone())]);
            let stored = push::store(client, chunks, bytes.len() as u64, language).await?;
            attachments.push(AttachmentReference {
                ticket: stored.ticket,
                name: name.clone(),
                media_type: media_type.clone(),
                sha256: stored.sha256,
            });
        }
        documents.push(Document { body: Body::Bytes(sample.bytes.clone()), attachments });
    }
    Ok(documents)
}

/// The example with an id of its own, so that nothing is a repetition, on any data.
fn fresh(name: String, bytes: &Bytes, verdict: &Verdict, is_welcome: bool) -> Sample {
    let id = uuid::Uuid::new_v4().to_string();
    let mut bytes = match &verdict.header.own_id {
        Some(own_id) if uuid::Uuid::parse_str(own_id).is_ok() => replaced(bytes, own_id, &id),
        _ => bytes.clone(),
    };
    let mut attachments = Vec::new();
    for need in verdict.message.iter().flat_map(|message| &message.attachments) {
        let content = Bytes::from(format!("%PDF-1.7\n% {id} {}\n%%EOF\n", need.name));
        if let Some(sha256) = need.sha256 {
            let hash = identity::sha256(&content, &[]).to_string();
            bytes = replaced(&bytes, &sha256.to_string(), &hash);
        }
        attachments.push((need.name.clone(), need.media_type.clone(), content));
    }
    Sample { name, bytes, attachments, is_welcome, receivers: receivers(&verdict.header) }
}

/// Further readers of another kind than the reader share one system here; those of the same kind
/// are served by the reader's own.
fn receivers(header: &standards::Header) -> usize {
    let kind = |authority: &str| authority.split_once(':').map(|(kind, _)| kind.to_owned());
    let reader = header.authority.as_deref().and_then(kind);
    let mut further = header.further_authorities.iter();
    1 + usize::from(further.any(|authority| kind(authority) != reader))
}

/// Examples are UTF-8; one that is not is left as it is, and shows as refused.
fn replaced(bytes: &Bytes, from: &str, to: &str) -> Bytes {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace(from, to).into(),
        Err(_) => bytes.clone(),
    }
}
