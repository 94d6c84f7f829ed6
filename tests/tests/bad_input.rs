//! What nobody should send: each gets a clear answer with a code and a page, and costs nobody else
//! anything.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it measured"
)]

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use axum::body::Bytes;
use channels::{
    codec::{decode_application, decode_dead_letter, encode_application},
    embedded::EmbeddedChannel,
};
use messaging::{
    CaseId, Channel as _, ChannelName, Clock, DeadLetter, GroupId, MessageId, OwnId, Payload,
    Record, Timestamp, conformance::channel::Positions,
};
use tests::{
    configuration::{Configuration, System},
    documents::Kfz,
    portal::{self, Portal},
    process::Program,
    receiver::Receiver,
    source, wait,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use wire::intake::{
    AttachmentInfo, SubmitRequest, SubmitStreamRequest, UploadAttachmentRequest, ValidateRequest,
    upload_attachment_request::Part,
};

const MIB: usize = 1 << 20;
const SOON: Duration = Duration::from_secs(30);
/// Resident memory at most, whatever comes in.
const MEMORY_MAX: usize = 300 * MIB;
const UPLOADS: usize = 100;
const UPLOAD_BYTES: usize = 20 * MIB;
const CHUNK_BYTES: usize = MIB;

#[tokio::test]
async fn every_bad_document_gets_a_code_with_a_page() {
    let mut program = Program::start(&Configuration::new().with_standard_route("kfz")).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();
    for (name, document) in bad_documents(&kfz) {
        let refusal = portal.submit(document).await.expect_err(name);
        explained(name, &refusal);
        let is_final = matches!(refusal.code(), Code::InvalidArgument | Code::ResourceExhausted);
        assert!(is_final, "{name}: {}", portal::told(&refusal));
        assert!(refusal.get_details_retry_info().is_none(), "{name}: the same again is no better");
        assert!(program.is_alive(), "after {name}");
    }
    portal.receipt(kfz.document(1, 0)).await;
    let (peak, mib) = (program.memory_peak(), MIB);
    assert!(peak < MEMORY_MAX, "{} MiB at most", peak / mib);
    assert!(!program.log().contains("panicked"), "no panic");
}

/// A refusal's details travel in headers, which have room for some; a dry run lists them all.
#[tokio::test]
async fn thirty_faults_are_told_at_once() {
    let program = Program::start(&Configuration::new().with_standard_route("kfz")).await;
    let portal = Portal::new(program.gateway());
    let document = with_unknown_elements(&Kfz::read(), 30);
    let refusal = portal.submit(document.clone()).await.expect_err("faults");
    explained("thirty faults", &refusal);
    let told = refusal.get_details_bad_request().expect("one violation per place");
    assert!(10 <= told.field_violations.len(), "{}", portal::told(&refusal));

    let request = SubmitRequest { document, ..Default::default() };
    let request = ValidateRequest { request: Some(request) };
    let verdict = portal.intake.clone().validate(request).await.expect("an answer").into_inner();
    assert!(!verdict.is_acceptable);
    assert!(30 <= verdict.violations_total, "{}", verdict.violations_total);
    assert_eq!(verdict.violations.len(), verdict.violations_total as usize, "every one of them");
    let total = verdict.violations_total.to_string();
    assert!(refusal.message().contains(&total), "a refusal says how many: {}", refusal.message());
    let places: BTreeSet<_> = verdict.violations.iter().map(|v| (v.line, v.column)).collect();
    assert!(30 <= places.len(), "a place of its own for each: {places:?}");
    for violation in &verdict.violations {
        assert!(source::error_pages().contains_key(&violation.code), "{violation:?}");
        assert!(!violation.german.is_empty() && !violation.english.is_empty(), "{violation:?}");
        assert!(violation.path.starts_with('/') && 0 < violation.line, "{violation:?}");
    }
}

#[tokio::test]
async fn a_document_over_the_limit_is_refused_by_its_size() {
    let configuration = Configuration::new()
        .with_standard_route("kfz")
        .with_gateway("limits.message_bytes_max = \"1MiB\"");
    let program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    for bytes in [MIB + 1, 3 * MIB, 40 * MIB] {
        let refusal = portal.submit(padded(&Kfz::read(), bytes)).await.expect_err("too large");
        explained("too large", &refusal);
        assert_eq!(portal::code(&refusal).as_deref(), Some("AB-1001"));
    }
    portal.receipt(padded(&Kfz::read(), MIB)).await;
}

/// Records as a later version would write them: what it only added changes nothing and is not lost, and what this
/// version cannot read it says so of, keeps, and holds nothing up for.
#[tokio::test]
async fn records_of_a_later_version_are_delivered_or_told_and_kept_as_they_came() {
    let receiver = Receiver::start().await;
    let system = System::http("inbox", &receiver.url("inbox"), "deduplicates");
    let configuration = Configuration::new().with_standard_route("kfz").with_system(&system);
    let data = configuration.folder().join("data");
    let (program, kfz) = (Program::start(&configuration).await, Kfz::read());
    let first = Portal::new(program.gateway()).receipt(kfz.document(1, 0)).await;
    wait::until_equal("the first", SOON, 1, || async { receiver.count("inbox") }).await;
    assert!(program.end().await.success());

    let channel = ChannelName::new("application.kfz").expect("a name");
    let known = records_in(&data, &channel).await.pop().expect("the first lies there");
    let [mut added, mut codec, mut kind] =
        [2, 3, 4].map(|case| record_of(&known, kfz.document(case, 0)));
    added.value = [&added.value[..], LATER_FIELD].concat().into();
    set_header(&mut codec, "ce_codecversion", "2");
    set_header(&mut kind, "ce_type", "de.amtsbote.application.v2");
    append(&data, vec![codec.clone(), kind.clone(), added]).await;

    let program = Program::start(&configuration).await;
    wait::until_equal("what can be read", SOON, 2, || async { receiver.count("inbox") }).await;
    assert_eq!(receiver.arrivals()[1].body, kfz.document(2, 0), "the document as it was");
    let last = Portal::new(program.gateway()).receipt(kfz.document(5, 0)).await;
    Portal::new(program.gateway()).until(&last.message_id, "delivered", SOON).await;
    assert!(program.log().contains("AB-3206"), "an operator hears of it");
    assert!(program.end().await.success());

    let letters = records_in(&data, &ChannelName::dead()).await;
    let letters: Vec<DeadLetter> =
        letters.iter().map(|letter| decode_dead_letter(letter).expect("ours")).collect();
    let told: Vec<_> = letters.iter().map(|letter| &letter.record).collect();
    assert_eq!(told, [&codec, &kind], "untouched, and with all their headers");
    let codes: Vec<_> = letters.iter().filter_map(|letter| letter.event.code.as_deref()).collect();
    assert_eq!(codes, ["AB-3206", "AB-3206"], "{first:?}");
    let ledger = rusqlite::Connection::open(data.join("ledger.sqlite")).expect("the ledger");
    let count = |table: &str, field: &[u8]| -> u32 {
        let sql = format!("SELECT count(*) FROM {table} WHERE instr(record, ?1)");
        let mut counting = ledger.prepare(&sql).expect("a statement");
        let mut rows = counting.query([field]).expect("it reads");
        let row = rows.next().expect("it reads").expect("one row");
        row.get(0).expect("a number")
    };
    assert_eq!(count("body", LATER_FIELD), 1, "carried along into the ledger");
    assert_eq!(count("verdict", &codec.value) + count("verdict", &kind.value), 2, "kept");
}

/// Field 901, a text, which no version has given away.
const LATER_FIELD: &[u8] = b"\xaa\x38\x06later!";

/// Another application like `known`, with a document and an id of its own.
fn record_of(known: &Record, document: Bytes) -> Record {
    let mut envelope = decode_application(known).expect("an application");
    let id = Uuid::new_v4();
    envelope.head.message_id = MessageId(id);
    envelope.head.case_id = CaseId(id);
    envelope.head.own_id = Some(OwnId::new(id.to_string()).expect("an id"));
    envelope.head.sha256 = messaging::identity::sha256(&document, &[]);
    envelope.original = Payload::Inline(document);
    encode_application(known.channel.clone(), &envelope, "/later")
}

fn set_header(record: &mut Record, name: &str, value: &'static str) {
    let header = record.headers.iter_mut().find(|(header, _)| header == name);
    header.expect("every record has it").1 = Bytes::from(value);
}

fn open(data: &Path) -> Arc<EmbeddedChannel> {
    EmbeddedChannel::open(data, Clock::fixed(Timestamp(1_800_000_000_000_000)))
        .expect("nobody else has it open")
}

async fn append(data: &Path, records: Vec<Record>) {
    open(data).append(records).await.expect("a channel of ours");
}

/// Everything on a channel of a program that has ended.
async fn records_in(data: &Path, name: &ChannelName) -> Vec<Record> {
    let channel = open(data);
    let group = GroupId::new("test").expect("a name");
    let names = [name.clone()];
    let reader = channel.subscribe(&group, &names, Box::new(Positions::default()));
    let mut reader = reader.await.expect("a reader");
    let mut records = Vec::new();
    while let Some(batch) = reader.receive(1_000, Duration::ZERO).await.expect("ours") {
        records.extend(batch.records.into_iter().map(|(_, _, record)| Record::clone(&record)));
    }
    records
}

#[tokio::test]
async fn clients_that_stall_or_vanish_cost_nobody_anything() {
    let configuration = Configuration::new()
        .with_standard_route("kfz")
        .with_gateway("limits.idle_time_max = \"1s\"\nlimits.stream_idle_time_max = \"1s\"");
    let mut program = Program::start(&configuration).await;
    let portal = Portal::new(program.gateway());
    let kfz = Kfz::read();

    // Connections that say nothing, or half a sentence.
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut connection = TcpStream::connect(program.gateway()).await.expect("it listens");
        connection.write_all(b"PRI * HTTP/2.0\r\n").await.expect("half a preface");
        silent.push(connection);
    }
    // An upload that stops in the middle gets an answer with a code.
    let (parts, requests) = tokio::sync::mpsc::channel(4);
    let info = AttachmentInfo { media_type: "application/pdf".to_owned(), ..Default::default() };
    for part in [Part::Info(info.clone()), Part::Chunk(Bytes::from_static(b"%PDF-1.7"))] {
        let request = UploadAttachmentRequest { part: Some(part) };
        parts.send(request).await.expect("there is room");
    }
    let mut uploading = portal.intake.clone();
    let upload = uploading.upload_attachment(ReceiverStream::new(requests));
    let stalled = tokio::time::timeout(SOON, upload).await.expect("nobody waits forever");
    explained("a stalled upload", &stalled.expect_err("it never ended"));
    drop(parts);
    // Uploads that are cancelled, and streams whose answers nobody reads.
    for case in 0..20 {
        let chunk = Bytes::from(vec![7; CHUNK_BYTES]);
        let upload = portal.upload(info.clone(), std::iter::repeat_n(chunk, 50));
        let ended = tokio::time::timeout(Duration::from_millis(5), upload).await;
        assert!(ended.is_err() || ended.is_ok_and(|upload| upload.is_ok()), "cancelled, or done");
        let requests = (0..5).map(|number| stream_request(&kfz, 1_000 + case * 5 + number));
        let requests = tokio_stream::iter(requests.collect::<Vec<_>>());
        let answers = portal.intake.clone().submit_stream(requests).await;
        drop(answers.expect("a stream"));
    }
    // Whoever does not know the outcome sends the same again.
    for number in 0..100 {
        portal.receipt(kfz.document(1_000 + number, 0)).await;
    }
    assert!(program.is_alive());
    assert!(!program.log().contains("panicked"), "no panic");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_uploads_at_once_need_little_memory() {
    let mut program = Program::start(&Configuration::new().with_standard_route("kfz")).await;
    let portal = Portal::new(program.gateway());
    let mut uploading = JoinSet::new();
    for number in 0..UPLOADS {
        let portal = portal.clone();
        let byte = u8::try_from(number).expect("few");
        uploading.spawn(async move { upload_patiently(&portal, byte).await });
    }
    let uploads = uploading.join_all().await;
    let tickets: BTreeSet<_> = uploads.iter().map(|u| &u.ticket).collect();
    assert_eq!(tickets.len(), UPLOADS);
    assert!(uploads.iter().all(|upload| upload.size == UPLOAD_BYTES as u64));
    let peak = program.memory_peak();
    eprintln!("{UPLOADS} uploads of {UPLOAD_BYTES} bytes: {} MiB at most", peak / MIB);
    assert!(peak < MEMORY_MAX, "{} MiB at most", peak / MIB);
    assert!(program.is_alive());
}

/// Repeats an upload that was told to come again.
async fn upload_patiently(portal: &Portal, byte: u8) -> wire::intake::UploadAttachmentResponse {
    wait::until("an upload", Duration::from_secs(300), || async {
        let info = AttachmentInfo {
            media_type: "application/pdf".to_owned(),
            size: UPLOAD_BYTES as u64,
            ..Default::default()
        };
        let chunk = Bytes::from(vec![byte; CHUNK_BYTES]);
        let chunks = std::iter::repeat_n(chunk, UPLOAD_BYTES / CHUNK_BYTES);
        match portal.upload(info, chunks).await {
            Ok(response) => Some(response),
            Err(status) if portal::is_overload(&status) => None,
            Err(status) => panic!("{}", portal::told(&status)),
        }
    })
    .await
}

/// A refusal says what is wrong, by a code that has a page, in both languages.
fn explained(name: &str, refusal: &Status) {
    let code = portal::code(refusal);
    let code = code.unwrap_or_else(|| panic!("{name} has no code: {}", portal::told(refusal)));
    assert!(source::error_pages().contains_key(&code), "{name}: {code} has no page");
    assert!(!refusal.message().is_empty(), "{name}: {code} says nothing");
    assert!(refusal.get_details_localized_message().is_some(), "{name}: {code} in one language");
}

fn bad_documents(kfz: &Kfz) -> Vec<(&'static str, Bytes)> {
    let text = kfz.text();
    let (head, body) = text.split_once("?>").expect("a declaration");
    let body = body.trim_start();
    let declared = |encoding: &str, body: &[u8]| {
        [format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n").as_bytes(), body].concat()
    };
    let with_doctype = |doctype: &str| format!("{head}?>\n{doctype}\n{body}");
    let bomb = (1..30).fold("<!DOCTYPE a [<!ENTITY e0 \"ha\">".to_owned(), |bomb, n| {
        format!("{bomb}<!ENTITY e{n} \"&e{0};&e{0};&e{0};&e{0};\">", n - 1)
    });
    let mut broken = text.as_bytes().to_vec();
    let middle = broken.len() / 2;
    broken[middle] = 0xff;
    let deep = 100_000;
    vec![
        ("nothing", Bytes::new()),
        ("white space", Bytes::from_static(b" \r\n\t ")),
        ("no XML", Bytes::from_static(b"Sehr geehrte Damen und Herren")),
        ("zeros", Bytes::from(vec![0; 4096])),
        ("a PDF", Bytes::from_static(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj")),
        ("half of it", Bytes::from(text.as_bytes()[..middle].to_vec())),
        ("two roots", Bytes::from(format!("{text}{body}"))),
        ("text after the root", Bytes::from(format!("{text}Gruß"))),
        ("a DOCTYPE", Bytes::from(with_doctype("<!DOCTYPE a>"))),
        (
            "an external DTD",
            Bytes::from(with_doctype("<!DOCTYPE a SYSTEM \"file:///etc/passwd\">")),
        ),
        ("an entity bomb", Bytes::from(with_doctype(&format!("{bomb}]>")))),
        ("an unknown entity", Bytes::from("<a>&nobody;</a>".to_owned())),
        ("deep nesting", Bytes::from("<a>".repeat(deep) + &"</a>".repeat(deep))),
        ("deep nesting without end", Bytes::from("<a>".repeat(deep))),
        ("a long attribute", Bytes::from(format!("<a b=\"{}\"/>", "x".repeat(MIB)))),
        ("many attributes", Bytes::from(many_attributes(20_000))),
        ("an encoding that it is not", Bytes::from(declared("UTF-16", body.as_bytes()))),
        ("an encoding that nobody knows", Bytes::from(declared("klingon-1", body.as_bytes()))),
        ("a byte that is no UTF-8", Bytes::from(broken)),
        ("an unknown namespace", Bytes::from_static(b"<antrag xmlns=\"urn:nobody:knows\"/>")),
        ("no namespace", Bytes::from_static(b"<antrag/>")),
        ("an unknown version", with_unknown_version(text)),
        ("faults in thirty places", with_unknown_elements(kfz, 30)),
        ("faults in ten thousand places", with_unknown_elements(kfz, 10_000)),
        ("half a JSON", Bytes::from_static(b"{\"$schema\": \"https://")),
        ("JSON of nobody", Bytes::from_static(b"{\"$schema\": \"https://nobody.example/a.json\"}")),
        ("deep JSON", Bytes::from("[".repeat(deep))),
        ("over the limit", padded(kfz, 17 * MIB)),
        ("far over the limit", padded(kfz, 65 * MIB)),
    ]
}

fn many_attributes(count: usize) -> String {
    let attributes: Vec<String> = (0..count).map(|number| format!("a{number}=\"\"")).collect();
    format!("<a {}/>", attributes.join(" "))
}

/// The same namespace with another version at its end.
fn with_unknown_version(text: &str) -> Bytes {
    let root = text.find("xmlns").expect("a namespace");
    let (before, rest) = text.split_at(root);
    let namespace = rest.split('"').nth(1).expect("a quoted namespace");
    let digits = namespace.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
    assert_ne!(digits, namespace, "the namespace of the example ends in its version");
    Bytes::from(format!("{before}{}", rest.replace(namespace, &format!("{digits}99.0"))))
}

/// Elements that nobody defined, each at a place of its own: before every end tag, again and again.
fn with_unknown_elements(kfz: &Kfz, count: usize) -> Bytes {
    let mut text = String::new();
    let parts: Vec<&str> = kfz.text().split("</").collect();
    let per_part = count.div_ceil(parts.len() - 1);
    for (number, part) in parts.iter().enumerate() {
        if number != 0 {
            (0..per_part).for_each(|_| text.push_str("<unbekannt/>"));
            text.push_str("</");
        }
        text.push_str(part);
    }
    Bytes::from(text)
}

/// Exactly `bytes` long, by a comment at its end.
fn padded(kfz: &Kfz, bytes: usize) -> Bytes {
    let text = kfz.text().trim_end();
    let room = bytes - text.len() - "<!---->".len();
    Bytes::from(format!("{text}<!--{}-->", " ".repeat(room)))
}

fn stream_request(kfz: &Kfz, case: u32) -> SubmitStreamRequest {
    let request = SubmitRequest { document: kfz.document(case, 0), ..Default::default() };
    SubmitStreamRequest { correlation: u64::from(case), request: Some(request) }
}
