//! What came back: status, headers and a body of bounded size.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use jiff::{Zoned, fmt::rfc2822};
use serde_json::Value;

/// Most bytes read of an answer's body.
pub(super) const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Longest wait a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// A complete answer, or the beginning of one that is too large.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the body was larger than [`ANSWER_BYTES_MAX`].
    pub(super) is_cut: bool,
}

/// Never the body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Reads the whole answer; an error means that its end did not come.
pub(super) async fn read(mut response: reqwest::Response) -> reqwest::Result<Answer> {
    let mut body = BytesMut::new();
    let mut is_cut = false;
    while let Some(piece) = response.chunk().await? {
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if piece.len() > room {
            is_cut = true;
            break;
        }
    }
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    Ok(Answer { status, headers, body: body.freeze(), is_cut })
}

impl Answer {
    /// The body as JSON, if it is one and complete. The body decides: half of all systems send
    /// JSON as `text/html`.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(|_| !self.is_cut)
    }

    /// Media type without parameters, in small letters.
    pub(super) fn media_type(&self) -> String {
        let text = self.header(&header::CONTENT_TYPE).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(super) fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the receiver wants to be left alone: seconds, or a date seen from the answer's own.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let text = self.header(&header::RETRY_AFTER)?.trim();
        let wait = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let (then, now) = (date(text)?, date(self.header(&header::DATE)?)?);
                Duration::try_from(now.duration_until(&then)).ok()?
            }
        };
        Some(wait.min(RETRY_AFTER_MAX))
    }
}

fn date(text: &str) -> Option<Zoned> {
    rfc2822::parse(text).ok()
}
