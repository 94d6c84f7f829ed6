//! What every [`Adapter`] must do.
//!
//! [`check`] asks for a fresh adapter and receiver per rule, and plays faults on the receiver's
//! side: what the adapter tells is compared with what really happened there.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time;
use uuid::Uuid;

use crate::{
    Adapter, ApplicationHead, Attachment, Attempt, Authority, Claims, Domain, EffectContract,
    EndpointName, Envelope, Failure, FailureKind, Found, MessageId, OwnId, Payload, ProcedureName,
    Result, SenderName, Timestamp, identity,
};

/// Stands in every body: must stand in no error, log or `Debug`.
pub const SECRET: &str = "Erika-Mustermann-geb-Gabler";
/// How long an attempt may take here.
const TIME_MAX: Duration = Duration::from_secs(10);
/// How long an attempt may take at a receiver that never answers.
const TIME_MAX_SLOW: Duration = Duration::from_millis(400);
/// How much longer than asked an adapter may take to say so.
const TIME_GRACE: Duration = Duration::from_secs(5);

/// The departmental system's side, in the hands of the test.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// The adapter that feeds it. The same one each time.
    fn adapter(&self) -> Arc<dyn Adapter>;

    /// Where attachments are kept; writable for the test.
    fn claims(&self) -> Arc<dyn Claims>;

    /// The faults it can play; a receiver that is a directory cannot be slow.
    fn faults(&self) -> &[Fault];

    /// From now on it behaves like that. Ends the fault before.
    async fn play(&self, fault: Option<Fault>);

    /// How many effects `attempt.key` has had, as the departmental system counts them.
    async fn effects(&self, attempt: &Attempt) -> u64;

    /// Everything an attempt or a probe could leave: files, rows, requests that change something.
    async fn traces(&self) -> u64;

    /// The body of the first effect of `attempt.key`, followed by its attachments, as they arrived.
    async fn content(&self, attempt: &Attempt) -> Vec<Bytes>;
}

/// What a receiver can be made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers; nothing has an effect.
    Down,
    /// It takes everything, has no effect, and never answers.
    Silent,
    /// It has the effect, and the answer is lost.
    LostAnswer,
    /// It refuses each message for good, with [`SECRET`] in its reasons; nothing has an effect.
    Refusing,
}

/// Holds every rule against the receivers `new` makes.
///
/// # Panics
/// At the first rule broken.
pub async fn check<R: Receiver>(new: impl AsyncFn() -> R) {
    what_is_delivered_is_there_whole(&new().await).await;
    a_repeat_has_the_effect_its_contract_says(&new().await).await;
    finding_agrees_with_the_effect(&new().await).await;
    a_probe_changes_nothing(&new().await).await;
    a_claim_that_is_gone_is_a_defect_without_effect(&new().await).await;
    many_at_once_do_not_get_into_each_others_way(&new().await).await;
    let faults = new().await.faults().to_vec();
    for fault in faults {
        let receiver = new().await;
        match fault {
            Fault::Down => a_receiver_that_is_down_did_nothing(&receiver).await,
            Fault::Silent => silence_is_no_answer(&receiver).await,
            Fault::LostAnswer => a_lost_answer_is_never_a_certain_one(&receiver).await,
            Fault::Refusing => a_refusal_keeps_its_words_to_itself(&receiver).await,
        }
    }
}

async fn what_is_delivered_is_there_whole<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "whole").await;
    let answer = deliver(receiver, &envelope, &attempt).await;
    let accepted = answer.expect("a healthy receiver accepts");
    assert!(accepted.receipt.is_none_or(|receipt| receipt.len() <= 200), "a receipt is short");
    assert_eq!(receiver.effects(&attempt).await, 1, "accepted means one effect");
    let Payload::Inline(document) = &envelope.original else { return };
    let arrived = receiver.content(&attempt).await;
    assert_eq!(arrived, [document.clone(), attachment_bytes()], "every byte arrives");
}

async fn a_repeat_has_the_effect_its_contract_says<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "repeat").await;
    deliver(receiver, &envelope, &attempt).await.expect("a healthy receiver accepts");
    if matches!(
        receiver.adapter().contract(),
        EffectContract::Idempotent | EffectContract::Deduplicates
    ) {
        let again = Attempt { number: 2, ..attempt.clone() };
        deliver(receiver, &envelope, &again).await.expect("the same once more is accepted");
        assert_eq!(receiver.effects(&attempt).await, 1, "the same key has one effect");
    }
    let other = Attempt {
        key: identity::delivery_key(envelope.head.message_id, &attempt.endpoint, 1),
        ..attempt
    };
    deliver(receiver, &envelope, &other).await.expect("a healthy receiver accepts");
    assert_eq!(receiver.effects(&other).await, 1, "another key has an effect of its own");
}

