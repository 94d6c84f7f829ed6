//! The three roles as processes of their own, meeting on a real Kafka broker.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a long test says how far it is, and what it measured")]

use std::{fs, path::Path, time::Duration};

use tests::{
    configuration::{Configuration, ROLES, System},
    documents::Kfz,
    kafka::Broker,
    portal::{self, Portal},
    process::{Process, Program, STARTS_WITHIN, Wrapper},
    receiver::Receiver,
    scenarios::{self, Setting},
    source, wait,
};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;
use wire::{
    intake::SubmitRequest,
    status::{GetStatusRequest, get_status_request::By},
};

const SOON: Duration = Duration::from_secs(60);
const NORDSACHSEN: &str = "svb:14730000";
const GOERLITZ: &str = "svb:14626000";

/// What a process may have in memory when it does nothing.
const IDLE_BYTES_MAX: usize = 60 << 20;

#[tokio::test]
async fn what_holds_in_one_process_holds_in_three() {
    let Some(broker) = Broker::start("the main job on three processes") else { return };
    let setting = Setting::Apart(broker.address().to_owned());
    eprintln!("delivered, and found by status");
    scenarios::an_application_reaches_a_directory_and_an_http_inbox(&setting).await;
    eprintln!("repeated");
    scenarios::the_same_message_again_gets_the_same_receipt_and_is_delivered_once(&setting).await;
    scenarios::the_same_id_with_other_bytes_is_never_delivered(&setting).await;
    eprintln!("claims and replies");
    scenarios::attachments_arrive_beside_their_document(&setting).await;
    scenarios::a_systems_answer_reaches_the_portal(&setting).await;
    scenarios::json_travels_like_xml(&setting).await;
    eprintln!("order, refusals, absence");
    scenarios::what_nobody_is_responsible_for_is_told_at_once(&setting).await;
    scenarios::a_case_keeps_its_order_through_a_stream(&setting).await;
    scenarios::an_absent_system_costs_no_attempt_and_gets_everything_later(&setting).await;
    scenarios::a_departmental_systems_no_reaches_the_portal(&setting).await;
    eprintln!("watched");
    scenarios::a_watcher_resumes_where_it_was_cut_off(&setting).await;
    scenarios::published_messages_of_another_standard_travel_with_their_dirt(&setting).await;
}

#[tokio::test]
async fn a_countys_dispatcher_sees_its_countys_channel_only() {
    let Some(broker) = Broker::start("area channels") else { return };
    let receiver = Receiver::start().await;
    let inbox = |name: &str| System::http(name, &receiver.url(name), "deduplicates");
    // Both would take everything: what keeps them apart is the channel alone.
    let configuration = Configuration::apart(broker.address())
        .with("[[route]]\ndomain = \"kfz\"\nauthority = \"svb:14730\"\narea = \"nordsachsen\"")
        .with("[[route]]\ndomain = \"kfz\"\nauthority = \"svb:14626\"\narea = \"goerlitz\"")
        .with("[dispatcher]\nchannels = [\"application.kfz.nordsachsen\"]")
        .with_system(&inbox("nordsachsen"));
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    let theirs = portal.receipt(kfz.document_for(GOERLITZ, 1, 0)).await;
    let ours = portal.receipt(kfz.document_for(NORDSACHSEN, 2, 0)).await;
    portal.until(&ours.message_id, "delivered", SOON).await;
    // The console shows both; a channel that nobody reads yet is kept.
    let waiting = portal.until(&theirs.message_id, "accepted", SOON).await;
    assert!(waiting.deliveries.is_empty(), "{:?}", waiting.deliveries);
    assert_eq!(receiver.count("nordsachsen"), 1);

    let file = configuration.write_role("dispatcher");
    let (_, said) = Process::refuse(&["dispatcher"], &file, "a ledger in use").await;
    assert!(said.contains("AB-2001"), "two processes on one ledger: {said}");

    let other = configuration.folder().join("goerlitz.toml");
    let text = fs::read_to_string(&file).expect("as written");
    let text = text
        .replace("application.kfz.nordsachsen", "application.kfz.goerlitz")
        .replace("data-dispatcher", "data-goerlitz")
        .replace("\"nordsachsen\"", "\"goerlitz\"")
        .replace("/nordsachsen", "/goerlitz");
    fs::write(&other, text).expect("a file in a folder of ours");
    let goerlitz = Process::start(&["dispatcher"], &other, Wrapper::default(), STARTS_WITHIN).await;
    portal.until(&theirs.message_id, "delivered", SOON).await;
    assert_eq!((receiver.count("nordsachsen"), receiver.count("goerlitz")), (1, 1));
    assert!(goerlitz.end().await.success() && program.end().await.success());
}

