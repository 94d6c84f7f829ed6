//! What a portal is told.

use std::time::Duration;

use futures_util::StreamExt as _;
use stores::journal::Kind;
use tonic::Code;
use tonic_types::StatusExt as _;
use wire::{
    intake,
    status::{
        CitizenStatus, FetchReplyRequest, GetStatusRequest, ListRepliesRequest, WatchStatusRequest,
        WatchStatusResponse, get_status_request::By, list_replies_request,
        status_service_server::StatusService as _,
    },
};

use super::*;

fn by_own_id(id: &str) -> GetStatusRequest {
    GetStatusRequest { by: Some(By::OwnId(id.to_owned())), position: None }
}

fn claim(head: &ApplicationHead, position: &Position) -> GetStatusRequest {
    GetStatusRequest {
        by: Some(By::MessageId(head.message_id.to_string())),
        position: Some(intake::Position {
            channel: position.partition.channel.to_string(),
            partition: position.partition.number,
            offset: position.offset,
        }),
    }
}

#[tokio::test]
async fn right_after_the_receipt_a_message_is_accepted() {
    let console = Console::new();
    let head = head("a");
    let position = console.append(application(&head)).await;
    // Nothing projects yet.
    let answer = console.status.get_status(from("portal", claim(&head, &position))).await.unwrap();
    let [application] = &answer.get_ref().applications[..] else { panic!("one application") };
    assert!(!application.is_projected);
    assert_eq!(application.state, "accepted");
    assert_eq!(application.message_id, head.message_id.to_string());
    assert_eq!(application.citizen_status(), CitizenStatus::Received);
}

