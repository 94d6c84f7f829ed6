//! What must be true when everything has come to rest, whatever happened before.

use std::collections::{BTreeMap, HashMap, HashSet};

use channels::codec;
use messaging::{ChannelName, DeliveryState, Envelope, MessageId, Payload};

use super::{
    bulk,
    life::World,
    office::{Effect, Office},
    portal,
    told::{Last, Lasts, Told, records},
};

/// What may still happen, in words; nothing once everything submitted is known, and each delivery is
/// final or waits for a person, itself or the head of its case.
pub(crate) async fn unrest(world: &World) -> Vec<String> {
    let mut told = world.told.lock().await;
    told.catch_up().await;
    let mut unrest = Vec::new();
    for office in &world.offices {
        let name = office.name;
        let last = told.last(name);
        let known: HashSet<&str> = last.values().map(|last| &*last.own_id).collect();
        for submitted in world.wanted(name) {
            if !known.contains(&*submitted.own_id) {
                unrest.push(format!("{name}: nothing is known of {}", submitted.own_id));
            }
        }
        for one in last.values() {
            let is_at_rest = match one.version.state {
                DeliveryState::Uncertain if one.is_question => true,
                DeliveryState::Pending | DeliveryState::Uncertain => {
                    is_held(world, name, &last, one)
                }
                state => state.is_final() || state == DeliveryState::Dead,
            };
            if !is_at_rest {
                unrest.push(format!("{name}: {} is {:?}", one.own_id, one.version.state));
            }
        }
    }
    unrest.extend(bulk::unrest(world, &told));
    unrest
}

/// Whether one before it in its case waits for a person. What repeats another comes when it is ordered.
fn is_held(world: &World, office: &str, last: &Lasts, one: &Last) -> bool {
    let wanted = world.wanted(office);
    let case_of = |own_id: &str| wanted.iter().find(|s| s.own_id == own_id).map(|s| &s.case);
    let case = case_of(&one.own_id);
    last.values().any(|before| {
        let is_head = before.version.state == DeliveryState::Dead || before.is_question;
        let is_before = before.own_id < one.own_id || before.is_repeat || one.is_repeat;
        is_head && is_before && case_of(&before.own_id) == case
    })
}

/// All that is broken, in words.
pub(crate) async fn judge(world: &World) -> Vec<String> {
    let mut told = world.told.lock().await;
    told.catch_up().await;
    let mut broken = Vec::new();
    for id in &told.contradictions {
        broken.push(format!("event {id} was told twice, differently"));
    }
    let dead = dead_letters(world).await;
    for office in &world.offices {
        broken.extend(office.broken());
        judge_office(world, &told, office, &dead, &mut broken);
    }
    broken.extend(world.book.judge(&told));
    broken.extend(bulk::judge(world, &told, world.backup.is_restored()));
    broken.extend(judge_ledger(world, &told).await);
    broken.extend(judge_kept(world).await);
    broken
}

fn judge_office(
    world: &World,
    told: &Told,
    office: &Office,
    dead: &HashSet<(MessageId, String)>,
    broken: &mut Vec<String>,
) {
    let name = office.name;
    let last = told.last(name);
    let counts = judge_effects(office, broken);
    let wanted = world.wanted(name);
    for submitted in &wanted {
        let own_id = &submitted.own_id;
        let of_it = last.values().filter(|last| last.own_id == *own_id);
        let (repeats, firsts): (Vec<&Last>, Vec<&Last>) = of_it.partition(|last| last.is_repeat);
        let [first] = &firsts[..] else {
            broken.push(format!("{name}: {own_id} has {} deliveries", firsts.len()));
            continue;
        };
        let repeat = office.repeats().of(own_id);
        let count = counts.get(own_id).copied().unwrap_or(0);
        let is_there = repeat.map_or(count, |repeat| repeat.before) != 0;
        match first.version.state {
            DeliveryState::Delivered if count == 0 => {
                broken.push(format!("{name}: {own_id} is delivered and took no effect"));
            }
            DeliveryState::Rejected if is_there && !office.papers().may_be_lost(own_id) => {
                broken.push(format!("{name}: {own_id} is rejected and took effect"));
            }
            _ => {}
        }
        let found = judge_repeat(office, own_id, &repeats, count, world.backup.is_restored());
        broken.extend(found.map(|what| format!("{name}: {own_id}: {what}")));
    }
    for Last { message, version, own_id, .. } in last.values() {
        if version.state == DeliveryState::Dead && !dead.contains(&(*message, name.to_owned())) {
            broken.push(format!("{name}: {own_id} is dead and there is no dead letter"));
        }
        if !wanted.iter().any(|submitted| submitted.own_id == *own_id) {
            broken.push(format!("{name}: {own_id} was never its own"));
        }
    }
}

