//! The main job with the real program on a real Kafka broker, all roles in one process.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "it says how long it took")]

use std::{fs, time::Duration};

use channels::kafka::IS_SECURE_BUILD;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    kafka::Broker,
    machine,
    portal::{self, Portal},
    process::{self, Program},
    receiver::{Manner, Receiver},
    wait,
};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(60);
/// Long before a group would have forgotten a reader that was killed.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// How long a portal may have to wait to hear that a broker does not answer.
const TOLD_WITHIN: Duration = Duration::from_secs(20);
/// How long the program is watched while no broker answers, and what it may cost then. One that
/// asked again without a pause would take all of it.
const WATCHED_FOR: Duration = Duration::from_secs(10);
const WATCHED_COST_MAX: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_application_goes_its_way_through_kafka_and_a_killed_program_goes_on() {
    let Some(broker) = Broker::shared("the real program on Kafka") else { return };
    let receiver = Receiver::start().await;
    let configuration = configuration(broker, "e2e.", &receiver);
    let kfz = Kfz::read();

    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    for case in 1..=5 {
        let receipt = portal.receipt_at_last(kfz.document(case, 0), SOON).await;
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    let refused = Program::refuse(&configuration, "a ledger in use").await;
    assert!(refused.1.contains("AB-2001"), "one program on one ledger: {}", refused.1);
    program.kill().await;

    let begun = Instant::now();
    let configuration = configuration.with("[retention]\nchannel = \"2d\"");
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(kfz.document(6, 0)).await;
    wait::until("its arrival", SOON, || async { (receiver.count("inbox") == 6).then_some(()) })
        .await;
    let took = begun.elapsed();
    eprintln!("a new message is read and delivered {took:?} after the start");
    assert!(took < BACK_WITHIN, "{took:?}");
    portal.until(&receipt.message_id, "delivered", SOON).await;
    assert_eq!(receiver.arrivals().len(), 6, "each application once");
    // Made with seven days, and two are configured now.
    let log = program.log();
    assert!(log.contains("AB-2109") && log.contains("retention.ms is 604800000"), "{log}");

    // What an operator orders goes through Kafka too, and outlives the process that obeyed.
    let order = async |program: &Program, order: &'static str| {
        let console = format!("http://{}", program.console());
        let words = ["endpoint", order, "inbox", "--to", &console];
        wait::until(&format!("`{order}` to be obeyed"), SOON, || async {
            let output = process::run(&words, configuration.folder(), SOON).await;
            output.status.success().then_some(())
        })
        .await;
    };
    order(&program, "pause").await;
    program.kill().await;
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(kfz.document(7, 0)).await;
    portal.until(&receipt.message_id, "pending", SOON).await;
    assert_eq!(receiver.arrivals().len(), 6, "nothing while it is paused");
    order(&program, "resume").await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
    assert_eq!(receiver.arrivals().len(), 7);
    assert!(program.end().await.success());
}

#[tokio::test]
async fn records_of_foreign_producers_are_visible_dead_letters_that_hold_nothing_back() {
    let Some(broker) = Broker::shared("records of foreign producers on Kafka") else { return };
    let receiver = Receiver::start().await;
    let configuration = configuration(broker, "foreign.", &receiver);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    // The topic is there once something was taken.
    portal.receipt_at_last(kfz.document(1, 0), SOON).await;

    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("message.max.bytes", "10000000")
        .create()
        .expect("a producer");
    let large: Vec<u8> =
        (0..5 << 20).map(|n: u32| n.wrapping_mul(0x9E37_79B1).to_le_bytes()[3]).collect();
    let declared = [("ce_specversion", "1.0"), ("ce_type", "de.amtsbote.application.v1")];
    let declared = declared
        .into_iter()
        .chain([("ce_codecversion", "1"), ("content-type", "application/protobuf")]);
    let declared = declared.fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let bodies: [(&[u8], OwnedHeaders); 4] = [
        (b"", OwnedHeaders::new()),
        (b"no headers", OwnedHeaders::new()),
        (b"\xff\xff no protobuf", declared),
        (&large, OwnedHeaders::new()),
    ];
    for (body, headers) in bodies {
        let record = FutureRecord::to("foreign.application.kfz").key("x").payload(body);
        producer.send(record.headers(headers), SOON).await.expect("taken");
    }
    let receipt = portal.receipt(kfz.document(2, 0)).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
    let letters = dead_letters(broker, "foreign.dead", 4);
    assert!(letters.iter().any(|bytes| 5 << 20 < *bytes), "with all bytes: {letters:?}");
    let metrics = page(&program, "/metrics").await;
    let told = "amtsbote_dispatcher_verdicts_total{verdict=\"undecodable\"} 4";
    assert!(metrics.contains(told), "{metrics}");
    wait::until("a lag of nothing", SOON, || async {
        let metrics = page(&program, "/metrics").await;
        let lag =
            "amtsbote_channel_lag_records{channel=\"application.kfz\",reader=\"dispatcher\"} 0";
        metrics.contains(lag).then_some(())
    })
    .await;
    assert!(program.end().await.success());
}

