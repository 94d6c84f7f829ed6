//! Puts a request together: address, headers, and a body that is streamed and watched.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use messaging::{Attachment, Attempt, Claims, Envelope, Failure, FailureKind, Result};
use reqwest::{Body, Request, Url};

use super::{
    client::Client,
    settings::{Attachments, Checked},
};
use crate::{
    codes,
    content::{self, Document, Segment},
};

/// Who asks.
const USER_AGENT: &str = concat!("amtsbote/", env!("CARGO_PKG_VERSION"));

/// A URL with places for ids.
#[derive(Debug)]
pub(super) struct Template {
    text: String,
    sample: Url,
}

impl Template {
    /// Checks everything a message could run into later: ids are all alike.
    pub(super) fn new(text: &str) -> anyhow::Result<Self> {
        let fill = |id: &str| {
            let filled = filled(text, id, id, id);
            ensure!(
                !filled.contains(['{', '}']),
                "`{text}`: only {{key}}, {{message_id}} and {{case_id}} are known"
            );
            Url::parse(&filled).with_context(|| format!("`{text}` is no URL"))
        };
        let sample = fill("00000000-0000-0000-0000-000000000000")?;
        ensure!(matches!(sample.scheme(), "http" | "https"), "`{text}`: only http and https");
        ensure!(sample.host_str().is_some_and(|host| !host.is_empty()), "`{text}` has no host");
        ensure!(
            sample.username().is_empty() && sample.password().is_none(),
            "a URL with a user or password in it: use `basic`"
        );
        ensure!(
            sample.origin() == fill("11111111-1111-1111-1111-111111111111")?.origin(),
            "`{text}`: ids belong into path or query"
        );
        Ok(Self { text: text.to_owned(), sample })
    }

    /// With the ids of a message.
    pub(super) fn expand(&self, envelope: &Envelope, attempt: &Attempt) -> Url {
        let head = &envelope.head;
        let filled = filled(
            &self.text,
            &attempt.key.to_string(),
            &head.message_id.to_string(),
            &head.case_id.to_string(),
        );
        Url::parse(&filled).expect("a URL that holds with one id holds with every id")
    }

    /// With ids of nobody.
    pub(super) fn sample(&self) -> &Url {
        &self.sample
    }

    pub(super) fn is_constant(&self) -> bool {
        !self.text.contains('{')
    }

    pub(super) fn names_the_message(&self) -> bool {
        self.text.contains("{key}") || self.text.contains("{message_id}")
    }

    pub(super) fn is_loopback(&self) -> bool {
        let host = self.sample.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

fn filled(text: &str, key: &str, message_id: &str, case_id: &str) -> String {
    text.replace("{key}", key).replace("{message_id}", message_id).replace("{case_id}", case_id)
}

/// How far a request came.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether a connection asked for the body. It does so before it writes the first byte of the
    /// head, so as long as it did not, nothing was sent.
    has_begun: AtomicBool,
    /// Bytes of the body not handed to the connection yet.
    missing: AtomicU64,
    /// Why the body ended before its end.
    failure: Mutex<Option<Failure>>,
}

impl Progress {
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Whether the connection got every byte.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.load(Ordering::Acquire) == 0
    }

    /// Why the body ended before its end.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ended_early(&self, failure: &Failure) {
        let mut slot = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(failure.clone());
    }
}

/// The request that delivers `envelope`. Claims are known to be there when it returns.
pub(super) async fn build(
    settings: &Checked,
    envelope: &Envelope,
    attempt: &Attempt,
    client: &Client,
    progress: Arc<Progress>,
) -> Result<Request> {
    let document = settings.content.document(envelope, &attempt.claims).await?;
    let (segments, media_type) = match settings.attachments {
        Attachments::None if envelope.attachments.is_empty() => {
            (vec![document.segment], document.media_type)
        }
        Attachments::None => {
            let why = "the message has attachments and `attachments` is \"none\"";
            return Err(FailureKind::Defect.because(codes::ATTACHMENTS_NOT_TAKEN, why));
        }
        Attachments::Multipart => multipart(document, envelope),
    };
    content::check_claims(&segments, &attempt.claims).await?;
    let len: u64 = segments.iter().map(Segment::len).sum();
    if len == 0 {
        // A body nobody asks for would tell nothing about what was sent.
        let why = "the document is empty";
        return Err(FailureKind::Defect.because(codes::REQUEST_UNBUILDABLE, why));
    }

    let url = settings.url.expand(envelope, attempt);
    let mut request = Request::new(settings.method.clone(), url);
    *request.headers_mut() = headers(settings, envelope, attempt, client)?;
    // A type that is no header says nothing a receiver could use.
    let media_type = HeaderValue::from_str(&media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    request.headers_mut().insert(header::CONTENT_TYPE, media_type);
    request.headers_mut().insert(header::CONTENT_LENGTH, len.into());
    progress.missing.store(len, Ordering::Release);
    *request.body_mut() = Some(body(segments, Arc::clone(&attempt.claims), progress));
    Ok(request)
}

/// A request that asks and changes nothing.
pub(super) fn build_get(settings: &Checked, url: Url, client: &Client) -> Request {
    let mut request = Request::new(http::Method::GET, url);
    *request.headers_mut() = common_headers(settings, client);
    request
}

fn headers(
    settings: &Checked,
    envelope: &Envelope,
    attempt: &Attempt,
    client: &Client,
) -> Result<HeaderMap> {
    let head = &envelope.head;
    let procedure = &head.procedure;
    let mut headers = common_headers(settings, client);
    headers.insert(&settings.key_header, value(&attempt.key.to_string())?);
    let of_the_message = [
        ("x-amtsbote-message-id", Some(head.message_id.to_string())),
        ("x-amtsbote-case-id", Some(head.case_id.to_string())),
        ("x-amtsbote-own-id", head.own_id.as_ref().map(ToString::to_string)),
        ("x-amtsbote-case-reference", head.case_reference.clone()),
        ("x-amtsbote-authority", Some(head.authority.to_string())),
        ("x-amtsbote-service", head.service.clone()),
        (
            "x-amtsbote-procedure",
            Some(format!(
                "{}/{}/{}",
                procedure.standard, procedure.version, procedure.message_type
            )),
        ),
        ("x-amtsbote-sha256", Some(head.sha256.to_string())),
        ("x-amtsbote-test", head.is_test.then(|| "true".to_owned())),
    ];
    for (name, text) in of_the_message {
        if let Some(text) = text {
            headers.insert(HeaderName::from_static(name), value(&header_safe(&text))?);
        }
    }
    Ok(headers)
}

fn common_headers(settings: &Checked, client: &Client) -> HeaderMap {
    let mut headers: HeaderMap = settings.headers.iter().cloned().collect();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if let Some(authorization) = &client.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    headers
}

fn value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text)
        .map_err(|error| FailureKind::Defect.because(codes::REQUEST_UNBUILDABLE, error))
}

