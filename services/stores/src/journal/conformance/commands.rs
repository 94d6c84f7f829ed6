//! What operators ordered and what was answered.

use messaging::{
    ChannelName, Command, CommandId, EndpointName, Event, EventKind, OperatorName, Order,
    Partition, Timestamp,
};
use uuid::Uuid;

use super::Site;
use crate::journal::{Journal, Projected, Projection};

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    a_command_and_its_answer_meet_whatever_comes_first_and_however_often(&make().await).await;
    only_the_owner_can_have_done_it_so_acceptance_outweighs_a_refusal(&make().await).await;
}

fn endpoint() -> EndpointName {
    EndpointName::new("nordsachsen-kfz").expect("a name")
}

pub(crate) fn command(id: u128) -> Projected {
    Projected::Command(Box::new(Command {
        id: CommandId(Uuid::from_u128(id)),
        at: Timestamp(5),
        operator: OperatorName::new("erika").expect("a name"),
        endpoint: endpoint(),
        order: Order::Pause,
        reason: Some("Wartung".to_owned()),
    }))
}

fn answer(id: u128, is_accepted: bool) -> Projected {
    let command = CommandId(Uuid::from_u128(id));
    let kind = match is_accepted {
        true => EventKind::CommandAccepted { command, endpoint: endpoint() },
        false => EventKind::CommandRefused { command, endpoint: endpoint() },
    };
    let code = (!is_accepted).then(|| "AB-3222".to_owned());
    Projected::Event(Box::new(Event {
        id: format!("ledger-1-command-{id}-{is_accepted}"),
        at: Timestamp(9),
        message_id: None,
        case_id: None,
        sender: None,
        delivery: None,
        kind,
        code,
        cause: None,
        trace: None,
    }))
}

pub(crate) fn control() -> Partition {
    Partition { channel: ChannelName::control(), number: 0 }
}

async fn project(journal: &dyn Journal, from: u64, entries: Vec<Projected>) {
    let partition = control();
    let next = from + entries.len() as u64;
    let batch = Projection { partition, from, next, entries };
    journal.apply(vec![batch], Timestamp(10)).await.expect("it projects");
}

async fn a_command_and_its_answer_meet_whatever_comes_first_and_however_often(site: &Site) {
    let journal = site.open().await;
    project(&*journal, 0, vec![command(1), answer(2, false)]).await;
    let first = journal
        .command(CommandId(Uuid::from_u128(1)))
        .await
        .expect("it answers")
        .expect("it is there");
    assert!(first.answer.is_none() && first.issued.is_some());
    let second = journal
        .command(CommandId(Uuid::from_u128(2)))
        .await
        .expect("it answers")
        .expect("it is there");
    assert!(second.issued.is_none());

    project(&*journal, 2, vec![answer(1, true), command(2), command(1), answer(1, true)]).await;
    let rows = journal.commands(None, Some(endpoint()), 10).await.expect("it answers");
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let (issued, answer) = (
                row.issued.as_ref().expect("it is there"),
                row.answer.as_ref().expect("it is there"),
            );
            (row.id.0.as_u128(), issued.operator.as_str(), answer.is_accepted)
        })
        .collect();
    assert_eq!(told, [(2, "erika", false), (1, "erika", true)]);
    assert_eq!(journal.command(CommandId(Uuid::from_u128(3))).await.expect("it answers"), None);
}

async fn only_the_owner_can_have_done_it_so_acceptance_outweighs_a_refusal(site: &Site) {
    let journal = site.open().await;
    project(&*journal, 0, vec![answer(1, false), answer(1, true), answer(1, false)]).await;
    let row = journal
        .command(CommandId(Uuid::from_u128(1)))
        .await
        .expect("it answers")
        .expect("it is there");
    assert!(row.answer.expect("it is there").is_accepted);
}
