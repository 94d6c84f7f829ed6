//! Judges documents that are to go instead of others, as the gateway judges what comes in.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use dispatcher::{Examined, Examinee, Examiner};
use messaging::Clock;
use standards::{Document, Severity, Verdict, Violation};
use tokio::{sync::oneshot, time::timeout};

use super::replies::Library;

/// How long it may take, loading the standards included; orders that came after it wait as long.
const EXAMINE_TIME_MAX: Duration = Duration::from_secs(30);
/// Violations that are told; `amtsbote standard check` tells all.
const TOLD_MAX: usize = 5;
/// Of where each is.
const PATH_CHARS_MAX: usize = 200;

/// With the standards of this process, loaded when the first edit comes.
#[derive(Debug)]
pub(super) struct Examining {
    pub(super) library: Arc<Library>,
    pub(super) clock: Clock,
}

#[async_trait]
impl Examiner for Examining {
    async fn examine(&self, document: Bytes) -> Examined {
        match timeout(EXAMINE_TIME_MAX, self.judge(document)).await {
            Ok(Ok(verdict)) => told(verdict),
            Ok(Err(why)) => Examined::Unjudged(why),
            Err(_) => Examined::Unjudged("it took too long"),
        }
    }
}

impl Examining {
    async fn judge(&self, bytes: Bytes) -> Result<Verdict, &'static str> {
        let standards = self.library.standards().await.ok_or("no standards could be loaded")?;
        let document = Document { bytes, media_type: None, now: self.clock.now() };
        let (answer, verdict) = oneshot::channel();
        let busy = "too many documents are being judged";
        standards.check(document, |verdict| drop(answer.send(verdict))).map_err(|_| busy)?;
        verdict.await.map_err(|_| "the judgement was lost")
    }
}

fn told(verdict: Verdict) -> Examined {
    let Verdict { recognised, header, violations, violations_total, message, .. } = verdict;
    let (Some(recognised), Some(message)) = (recognised, message) else {
        let errors = violations.iter().filter(|found| found.severity == Severity::Error);
        let first = errors.take(TOLD_MAX).map(|found| (found.code, path(found))).collect();
        return Examined::Invalid { total: violations_total, first };
    };
    let attachments = message.attachments.into_iter().map(|need| (need.name, need.sha256));
    Examined::Valid(Box::new(Examinee {
        procedure: recognised.procedure,
        own_id: header.own_id,
        case_reference: header.case_reference,
        authority: header.authority,
        further_authorities: header.further_authorities,
        is_test: header.is_test,
        normalised: message.normalised,
        canonical: message.canonical,
        media_type: message.media_type,
        attachments: attachments.collect(),
        warnings: standards::warnings(&violations),
    }))
}

fn path(found: &Violation) -> String {
    found.path.chars().take(PATH_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn examine(example: &str) -> Examined {
        let folder =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/amtsbote-kfz/1.0/examples/");
        let document = std::fs::read(format!("{folder}{example}")).unwrap();
        let library = Arc::new(Library::new(None, Vec::new(), None));
        let clock = Clock::new(|| messaging::Timestamp(1_795_341_600_000_000));
        Examining { library, clock }.examine(document.into()).await
    }

    #[tokio::test]
    async fn a_document_is_judged_as_the_gateway_would() {
        let valid = examine("valid/neuzulassung-nordsachsen.xml").await;
        let Examined::Valid(valid) = valid else { panic!("{valid:?}") };
        assert_eq!(valid.procedure.message_type, "kfz.neuzulassung.0101");
        assert_eq!(valid.authority.as_deref(), Some("svb:14730000"));
        assert!(valid.own_id.is_some() && !valid.canonical.is_empty() && !valid.is_test);
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_by_code_and_place_and_without_values() {
        let found = examine("invalid/neuzulassung-viele-fehler.xml").await;
        let Examined::Invalid { total, first } = found else { panic!("{found:?}") };
        assert!(TOLD_MAX < total && first.len() == TOLD_MAX, "{total} {first:?}");
        assert!(first.iter().all(|(code, path)| code.starts_with("AB-4") && path.starts_with('/')));
        for example in ["invalid/nicht-geschlossen.xml", "invalid/unbekannte-nachricht.xml"] {
            let found = examine(example).await;
            assert!(matches!(found, Examined::Invalid { .. }), "{example}: {found:?}");
        }
    }
}
