//! Commands: durable before the answer, and shown with what became of them.

use messaging::{Command, CommandId, MessageId, Order};
use tonic::{Code, transport::Channel as Connection};
use tonic_types::StatusExt as _;
use wire::control::{
    CommandState, GetCommandRequest, IssueCommandRequest, ListCommandsRequest,
    ListUndecidedRequest,
    control_service_client::ControlServiceClient,
    issue_command_request::{DeliveryOrder, EditOrder, Order as Asked, Pause, Resume},
};

use super::*;

pub(super) async fn client(console: &Console) -> ControlServiceClient<Connection> {
    let address = format!("http://{}", console.address.unwrap());
    let endpoint = tonic::transport::Endpoint::from_shared(address).unwrap();
    ControlServiceClient::new(endpoint.connect().await.unwrap())
}

pub(super) fn pause() -> IssueCommandRequest {
    IssueCommandRequest {
        command_id: String::new(),
        endpoint: "nordsachsen-kfz".to_owned(),
        operator: "erika".to_owned(),
        reason: "Wartung".to_owned(),
        order: Some(Asked::Pause(Pause {})),
    }
}

/// Everything on `control` so far.
pub(super) async fn commands(console: &Console) -> Vec<Command> {
    let group = messaging::GroupId::new("test").unwrap();
    let positions = Box::new(messaging::conformance::channel::Positions::default());
    let channels = [ChannelName::control()];
    let mut reader = console.channel.subscribe(&group, &channels, positions).await.unwrap();
    let wait = std::time::Duration::from_millis(1);
    let mut commands = Vec::new();
    while let Some(batch) = reader.receive(100, wait).await.unwrap() {
        let of = batch.records.iter().map(|(_, _, record)| codec::decode_command(record).unwrap());
        commands.extend(of);
    }
    commands
}

fn answer(command: CommandId, code: Option<&str>) -> Record {
    let endpoint = EndpointName::new("nordsachsen-kfz").unwrap();
    let event = Event {
        id: format!("ledger-1-command-{command}"),
        at: NOW,
        message_id: None,
        case_id: None,
        sender: None,
        delivery: None,
        kind: match code {
            None => EventKind::CommandAccepted { command, endpoint },
            Some(_) => EventKind::CommandRefused { command, endpoint },
        },
        code: code.map(str::to_owned),
        cause: code.map(|_| "because".to_owned()),
        trace: None,
    };
    codec::encode_event(&event, "amtsbote/test")
}

#[tokio::test]
async fn a_command_is_on_the_channel_before_it_is_answered_and_its_answer_is_shown() {
    let mut console = Console::new();
    console.run().await;
    let mut client = client(&console).await;
    let issued = client.issue_command(pause()).await.unwrap().into_inner();
    let there = commands(&console).await;
    assert_eq!(there.len(), 1);
    assert_eq!(there[0].id.to_string(), issued.command_id);
    assert_eq!((there[0].operator.as_str(), &there[0].order), ("erika", &Order::Pause));
    assert_eq!(issued.position.unwrap().channel, "control");

    let position = console.append(answer(there[0].id, Some("AB-3221"))).await;
    console.projected(&position).await;
    let wait = Some(prost_types::Duration { seconds: 20, nanos: 0 });
    let request = GetCommandRequest { command_id: issued.command_id, wait };
    let told = client.get_command(request).await.unwrap().into_inner().command.unwrap();
    assert_eq!((told.state(), told.code.as_str()), (CommandState::Refused, "AB-3221"));
    let page = ListCommandsRequest { endpoint: "nordsachsen-kfz".to_owned(), ..Default::default() };
    let listed = client.list_commands(page).await.unwrap().into_inner().commands;
    assert_eq!(listed, [told]);
}

#[tokio::test]
async fn a_command_nobody_answers_is_told_with_a_code() {
    let mut console = Console::new();
    console.run().await;
    // Issued long ago by the console's clock.
    let command = Command {
        id: CommandId(uuid::Uuid::from_u128(7)),
        at: Timestamp(NOW.0 - 60_000_000),
        operator: messaging::OperatorName::new("erika").unwrap(),
        endpoint: EndpointName::new("goerlitz-kfz").unwrap(),
        order: Order::Resume,
        reason: None,
    };
    let position = console.append(codec::encode_command(&command, "amtsbote/test")).await;
    console.projected(&position).await;
    let mut client = client(&console).await;
    let request = |id: CommandId| GetCommandRequest { command_id: id.to_string(), wait: None };
    let told = client.get_command(request(command.id)).await.unwrap().into_inner().command.unwrap();
    assert_eq!((told.state(), told.code.as_str()), (CommandState::Issued, "AB-1410"));
    let nobody = CommandId(uuid::Uuid::from_u128(8));
    let unknown = client.get_command(request(nobody)).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(unknown.get_details_error_info().unwrap().reason, "AB-1411");
}

