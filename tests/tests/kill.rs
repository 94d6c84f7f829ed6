//! `kill -9` at random moments under load, then the receivers are asked what arrived. Raw arrivals
//! are counted, not what is left after somebody recognised a repetition.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "a long test says how far it is")]

use std::{collections::BTreeSet, env, fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tests::{
    chance::Chance,
    configuration::{Configuration, System},
    crash::{self, Load, Oracle, Promise, Sent},
    portal::Portal,
    process::Program,
    receiver::{Manner, Receiver},
    wait,
};
use tokio::{sync::watch, task::JoinSet};
use wire::status::ApplicationStatus;

/// Kills, unless `AMTSBOTE_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 50;
/// Requests without an answer at the moment of each kill, at least.
const IN_FLIGHT_MIN: usize = 20;
/// A kill comes up to this long after so many are in flight.
const MOMENT_MAX: Duration = Duration::from_secs(2);
/// How far the portals run ahead of what the systems have done.
const AHEAD_MAX: usize = 150;
/// Senders of each authority.
const SENDERS: usize = 6;
/// Statuses asked for before each kill.
const ASKED_PER_ROUND: usize = 60;
/// Questions asked at once.
const ASKED_AT_ONCE: usize = 16;
const BUSY_WITHIN: Duration = Duration::from_secs(60);
const DONE_WITHIN: Duration = Duration::from_secs(180);

/// A system of this test: name, authority, promise, deliveries at once, what its configuration says.
struct Subject {
    name: &'static str,
    authority: &'static str,
    promise: Promise,
    concurrency: usize,
    contract: &'static str,
}

const SUBJECTS: [Subject; 3] = [
    Subject {
        name: "recognises",
        authority: "svb:14730000",
        promise: Promise::Recognises,
        concurrency: 12,
        contract: "deduplicates",
    },
    Subject {
        name: "can-be-asked",
        authority: "svb:14626000",
        promise: Promise::CanBeAsked,
        concurrency: 12,
        contract: "can_look_up",
    },
    Subject {
        name: "asks-a-person",
        authority: "svb:15085000",
        promise: Promise::AsksAPerson,
        concurrency: 6,
        contract: "none",
    },
];

/// The fourth: files, which may be written twice.
const FILES: &str = "files";
const FILES_AUTHORITY: &str = "svb:12071000";
const FILES_CONCURRENCY: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_needless_is_repeated_when_the_program_is_killed() {
    let mut chance = Chance::printed("kill");
    let rounds =
        env::var("AMTSBOTE_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let receiver = Arc::new(Receiver::start().await);
    slow(&receiver);
    let configuration = configuration(&receiver);
    let (address, gateway) = watch::channel(None);
    let mut load = Load::new(gateway);
    let mut oracle = Oracle::default();
    start_senders(&mut load, &receiver, &configuration);

    for round in 1..=rounds {
        let program = Program::start(&configuration).await;
        address.send_replace(Some(program.gateway()));
        busy(&receiver).await;
        tokio::time::sleep(chance.within(MOMENT_MAX)).await;
        ask(program.gateway(), &load.sent(), &receiver, &mut oracle).await;
        busy(&receiver).await;
        let in_flight = receiver.open();
        program.kill().await;
        address.send_replace(None);
        oracle.killed(receiver.sequence());
        let (sent, known) = (load.sent().len(), oracle.settled_count());
        eprintln!(
            "kill {round}: {in_flight} in flight, {sent} receipts, {known} known as delivered"
        );
    }

    let program = Program::start(&configuration).await;
    address.send_replace(Some(program.gateway()));
    fast(&receiver);
    load.finish().await;
    let sent = load.sent();
    eprintln!("{} receipts, {} calls repeated", sent.len(), load.repeated());
    let statuses = all_explained(program.gateway(), &sent).await;
    assert!(program.end().await.success(), "it ends in order");

    for subject in &SUBJECTS {
        let own: Vec<Sent> = of(&sent, subject.authority);
        let arrivals = named(receiver.arrivals(), subject.name);
        let effects = receiver.effects_of(subject.name);
        let (name, promise) = (subject.name, subject.promise);
        oracle.judge(name, promise, subject.concurrency, &own, (&arrivals, &effects));
        let repeats =
            arrivals.len() - arrivals.iter().map(|a| &a.key).collect::<BTreeSet<_>>().len();
        eprintln!("{name}: {} sent, {} arrivals, {repeats} repeats", own.len(), arrivals.len());
    }
    let mut faults = oracle.faults().to_vec();
    faults.extend(missing_files(&configuration, &of(&sent, FILES_AUTHORITY)));
    faults.extend(questions(&receiver, &sent, &statuses, rounds));
    assert!(0 < receiver.look_ups(), "nobody was asked, so nothing was shown");
    crash::no_promise_is_broken(&faults);
}

fn configuration(receiver: &Receiver) -> Configuration {
    let mut configuration = Configuration::new().with_standard_route("kfz");
    for Subject { name, authority, concurrency, contract, .. } in SUBJECTS {
        let system = System::http(name, &receiver.url(name), contract);
        let mut system = system.of(authority).at_once(concurrency);
        // What was in flight holds its case until then: with the default of 30 s, all cases soon.
        "timeout = \"8s\"\n".clone_into(&mut system.more);
        configuration = configuration.with_system(&system);
    }
    let folder = configuration.folder().join(FILES);
    fs::create_dir_all(&folder).expect("a folder of ours");
    let files = System::directory(FILES, &folder).of(FILES_AUTHORITY);
    configuration.with_system(&files.at_once(FILES_CONCURRENCY))
}

/// Effects come late enough for a kill to fall between request, effect and answer.
fn slow(receiver: &Receiver) {
    for subject in &SUBJECTS {
        receiver.behave(
            subject.name,
            Manner {
                recognises_keys: subject.promise == Promise::Recognises,
                effect_after: Duration::from_millis(100),
                answer_after: Duration::from_millis(300),
                ..Manner::default()
            },
        );
    }
}

fn fast(receiver: &Receiver) {
    for subject in &SUBJECTS {
        let recognises_keys = subject.promise == Promise::Recognises;
        receiver.behave(subject.name, Manner { recognises_keys, ..Manner::default() });
    }
}

/// The portals stay ahead of the systems, but not without bound.
fn start_senders(load: &mut Load, receiver: &Arc<Receiver>, configuration: &Configuration) {
    for subject in &SUBJECTS {
        let (receiver, name) = (Arc::clone(receiver), subject.name);
        // What waits for a person never comes, so arrivals count here, not effects.
        let is_full = move |sent: usize| receiver.count(name) + AHEAD_MAX < sent;
        load.send_to(subject.authority, SENDERS, is_full);
    }
    let folder = configuration.folder().join(FILES);
    load.send_to(FILES_AUTHORITY, 1, move |sent| entries(&folder) + AHEAD_MAX < sent);
}

async fn busy(receiver: &Receiver) {
    wait::until("20 messages in flight", BUSY_WITHIN, || async {
        (IN_FLIGHT_MIN <= receiver.open()).then_some(())
    })
    .await;
}

/// Asks what became of some messages: whatever is told to be delivered must not come again.
async fn ask(gateway: SocketAddr, sent: &[Sent], receiver: &Receiver, oracle: &mut Oracle) {
    let portal = Portal::new(gateway);
    let judged = |sent: &&Sent| SUBJECTS[..2].iter().any(|s| s.authority == sent.authority);
    let unknown = sent.iter().filter(judged).filter(|sent| !oracle.is_settled(&sent.message_id));
    let asked: Vec<&Sent> = unknown.take(ASKED_PER_ROUND).collect();
    for part in asked.chunks(ASKED_AT_ONCE) {
        let mut asking = JoinSet::new();
        for sent in part {
            let (portal, id) = (portal.clone(), sent.message_id.clone());
            asking.spawn(async move { portal.status(&id).await });
        }
        for status in asking.join_all().await {
            let status = status.expect("a message with a receipt is known");
            if status.state == "delivered" {
                oracle.settled(&status.message_id, receiver.sequence());
            }
        }
    }
}

/// Waits until every message ended in a state that a person can explain, and gives the states.
async fn all_explained(gateway: SocketAddr, sent: &[Sent]) -> Vec<ApplicationStatus> {
    let portal = Portal::new(gateway);
    let mut explained = Vec::new();
    for part in sent.chunks(ASKED_AT_ONCE) {
        let mut asking = JoinSet::new();
        for sent in part {
            let (portal, sent) = (portal.clone(), sent.clone());
            asking.spawn(async move { until_explained(&portal, &sent).await });
        }
        explained.extend(asking.join_all().await);
    }
    explained
}

async fn until_explained(portal: &Portal, sent: &Sent) -> ApplicationStatus {
    let may_wait_for_a_person = sent.authority == SUBJECTS[2].authority;
    let what = format!("{} {} to be explained", sent.authority, sent.message_id);
    wait::until(&what, DONE_WITHIN, || async {
        let status = portal.status(&sent.message_id).await.expect("it has a receipt");
        let is_done = match status.state.as_str() {
            "delivered" => true,
            // The question, and what is held behind one.
            "uncertain" | "pending" | "accepted" => may_wait_for_a_person,
            _ => false,
        };
        is_done.then_some(status)
    })
    .await
}

/// One question for each message that may or may not have taken effect, and never a repeat.
fn questions(
    receiver: &Receiver,
    sent: &[Sent],
    statuses: &[ApplicationStatus],
    rounds: u64,
) -> Vec<String> {
    let subject = &SUBJECTS[2];
    let arrivals = named(receiver.arrivals(), subject.name);
    let arrived: BTreeSet<_> = arrivals.iter().filter_map(|arrival| arrival.own_id).collect();
    let mut faults = Vec::new();
    let mut open = 0;
    let mut held: BTreeSet<&str> = BTreeSet::new();
    // In the order of each case.
    for sent in of(sent, subject.authority) {
        let status = statuses.iter().find(|status| status.message_id == sent.message_id);
        let status = status.expect("every message was asked for");
        let asked = status.timeline.iter().filter(|entry| entry.kind == "uncertain").count();
        let has_arrived = arrived.contains(&sent.own_id);
        let is_held = held.contains(status.case_id.as_str());
        let is_right = match status.state.as_str() {
            "delivered" => has_arrived && asked == 0 && !is_held,
            "uncertain" => asked == 1 && !is_held,
            "pending" | "accepted" => is_held && !has_arrived && asked == 0,
            _ => false,
        };
        if !is_right {
            let (id, state) = (&sent.message_id, &status.state);
            faults.push(format!(
                "{id}: {state}, arrived {has_arrived}, {asked} questions, held {is_held}"
            ));
        }
        if status.state == "uncertain" {
            open += 1;
            held.insert(status.case_id.as_str());
        }
    }
    let open_max = usize::try_from(rounds).expect("few") * subject.concurrency;
    if open_max < open {
        faults.push(format!("{open} questions; at most {open_max} were in flight"));
    }
    eprintln!("{}: {open} questions to a person", subject.name);
    faults
}

fn missing_files(configuration: &Configuration, sent: &[Sent]) -> Vec<String> {
    let there = files_in(&configuration.folder().join(FILES));
    let is_there = |sent: &&Sent| there.iter().any(|(_, text)| *text == sent.document);
    let missing = sent.iter().filter(|sent| !is_there(sent));
    let mut faults: Vec<String> =
        missing.map(|sent| format!("{FILES}: {} is missing", sent.message_id)).collect();
    if sent.len() < there.len() {
        faults.push(format!("{FILES}: {} files for {} messages", there.len(), sent.len()));
    }
    faults
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Finished files and their contents.
fn files_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let path = |entry: std::io::Result<fs::DirEntry>| entry.ok().map(|entry| entry.path());
    let files = entries
        .filter_map(path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"));
    files.filter_map(|path| Some((path.display().to_string(), fs::read(&path).ok()?))).collect()
}

fn of(sent: &[Sent], authority: &str) -> Vec<Sent> {
    let mut own: Vec<Sent> =
        sent.iter().filter(|sent| sent.authority == authority).cloned().collect();
    own.sort_by_key(|sent| tests::documents::place_of(sent.own_id));
    own
}

fn named(arrivals: Vec<tests::receiver::Arrival>, inbox: &str) -> Vec<tests::receiver::Arrival> {
    arrivals.into_iter().filter(|arrival| arrival.inbox == inbox).collect()
}
