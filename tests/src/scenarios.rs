//! The main job on real wiring: from a portal's call into a county's system, and back. Told once, and
//! run with all roles in one process and with each in its own.

use std::{fs, path::Path, time::Duration};

use axum::body::Bytes;
use tonic::{Code, Request};
use wire::{
    intake::{
        AttachmentInfo, AttachmentReference, SubmitRequest, SubmitStreamRequest,
        submit_stream_response::Answer,
    },
    status::{
        ApplicationStatus, CitizenStatus, FetchReplyRequest, ListRepliesRequest,
        WatchStatusRequest, list_replies_request,
    },
};

use crate::{
    configuration::{Configuration, System},
    documents::{self, Kfz},
    machine,
    portal::{self, Portal},
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};

const SOON: Duration = Duration::from_secs(60);

/// How the roles run.
#[derive(Clone, Debug)]
pub enum Setting {
    /// All in one process, embedded.
    Together,
    /// Each in a process of its own, on the Kafka broker at this address.
    Apart(String),
}

impl Setting {
    /// Of a new installation.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        match self {
            Self::Together => Configuration::new(),
            Self::Apart(broker) => Configuration::apart(broker),
        }
    }
}

/// An application reaches a directory and an http inbox.
pub async fn an_application_reaches_a_directory_and_an_http_inbox(setting: &Setting) {
    let receiver = Receiver::start().await;
    let configuration = with_both(setting, &receiver);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let document = Kfz::read().document(1, 0);

    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut request =
        Request::new(SubmitRequest { document: document.clone(), ..Default::default() });
    let traceparent = format!("00-{trace}-b7ad6b7169203331-01");
    request.metadata_mut().insert("traceparent", traceparent.parse().expect("ASCII"));
    let response = portal.intake.clone().submit(request).await.expect("accepted").into_inner();
    let receipt = response.receipt.expect("a receipt");
    assert_eq!(receipt.own_id, documents::own_id_of(1, 0).to_string());

    let status = until_state(&portal, &receipt.message_id, "delivered").await;
    assert_eq!(status.deliveries.len(), 2, "one delivery for each system");
    assert!(status.deliveries.iter().all(|delivery| delivery.state == "delivered"));
    assert_eq!(status.citizen_status(), CitizenStatus::Processing);
    assert_eq!(status.sha256, receipt.sha256);

    let arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), 1);
    assert_eq!(arrivals[0].body, document, "the original bytes");
    assert!(uuid::Uuid::parse_str(&arrivals[0].key).is_ok(), "a delivery key");
    let arrived = arrivals[0].traceparent.as_deref().unwrap_or_default();
    assert_eq!(arrived.get(3..35), Some(trace), "one trace through all of it");
    assert_eq!(files_in(&configuration.folder().join("files")), [document.to_vec()]);
    let receipts: Vec<&str> = status.deliveries.iter().map(|d| d.receipt.as_str()).collect();
    assert!(receipts.iter().all(|receipt| !receipt.is_empty()), "{receipts:?}");
    assert!(program.end().await.success());
}

/// The same message again gets the same receipt and is delivered once.
pub async fn the_same_message_again_gets_the_same_receipt_and_is_delivered_once(setting: &Setting) {
    let receiver = Receiver::start().await;
    let configuration = with_inbox(setting, &receiver);
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());

    let first = portal.receipt(kfz.document(1, 0)).await;
    let again = portal.receipt(kfz.document(1, 0)).await;
    assert_eq!(first, again);
    until_state(&portal, &first.message_id, "delivered").await;

    // A gateway that was started anew remembers nothing; then the ledger tells.
    assert!(program.end().await.success());
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let later = portal.receipt(kfz.document(1, 0)).await;
    assert_eq!((&later.message_id, &later.sha256), (&first.message_id, &first.sha256));
    until_told(&portal, &first.message_id, "duplicate").await;
    let next = portal.receipt(kfz.document(2, 0)).await;
    until_state(&portal, &next.message_id, "delivered").await;
    assert_eq!(receiver.arrivals().len(), 2, "one for each message");
}

