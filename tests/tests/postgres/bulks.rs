//! A bulk that is under way when its dispatcher is killed.

use std::{collections::HashMap, time::Duration};

use channels::codec;
use messaging::{
    Bulk, BulkState, Channel as _, Command, CommandId, EachOrder, EffectContract, EndpointName,
    EventKind, OperatorName, Order, Seen, Target, Timestamp,
};
use uuid::Uuid;

use super::world::{System, World, endpoint, until};

const MESSAGES: usize = 40;

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
    let bulk = Command {
        id: CommandId(Uuid::from_u128(1)),
        at: Timestamp(1),
        operator: OperatorName::new("erika").expect("a name"),
        endpoint: EndpointName::new("nordsachsen-kfz").expect("a name"),
        order: Order::Bulk(Box::new(Bulk {
            each: EachOrder::ReplayAnew,
            targets,
            canary: 1,
            interval: Duration::from_millis(100),
            failures_max: 0,
        })),
        reason: None,
    };
    let record = codec::encode_command(&bulk, "test");
    world.channel.append(vec![record]).await.expect("memory");
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
