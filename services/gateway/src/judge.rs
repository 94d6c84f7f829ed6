//! Says of one submission whether it would be accepted, and as what; keeps nothing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{
    ApplicationHead, Attachment, Authority, ChannelName, Claims, Clock, MessageId, SenderName,
    Timestamp, identity,
};
use standards::{Document, Recognised, Severity, Standards, Verdict, Violation};
use telemetry::{
    Kind, Span,
    names::{attr, span},
};
use tokio::{sync::oneshot, time};
use wire::intake::SubmitRequest;

use crate::{
    Limits, Route, codes,
    refusal::{Refusal, Refused},
    route,
};

mod attachments;
mod header;

/// Between two tries to put a document into the full queue before the workers.
const BUSY_WAIT: Duration = Duration::from_millis(10);

/// What judging needs.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    pub(crate) standards: Standards,
    pub(crate) claims: Arc<dyn Claims>,
    pub(crate) routes: Arc<[Route]>,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
}

/// What was found out about one submission, also where it is refused.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) recognised: Option<Recognised>,
    pub(crate) own_id: String,
    pub(crate) authority: String,
    pub(crate) is_test: bool,
    pub(crate) message_id: Option<MessageId>,
    /// How its XSD judged, of a closed list.
    pub(crate) proof: Option<&'static str>,
    /// Request's and document's.
    pub(crate) violations: Vec<Violation>,
    pub(crate) violations_total: usize,
}

/// An acceptable submission.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Without its trace.
    pub(crate) head: ApplicationHead,
    pub(crate) channel: ChannelName,
    /// Of those who get it besides, where that is another one; none twice.
    pub(crate) further_channels: Vec<ChannelName>,
    pub(crate) document: Bytes,
    pub(crate) message: standards::Message,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) warnings: Vec<Violation>,
}

impl Judge {
    /// Judges `request` as a part of `above`; `wait_max` is for a place before the workers. Cancel safe:
    /// nothing is kept.
    pub(crate) async fn judge(
        &self,
        sender: &SenderName,
        request: SubmitRequest,
        wait_max: Duration,
        above: &Span,
    ) -> (Judgement, Result<Draft, Refused>) {
        let mut span = above.child(Kind::Internal, || span::JUDGE);
        let mut judgement = Judgement::default();
        let draft = self.draft(sender, request, wait_max, &mut judgement).await;
        span.describe(|span| {
            if let Some(Recognised { procedure, .. }) = &judgement.recognised {
                span.set(
                    attr::PROCEDURE,
                    format!(
                        "{}/{}/{}",
                        procedure.standard, procedure.version, procedure.message_type
                    ),
                );
            }
            span.count(attr::VIOLATIONS, judgement.violations_total as u64);
        });
        (judgement, draft)
    }