/// The same id with other bytes is never delivered.
pub async fn the_same_id_with_other_bytes_is_never_delivered(setting: &Setting) {
    let receiver = Receiver::start().await;
    let configuration = with_inbox(setting, &receiver);
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(kfz.document(1, 0)).await;
    let other = [kfz.document(1, 0).as_ref(), b"\n<!-- changed -->\n"].concat();

    let refusal = portal.submit(other.clone()).await.expect_err("other bytes");
    assert_eq!(refusal.code(), Code::AlreadyExists, "{}", portal::told(&refusal));
    assert_eq!(portal::code(&refusal).as_deref(), Some("AB-1018"));
    until_state(&portal, &receipt.message_id, "delivered").await;

    // As above: what the gateway forgot, the ledger knows.
    assert!(program.end().await.success());
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    portal.receipt(other).await;
    until_told(&portal, &receipt.message_id, "conflict").await;
    assert_eq!(receiver.arrivals().len(), 1);
}

/// Attachments arrive beside their document.
pub async fn attachments_arrive_beside_their_document(setting: &Setting) {
    let configuration = setting.configuration().with_standard_route("kfz");
    let folder = configuration.folder().join("files");
    fs::create_dir_all(&folder).expect("a folder of ours");
    let configuration = configuration.with_system(&System::directory("files", &folder));
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let document = documents::example("ausserbetriebsetzung-nordsachsen.xml");

    // Without its file the document is refused; with it, both arrive.
    let refusal = portal.submit(document.clone()).await.expect_err("a file is missing");
    assert_eq!(portal::code(&refusal).as_deref(), Some("AB-1023"), "{}", portal::told(&refusal));
    let media_type = "application/pdf".to_owned();
    let info = AttachmentInfo { media_type: media_type.clone(), ..Default::default() };
    let pieces: Vec<Bytes> = (0..40).map(|n| Bytes::from(vec![n; 50_000])).collect();
    let file = pieces.concat();
    let upload = portal.upload(info, pieces.into_iter()).await.expect("stored");
    let attachment = AttachmentReference {
        ticket: upload.ticket,
        name: "verwertungsnachweis.pdf".to_owned(),
        media_type,
        sha256: upload.sha256,
    };
    let request = SubmitRequest {
        document: document.clone(),
        attachments: vec![attachment],
        ..Default::default()
    };
    let response = portal.send(request).await.expect("accepted");
    let receipt = response.receipt.expect("a receipt");
    until_state(&portal, &receipt.message_id, "delivered").await;

    assert_eq!(files_in(&folder), [document.to_vec()]);
    let pdf = fs::read_dir(&folder).expect("a folder of ours").find_map(|entry| {
        let path = entry.expect("an entry").path();
        path.extension().is_some_and(|kind| kind == "pdf").then_some(path)
    });
    assert_eq!(fs::read(pdf.expect("the attachment")).expect("a file"), file);
}

/// Json travels like xml.
pub async fn json_travels_like_xml(setting: &Setting) {
    let receiver = Receiver::start().await;
    let program = Program::start(&with_inbox(setting, &receiver)).await;
    let portal = Portal::new(program.gateway());
    let document = documents::example("neuzulassung-nordsachsen.json");
    let receipt = portal.receipt(document.clone()).await;
    assert_eq!(receipt.standard, "amtsbote-kfz");
    until_state(&portal, &receipt.message_id, "delivered").await;
    assert_eq!(receiver.effects()[0].body, document, "the original bytes");
}

/// A systems answer reaches the portal.
pub async fn a_systems_answer_reaches_the_portal(setting: &Setting) {
    let receiver = Receiver::start().await;
    let mut system = inbox(&receiver);
    system.settings.push_str("\nreply = \"document\"");
    let configuration = setting.configuration().with_standard_route("kfz").with_system(&system);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(Kfz::read().document(1, 0)).await;
    let by = list_replies_request::By::MessageId(receipt.message_id.clone());
    let request = ListRepliesRequest { by: Some(by), ..Default::default() };
    let reply = wait::until("a reply", SOON, || async {
        match portal.status.clone().list_replies(request.clone()).await {
            Ok(listed) => listed.into_inner().replies.pop(),
            Err(answer) if portal::is_to_ask_again(&answer) => None,
            Err(answer) => panic!("a message with a receipt is known: {}", portal::told(&answer)),
        }
    })
    .await;
    assert_eq!((reply.endpoint.as_str(), reply.kind.as_str()), ("inbox", "document"));
    let request = FetchReplyRequest { reply_id: reply.reply_id, canonical: false };
    let fetched = portal.status.clone().fetch_reply(request).await;
    let mut parts = fetched.expect("a stream").into_inner();
    let mut body = Vec::new();
    while let Some(part) = parts.message().await.expect("the stream ends in order") {
        body.extend_from_slice(&part.chunk);
    }
    let key = &receiver.arrivals()[0].key;
    assert_eq!(String::from_utf8_lossy(&body), format!("{{\"receipt\":\"AZ-{key}\"}}"));
}

