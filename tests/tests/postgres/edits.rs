//! A corrected document on a ledger that two dispatchers share: whoever owns the endpoint judges it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::body::Bytes;
use channels::codec;
use dispatcher::Endpoint;
use messaging::{
    Accepted, Adapter, Attempt, Channel as _, Command, CommandId, Correction, DeliveryKey,
    EffectContract, EndpointName, Envelope, EventKind, FailureKind, Found, MessageId, OperatorName,
    Order, Payload, Result, Target, Timestamp,
};
use uuid::Uuid;

use super::world::{System, World, endpoint, until};

/// Refuses the first message as it came, and takes everything else.
#[derive(Debug, Default)]
struct Picky(Mutex<Vec<(String, Bytes, DeliveryKey)>>);

#[async_trait]
impl Adapter for Picky {
    fn contract(&self) -> EffectContract {
        EffectContract::None
    }

    async fn deliver(&self, envelope: &Envelope, attempt: &Attempt) -> Result<Accepted> {
        let own_id = envelope.head.own_id.as_ref().expect("it has one").to_string();
        let Payload::Inline(document) = envelope.original.clone() else { panic!("a short one") };
        let is_refused = own_id == "m1" && document == "<a/>";
        self.0.lock().expect("no panic").push((own_id, document, attempt.key));
        match is_refused {
            true => Err(FailureKind::Defect.because("AB-3004", "the house number is unknown")),
            false => Ok(Accepted::default()),
        }
    }

    async fn find(&self, _: &Envelope, _: &Attempt) -> Result<Found> {
        Ok(Found::No)
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }
}

async fn dead(world: &World) -> MessageId {
    let mut told = world.events().await.into_iter();
    let letter = told.find(|event| matches!(event.kind, EventKind::DeadLettered));
    letter.and_then(|event| event.message_id).expect("it is told")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_document_goes_with_whoever_owns_its_endpoint() {
    let Some(world) = World::new("an edit on a shared ledger") else { return };
    let picky = Arc::new(Picky::default());
    let unused = System::new(EffectContract::None, Duration::ZERO);
    let endpoints = || {
        let adapter = Arc::clone(&picky) as Arc<dyn Adapter>;
        vec![Endpoint { adapter, ..endpoint("nordsachsen-kfz", "svb:14730", &unused) }]
    };
    let one = world.dispatch("one", endpoints());
    until("one has it", || world.count("endpoint_state WHERE owner IS NOT NULL") == 1).await;
    let two = world.dispatch("two", endpoints());
    world.submit("svb:14730000", "m1", "case").await;
    world.submit("svb:14730000", "m2", "case").await;
    until("the first is dead", || world.count("delivery WHERE state = 'dead'") == 1).await;
    until("all is told", || world.count("outbox") == 0).await;
    let target = Target { message_id: dead(&world).await, seen: None };
    let order = Order::Edit(Box::new(Correction::new(target, Bytes::from_static(b"<b/>"))));
    let edit = Command {
        id: CommandId(Uuid::from_u128(1)),
        at: Timestamp(1),
        operator: OperatorName::new("erika").expect("a name"),
        endpoint: EndpointName::new("nordsachsen-kfz").expect("a name"),
        order,
        reason: Some("Hausnummer".to_owned()),
    };
    one.kill();
    let record = codec::encode_command(&edit, "test");
    world.channel.append(vec![record]).await.expect("memory");
    until("both are delivered", || world.count("delivery WHERE state = 'delivered'") == 2).await;
    assert_eq!(world.count("edit"), 1);
    assert_eq!(world.count("delivery WHERE generation = 1"), 1);
    assert_eq!(
        world.count("command WHERE position('<b/>'::bytea in record) <> 0"),
        0,
        "an order is remembered longer than its document"
    );
    two.stop();
    let arrivals = picky.0.lock().expect("no panic");
    let came: Vec<_> =
        arrivals.iter().map(|(own_id, document, _)| (&**own_id, &**document)).collect();
    let expected: [(&str, &[u8]); 3] = [("m1", b"<a/>"), ("m1", b"<b/>"), ("m2", b"<a/>")];
    assert_eq!(came, expected);
    assert_ne!(arrivals[0].2, arrivals[1].2, "under a key of its own");
}