async fn finding_agrees_with_the_effect<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "find").await;
    let adapter = receiver.adapter();
    let before = find(receiver, &envelope, &attempt).await.expect("a healthy receiver answers");
    assert!(!matches!(before, Found::Yes(_)), "nothing is found before it is delivered");
    deliver(receiver, &envelope, &attempt).await.expect("a healthy receiver accepts");
    let after = find(receiver, &envelope, &attempt).await.expect("a healthy receiver answers");
    assert_ne!(after, Found::No, "what is there is not reported absent");
    if matches!(adapter.contract(), EffectContract::CanLookUp { .. }) {
        assert_eq!(before, Found::No, "who can be asked knows");
        assert!(matches!(after, Found::Yes(_)), "who can be asked knows");
    }
    assert_eq!(receiver.effects(&attempt).await, 1, "asking has no effect");
}

async fn a_probe_changes_nothing<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "probe").await;
    deliver(receiver, &envelope, &attempt).await.expect("a healthy receiver accepts");
    let before = receiver.traces().await;
    receiver.adapter().probe().await.expect("a healthy receiver is there");
    assert_eq!(receiver.traces().await, before, "a probe leaves nothing behind");
}

async fn a_claim_that_is_gone_is_a_defect_without_effect<R: Receiver>(receiver: &R) {
    let (mut envelope, attempt) = sample(receiver, "gone").await;
    for attachment in &mut envelope.attachments {
        attachment.claim = crate::ClaimId(Uuid::nil());
    }
    let failure = deliver(receiver, &envelope, &attempt).await.expect_err("it cannot be whole");
    assert_eq!(failure.kind(), FailureKind::Defect, "{}", failure.report());
    assert_eq!(receiver.effects(&attempt).await, 0, "half a message has no effect");
    deliver_again_whole(receiver, &attempt).await;
}

async fn many_at_once_do_not_get_into_each_others_way<R: Receiver>(receiver: &R) {
    let mut messages = Vec::new();
    for number in 0..8 {
        messages.push(sample(receiver, &format!("many-{number}")).await);
    }
    let all = messages.iter().map(|(envelope, attempt)| deliver(receiver, envelope, attempt));
    for answer in futures_util::future::join_all(all).await {
        answer.expect("a healthy receiver accepts");
    }
    for (_, attempt) in &messages {
        assert_eq!(receiver.effects(attempt).await, 1, "each has its own effect");
    }
}

async fn a_receiver_that_is_down_did_nothing<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "down").await;
    receiver.play(Some(Fault::Down)).await;
    let failure = deliver(receiver, &envelope, &attempt).await.expect_err("nobody is there");
    assert_eq!(failure.kind(), FailureKind::Unavailable, "{}", failure.report());
    let failure = receiver.adapter().probe().await.expect_err("nobody is there");
    assert_eq!(failure.kind(), FailureKind::Unavailable, "{}", failure.report());
    tells_no_secret(&failure);
    let found = find(receiver, &envelope, &attempt).await;
    assert!(
        !matches!(found, Ok(Found::Yes(_) | Found::No)),
        "who is down says neither yes nor no: {found:?}"
    );
    receiver.play(None).await;
    assert_eq!(receiver.effects(&attempt).await, 0, "unavailable means no effect");
    receiver.adapter().probe().await.expect("it is there again");
    let again = Attempt { number: 2, ..attempt };
    deliver(receiver, &envelope, &again).await.expect("the message survives the outage");
    assert_eq!(receiver.effects(&again).await, 1, "once");
}

async fn silence_is_no_answer<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "silent").await;
    let attempt = Attempt { time_max: TIME_MAX_SLOW, ..attempt };
    receiver.play(Some(Fault::Silent)).await;
    let failure = deliver(receiver, &envelope, &attempt).await.expect_err("nobody answers");
    assert_eq!(failure.kind(), FailureKind::Uncertain, "{}", failure.report());
    receiver.play(None).await;
}

async fn a_lost_answer_is_never_a_certain_one<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "lost").await;
    receiver.play(Some(Fault::LostAnswer)).await;
    let failure = deliver(receiver, &envelope, &attempt).await.expect_err("the answer is lost");
    assert_eq!(failure.kind(), FailureKind::Uncertain, "{}", failure.report());
    assert_eq!(receiver.effects(&attempt).await, 1, "an adapter tries once");
    receiver.play(None).await;
    let again = Attempt { number: 2, ..attempt };
    match receiver.adapter().contract() {
        EffectContract::Idempotent | EffectContract::Deduplicates => {
            deliver(receiver, &envelope, &again).await.expect("the same once more is accepted");
        }
        EffectContract::CanLookUp { .. } => {
            let found = find(receiver, &envelope, &again).await.expect("it answers again");
            assert!(matches!(found, Found::Yes(_)), "the effect is found: {found:?}");
        }
        EffectContract::None => {}
    }
    assert_eq!(receiver.effects(&again).await, 1, "one effect in the end");
}

