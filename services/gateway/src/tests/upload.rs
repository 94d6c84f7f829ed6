//! Attachments: stored, referred to, and refused.

use std::time::Duration;

use futures_util::stream;
use messaging::{SenderName, identity};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use wire::intake::{
    AttachmentInfo, AttachmentReference, SubmitRequest, UploadAttachmentRequest,
    UploadAttachmentResponse, upload_attachment_request::Part,
};

use super::world::{World, code, letter};
use crate::{Senders, codes};

const SCAN: &[u8] = b"%PDF-1.7 ein Scan";

fn part(part: Part) -> UploadAttachmentRequest {
    UploadAttachmentRequest { part: Some(part) }
}

fn info(size: u64, sha256: &str) -> UploadAttachmentRequest {
    let media_type = "application/pdf".to_owned();
    part(Part::Info(AttachmentInfo { media_type, sha256: sha256.to_owned(), size }))
}

fn chunk(bytes: &[u8]) -> UploadAttachmentRequest {
    part(Part::Chunk(bytes.to_vec().into()))
}

async fn upload(
    world: &World,
    parts: Vec<UploadAttachmentRequest>,
) -> Result<UploadAttachmentResponse, Status> {
    let mut client = world.client().await;
    client.upload_attachment(stream::iter(parts)).await.map(tonic::Response::into_inner)
}

fn reference(ticket: &str, name: &str) -> AttachmentReference {
    AttachmentReference {
        ticket: ticket.to_owned(),
        name: name.to_owned(),
        ..AttachmentReference::default()
    }
}

fn with(attachments: Vec<AttachmentReference>, id: &str, named: &[&str]) -> SubmitRequest {
    let rest: String = named.iter().map(|name| format!("<anlage datei=\"{name}\"/>")).collect();
    SubmitRequest { attachments, ..letter(id, &rest) }
}

async fn refusal(world: &World, request: SubmitRequest) -> String {
    code(&world.client().await.submit(request).await.unwrap_err())
}

#[tokio::test]
async fn an_uploaded_file_travels_with_its_message_as_it_was_said_to_be() {
    let world = World::start().await;
    let hash = identity::sha256(SCAN, &[]);
    let (head, tail) = SCAN.split_at(5);
    let parts = vec![info(SCAN.len() as u64, &hash.to_string()), chunk(head), chunk(tail)];
    let stored = upload(&world, parts).await.unwrap();
    assert_eq!((stored.sha256.as_str(), stored.size), (hash.to_string().as_str(), 17));
    let request = with(vec![reference(&stored.ticket, "scan.pdf")], "a", &["scan.pdf"]);
    let document = request.document.clone();
    let receipt = world.client().await.submit(request).await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(receipt.sha256, identity::sha256(&document, &[hash]).to_string());
    let envelopes = world.envelopes("application.post.nordsachsen").await;
    let [attachment] = &envelopes[0].attachments[..] else { panic!("one attachment") };
    assert_eq!(attachment.media_type, "application/pdf", "as said at the upload");
    assert_eq!((attachment.name.as_str(), attachment.sha256), ("scan.pdf", hash));
    let claims = super::world::claims_of(&world);
    assert!(claims.look_up(attachment.claim).await.unwrap().unwrap().used_at.is_some());
    world.stop().await;
}

#[tokio::test]
async fn files_and_references_must_match_one_to_one() {
    let world = World::start().await;
    let ticket = upload(&world, vec![info(0, ""), chunk(SCAN)]).await.unwrap().ticket;
    let scan = || reference(&ticket, "scan.pdf");
    let check = async |attachments, named: &[&str], expected: &str| {
        assert_eq!(refusal(&world, with(attachments, "a", named)).await, expected);
    };
    check(vec![], &["scan.pdf"], codes::ATTACHMENT_MISSING).await;
    check(vec![scan()], &[], codes::ATTACHMENT_EXTRA).await;
    check(vec![scan(), scan()], &["scan.pdf"], codes::ATTACHMENT_TWICE).await;
    check(vec![reference("no-ticket", "scan.pdf")], &["scan.pdf"], codes::TICKET_UNKNOWN).await;
    let wrong = "00".repeat(32);
    let other = AttachmentReference { sha256: wrong.clone(), ..scan() };
    check(vec![other], &["scan.pdf"], codes::ATTACHMENT_HASH).await;
    let named = format!("<anlage datei=\"scan.pdf\" sha256=\"{wrong}\"/>");
    let request = SubmitRequest { attachments: vec![scan()], ..letter("a", &named) };
    assert_eq!(refusal(&world, request).await, codes::ATTACHMENT_HASH);
    check(vec![scan(); 101], &["scan.pdf"], codes::ATTACHMENTS_TOO_MANY).await;
    world.stop().await;
}

