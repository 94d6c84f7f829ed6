//! A rolling restart: two gateways behind one address are stopped and started in turn while portals submit all the
//! time, and not one call fails. On real Kafka, where a gateway is a process of its own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a long test says how far it is, and what it measured")]

use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use tests::{
    balancer::{Balancer, Member},
    configuration::{Configuration, System},
    documents::Kfz,
    kafka::Broker,
    port,
    portal::{self, Portal},
    process::{Process, Program, STARTS_WITHIN, Wrapper},
    receiver::Receiver,
    wait,
};
use tokio::task::JoinSet;
use tonic::Status;
use wire::intake::SubmitResponse;

const ROUNDS: usize = 3;
const SENDERS: u32 = 6;
/// Receipts between two restarts, at least.
const PROGRESS: usize = 30;
const SOON: Duration = Duration::from_secs(60);
const ALL_WITHIN: Duration = Duration::from_secs(120);
/// How long a gateway says that it ends before it closes its address: ten times what the balancer needs to see it.
const NOTICE: &str = "1s";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_are_restarted_in_turn_and_no_portal_notices() {
    let Some(broker) = Broker::start("a rolling restart") else { return };
    let receiver = Receiver::start().await;
    let system = System::http("inbox", &receiver.url("inbox"), "deduplicates").at_once(8);
    let configuration = Configuration::apart(broker.address())
        .with_standard_route("kfz")
        .with_gateway(&format!("notice_time = \"{NOTICE}\""))
        .with_system(&system);
    let program = Program::start(&configuration).await;
    let files = [1, 2].map(|number| gateway_file(&configuration, number));
    let mut gateways = Vec::new();
    for file in &files {
        gateways.push(start(file).await);
    }
    let members: Vec<Member> = gateways.iter().map(member).collect();
    let balancer = Balancer::start(&members).await;
    wait::until("both to be ready", SOON, || async {
        (balancer.is_ready(0) && balancer.is_ready(1)).then_some(())
    })
    .await;

    let portals = Portals::start(&balancer);
    for round in 1..=ROUNDS {
        for (index, file) in files.iter().enumerate() {
            portals.make_progress().await;
            let gateway = gateways.remove(0);
            assert!(gateway.end().await.success(), "gateway {index} ends in order");
            assert!(!balancer.is_ready(index), "it said so before it ended");
            portals.make_progress().await;
            let passed = balancer.passed(index);
            gateways.push(start(file).await);
            wait::until("it to be ready again", SOON, || async {
                balancer.is_ready(index).then_some(())
            })
            .await;
            portals.some_reconnect(&balancer, index, passed).await;
        }
        eprintln!("round {round}: {} receipts", portals.receipts());
    }
    let receipts = portals.finish().await;
    assert!(balancer.passed(0) > 0 && balancer.passed(1) > 0, "both were used");
    wait::until_equal("every receipt's delivery", ALL_WITHIN, receipts, || async {
        receiver.effects_of("inbox").len()
    })
    .await;
    assert_eq!(receiver.count("inbox"), receipts, "each once");
    for gateway in gateways {
        assert!(gateway.end().await.success());
    }
    assert!(program.end().await.success());
}

/// Portals that take each answer for what it is, and repeat nothing.
struct Portals {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    /// How many times everybody was asked to hang up and call again.
    hung_up: AtomicU32,
    /// Calls that never left their client, and were sent by it a moment later.
    unsent: AtomicUsize,
    receipts: Mutex<Vec<String>>,
    failures: Mutex<Vec<String>>,
}

