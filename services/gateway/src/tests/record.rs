//! How large a record can get.

use channels::codec;
use messaging::{
    ApplicationHead, Attachment, Authority, CaseId, ChannelName, ClaimId, Domain, Envelope,
    MessageId, OwnId, Payload, ProcedureName, Reason, SenderName, Sha256, Timestamp, TraceParent,
};
use standards::{WARNING_PATH_CHARS_MAX, WARNINGS_MAX};
use uuid::Uuid;

use crate::{Limits, limits::INLINE_BYTES_MAX};

/// What a Kafka broker takes unless it is told otherwise.
const BROKER_BYTES_MAX: usize = 1_048_588;
/// What Kafka puts around key, headers and value.
const AROUND_BYTES: usize = 4 << 10;

#[test]
fn the_largest_record_is_within_what_an_untouched_kafka_broker_takes() {
    let body = || Payload::Inline(vec![b'x'; INLINE_BYTES_MAX].into());
    // As long as intake takes them.
    let attachment = |_| Attachment {
        name: "n".repeat(1_000),
        media_type: "m".repeat(200),
        claim: ClaimId(Uuid::from_u128(3)),
        len: u64::MAX,
        sha256: Sha256([7; 32]),
    };
    let warning = |_| Reason {
        code: Some("AB-4100".to_owned()),
        // Four bytes a character are the most that UTF-8 has.
        text: "𝄞".repeat(WARNING_PATH_CHARS_MAX),
    };
    let text = || Some("r".repeat(200));
    let head = ApplicationHead {
        message_id: MessageId(Uuid::from_u128(1)),
        own_id: Some(OwnId::new("o".repeat(200)).unwrap()),
        case_id: CaseId(Uuid::from_u128(2)),
        case_reference: text(),
        refers_to: text(),
        sender: SenderName::new("s".repeat(60)).unwrap(),
        authority: Authority::new(format!("svb:{}", "1".repeat(60))).unwrap(),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").unwrap(),
        service: text(),
        procedure: ProcedureName {
            standard: "s".repeat(200),
            version: "v".repeat(200),
            message_type: "t".repeat(200),
        },
        is_test: true,
        sha256: Sha256([7; 32]),
        received_at: Timestamp(i64::MAX),
        trace: TraceParent::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").ok(),
    };
    let envelope = Envelope {
        head,
        original: body(),
        normalised: Some(body()),
        canonical: body(),
        media_type: "m".repeat(200),
        attachments: (0..Limits::default().attachments_max).map(attachment).collect(),
        warnings: (0..WARNINGS_MAX).map(warning).collect(),
    };
    let channel = ChannelName::new("application.kfz").unwrap();
    let record = codec::encode_application(channel, &envelope, &"u".repeat(200));
    let bytes = record.len() + AROUND_BYTES;
    assert!(bytes < BROKER_BYTES_MAX, "{bytes} bytes");
}
