//! What is handed over from a backlog, whose records are in memory no more.

use std::time::Duration;

use messaging::EffectContract as Contract;
use tokio::time::sleep;

use super::world::{System, World, endpoint, record};
use crate::Endpoint;

#[tokio::test(start_paused = true)]
async fn a_backlog_of_two_systems_reaches_both_whole_and_in_order() {
    let world = World::new();
    let systems = [(); 2].map(|()| System::new(Contract::Deduplicates, &[]));
    // Both are away until everything is admitted, and the dispatcher is restarted then.
    let away = || systems.iter().for_each(|it| *it.probes.lock().unwrap() = vec![false; 9].into());
    away();
    let of_case = |n: usize| format!("case {}", n % 90);
    let records = (0..600).map(|n| record(&format!("m{n}"), &of_case(n), "<a/>"));
    let names = ["first", "second"];
    let endpoints = || -> Vec<Endpoint> {
        let named = names.iter().zip(&systems);
        named.map(|(name, it)| Endpoint { concurrency: 16, ..endpoint(name, it) }).collect()
    };
    for system in &systems {
        let down = super::world::Act::Fail(messaging::FailureKind::Unavailable);
        *system.script.lock().unwrap() = vec![down; 1].into();
    }
    world.append(records.collect()).await;
    world.while_dispatching(endpoints(), sleep(Duration::from_secs(3))).await;
    assert!(systems.iter().all(|system| system.took_effect().is_empty()));
    let done = || systems.iter().all(|system| system.took_effect().len() == 600);
    world.dispatch_until(endpoints(), done).await;
    for system in &systems {
        let taken = system.took_effect();
        for case in 0..90 {
            let of_this: Vec<_> =
                taken.iter().filter_map(|id| id.strip_prefix('m')?.parse().ok()).collect();
            let of_this: Vec<usize> = of_this.into_iter().filter(|n| n % 90 == case).collect();
            assert!(of_this.is_sorted(), "case {case}: {of_this:?}");
        }
    }
    assert_eq!(world.event_counts().await.get("dead_lettered"), None);
}
