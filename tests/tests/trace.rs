//! One trace of one application through all of it, as a receiver of traces sees it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::body::Bytes;
use tests::{
    configuration::{Configuration, System},
    documents::{self, Kfz},
    kafka::Broker,
    otlp::{Collector, Told},
    portal::{self, Portal},
    process::Program,
    receiver::Receiver,
    wait,
};
use tokio::{net::TcpListener, time::Instant};
use tonic::{Request, Status};
use wire::intake::{AttachmentInfo, AttachmentReference, Receipt, SubmitRequest};

const SOON: Duration = Duration::from_secs(60);

/// What the portal calls its own trace and span.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const ABOVE: &str = "00f067aa0ba902b7";

/// What nobody may read in a trace or a log: ours are in the document, by element.
const PERSONAL: [(&str, &str); 6] = [
    ("familienname", "Unverwechselbar-Prüfstein"),
    ("vorname", "Hildegunde Xaveria"),
    ("strasse", "Nirgendwostraße"),
    ("fahrzeugIdentifizierungsnummer", "VF1RFB00165000777"),
    ("kontoinhaber", "Hildegunde Unverwechselbar"),
    ("vorgangsID", "UNVERWECHSELBAR-2026-77"),
];
const IBAN: &str = "DE75512108001245126199";
const OWN_ID: &str = "5e1fa11e-0e0e-4e0e-8e0e-5e1fa11e5e1f";
const FILE: &str = "verwertungsnachweis.pdf";

#[tokio::test]
async fn one_application_is_one_trace_from_the_portal_into_the_system_and_back() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let configuration = telling(Configuration::new(), &collector.url(), &receiver);
    assert_all_of_it(&configuration, &collector, &receiver, "amtsbote").await;
}

#[tokio::test]
async fn the_trace_goes_through_kafka_as_well() {
    let Some(broker) = Broker::start("a trace through Kafka") else { return };
    let url = format!("kafka://{}?prefix=trace.&partitions=3&replication=1", broker.address());
    let together = Configuration::new().with_head(&format!("channel = \"{url}\""));
    // In one process, and in three.
    for configuration in [together, Configuration::apart(broker.address())] {
        let (collector, receiver) = (Collector::start().await, Receiver::start().await);
        let configuration = telling(configuration, &collector.url(), &receiver);
        assert_all_of_it(&configuration, &collector, &receiver, "kafka").await;
    }
}

#[tokio::test]
async fn whether_an_application_is_recorded_is_for_its_portal_to_say() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let url = format!("otlp = \"{}\"\nsampling = 0.0", collector.url());
    let configuration = Configuration::new().with(&url).with_standard_route("kfz");
    let program = Program::start(&configuration.with_system(&inbox(&receiver))).await;
    let (portal, kfz) = (Portal::new(program.gateway()), Kfz::read());
    let unrecorded = format!("00-{}-{ABOVE}-00", "a".repeat(32));
    let recorded = format!("00-{TRACE}-{ABOVE}-01");
    for (case, trace) in [(1, None), (2, Some(&unrecorded)), (3, Some(&recorded))] {
        let receipt = submit(&portal, kfz.document(case, 0), Vec::new(), trace).await;
        let receipt = receipt.expect("accepted");
        portal.until(&receipt.message_id, "delivered", SOON).await;
    }
    assert!(program.end().await.success(), "and the last spans are exported");

    let spans = collector.spans();
    let of_trace = spans.iter().filter(|told| told.trace() == TRACE).count();
    assert_eq!(of_trace, 5, "{:?}", spans.iter().map(Told::title).collect::<Vec<_>>());
    for told in &spans {
        let links = told.links();
        let is_of_it = told.trace() == TRACE || links.iter().any(|(trace, _)| trace == TRACE);
        assert!(is_of_it && links.len() <= 1, "nobody asked for {}", told.title());
    }
    let carried: Vec<String> =
        receiver.arrivals().into_iter().filter_map(|arrival| arrival.traceparent).collect();
    assert_eq!(carried.len(), 3, "a trace is passed on, recorded or not");
    assert!(carried[0].ends_with("-00"), "it was decided here, once: {}", carried[0]);
    assert_eq!(carried[1], unrecorded, "passed on as it came");
    assert!(carried[2].contains(TRACE) && carried[2].ends_with("-01"), "{}", carried[2]);
}