impl Portals {
    fn start(balancer: &Balancer) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        for sender in 0..SENDERS {
            let (shared, address) = (Arc::clone(&shared), balancer.address());
            tasks.spawn(async move {
                let kfz = Kfz::read();
                let mut calls = 0;
                while !shared.is_over.load(Ordering::SeqCst) {
                    let (portal, hung_up) =
                        (Portal::new(address), shared.hung_up.load(Ordering::SeqCst));
                    while shared.hung_up.load(Ordering::SeqCst) == hung_up
                        && !shared.is_over.load(Ordering::SeqCst)
                    {
                        calls += 1;
                        let document = kfz.document(1_000_000 * (sender + 1) + calls, 0);
                        shared.note(submit(&portal, document, &shared).await);
                    }
                }
            });
        }
        Self { shared, tasks }
    }

    fn receipts(&self) -> usize {
        self.shared.receipts.lock().expect("nobody panics").len()
    }

    async fn make_progress(&self) {
        let before = self.receipts();
        wait::until("receipts", SOON, || async {
            (before + PROGRESS <= self.receipts()).then_some(())
        })
        .await;
        self.nothing_failed();
    }

    /// Lets everybody connect anew, so that a gateway that came back is used.
    async fn some_reconnect(&self, balancer: &Balancer, index: usize, before: usize) {
        wait::until("connections to who came back", SOON, || async {
            self.shared.hung_up.fetch_add(1, Ordering::SeqCst);
            (before < balancer.passed(index)).then_some(())
        })
        .await;
    }

    fn nothing_failed(&self) {
        let failures = self.shared.failures.lock().expect("nobody panics");
        let first = failures.first().map(String::as_str).unwrap_or_default();
        assert!(failures.is_empty(), "{} calls failed, first: {first}", failures.len());
    }

    async fn finish(mut self) -> usize {
        self.shared.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no portal panics");
        }
        self.nothing_failed();
        let unsent = self.shared.unsent.load(Ordering::SeqCst);
        eprintln!("{unsent} calls never left their client at first");
        assert!(
            unsent <= ROUNDS * 2 * SENDERS as usize,
            "once for each end of a connection at most"
        );
        self.receipts()
    }
}

/// Calls as the client of a portal does that keeps to gRPC's rules: what never left it, as its connection was just
/// being closed in good order, it sends over the next one. This client's library leaves that to whoever uses it.
async fn submit(
    portal: &Portal,
    document: Bytes,
    shared: &Shared,
) -> Result<SubmitResponse, Status> {
    match portal.submit(document.clone()).await {
        Err(status) if never_left(&status) => {
            shared.unsent.fetch_add(1, Ordering::SeqCst);
            portal.submit(document).await
        }
        answer => answer,
    }
}

fn never_left(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Shared {
    fn note(&self, answer: Result<SubmitResponse, Status>) {
        match answer {
            Ok(answer) => {
                let receipt = answer.receipt.expect("accepted with a receipt");
                self.receipts.lock().expect("nobody panics").push(receipt.message_id);
            }
            Err(status) => {
                let told = format!("{} {status:?}", portal::told(&status));
                self.failures.lock().expect("nobody panics").push(told);
            }
        }
    }
}

/// The gateway's file for one of several, at addresses that stay.
fn gateway_file(configuration: &Configuration, number: u32) -> PathBuf {
    let text = fs::read_to_string(configuration.write_role("gateway")).expect("a file of ours");
    let mut table: toml::Table = text.parse().expect("it is TOML");
    table.insert("data".to_owned(), format!("data-gateway-{number}").into());
    for section in ["gateway", "operations"] {
        let section = table.get_mut(section).and_then(toml::Value::as_table_mut);
        let section = section.expect("a section of this role");
        section.insert("listen".to_owned(), port::free().to_string().into());
    }
    let file = configuration.folder().join(format!("gateway-{number}.toml"));
    fs::write(&file, table.to_string()).expect("a file in a folder of ours");
    file
}

async fn start(file: &Path) -> Process {
    Process::start(&["gateway"], file, Wrapper::default(), STARTS_WITHIN).await
}

fn member(gateway: &Process) -> Member {
    Member { gateway: gateway.address("gateway"), operations: gateway.address("operations") }
}