#[tokio::test]
async fn without_its_console_the_gateway_takes_applications_and_says_that_status_must_wait() {
    let Some(broker) = Broker::start("a dead console") else { return };
    let receiver = Receiver::start().await;
    let inbox = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let configuration =
        Configuration::apart(broker.address()).with_standard_route("kfz").with_system(&inbox);
    let mut program = Program::start(&configuration).await;
    only_what_listens_is_named(&program);
    // The first start after standards were installed makes their tables, and the memory for that stays
    // with the process: beyond the bound in a debug build. Later ones find them.
    program.kill_role("gateway").await;
    program.start_role("gateway").await;
    idle_processes_are_small(&program).await;
    let kfz = Kfz::read();
    let portal = Portal::new(program.gateway());
    let first = portal.receipt(kfz.document(1, 0)).await;
    portal.until(&first.message_id, "delivered", SOON).await;

    program.kill_role("console").await;
    let second = portal.receipt(kfz.document(2, 0)).await;
    wait::until_equal("its delivery", SOON, 2, || async { receiver.count("inbox") }).await;
    let answer = portal.status(&second.message_id).await.expect_err("nobody knows");
    assert_eq!(answer.code(), Code::Unavailable, "{}", portal::told(&answer));
    assert_eq!(portal::code(&answer).as_deref(), Some("AB-1070"));
    assert!(answer.get_details_retry_info().is_some(), "when to ask again");
    program.start_role("console").await;
    wait::until("status again", SOON, || async {
        let status = portal.status(&second.message_id).await.ok()?;
        (status.state == "delivered").then_some(())
    })
    .await;

    // A gateway that remembers nothing gives the same message the same name.
    program.kill_role("gateway").await;
    program.start_role("gateway").await;
    let portal = Portal::new(program.gateway());
    let again = portal.receipt(kfz.document(2, 0)).await;
    assert_eq!(again.message_id, second.message_id);
    assert!(program.end().await.success());
    assert_eq!(receiver.count("inbox"), 2);
}

