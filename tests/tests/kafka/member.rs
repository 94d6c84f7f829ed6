//! A reader that was killed comes back to its partitions at once, others of its group or not.

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use super::*;

/// Tells the child what to read.
const READS: &str = "AMTSBOTE_TEST_READS";
const PARTITIONS: u32 = 4;
/// Long before the group would have forgotten the one that was killed.
const BACK_WITHIN: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_reader_reads_again_at_once_beside_another_of_its_group() {
    let Some(broker) = Broker::shared("a killed Kafka reader") else { return };
    let settings = settings(broker.address(), PARTITIONS);
    let channel = open(&Settings { member: Some("one".to_owned()), ..settings.clone() });
    let batch = |from: u8| (from..from + 40).map(|n| Record { key: vec![n].into(), ..record(n) });
    channel.append(batch(0).collect()).await.expect("append");
    let mut other = channel
        .subscribe(&group("shared"), &[ChannelName::status()], Box::new(Positions::default()))
        .await
        .expect("subscribe");
    receive(&mut *other).await.expect("it has all partitions at first");

    let (mut first, _) = reads(&settings, &mut *other).await;
    first.kill().expect("it runs");
    first.wait().expect("a child of ours");
    let begun = Instant::now();
    let (mut second, _) = reads(&settings, &mut *other).await;
    let took = begun.elapsed();
    println!("a killed reader reads again {took:?} after its restart, beside another of its group");
    second.kill().expect("it runs");
    second.wait().expect("a child of ours");
    assert!(took < BACK_WITHIN, "{took:?}");
}

/// Starts a reader in a process of its own, and waits until it has read; `other` reads on meanwhile.
async fn reads(settings: &Settings, other: &mut dyn Subscription) -> (Child, String) {
    let told = format!("{} {}", settings.brokers, settings.topic_prefix);
    let mut child = Command::new(env::current_exe().expect("a test has an executable"))
        .args(["--exact", "member::reads_in_a_process_of_its_own", "--nocapture"])
        .env(READS, told)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this very program");
    let output = child.stdout.take().expect("it was asked for");
    let line = tokio::task::spawn_blocking(move || first_read(output));
    tokio::pin!(line);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "the other process reads nothing");
        tokio::select! {
            line = &mut line => return (child, line.expect("no panic")),
            _ = other.receive(10, Duration::from_millis(200)) => {}
        }
    }
}

fn first_read(output: ChildStdout) -> String {
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let line = lines.find(|line| line.starts_with("read ")).expect("it reads until it is killed");
    // Nobody listening any more would end it, and in good order.
    std::thread::spawn(move || lines.for_each(drop));
    line
}

/// No test of its own: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn reads_in_a_process_of_its_own() {
    let Ok(told) = env::var(READS) else { return };
    let (brokers, prefix) = told.split_once(' ').expect("two words");
    let settings = Settings {
        topic_prefix: prefix.to_owned(),
        partitions: PARTITIONS,
        member: Some("two".to_owned()),
        ..Settings::new(brokers)
    };
    let channel = open(&settings);
    let mut reader = channel
        .subscribe(&group("shared"), &[ChannelName::status()], Box::new(Positions::default()))
        .await
        .expect("subscribe");
    let end = Instant::now() + Duration::from_secs(120);
    while Instant::now() < end {
        if let Ok(Some(batch)) = reader.receive(10, Duration::from_secs(1)).await {
            println!("\nread {}", batch.partition);
        }
    }
}