#[tokio::test]
async fn a_receiver_of_traces_that_is_down_or_silent_holds_nothing_up() {
    // One address where nobody listens, and one where nobody ever answers.
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let down = gone.local_addr().expect("bound");
    drop(gone);
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    for address in [down, silent.local_addr().expect("bound")] {
        let receiver = Receiver::start().await;
        let program = {
            let url = format!("http://{address}");
            Program::start(&telling(Configuration::new(), &url, &receiver)).await
        };
        let (portal, kfz) = (Portal::new(program.gateway()), Kfz::read());
        let mut receipts = Vec::new();
        for case in 1..=50 {
            receipts.push(portal.receipt(kfz.document(case, 0)).await);
        }
        for receipt in receipts {
            portal.until(&receipt.message_id, "delivered", SOON).await;
        }
        wait::until("spans to be counted as lost", SOON, || async {
            let metrics = format!("http://{}/metrics", program.console());
            let text = reqwest::get(metrics).await.ok()?.text().await.ok()?;
            let lost = "amtsbote_telemetry_spans_dropped_total{reason=\"not_taken\"} ";
            let lost = text.lines().find_map(|line| line.strip_prefix(lost))?;
            (lost.parse::<u64>().ok()? != 0).then_some(())
        })
        .await;
        let log = program.log();
        let told = log.matches("traces are lost until their receiver takes them again").count();
        assert_eq!(told, 1, "it is told once:\n{log}");
        let begun = Instant::now();
        assert!(program.end().await.success());
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(15), "the flush is bounded: {took:?}");
    }
}

/// The whole story on one program: an application that is delivered at the third try and answered,
/// one that nobody can deliver, and one that is refused.
async fn assert_all_of_it(
    configuration: &Configuration,
    collector: &Collector,
    receiver: &Receiver,
    system: &str,
) {
    let program = Program::start(configuration).await;
    let portal = Portal::new(program.gateway());

    receiver.fail_first("inbox", &[503, 500]);
    let trace = format!("00-{TRACE}-{ABOVE}-01");
    let mut contents = PERSONAL.to_vec();
    contents.push(("nachrichtenUUID", OWN_ID));
    let document = Kfz::read().varied(&contents);
    assert!(String::from_utf8_lossy(&document).contains(IBAN), "the example has an account");
    let receipt = submit(&portal, document, Vec::new(), Some(&trace)).await.expect("accepted");
    portal.until(&receipt.message_id, "delivered", SOON).await;

    let known = [
        (receipt.message_id.clone(), "MESSAGE"),
        (receipt.case_id.clone(), "CASE"),
        (receiver.url("inbox"), "INBOX"),
        (port_of(receiver), "PORT"),
    ];
    let expected = the_tree().replace("SYSTEM", system);
    wait::until_equal("the whole trace", SOON, expected, || async {
        tree(&collector.spans(), TRACE, &|told| described(told, &known))
    })
    .await;
    wait::until_equal("the batches", SOON, the_batches(), || async {
        batches(&collector.spans(), TRACE)
    })
    .await;
    let spans = collector.spans();
    let calls: Vec<String> = spans
        .iter()
        .filter(|told| told.title() == "CLIENT POST")
        .map(|told| format!("00-{TRACE}-{}-01", told.id()))
        .collect();
    let arrived: Vec<String> =
        receiver.arrivals().into_iter().filter_map(|arrival| arrival.traceparent).collect();
    assert_eq!(arrived, calls, "each request carried its own span");

    assert_dead(&portal, collector).await;
    assert_refused(&portal, collector).await;

    assert!(program_log_is_clean(&program), "personal data in the log:\n{}", program.log());
    assert!(program.end().await.success());
    assert_resources(&collector.spans(), system, configuration.is_apart());
    let bytes = collector.bytes();
    for personal in personal() {
        assert!(!contains(&bytes, personal.as_bytes()), "`{personal}` was exported");
    }
}