#[tokio::test]
async fn a_decision_names_the_version_that_is_known() {
    let mut console = Console::new();
    console.run().await;
    let head = head("KFZ-2026-0001");
    console.append(application(&head)).await;
    let told = codec::decode_event(&delivered(&head)).unwrap();
    let delivery = told.delivery.map(|delivery| DeliveryVersion {
        state: DeliveryState::Dead,
        version: 5,
        ..delivery
    });
    let dead = Event { kind: EventKind::DeadLettered, delivery, ..told };
    let position = console.append(codec::encode_event(&dead, "amtsbote/test")).await;
    console.projected(&position).await;
    let mut client = client(&console).await;
    let listed = client.list_undecided(ListUndecidedRequest::default()).await.unwrap().into_inner();
    let [of_it] = listed.deliveries.as_slice() else { panic!("one delivery") };
    assert_eq!((of_it.state.as_str(), of_it.version.as_ref().unwrap().version), ("dead", 5));
    for (endpoint, message_id, expected) in [
        ("", head.message_id.to_string(), 1),
        ("goerlitz-kfz", String::new(), 0),
        ("", uuid::Uuid::nil().to_string(), 0),
    ] {
        let request = ListUndecidedRequest {
            endpoint: endpoint.to_owned(),
            message_id,
            ..ListUndecidedRequest::default()
        };
        let listed = client.list_undecided(request).await.unwrap().into_inner();
        assert_eq!(listed.deliveries.len(), expected, "{endpoint}");
    }

    let replay = |message_id: MessageId| IssueCommandRequest {
        order: Some(Asked::Replay(DeliveryOrder {
            message_id: message_id.to_string(),
            version: None,
        })),
        ..pause()
    };
    client.issue_command(replay(head.message_id)).await.unwrap();
    client.issue_command(replay(MessageId(uuid::Uuid::nil()))).await.unwrap();
    let seen: Vec<_> = commands(&console)
        .await
        .iter()
        .map(|command| command.order.target().unwrap().seen.as_ref().map(|seen| seen.version))
        .collect();
    assert_eq!(seen, [Some(5), None], "what the journal does not know, the ledger decides");
}

#[tokio::test]
async fn what_is_final_is_named_too_so_that_nobody_looks_through_all_that_is_open() {
    let mut console = Console::new();
    console.run().await;
    let head = head("KFZ-2026-0001");
    console.append(application(&head)).await;
    let position = console.append(delivered(&head)).await;
    console.projected(&position).await;
    let message_id = head.message_id.to_string();
    let order = Some(Asked::Discard(DeliveryOrder { message_id, version: None }));
    let request = IssueCommandRequest { order, ..pause() };
    client(&console).await.issue_command(request).await.unwrap();
    let there = commands(&console).await;
    let seen = there[0].order.target().unwrap().seen.as_ref().unwrap();
    assert_eq!((seen.delivery, seen.version), (1, 2));
}

#[tokio::test]
async fn the_id_of_a_command_is_given_to_no_other() {
    let mut console = Console::new();
    console.run().await;
    let mut client = client(&console).await;
    let id = uuid::Uuid::from_u128(7).to_string();
    let first = IssueCommandRequest { command_id: id, ..pause() };
    let position = client.issue_command(first.clone()).await.unwrap().into_inner().position;
    let there = Position {
        partition: messaging::Partition { channel: ChannelName::control(), number: 0 },
        offset: position.unwrap().offset,
    };
    console.projected(&there).await;
    let of = |message: u128| {
        let message_id = uuid::Uuid::from_u128(message).to_string();
        Some(Asked::Discard(DeliveryOrder { message_id, version: None }))
    };
    for other in [
        IssueCommandRequest { endpoint: "goerlitz-kfz".to_owned(), ..first.clone() },
        IssueCommandRequest { order: Some(Asked::Resume(Resume {})), ..first.clone() },
        IssueCommandRequest { order: of(1), ..first.clone() },
    ] {
        let refused = client.issue_command(other).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "AB-1412");
    }
    client.issue_command(first).await.unwrap();
    assert_eq!(commands(&console).await.len(), 2, "the same again is the same");
}

#[tokio::test]
async fn what_may_not_have_been_recorded_is_named_so_that_it_can_be_repeated() {
    let failure = messaging::FailureKind::Unavailable.because("AB-2010", "the disk is full");
    let id = CommandId(uuid::Uuid::from_u128(7));
    let refused = crate::answer::not_issued(id, &failure);
    assert!(refused.message().contains(&id.to_string()), "{}", refused.message());
}