/// What nobody is responsible for is told at once.
pub async fn what_nobody_is_responsible_for_is_told_at_once(setting: &Setting) {
    let receiver = Receiver::start().await;
    let configuration = setting
        .configuration()
        .with("[[route]]\ndomain = \"kfz\"\nauthority = \"svb:14730\"")
        .with_system(&inbox(&receiver));
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();

    portal.receipt(kfz.document_for("svb:14730000", 1, 0)).await;
    let refusal =
        portal.submit(kfz.document_for("svb:15085000", 2, 0)).await.expect_err("no route");
    assert_eq!(refusal.code(), Code::FailedPrecondition, "{}", portal::told(&refusal));
    assert_eq!(portal::code(&refusal).as_deref(), Some("AB-1030"));
}

/// A case keeps its order through a stream.
pub async fn a_case_keeps_its_order_through_a_stream(setting: &Setting) {
    let receiver = Receiver::start().await;
    let slow = Manner { answer_after: Duration::from_millis(30), ..Manner::default() };
    receiver.behave("inbox", slow);
    let program = Program::start(&with_inbox(setting, &receiver)).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();

    let requests: Vec<_> = (0..60)
        .map(|number| SubmitStreamRequest {
            correlation: u64::from(number),
            request: Some(SubmitRequest {
                document: kfz.document(number % 3, number / 3),
                ..Default::default()
            }),
        })
        .collect();
    let answers = portal.intake.clone().submit_stream(tokio_stream::iter(requests)).await;
    let mut answers = answers.expect("a stream").into_inner();
    let mut last = String::new();
    let mut count = 0;
    while let Some(answer) = answers.message().await.expect("the stream ends in order") {
        let Some(Answer::Accepted(accepted)) = answer.answer else { panic!("{answer:?}") };
        let receipt = accepted.receipt.expect("a receipt");
        let (case, sequence) = (answer.correlation % 3, answer.correlation / 3);
        let own_id = documents::own_id_of(
            u32::try_from(case).expect("few"),
            u32::try_from(sequence).expect("few"),
        );
        assert_eq!(receipt.own_id, own_id.to_string(), "the caller's number comes back");
        count += 1;
        last = receipt.message_id;
    }
    assert_eq!(count, 60);
    until_state(&portal, &last, "delivered").await;
    wait::until_equal("all of them", SOON, 60, || async { receiver.effects().len() }).await;
    let mut next = [0; 3];
    for (case, sequence) in
        receiver.effects().iter().filter_map(|e| e.own_id).map(documents::place_of)
    {
        assert_eq!(sequence, next[case as usize], "case {case}");
        next[case as usize] += 1;
    }
}

/// An absent system costs no attempt and gets everything later.
pub async fn an_absent_system_costs_no_attempt_and_gets_everything_later(setting: &Setting) {
    let receiver = Receiver::start().await;
    receiver.behave("inbox", Manner { status: 503, ..Manner::default() });
    let program = Program::start(&with_inbox(setting, &receiver)).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    let mut receipts = Vec::new();
    for case in 0..10 {
        receipts.push(portal.receipt(kfz.document(case, 0)).await);
    }
    wait::until("a first try", SOON, || async { (0 < receiver.sequence()).then_some(()) }).await;
    receiver.behave("inbox", Manner::default());
    for receipt in receipts {
        let status = until_state(&portal, &receipt.message_id, "delivered").await;
        assert!(status.deliveries[0].attempts <= 1, "{:?}", status.deliveries);
    }
}

/// A departmental systems no reaches the portal.
pub async fn a_departmental_systems_no_reaches_the_portal(setting: &Setting) {
    let receiver = Receiver::start().await;
    receiver.behave("inbox", Manner { status: 422, ..Manner::default() });
    let program = Program::start(&with_inbox(setting, &receiver)).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    let receipt = portal.receipt(kfz.document(1, 0)).await;
    let status = until_state(&portal, &receipt.message_id, "rejected").await;
    assert_eq!(status.deliveries[0].attempts, 1);
    // The case goes on.
    receiver.behave("inbox", Manner::default());
    let next = portal.receipt(kfz.document(1, 1)).await;
    until_state(&portal, &next.message_id, "delivered").await;
}

