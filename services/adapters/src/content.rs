//! What of a message a departmental system gets: the document in one of its forms, its attachments.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use messaging::{ClaimId, ClaimReader, Claims, Envelope, Failure, FailureKind, Payload, Result};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde::Deserialize;

use crate::codes;

/// Largest canonical message that is rewritten as JSON, in bytes; others are streamed.
const CANONICAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Which form of the document is handed over.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// The bytes as they were received.
    #[default]
    Original,
    /// UTF-8 in NFC.
    Normalised,
    /// The canonical message as protobuf JSON.
    CanonicalJson,
}

/// A body or a part of one.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    /// Here.
    Bytes(Bytes),
    /// Read while it is needed.
    Claim(ClaimId, u64),
}

/// The document in the form that was asked for.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) segment: Segment,
    pub(crate) media_type: String,
}

impl Segment {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Claim(_, len) => *len,
        }
    }
}

impl Content {
    /// The document of `envelope` in this form. Small ones are in memory, others stay where they
    /// are until they are read.
    pub(crate) async fn document(
        self,
        envelope: &Envelope,
        claims: &Arc<dyn Claims>,
    ) -> Result<Document> {
        let (payload, media_type) = match self {
            Self::Original => (&envelope.original, envelope.media_type.clone()),
            Self::Normalised => match &envelope.normalised {
                Some(normalised) => (normalised, in_utf8(&envelope.media_type)),
                // The original is normal already.
                None => (&envelope.original, in_utf8(&envelope.media_type)),
            },
            Self::CanonicalJson => {
                let segment = Segment::Bytes(canonical_json(&envelope.canonical, claims).await?);
                return Ok(Document { segment, media_type: "application/json".to_owned() });
            }
        };
        Ok(Document { segment: segment(payload), media_type })
    }
}

/// Refuses before anything is sent what could not be sent whole: a claim that is gone, or that is
/// not as long as the record says.
pub(crate) async fn check_claims(
    segments: impl IntoIterator<Item = &Segment> + Send,
    claims: &Arc<dyn Claims>,
) -> Result<()> {
    let needed: Vec<(ClaimId, u64)> = segments
        .into_iter()
        .filter_map(|segment| match segment {
            Segment::Claim(claim, len) => Some((*claim, *len)),
            Segment::Bytes(_) => None,
        })
        .collect();
    for (claim, len) in needed {
        let kept = claims.look_up(claim).await?;
        if kept.is_none_or(|kept| kept.ticket.len != len) {
            let what = format!("claim {claim} of {len} bytes is gone or is not what it was");
            return Err(FailureKind::Defect.because(codes::CLAIM_GONE, what));
        }
    }
    Ok(())
}

/// The bytes of all segments, one after the other, in pieces of at most 1 MiB (inline bodies are
/// one piece).
pub(crate) fn pieces(
    segments: Vec<Segment>,
    claims: Arc<dyn Claims>,
) -> impl Stream<Item = Result<Bytes>> + Send {
    stream::iter(segments).then(move |segment| open(segment, Arc::clone(&claims))).try_flatten()
}

async fn open(segment: Segment, claims: Arc<dyn Claims>) -> Result<ClaimReader> {
    match segment {
        Segment::Bytes(bytes) => Ok(Box::pin(stream::iter([Ok(bytes)]))),
        Segment::Claim(claim, _) => claims.read(claim).await,
    }
}

fn segment(payload: &Payload) -> Segment {
    match payload {
        Payload::Inline(bytes) => Segment::Bytes(bytes.clone()),
        Payload::Claim { claim, len, .. } => Segment::Claim(*claim, *len),
    }
}

/// Normalised text is UTF-8, whatever the original was.
fn in_utf8(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or(media_type).trim();
    format!("{essence}; charset=utf-8")
}

/// The canonical message as protobuf JSON. It has no maps, so the same message gives the same
/// bytes: some receivers compare a repeated request with the first.
async fn canonical_json(payload: &Payload, claims: &Arc<dyn Claims>) -> Result<Bytes> {
    let encoded = match payload {
        Payload::Inline(bytes) => bytes.clone(),
        Payload::Claim { claim, len, .. } if *len <= CANONICAL_BYTES_MAX => {
            collect(claims.read(*claim).await?).await?
        }
        Payload::Claim { len, .. } => {
            return Err(unreadable(format!("{len} bytes are more than {CANONICAL_BYTES_MAX}")));
        }
    };
    // Neither error tells its text: it may quote a field.
    let message = DynamicMessage::decode(application()?, encoded)
        .map_err(|_| unreadable("it is no `amtsbote.canonical.v1.Application`"))?;
    let json = serde_json::to_vec(&message).map_err(|_| unreadable("it has no JSON form"))?;
    Ok(json.into())
}

async fn collect(mut reader: ClaimReader) -> Result<Bytes> {
    let mut all = Vec::new();
    while let Some(piece) = reader.try_next().await? {
        all.extend_from_slice(&piece);
        if all.len() as u64 > CANONICAL_BYTES_MAX {
            return Err(unreadable("its claim is longer than its record says"));
        }
    }
    Ok(all.into())
}

fn application() -> Result<MessageDescriptor> {
    static APPLICATION: LazyLock<Option<MessageDescriptor>> = LazyLock::new(|| {
        let pool = DescriptorPool::decode(wire::DESCRIPTORS).ok()?;
        pool.get_message_by_name("amtsbote.canonical.v1.Application")
    });
    APPLICATION.clone().ok_or_else(|| unreadable("its descriptor is missing"))
}

fn unreadable(why: impl Into<String>) -> Failure {
    FailureKind::Defect.because(codes::CANONICAL_UNREADABLE, why.into())
}
