//! A bulk that is under way when its dispatcher is killed.

use std::{collections::HashMap, time::Duration};

use messaging::{
    Bulk, BulkState, Command, CommandId, EachOrder, EffectContract, EndpointName, EventKind,
    ItemResult, OperatorName, Order, Seen, Target, Timestamp,
};
use uuid::Uuid;

use super::world::{System, World, endpoint, until};

const MESSAGES: usize = 40;

fn command(id: u128, order: Order) -> Command {
    Command {
        id: CommandId(Uuid::from_u128(id)),
        at: Timestamp(1),
        operator: OperatorName::new("erika").expect("a name"),
        endpoint: EndpointName::new("nordsachsen-kfz").expect("a name"),
        order,
        reason: None,
    }
}

/// Each once more, as something new, ten a second.
fn bulk(targets: Vec<Target>) -> Order {
    Order::Bulk(Box::new(Bulk {
        each: EachOrder::ReplayAnew,
        targets,
        canary: 1,
        interval: Duration::from_millis(100),
        failures_max: 0,
    }))
}

/// The messages as they were told to be delivered.
async fn delivered(world: &World) -> Vec<Target> {
    let told = world.events().await.into_iter().filter_map(|event| {
        let (EventKind::Delivered { .. }, Some(message_id), Some(of)) =
            (&event.kind, event.message_id, event.delivery)
        else {
            return None;
        };
        let seen = Some(Seen {
            ledger: of.ledger,
            epoch: of.epoch,
            delivery: of.delivery,
            version: of.version,
        });
        Some((message_id, Target { message_id, seen }))
    });
    told.collect::<HashMap<_, _>>().into_values().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_goes_on_with_whoever_takes_its_endpoint() {
    let Some(world) = World::new("a bulk whose dispatcher is killed") else { return };
    let system = System::new(EffectContract::Deduplicates, Duration::from_millis(5));
    let endpoints = || vec![endpoint("nordsachsen-kfz", "svb:14730", &system)];
    let one = world.dispatch("one", endpoints());
    until("one has it", || world.count("endpoint_state WHERE owner IS NOT NULL") == 1).await;
    let two = world.dispatch("two", endpoints());
    for n in 0..MESSAGES {
        world.submit("svb:14730000", &format!("m{n}"), &format!("case{n}")).await;
    }
    until("all are delivered", || world.count("delivery WHERE state = 'delivered'") == MESSAGES)
        .await;
    until("all is told", || world.count("outbox") == 0).await;
    let targets = delivered(&world).await;
    assert_eq!(targets.len(), MESSAGES);
    world.order(&command(1, bulk(targets))).await;
    until("some are ordered", || MESSAGES / 4 < world.count("bulk_item")).await;
    assert_eq!(world.count("bulk WHERE state = 'running'"), 1);
    one.kill();
    until("it is done", || world.count("bulk WHERE state = 'done'") == 1).await;
    assert_eq!(world.count("bulk_item WHERE result = 'succeeded'"), MESSAGES);
    assert_eq!(
        world.count("delivery WHERE replay_of IS NOT NULL"),
        MESSAGES,
        "each was ordered once, by one or the other"
    );
    until("all is told", || world.count("outbox") == 0).await;
    let mut states: Vec<BulkState> = Vec::new();
    for event in world.events().await {
        if let EventKind::BulkState { state, .. } = event.kind {
            states.push(state);
        }
    }
    assert_eq!(states.first(), Some(&BulkState::Running));
    assert_eq!(states.last(), Some(&BulkState::Done));
    two.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_about_what_is_in_nobodys_file_any_more_waits_and_ends_when_it_is_stopped() {
    let Some(world) = World::new("a bulk whose endpoint is in no file any more") else { return };
    let system = System::new(EffectContract::Deduplicates, Duration::from_millis(5));
    let endpoints = || vec![endpoint("nordsachsen-kfz", "svb:14730", &system)];
    let [one, two] = ["one", "two"].map(|name| world.dispatch(name, endpoints()));
    for n in 0..MESSAGES {
        world.submit("svb:14730000", &format!("m{n}"), &format!("case{n}")).await;
    }
    until("all are delivered", || world.count("delivery WHERE state = 'delivered'") == MESSAGES)
        .await;
    until("all is told", || world.count("outbox") == 0).await;
    world.order(&command(1, bulk(delivered(&world).await))).await;
    until("some are ordered", || MESSAGES / 4 < world.count("bulk_item")).await;
    one.stop();
    two.stop();
    let arrived = system.counts().values().sum::<usize>();
    assert!(arrived < 2 * MESSAGES, "it is not over");

    let others = || vec![endpoint("goerlitz-kfz", "svb:14626", &system)];
    let [one, two] = ["one", "two"].map(|name| world.dispatch(name, others()));
    until("both are there", || world.count("endpoint_state WHERE owner IS NOT NULL") == 2).await;
    world.submit("svb:14626000", "other", "other").await;
    until("they work", || world.count("delivery WHERE state = 'delivered'") == arrived + 1).await;
    assert_eq!(world.count("bulk WHERE state = 'running'"), 1, "it waits for a file that has it");
    world.order(&command(2, Order::StopBulk(CommandId(Uuid::from_u128(1))))).await;
    until("it is done", || world.count("bulk WHERE state = 'done'") == 1).await;
    let [succeeded, skipped] = ["succeeded", "skipped"]
        .map(|result| world.count(&format!("bulk_item WHERE result = '{result}'")));
    assert_eq!((succeeded, succeeded + skipped), (arrived - MESSAGES, MESSAGES), "one for each");
    assert_eq!(system.counts().values().sum::<usize>(), arrived + 1, "nothing more was sent");
    until("all is told", || world.count("outbox") == 0).await;
    let told = world.events().await.into_iter().filter_map(|event| match event.kind {
        EventKind::BulkItem { item, result, .. } => Some((item, result)),
        _ => None,
    });
    let last: HashMap<u32, ItemResult> = told.collect();
    let is_known = |result: &&ItemResult| **result != ItemResult::Ordered;
    assert_eq!(last.values().filter(is_known).count(), MESSAGES, "and each is told");
    one.stop();
    two.stop();
}
