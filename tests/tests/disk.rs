//! Sick disks under a program at work: full, read-only, failing and slow, one file after the other. No receipt
//! is given that is not durable, `/readyz` says what is wrong, and everything goes on when the disk is well.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "a long test says how far it is")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use tests::{
    ailment::{Ailment, Disease},
    configuration::{Configuration, System},
    crash::{self, Load, Oracle, Promise},
    documents::{self, Kfz},
    machine::{self, SmallDisk},
    portal::{self, Portal},
    process::Program,
    receiver::{Manner, Receiver},
    source, wait,
};
use tokio::{sync::watch, time::Instant};
use tonic::Code;
use tonic_types::StatusExt as _;
use wire::intake::{SubmitRequest, UploadAttachmentResponse};

const SOON: Duration = Duration::from_secs(60);
const AUTHORITY: &str = "svb:14730000";
/// Whose system is a folder, and gets what needs a claim.
const ELSEWHERE: &str = "svb:15085000";
/// Room for some claims.
const CLAIMS_BYTES: usize = 4 << 20;
const PDF: &[u8] = &[b'%'; 200_000];
const INBOX: &str = "inbox";
const CONCURRENCY: usize = 4;
const SENDERS: usize = 4;
/// How far the portals run ahead of what the system has done.
const AHEAD_MAX: usize = 60;
/// Deliveries between two changes of the weather.
const SOME: usize = 25;
/// How long a sick disk is watched while nobody sends anything, and how many calls it may be asked by then: each
/// of the few who wait for it tries a few times a second at most.
const WATCHED: Duration = Duration::from_secs(3);
const ASKED_MAX: usize = 60;
/// Cases of their own, which no sender uses.
const ASIDE: u32 = 1_000_000;
const SLOWER: Duration = Duration::from_millis(200);
/// Default of `shutdown_time_max`.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// One file of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Channel,
    Ledger,
    Journal,
}