#[tokio::test]
async fn a_ticket_is_good_for_a_day_and_for_its_sender_alone() {
    let senders = ["portal", "other"]
        .map(|name| (SenderName::new(name).unwrap(), identity::sha256(name.as_bytes(), &[])));
    let world = World::with(|parts| parts.senders = Senders::Tokens(senders.into())).await;
    let mut client = world.client().await;
    let mut request = Request::new(stream::iter(vec![info(0, ""), chunk(SCAN)]));
    request.metadata_mut().insert("authorization", "Bearer portal".parse().unwrap());
    let ticket = client.upload_attachment(request).await.unwrap().into_inner().ticket;
    let mut submit = async |token: &str| {
        let scan = vec![reference(&ticket, "scan.pdf")];
        let mut request = Request::new(with(scan, token, &["scan.pdf"]));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        client.submit(request).await.map_err(|status| code(&status))
    };
    assert_eq!(submit("other").await.unwrap_err(), codes::TICKET_UNKNOWN);
    world.advance(Duration::from_secs(24 * 3_600 + 1));
    assert_eq!(submit("portal").await.unwrap_err(), codes::TICKET_EXPIRED);
    world.stop().await;
}

#[tokio::test]
async fn an_upload_is_what_it_said_or_it_is_not_stored() {
    let world = World::with(|parts| parts.limits.attachment_bytes_max = 20).await;
    let check = async |parts, expected: (Code, &str)| {
        let status = upload(&world, parts).await.unwrap_err();
        assert_eq!((status.code(), code(&status).as_str()), expected);
    };
    let invalid = |code| (Code::InvalidArgument, code);
    check(vec![info(16, ""), chunk(SCAN)], invalid(codes::UPLOAD_MISMATCH)).await;
    check(vec![info(18, ""), chunk(SCAN)], invalid(codes::UPLOAD_MISMATCH)).await;
    let wrong = "00".repeat(32);
    check(vec![info(0, &wrong), chunk(SCAN)], invalid(codes::UPLOAD_MISMATCH)).await;
    check(vec![info(0, "hash"), chunk(SCAN)], invalid(codes::MALFORMED)).await;
    check(vec![chunk(SCAN)], invalid(codes::UPLOAD_ORDER)).await;
    check(vec![info(0, ""), info(0, "")], invalid(codes::UPLOAD_ORDER)).await;
    check(vec![], invalid(codes::UPLOAD_ORDER)).await;
    let too_large = (Code::ResourceExhausted, codes::UPLOAD_TOO_LARGE);
    check(vec![info(21, "")], too_large).await;
    check(vec![info(0, ""), chunk(SCAN), chunk(SCAN)], too_large).await;
    world.stop().await;
}

#[tokio::test]
async fn a_client_that_stalls_does_not_keep_its_place() {
    let world = World::with(|parts| {
        parts.limits.uploads_max = 1;
        parts.limits.idle_time_max = Duration::from_millis(50);
    })
    .await;
    let (parts, receiver) = mpsc::channel(4);
    parts.send(info(0, "")).await.unwrap();
    parts.send(chunk(SCAN)).await.unwrap();
    let mut client = world.client().await;
    let status = client.upload_attachment(ReceiverStream::new(receiver)).await.unwrap_err();
    assert_eq!((status.code(), code(&status).as_str()), (Code::DeadlineExceeded, "AB-1005"));
    upload(&world, vec![info(0, ""), chunk(SCAN)]).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn an_upload_too_many_is_told_to_come_back() {
    let world = World::with(|parts| parts.limits.uploads_max = 1).await;
    let (parts, receiver) = mpsc::channel(4);
    parts.send(info(0, "")).await.unwrap();
    let (mut first, mut second) = (world.client().await, world.client().await);
    let first = first.upload_attachment(ReceiverStream::new(receiver));
    let second = async {
        loop {
            let upload = stream::iter(vec![info(0, ""), chunk(SCAN)]);
            // Until the first has its place.
            if let Err(status) = second.upload_attachment(upload).await {
                assert_eq!(code(&status), codes::OVERLOADED);
                break;
            }
        }
        parts.send(chunk(SCAN)).await.unwrap();
        drop(parts);
    };
    let (first, ()) = tokio::join!(first, second);
    first.unwrap();
    world.stop().await;
}
