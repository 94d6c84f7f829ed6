//! The main job with the real program on a real Kafka broker, all roles in one process.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "it says how long it took")]

use std::time::Duration;

use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    kafka::Broker,
    portal::Portal,
    process::{self, Program},
    receiver::Receiver,
    wait,
};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_application_goes_its_way_through_kafka_and_a_killed_program_goes_on() {
    let Some(broker) = Broker::start("the real program on Kafka") else { return };
    let receiver = Receiver::start().await;
    let channel = format!(
        "channel = \"kafka://{}?prefix=e2e.&partitions=3&replication=1\"",
        broker.address()
    );
    let inbox = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let configuration =
        Configuration::new().with_head(&channel).with_standard_route("kfz").with_system(&inbox);
    let kfz = Kfz::read();

    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    for case in 1..=5 {
        let receipt = portal.receipt(kfz.document(case, 0)).await;
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    let refused = Program::refuse(&configuration, "a ledger in use").await;
    assert!(refused.1.contains("AB-2001"), "one program on one ledger: {}", refused.1);
    program.kill().await;

    let begun = Instant::now();
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let receipt = portal.receipt(kfz.document(6, 0)).await;
    portal.until(&receipt.message_id, "delivered", SOON).await;
    eprintln!("a new message is read and delivered {:?} after the start", begun.elapsed());
    assert_eq!(receiver.arrivals().len(), 6, "each application once");

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