#[tokio::test]
async fn what_is_no_command_is_refused_by_its_field_and_never_issued() {
    let mut console = Console::new();
    console.run().await;
    let mut client = client(&console).await;
    let to = |message_id: &str| DeliveryOrder { message_id: message_id.to_owned(), version: None };
    for (request, field) in [
        (IssueCommandRequest { command_id: "7".to_owned(), ..pause() }, "command_id"),
        (IssueCommandRequest { endpoint: "Görlitz".to_owned(), ..pause() }, "endpoint"),
        (IssueCommandRequest { operator: " ".to_owned(), ..pause() }, "operator"),
        (IssueCommandRequest { reason: "x".repeat(501), ..pause() }, "reason"),
        (IssueCommandRequest { order: None, ..pause() }, "order"),
        (IssueCommandRequest { order: Some(Asked::Discard(to("a"))), ..pause() }, "message_id"),
    ] {
        let refused = client.issue_command(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        let bad = refused.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, field);
    }
    assert!(commands(&console).await.is_empty());
}

#[tokio::test]
async fn the_page_shows_who_ordered_what_as_text() {
    let mut console = Console::new();
    console.run().await;
    let mut client = client(&console).await;
    let request = IssueCommandRequest { reason: "<b>Wartung</b>".to_owned(), ..pause() };
    client.issue_command(request).await.unwrap();
    let accepted = answer(commands(&console).await[0].id, None);
    let position = console.append(accepted).await;
    console.projected(&position).await;
    let there = Position {
        partition: messaging::Partition { channel: ChannelName::control(), number: 0 },
        offset: 0,
    };
    console.projected(&there).await;
    let page = pages::get(&console, "/endpoints").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    for expected in ["anhalten", "erika", "ausgeführt", "&#60;b&#62;Wartung", "nordsachsen-kfz"] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("<b>"));
}

#[tokio::test]
async fn another_document_is_ordered_with_a_reason_and_within_its_bounds() {
    let mut console = Console::new();
    console.run().await;
    let mut client = client(&console).await;
    let edit = |bytes: usize, reason: &str, has_delivery: bool| {
        let message_id = MessageId(uuid::Uuid::from_u128(1)).to_string();
        let delivery = has_delivery.then_some(DeliveryOrder { message_id, version: None });
        let order = Asked::Edit(EditOrder { delivery, document: vec![b' '; bytes].into() });
        IssueCommandRequest { reason: reason.to_owned(), order: Some(order), ..pause() }
    };
    for (bytes, reason, has_delivery) in
        [(0, "so", true), (262_145, "so", true), (5, " ", true), (5, "so", false)]
    {
        let refused = client.issue_command(edit(bytes, reason, has_delivery)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{bytes} {reason} {has_delivery}");
    }
    client.issue_command(edit(262_144, "so", true)).await.unwrap();
    let there = commands(&console).await;
    let [Command { order: Order::Edit(edit), .. }] = there.as_slice() else { panic!("one edit") };
    assert_eq!((edit.document.len(), edit.target.message_id.0.as_u128()), (262_144, 1));
}

/// Everything that is listed, newest first.
async fn listed(console: &Console) -> Vec<wire::control::Command> {
    let listed = client(console).await.list_commands(ListCommandsRequest::default()).await;
    listed.unwrap().into_inner().commands
}

/// The rest of its directory lives until it is dropped.
async fn end(console: &mut Console) {
    console.shutdown.cancel();
    while let Some(ended) = console.tasks.join_next().await {
        ended.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_operators_ordered_outlives_the_journal_and_what_the_channels_hold() {
    let mut console = Console::new();
    console.run().await;
    client(&console).await.issue_command(pause()).await.unwrap();
    let accepted = answer(commands(&console).await[0].id, None);
    let answered = console.append(accepted).await;
    let resume = IssueCommandRequest { order: Some(Asked::Resume(Resume {})), ..pause() };
    let issued = client(&console).await.issue_command(resume).await.unwrap().into_inner();
    let issued = Position {
        partition: messaging::Partition { channel: ChannelName::control(), number: 0 },
        offset: issued.position.unwrap().offset,
    };
    console.projected(&answered).await;
    console.projected(&issued).await;
    let told = listed(&console).await;
    let states = [CommandState::Issued, CommandState::Accepted];
    assert_eq!(told.iter().map(|it| it.state()).collect::<Vec<_>>(), states);
    end(&mut console).await;

    // The channels reach back to none of it.
    let mut bare = Console::new();
    bare.register = console.register.clone();
    bare.run().await;
    assert_eq!(listed(&bare).await, told);
    end(&mut bare).await;

    // They hold all of it, and a journal made anew reads it once more.
    let mut anew = Console::new();
    (anew.register, anew.channel) = (console.register.clone(), console.channel.clone());
    anew.run().await;
    anew.projected(&answered).await;
    anew.projected(&issued).await;
    assert_eq!(listed(&anew).await, told);
}
