//! Another number of partitions: what lay by the former one comes first, and nothing is lost.

use std::{sync::Arc, time::Duration};

use messaging::{EffectContract as Contract, FailureKind};
use tokio::time::sleep;

use super::{
    commands::until,
    world::{Act, System, World, endpoint, target},
};
use crate::Endpoint;

const CASES: usize = 20;
const LONG: Duration = Duration::from_secs(60);

fn served(system: &Arc<System>) -> Vec<Endpoint> {
    vec![endpoint("kfz", system)]
}

fn go_away(system: &System) {
    system.script.lock().unwrap().extend([Act::Fail(FailureKind::Unavailable); 1_000]);
    system.probes.lock().unwrap().extend([false; 100_000]);
}

fn come_back(system: &System) {
    system.script.lock().unwrap().clear();
    system.probes.lock().unwrap().clear();
}

fn own_id(case: usize, sequence: usize) -> String {
    format!("c{case}-{sequence}")
}

async fn submit(world: &World, sequence: usize) {
    for case in 0..CASES {
        world.submit(&own_id(case, sequence), &format!("c{case}")).await;
    }
}

/// Dispatches for a while; then everything that was submitted is admitted, and nothing took effect.
async fn admit(world: &World, system: &Arc<System>, count: usize) {
    world.while_dispatching(served(system), sleep(LONG)).await;
    assert_eq!((world.admitted(), system.took_effect().len()), (count as u64, 0));
}

#[tokio::test(start_paused = true)]
async fn what_waits_from_before_a_switch_goes_before_what_came_after_whatever_restarts() {
    let mut world = World::new();
    world.part_channel(3);
    let system = System::new(Contract::Deduplicates, &[]);
    go_away(&system);
    submit(&world, 0).await;
    submit(&world, 1).await;
    admit(&world, &system, CASES * 2).await;
    world.switch(3, 5);
    submit(&world, 2).await;
    admit(&world, &system, CASES * 3).await;

    come_back(&system);
    let done = || system.took_effect().len() == CASES * 3;
    world.while_dispatching(served(&system), until(done)).await;
    let order = system.took_effect();
    for case in 0..CASES {
        let of_case = order.iter().filter(|it| it.starts_with(&format!("c{case}-")));
        let expected = [0, 1, 2].map(|sequence| own_id(case, sequence));
        assert_eq!(of_case.cloned().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_lies_by_a_greater_number_waits_for_the_switch() {
    let mut world = World::new();
    world.part_channel(3);
    let system = System::new(Contract::Deduplicates, &[]);
    world.submit("a1", "a").await;
    world.submit_by(Some(5), "a2", "a").await;
    world.submit("a3", "a").await;
    world.while_dispatching(served(&system), sleep(LONG)).await;
    assert_eq!(system.arrived(), ["a1"], "nothing of the next generation, and nothing beyond it");
    assert!(world.events().await.iter().all(|it| it.message_id != Some(target("a2").message_id)));

    world.switch(3, 5);
    let done = || system.took_effect().len() == 3;
    world.while_dispatching(served(&system), until(done)).await;
    assert_eq!(system.arrived(), ["a1", "a2", "a3"], "each once, also what was written too late");
}
