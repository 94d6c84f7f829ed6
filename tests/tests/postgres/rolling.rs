//! A rolling restart of dispatchers: two of them share one ledger and one topic, and are ended in order and started
//! again in turn, also with another file, while portals send. With the real program on real Kafka.

use std::{sync::Arc, time::Duration};

use tests::{
    configuration::{Configuration, System},
    crash::{self, Load, Oracle, Promise},
    kafka::Broker,
    postgres::{ADMIN, Postgres},
    process::{Process, STARTS_WITHIN, Wrapper},
    receiver::{Manner, Receiver},
    wait,
};
use tokio::{sync::watch, time::Instant};

const SOON: Duration = Duration::from_secs(60);
const NAMES: [&str; 2] = ["one", "two"];
const AUTHORITY: &str = "svb:14730000";
const KEYS: (&str, Promise) = ("keys", Promise::Recognises);
const ASKED: (&str, Promise) = ("asked", Promise::CanBeAsked);
/// In nobody's file at first; what comes for it waits for the file that has it.
const LATER: (&str, &str) = ("later", "svb:15085000");
const CONCURRENCY: usize = 4;
const SENDERS: usize = 4;
/// How far portals run ahead of what the systems have done.
const AHEAD_MAX: usize = 90;
/// Deliveries between two changes.
const SOME: usize = 15;
/// How long nobody may serve an endpoint: a dispatcher looks each second for what nobody has, and a lease would be five.
const UNSERVED_MAX: Duration = Duration::from_secs(5);
/// What Kafka's client says of one whose place in the group another has taken by its name.
const FENCED: &str = "fenced by other consumer";

/// From the first change on: which endpoint had which owner when.
const BOOK: &str = "
    CREATE TABLE tenure (at timestamptz DEFAULT clock_timestamp(), endpoint int, owner bigint);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.tenure (endpoint, owner) VALUES (NEW.endpoint, NEW.owner);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER UPDATE OF owner ON amtsbote_ledger.endpoint_state
        FOR EACH ROW WHEN (OLD.owner IS DISTINCT FROM NEW.owner) EXECUTE FUNCTION note()";
/// Milliseconds of the longest time that an endpoint had no owner and got one again.
const UNSERVED: &str = "
    SELECT coalesce(max(extract(epoch FROM until - at) * 1000), 0)::int FROM (
        SELECT at, owner, lead(at) OVER (PARTITION BY endpoint ORDER BY at) AS until FROM tenure
    ) AS spell WHERE owner IS NULL";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dispatchers_are_restarted_in_turn_and_nothing_is_lost_or_goes_twice_or_waits_for_a_lease()
{
    let test = "dispatchers restarted in turn";
    let Some(broker) = Broker::shared(test) else { return };
    let Some(postgres) = Postgres::start(test) else { return };
    let mut life = Life::begin(broker, &postgres).await;
    postgres.sql(BOOK);
    for index in 0..NAMES.len() {
        life.restart(index).await;
    }
    // The others' file has the endpoint and this one's not, and the other way round.
    life.subscribe(LATER.0, "deduplicates", LATER.1);
    for index in 0..NAMES.len() {
        life.restart(index).await;
    }
    life.conclude().await;
    let unserved: u64 = postgres.sql(UNSERVED).parse().expect("a number");
    let took = postgres.sql("SELECT count(*) FROM tenure WHERE owner IS NOT NULL");
    eprintln!("an endpoint was nobody's for {unserved} ms at most, in {took} changes of hands");
    assert!(Duration::from_millis(unserved) < UNSERVED_MAX, "{unserved} ms");
    assert!(took != "0", "none changed hands");
}

/// Two dispatchers under load.
struct Life<'t> {
    postgres: &'t Postgres,
    receiver: Arc<Receiver>,
    gateway: Process,
    /// Of who is started next.
    file: Configuration,
    dispatchers: Vec<Option<Process>>,
    load: Load,
}

impl<'t> Life<'t> {
    async fn begin(broker: &Broker, postgres: &'t Postgres) -> Self {
        let receiver = Arc::new(Receiver::start().await);
        let store = format!("postgres://{ADMIN}@127.0.0.1:{}/postgres", postgres.port());
        let file = Configuration::apart(broker.address())
            .with_head(&format!("store = \"{store}\""))
            .with_standard_route("kfz");
        let gateway = start("gateway", &file.write_role("gateway")).await;
        let (_, address) = watch::channel(Some(gateway.address("gateway")));
        let load = Load::new(address);
        let dispatchers = Vec::new();
        let mut life = Self { postgres, receiver, gateway, file, dispatchers, load };
        for (name, contract) in [(KEYS.0, "deduplicates"), (ASKED.0, "can_look_up")] {
            life.subscribe(name, contract, AUTHORITY);
        }
        for name in NAMES {
            let dispatcher = start("dispatcher", &life.file.write_dispatcher(name)).await;
            life.dispatchers.push(Some(dispatcher));
        }
        let is_there = async || life.count("writer WHERE beat > 1");
        wait::until_equal("both to beat", SOON, 2, is_there).await;
        for (authority, inbox) in [(AUTHORITY, ASKED.0), (LATER.1, LATER.0)] {
            let receiver = Arc::clone(&life.receiver);
            let is_full = move |sent: usize| receiver.count(inbox) + AHEAD_MAX < sent;
            life.load.send_to(authority, SENDERS, is_full);
        }
        life
    }