/// The application's own trace, below what the portal called it.
fn the_tree() -> String {
    let submit = "amtsbote.intake.v1.IntakeService/Submit";
    let of_message = "messaging.message.conversation_id=CASE messaging.message.id=MESSAGE";
    let delivering = format!(
        "{of_message} messaging.operation.name=deliver messaging.operation.type=process \
         messaging.system=SYSTEM"
    );
    let post = "server.address=127.0.0.1 server.port=PORT url.full=INBOX";
    [
        format!(
            "SERVER {submit} amtsbote.outcome=accepted amtsbote.sender=local \
             messaging.message.id=MESSAGE rpc.method={submit} rpc.response.status_code=OK \
             rpc.system.name=grpc"
        ),
        "  INTERNAL judge amtsbote.procedure=amtsbote-kfz/1.0/kfz.umschreibung.0102 \
         amtsbote.violations=0"
            .to_owned(),
        format!(
            "  PRODUCER send application.kfz amtsbote.offset=0 \
             messaging.destination.name=application.kfz messaging.destination.partition.id=N \
             messaging.message.body.size=N {of_message} messaging.operation.name=send \
             messaging.operation.type=send messaging.system=SYSTEM"
        ),
        // The system is down: that costs no attempt.
        format!(
            "    CONSUMER deliver inbox amtsbote.attempt=1 amtsbote.code=AB-3011 \
             amtsbote.endpoint=inbox amtsbote.outcome=unavailable amtsbote.state=pending \
             error.type=AB-3011 {delivering} FAILED AB-3011"
        ),
        format!(
            "      CLIENT POST error.type=503 http.request.method=POST \
             http.response.status_code=503 {post} FAILED 503"
        ),
        // Nobody knows what a 500 has done.
        format!(
            "    CONSUMER deliver inbox amtsbote.attempt=1 amtsbote.code=AB-3015 \
             amtsbote.endpoint=inbox amtsbote.outcome=uncertain amtsbote.state=uncertain \
             error.type=AB-3015 {delivering} FAILED AB-3015"
        ),
        format!(
            "      CLIENT POST error.type=500 http.request.method=POST \
             http.response.status_code=500 {post} FAILED 500"
        ),
        format!(
            "    CONSUMER deliver inbox amtsbote.attempt=2 amtsbote.endpoint=inbox \
             amtsbote.outcome=accepted amtsbote.state=delivered {delivering}"
        ),
        format!("      CLIENT POST http.request.method=POST http.response.status_code=200 {post}"),
    ]
    .join("\n")
}

/// What is told in other traces of batches the application, its events and its reply were in: from
/// which span to which, and how often.
fn the_batches() -> BTreeMap<String, usize> {
    BTreeMap::from([
        ("CLIENT admit application.kfz -> PRODUCER send application.kfz".to_owned(), 1),
        ("CONSUMER project application.kfz -> PRODUCER send application.kfz".to_owned(), 1),
        // One try without an answer, one that delivered.
        ("CLIENT send status -> CONSUMER deliver inbox".to_owned(), 2),
        ("CONSUMER project status -> CONSUMER deliver inbox".to_owned(), 2),
        ("CLIENT send reply -> CONSUMER deliver inbox".to_owned(), 1),
        ("CONSUMER project reply -> CONSUMER deliver inbox".to_owned(), 1),
    ])
}

/// A message whose attachments its system does not take becomes a dead letter.
async fn assert_dead(portal: &Portal, collector: &Collector) {
    let trace = "d".repeat(32);
    let media_type = "application/pdf".to_owned();
    let info = AttachmentInfo { media_type: media_type.clone(), ..Default::default() };
    let upload = portal.upload(info, std::iter::once(Bytes::from_static(b"%PDF-1.7"))).await;
    let upload = upload.expect("stored");
    let attachment = AttachmentReference {
        ticket: upload.ticket,
        name: FILE.to_owned(),
        media_type,
        sha256: upload.sha256,
    };
    let document = documents::example("ausserbetriebsetzung-nordsachsen.xml");
    let parent = format!("00-{trace}-{ABOVE}-01");
    submit(portal, document, vec![attachment], Some(&parent)).await.expect("accepted");
    let expected = "SERVER amtsbote.intake.v1.IntakeService/Submit\n  INTERNAL judge\n  \
                    PRODUCER send application.kfz\n    CONSUMER deliver inbox FAILED AB-3003";
    wait::until_equal("the trace of a dead letter", SOON, expected.to_owned(), || async {
        tree(&collector.spans(), &trace, &titled)
    })
    .await;
    let told = "CLIENT send dead -> CONSUMER deliver inbox";
    collector
        .until("the dead letter to be told", SOON, |spans| batches(spans, &trace).remove(told))
        .await;
}