/// How often each message took effect; once, in order, unless it was to be repeated.
fn judge_effects(office: &Office, broken: &mut Vec<String>) -> BTreeMap<String, usize> {
    let name = office.name;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    // What is open again after a restore comes behind what was handed over since the backup.
    let mut last_of_case: HashMap<(String, u32), String> = HashMap::new();
    for Effect { own_id, case, restores, .. } in office.effects() {
        let count = counts.entry(own_id.clone()).or_default();
        *count += 1;
        let repeat = office.repeats().of(&own_id);
        let is_repeat = repeat.is_some_and(|repeat| repeat.before < *count);
        if office.papers().may_be_lost(&own_id) || is_repeat {
            continue;
        }
        if let Some(before) = last_of_case.insert((case, restores), own_id.clone())
            && own_id < before
        {
            broken.push(format!("{name}: {own_id} took effect after {before}"));
        }
    }
    for (own_id, count) in &counts {
        let contract = office.contract;
        let expected = office.repeats().effects_of(own_id, contract);
        if !expected.contains(count) && !office.papers().may_be_lost(own_id) {
            broken.push(format!("{name}: {own_id} took effect {count} times ({contract:?})"));
        }
    }
    counts
}

/// What is wrong with what was ordered once more of a message that took effect `count` times.
fn judge_repeat(
    office: &Office,
    own_id: &str,
    repeats: &[&Last],
    count: usize,
    is_restored: bool,
) -> Option<String> {
    let Some(repeat) = office.repeats().of(own_id) else {
        return (!repeats.is_empty()).then(|| "repeated, and nobody ordered that".to_owned());
    };
    let state = match repeats {
        [] if repeat.is_accepted && !is_restored => {
            return Some("ordered, and not repeated".to_owned());
        }
        [] => return None,
        [last] => last.version.state,
        _ => return Some(format!("repeated {} times", repeats.len())),
    };
    let expected = match state {
        DeliveryState::Delivered => repeat.delivered(office.contract),
        DeliveryState::Rejected => repeat.before..=repeat.before,
        _ => return None,
    };
    let is_certain = !repeat.is_lost && !office.papers().may_be_lost(own_id);
    let is_broken = is_certain && !expected.contains(&count);
    is_broken.then(|| {
        format!("its repetition is {state:?}, and it took effect {count} times, {repeat:?}")
    })
}

async fn dead_letters(world: &World) -> HashSet<(MessageId, String)> {
    let letters = records(&world.storm.calm, ChannelName::dead()).await;
    let read = letters.iter().filter_map(|record| {
        let letter = channels::codec::decode_dead_letter(record).expect("a letter of ours");
        Some((letter.event.message_id?, letter.event.delivery?.endpoint.to_string()))
    });
    read.collect()
}

/// What the ledger says is what was told.
async fn judge_ledger(world: &World, told: &Told) -> Vec<String> {
    use stores::ledger::Ledger as _;
    let loaded = world.ledger().load(Vec::new()).await.expect("a ledger that can be read");
    let open: BTreeMap<u64, DeliveryState> =
        loaded.open.iter().map(|open| (open.delivery.0.unsigned_abs(), open.state)).collect();
    let mut said = BTreeMap::new();
    for office in &world.offices {
        for (delivery, last) in told.last(office.name) {
            if !last.version.state.is_final() {
                said.insert(delivery, last.version.state);
            }
        }
    }
    match open == said {
        true => Vec::new(),
        false => vec![format!("the ledger says {open:?}, told was {said:?}")],
    }
}

/// What came is kept as it came, whatever went instead of it.
async fn judge_kept(world: &World) -> Vec<String> {
    use stores::ledger::Ledger as _;
    let ledger = world.ledger();
    let loaded = ledger.load(Vec::new()).await.expect("a ledger that can be read");
    let mut broken = Vec::new();
    for (_, message) in loaded.fingerprints {
        let kept = ledger.kept(message).await.expect("a ledger that can be read");
        let read = kept.map(|(_, bytes)| {
            codec::from_bytes(bytes).and_then(|record| codec::decode_application(&record))
        });
        let Some(Ok(Envelope { head, original, .. })) = read else {
            broken.push(format!("{message:?} is not kept, or cannot be read"));
            continue;
        };
        let own_id = head.own_id.as_ref().map(ToString::to_string).unwrap_or_default();
        if original != Payload::Inline(portal::document(&own_id)) {
            broken.push(format!("{own_id} is not kept as it came"));
        }
    }
    broken
}
