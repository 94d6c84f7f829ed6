//! Encrypted connections, names and rights.

use std::{fs, path::Path, process::Command};

use channels::kafka::{IS_SECURE_BUILD, Identity, Mechanism, Password, Security, Tls, User};
use tests::machine;

use super::*;

/// How long a broker that refuses may take to be told of.
const TOLD_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_scram_and_few_rights_records_go_and_come() {
    let Some(broker) = secured("Kafka with TLS and SCRAM") else { return };
    // What docs/configuration.md says is needed, and nothing else.
    let to_topics = ["--add", "--allow-principal", "User:amtsbote", "--topic", "test-"];
    let rights = ["Read", "Write", "Create", "DescribeConfigs"];
    let operations = rights.iter().flat_map(|right| ["--operation", right]);
    let pattern = ["--resource-pattern-type", "prefixed"];
    let arguments: Vec<&str> = to_topics.into_iter().chain(operations).chain(pattern).collect();
    broker.tool("acls", &arguments);
    let to_groups = ["--add", "--allow-principal", "User:amtsbote", "--operation", "Read"];
    let arguments = [&to_groups[..], &["--group", "ledger-"], &pattern].concat();
    broker.tool("acls", &arguments);

    let settings = with(&broker, &ca(&broker), "amtsbote", "geheim");
    let channel = open(&settings);
    channel.append(vec![record(7)]).await.expect("append");
    let channels = [ChannelName::status()];
    let mut reader = channel
        .subscribe(&group("ledger-1"), &channels, Box::new(Positions::default()))
        .await
        .expect("subscribe");
    let batch = receive(&mut *reader).await.expect("it may");
    assert_eq!(values(&batch), [7]);

    // Another group than it may read with.
    let mut reader = channel
        .subscribe(&group("other-1"), &channels, Box::new(Positions::default()))
        .await
        .expect("subscribe");
    let deadline = Instant::now() + TOLD_WITHIN;
    let failure = loop {
        assert!(Instant::now() < deadline, "nobody refuses");
        match reader.receive(10, Duration::from_secs(1)).await {
            Ok(batch) => assert_eq!(batch, None, "it may not"),
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.code(), "AB-2104", "{}", failure.report());

    // Somebody the broker knows, and who has no right at all: to a topic that is there, and to none.
    for prefix in [settings.topic_prefix.clone(), unique_prefix()] {
        let stranger = with(&broker, &ca(&broker), "fremd", "fremd");
        refused(Settings { topic_prefix: prefix, ..stranger }, "AB-2104", "").await;
    }
    // Seen, but not to be written to.
    let to_topics = ["--add", "--allow-principal", "User:fremd", "--operation", "Describe"];
    let arguments = [&to_topics[..], &["--topic", "test-"], &pattern].concat();
    broker.tool("acls", &arguments);
    let stranger = with(&broker, &ca(&broker), "fremd", "fremd");
    let stranger = Settings { topic_prefix: settings.topic_prefix, ..stranger };
    refused(stranger, "AB-2104", "authorization").await;

    who_is_not_known_is_told(&broker).await;
}

/// With the broker of the test above: each start of one takes a while.
async fn who_is_not_known_is_told(broker: &Broker) {
    let ca = ca(broker);
    refused(with(broker, &ca, "amtsbote", "falsch"), "AB-2106", "credentials").await;
    refused(with(broker, &ca, "niemand", "geheim"), "AB-2106", "credentials").await;
    let wrong_mechanism = User {
        mechanism: Mechanism::ScramSha256,
        name: "amtsbote".to_owned(),
        password: Password::new("geheim".to_owned()),
    };
    let mut settings = with(broker, &ca, "amtsbote", "geheim");
    settings.security.user = Some(wrong_mechanism);
    refused(settings, "AB-2106", "mechanism").await;

    let other = broker.folder().join("other-ca.pem");
    make_authority(&other);
    refused(with(broker, &other, "amtsbote", "geheim"), "AB-2107", "certificate").await;
    let mut settings = with(broker, &ca, "amtsbote", "geheim");
    settings.security = Security::default();
    refused(settings, "AB-2101", "disconnected").await;

    // A file that is none: told when the channel is opened, before anybody is asked.
    let nonsense = broker.folder().join("nonsense.pem");
    fs::write(&nonsense, "no certificate").expect("a folder of ours");
    let settings = with(broker, &nonsense, "amtsbote", "geheim");
    let failure = KafkaChannel::open(settings, Clock::fixed(Timestamp(now()))).expect_err("no PEM");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-2105"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_our_own_is_shown_where_it_is_wanted() {
    if !can_encrypt("Kafka with certificates on both sides") {
        return;
    }
    let test = "Kafka with certificates on both sides";
    let Some(broker) = Broker::start_with(test, &["--security", "tls"]) else { return };
    let tls = broker.folder().join("tls");
    let identity =
        Identity { certificate_file: tls.join("client.pem"), key_file: tls.join("client.key") };
    let with = |identity| {
        let tls = Some(Tls { ca_file: Some(ca(&broker)), identity });
        Settings { security: Security { tls, user: None }, ..settings(broker.address(), 1) }
    };
    open(&with(Some(identity))).append(vec![record(1)]).await.expect("append");
    refused(with(None), "AB-2107", "certificate").await;
}

/// Asks, and waits for the answer that it may not.
async fn refused(settings: Settings, code: &str, reason: &str) {
    let begun = Instant::now();
    let failure = open(&settings).append(vec![record(1)]).await.expect_err("it may not");
    let (took, report) = (begun.elapsed(), failure.report());
    println!("{code} after {took:?}: {report}");
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, code), "{report}");
    assert!(report.to_lowercase().contains(&reason.to_lowercase()), "no {reason}: {report}");
    assert!(!report.contains("geheim") && !report.contains("falsch"), "{report}");
    assert!(took < TOLD_WITHIN, "{took:?}");
}

fn secured(test: &str) -> Option<Broker> {
    let users = ["--user", "amtsbote:geheim", "--user", "fremd:fremd"];
    let options = [&["--security", "sasl_tls", "--authorize"], &users[..]].concat();
    can_encrypt(test).then(|| Broker::start_with(test, &options)).flatten()
}

fn can_encrypt(test: &str) -> bool {
    if !IS_SECURE_BUILD {
        machine::not_run(test, "built without the feature kafka-tls, which needs libssl-dev");
    }
    IS_SECURE_BUILD
}

fn ca(broker: &Broker) -> std::path::PathBuf {
    broker.folder().join("tls/ca.pem")
}

fn with(broker: &Broker, ca_file: &Path, name: &str, password: &str) -> Settings {
    let user = User {
        mechanism: Mechanism::ScramSha512,
        name: name.to_owned(),
        password: Password::new(password.to_owned()),
    };
    let tls = Some(Tls { ca_file: Some(ca_file.to_owned()), identity: None });
    Settings { security: Security { tls, user: Some(user) }, ..settings(broker.address(), 1) }
}

/// One that signed nothing.
fn make_authority(file: &Path) {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=another", "-keyout", "/dev/null", "-out"])
        .arg(file)
        .output()
        .expect("openssl made the broker's");
    assert!(output.status.success(), "{output:?}");
}
