//! Records of older and newer versions of this program: what is new to a reader it leaves as it is, what is missing
//! it does without, and what it cannot read it says so of.

use prost::encoding::{DecodeContext, WireType, decode_key, encode_key, encode_varint, skip_field};

use super::*;

/// Numbers no version has given away.
const NEWER: [u32; 2] = [901, 70_000];

fn application() -> Record {
    let channel = ChannelName::new("application.kfz").unwrap();
    let mut envelope = Chance(11).envelope();
    // Everything that may be absent is there.
    envelope.head.own_id = Some(OwnId::new("K-1").unwrap());
    envelope.head.case_reference = Some("Vorgang 1".to_owned());
    envelope.head.refers_to = Some("K-0".to_owned());
    envelope.head.service = Some("99036008001000".to_owned());
    envelope.head.further_authorities = vec![Authority::new("svb:14626000").unwrap()];
    envelope.head.is_test = true;
    envelope.normalised = Some(Payload::Inline(Bytes::from_static(b"<a/>")));
    envelope.warnings = vec![Reason { code: None, text: "/a".to_owned() }];
    envelope.attachments = vec![Chance(12).attachment()];
    encode_application(channel, &envelope, SOURCE)
}

/// With fields that a later version might write: a text and a number.
fn with_newer_fields(mut record: Record) -> Record {
    let mut value = record.value.to_vec();
    let [text, number] = NEWER;
    encode_key(text, WireType::LengthDelimited, &mut value);
    encode_varint(6, &mut value);
    value.extend_from_slice(b"later!");
    encode_key(number, WireType::Varint, &mut value);
    encode_varint(7, &mut value);
    record.value = value.into();
    record
}

/// Without the field of this number, as a version wrote it that did not know it.
fn without_field(mut record: Record, number: u32) -> Record {
    let (mut rest, mut value) = (&record.value[..], Vec::new());
    while !rest.is_empty() {
        let before = rest;
        let (tag, kind) = decode_key(&mut rest).unwrap();
        skip_field(kind, tag, &mut rest, DecodeContext::default()).unwrap();
        if tag != number {
            value.extend_from_slice(&before[..before.len() - rest.len()]);
        }
    }
    record.value = value.into();
    record
}

/// The numbers of the fields a record has.
fn fields_of(record: &Record) -> Vec<u32> {
    let (mut rest, mut found) = (&record.value[..], Vec::new());
    while !rest.is_empty() {
        let (tag, kind) = decode_key(&mut rest).unwrap();
        skip_field(kind, tag, &mut rest, DecodeContext::default()).unwrap();
        found.push(tag);
    }
    found.dedup();
    found
}

#[test]
fn fields_and_headers_of_a_later_version_are_read_over_and_carried_along_untouched() {
    let known = application();
    let mut newer = with_newer_fields(known.clone());
    set(&mut newer, "ce_laterversion", "yes");
    assert_eq!(decode_application(&newer), decode_application(&known));
    assert_eq!(decode_head(&newer), decode_head(&known));
    // Into a ledger or a channel's file and back, and onto `dead`.
    assert_eq!(from_bytes(to_bytes(&newer)), Ok(newer.clone()));
    let mut letter = Chance(13).dead_letter();
    letter.record = newer.clone();
    let position = &mut letter.position.partition;
    position.channel = newer.channel.clone();
    let told = with_newer_fields(encode_dead_letter(&letter, SOURCE));
    assert_eq!(decode_dead_letter(&told).unwrap().record, newer);

    let (event, reply) = (Chance(14).event(), Chance(15).reply());
    assert_eq!(decode_event(&with_newer_fields(encode_event(&event, SOURCE))), Ok(event));
    assert_eq!(decode_reply(&with_newer_fields(encode_reply(&reply, SOURCE))), Ok(reply));
}