async fn a_refusal_keeps_its_words_to_itself<R: Receiver>(receiver: &R) {
    let (envelope, attempt) = sample(receiver, "refused").await;
    receiver.play(Some(Fault::Refusing)).await;
    let failure = deliver(receiver, &envelope, &attempt).await.expect_err("it is refused");
    assert_eq!(failure.kind(), FailureKind::Rejected, "{}", failure.report());
    let told = failure.reasons().iter().any(|reason| reason.text.contains(SECRET));
    assert!(told, "the portal is told why");
    assert_eq!(receiver.effects(&attempt).await, 0, "a refusal has no effect");
}

async fn deliver_again_whole<R: Receiver>(receiver: &R, attempt: &Attempt) {
    let (envelope, _) = sample(receiver, "gone").await;
    let again = Attempt { number: 2, ..attempt.clone() };
    deliver(receiver, &envelope, &again).await.expect("remainders are in nobody's way");
    assert_eq!(receiver.effects(&again).await, 1, "once");
}

/// One try, in time, with nothing told that must not be.
async fn deliver<R: Receiver>(
    receiver: &R,
    envelope: &Envelope,
    attempt: &Attempt,
) -> Result<crate::Accepted> {
    let adapter = receiver.adapter();
    let in_time = time::timeout(attempt.time_max + TIME_GRACE, adapter.deliver(envelope, attempt));
    let answer = in_time.await.expect("an adapter answers within the time it is given");
    if let Err(failure) = &answer {
        tells_no_secret(failure);
    }
    assert!(!format!("{adapter:?}").contains(SECRET), "Debug of an adapter tells no payload");
    answer
}

async fn find<R: Receiver>(receiver: &R, envelope: &Envelope, attempt: &Attempt) -> Result<Found> {
    let adapter = receiver.adapter();
    let in_time = time::timeout(attempt.time_max + TIME_GRACE, adapter.find(envelope, attempt));
    in_time.await.expect("an adapter answers within the time it is given")
}

fn tells_no_secret(failure: &Failure) {
    let told = format!("{failure} {failure:?} {}", failure.report());
    assert!(!told.contains(SECRET), "an error tells no payload");
}

/// A message with one attachment, whose ids follow from `own_id`, and its first attempt.
async fn sample<R: Receiver>(receiver: &R, own_id: &str) -> (Envelope, Attempt) {
    let claims = receiver.claims();
    let sender = SenderName::new("portal").expect("a valid name");
    let mut writer = claims.create(&sender, Timestamp(0)).await.expect("claims are there");
    writer.write(attachment_bytes()).await.expect("claims are there");
    let ticket = writer.finish().await.expect("claims are there");

    let document = Bytes::from(format!("<antrag><name>{SECRET}</name>{own_id}</antrag>"));
    let own_id = OwnId::new(own_id).expect("a valid id");
    let sha256 = identity::sha256(&document, &[ticket.sha256]);
    let message_id: MessageId = identity::message_id(&sender, Some(&own_id), &sha256);
    let head = ApplicationHead {
        message_id,
        own_id: Some(own_id),
        case_id: identity::case_id(&sender, None, message_id),
        case_reference: None,
        refers_to: None,
        sender,
        authority: Authority::new("svb:14730000").expect("a valid authority"),
        further_authorities: Vec::new(),
        domain: Domain::new("kfz").expect("a valid domain"),
        service: None,
        procedure: ProcedureName {
            standard: "amtsbote-kfz".to_owned(),
            version: "1.0".to_owned(),
            message_type: "kfz.neuzulassung.0101".to_owned(),
        },
        is_test: false,
        sha256,
        received_at: Timestamp(0),
        trace: None,
    };
    let attachment = Attachment {
        name: format!("{SECRET}.pdf"),
        media_type: "application/pdf".to_owned(),
        claim: ticket.claim,
        len: ticket.len,
        sha256: ticket.sha256,
    };
    let envelope = Envelope {
        head,
        original: Payload::Inline(document),
        normalised: None,
        canonical: Payload::Inline(Bytes::new()),
        media_type: "application/xml".to_owned(),
        attachments: vec![attachment],
        warnings: Vec::new(),
    };
    let endpoint = EndpointName::new("nordsachsen-kfz").expect("a valid name");
    let attempt = Attempt {
        number: 1,
        key: identity::delivery_key(message_id, &endpoint, 0),
        endpoint,
        time_max: TIME_MAX,
        claims,
        trace: None,
    };
    (envelope, attempt)
}

/// More than one piece of a reader.
fn attachment_bytes() -> Bytes {
    Bytes::from(SECRET.repeat(3 * 1024 * 1024 / SECRET.len()))
}
