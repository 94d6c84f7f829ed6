//! The codec: what goes in comes out, the headers are a table, and damage is told, never a panic.

mod versions;

use std::borrow::Cow;

use bytes::Bytes;
use messaging::{
    ApplicationHead, Attachment, Authority, BulkState, CaseId, ChannelName, ClaimId, CommandId,
    DeadLetter, DeliveryState, DeliveryVersion, Domain, Drained, Edit, EndpointName,
    EndpointReport, Envelope, Event, EventKind, ItemResult, MessageId, OwnId, Partition, Payload,
    Position, ProcedureName, ReadReply, Reason, Record, Reply, ReplyEvent, SenderName, Sha256,
    Timestamp, TraceParent,
};
use uuid::Uuid;

use super::*;

const SOURCE: &str = "/amtsbote/gateway";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const ROUNDS: u64 = 300;

/// Chance that is the same every time (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.next() & 1 == 1).then(|| make(self))
    }

    fn text(&mut self) -> String {
        const WORDS: [&str; 7] = ["Müller", "Straße", "№", "a", "ž̦", "1.2.3", "Ł – 🚗"];
        (0..=self.below(4)).map(|_| WORDS[self.below(7)]).collect()
    }

    fn bytes(&mut self) -> Bytes {
        (0..self.below(200)).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    fn hash(&mut self) -> Sha256 {
        Sha256(std::array::from_fn(|_| self.next().to_le_bytes()[0]))
    }

    fn time(&mut self) -> Timestamp {
        // Far past and future too: a wrong clock must not make a record unreadable.
        Timestamp(self.next().cast_signed() >> self.below(63))
    }

    fn trace(&mut self) -> Option<TraceParent> {
        self.some(|_| TraceParent::new(TRACE).unwrap())
    }

    fn reasons(&mut self) -> Vec<Reason> {
        (0..self.below(3))
            .map(|_| Reason { code: self.some(Self::text), text: self.text() })
            .collect()
    }

    fn payload(&mut self) -> Payload {
        match self.below(2) {
            0 => Payload::Inline(self.bytes()),
            _ => Payload::Claim {
                claim: ClaimId(self.uuid()),
                len: self.next(),
                sha256: self.hash(),
            },
        }
    }

    fn attachment(&mut self) -> Attachment {
        Attachment {
            name: self.text(),
            media_type: self.text(),
            claim: ClaimId(self.uuid()),
            len: self.next(),
            sha256: self.hash(),
        }
    }

    fn envelope(&mut self) -> Envelope {
        Envelope {
            head: ApplicationHead {
                message_id: MessageId(self.uuid()),
                own_id: self.some(|chance| OwnId::new(chance.text()).unwrap()),
                case_id: CaseId(self.uuid()),
                case_reference: self.some(Self::text),
                refers_to: self.some(Self::text),
                sender: SenderName::new("landesportal").unwrap(),
                authority: Authority::new("svb:14730000").unwrap(),
                further_authorities: (0..self.below(3))
                    .map(|number| Authority::new(format!("svb:1462600{number}")).unwrap())
                    .collect(),
                domain: Domain::new("kfz").unwrap(),
                service: self.some(|_| "99036008001000".to_owned()),
                procedure: ProcedureName {
                    standard: "amtsbote-kfz".to_owned(),
                    version: "1.0".to_owned(),
                    message_type: self.text(),
                },
                is_test: self.below(2) == 0,
                sha256: self.hash(),
                received_at: self.time(),
                trace: self.trace(),
            },
            original: self.payload(),
            normalised: self.some(Self::payload),
            canonical: self.payload(),
            media_type: "application/xml".to_owned(),
            attachments: (0..self.below(3)).map(|_| self.attachment()).collect(),
            warnings: self.reasons(),
        }
    }

    fn position(&mut self) -> Position {
        let channel = ChannelName::new("application.kfz.goerlitz").unwrap();
        Position { partition: Partition { channel, number: 3 }, offset: self.next() }
    }

    fn endpoint(&mut self) -> EndpointName {
        EndpointName::new(["nordsachsen-kfz", "goerlitz-kfz"][self.below(2)]).unwrap()
    }

    fn kind(&mut self) -> EventKind {
        match self.below(21) {
            0 => EventKind::Refused { reasons: self.reasons() },
            1 => EventKind::Unrouted,
            2 => EventKind::Admitted,
            3 => EventKind::Duplicate { position: self.position() },
            4 => EventKind::Conflict { position: self.position() },
            5 => EventKind::Undecodable { position: self.position() },
            6 => EventKind::AttemptFailed,
            7 => EventKind::Delivered { receipt: self.some(Self::text) },
            8 => EventKind::Rejected { reasons: self.reasons() },
            9 => EventKind::DeadLettered,
            10 => EventKind::Uncertain { is_question: self.below(2) == 0 },
            11 => EventKind::Discarded,
            12 => EventKind::GateClosed { endpoint: self.endpoint() },
            13 => EventKind::Replayed,
            19 => EventKind::Edited(self.edit()),
            14 => EventKind::CommandAccepted {
                command: CommandId(self.uuid()),
                endpoint: self.endpoint(),
            },
            15 => EventKind::CommandRefused {
                command: CommandId(self.uuid()),
                endpoint: self.endpoint(),
            },
            17 => EventKind::BulkItem {
                command: CommandId(self.uuid()),
                endpoint: self.endpoint(),
                item: 7,
                message: MessageId(self.uuid()),
                result: ItemResult::ALL[self.below(5)],
            },
            18 => EventKind::BulkState {
                command: CommandId(self.uuid()),
                endpoint: self.endpoint(),
                total: 9,
                state: BulkState::ALL[self.below(3)],
            },
            16 => EventKind::EndpointReported(Box::new(self.report())),
            _ => EventKind::GateOpened { endpoint: self.endpoint() },
        }
    }

    fn edit(&mut self) -> Edit {
        Edit { command: CommandId(self.uuid()), sha256: self.hash(), instead_of: self.hash() }
    }

    fn report(&mut self) -> EndpointReport {
        EndpointReport {
            endpoint: self.endpoint(),
            open: self.next(),
            waiting: self.next(),
            held: self.next(),
            in_flight: 3,
            limit: 4,
            concurrency: 5,
            per_hour: self.some(Self::next),
            calendar_at: self.some(Self::time),
            drained: match self.below(3) {
                0 => Drained::Down,
                1 => Drained::Empty,
                _ => Drained::At(self.time()),
            },
            contract: "can_look_up".to_owned(),
            is_held_by_dead: self.below(2) == 0,
        }
    }

    fn event(&mut self) -> Event {
        let delivery = |chance: &mut Self| DeliveryVersion {
            ledger: "ledger-1".to_owned(),
            epoch: 7,
            delivery: chance.next(),
            version: chance.next(),
            endpoint: chance.endpoint(),
            state: DeliveryState::ALL[chance.below(8)],
            attempts: 16,
            next_at: chance.some(Self::time),
        };
        Event {
            id: self.text(),
            at: self.time(),
            message_id: self.some(|chance| MessageId(chance.uuid())),
            case_id: self.some(|chance| CaseId(chance.uuid())),
            sender: self.some(|_| SenderName::new("local").unwrap()),
            delivery: self.some(delivery),
            kind: self.kind(),
            code: self.some(|_| "AB-3001".to_owned()),
            cause: self.some(Self::text),
            trace: self.trace(),
        }
    }

    fn reply(&mut self) -> ReplyEvent {
        ReplyEvent {
            id: self.text(),
            at: self.time(),
            message_id: MessageId(self.uuid()),
            case_id: CaseId(self.uuid()),
            sender: SenderName::new("local").unwrap(),
            endpoint: self.endpoint(),
            reply: Reply {
                id: self.text(),
                kind: "decision".to_owned(),
                media_type: "application/pdf".to_owned(),
                body: self.bytes(),
                read: self.read_reply(),
                code: (self.below(2) == 0).then(|| "AB-5028".to_owned()),
            },
            trace: self.trace(),
        }
    }

    fn read_reply(&mut self) -> Option<ReadReply> {
        let read = ReadReply {
            procedure: ProcedureName {
                standard: "amtsbote-antwort".to_owned(),
                version: "1.0".to_owned(),
                message_type: "antwort.bescheid.0904".to_owned(),
            },
            canonical: self.bytes(),
        };
        (self.below(2) == 0).then_some(read)
    }

    fn dead_letter(&mut self) -> DeadLetter {
        let position = self.position();
        let channel = position.partition.channel.clone();
        let record = encode_application(channel, &self.envelope(), SOURCE);
        let edit = self.some(Self::edit);
        DeadLetter { event: self.event(), reasons: self.reasons(), position, record, edit }
    }

    fn record(&mut self) -> Record {
        let channel = ChannelName::new("application.kfz").unwrap();
        match self.below(4) {
            0 => encode_application(channel, &self.envelope(), SOURCE),
            1 => encode_event(&self.event(), SOURCE),
            2 => encode_reply(&self.reply(), SOURCE),
            _ => encode_dead_letter(&self.dead_letter(), SOURCE),
        }
    }

    /// Flips, cuts or doubles somewhere.
    fn damage(&mut self, bytes: &[u8]) -> Bytes {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            match self.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.splice(at..at, self.bytes()).for_each(drop),
                2 if at < bytes.len() => bytes.extend_from_within(at..),
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        bytes.into()
    }
}

