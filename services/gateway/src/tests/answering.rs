//! What the console says, as messages of a standard.

use std::{collections::HashMap, pin::Pin};

use messaging::Timestamp;
use prost_types::Timestamp as WireTimestamp;
use standards::{Document, MessageKind};
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_types::StatusExt as _;
use wire::status::{
    ApplicationStatus, CitizenStatus, DeliveryStatus, FetchReplyRequest, FetchReplyResponse,
    GetStatusRequest, GetStatusResponse, ListRepliesRequest, ListRepliesResponse, Reason,
    RenderAnswerRequest, RenderAnswerResponse, TimelineEntry, WatchStatusRequest,
    WatchStatusResponse, answer_service_client::AnswerServiceClient, get_status_request::By,
    render_answer_request, status_service_server::StatusService,
};

use super::world::{STANDARDS, World};

const OWN_ID: &str = "e80fc86b-2c7f-54d6-a7e9-adc42891082b";

/// A console that knows some messages.
#[derive(Clone, Default)]
struct Known(HashMap<String, ApplicationStatus>);

type Answers<T> = Pin<Box<dyn futures_util::Stream<Item = Result<T, Status>> + Send>>;

#[async_trait]
impl StatusService for Known {
    type WatchStatusStream = Answers<WatchStatusResponse>;
    type FetchReplyStream = Answers<FetchReplyResponse>;

    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        assert!(request.extensions().get::<messaging::SenderName>().is_some());
        let Some(By::MessageId(id)) = request.into_inner().by else { panic!("by message id") };
        let found = self.0.get(&id).cloned().ok_or_else(|| Status::not_found("unknown"))?;
        Ok(Response::new(GetStatusResponse { applications: vec![found] }))
    }

    async fn watch_status(
        &self,
        _: Request<WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_replies(
        &self,
        _: Request<ListRepliesRequest>,
    ) -> Result<Response<ListRepliesResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn fetch_reply(
        &self,
        _: Request<FetchReplyRequest>,
    ) -> Result<Response<Self::FetchReplyStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

fn message_id(number: u32) -> String {
    format!("00000000-0000-5000-8000-{number:012}")
}

/// An application in `state`, with one delivery.
fn application(state: &str) -> ApplicationStatus {
    let entry = |seconds, kind: &str, code: &str, german: &str| TimelineEntry {
        at: Some(WireTimestamp { seconds, nanos: 1_000_000 }),
        kind: kind.to_owned(),
        code: code.to_owned(),
        german: german.to_owned(),
        ..TimelineEntry::default()
    };
    ApplicationStatus {
        own_id: OWN_ID.to_owned(),
        standard: "amtsbote-kfz".to_owned(),
        version: "1.0".to_owned(),
        message_type: "kfz.neuzulassung.0101".to_owned(),
        authority: "svb:14730000".to_owned(),
        case_reference: "NOS-2026-004711".to_owned(),
        state: state.to_owned(),
        is_projected: true,
        citizen_status: CitizenStatus::Processing.into(),
        deliveries: vec![DeliveryStatus {
            state: state.to_owned(),
            receipt: "36.2-NOS 2026/0815".to_owned(),
            ..DeliveryStatus::default()
        }],
        timeline: vec![
            entry(1_780_000_000, "accepted", "", "Der Antrag wurde geprüft und angenommen."),
            entry(1_780_000_060, state, "AB-3012", "Was zuletzt geschah \u{1f600}."),
        ],
        ..ApplicationStatus::default()
    }
}

struct Portal(AnswerServiceClient<tonic::transport::Channel>);

impl Portal {
    async fn of(applications: Vec<ApplicationStatus>) -> (World, Self) {
        let numbered = (1..).map(message_id).zip(applications);
        let known = Known(
            numbered
                .map(|(id, application)| {
                    (id.clone(), ApplicationStatus { message_id: id, ..application })
                })
                .collect(),
        );
        let world = World::answering(|_| {}, |_| known).await;
        let portal = Self(AnswerServiceClient::new(world.connection().await));
        (world, portal)
    }

    async fn ask(&mut self, number: u32, media_type: &str) -> Result<RenderAnswerResponse, Status> {
        let request = RenderAnswerRequest {
            by: Some(render_answer_request::By::MessageId(message_id(number))),
            reader: "lap:14000001".to_owned(),
            reader_name: "Landesportal Sachsen".to_owned(),
            media_type: media_type.to_owned(),
            ..RenderAnswerRequest::default()
        };
        self.0.render_answer(request).await.map(Response::into_inner)
    }
}

/// What a portal's own check says of an answer: kind, what it refers to, canonical message.
fn read(answer: &RenderAnswerResponse) -> (MessageKind, Option<String>, wire::canonical::Answer) {
    let (bytes, media_type) = (answer.document.clone(), Some(answer.media_type.clone()));
    let verdict = STANDARDS.check_blocking(Document { bytes, media_type, now: Timestamp(0) });
    assert!(verdict.violations.is_empty(), "{:?}", verdict.violations);
    assert_eq!(verdict.header.own_id.as_deref(), Some(&*answer.own_id));
    assert_eq!(verdict.header.author.as_deref(), Some("svb:14730000"));
    assert_eq!(verdict.header.authority.as_deref(), Some("lap:14000001"));
    let message = verdict.message.unwrap();
    let application: wire::canonical::Application =
        prost::Message::decode(message.canonical).unwrap();
    let Some(wire::canonical::application::Section::Answer(said)) = application.section else {
        panic!("no answer")
    };
    (verdict.recognised.unwrap().kind, verdict.header.refers_to, said)
}

#[tokio::test]
async fn each_state_is_told_by_the_message_for_it() {
    use MessageKind::{Receipt, Rejection, Status};
    let rows = [
        ("accepted", Receipt),
        ("delivered", Receipt),
        ("pending", Status),
        ("leased", Status),
        ("waiting", Status),
        ("uncertain", Status),
        // Nobody has decided yet.
        ("dead", Status),
        ("unrouted", Status),
        ("rejected", Rejection),
        ("conflict", Rejection),
        ("discarded", Rejection),
    ];
    let (_world, mut portal) = Portal::of(rows.map(|(state, _)| application(state)).to_vec()).await;
    for (number, (state, kind)) in (1..).zip(rows) {
        for media_type in ["application/xml", "application/json"] {
            let answer = portal.ask(number, media_type).await.unwrap();
            let (found, refers_to, said) = read(&answer);
            assert_eq!((found, answer.kind.as_str()), (kind, kind.as_str()), "{state}");
            assert_eq!(refers_to.as_deref(), Some(OWN_ID), "{state}");
            assert_eq!(said.occurred_at, "2026-05-28T20:27:40.001Z", "{state}");
            let is_receipt_by_number = said.file_number == "36.2-NOS 2026/0815";
            assert_eq!(is_receipt_by_number, kind != Rejection, "{state}");
            assert_eq!(said.reasons.is_empty(), kind != Rejection, "{state}");
            assert_eq!(said.text.is_empty(), kind == Rejection, "{state}");
        }
        let document = portal.ask(number, "").await.unwrap().document;
        let text = String::from_utf8(document.to_vec()).unwrap();
        assert!(text.contains(&format!("<referenzUUID>{OWN_ID}</referenzUUID>")), "{text}");
    }
}

#[tokio::test]
async fn a_rejection_gives_every_reason_of_every_system_that_said_no() {
    let reason = |code: &str, text: &str| Reason { code: code.to_owned(), text: text.to_owned() };
    let mut rejected = application("rejected");
    rejected.deliveries[0].reasons = vec![
        reason("T080", "Zuständig ist die Stadt."),
        reason("4711", "Die eVB-Nummer ist unbekannt."),
    ];
    let (_world, mut portal) = Portal::of(vec![rejected, application("discarded")]).await;
    let codes = |said: &wire::canonical::Answer| {
        let code = |code: &Option<wire::canonical::Code>| {
            code.as_ref().map_or_else(String::new, |code| code.code.clone())
        };
        let reasons = said.reasons.iter();
        reasons
            .map(|reason| {
                let detail = &reason.details[0];
                (code(&reason.code), code(&detail.code), detail.text.clone())
            })
            .collect::<Vec<_>>()
    };
    let row = |code: &str, detail: &str, text: &str| {
        (code.to_owned(), detail.to_owned(), text.to_owned())
    };
    let (_, _, said) = read(&portal.ask(1, "").await.unwrap());
    let expected = [
        row("T080", "", "Zuständig ist die Stadt."),
        row("S999", "4711", "Die eVB-Nummer ist unbekannt."),
    ];
    assert_eq!(codes(&said), expected);
    assert!(said.rejecting_authority.is_none(), "the authority itself said no");
    let (_, _, said) = read(&portal.ask(2, "").await.unwrap());
    assert_eq!(codes(&said), [row("S999", "AB-3012", "Was zuletzt geschah ?.")]);
    assert_eq!(said.rejecting_authority.unwrap().authority.unwrap().name, "Amtsbote");
    assert_eq!(said.transport.unwrap().message_id, message_id(2));
}

#[tokio::test]
async fn the_same_state_is_the_same_message_and_another_state_another() {
    let mut later = application("waiting");
    later.timeline.push(later.timeline[1].clone());
    let (_world, mut portal) = Portal::of(vec![application("waiting"), later]).await;
    let first = portal.ask(1, "").await.unwrap();
    assert_eq!(portal.ask(1, "").await.unwrap(), first);
    assert_ne!(portal.ask(2, "").await.unwrap().own_id, first.own_id);
    let json = portal.ask(1, "application/json").await.unwrap();
    assert_ne!(json.own_id, first.own_id, "other bytes are another message");
}

#[tokio::test]
async fn an_answer_is_not_answered_in_kind() {
    let answered = |message_type: &str, state: &str| ApplicationStatus {
        standard: "amtsbote-antwort".to_owned(),
        message_type: message_type.to_owned(),
        ..application(state)
    };
    let rows = [
        ("antwort.rueckweisung.0905", "rejected", false),
        ("antwort.rueckweisung.0905", "delivered", true),
        ("antwort.quittung.0901", "delivered", false),
        ("antwort.quittung.0901", "rejected", true),
        ("antwort.bescheid.0904", "delivered", true),
    ];
    let applications = rows.map(|(message_type, state, _)| answered(message_type, state));
    let (_world, mut portal) = Portal::of(applications.to_vec()).await;
    for (number, (message_type, state, is_answered)) in (1..).zip(rows) {
        match portal.ask(number, "").await {
            Ok(answer) => {
                read(&answer);
                assert!(is_answered, "{message_type} {state}");
            }
            Err(status) => {
                assert!(!is_answered, "{message_type} {state}");
                assert_eq!(status.code(), Code::FailedPrecondition);
                let info = status.get_details_error_info().unwrap();
                assert_eq!(info.reason, "AB-1080");
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_said_is_told_with_every_reason() {
    let (_world, mut portal) = Portal::of(vec![application("delivered")]).await;
    let mut request = RenderAnswerRequest {
        by: Some(render_answer_request::By::MessageId(message_id(1))),
        reader: "lap:14000001".to_owned(),
        standard: "amtsbote-kfz".to_owned(),
        ..RenderAnswerRequest::default()
    };
    let refused = portal.0.render_answer(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "AB-4301");
    request.reader = "nobody".to_owned();
    let refused = portal.0.render_answer(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(portal.ask(7, "").await.unwrap_err().code(), Code::NotFound);
}
