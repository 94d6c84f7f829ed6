//! The service that portals push to: one call, one decision; the work is in the modules around.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use messaging::{Clock, MessageId, SenderName, TraceParent};
use telemetry::{
    Kind, Metrics, Span,
    names::{attr, span},
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, Streaming};
use tracing::{debug, warn};
use wire::intake::{
    SubmitRequest, SubmitResponse, SubmitStreamRequest, SubmitStreamResponse,
    UploadAttachmentRequest, UploadAttachmentResponse, ValidateRequest, ValidateResponse,
    intake_service_server::IntakeService,
};

use crate::{
    Limits,
    admission::{Admissions, Admitted},
    judge::Judge,
    publish::{Answer, Publisher},
    rate::Rate,
    refusal::{Refusal, Refused},
    refused::Refusals,
    traced,
};

mod stream;
mod upload;
mod validate;

/// What all calls share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) judge: Judge,
    pub(crate) publisher: Publisher,
    pub(crate) refusals: Refusals,
    pub(crate) rate: Rate,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct Intake(pub(crate) Arc<Desk>);

/// Who calls, in which trace, and the room its messages have.
#[derive(Clone, Debug)]
struct Caller {
    sender: SenderName,
    traceparent: Option<String>,
    admissions: Admissions,
}

impl Caller {
    fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let extensions = request.extensions();
        let sender =
            extensions.get::<SenderName>().cloned().ok_or_else(Refusal::unauthenticated)?;
        let admissions = extensions.get::<Admissions>().cloned().unwrap_or_default();
        let traceparent = request.metadata().get("traceparent").and_then(|text| text.to_str().ok());
        Ok(Self { sender, traceparent: traceparent.map(str::to_owned), admissions })
    }

    /// A span about `call`, or one message of it, in the caller's trace.
    fn span(&self, call: &'static str) -> Span {
        let mut span = Span::begin(Kind::Server, self.traceparent.as_deref(), || call);
        span.describe(|span| {
            span.set(attr::RPC_SYSTEM, "grpc");
            span.set(attr::RPC_METHOD, call);
            span.set(attr::SENDER, self.sender.to_string());
        });
        span
    }

    /// `span` as a record carries it; the caller's trace where nobody records.
    fn trace(&self, span: &Span) -> Option<TraceParent> {
        let ours = span.traceparent();
        TraceParent::new(ours.as_deref().or(self.traceparent.as_deref())?).ok()
    }
}

impl Desk {
    async fn submit(
        &self,
        caller: &Caller,
        request: SubmitRequest,
        admitted: Option<Admitted>,
    ) -> Result<Answer, Refused> {
        let (mut span, begun) = (caller.span(span::SUBMIT), Instant::now());
        let mut message_id = None;
        let outcome = self.decide(caller, request, admitted, &span, &mut message_id).await;
        let told = outcome.as_ref().map_err(AsRef::as_ref);
        self.conclude(caller, message_id, begun, told, &mut span);
        outcome
    }

    async fn decide(
        &self,
        caller: &Caller,
        request: SubmitRequest,
        admitted: Option<Admitted>,
        span: &Span,
        message_id: &mut Option<MessageId>,
    ) -> Result<Answer, Refused> {
        self.rate.take(&caller.sender).map_err(Refusal::too_fast)?;
        let wait_max = self.limits.admission_time_max;
        let (judgement, draft) = self.judge.judge(&caller.sender, request, wait_max, span).await;
        *message_id = judgement.message_id;
        if let Some(proof) = judgement.proof {
            self.metrics.gateway().judged(proof);
        }
        let draft = draft?;
        *message_id = Some(draft.head.message_id);
        self.publisher.submit(draft, caller.trace(span), admitted).await
    }

    /// Counts, logs and tells one outcome.
    fn conclude(
        &self,
        caller: &Caller,
        message_id: Option<MessageId>,
        begun: Instant,
        outcome: Result<&Answer, &Refusal>,
        span: &mut Span,
    ) {
        traced::conclude(span, message_id, outcome);
        let gateway = self.metrics.gateway();
        match outcome {
            Ok(answer) => {
                gateway.submitted(if answer.is_repetition { "repeated" } else { "accepted" });
                gateway.receipted(begun.elapsed());
            }
            Err(refusal) => {
                let (code, sender) = (refusal.code, &caller.sender);
                gateway.submitted(code);
                if refusal.is_by_rule() {
                    debug!(code, %sender, "a message is refused");
                    self.refusals.tell(sender, message_id, caller.trace(span), refusal);
                } else {
                    let message_id = message_id.map(tracing::field::display);
                    warn!(code, %sender, message_id, "a message cannot be taken");
                }
            }
        }
    }
}

#[tonic::async_trait]
impl IntakeService for Intake {
    /// Dropping it (the client cancels) loses nothing: an append that was begun is ended and
    /// remembered, so that the repetition gets its receipt.
    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let caller = Caller::of(&request)?;
        let admitted = caller.admissions.take();
        let answer = self.0.submit(&caller, request.into_inner(), admitted).await?;
        Ok(Response::new(Arc::unwrap_or_clone(answer.response)))
    }

    type SubmitStreamStream =
        Pin<Box<dyn Stream<Item = Result<SubmitStreamResponse, Status>> + Send>>;

    async fn submit_stream(
        &self,
        request: Request<Streaming<SubmitStreamRequest>>,
    ) -> Result<Response<Self::SubmitStreamStream>, Status> {
        let caller = Caller::of(&request)?;
        let (answers, receiver) = mpsc::channel(self.0.limits.stream_window.max(1));
        let conversation = stream::Conversation::new(self.0.clone(), caller, answers);
        // In a task of its own, so that what was begun is ended when the client goes.
        self.0.tasks.spawn(conversation.run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn validate(
        &self,
        request: Request<ValidateRequest>,
    ) -> Result<Response<ValidateResponse>, Status> {
        let caller = Caller::of(&request)?;
        let mut span = caller.span(span::VALIDATE);
        let _admitted = caller.admissions.take();
        let answer = self.0.validate(&caller, request.into_inner(), &span).await;
        traced::answered(&mut span, answer.as_ref().map(drop).map_err(AsRef::as_ref));
        let answer = answer?;
        Ok(Response::new(answer))
    }

    /// Dropping it leaves nothing visible.
    async fn upload_attachment(
        &self,
        request: Request<Streaming<UploadAttachmentRequest>>,
    ) -> Result<Response<UploadAttachmentResponse>, Status> {
        let caller = Caller::of(&request)?;
        let mut span = caller.span(span::UPLOAD);
        let answer = self.0.upload(&caller, request.into_inner(), &mut span).await?;
        Ok(Response::new(answer))
    }
}