#[test]
fn what_is_encoded_is_decoded() {
    let mut chance = Chance(1);
    for _ in 0..ROUNDS {
        let envelope = chance.envelope();
        let channel = ChannelName::new("application.kfz").unwrap();
        let record = encode_application(channel, &envelope, SOURCE);
        assert_eq!(decode_head(&record), Ok(envelope.head.clone()));
        assert!(decode_application(&record) == Ok(envelope));
        let event = chance.event();
        assert_eq!(decode_event(&encode_event(&event, SOURCE)), Ok(event));
        let reply = chance.reply();
        assert_eq!(decode_reply(&encode_reply(&reply, SOURCE)), Ok(reply));
        let letter = chance.dead_letter();
        assert!(decode_dead_letter(&encode_dead_letter(&letter, SOURCE)) == Ok(letter));
        assert!(from_bytes(to_bytes(&record)) == Ok(record));
    }
}

#[test]
fn what_is_read_back_names_its_headers_without_an_allocation() {
    let mut chance = Chance(7);
    for _ in 0..100 {
        let record = from_bytes(to_bytes(&chance.record())).unwrap();
        for (name, _) in &record.headers {
            assert!(matches!(name, Cow::Borrowed(_)), "{name} is missing among our names");
        }
    }
}

/// What foreign tools rely on. Changing a row needs another codec version.
#[test]
fn the_headers_are_a_table() {
    let uuid = |n| Uuid::from_u128(n);
    let mut envelope = Chance(3).envelope();
    envelope.head = ApplicationHead {
        message_id: MessageId(uuid(1)),
        own_id: Some(OwnId::new("Antrag Görlitz №7").unwrap()),
        case_id: CaseId(uuid(2)),
        sha256: Sha256([0xab; 32]),
        service: Some("99036008001000".to_owned()),
        is_test: true,
        received_at: Timestamp(1_795_341_600_000_001),
        trace: Some(TraceParent::new(TRACE).unwrap()),
        ..envelope.head
    };
    envelope.head.procedure.message_type = "kfz.neuzulassung.0101".to_owned();
    let channel = ChannelName::new("application.kfz").unwrap();
    let record = encode_application(channel, &envelope, SOURCE);
    let headers: Vec<(&str, &str)> = record
        .headers
        .iter()
        .map(|(name, value)| (&**name, std::str::from_utf8(value).unwrap()))
        .filter(|(name, _)| *name != "ce_id")
        .collect();
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_source", "/amtsbote/gateway"),
        ("ce_type", "de.amtsbote.application.v1"),
        ("ce_time", "2026-11-22T10:00:00.000001Z"),
        ("content-type", "application/protobuf"),
        ("ce_codecversion", "1"),
        ("ce_subject", "00000000-0000-0000-0000-000000000002"),
        ("ce_messageid", "00000000-0000-0000-0000-000000000001"),
        ("ce_ownid", "Antrag Görlitz №7"),
        ("ce_sender", "landesportal"),
        ("ce_authority", "svb:14730000"),
        ("ce_domain", "kfz"),
        ("ce_service", "99036008001000"),
        ("ce_standard", "amtsbote-kfz"),
        ("ce_standardversion", "1.0"),
        ("ce_messagetype", "kfz.neuzulassung.0101"),
        ("ce_test", "true"),
        ("ce_sha256", &"ab".repeat(32)),
        ("traceparent", TRACE),
    ];
    assert_eq!(headers, expected);
    assert_eq!(record.key, uuid(2).as_bytes().as_slice());
    let id = record.header("ce_id").unwrap();
    assert!(id.starts_with("00000000-0000-0000-0000-000000000001."));
    assert_eq!(id.len(), 36 + 1 + 36);
}

