//! The pipelined conversation: judged side by side, stored in the order of the stream, answered as
//! ready.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, OptionFuture},
    stream::FuturesOrdered,
};
use messaging::{MessageId, TraceParent};
use telemetry::{Span, names::span};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
    time::{Instant, sleep, timeout},
};
use tonic::{Status, Streaming};
use wire::intake::{
    SubmitRequest, SubmitStreamRequest, SubmitStreamResponse, submit_stream_response,
};

use super::{Caller, Desk};
use crate::{
    admission::Admitted,
    codes,
    judge::Draft,
    publish::{Answer, Job},
    recent::{Entered, Waiting},
    refusal::{Refusal, Refused},
};

/// Messages and bytes of documents appended at once.
const BATCH_MAX: usize = 128;
const BATCH_BYTES_MAX: usize = 4 << 20;

/// One `SubmitStream`. Its client may go at any time: what is being appended is ended.
#[derive(Clone)]
pub(super) struct Conversation {
    desk: Arc<Desk>,
    caller: Caller,
    answers: mpsc::Sender<Result<SubmitStreamResponse, Status>>,
}

/// A message that was judged acceptable.
struct Ready {
    correlation: u64,
    begun: Instant,
    draft: Draft,
    trace: Option<TraceParent>,
    admitted: Option<Admitted>,
    span: Span,
}

/// What judging came to: a message to store, or one that is answered already, or one that may be
/// taken when it is sent again; nothing after it must overtake it.
type Judged = Result<Option<Ready>, Postponed>;

/// A message refused by the moment.
struct Postponed {
    correlation: u64,
    refusal: Refused,
}

/// What is stored at once, and what ends the conversation after it.
#[derive(Default)]
struct Batch {
    ready: VecDeque<Ready>,
    postponed: Option<Postponed>,
}

/// Who gets the answer to a job.
struct Asker {
    correlation: u64,
    begun: Instant,
    message_id: MessageId,
    span: Span,
}

/// Why the conversation ends before its client ends it. All without an answer is unknown.
type Ended = Status;

impl Conversation {
    pub(super) fn new(
        desk: Arc<Desk>,
        caller: Caller,
        answers: mpsc::Sender<Result<SubmitStreamResponse, Status>>,
    ) -> Self {
        Self { desk, caller, answers }
    }

    pub(super) async fn run(self, inbound: Streaming<SubmitStreamRequest>) {
        if let Err(status) = self.converse(inbound).await {
            // Whoever does not read its answers gets no status either.
            drop(timeout(self.desk.limits.idle_time_max, self.answers.send(Err(status))).await);
        }
    }

    /// Reads no further than the window: HTTP/2 holds the client back.
    async fn converse(&self, mut inbound: Streaming<SubmitStreamRequest>) -> Result<(), Ended> {
        let mut judging: FuturesOrdered<JoinHandle<Judged>> = FuturesOrdered::new();
        let mut storing: OptionFuture<BoxFuture<'_, Result<(), Ended>>> = None.into();
        let (mut is_storing, mut is_open, mut end) = (false, true, Ok(()));
        while is_open || is_storing || !judging.is_empty() {
            tokio::select! {
                Some(stored) = &mut storing, if is_storing => {
                    (is_storing, storing) = (false, None.into());
                    stored?;
                }
                Some(first) = judging.next(), if !is_storing && !judging.is_empty() => {
                    let batch = batch(first, &mut judging)?;
                    is_storing = !batch.ready.is_empty() || batch.postponed.is_some();
                    storing = is_storing.then(|| self.store(batch).boxed()).into();
                }
                () = self.desk.shutdown.cancelled(), if is_open => {
                    (is_open, end) = (false, Err(Refusal::shutting_down().into()));
                }
                next = inbound.message(), if is_open && judging.len() < self.window() => {
                    match next {
                        Ok(Some(request)) => {
                            let admitted = self.caller.admissions.take();
                            let judged = self.clone().judge(request, admitted);
                            judging.push_back(self.desk.tasks.spawn(judged));
                        }
                        Ok(None) => is_open = false,
                        Err(status) => (is_open, end) = (false, Err(status)),
                    }
                }
            }
        }
        end
    }

    fn window(&self) -> usize {
        self.desk.limits.stream_window.max(1)
    }

    /// Judges one message; a refusal by rule is answered at once.
    async fn judge(self, asked: SubmitStreamRequest, admitted: Option<Admitted>) -> Judged {
        let (caller, begun) = (&self.caller, Instant::now());
        let (mut span, mut message_id) = (caller.span(span::SUBMIT_STREAM), None);
        let (correlation, trace) = (asked.correlation, caller.trace(&span));
        let refusal = match self.draft(asked.request, &span, &mut message_id).await {
            Ok(draft) => {
                return Ok(Some(Ready { correlation, begun, draft, trace, admitted, span }));
            }
            Err(refusal) => refusal,
        };
        self.desk.conclude(caller, message_id, begun, Err(&refusal), &mut span);
        if refusal.is_of_the_moment() {
            return Err(Postponed { correlation, refusal });
        }
        // Whoever is gone is noticed by the one who stores.
        drop(self.answer(correlation, Err(refusal)).await);
        Ok(None)
    }