#[tokio::test]
async fn without_being_up_to_date_nothing_is_denied() {
    let mut console = Console::new();
    console.status = console.status.clone().with_patience(Duration::ZERO);
    let head = head("a");
    let position = console.append(application(&head)).await;
    let status = console.status.get_status(from("portal", by_own_id("a"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_details_retry_info().is_some());
    assert_eq!(status.get_details_error_info().unwrap().reason, "AB-1403");
    // A receipt nobody gave proves nothing either.
    let beyond = Position { offset: position.offset + 1, ..position };
    let status =
        console.status.get_status(from("portal", claim(&head, &beyond))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_question_waits_for_what_was_accepted_before_it() {
    let mut console = Console::new();
    console.run().await;
    let head = head("a");
    console.append(application(&head)).await;
    let answer = console.status.get_status(from("portal", by_own_id("a"))).await.unwrap();
    let [application] = &answer.get_ref().applications[..] else { panic!("one application") };
    assert!(application.is_projected);
    assert_eq!(application.own_id, "a");
    assert_eq!(application.timeline[0].german, "Der Antrag wurde geprüft und angenommen.");
}

#[tokio::test]
async fn another_senders_message_is_as_unknown_as_none() {
    let mut console = Console::new();
    console.run().await;
    let head = head("a");
    let position = console.append(application(&head)).await;
    console.projected(&position).await;
    for request in [claim(&head, &position), by_own_id("a"), by_own_id("b")] {
        let status = console.status.get_status(from("other", request)).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.get_details_error_info().unwrap().reason, "AB-1402");
    }
    let status = console.status.get_status(Request::new(by_own_id("a"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_decision_completes_and_is_fetched_in_pieces() {
    let mut console = Console::new();
    console.run().await;
    let (head, body) = (head("a"), vec![0x25; 200_000]);
    console.append(application(&head)).await;
    console.append(delivered(&head)).await;
    let position = console.append(decision(&head, body.clone())).await;
    console.projected(&position).await;
    let answer = console.status.get_status(from("portal", by_own_id("a"))).await.unwrap();
    let [application] = &answer.get_ref().applications[..] else { panic!("one application") };
    assert_eq!(application.citizen_status(), CitizenStatus::Completed);

    let by = Some(list_replies_request::By::MessageId(head.message_id.to_string()));
    let list = ListRepliesRequest { by, ..ListRepliesRequest::default() };
    let list = console.status.list_replies(from("portal", list)).await.unwrap().into_inner();
    let [reply] = &list.replies[..] else { panic!("one reply") };
    assert_eq!(reply.size, 200_000);

    let fetch = FetchReplyRequest { reply_id: reply.reply_id.clone(), canonical: false };
    let denied = console.status.fetch_reply(from("other", fetch.clone())).await;
    assert_eq!(denied.err().map(|status| status.code()), Some(Code::NotFound));
    let stream = console.status.fetch_reply(from("portal", fetch)).await.unwrap().into_inner();
    let pieces: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert!(1 < pieces.len());
    assert!(pieces[0].info.is_some() && pieces[1].info.is_none());
    let fetched: Vec<u8> = pieces.iter().flat_map(|piece| piece.chunk.to_vec()).collect();
    assert_eq!(fetched, body);
}

async fn watch(console: &Console, cursor: &str, answers: usize) -> Vec<WatchStatusResponse> {
    let request = WatchStatusRequest { cursor: cursor.to_owned(), ..WatchStatusRequest::default() };
    let stream = console.status.watch_status(from("portal", request)).await.unwrap();
    stream.into_inner().take(answers).map(Result::unwrap).collect().await
}

#[tokio::test]
async fn a_watch_resumes_without_a_gap() {
    let mut console = Console::new();
    console.run().await;
    let (one, two) = (head("a"), head("b"));
    let position = console.append(application(&one)).await;
    console.projected(&position).await;
    // What is known comes first, without an entry.
    let known = watch(&console, "", 1).await;
    assert!(known[0].entry.is_none() && !known[0].is_restart);
    // While nobody watches, things happen; and go on happening while somebody does.
    let position = console.append(delivered(&one)).await;
    console.projected(&position).await;
    let (told, _) = tokio::join!(watch(&console, &known[0].cursor, 3), async {
        let position = console.append(application(&two)).await;
        console.projected(&position).await;
        console.append(delivered(&two)).await
    });
    let kinds: Vec<_> = told.iter().map(|it| it.entry.as_ref().unwrap().kind.as_str()).collect();
    assert_eq!(kinds, ["delivered", "accepted", "delivered"]);
    let states: Vec<_> = told.iter().map(|it| it.state.as_str()).collect();
    assert_eq!(states, ["delivered", "accepted", "delivered"], "each as of its cursor");
    // In the middle, again: the same continuation.
    let again = watch(&console, &told[0].cursor, 2).await;
    assert_eq!(again, told[1..]);
}

#[tokio::test]
async fn a_cursor_of_another_journal_starts_anew() {
    let mut console = Console::new();
    console.run().await;
    let position = console.append(application(&head("a"))).await;
    console.projected(&position).await;
    let foreign = format!("{}.f7", uuid::Uuid::nil().simple());
    let answers = watch(&console, &foreign, 1).await;
    assert!(answers[0].is_restart && answers[0].entry.is_none());
    let ahead = format!("{}.f7000", console.journal.epoch().simple());
    assert!(watch(&console, &ahead, 1).await[0].is_restart);
    let request = WatchStatusRequest { cursor: "x".to_owned(), ..WatchStatusRequest::default() };
    let status = console.status.watch_status(from("portal", request)).await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_cursor_before_what_went_by_retention_starts_anew() {
    let mut console = Console::new();
    console.run().await;
    let (one, two) = (head("a"), head("b"));
    let cursor = |number: i64| format!("{}.f{number}", console.journal.epoch().simple());
    console.append(application(&one)).await;
    console.append(delivered(&one)).await;
    let position = console.append(application(&two)).await;
    console.projected(&position).await;
    let last = console.journal.progress().borrow().sequence;
    let keep = Duration::from_secs(10);
    let long_after = Timestamp(1_800_000_000_000_000);
    for at in [long_after, long_after.after(keep)] {
        console.journal.grow_older(at, Duration::MAX).await.unwrap();
    }
    let trimmed = console.journal.trim(Kind::Application, keep, 0).await.unwrap();
    assert_eq!(trimmed.rows, 1);
    let through = console.journal.trimmed_through();
    assert!((2..=last).contains(&through));
    let anew = watch(&console, &cursor(through - 1), 1).await;
    assert!(anew[0].is_restart && anew[0].message_id == two.message_id.to_string());
    let newest = cursor(last);
    let (on, ()) = tokio::join!(watch(&console, &newest, 1), async {
        console.append(delivered(&two)).await;
    });
    assert!(!on[0].is_restart);
}

#[tokio::test]
async fn a_shutdown_ends_every_watch_and_says_why() {
    let console = Console::new();
    let status = console.status.clone().with_shutdown(console.shutdown.clone());
    let watch = status.watch_status(from("portal", WatchStatusRequest::default())).await.unwrap();
    let mut answers = watch.into_inner();
    console.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), answers.next()).await;
    let status = ended.expect("it ends").unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_error_info().unwrap().reason, "AB-1409");
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn one_senders_watches_do_not_keep_others_out() {
    let console = Console::new();
    let open = |sender: &'static str| {
        console.status.watch_status(from(sender, WatchStatusRequest::default()))
    };
    let mut watches = Vec::new();
    for _ in 0..100 {
        watches.push(open("portal").await.unwrap());
    }
    let refused = open("portal").await.err().unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "AB-1404");
    open("other").await.unwrap();
    watches.pop();
    open("portal").await.unwrap();
}