/// The same three files, with the environment of one machine instead of the compose file's.
#[tokio::test]
async fn the_files_of_the_compose_file_run_by_hand() {
    let Some(broker) = Broker::start("the files in deploy/") else { return };
    let configuration = Configuration::apart(broker.address());
    let folder = configuration.folder();
    let (inbox, secrets) = (folder.join("inbox"), folder.join("secrets"));
    for made in [&inbox, &secrets] {
        fs::create_dir_all(made).expect("a folder of ours");
    }
    for secret in ["landesportal", "status"] {
        let token = format!("{secret}-token-of-this-test");
        fs::write(secrets.join(format!("{secret}.token")), token).expect("a file of ours");
    }
    let path = |name: &str| folder.join(name).display().to_string();
    let common = |wrapper: Wrapper| {
        wrapper
            .with_logs_in(folder)
            .with_variable("AMTSBOTE_KAFKA", broker.address())
            .with_variable("AMTSBOTE_CLAIMS", &path("claims"))
            .with_variable("AMTSBOTE_DATA", &path("data"))
            .with_variable("AMTSBOTE_SECRETS", &path("secrets"))
    };
    let console = common(Wrapper::default())
        .with_variable("AMTSBOTE_CONSOLE_LISTEN", "127.0.0.1:0")
        .with_variable("AMTSBOTE_JOURNAL", &path("journal"));
    let console = start_shipped("console", console).await;
    let dispatcher = common(Wrapper::default())
        .with_variable("AMTSBOTE_DISPATCHER_OPERATIONS", "127.0.0.1:0")
        .with_variable("AMTSBOTE_INBOX", &path("inbox"))
        .with_variable("AMTSBOTE_LEDGER", &path("ledger"));
    let dispatcher = start_shipped("dispatcher", dispatcher).await;
    let gateway = common(Wrapper::default())
        .with_variable("AMTSBOTE_GATEWAY_LISTEN", "127.0.0.1:0")
        .with_variable("AMTSBOTE_GATEWAY_OPERATIONS", "127.0.0.1:0")
        .with_variable("AMTSBOTE_CONSOLE", &console.address("console").to_string());
    let gateway = start_shipped("gateway", gateway).await;

    for (process, name) in
        [(&gateway, "operations"), (&dispatcher, "operations"), (&console, "console")]
    {
        wait::until("every process to be healthy", SOON, || async {
            let url = format!("http://{}", process.address(name));
            let output = tests::process::run(&["health", &url], Path::new("/"), SOON).await;
            output.status.success().then_some(())
        })
        .await;
    }
    let portal = Portal::new(gateway.address("gateway"));
    let document = Kfz::read().document_for(NORDSACHSEN, 1, 0);
    let request = SubmitRequest { document: document.clone(), ..SubmitRequest::default() };
    let nobody = portal.send(request.clone()).await.expect_err("a portal proves who it is");
    assert_eq!(nobody.code(), Code::Unauthenticated, "{}", portal::told(&nobody));
    let response = portal.intake.clone().submit(of_the_portal(request)).await.expect("accepted");
    let message_id = response.into_inner().receipt.expect("a receipt").message_id;
    wait::until("its delivery to be told", SOON, || async {
        let by = Some(By::MessageId(message_id.clone()));
        let request = of_the_portal(GetStatusRequest { by, position: None });
        let answer = portal.status.clone().get_status(request).await.ok()?.into_inner();
        (answer.applications.first()?.state == "delivered").then_some(())
    })
    .await;
    let entries = fs::read_dir(&inbox).expect("a folder of ours");
    let files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let xml = files.iter().find(|file| file.extension().is_some_and(|kind| kind == "xml"));
    assert_eq!(fs::read(xml.expect("the document")).expect("a file"), document);
    for process in [gateway, dispatcher, console] {
        assert!(process.end().await.success());
    }
}

async fn start_shipped(role: &str, wrapper: Wrapper) -> Process {
    let file = source::root().join(format!("deploy/{role}.toml"));
    Process::start(&[role], &file, wrapper, STARTS_WITHIN).await
}

fn of_the_portal<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let bearer = "Bearer landesportal-token-of-this-test";
    request.metadata_mut().insert("authorization", bearer.parse().expect("ASCII"));
    request
}

fn only_what_listens_is_named(program: &Program) {
    let named = ROLES.map(|role| program.role(role).listening());
    assert_eq!(named[0], ["gateway", "operations"]);
    assert_eq!(named[1], ["operations"]);
    assert_eq!(named[2], ["console"]);
}

async fn idle_processes_are_small(program: &Program) {
    for role in ROLES {
        let process = program.role(role);
        let (bytes, started) = (process.memory_now(), process.started_within());
        eprintln!("{role}: idle with {} MiB, listening after {started:?}", bytes >> 20);
        assert!(bytes < IDLE_BYTES_MAX, "{role} has {bytes} bytes in memory");
    }
}