    /// From the next start on.
    fn subscribe(&mut self, name: &str, contract: &str, authority: &str) {
        // A repetition takes effect like anything else, so that none is hidden.
        let answer_after = Duration::from_millis(30);
        let manner = Manner { recognises_keys: false, answer_after, ..Manner::default() };
        self.receiver.behave(name, manner);
        let system = System::http(name, &self.receiver.url(name), contract);
        self.file = self.file.clone().with_system(&system.of(authority).at_once(CONCURRENCY));
    }

    /// A number the ledger counts.
    fn count(&self, what: &str) -> usize {
        let of = format!("SELECT count(*) FROM amtsbote_ledger.{what}");
        self.postgres.sql(&of).parse().expect("a number")
    }

    /// Ends a dispatcher in the middle of its work, and starts it again with the file as it is now.
    async fn restart(&mut self, index: usize) {
        let name = NAMES[index];
        self.go_on().await;
        let begun = Instant::now();
        end(self.dispatchers[index].take().expect("it runs")).await;
        eprintln!("{name} ended within {:.1?}", begun.elapsed());
        let writers = format!("SELECT id FROM amtsbote_ledger.writer WHERE holder = '{name}'");
        let kept = self.count(&format!("endpoint_state WHERE owner IN ({writers})"));
        assert_eq!(kept, 0, "{name} lets go of what it had");
        self.go_on().await;
        let file = self.file.write_dispatcher(name);
        self.dispatchers[index] = Some(start("dispatcher", &file).await);
    }

    /// Both systems get some more.
    async fn go_on(&self) {
        for (name, _) in [KEYS, ASKED] {
            let before = self.receiver.count(name);
            let more = async || (before + SOME <= self.receiver.count(name)).then_some(());
            wait::until(&format!("more for {name}"), SOON, more).await;
        }
    }

    /// Everything with a receipt came, once and in order, and each dispatcher ends with nothing left to do.
    async fn conclude(mut self) {
        self.go_on().await;
        self.load.finish().await;
        let sent = self.load.sent();
        let mut oracle = Oracle::default();
        for (name, authority, promise) in
            [(KEYS.0, AUTHORITY, KEYS.1), (ASKED.0, AUTHORITY, ASKED.1), (LATER.0, LATER.1, KEYS.1)]
        {
            let sent: Vec<_> =
                sent.iter().filter(|sent| sent.authority == authority).cloned().collect();
            let came = async || sent.len() <= self.receiver.effects_of(name).len();
            wait::until_equal(&format!("all for {name}"), SOON, true, came).await;
            let arrivals = self.receiver.arrivals().into_iter();
            let arrivals: Vec<_> = arrivals.filter(|arrival| arrival.inbox == name).collect();
            let judged = (&arrivals[..], &self.receiver.effects_of(name)[..]);
            oracle.judge(name, promise, CONCURRENCY, &sent, judged);
            eprintln!("{name}: {} receipts, {} arrivals", sent.len(), arrivals.len());
        }
        crash::no_promise_is_broken(oracle.faults());
        let open = async || self.count("delivery WHERE state <> 'delivered'");
        wait::until_equal("all to be recorded", SOON, 0, open).await;
        wait::until_equal("all to be told", SOON, 0, async || self.count("outbox")).await;
        for dispatcher in self.dispatchers.drain(..).flatten() {
            end(dispatcher).await;
        }
        assert_eq!(self.count("endpoint_state WHERE owner IS NOT NULL"), 0, "nobody owns anything");
        assert!(self.gateway.end().await.success());
    }
}

async fn start(role: &str, file: &std::path::Path) -> Process {
    Process::start(&[role], file, Wrapper::default(), STARTS_WITHIN).await
}

/// In order, and nobody took its place while it lived.
async fn end(dispatcher: Process) {
    assert!(!dispatcher.log().contains(FENCED), "one was put out of the group by the other");
    assert!(dispatcher.end().await.success(), "it ends in order");
}
