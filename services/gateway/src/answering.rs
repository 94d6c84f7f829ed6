//! Serves `AnswerService`: what the console says of a message, as a message of a standard. Rendered
//! here, where the standards are.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{Authority, Clock, MessageId, ProcedureName, SenderName, Timestamp, identity};
use prost::Message as _;
use standards::{
    ComposeError, Composition, Media, MessageKind, Severity, Standards, Violation,
    answer::{self, Answered, Parties, Party},
};
use tokio::{sync::oneshot, time::timeout};
use tonic::{Request, Response, Status};
use wire::{
    canonical::{Answer, Reason, answer::Kind},
    status::{
        ApplicationStatus, CitizenStatus, GetStatusRequest, RenderAnswerRequest,
        RenderAnswerResponse, TimelineEntry, answer_service_server::AnswerService,
        get_status_request, render_answer_request, status_service_server::StatusService,
    },
};

use crate::{codes, refusal::Refusal, refusal::Refused};

/// How long a worker may take to write an answer.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// The list of the states a procedure can be in.
const STATES: (&str, &str) = ("urn:de:amtsbote:codeliste:bearbeitungsstand", "1");

/// Characters of a file number, and of a subject.
const FILE_NUMBER_CHARACTERS_MAX: usize = 100;

/// Renders what `status` says.
#[derive(Debug)]
pub(crate) struct Answering<S> {
    pub(crate) status: Arc<S>,
    pub(crate) standards: Standards,
    pub(crate) clock: Clock,
}

/// What is to be rendered.
struct Order {
    procedure: ProcedureName,
    media: Media,
    reader: Party,
}

#[tonic::async_trait]
impl<S: StatusService> AnswerService for Answering<S> {
    async fn render_answer(
        &self,
        request: Request<RenderAnswerRequest>,
    ) -> Result<Response<RenderAnswerResponse>, Status> {
        let sender = request.extensions().get::<SenderName>().cloned();
        let sender = sender.ok_or_else(|| Status::from(Refusal::unauthenticated()))?;
        let request = request.into_inner();
        let order = self.order(&request)?;
        let application = self.ask(sender, request).await?;
        let answered = self.kind(&application);
        Ok(Response::new(self.render(order, &application, answered).await?))
    }
}

impl<S: StatusService> Answering<S> {
    fn order(&self, request: &RenderAnswerRequest) -> Result<Order, Refused> {
        let wrong =
            |field: &str, english: &str, german: &str| Refusal::malformed(field, english, german);
        if Authority::new(&request.reader).is_err() {
            let english = "an authority `prefix:key` is expected, for instance lap:14000001";
            let german =
                "Erwartet wird eine Behördenkennung „Präfix:Schlüssel“, zum Beispiel lap:14000001.";
            return Err(wrong("reader", english, german));
        }
        let media = match request.media_type.as_str() {
            "" | "application/xml" => Media::Xml,
            "application/json" => Media::Json,
            _ => {
                let english = "application/xml or application/json is expected";
                let german = "Erwartet wird application/xml oder application/json.";
                return Err(wrong("media_type", english, german));
            }
        };
        let standard = match request.standard.as_str() {
            "" => answer::STANDARD,
            standard => standard,
        };
        let version = match request.version.as_str() {
            "" => self.newest(standard).unwrap_or_default(),
            version => version.to_owned(),
        };
        let (identifier, name) = (request.reader.clone(), request.reader_name.clone());
        Ok(Order {
            procedure: ProcedureName {
                standard: standard.to_owned(),
                version,
                message_type: String::new(),
            },
            media,
            reader: Party { identifier, name },
        })
    }

    /// The list is ordered, so the last is the newest.
    fn newest(&self, standard: &str) -> Option<String> {
        let list = self.standards.list().into_iter().filter(|info| info.id == standard);
        list.last().map(|info| info.version)
    }