/// What is refused is no error of ours.
async fn assert_refused(portal: &Portal, collector: &Collector) {
    let trace = "e".repeat(32);
    let rubbish = format!("<antrag><name>{}</name></antrag>", PERSONAL[0].1);
    let parent = format!("00-{trace}-{ABOVE}-01");
    let refusal = submit(portal, rubbish, Vec::new(), Some(&parent)).await.expect_err("rubbish");
    let code = portal::code(&refusal).expect("a code");
    let expected = "SERVER amtsbote.intake.v1.IntakeService/Submit\n  INTERNAL judge";
    let told = collector
        .until("the trace of a refusal", SOON, |spans| {
            let is_whole = tree(spans, &trace, &titled) == expected;
            let of_it = |told: &&Told| told.trace() == trace && told.parent() == ABOVE;
            spans.iter().find(of_it).filter(|_| is_whole).cloned()
        })
        .await;
    let attributes = told.attributes();
    assert_eq!(attributes["rpc.response.status_code"], "INVALID_ARGUMENT");
    assert_eq!(attributes["amtsbote.outcome"], "refused");
    assert_eq!(attributes["amtsbote.code"], code);
    let told = "CLIENT send status -> SERVER amtsbote.intake.v1.IntakeService/Submit";
    collector.until("the event", SOON, |spans| batches(spans, &trace).remove(told)).await;
}

/// Who told, and that nothing was told beside attributes.
fn assert_resources(spans: &[Told], system: &str, is_apart: bool) {
    let names = [
        "service.instance.id",
        "service.name",
        "service.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
    ];
    let mut instances = BTreeSet::new();
    for told in spans {
        let keys: Vec<&str> = told.resource.keys().map(String::as_str).collect();
        assert_eq!(keys, names);
        let (service, instance) =
            (&told.resource["service.name"], &told.resource["service.instance.id"]);
        assert_eq!(service, service_of(told, is_apart), "{}", told.title());
        assert!(uuid::Uuid::parse_str(instance).is_ok(), "{instance}");
        instances.insert((service.clone(), instance.clone()));
        assert!(told.span.events.is_empty(), "events of {}", told.title());
        assert_eq!(told.span.dropped_attributes_count, 0);
        assert!(told.span.start_time_unix_nano <= told.span.end_time_unix_nano);
        if !told.links().is_empty() {
            assert_batch(told, system);
        }
    }
    let processes = if is_apart { 3 } else { 1 };
    assert_eq!(instances.len(), processes, "each process is one instance: {instances:?}");
}

fn service_of(told: &Told, is_apart: bool) -> &'static str {
    let of_the_gateway = ["IntakeService", "judge", "send application"];
    if !is_apart {
        "amtsbote"
    } else if of_the_gateway.iter().any(|word| told.span.name.contains(word)) {
        "amtsbote-gateway"
    } else if told.span.name.starts_with("project") {
        "amtsbote-console"
    } else if told.span.name == "send status" && told.resource["service.name"].ends_with("gateway")
    {
        // Of what it refused.
        "amtsbote-gateway"
    } else {
        "amtsbote-dispatcher"
    }
}

fn assert_batch(told: &Told, system: &str) {
    assert_eq!(told.parent(), "", "a batch is a part of no message's trace: {}", told.title());
    let mut attributes = told.attributes();
    let mut take = |key: &str| attributes.remove(key).unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(take("messaging.system"), system);
    let (operation, channel) =
        (take("messaging.operation.name"), take("messaging.destination.name"));
    assert_eq!(told.span.name, format!("{operation} {channel}"));
    let kind = match operation.as_str() {
        "admit" => "receive",
        "project" => "process",
        other => other,
    };
    assert_eq!(take("messaging.operation.type"), kind);
    let count: usize = take("messaging.batch.message_count").parse().expect("a number");
    assert!(told.links().len() <= count, "{}", told.title());
    if operation != "send" {
        take("messaging.destination.partition.id");
        take("messaging.consumer.group.name");
    }
    assert!(attributes.is_empty(), "{}: {attributes:?}", told.title());
}