#[test]
fn every_sending_is_an_event_of_its_own() {
    let envelope = Chance(4).envelope();
    let channel = ChannelName::new("application.kfz").unwrap();
    let first = encode_application(channel.clone(), &envelope, SOURCE);
    let second = encode_application(channel, &envelope, SOURCE);
    assert_ne!(first.header("ce_id"), second.header("ce_id"));
    assert_eq!(first.value, second.value);
}

#[test]
fn an_event_keeps_its_id_and_its_key() {
    let mut chance = Chance(5);
    let case = CaseId(chance.uuid());
    let event = Event { id: "ledger-1.0.7".to_owned(), case_id: Some(case), ..chance.event() };
    let record = encode_event(&event, SOURCE);
    assert_eq!(record.header("ce_id"), Some("ledger-1.0.7"));
    assert_eq!(record.header("ce_type"), Some("de.amtsbote.status.v1"));
    assert_eq!(record.key, Record::key_of(case));
}

#[track_caller]
fn check(change: impl FnOnce(&mut Record), why: &str) {
    let channel = ChannelName::new("application.kfz").unwrap();
    let mut record = encode_application(channel, &Chance(6).envelope(), SOURCE);
    change(&mut record);
    let error = decode_application(&record).expect_err(why);
    assert!(error.to_string().contains(why), "{error}");
    assert_eq!(decode_head(&record), Err(error));
}