impl File {
    fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Ledger => "ledger",
            Self::Journal => "journal",
        }
    }

    /// What `/readyz` names.
    fn code(self, disease: Disease) -> &'static str {
        match (self, disease) {
            (Self::Channel, Disease::Full) => "AB-2005",
            (Self::Channel, _) => "AB-2006",
            (Self::Ledger, _) => "AB-2305",
            (Self::Journal, _) => "AB-2405",
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_for_one_file_costs_nothing_and_all_goes_on_when_there_is_room() {
    falls_ill("a full disk, file by file", Disease::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_turns_read_only_costs_nothing_and_all_goes_on_when_it_can_be_written() {
    falls_ill("a disk that turns read-only", Disease::ReadOnly).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_synced_has_no_receipt_and_all_goes_on_when_it_can() {
    falls_ill("a disk that fails to sync", Disease::Unsynced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_makes_receipts_slow_and_none_of_them_false() {
    if !machine::has("strace", "a slow disk") {
        return;
    }
    let mut life = Life::begin().await;
    life.some_are_delivered().await;
    let files = [File::Channel, File::Ledger, File::Journal].map(|file| life.paths(file)).concat();
    let ailment = life.befall(&files, Disease::Slow(SLOWER)).await;
    let asked = Instant::now();
    let receipt = life.portal().receipt(Kfz::read().document_for(AUTHORITY, ASIDE, 0)).await;
    assert!(SLOWER <= asked.elapsed(), "a receipt before the sync: {:?}", asked.elapsed());
    let before = life.receiver.count(INBOX);
    wait::until("deliveries from a slow disk", SOON, || async {
        (before + SOME <= life.receiver.count(INBOX)).then_some(())
    })
    .await;
    life.portal().until(&receipt.message_id, "delivered", SOON).await;
    let told = life.readiness().await;
    assert_eq!(told.0, 200, "slow is not broken: {}", told.1);
    life.load.finish().await;

    // It ends while its disk is slow, with deliveries under way.
    let ended = Instant::now();
    let program = life.program.take().expect("it runs");
    assert!(program.end().await.success(), "an orderly end");
    assert!(ended.elapsed() < ENDS_WITHIN, "an end of {:?}", ended.elapsed());
    drop(ailment);
    life.start().await;
    life.conclude(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_to_end_while_its_disk_is_full_ends_in_time_and_goes_on_at_its_next_start()
 {
    if !machine::has("strace", "an end on a full disk") {
        return;
    }
    let mut life = Life::begin().await;
    // What was answered and cannot be recorded is done once more, under the same key.
    life.receiver.behave(INBOX, Manner::default());
    for file in [File::Channel, File::Ledger, File::Journal] {
        life.some_are_delivered().await;
        let ailment = life.befall(&life.paths(file), Disease::Full).await;
        life.says(503, file.code(Disease::Full)).await;
        life.send(false);
        let begun = Instant::now();
        let (status, said) = life.end().await;
        eprintln!("{}: {status} after {:.1?}", file.name(), begun.elapsed());
        assert!(begun.elapsed() < ENDS_WITHIN, "an end of {:?}", begun.elapsed());
        assert!(!said.contains("panicked"), "no panic");
        // An end with an error names it in its last line.
        let last = said.lines().last().unwrap_or_default();
        assert!(status.success() || last.contains(file.code(Disease::Full)), "{status}: {last}");
        drop(ailment);
        life.oracle.killed(life.receiver.sequence());
        life.start().await;
    }
    life.some_are_delivered().await;
    life.load.finish().await;
    life.conclude(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_for_claims_what_needs_one_is_told_to_come_again_and_all_else_goes_on() {
    let configuration = Configuration::new();
    let folder = configuration.folder().join("claims");
    let Some(disk) = SmallDisk::new(&folder, CLAIMS_BYTES) else {
        machine::not_run("no room for claims", "no right to mount a small disk");
        return;
    };
    let files = configuration.folder().join("files");
    let claims = format!("claims = \"embedded:{}\"", folder.display());
    let system = System::directory("files", &files).of(ELSEWHERE);
    let mut life = Life::begin_with(configuration.with_head(&claims).with_system(&system)).await;
    let portal = life.portal();
    // A receipt whose delivery waits, as the system's folder is not there, and a ticket nobody used yet.
    let [waits, comes_again] = [1, 2]
        .map(|case| documents::too_large(&Kfz::read().document_for(ELSEWHERE, ASIDE + case, 0)));
    let held = portal.receipt(waits.clone()).await;
    let ticket = portal.upload_pdf(PDF).await.expect("there is room");
    let is_tried = async || life.program().log().contains("AB-3004");
    wait::until_equal("it to be tried", SOON, true, is_tried).await;

    let kept = names_below(&folder);
    let ballast = disk.fill();
    life.some_are_delivered().await;
    for refused in [
        portal.upload_pdf(PDF).await.map(drop),
        portal.submit(comes_again.clone()).await.map(drop),
        portal.send(with_attachment(ticket.clone())).await.map(drop),
    ] {
        let status = refused.expect_err("there is no room");
        let told = portal::told(&status);
        assert_eq!(status.code(), Code::Unavailable, "{told}");
        assert_eq!(portal::code(&status).as_deref(), Some("AB-2202"), "{told}");
        assert!(status.get_details_retry_info().is_some(), "{told}");
    }
    assert_eq!(life.readiness().await.0, 200, "it takes whatever needs no claim");
    fs::create_dir(&files).expect("a folder of ours");
    portal.until(&held.message_id, "delivered", SOON).await;
    assert!(holds(&files, &waits), "as it was sent, while there is no room");
    let left: Vec<_> = names_below(&folder).into_iter().filter(|it| !kept.contains(it)).collect();
    assert_eq!(left, std::slice::from_ref(&ballast), "nothing is left of what was refused");

    // The same again, as portals were told to, and with the ticket of before.
    fs::remove_file(ballast).expect("a file of ours");
    for request in [
        SubmitRequest { document: comes_again.clone(), ..SubmitRequest::default() },
        with_attachment(ticket),
        with_attachment(portal.upload_pdf(PDF).await.expect("there is room again")),
    ] {
        let receipt = portal.send(request).await.expect("there is room again").receipt;
        let receipt = receipt.expect("accepted with a receipt");
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    assert!(holds(&files, &comes_again) && holds(&files, PDF), "and they are delivered whole");
    life.some_are_delivered().await;
    life.load.finish().await;
    life.conclude(0).await;
    // Before the folder it is in.
    drop(disk);
}

/// An application for the other authority, with what was uploaded for it.
fn with_attachment(upload: UploadAttachmentResponse) -> SubmitRequest {
    let document = documents::example("ausserbetriebsetzung-nordsachsen.xml");
    let document = String::from_utf8(document.to_vec()).expect("UTF-8");
    portal::with_attachment(document.replace(AUTHORITY, ELSEWHERE).into(), upload)
}

/// Every file below a folder.
fn names_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of ours");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { names_below(&path) } else { vec![path] }).collect()
}

/// Whether a file in `folder` holds just this.
fn holds(folder: &Path, expected: &[u8]) -> bool {
    names_below(folder).iter().any(|path| fs::read(path).is_ok_and(|read| read == expected))
}

/// Each file in turn, and the program lives through all of it.
async fn falls_ill(test: &str, disease: Disease) {
    if !machine::has("strace", test) {
        return;
    }
    let mut life = Life::begin().await;
    for (turn, file) in (1..).zip([File::Channel, File::Ledger, File::Journal]) {
        if disease == Disease::Unsynced && file == File::Journal {
            // It can be made anew from the channels, so nobody waits for its syncs.
            continue;
        }
        life.some_are_delivered().await;
        let ailment = life.befall(&life.paths(file), disease).await;
        life.says(503, file.code(disease)).await;
        life.is_as_promised_without(file, disease, ASIDE + turn).await;
        life.is_patient(&ailment).await;
        ailment.cure().await;
        // Nobody sends anything meanwhile: it finds out by itself.
        life.says(200, "").await;
        life.send(true);
    }
    life.some_are_delivered().await;
    life.load.finish().await;
    let aside = if disease == Disease::Unsynced { 1 } else { 2 };
    life.conclude(aside).await;
}

/// One program under load, from its start to its end.
struct Life {
    receiver: Arc<Receiver>,
    configuration: Configuration,
    program: Option<Program>,
    address: watch::Sender<Option<std::net::SocketAddr>>,
    load: Load,
    oracle: Oracle,
}

impl Life {
    async fn begin() -> Self {
        Self::begin_with(Configuration::new()).await
    }

    /// With more than the others have.
    async fn begin_with(configuration: Configuration) -> Self {
        let receiver = Arc::new(Receiver::start().await);
        // It notices repetitions and lets them take effect all the same, so that none is hidden.
        receiver.behave(INBOX, Manner { recognises_keys: false, ..Manner::default() });
        let system = System::http(INBOX, &receiver.url(INBOX), "deduplicates");
        let system = system.of(AUTHORITY).at_once(CONCURRENCY);
        let configuration = configuration.with_standard_route("kfz").with_system(&system);
        let (address, gateway) = watch::channel(None);
        let mut load = Load::new(gateway);
        let counting = Arc::clone(&receiver);
        load.send_to(AUTHORITY, SENDERS, move |sent| counting.count(INBOX) + AHEAD_MAX < sent);
        let (program, oracle) = (None, Oracle::default());
        let mut life = Self { receiver, configuration, program, address, load, oracle };
        life.start().await;
        life
    }

    async fn start(&mut self) {
        let program = Program::start(&self.configuration).await;
        self.address.send_replace(Some(program.gateway()));
        self.program = Some(program);
    }

    /// Asks it to end, and gives how it ended and what it said.
    async fn end(&mut self) -> (ExitStatus, String) {
        let mut program = self.program.take().expect("it runs");
        program.ask_to_end().await;
        let ended = wait::until("its end", SOON, || std::future::ready(program.ended())).await;
        (ended, program.log())
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    fn portal(&self) -> Portal {
        Portal::new(self.program().gateway())
    }

    /// Whether the senders send: without an address they neither begin anything nor repeat themselves.
    fn send(&self, is_wanted: bool) {
        self.address.send_replace(is_wanted.then(|| self.program().gateway()));
    }

    /// The file with all that SQLite keeps beside it.
    fn paths(&self, file: File) -> Vec<PathBuf> {
        let data = self.configuration.folder().join("data");
        let name = |end: &str| data.join(format!("{}.sqlite{end}", file.name()));
        let paths = ["", "-wal", "-shm"].map(name).to_vec();
        assert!(paths.iter().all(|path| path.exists()), "not all there: {paths:?}");
        paths
    }

    async fn befall(&self, files: &[PathBuf], disease: Disease) -> Ailment {
        let folder = self.configuration.folder();
        Ailment::befall(self.program().process(), files, disease, folder).await
    }

    async fn some_are_delivered(&self) {
        let before = self.receiver.count(INBOX);
        wait::until("some deliveries", SOON, || async {
            (before + SOME <= self.receiver.count(INBOX)).then_some(())
        })
        .await;
    }

    async fn readiness(&self) -> (u16, String) {
        let url = format!("http://{}/readyz", self.program().console());
        let answer = reqwest::get(url).await.expect("the console answers");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Waits until `/readyz` answers with this status and names the code.
    async fn says(&self, status: u16, code: &str) {
        wait::until(&format!("/readyz to say {status} {code}"), SOON, || async {
            let told = self.readiness().await;
            (told.0 == status && told.1.contains(code)).then_some(())
        })
        .await;
    }

    /// What goes on without one of the files, and what does not.
    async fn is_as_promised_without(&self, file: File, disease: Disease, case: u32) {
        let document = Kfz::read().document_for(AUTHORITY, case, 0);
        let submitted = self.portal().submit(document).await;
        if file == File::Channel {
            let status = submitted.expect_err("no receipt without a disk");
            let told = portal::told(&status);
            assert_eq!(status.code(), Code::Unavailable, "{told}");
            let code = portal::code(&status).unwrap_or_default();
            assert_eq!(code, file.code(disease), "{told}");
            assert!(source::error_pages().contains_key(&code), "{code} has no page");
            assert!(status.get_details_retry_info().is_some(), "{told}");
            return;
        }
        let receipt = submitted.expect("the channel is well").receipt.expect("a receipt");
        let own_id = tests::documents::own_id_of(case, 0);
        let arrived = async || self.receiver.arrivals().iter().any(|a| a.own_id == Some(own_id));
        if file == File::Journal {
            wait::until("a delivery without a journal", SOON, async || {
                arrived().await.then_some(())
            })
            .await;
        } else {
            assert!(!arrived().await, "{} went out unrecorded", receipt.message_id);
        }
    }

    /// While nobody sends anything, a sick disk is asked now and then, and the process rests.
    async fn is_patient(&self, ailment: &Ailment) {
        self.send(false);
        tokio::time::sleep(WATCHED / 3).await;
        let (asked, worked) = (ailment.answered(), self.program().processor_time());
        tokio::time::sleep(WATCHED).await;
        let asked = ailment.answered() - asked;
        let worked = self.program().processor_time() - worked;
        eprintln!("within {WATCHED:?}: the disk was asked {asked} times, {worked:?} of work");
        assert!(asked <= ASKED_MAX, "asked {asked} times");
        assert!(worked < WATCHED / 2, "{worked:?} of work within {WATCHED:?}");
    }

    /// Everything with a receipt was delivered once, and nothing else was; also not after a restart. `aside` are
    /// the messages sent beside the load.
    async fn conclude(&mut self, aside: usize) {
        let sent = self.load.sent();
        wait::until("all to be delivered", SOON, || async {
            (sent.len() + aside <= self.receiver.effects_of(INBOX).len()).then_some(())
        })
        .await;
        let portal = self.portal();
        for sent in &sent {
            portal.until(&sent.message_id, "delivered", SOON).await;
        }
        let log = self.program().log();
        assert!(!log.contains("panicked"), "no panic");
        let program = self.program.take().expect("it runs");
        assert!(program.end().await.success(), "an orderly end");
        self.start().await;
        let last = self.portal().receipt(Kfz::read().document_for(AUTHORITY, ASIDE + 9, 0)).await;
        self.portal().until(&last.message_id, "delivered", SOON).await;

        let is_aside = |own_id| ASIDE <= tests::documents::place_of(own_id).0;
        let of_load = |arrivals: Vec<tests::receiver::Arrival>| -> Vec<_> {
            arrivals.into_iter().filter(|a| !a.own_id.is_some_and(is_aside)).collect()
        };
        let arrivals = of_load(self.receiver.arrivals());
        let effects = of_load(self.receiver.effects_of(INBOX));
        assert_eq!(self.receiver.arrivals().len() - arrivals.len(), aside + 1, "each aside once");
        let judged = (&arrivals[..], &effects[..]);
        self.oracle.judge(INBOX, Promise::Recognises, CONCURRENCY, &sent, judged);
        crash::no_promise_is_broken(self.oracle.faults());
        eprintln!("{} receipts, {} calls repeated", sent.len(), self.load.repeated());
    }
}
