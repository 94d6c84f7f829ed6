//! What a few cases that always fail cost the others.

use std::{sync::Arc, time::Duration};

use messaging::{EffectContract as Contract, FailureKind, Order};
use tokio::time::{Instant, sleep};

use super::world::{Act, System, World, endpoint, record};
use crate::Endpoint;

const CASES: usize = 1_000;
/// One in so many cases is bad.
const BAD_ONE_IN: usize = 100;
/// Messages of each case.
const EACH: usize = 3;
/// What a system asks for, longer than any wait of the policy.
const WAIT: Duration = Duration::from_secs(600);

fn endpoints(system: &Arc<System>) -> Vec<Endpoint> {
    vec![Endpoint { concurrency: 16, ..endpoint("kfz", system) }]
}

/// How long a system takes over all messages of good cases, and how often its gate closed; it does
/// `bad` with those of bad cases.
async fn served(bad: Option<Act>) -> (Duration, usize) {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    *system.bad.lock().unwrap() = bad;
    let of_case = |case: usize| match case % BAD_ONE_IN == BAD_ONE_IN / 2 {
        true => format!("bad {case}"),
        false => format!("case {case}"),
    };
    let messages = (0..EACH).flat_map(|each| (0..CASES).map(move |case| (each, case)));
    let records =
        messages.map(|(each, case)| record(&format!("m{case}.{each}"), &of_case(case), "<a/>"));
    world.append(records.collect()).await;
    let good = EACH * (CASES - CASES / BAD_ONE_IN);
    let expected = if bad.is_some() { good } else { EACH * CASES };
    let start = Instant::now();
    world.dispatch_until(endpoints(&system), || system.took_effect().len() == expected).await;
    // Per good message, as there are more of them where no case is bad.
    let took = start.elapsed().mul_f64(good as f64 / expected as f64);
    (took, world.event_counts().await.get("gate_closed").copied().unwrap_or(0))
}