    async fn draft(
        &self,
        sender: &SenderName,
        request: SubmitRequest,
        wait_max: Duration,
        judgement: &mut Judgement,
    ) -> Result<Draft, Refused> {
        if self.limits.message_bytes_max < request.document.len() {
            return Err(Refusal::too_large(self.limits.message_bytes_max));
        }
        let now = self.clock.now();
        let verdict = self.check(&request, now, wait_max).await?;

        let mut found = Vec::new();
        let header = header::read(&request, &verdict, &mut found);
        let needs = verdict.message.as_ref().map(|message| message.attachments.as_slice());
        let attachments = attachments::Matching {
            claims: self.claims.as_ref(),
            sender,
            now,
            attachments_max: self.limits.attachments_max,
        };
        let attachments = attachments.run(&request.attachments, needs, &mut found).await;
        let attachments = attachments.map_err(|failure| Refusal::of_failure(&failure))?;
        let hashes: Vec<_> = attachments.iter().map(|attachment| attachment.sha256).collect();
        let sha256 = identity::sha256(&request.document, &hashes);
        let message_id = identity::message_id(sender, header.own_id.as_ref(), &sha256);

        judgement.own_id = header.own_id.as_ref().map(ToString::to_string).unwrap_or_default();
        judgement.authority =
            header.authority.as_ref().map(ToString::to_string).unwrap_or_default();
        judgement.is_test = verdict.header.is_test;
        judgement.proof = verdict.proof;
        judgement.message_id = header.own_id.is_some().then_some(message_id);
        judgement.recognised.clone_from(&verdict.recognised);
        judgement.violations_total = verdict.violations_total + found.len();
        judgement.violations = found;
        judgement.violations.extend(verdict.violations);

        let is_refused = judgement.violations.iter().any(|v| v.severity == Severity::Error);
        let (recognised, message, authority) =
            match (verdict.recognised, verdict.message, header.authority) {
                (Some(recognised), Some(message), Some(authority)) if !is_refused => {
                    (recognised, message, authority)
                }
                _ => {
                    let violations = judgement.violations.clone();
                    return Err(Refusal::invalid(violations, judgement.violations_total));
                }
            };

        let is_test = verdict.header.is_test;
        let further_authorities = further(&verdict.header, &authority);
        let channel = self.channel(&recognised, &authority, is_test)?;
        let further_channels =
            self.further_channels(&recognised, &further_authorities, is_test, &channel)?;
        let case_reference = header.case_reference;
        let head = ApplicationHead {
            message_id,
            own_id: header.own_id,
            case_id: identity::case_id(sender, case_reference.as_deref(), message_id),
            case_reference,
            refers_to: verdict.header.refers_to,
            sender: sender.clone(),
            authority,
            further_authorities,
            domain: recognised.domain,
            service: header.service,
            procedure: recognised.procedure,
            is_test,
            sha256,
            received_at: now,
            trace: None,
        };
        let warnings = std::mem::take(&mut judgement.violations);
        let document = request.document;
        Ok(Draft { head, channel, further_channels, document, message, attachments, warnings })
    }

    /// Authorities that share a channel share the record.
    fn further_channels(
        &self,
        recognised: &Recognised,
        authorities: &[Authority],
        is_test: bool,
        channel: &ChannelName,
    ) -> Result<Vec<ChannelName>, Refused> {
        let mut further_channels = Vec::new();
        for authority in authorities {
            let further = self.channel(recognised, authority, is_test)?;
            if further != *channel && !further_channels.contains(&further) {
                further_channels.push(further);
            }
        }
        Ok(further_channels)
    }

    fn channel(
        &self,
        recognised: &Recognised,
        authority: &Authority,
        is_test: bool,
    ) -> Result<ChannelName, Refused> {
        let message_type = &recognised.procedure.message_type;
        match route::find(&self.routes, &recognised.domain, authority, message_type, is_test) {
            route::Found::Channel(channel) => Ok(channel.clone()),
            other => {
                let is_other_kind = other == route::Found::OtherKindOnly;
                Err(Refusal::no_route(authority, is_other_kind, is_test))
            }
        }
    }

    /// Asks a worker, waiting a while where all are busy.
    async fn check(
        &self,
        request: &SubmitRequest,
        now: Timestamp,
        wait_max: Duration,
    ) -> Result<Verdict, Refused> {
        let media_type = (!request.media_type.is_empty()).then(|| request.media_type.clone());
        let document = Document { bytes: request.document.clone(), media_type, now };
        let end = time::Instant::now() + wait_max;
        let verdict = loop {
            let (answer, verdict) = oneshot::channel();
            let tell = move |verdict| {
                // Whoever asked may have gone.
                drop(answer.send(verdict));
            };
            match self.standards.check(document.clone(), tell) {
                Ok(()) => break verdict,
                Err(_) if time::Instant::now() < end => time::sleep(BUSY_WAIT).await,
                Err(busy) => return Err(Refusal::overloaded(busy.code())),
            }
        };
        match time::timeout(self.limits.check_time_max, verdict).await {
            Ok(Ok(verdict)) => Ok(verdict),
            Ok(Err(_)) => Err(Refusal::defect(codes::CHECK_VANISHED)),
            Err(_) => Err(Refusal::check_timeout()),
        }
    }
}

/// Who gets it besides `authority`, each once.
fn further(header: &standards::Header, authority: &Authority) -> Vec<Authority> {
    let mut further: Vec<Authority> = Vec::new();
    for other in header.further_authorities.iter().filter_map(|text| Authority::new(text).ok()) {
        if other != *authority && !further.contains(&other) {
            further.push(other);
        }
    }
    further
}