/// A field that is demanded cannot be added later: the records of former versions would be dead letters. So
/// these rows only ever get shorter.
#[test]
fn only_what_the_first_version_had_is_demanded() {
    let application = application();
    let event = Event {
        kind: EventKind::Delivered { receipt: Some("AZ-1".to_owned()) },
        ..Chance(16).event()
    };
    let event = encode_event(&event, SOURCE);
    let reply = Chance(17).reply();
    let code = Some("AB-5028".to_owned());
    let reply = ReplyEvent { reply: Reply { read: Some(read()), code, ..reply.reply }, ..reply };
    let reply = encode_reply(&reply, SOURCE);
    type Decode = fn(&Record) -> bool;
    let rows: [(&str, &Record, Decode, &[u32]); 3] = [
        (
            "application",
            &application,
            |record| decode_application(record).is_ok(),
            &[1, 3, 6, 7, 8, 14, 15, 17, 19],
        ),
        ("event", &event, |record| decode_event(record).is_ok(), &[2, 10]),
        ("reply", &reply, |record| decode_reply(record).is_ok(), &[2, 3, 4, 5, 6]),
    ];
    for (what, record, is_readable, demanded) in rows {
        assert!(is_readable(record), "{what}");
        let is_demanded = |field: &u32| !is_readable(&without_field(record.clone(), *field));
        let found: Vec<u32> = fields_of(record).into_iter().filter(is_demanded).collect();
        assert_eq!(found, demanded, "{what}");
    }
    let old = [5, 9, 18, 21, 22].into_iter().fold(application, without_field);
    let envelope = decode_application(&old).unwrap();
    assert_eq!(envelope.head.further_authorities, []);
    assert_eq!((envelope.head.refers_to, envelope.head.service), (None, None));
    assert_eq!((envelope.normalised, envelope.warnings), (None, Vec::new()));
}

fn read() -> ReadReply {
    let procedure = ProcedureName {
        standard: "amtsbote-antwort".to_owned(),
        version: "1.0".to_owned(),
        message_type: "antwort.bescheid.0904".to_owned(),
    };
    ReadReply { procedure, canonical: Bytes::new() }
}

#[test]
fn words_of_a_later_version_are_refused_and_never_taken_for_others() {
    let changed = |event: &Event, change: fn(&mut wire::record::Event)| {
        let mut record = encode_event(event, SOURCE);
        let mut told: wire::record::Event = prost::Message::decode(record.value.clone()).unwrap();
        change(&mut told);
        record.value = prost::Message::encode_to_vec(&told).into();
        decode_event(&record).unwrap_err().to_string()
    };
    let mut event = Chance(19).event();
    event.kind = EventKind::Admitted;
    let why = changed(&event, |told| told.kind = "recalled".to_owned());
    assert!(why.contains("unknown kind of event"), "{why}");
    let why = changed(&event, |told| {
        let delivery = wire::record::Delivery { state: "frozen".to_owned(), ..Default::default() };
        told.delivery = Some(wire::record::Delivery { endpoint: "kfz".to_owned(), ..delivery });
    });
    assert!(why.contains("unknown state of a delivery"), "{why}");

    // A body that is kept in a way this version does not know is no empty body.
    let mut record = application();
    let mut told: wire::record::Application = prost::Message::decode(record.value.clone()).unwrap();
    told.original = Some(wire::record::Payload::default());
    record.value = prost::Message::encode_to_vec(&told).into();
    decode_application(&record).unwrap_err();
}

#[test]
fn a_later_codec_or_type_is_refused_and_kept_as_it_came() {
    for (header, value) in [("ce_codecversion", "2"), ("ce_type", "de.amtsbote.application.v2")] {
        let mut newer = with_newer_fields(application());
        set(&mut newer, header, value);
        decode_application(&newer).unwrap_err();
        decode_head(&newer).unwrap_err();
        assert_eq!(from_bytes(to_bytes(&newer)), Ok(newer));
    }
}