#[tokio::test(start_paused = true)]
async fn one_case_in_a_hundred_that_always_fails_never_closes_the_gate_of_a_system_that_serves_the_others()
 {
    let (alone, _) = served(None).await;
    let kinds = [FailureKind::Uncertain, FailureKind::Unavailable, FailureKind::Transient];
    for bad in kinds.map(Act::Fail).into_iter().chain([Act::Later(WAIT)]) {
        let (took, closed) = served(Some(bad)).await;
        assert_eq!(closed, 0, "{bad:?}");
        let cost = took.as_secs_f64() / alone.as_secs_f64() - 1.0;
        assert!(cost < 0.05, "{bad:?}: the others took {took:?} instead of {alone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bad_cases_whose_waits_end_together_are_no_outage() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    *system.bad.lock().unwrap() = Some(Act::Fail(FailureKind::Uncertain));
    let script = async {
        for n in 0..12 {
            world.submit(&format!("b{n}"), &format!("bad {n}")).await;
            world.submit(&format!("a{n}"), &format!("case {n}")).await;
            // So far apart that each has an answer to another behind it.
            sleep(Duration::from_millis(30)).await;
        }
        assert_eq!(world.obeyed("kfz", Order::Pause).await, None);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(world.obeyed("kfz", Order::Resume).await, None);
        sleep(Duration::from_millis(200)).await;
        for n in 12..40 {
            world.submit(&format!("a{n}"), &format!("case {n}")).await;
        }
        while system.took_effect().len() < 40 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    world.while_dispatching(endpoints(&system), script).await;
    let closed =
        world.events().await.into_iter().filter(|event| event.kind.name() == "gate_closed");
    let codes: Vec<_> = closed.map(|event| event.code).collect();
    assert_eq!(codes, [Some("AB-3220".to_owned())], "by the operator alone");
}

#[tokio::test(start_paused = true)]
async fn a_system_that_answers_nobody_any_more_is_left_alone_after_five_cases() {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    *system.probes.lock().unwrap() = vec![false; 1_000].into();
    let script = async {
        for n in 0..100 {
            world.submit(&format!("a{n}"), &format!("case {n}")).await;
            world.submit(&format!("b{n}"), &format!("bad {n}")).await;
        }
        while system.took_effect().len() < 200 {
            sleep(Duration::from_millis(5)).await;
        }
        // Those that succeeded before fail now, all of them.
        *system.bad.lock().unwrap() = Some(Act::Hang);
        for n in 0..100 {
            world.submit(&format!("c{n}"), &format!("bad {n}")).await;
        }
        let before = system.arrived().len();
        sleep(Duration::from_secs(60)).await;
        system.arrived().len() - before
    };
    let tried = world.while_dispatching(endpoints(&system), script).await;
    assert!((5..=32).contains(&tried), "{tried} were handed over to a system that answers nobody");
}

/// When the bad case came, the longest that another had to wait, and how often the gate closed; others
/// come every ten seconds, one of them together with the bad case.
async fn among_others(bad: Act) -> (Vec<Duration>, Duration, usize) {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    *system.bad.lock().unwrap() = Some(bad);
    let script = async {
        world.submit("first", "first").await;
        sleep(Duration::from_secs(1)).await;
        let together = [record("good", "good", "<a/>"), record("bad", "bad", "<a/>")];
        world.append(together.into()).await;
        let mut wait_max = Duration::ZERO;
        for n in 0..130 {
            let submitted = Instant::now();
            world.submit(&format!("a{n}"), &format!("case {n}")).await;
            while system.took_effect().len() < n + 3 {
                sleep(Duration::from_millis(50)).await;
            }
            wait_max = wait_max.max(submitted.elapsed());
            sleep(Duration::from_secs(10)).await;
        }
        wait_max
    };
    let wait_max = world.while_dispatching(endpoints(&system), script).await;
    let closed = world.event_counts().await.get("gate_closed").copied().unwrap_or(0);
    (visits_of(&system, "bad"), wait_max, closed)
}

/// When each arrival of a case came, counted from the first of them.
fn visits_of(system: &System, case: &str) -> Vec<Duration> {
    let (arrivals, visits) = (system.arrivals.lock().unwrap(), system.visits.lock().unwrap());
    let of_case = arrivals.iter().zip(visits.iter()).filter(|((_, it), _)| it.case == case);
    let at: Vec<Instant> = of_case.map(|(_, (at, _))| *at).collect();
    at.iter().map(|it| *it - at[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_case_waits_as_long_as_a_system_that_answers_others_asks_and_nobody_waits_with_it() {
    let (visits, wait_max, closed) = among_others(Act::Later(WAIT)).await;
    assert_eq!(closed, 0);
    assert!(wait_max < Duration::from_secs(1), "another had to wait {wait_max:?}");
    let [_, second, third] = visits[..] else { panic!("as often as its policy says: {visits:?}") };
    for (came, due) in [(second, WAIT), (third, WAIT * 2)] {
        assert!(due <= came && came < due + Duration::from_secs(2), "{came:?} instead of {due:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_system_that_is_asked_too_often_is_left_alone_for_as_long_as_it_says() {
    let (visits, wait_max, closed) = among_others(Act::TooOften(WAIT)).await;
    assert!(0 < closed);
    // The next one comes within ten seconds after the gate closed.
    let range = WAIT - Duration::from_secs(11)..WAIT + Duration::from_secs(1);
    assert!(range.contains(&wait_max), "others had to wait {wait_max:?}");
    assert!(visits[1..].iter().all(|visit| WAIT <= *visit), "{visits:?}");
}

#[tokio::test(start_paused = true)]
async fn who_names_a_time_and_answers_nobody_else_is_left_alone_so_long_and_no_case_does_that_twice()
 {
    let world = World::new();
    let system = System::new(Contract::Deduplicates, &[]);
    *system.bad.lock().unwrap() = Some(Act::Later(WAIT));
    let script = async {
        world.submit("bad", "bad").await;
        while system.arrived().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
        let began = Instant::now();
        sleep(Duration::from_secs(1)).await;
        for n in 0..20 {
            world.submit(&format!("a{n}"), &format!("case {n}")).await;
        }
        sleep(WAIT - Duration::from_secs(2)).await;
        assert_eq!(system.arrived(), ["bad"], "not before the time it named");
        while system.took_effect().len() < 20 {
            sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    };
    let took = world.while_dispatching(endpoints(&system), script).await;
    assert_eq!(system.arrived()[1], "a0", "who closed the gate lets another go first");
    assert!(took < WAIT + Duration::from_secs(5), "the others waited {took:?}");
    assert_eq!(world.event_counts().await.get("gate_closed"), Some(&1));
}
