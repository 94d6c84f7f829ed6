//! Reads what departmental systems answer: a document of an installed standard becomes canonical, and
//! says itself what it is. Around the adapter, so before anything is settled; and within the time of
//! its attempt, of which it never takes more than half of what is left.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use messaging::{
    Accepted, Adapter, Attempt, Clock, EffectContract, Envelope, Found, ReadReply, Reply, Result,
};
use standards::{Document, MessageKind, Options, Standards, Verdict};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tracing::{error, info};

use crate::codes;

/// How long the reading of one reply may take.
const READ_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of a canonical message that go along; larger ones stay out.
const CANONICAL_BYTES_MAX: usize = 256 << 10;

/// The standards, loaded when the first reply asks for them: most dispatchers never need them.
pub(super) struct Library {
    paths: Vec<PathBuf>,
    /// Where their compiled tables are kept.
    tables: Option<PathBuf>,
    loading: OnceLock<Shared<BoxFuture<'static, Option<Standards>>>>,
}

/// Not the standards.
impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Library {
    /// With the standards of a gateway in this process, or those of `paths` when they are needed.
    pub(super) fn new(
        standards: Option<Standards>,
        paths: Vec<PathBuf>,
        tables: Option<PathBuf>,
    ) -> Self {
        let loading = OnceLock::new();
        if let Some(standards) = standards {
            let ready = std::future::ready(Some(standards)).boxed().shared();
            // The cell is empty: it was just made.
            drop(loading.set(ready));
        }
        Self { paths, tables, loading }
    }

    /// Loading goes on however often whoever waits for it gives up.
    pub(super) async fn standards(&self) -> Option<Standards> {
        let loading = self.loading.get_or_init(|| {
            let (paths, tables) = (self.paths.clone(), self.tables.clone());
            let options = Options { paths, tables, workers: 1, ..Options::default() };
            let load = tokio::task::spawn_blocking(move || Standards::load(options));
            let loaded = async move {
                match load.await {
                    Ok(Ok(standards)) => {
                        let count = standards.list().len();
                        info!(standards = count, "loaded to read replies and to judge edits");
                        Some(standards)
                    }
                    Ok(Err(error)) => {
                        error!(
                            code = error.code(),
                            faults = error.faults.len(),
                            "no reply is read and no edit judged"
                        );
                        None
                    }
                    Err(_) => None,
                }
            };
            loaded.boxed().shared()
        });
        loading.clone().await
    }
}

/// An adapter whose replies are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) library: Arc<Library>,
    pub(super) clock: Clock,
}

#[async_trait]
impl Adapter for Reading {
    fn contract(&self) -> EffectContract {
        self.adapter.contract()
    }

    async fn deliver(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Accepted> {
        let end = Instant::now() + attempt.time_max;
        let accepted = self.adapter.deliver(envelope, attempt).await?;
        Ok(self.read(accepted, end).await)
    }

    async fn find(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Found> {
        let end = Instant::now() + attempt.time_max;
        match self.adapter.find(envelope, attempt).await? {
            Found::Yes(accepted) => Ok(Found::Yes(self.read(accepted, end).await)),
            found => Ok(found),
        }
    }

    async fn probe(&self) -> Result<()> {
        self.adapter.probe().await
    }
}

impl Reading {
    /// The departmental system has it, whatever can be made of its answer.
    async fn read(&self, accepted: Accepted, end: Instant) -> Accepted {
        let mut replies = Vec::new();
        for reply in accepted.replies {
            let left = end.saturating_duration_since(Instant::now()) / 2;
            let reply = match is_document(&reply) {
                true => match timeout(left.min(READ_TIME_MAX), self.judge(&reply)).await {
                    Ok(Some(verdict)) => told(reply, verdict),
                    Ok(None) => reply,
                    Err(_) => Reply { code: Some(codes::REPLY_UNREAD.to_owned()), ..reply },
                },
                false => reply,
            };
            replies.push(reply);
        }
        Accepted { replies, ..accepted }
    }

    async fn judge(&self, reply: &Reply) -> Option<Verdict> {
        let standards = self.library.standards().await?;
        let document = Document {
            bytes: reply.body.clone(),
            media_type: Some(reply.media_type.clone()),
            now: self.clock.now(),
        };
        let (answer, verdict) = oneshot::channel();
        // A full queue is as good as no time: the reply goes on as it is.
        standards.check(document, |verdict| drop(answer.send(verdict))).ok()?;
        verdict.await.ok()
    }
}

/// Only what can be a document of a standard costs anything.
fn is_document(reply: &Reply) -> bool {
    let body = reply.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&reply.body);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'<' | b'{'))
}

