//! What an endpoint bears: outages, calendars, rates, and waits that outlive a process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::tz::TimeZone;
use messaging::{
    Drained, EffectContract as Contract, EndpointReport, EventKind, FailureKind, Order,
};
use tokio::time::{Instant, sleep};

use super::world::{Act, DAY, POLICY, System, World, endpoint};
use crate::{Calendar, Endpoint};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

async fn submit(world: &World, count: usize) {
    for n in 0..count {
        world.submit(&format!("m{n}"), &format!("case {n}")).await;
    }
}

/// The world begins on a Friday at 09:00 in Berlin.
fn calendar(open: [&str; 2]) -> Option<Calendar> {
    Some(Calendar {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        open: open.map(|window| window.parse().unwrap()).to_vec(),
        state: None,
        holidays: Vec::new(),
        maintenance: Vec::new(),
    })
}

async fn reports(world: &World) -> Vec<EndpointReport> {
    let told = world.events().await.into_iter().filter_map(|event| match event.kind {
        EventKind::EndpointReported(report) => Some(*report),
        _ => None,
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn a_system_that_was_away_for_six_hours_gets_one_first_and_never_more_than_its_cap() {
    let world = World::new();
    // It has all of its cap, and then it is gone.
    let mut script = vec![Act::Accept; 60];
    script.extend([Act::Fail(FailureKind::Unavailable); 8]);
    let system = System::new(Contract::None, &script);
    *system.probes.lock().unwrap() = vec![false; 6 * 60].into();
    submit(&world, 200).await;
    let endpoints = vec![Endpoint { concurrency: 8, ..endpoint("kfz", &system) }];
    world.while_dispatching(endpoints, sleep(7 * HOUR)).await;
    assert_eq!(system.took_effect().len(), 200);
    let visits = system.visits.lock().unwrap();
    assert_eq!(visits.iter().map(|visit| visit.1).max(), Some(8), "never more than its cap");
    let back = visits.windows(2).position(|pair| 5 * HOUR < pair[1].0 - pair[0].0).unwrap() + 1;
    let (before, after) = visits.split_at(back);
    assert_eq!(before.iter().map(|visit| visit.1).max(), Some(8));
    let apart: Vec<Duration> = after.iter().map(|visit| visit.0 - after[0].0).collect();
    assert!(system.latency <= apart[1], "it begins with one, and waits for its answer: {apart:?}");
    assert!(2 * system.latency <= apart[3], "then two: {apart:?}");
    assert_eq!(after.iter().map(|visit| visit.1).max(), Some(8), "and has all of it in the end");
}

#[tokio::test(start_paused = true)]
async fn a_system_is_handed_no_more_than_its_rate_whatever_restarts() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    submit(&world, 100).await;
    let endpoints = || {
        let rate = Some("30/min".parse().unwrap());
        vec![Endpoint { rate, burst: 3, concurrency: 50, ..endpoint("kfz", &system) }]
    };
    let start = Instant::now();
    for count in [20, 40, 60, 100] {
        let done = || count <= system.took_effect().len();
        world.dispatch_until(endpoints(), done).await;
    }
    let visits = system.visits.lock().unwrap();
    for pair in visits.windows(4) {
        let [first, .., last] = pair else { unreachable!() };
        let apart = last.0 - first.0;
        assert!(Duration::from_millis(1_990) <= apart, "four within {apart:?}");
    }
    let took = visits.last().unwrap().0 - start;
    assert!(Duration::from_secs(194) <= took && took <= Duration::from_secs(215), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_handed_over_outside_a_systems_hours_and_everything_within_them() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    submit(&world, 50).await;
    let endpoints = || {
        let rate = Some("1/min".parse().unwrap());
        let calendar = calendar(["Mon-Fri 10:00-10:30", "Fri 12:00-13:00"]);
        vec![Endpoint { rate, calendar, ..endpoint("kfz", &system) }]
    };
    let start = Instant::now();
    // Also one that starts while it is closed.
    world.while_dispatching(endpoints(), sleep(HOUR / 2)).await;
    // Not to the moment at which it closes: either of two might be the first then.
    world.while_dispatching(endpoints(), sleep(HOUR + MINUTE)).await;
    world.while_dispatching(endpoints(), sleep(3 * HOUR)).await;
    assert_eq!(system.took_effect().len(), 50);
    for (at, _) in system.visits.lock().unwrap().iter() {
        let since = *at - start;
        let is_first = HOUR <= since && since < HOUR + HOUR / 2;
        let is_second = 3 * HOUR <= since && since < 4 * HOUR;
        assert!(is_first || is_second, "handed over {since:?} after 09:00");
    }
    let events = world.events().await;
    let closed = events.iter().filter(|event| event.kind.name() == "gate_closed");
    let codes: Vec<_> = closed.map(|event| event.code.as_deref()).collect();
    // Three starts while it is closed, and both ends.
    assert_eq!(codes, [Some("AB-3231"); 5]);
    let cause = events.iter().find_map(|event| event.cause.clone()).unwrap();
    assert_eq!(cause, "outside its hours until 2027-01-15T09:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_through_a_restart_to_the_second() {
    for (wait, restarts_after) in [(MINUTE, 20), (26 * HOUR, 3_600), (MINUTE, 90)] {
        let world = World::new();
        let system = System::new(Contract::None, &[Act::Fail(FailureKind::Transient)]);
        world.submit("a1", "a").await;
        let policy =
            messaging::RetryPolicy { initial_interval: wait, max_interval: wait, ..POLICY };
        let endpoints = || vec![Endpoint { policy, ..endpoint("kfz", &system) }];
        let start = Instant::now();
        let down = Duration::from_secs(restarts_after);
        world.while_dispatching(endpoints(), sleep(Duration::from_secs(10))).await;
        sleep(down - start.elapsed()).await;
        world.while_dispatching(endpoints(), sleep(wait.saturating_sub(down) + MINUTE)).await;
        assert_eq!(system.took_effect().len(), 1, "{wait:?}");
        let second = system.visits.lock().unwrap().get(1).unwrap().0 - start;
        let (due, late) = (wait.max(down), Duration::from_secs(1));
        assert!(due <= second && second <= due + late, "{second:?} instead of {due:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_gives_no_message_up() {
    let mut world = World::new();
    let is_wrong = Arc::new(AtomicBool::new(false));
    world.jump_ahead(Arc::clone(&is_wrong), 3_650 * DAY);
    let failing = [Act::Fail(FailureKind::Transient); 4];
    let system = System::new(Contract::None, &failing);
    world.submit("a1", "a").await;
    let policy =
        messaging::RetryPolicy { max_elapsed_time: Some(HOUR), attempts_max: 10, ..POLICY };
    let endpoints = vec![Endpoint { policy, ..endpoint("kfz", &system) }];
    let start = Instant::now();
    let jumping = async {
        while system.took_effect().is_empty() && start.elapsed() < MINUTE {
            is_wrong.store(system.arrived().len() % 2 == 1, Ordering::SeqCst);
            sleep(Duration::from_millis(5)).await;
        }
    };
    world.while_dispatching(endpoints, jumping).await;
    let took = start.elapsed();
    assert!(Duration::from_secs(15) < took && took < Duration::from_secs(20), "{took:?}");
    assert_eq!(world.event_counts().await.get("dead_lettered"), None);
}

#[tokio::test(start_paused = true)]
async fn those_who_watch_are_told_how_it_goes_on_and_only_when_it_changes() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    submit(&world, 120).await;
    let endpoints = || {
        let rate = Some("1/s".parse().unwrap());
        vec![Endpoint { rate, ..endpoint("kfz", &system) }]
    };
    world.dispatch_until(endpoints(), || system.took_effect().len() == 60).await;
    let first = reports(&world).await;
    let last = first.last().unwrap();
    assert!((60..=75).contains(&last.open), "{last:?}");
    assert_eq!((last.contract.as_str(), last.is_held_by_dead), ("deduplicates", true));
    let Drained::At(until) = last.drained else { panic!("{last:?}") };
    let left = until.since(messaging::Timestamp(1_800_000_000_000_000));
    assert!(Duration::from_secs(115) < left && left < Duration::from_secs(140), "{left:?}");

    let watching = async {
        assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
        sleep(2 * MINUTE).await;
        let paused = reports(&world).await;
        assert_eq!(paused.last().unwrap().drained, Drained::Paused);
        assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
        sleep(20 * MINUTE).await;
        let all = reports(&world).await;
        assert_eq!(all.last().unwrap().drained, Drained::Empty);
        sleep(HOUR).await;
        assert_eq!(reports(&world).await.len(), all.len(), "nothing changes, nothing is told");
    };
    world.while_dispatching(endpoints(), watching).await;
}
