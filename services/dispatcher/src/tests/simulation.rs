//! A whole life on paused time, driven by one seed: systems that fail, hang, vanish and lose
//! answers, operators who order at bad moments, and dispatchers that die at any moment. The oracle is
//! in the receiver.
//!
//! `SEED=42 cargo test -p dispatcher simulation` replays one run exactly.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use messaging::{DeliveryState, EffectContract as Contract, FailureKind, Order};
use tokio_util::sync::CancellationToken;

use super::world::{Act, System, TIMEOUT, World, endpoint, target};
use crate::Endpoint;

const SEEDS: u64 = 40;
const MESSAGES: u64 = 40;
const CASES: u64 = 7;
/// Long enough for every message to come to rest in every seed.
const LIFE: Duration = Duration::from_secs(2 * 3600);

#[test]
fn whatever_happens_every_message_comes_to_rest_as_its_contract_says() {
    let seeds: Vec<u64> = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=SEEDS).collect(),
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(live(seed));
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn act(&mut self) -> Act {
        match self.roll(10) {
            0 => Act::Fail(FailureKind::Transient),
            1 => Act::Fail(FailureKind::Unavailable),
            2 => Act::Fail(FailureKind::Rejected),
            3 => Act::AcceptSilently,
            4 => Act::Hang,
            _ => Act::Accept,
        }
    }
}

async fn live(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let contracts = [
        Contract::Deduplicates,
        Contract::CanLookUp { visible_within: Duration::from_secs(3) },
        Contract::None,
    ];
    let contract = contracts[usize::try_from(dice.roll(3)).unwrap()];
    let script: Vec<Act> = (0..MESSAGES).map(|_| dice.act()).collect();
    let system = System::new(contract, &script);
    *system.probes.lock().unwrap() = (0..20).map(|_| dice.roll(2) == 0).collect();
    let world = World::new();
    let endpoints = || vec![Endpoint { concurrency: 3, ..endpoint("kfz", &system) }];

    let mut sent = 0;
    let began = tokio::time::Instant::now();
    for _ in 0..8 {
        let more = dice.roll(MESSAGES / 4) + 1;
        for n in sent..(sent + more).min(MESSAGES) {
            world.submit(&format!("m{n:03}"), &format!("case {}", n % CASES)).await;
        }
        sent = (sent + more).min(MESSAGES);
        let killed_after = Duration::from_millis(dice.roll(40_000));
        let mut operator = Dice(dice.roll(u64::MAX) | 1);
        tokio::select! {
            () = world.dispatch(endpoints(), CancellationToken::new()) => unreachable!(),
            () = operate(&mut operator, seed, sent, &system, &world) => unreachable!(),
            () = tokio::time::sleep(killed_after) => {}
        }
    }
    world.order("kfz", Order::Resume).await;
    tokio::select! {
        () = world.dispatch(endpoints(), CancellationToken::new()) => unreachable!(),
        () = tokio::time::sleep(LIFE) => {}
    }
    assert!(LIFE <= began.elapsed());
    judge(seed, sent, contract, &system, &world).await;
}

/// Orders this and that at bad moments, and never lies.
async fn operate(dice: &mut Dice, seed: u64, sent: u64, system: &Arc<System>, world: &World) {
    loop {
        tokio::time::sleep(Duration::from_millis(dice.roll(10_000))).await;
        let own_id = format!("m{:03}", dice.roll(sent));
        let took_effect = system.took_effect().contains(&own_id);
        match dice.roll(5) {
            0 => {
                if world.obeyed("kfz", Order::Pause).await.is_some() {
                    continue;
                }
                // What is under way may end.
                tokio::time::sleep(TIMEOUT).await;
                let arrived = system.arrived().len();
                tokio::time::sleep(Duration::from_millis(dice.roll(20_000))).await;
                assert_eq!(system.arrived().len(), arrived, "seed {seed}: a lease while paused");
                world.order("kfz", Order::Resume).await;
            }
            1 | 2 => {
                world.order("kfz", Order::Replay(target(&own_id))).await;
            }
            3 => {
                world.order("kfz", Order::Discard(target(&own_id))).await;
            }
            _ if took_effect => {
                world.order("kfz", Order::ConfirmDelivered(target(&own_id))).await;
            }
            _ => {}
        }
    }
}

async fn judge(seed: u64, sent: u64, contract: Contract, system: &Arc<System>, world: &World) {
    let effects = system.effects.lock().unwrap().clone();
    let mut per_message: HashMap<&str, usize> = HashMap::new();
    let mut last_of_case: BTreeMap<&str, &str> = BTreeMap::new();
    for effect in &effects {
        *per_message.entry(&effect.own_id).or_default() += 1;
        let before = last_of_case.insert(&effect.case, &effect.own_id);
        assert!(before.is_none_or(|before| before <= effect.own_id.as_str()), "seed {seed}: order");
    }
    for (own_id, count) in &per_message {
        assert_eq!(*count, 1, "seed {seed}: {own_id} took effect {count} times under {contract:?}");
    }

    // What was told last of each delivery is where it rests.
    let mut rest: BTreeMap<u64, (u64, DeliveryState)> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for event in world.events().await {
        let is_first = ids.insert(event.id.clone());
        let Some(delivery) = event.delivery.filter(|_| is_first) else { continue };
        let known = rest.entry(delivery.delivery).or_insert((0, delivery.state));
        if known.0 < delivery.version {
            *known = (delivery.version, delivery.state);
        }
    }
    assert_eq!(rest.len() as u64, sent, "seed {seed}: every message was told of");
    let delivered = rest.values().filter(|(_, s)| *s == DeliveryState::Delivered).count();
    assert!(delivered <= per_message.len(), "seed {seed}: delivered without effect");
    for (delivery, (_, state)) in rest {
        let can_rest = match state {
            DeliveryState::Delivered | DeliveryState::Rejected | DeliveryState::Dead => true,
            DeliveryState::Discarded => true,
            DeliveryState::Uncertain => contract == Contract::None,
            // Behind a head that an operator must decide about.
            DeliveryState::Pending => true,
            _ => false,
        };
        assert!(can_rest, "seed {seed}: delivery {delivery} rests {state:?}");
    }
}