/// What a verdict makes of a reply. What no standard knows stays what the endpoint says it is.
fn told(reply: Reply, verdict: Verdict) -> Reply {
    let Some(recognised) = verdict.recognised else { return reply };
    let Some(message) = verdict.message else {
        return Reply { code: Some(codes::REPLY_INVALID.to_owned()), ..reply };
    };
    let kind = match recognised.kind {
        MessageKind::Application => reply.kind.clone(),
        kind => kind.as_str().to_owned(),
    };
    let canonical = Some(message.canonical).filter(|it| it.len() <= CANONICAL_BYTES_MAX);
    let read =
        ReadReply { procedure: recognised.procedure, canonical: canonical.unwrap_or_default() };
    Reply { kind, read: Some(read), ..reply }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Reply {
        Reply {
            id: "answer".to_owned(),
            kind: "document".to_owned(),
            media_type: "application/xml".to_owned(),
            body: body.to_owned().into(),
            read: None,
            code: None,
        }
    }

    #[derive(Debug)]
    struct Says(String);

    #[async_trait]
    impl Adapter for Says {
        fn contract(&self) -> EffectContract {
            EffectContract::Deduplicates
        }

        async fn deliver(&self, _: &Envelope, _: &Attempt) -> Result<Accepted> {
            Ok(Accepted { receipt: None, replies: vec![reply(&self.0)] })
        }

        async fn find(&self, _: &Envelope, _: &Attempt) -> Result<Found> {
            Ok(Found::No)
        }

        async fn probe(&self) -> Result<()> {
            Ok(())
        }
    }

    fn example(name: &str) -> String {
        let folder =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/amtsbote-antwort/1.0/examples/");
        std::fs::read_to_string(format!("{folder}{name}")).unwrap()
    }

    async fn read(body: &str) -> Reply {
        let reading = Reading {
            adapter: Arc::new(Says(body.to_owned())),
            library: Arc::new(Library::new(None, Vec::new(), None)),
            clock: Clock::new(|| messaging::Timestamp(0)),
        };
        let accepted = Accepted { receipt: None, replies: vec![reply(body)] };
        let end = Instant::now() + Duration::from_secs(600);
        reading.read(accepted, end).await.replies.remove(0)
    }

    #[tokio::test]
    async fn a_reply_of_a_standard_says_itself_what_it_is() {
        let rows = [
            ("valid/bescheid-nordsachsen.xml", "decision"),
            ("valid/rueckfrage-spree-neisse.xml", "question"),
            ("valid/status-goerlitz.json", "status"),
            ("valid/quittung-nordsachsen.xml", "receipt"),
        ];
        for (name, kind) in rows {
            let body = example(name);
            let reply = read(&body).await;
            assert_eq!((reply.kind.as_str(), reply.code.as_deref()), (kind, None), "{name}");
            let read = reply.read.unwrap();
            assert_eq!(read.procedure.standard, "amtsbote-antwort");
            assert!(!read.canonical.is_empty());
            assert_eq!(reply.body, body.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_is_invalid_or_of_no_standard_goes_on_as_it_is() {
        let invalid = example("invalid/status-ohne-stand.xml");
        let found = read(&invalid).await;
        assert_eq!(
            (found.kind.as_str(), found.code.as_deref()),
            ("document", Some(codes::REPLY_INVALID))
        );
        assert_eq!((found.read, found.body), (None, invalid.into()));
        for body in ["{\"ok\":true}", "<ok/>", "AZ 1", "", "<a"] {
            assert_eq!(read(body).await, reply(body), "{body}");
        }
    }
}
