//! Takes one attachment, piece by piece, in constant memory.

use messaging::{ClaimWriter, Sha256, Ticket};
use sha2::{Digest as _, Sha256 as Hasher};
use telemetry::Span;
use tonic::{Code, Status, Streaming};
use tracing::{debug, warn};
use wire::intake::{
    AttachmentInfo, UploadAttachmentRequest, UploadAttachmentResponse,
    upload_attachment_request::Part,
};

use super::{Caller, Desk};
use crate::{
    codes, convert,
    limits::{CHUNK_BYTES_MAX, TICKET_TIME_MAX},
    refusal::{Refusal, Refused},
    ticket, traced,
};

/// What its first message said.
struct Announced {
    media_type: String,
    size: Option<u64>,
    sha256: Option<Sha256>,
}

impl Desk {
    /// Nothing is visible before its end; dropping it, or a refusal, leaves a hidden remainder that
    /// sweeping removes.
    pub(super) async fn upload(
        &self,
        caller: &Caller,
        mut inbound: Streaming<UploadAttachmentRequest>,
        span: &mut Span,
    ) -> Result<UploadAttachmentResponse, Status> {
        let outcome = self.store(caller, &mut inbound).await;
        let sender = &caller.sender;
        match &outcome {
            Ok(_) => traced::answered(span, Ok(())),
            Err(Ended::Refused(refusal)) => traced::answered(span, Err(refusal)),
            Err(Ended::Broken(status)) => traced::broken(span, status.code()),
        }
        match &outcome {
            Ok(stored) => self.metrics.gateway().uploaded("stored", stored.size),
            Err(Ended::Refused(refusal)) => {
                let code = refusal.code;
                self.metrics.gateway().uploaded(code, 0);
                if refusal.is_by_rule() {
                    debug!(code, %sender, "an upload is refused");
                } else {
                    warn!(code, %sender, "an upload cannot be taken");
                }
            }
            Err(Ended::Broken(_)) => self.metrics.gateway().uploaded("broken", 0),
        }
        outcome.map_err(|ended| match ended {
            Ended::Refused(refusal) => refusal.into(),
            Ended::Broken(status) => status,
        })
    }

    async fn store(
        &self,
        caller: &Caller,
        inbound: &mut Streaming<UploadAttachmentRequest>,
    ) -> Result<UploadAttachmentResponse, Ended> {
        let Ok(_place) = self.uploads.try_acquire() else {
            return Err(Refusal::overloaded(codes::OVERLOADED).into());
        };
        let first = inbound.message().await.map_err(Ended::Broken)?;
        drop(caller.admissions.take());
        let Some(Part::Info(info)) = first.and_then(|first| first.part) else {
            return Err(order().into());
        };
        let announced = self.announced(info)?;
        let now = self.clock.now();
        let mut writer = self.judge.claims.create(&caller.sender, now).await.map_err(failure)?;
        self.pieces(caller, inbound, &announced, writer.as_mut()).await?;
        let Ticket { claim, len, sha256 } = writer.finish().await.map_err(failure)?;
        Ok(UploadAttachmentResponse {
            ticket: ticket::issue(claim, &announced.media_type),
            sha256: sha256.to_string(),
            size: len,
            expires_at: Some(convert::timestamp(now.after(TICKET_TIME_MAX))),
        })
    }

    fn announced(&self, info: AttachmentInfo) -> Result<Announced, Refused> {
        if !ticket::is_media_type(&info.media_type) {
            return Err(malformed("info.media_type"));
        }
        if self.limits.attachment_bytes_max < info.size {
            return Err(self.upload_too_large());
        }
        let sha256 = match info.sha256.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| malformed("info.sha256"))?),
        };
        let size = (info.size != 0).then_some(info.size);
        Ok(Announced { media_type: info.media_type, size, sha256 })
    }

    async fn pieces(
        &self,
        caller: &Caller,
        inbound: &mut Streaming<UploadAttachmentRequest>,
        announced: &Announced,
        writer: &mut dyn ClaimWriter,
    ) -> Result<(), Ended> {
        let bytes_max = announced.size.unwrap_or(self.limits.attachment_bytes_max);
        let mut hasher = announced.sha256.map(|_| Hasher::new());
        let mut bytes = 0;
        while let Some(piece) = inbound.message().await.map_err(Ended::Broken)? {
            // Its room, until it is written.
            let _admitted = caller.admissions.take();
            let Some(Part::Chunk(chunk)) = piece.part else { return Err(order().into()) };
            if CHUNK_BYTES_MAX < chunk.len() {
                return Err(Refusal::too_large(CHUNK_BYTES_MAX).into());
            }
            bytes += chunk.len() as u64;
            if bytes_max < bytes {
                let is_announced = announced.size.is_some();
                return Err(if is_announced { mismatch() } else { self.upload_too_large() }.into());
            }
            if let Some(hasher) = &mut hasher {
                hasher.update(&chunk);
            }
            writer.write(chunk).await.map_err(failure)?;
        }
        let has_size = announced.size.is_none_or(|size| size == bytes);
        let has_hash = hasher.map(|hasher| Sha256(hasher.finalize().into())) == announced.sha256;
        if has_size && has_hash { Ok(()) } else { Err(mismatch().into()) }
    }

    fn upload_too_large(&self) -> Refused {
        let bytes_max = self.limits.attachment_bytes_max;
        Refusal::upload(
            Code::ResourceExhausted,
            codes::UPLOAD_TOO_LARGE,
            &format!("Die Anlage ist zu groß; erlaubt sind {bytes_max} Bytes."),
            &format!("The attachment is too large; at most {bytes_max} bytes are allowed."),
        )
    }
}

/// Why there is no ticket.
enum Ended {
    Refused(Refused),
    /// The client, the network, or the measuring of the body ended it.
    Broken(Status),
}

impl From<Refused> for Ended {
    fn from(refusal: Refused) -> Self {
        Self::Refused(refusal)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failure(failure: messaging::Failure) -> Ended {
    warn!(code = failure.code(), cause = failure.report(), "an attachment cannot be stored");
    Refusal::of_failure(&failure).into()
}

fn malformed(path: &str) -> Refused {
    Refusal::malformed(path, "The value cannot be read.", "Die Angabe ist nicht lesbar.")
}

fn order() -> Refused {
    Refusal::upload(
        Code::InvalidArgument,
        codes::UPLOAD_ORDER,
        "Eine Anlage beginnt mit genau einer Beschreibung, danach kommen ihre Bytes.",
        "An upload begins with exactly one info, then come its bytes.",
    )
}

fn mismatch() -> Refused {
    Refusal::upload(
        Code::InvalidArgument,
        codes::UPLOAD_MISMATCH,
        "Die Anlage hat eine andere Größe oder einen anderen Hashwert als angekündigt.",
        "The attachment has another size or hash than announced.",
    )
}