#[tokio::test]
async fn while_its_broker_is_down_the_program_delivers_what_it_has_and_rests() {
    let Some(mut broker) = Broker::start("the program without its Kafka broker") else { return };
    let receiver = Receiver::start().await;
    let configuration = configuration(&broker, "down.", &receiver);
    let kfz = Kfz::read();
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    receiver.behave("inbox", Manner { status: 503, ..Manner::default() });
    let first = portal.receipt_at_last(kfz.document(1, 0), SOON).await;
    wait::until("a try", SOON, || async { (0 < receiver.count("inbox")).then_some(()) }).await;
    broker.stop();
    receiver.behave("inbox", Manner::default());
    wait::until("its effect", SOON, || async { (!receiver.effects().is_empty()).then_some(()) })
        .await;

    let begun = Instant::now();
    let refusal = portal.submit(kfz.document(2, 0)).await.expect_err("nobody stores it");
    let took = begun.elapsed();
    assert_eq!(portal::code(&refusal).as_deref(), Some("AB-2101"), "{}", portal::told(&refusal));
    assert!(portal::is_to_be_repeated(&refusal), "{}", portal::told(&refusal));
    assert!(took < TOLD_WITHIN, "{took:?}");
    let before = program.processor_time();
    tokio::time::sleep(WATCHED_FOR).await;
    let cost = program.processor_time() - before;
    eprintln!("told after {took:?}; {cost:?} of a processor in {WATCHED_FOR:?} without a broker");
    assert!(cost < WATCHED_COST_MAX, "{cost:?}");

    let begun = Instant::now();
    assert!(program.end().await.success(), "it ends in order without its broker");
    eprintln!("ended {:?} after it was asked to, without a broker", begun.elapsed());
    broker.go_on();
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    portal.until(&first.message_id, "delivered", SOON).await;
    let second = portal.receipt(kfz.document(2, 0)).await;
    portal.until(&second.message_id, "delivered", SOON).await;
    assert_eq!(receiver.effects().len(), 2, "one delivery of each");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_topic_made_anew_under_the_program_is_told_where_people_look() {
    let Some(broker) = Broker::shared("a topic made anew under the program") else { return };
    let receiver = Receiver::start().await;
    let configuration = configuration(broker, "anew.", &receiver);
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    for case in 1..=6 {
        let receipt = portal.receipt_at_last(kfz.document(case, 0), SOON).await;
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker.address()).create().expect("admin");
    let deleted = admin.delete_topics(&["anew.application.kfz"], &AdminOptions::new()).await;
    assert!(deleted.expect("delete").iter().all(Result::is_ok));
    // The program makes it again when it misses it, or when something is sent: empty.
    wait::until("the defect on /readyz", SOON + SOON, || async {
        let told = page(&program, "/readyz").await;
        (told.contains("AB-3211") && told.contains("missing at the end")).then_some(())
    })
    .await;
    assert!(program.log().contains("AB-2014"), "{}", program.log());
    assert!(program.end().await.success());
}

#[tokio::test]
async fn over_tls_with_scram_it_works_and_with_a_wrong_password_it_says_so_and_rests() {
    let test = "the real program on Kafka with TLS and SCRAM";
    if !IS_SECURE_BUILD {
        machine::not_run(test, "built without the feature kafka-tls, which needs libssl-dev");
        return;
    }
    let options = ["--security", "sasl_tls", "--user", "amtsbote:geheim-genug"];
    let Some(broker) = Broker::start_with(test, &options) else { return };
    let receiver = Receiver::start().await;
    let configuration = configuration(&broker, "secure.", &receiver).with(&format!(
        "[kafka]\nsecurity = \"sasl_tls\"\nca_file = \"{}\"\nusername = \"amtsbote\"\n\
         password_file = \"password\"",
        broker.folder().join("tls/ca.pem").display()
    ));
    let password = configuration.folder().join("password");
    let kfz = Kfz::read();
    fs::write(&password, "falsch-genug\n").expect("a folder of ours");
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let begun = Instant::now();
    let refusal = portal.submit(kfz.document(1, 0)).await.expect_err("a wrong password");
    assert_eq!(portal::code(&refusal).as_deref(), Some("AB-2106"), "{}", portal::told(&refusal));
    assert!(portal::is_to_be_repeated(&refusal), "{}", portal::told(&refusal));
    assert!(begun.elapsed() < TOLD_WITHIN, "{:?}", begun.elapsed());
    wait::until("the reason on /readyz", SOON, || async {
        page(&program, "/readyz").await.contains("AB-2106").then_some(())
    })
    .await;
    let before = program.processor_time();
    tokio::time::sleep(WATCHED_FOR).await;
    let cost = program.processor_time() - before;
    eprintln!("{cost:?} of a processor in {WATCHED_FOR:?} with a wrong password");
    assert!(cost < WATCHED_COST_MAX, "{cost:?}");
    let log = program.log();
    assert!(!log.contains("falsch-genug"), "a password is shown nowhere");
    assert!(program.end().await.success());

    fs::write(&password, "geheim-genug\n").expect("a folder of ours");
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt_at_last(kfz.document(1, 0), SOON).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
    assert!(!program.log().contains("geheim-genug"), "a password is shown nowhere");
    assert!(program.end().await.success());
}

#[tokio::test]
async fn a_build_that_cannot_encrypt_refuses_before_it_listens() {
    if IS_SECURE_BUILD {
        return;
    }
    let configuration = Configuration::new()
        .with_head("channel = \"kafka://127.0.0.1:1\"")
        .with("[kafka]\nsecurity = \"tls\"");
    let (status, said) = Program::refuse(&configuration, "no OpenSSL").await;
    assert!(!status.success() && said.contains("AB-2108"), "{said}");
}

fn configuration(broker: &Broker, prefix: &str, receiver: &Receiver) -> Configuration {
    let address = broker.address();
    let channel =
        format!("channel = \"kafka://{address}?prefix={prefix}&partitions=3&replication=1\"");
    let more = "retry = { initial_interval = \"500ms\", max_interval = \"1s\" }".to_owned();
    let inbox = System { more, ..System::http("inbox", &receiver.url("inbox"), "deduplicates") };
    Configuration::new().with_head(&channel).with_standard_route("kfz").with_system(&inbox)
}

async fn page(program: &Program, path: &str) -> String {
    let url = format!("http://{}{path}", program.console());
    let answer = reqwest::get(url).await.expect("the console answers");
    answer.text().await.expect("a text")
}

/// Waits for `count` dead letters, and gives the bytes of each.
fn dead_letters(broker: &Broker, topic: &str, count: usize) -> Vec<usize> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("group.id", "a-foreign-reader")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..3 {
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("a list");
    }
    consumer.assign(&list).expect("assign");
    let deadline = Instant::now() + SOON;
    let mut bytes = Vec::new();
    while bytes.len() < count {
        assert!(Instant::now() < deadline, "{} dead letters of {count}", bytes.len());
        if let Some(Ok(letter)) = consumer.poll(Duration::from_millis(200)) {
            assert_eq!(kind(&letter).as_deref(), Some("de.amtsbote.dead.v1"));
            bytes.push(letter.payload_len());
        }
    }
    bytes
}

fn kind(letter: &BorrowedMessage<'_>) -> Option<String> {
    let mut headers = letter.headers()?.iter();
    let value = headers.find(|header| header.key == "ce_type")?.value?;
    Some(String::from_utf8_lossy(value).into_owned())
}