/// A watcher resumes where it was cut off.
pub async fn a_watcher_resumes_where_it_was_cut_off(setting: &Setting) {
    let receiver = Receiver::start().await;
    let program = Program::start(&with_inbox(setting, &receiver)).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    let first = portal.receipt(kfz.document(1, 0)).await;
    let cursor = watched_until_delivered(&portal, String::new(), &first.message_id).await;
    let second = portal.receipt(kfz.document(2, 0)).await;
    until_state(&portal, &second.message_id, "delivered").await;
    // Nothing in between is missed, and what was told is not told again.
    watched_until_delivered(&portal, cursor, &second.message_id).await;
}

/// Published messages of another standard travel with their dirt.
pub async fn published_messages_of_another_standard_travel_with_their_dirt(setting: &Setting) {
    let Some(data) = machine::data("published XWasser messages from end to end") else { return };
    let receiver = Receiver::start().await;
    let configuration = setting.configuration();
    let standards = documents::install_xwasser(&data, configuration.folder());
    let mut system = inbox(&receiver);
    system.test = true;
    let configuration = configuration
        .with_standards(&standards)
        .with("[[route]]\ndomain = \"wasser\"\narea = \"test\"\ntest = true")
        .with_system(&system);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let samples = documents::xwasser(&data);
    for (name, is_valid) in [
        ("administration_receipt.xml", true),
        ("olb_report_minimal.xml", true),
        ("quality_report_minimal.xml", false),
        ("quality_report_maximal.xml", false),
        ("monitoring_plan_minimal_test_result.xml", false),
        ("monitoring_plan_minimal.xml", false),
    ] {
        match portal.submit(samples[name].clone()).await {
            Ok(response) => {
                assert!(is_valid, "{name} must be refused");
                assert!(!response.warnings.is_empty(), "{name} has dirt, which is told");
                let receipt = response.receipt.expect("a receipt");
                assert!(receipt.is_test, "{name}");
                until_state(&portal, &receipt.message_id, "delivered").await;
                let bodies: Vec<_> = receiver.effects().into_iter().map(|e| e.body).collect();
                assert!(bodies.contains(&samples[name]), "{name} arrives as it was sent");
            }
            Err(status) => assert!(!is_valid, "{name}: {}", portal::told(&status)),
        }
    }
    assert_eq!(receiver.effects().len(), 2);
}

fn inbox(receiver: &Receiver) -> System {
    System::http("inbox", &receiver.url("inbox"), "deduplicates")
}

fn with_inbox(setting: &Setting, receiver: &Receiver) -> Configuration {
    setting.configuration().with_standard_route("kfz").with_system(&inbox(receiver))
}

fn with_both(setting: &Setting, receiver: &Receiver) -> Configuration {
    let configuration = with_inbox(setting, receiver);
    let folder = configuration.folder().join("files");
    fs::create_dir_all(&folder).expect("a folder of ours");
    configuration.with_system(&System::directory("files", &folder))
}

async fn until_state(portal: &Portal, message_id: &str, state: &str) -> ApplicationStatus {
    portal.until(message_id, state, SOON).await
}

async fn until_told(portal: &Portal, message_id: &str, kind: &str) -> ApplicationStatus {
    wait::until(&format!("{kind} of {message_id}"), SOON, || async {
        let status = match portal.status(message_id).await {
            Ok(status) => status,
            Err(answer) if portal::is_to_ask_again(&answer) => return None,
            Err(answer) => panic!("a message with a receipt is known: {}", portal::told(&answer)),
        };
        status.timeline.iter().any(|entry| entry.kind == kind).then_some(status)
    })
    .await
}

/// Watches until `message_id` is delivered, and gives the last cursor.
async fn watched_until_delivered(portal: &Portal, cursor: String, message_id: &str) -> String {
    let request = WatchStatusRequest { cursor, ..Default::default() };
    let watching = portal.status.clone().watch_status(request).await;
    let mut answers = watching.expect("a stream").into_inner();
    let watched = async {
        loop {
            let answer = answers.message().await.expect("no end").expect("no end");
            if answer.message_id == message_id && answer.state == "delivered" {
                return answer.cursor;
            }
        }
    };
    tokio::time::timeout(SOON, watched).await.expect("it is told in time")
}

fn files_in(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder of ours");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let files = paths.filter(|path| path.extension().is_some_and(|kind| kind == "xml"));
    files.map(|path| fs::read(path).expect("a file")).collect()
}