/// `trace` as an indented text, by the time spans began; what has no parent here is at the top.
fn tree(spans: &[Told], trace: &str, line: &impl Fn(&Told) -> String) -> String {
    let of_trace: Vec<&Told> = spans.iter().filter(|told| told.trace() == trace).collect();
    let mut lines = Vec::new();
    branches(&of_trace, ABOVE, 0, line, &mut lines);
    assert!(lines.len() <= of_trace.len(), "no span is its own parent");
    let lost = of_trace.len() - lines.len();
    lines.extend((lost != 0).then(|| format!("{lost} spans without a parent yet")));
    lines.join("\n")
}

fn branches(
    spans: &[&Told],
    parent: &str,
    depth: usize,
    line: &impl Fn(&Told) -> String,
    lines: &mut Vec<String>,
) {
    for told in spans.iter().filter(|told| told.parent() == parent) {
        lines.push(format!("{}{}", "  ".repeat(depth), line(told)));
        branches(spans, &told.id(), depth + 1, line, lines);
    }
}

fn titled(told: &Told) -> String {
    let failure = told.failure().map(|why| format!(" FAILED {why}")).unwrap_or_default();
    format!("{}{failure}", told.title())
}

/// With all attributes; ids and addresses by what they stand for.
fn described(told: &Told, known: &[(String, &str)]) -> String {
    let value = |key: &str, value: String| match key {
        "messaging.message.body.size" if value != "0" => "N".to_owned(),
        "messaging.destination.partition.id" => "N".to_owned(),
        _ => {
            let word = known.iter().find(|(text, _)| *text == value).map(|(_, word)| *word);
            word.map_or(value, str::to_owned)
        }
    };
    let attributes = told.attributes().into_iter().map(|(key, text)| {
        let text = value(&key, text);
        format!(" {key}={text}")
    });
    let attributes: String = attributes.collect();
    let failure = told.failure().map(|why| format!(" FAILED {why}")).unwrap_or_default();
    format!("{}{attributes}{failure}", told.title())
}

/// Links from other traces into `trace`.
fn batches(spans: &[Told], trace: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for told in spans {
        for (_, id) in told.links().into_iter().filter(|(linked, _)| linked == trace) {
            let to = spans.iter().find(|other| other.id() == id);
            let to = to.map_or("a span not told yet".to_owned(), Told::title);
            // That a message waits is told where it did so for a second; on a slow machine it may.
            if told.title().ends_with(" status") && to.starts_with("PRODUCER") {
                continue;
            }
            *found.entry(format!("{} -> {to}", told.title())).or_default() += 1;
        }
    }
    found
}

async fn submit(
    portal: &Portal,
    document: impl Into<Bytes>,
    attachments: Vec<AttachmentReference>,
    traceparent: Option<&String>,
) -> Result<Receipt, Status> {
    let mut request = Request::new(SubmitRequest {
        document: document.into(),
        attachments,
        ..Default::default()
    });
    if let Some(traceparent) = traceparent {
        request.metadata_mut().insert("traceparent", traceparent.parse().expect("ASCII"));
    }
    let response = portal.intake.clone().submit(request).await?.into_inner();
    Ok(response.receipt.expect("a receipt"))
}

/// Telling its traces to `otlp`, and with an inbox.
fn telling(configuration: Configuration, otlp: &str, receiver: &Receiver) -> Configuration {
    // Right behind the keys of `[telemetry]` that every configuration has.
    let configuration = configuration.with(&format!("otlp = \"{otlp}\""));
    configuration.with_standard_route("kfz").with_system(&inbox(receiver))
}

fn inbox(receiver: &Receiver) -> System {
    let mut inbox = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    inbox.settings.push_str("\nreply = \"document\"");
    inbox.more = "retry = { initial_interval = \"100ms\" }".to_owned();
    inbox
}

fn port_of(receiver: &Receiver) -> String {
    let url = reqwest::Url::parse(&receiver.url("inbox")).expect("a URL");
    url.port().expect("a port").to_string()
}

fn personal() -> Vec<&'static str> {
    let ours = PERSONAL.iter().map(|(_, text)| *text);
    // What the receiver calls what it took is its own affair as well.
    ours.chain([IBAN, OWN_ID, FILE, "Prüfstein", "AZ-"]).collect()
}

fn program_log_is_clean(program: &Program) -> bool {
    let log = program.log();
    personal().iter().all(|text| !log.contains(text))
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