    /// What the asked message is in the course of its procedure.
    fn kind(&self, application: &ApplicationStatus) -> MessageKind {
        let list = self.standards.list().into_iter();
        let mut standards = list
            .filter(|info| info.id == application.standard && info.version == application.version);
        let types = standards.next().map(|info| info.message_types).unwrap_or_default();
        let found = types.into_iter().find(|it| it.name == application.message_type);
        found.map(|found| found.kind).unwrap_or_default()
    }

    async fn ask(
        &self,
        sender: SenderName,
        request: RenderAnswerRequest,
    ) -> Result<ApplicationStatus, Status> {
        let by = request.by.map(|by| match by {
            render_answer_request::By::MessageId(id) => get_status_request::By::MessageId(id),
            render_answer_request::By::OwnId(id) => get_status_request::By::OwnId(id),
        });
        // Without a position the console waits until it knows: an answer has a time and a state.
        let mut question = Request::new(GetStatusRequest { by, position: None });
        question.extensions_mut().insert(sender);
        let found = self.status.get_status(question).await?.into_inner().applications;
        found.into_iter().next().ok_or_else(|| Refusal::defect(codes::INCONSISTENT).into())
    }

    async fn render(
        &self,
        order: Order,
        application: &ApplicationStatus,
        answered: MessageKind,
    ) -> Result<RenderAnswerResponse, Refused> {
        let kind = kind_of(&application.state);
        if answer::may_answer(answered, kind).is_err() {
            return Err(Refusal::not_answered());
        }
        let id = id(application, &order)?;
        let message = message(application, kind, &id, order.reader);
        let canonical = Bytes::from(message.encode_to_vec());
        let (media, now) = (order.media, self.clock.now());
        let procedure = order.procedure.clone();
        let composition = Composition { procedure, canonical, media, now };
        let (tell, written) = oneshot::channel();
        // Whoever asked may have gone.
        let queued = self.standards.compose(composition, |written| drop(tell.send(written)));
        queued.map_err(|busy| Refusal::overloaded(busy.code()))?;
        let written = match timeout(WRITE_TIME_MAX, written).await {
            Ok(Ok(written)) => written.map_err(|error| Refusal::not_written(&error))?,
            Ok(Err(_)) => return Err(Refusal::defect(codes::CHECK_VANISHED)),
            Err(_) => return Err(Refusal::check_timeout()),
        };
        Ok(RenderAnswerResponse {
            document: written.bytes,
            media_type: order.media.as_str().to_owned(),
            standard: order.procedure.standard,
            version: order.procedure.version,
            message_type: written.message_type,
            kind: word(kind).to_owned(),
            own_id: id,
        })
    }
}

/// What there is to say of a state: it is accepted, under way, or will not be worked on. What is
/// dead waits for a person's decision, and is under way until then.
fn kind_of(state: &str) -> Kind {
    match state {
        "accepted" | "delivered" => Kind::Receipt,
        "rejected" | "refused" | "conflict" | "discarded" => Kind::Rejection,
        _ => Kind::Status,
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Receipt => "receipt",
        Kind::Rejection => "rejection",
        _ => "status",
    }
}

/// The answer's own id: the same as long as the same is said to the same reader in the same form.
fn id(application: &ApplicationStatus, order: &Order) -> Result<String, Refused> {
    let message: MessageId =
        application.message_id.parse().map_err(|_| Refusal::defect(codes::INCONSISTENT))?;
    let ProcedureName { standard, version, .. } = &order.procedure;
    let state = [
        &application.state,
        &application.timeline.len().to_string(),
        &last_at(application).0.to_string(),
        standard,
        version,
        order.media.as_str(),
        &order.reader.identifier,
        &order.reader.name,
    ];
    Ok(identity::answer_id(message.0.as_bytes(), &state.join("\n")).to_string())
}

/// When what there is to say happened.
fn last_at(application: &ApplicationStatus) -> Timestamp {
    let last = application.timeline.last().and_then(|entry| entry.at);
    let at = last.or(application.received_at).unwrap_or_default();
    Timestamp(at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1_000))
}