/// Percent-encodes what a header cannot carry, and `%` itself: decoding gives the text back.
fn header_safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (byte.is_ascii_graphic() || byte == b' ') && byte != b'%' {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    // A space at the end would be lost on the way.
    match (safe.strip_prefix(' '), safe.strip_suffix(' ')) {
        (None, None) => safe,
        _ => safe.replace(' ', "%20"),
    }
}

/// `multipart/form-data`: the document, then the attachments. The boundary is the hash of it all:
/// no text can hold its own.
fn multipart(document: Document, envelope: &Envelope) -> (Vec<Segment>, String) {
    let boundary = envelope.head.sha256.to_string();
    let part = |name: &str, file: &str, media_type: &str| {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{}\"\r\n\
             Content-Type: {}\r\n\r\n",
            quoted(file),
            quoted(media_type)
        );
        Segment::Bytes(head.into())
    };
    let line_end = || Segment::Bytes(Bytes::from_static(b"\r\n"));
    let mut segments =
        vec![part("message", "message", &document.media_type), document.segment, line_end()];
    for Attachment { name, media_type, claim, len, .. } in &envelope.attachments {
        segments.push(part("attachment", name, media_type));
        segments.push(Segment::Claim(*claim, *len));
        segments.push(line_end());
    }
    segments.push(Segment::Bytes(format!("--{boundary}--\r\n").into()));
    (segments, format!("multipart/form-data; boundary={boundary}"))
}

/// As browsers write it, so that no name can begin a line of its own.
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A body of known length whose progress is seen.
fn body(segments: Vec<Segment>, claims: Arc<dyn Claims>, progress: Arc<Progress>) -> Body {
    let mut pieces = Box::pin(content::pieces(segments, claims));
    Body::wrap_stream(watched(progress, move |context| pieces.poll_next_unpin(context)))
}

fn watched(
    progress: Arc<Progress>,
    mut next: impl FnMut(&mut std::task::Context<'_>) -> Poll<Option<Result<Bytes>>>,
) -> impl Stream<Item = Result<Bytes>> {
    stream::poll_fn(move |context| {
        progress.has_begun.store(true, Ordering::Release);
        let piece = next(context);
        match &piece {
            Poll::Ready(Some(Ok(bytes))) => {
                let missing = progress.missing.load(Ordering::Acquire);
                let missing = missing.saturating_sub(bytes.len() as u64);
                progress.missing.store(missing, Ordering::Release);
            }
            Poll::Ready(Some(Err(failure))) => progress.ended_early(failure),
            _ => {}
        }
        piece
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_carries_any_text_and_gives_it_back() {
        let check = |text, expected| assert_eq!(header_safe(text), expected, "{text}");
        check("693c64d6", "693c64d6");
        check("AZ 12/3", "AZ 12/3");
        check("Müßig", "M%C3%BC%C3%9Fig");
        check("100%", "100%25");
        check(" x", "%20x");
        check("a b ", "a%20b%20");
        check("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1");
    }

    #[test]
    fn a_name_cannot_begin_a_line_of_its_own() {
        assert_eq!(quoted("a\"b\r\n--x"), "a%22b%0D%0A--x");
    }

    #[test]
    fn a_url_is_checked_before_the_first_message() {
        let fault = |text: &str| format!("{:#}", Template::new(text).unwrap_err());
        assert!(fault("ftp://x/{key}").contains("only http and https"));
        assert!(fault("http://x/{own_id}").contains("only {key}"));
        assert!(fault("http://{key}.example/").contains("path or query"));
        assert!(fault("/relative").contains("no URL"));
        let fault = fault("https://user:geheim@x/");
        assert!(fault.contains("use `basic`") && !fault.contains("geheim"), "{fault}");
        assert!(Template::new("https://x/{key}?m={message_id}&c={case_id}").is_ok());
    }
}