fn set(record: &mut Record, name: &str, value: &'static str) {
    record.headers.retain(|(header, _)| header != name);
    record.headers.push((name.to_owned().into(), Bytes::from(value)));
}

#[test]
fn foreign_and_contradictory_records_are_refused() {
    check(|record| record.headers.clear(), "no CloudEvent");
    check(|record| set(record, "ce_specversion", "0.3"), "no CloudEvent");
    check(|record| set(record, "ce_type", EVENT), "type of event");
    check(|record| set(record, "ce_codecversion", "2"), "another version");
    check(|record| set(record, "content-type", "application/json"), "not declared as protobuf");
    check(|record| set(record, "ce_keyid", "day-7"), "encrypted");
    check(|record| set(record, "ce_messageid", "other"), "another message");
    check(|record| record.key = Bytes::new(), "not the case");
    check(|record| record.value = Bytes::from_static(b"\xff\xff"), "no protobuf");
    check(|record| record.value = Bytes::new(), "no UUID");
}

#[test]
fn a_damaged_trace_does_not_cost_the_application() {
    let channel = ChannelName::new("application.kfz").unwrap();
    let mut record = encode_application(channel, &Chance(6).envelope(), SOURCE);
    set(&mut record, "traceparent", "00-nonsense");
    assert_eq!(decode_head(&record).unwrap().trace, None);
}

#[test]
fn damage_is_told_and_never_a_panic() {
    let mut chance = Chance(7);
    for _ in 0..ROUNDS * 10 {
        let record = chance.record();
        let blob = to_bytes(&record);
        let damaged = chance.damage(&blob);
        assert!(damaged == blob || from_bytes(damaged.clone()).is_err(), "the checksum tells");
        // Behind the checksum, and value and headers by themselves: any answer, but an answer.
        let parsed = blob::parse(damaged.slice(damaged.len().min(5)..));
        let mut others = vec![Record { value: chance.damage(&record.value), ..record.clone() }];
        others.extend(parsed);
        let mut headers = record.clone();
        let at = chance.below(headers.headers.len());
        headers.headers[at].1 = chance.damage(&record.headers[at].1);
        others.push(headers);
        for record in others {
            drop((decode_head(&record), decode_application(&record), decode_event(&record)));
            drop((decode_reply(&record), decode_dead_letter(&record), decode_command(&record)));
        }
    }
}

#[test]
fn a_blob_of_another_version_or_cut_is_refused() {
    let blob = to_bytes(&Chance(8).record());
    for end in 0..blob.len() {
        assert!(from_bytes(blob.slice(..end)).is_err(), "cut at {end}");
    }
    let mut other = blob.to_vec();
    other[0] = 2;
    assert!(from_bytes(other.into()).unwrap_err().to_string().contains("another version"));
}

#[test]
fn an_edit_is_a_replay_to_whoever_does_not_know_it() {
    let mut chance = Chance(7);
    let kind = EventKind::Edited(chance.edit());
    let record = encode_event(&Event { kind: kind.clone(), ..chance.event() }, SOURCE);
    assert_eq!(record.header("ce_kind"), Some("replayed"));
    let mut told = <wire::record::Event as prost::Message>::decode(record.value.clone()).unwrap();
    assert_eq!(told.kind, "replayed");
    assert_eq!(decode_event(&record).unwrap().kind, kind);
    told.edit = None;
    let value = prost::Message::encode_to_vec(&told).into();
    let known = decode_event(&Record { value, ..record }).unwrap().kind;
    assert_eq!(known, EventKind::Replayed);
}