fn message(
    application: &ApplicationStatus,
    kind: Kind,
    id: &str,
    reader: Party,
) -> wire::canonical::Application {
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    let to = Answered {
        own_id: filled(&application.own_id),
        case_reference: filled(&application.case_reference),
        message_type: filled(&application.message_type),
        is_test: application.is_test,
    };
    let author = Party { identifier: application.authority.clone(), name: String::new() };
    let parties = Parties { author, reader };
    let (whole, said) = answer::answer(kind, id.to_owned(), last_at(application), &parties, &to);
    let said = match kind {
        Kind::Rejection => rejection(application, said),
        kind => progress(application, kind, said),
    };
    answer::whole(whole, said)
}

fn progress(application: &ApplicationStatus, kind: Kind, said: Answer) -> Answer {
    let (code, name) = match application.citizen_status() {
        CitizenStatus::Unspecified
        | CitizenStatus::Initiated
        | CitizenStatus::Submitted
        | CitizenStatus::Received => ("01", "Eingegangen"),
        CitizenStatus::Processing => ("02", "In Bearbeitung"),
        CitizenStatus::ActionRequired => ("03", "Angaben oder Unterlagen fehlen"),
        CitizenStatus::Completed => ("06", "Abgeschlossen"),
    };
    let status = answer::listed(code, STATES)
        .map(|code| wire::canonical::Code { name: name.to_owned(), ..code });
    let subject = match kind {
        Kind::Receipt => "Ihre Nachricht ist eingegangen",
        _ => "Stand Ihrer Nachricht",
    };
    let last = application.timeline.last();
    let mut receipts = application.deliveries.iter().map(|delivery| delivery.receipt.as_str());
    let file_number = receipts.find(|receipt| !receipt.is_empty()).unwrap_or_default();
    Answer {
        status,
        subject: subject.to_owned(),
        text: last.map(|entry| answer::people(&entry.german)).unwrap_or_default(),
        file_number: answer::short(file_number, FILE_NUMBER_CHARACTERS_MAX),
        ..said
    }
}

fn rejection(application: &ApplicationStatus, said: Answer) -> Answer {
    let rejected: Vec<Reason> = application
        .deliveries
        .iter()
        .filter(|delivery| delivery.state == "rejected")
        .flat_map(|delivery| &delivery.reasons)
        .map(|reason| answer::told(&reason.code, &reason.text))
        .collect();
    // Who rejects is the authority itself where its system said no; else it is we.
    let is_authority = application.state == "rejected";
    let reasons = if rejected.is_empty() { vec![last_reason(application)] } else { rejected };
    Answer {
        subject: "Ihre Nachricht wird nicht bearbeitet".to_owned(),
        reasons,
        rejecting_authority: (!is_authority).then(answer::clearing),
        transport: Some(wire::canonical::Transport {
            message_id: application.message_id.clone(),
            ..wire::canonical::Transport::default()
        }),
        ..said
    }
}

/// Where nobody gave reasons: what happened last that has a code.
fn last_reason(application: &ApplicationStatus) -> Reason {
    let entries = || application.timeline.iter().rev();
    let entry = entries().find(|entry| !entry.code.is_empty()).or_else(|| entries().next());
    let (code, text) = entry.map_or(("", ""), |TimelineEntry { code, german, .. }| (code, german));
    answer::told(code, text)
}

/// What keeps an answer from being written, as violations of it.
pub(crate) fn problems(error: &ComposeError) -> Vec<Violation> {
    let place = |field: &str, path: &str| match (field, path) {
        (field, "") => field.to_owned(),
        (_, path) => path.to_owned(),
    };
    let problem = |problem: &standards::Uncarried| Violation {
        code: error.code,
        xoev_code: None,
        severity: Severity::Error,
        path: place(&problem.field, &problem.path),
        line: 0,
        column: 0,
        german: problem.german.clone(),
        english: problem.english.clone(),
        rule: None,
    };
    error.problems.iter().map(problem).collect()
}