    async fn draft(
        &self,
        request: Option<SubmitRequest>,
        span: &Span,
        message_id: &mut Option<MessageId>,
    ) -> Result<Draft, Refused> {
        let (desk, sender) = (&self.desk, &self.caller.sender);
        let request = request.ok_or_else(|| {
            let german = "Die Anfrage enthält keine Nachricht.";
            Refusal::malformed("request", "The request is missing.", german)
        })?;
        // A stream that is too fast is held back, not refused.
        while let Err(wait) = desk.rate.take(sender) {
            tokio::select! {
                () = sleep(wait) => {}
                () = desk.shutdown.cancelled() => return Err(Refusal::shutting_down()),
            }
        }
        let wait_max = desk.limits.stream_admission_time_max;
        let (judgement, draft) = desk.judge.judge(sender, request, wait_max, span).await;
        *message_id = judgement.message_id;
        draft
    }

    /// Stores a batch in its order. Ends the conversation at the first message whose outcome is
    /// unknown: those after it must not overtake its repetition.
    async fn store(&self, batch: Batch) -> Result<(), Ended> {
        let (mut jobs, mut askers) = (Vec::new(), Vec::new());
        for Ready { correlation, begun, draft, trace, admitted, span } in batch.ready {
            let message_id = draft.head.message_id;
            let asker = Asker { correlation, begun, message_id, span };
            match self.desk.publisher.recent.enter(message_id, draft.head.sha256) {
                Entered::Mine(claimed) => {
                    jobs.push(Job { claimed, draft, trace, admitted });
                    askers.push(asker);
                }
                Entered::Known(response) => {
                    let answer = Answer { response: Arc::new(*response), is_repetition: true };
                    self.conclude(asker, Ok(answer)).await?;
                }
                Entered::Conflict => self.conclude(asker, Err(Refusal::already_exists())).await?,
                Entered::Running(waiting) => {
                    // Perhaps an earlier one of this very batch: nobody waits holding others up.
                    self.append(std::mem::take(&mut jobs), std::mem::take(&mut askers)).await?;
                    self.wait(asker, waiting).await?;
                }
            }
        }
        self.append(jobs, askers).await?;
        let Some(Postponed { correlation, refusal }) = batch.postponed else { return Ok(()) };
        let end = Status::from(refusal.as_ref());
        self.answer(correlation, Err(refusal)).await.and(Err(end))
    }

    async fn append(&self, jobs: Vec<Job>, askers: Vec<Asker>) -> Result<(), Ended> {
        if jobs.is_empty() {
            return Ok(());
        }
        let outcomes = self.desk.publisher.append(jobs).await;
        let mut end = Ok(());
        for (asker, outcome) in askers.into_iter().zip(outcomes) {
            let answer = outcome.map(|response| Answer { response, is_repetition: false });
            let ended = self.conclude(asker, answer).await;
            end = end.and(ended);
        }
        end
    }

    async fn wait(&self, asker: Asker, waiting: Waiting) -> Result<(), Ended> {
        let outcome = timeout(self.desk.limits.append_time_max, waiting.outcome()).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Refusal::append_timeout()));
        let answer = outcome.map(|response| Answer { response, is_repetition: true });
        self.conclude(asker, answer).await
    }

    async fn conclude(
        &self,
        mut asker: Asker,
        answer: Result<Answer, Refused>,
    ) -> Result<(), Ended> {
        let outcome = answer.as_ref().map_err(AsRef::as_ref);
        let (message_id, span) = (Some(asker.message_id), &mut asker.span);
        self.desk.conclude(&self.caller, message_id, asker.begun, outcome, span);
        let end = match &answer {
            Err(refusal) if refusal.is_of_the_moment() => Err(Status::from(refusal.as_ref())),
            _ => Ok(()),
        };
        self.answer(asker.correlation, answer).await.and(end)
    }

    async fn answer(&self, correlation: u64, answer: Result<Answer, Refused>) -> Result<(), Ended> {
        use submit_stream_response::Answer as Wire;
        let answer = match answer {
            Ok(answer) => Wire::Accepted(Arc::unwrap_or_clone(answer.response)),
            Err(refusal) => Wire::Refused(refusal.as_ref().into()),
        };
        let answer = SubmitStreamResponse { correlation, answer: Some(answer) };
        match timeout(self.desk.limits.idle_time_max, self.answers.send(Ok(answer))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the client is gone")),
            Err(_) => Err(Refusal::answers_unread().into()),
        }
    }
}

/// What is ready in the order of the stream, as much as is appended at once.
fn batch(
    first: Result<Judged, JoinError>,
    judging: &mut FuturesOrdered<JoinHandle<Judged>>,
) -> Result<Batch, Ended> {
    let (mut batch, mut bytes, mut next) = (Batch::default(), 0, Some(first));
    while let Some(judged) = next {
        match judged.map_err(|_| Refusal::defect(codes::TASK_VANISHED))? {
            Ok(None) => {}
            Ok(Some(ready)) => {
                bytes += ready.draft.document.len();
                batch.ready.push_back(ready);
            }
            Err(postponed) => {
                batch.postponed = Some(postponed);
                break;
            }
        }
        if BATCH_MAX <= batch.ready.len() || BATCH_BYTES_MAX <= bytes {
            break;
        }
        next = judging.next().now_or_never().flatten();
    }
    Ok(batch)
}
