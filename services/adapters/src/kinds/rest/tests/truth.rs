//! Whatever a server does, what is told about it is true.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{Adapter, Attempt, Claims, Envelope, Failure, FailureKind};

use super::{
    rest,
    server::{Act, Server, answer},
};
use crate::testing::{attempt, claims, message, with_attachments};

fn one() -> (Envelope, Attempt, Arc<dyn Claims>) {
    let claims = claims();
    let envelope = message("<antrag/>");
    let attempt = attempt(&envelope, &claims);
    (envelope, attempt, claims)
}

async fn failure(adapter: &Arc<dyn Adapter>, time_max: Duration) -> Failure {
    let (envelope, attempt, _) = one();
    let attempt = Attempt { time_max, ..attempt };
    adapter.deliver(&envelope, &attempt).await.unwrap_err()
}

async fn told(act: Act, more: &str) -> (FailureKind, &'static str) {
    let server = Server::doing(act).await;
    let failure = failure(&rest(server.address, more), Duration::from_millis(500)).await;
    assert!(server.seen().len() <= 1, "an adapter tries once");
    (failure.kind(), failure.code())
}

fn ok(body: &str) -> String {
    answer("200 OK", "", body)
}

#[tokio::test]
async fn before_the_first_byte_the_receiver_did_nothing() {
    let unavailable = (FailureKind::Unavailable, "AB-3010");
    let nobody = failure(&rest(Server::nowhere().await, ""), Duration::from_secs(5)).await;
    assert_eq!((nobody.kind(), nobody.code()), unavailable);
    assert!(nobody.report().contains("refused"), "{}", nobody.report());

    let build = |url: &str, more: &str| {
        let config = format!("url = '{url}'\ncontract = 'deduplicates'\n{more}");
        crate::testing::build("rest", &config, std::path::Path::new("/nowhere")).unwrap()
    };
    let unknown = failure(&build("http://kein-host.invalid/", ""), Duration::from_secs(9)).await;
    assert_eq!((unknown.kind(), unknown.code()), unavailable, "{}", unknown.report());

    // A server that speaks no TLS, and one that never gets to speak.
    let plain = Server::doing(Act::CloseAtOnce).await;
    let url = format!("https://{}/", plain.address);
    let refused = failure(&build(&url, ""), Duration::from_secs(5)).await;
    assert_eq!((refused.kind(), refused.code()), unavailable, "{}", refused.report());

    let silent = Server::doing(Act::Hang).await;
    let url = format!("https://{}/", silent.address);
    let late = failure(&build(&url, "connect_timeout = '100ms'"), Duration::from_secs(5)).await;
    assert_eq!((late.kind(), late.code()), unavailable, "{}", late.report());
    // The end of the attempt, not of connecting: still nothing was sent.
    let late = failure(&build(&url, "connect_timeout = '1h'"), Duration::from_millis(300)).await;
    assert_eq!((late.kind(), late.code()), unavailable, "{}", late.report());
    assert_eq!(silent.seen().len(), 0);
}

#[tokio::test]
async fn after_the_first_byte_nobody_knows() {
    let lost = (FailureKind::Uncertain, "AB-3014");
    // Closed before or after our first byte: that is a race, and each end of it is told as it was.
    let closed = told(Act::CloseAtOnce, "").await;
    assert!(closed == lost || closed == (FailureKind::Unavailable, "AB-3010"), "{closed:?}");
    assert_eq!(told(Act::ReadHalfAndReset, "").await, lost);
    assert_eq!(told(Act::ReadAllAndClose, "").await, lost);
    assert_eq!(told(Act::Hang, "").await, lost);
    assert_eq!(told(Act::Send("\x16\x03\x01 kein HTTP\r\n\r\n".into()), "").await, lost);
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"nr\":";
    assert_eq!(told(Act::Send(half.into()), "").await, lost);
    assert_eq!(told(Act::Send("HTTP/1.1 200 OK\r\nContent-".into()), "").await, lost);
    // Not even a status counts while the rest is missing.
    let half = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nsorry";
    assert_eq!(told(Act::Send(half.into()), "").await, lost);
    let endless = Act::SendSlowly(Bytes::from(ok(&"x".repeat(100_000))));
    assert_eq!(told(endless, "").await, lost);
}

#[tokio::test]
async fn a_complete_answer_means_what_it_says() {
    let act = |status: &str, headers: &str| Act::Answer(answer(status, headers, ""));
    let check = async |act: Act, kind: FailureKind, code: &str| {
        assert_eq!(told(act.clone(), "").await, (kind, code), "{act:?}");
    };
    check(act("504 Gateway Timeout", ""), FailureKind::Uncertain, "AB-3015").await;
    check(act("503 Service Unavailable", ""), FailureKind::Unavailable, "AB-3011").await;
    check(act("401 Unauthorized", ""), FailureKind::Unavailable, "AB-3012").await;
    check(act("422 Unprocessable", ""), FailureKind::Rejected, "AB-3017").await;
    check(act("418 I'm a teapot", ""), FailureKind::Defect, "AB-3018").await;
    let slow = Act::SendSlowly(answer("503 Service Unavailable", "", "sorry").into());
    check(slow, FailureKind::Unavailable, "AB-3011").await;
    let later = told(act("502 Bad Gateway", ""), "transient = [502]").await;
    assert_eq!(later, (FailureKind::Transient, "AB-3016"));
}

#[tokio::test]
async fn a_redirect_is_a_fault_of_configuration_and_never_followed() {
    let target = Server::doing(Act::Answer(ok(""))).await;
    let location = format!("Location: http://{}/\r\n", target.address);
    let server = Server::doing(Act::Answer(answer("302 Found", &location, ""))).await;
    let failure = failure(&rest(server.address, ""), Duration::from_secs(5)).await;
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Unavailable, "AB-3012"));
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn the_wait_a_receiver_asks_for_is_passed_on() {
    let busy = answer("503 Service Unavailable", "Retry-After: 17\r\n", "");
    let server = Server::doing(Act::Answer(busy)).await;
    let failure = failure(&rest(server.address, ""), Duration::from_secs(5)).await;
    assert_eq!(failure.wait_requested(), Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn a_slow_answer_in_time_is_an_answer() {
    let slow = Act::SendSlowly(Bytes::from(ok(r#"{"nr":"7"}"#)));
    let server = Server::doing(slow).await;
    let (envelope, attempt, _) = one();
    let adapter = rest(server.address, "receipt = '/nr'");
    let accepted = adapter.deliver(&envelope, &attempt).await.unwrap();
    assert_eq!(accepted.receipt.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_huge_answer_is_read_no_further_than_its_bound() {
    // No length, no end: only the bound ends it.
    let mut huge = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    huge.resize(50 * 1024 * 1024, b'x');
    let server = Server::doing(Act::Send(huge.into())).await;
    let (envelope, attempt, _) = one();
    let adapter = rest(server.address, "receipt = '/nr'");
    let accepted = adapter.deliver(&envelope, &attempt).await.unwrap();
    assert_eq!(accepted.receipt, None);
    let adapter = rest(server.address, "reply = 'document'");
    let failure = adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-3019"));
}

#[tokio::test]
async fn success_before_the_message_was_sent_is_no_success() {
    let server = Server::doing(Act::SendEarly(ok("").into())).await;
    let claims = claims();
    let big = Bytes::from(vec![b'x'; 16 * 1024 * 1024]);
    let envelope = with_attachments(message("<a/>"), &claims, &[("a.pdf", big)]).await;
    let attempt = attempt(&envelope, &claims);
    let adapter = rest(server.address, "attachments = 'multipart'");
    let failure = adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Uncertain, "AB-3020"));
}

#[tokio::test]
async fn a_connection_closed_while_it_is_used_again_is_not_tried_again() {
    let server = Server::deciding("127.0.0.1:0".parse().unwrap(), {
        let requests = std::sync::atomic::AtomicUsize::new(0);
        move |seen| {
            let has_body = !seen.body.is_empty();
            match requests.fetch_add(usize::from(has_body), std::sync::atomic::Ordering::SeqCst) {
                0 => Act::Answer(ok("")),
                _ => Act::ReadAllAndClose,
            }
        }
    })
    .await;
    let (envelope, attempt, _) = one();
    let adapter = rest(server.address, "");
    adapter.deliver(&envelope, &attempt).await.unwrap();
    let failure = adapter.deliver(&envelope, &attempt).await.unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Uncertain, "AB-3014"));
    assert_eq!(server.connections(), 1, "the connection was kept");
    assert_eq!(server.seen().len(), 2, "nothing was sent a third time");
}

#[tokio::test]
async fn who_must_not_be_asked_twice_gets_a_new_connection_each_time() {
    let server = Server::doing(Act::Answer(ok(""))).await;
    let (envelope, attempt, _) = one();
    let adapter = rest(server.address, "contract = 'none'");
    adapter.deliver(&envelope, &attempt).await.unwrap();
    adapter.deliver(&envelope, &attempt).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_request_says_which_message_it_is() {
    let server = Server::doing(Act::Answer(ok(""))).await;
    let (envelope, attempt, _) = one();
    let adapter = rest(server.address, "headers = { X-Mandant = '14730' }");
    adapter.deliver(&envelope, &attempt).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(seen.line, format!("PUT /antraege/{} HTTP/1.1", attempt.key));
    assert_eq!(seen.body, "<antrag/>");
    let check = |name: &str, expected: &str| assert_eq!(seen.headers[name], expected, "{name}");
    check("idempotency-key", &attempt.key.to_string());
    check("content-type", "application/xml; charset=iso-8859-1");
    check("content-length", "9");
    check("traceparent", attempt.trace.as_ref().unwrap().as_str());
    check("x-amtsbote-message-id", &envelope.head.message_id.to_string());
    check("x-amtsbote-case-id", &envelope.head.case_id.to_string());
    check("x-amtsbote-own-id", "AZ 7/2026 M%C3%BC%C3%9Fig");
    check("x-amtsbote-authority", "svb:14730000");
    check("x-amtsbote-procedure", "amtsbote-kfz/1.0/kfz.neuzulassung.0101");
    check("x-amtsbote-sha256", &envelope.head.sha256.to_string());
    check("x-mandant", "14730");
    assert!(seen.headers["user-agent"].starts_with("amtsbote/"));
    assert!(!seen.headers.contains_key("x-amtsbote-test"));
}

#[tokio::test]
async fn a_look_up_tells_there_from_absent_and_from_not_knowing() {
    let check = async |act: Act, expected: Result<&str, (FailureKind, &str)>| {
        let server = Server::doing(act.clone()).await;
        let config = format!(
            "contract = 'can_look_up'\n[look_up]\nurl = 'http://{}/{{key}}'\n\
             visible_within = '5s'\nreceipt = '/nr'",
            server.address
        );
        let adapter = rest(server.address, &config);
        let (envelope, attempt, _) = one();
        let attempt = Attempt { time_max: Duration::from_millis(500), ..attempt };
        let found = adapter.find(&envelope, &attempt).await;
        let found = found.map(|found| format!("{found:?}"));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert!(found.contains(expected), "{found}"),
            (Err(told), Err(expected)) => assert_eq!((told.kind(), told.code()), expected),
            (found, expected) => panic!("{act:?}: {found:?} is not {expected:?}"),
        }
    };
    let act = |status: &str, body: &str| Act::Answer(answer(status, "", body));
    check(act("200 OK", r#"{"nr":"KFZ-7"}"#), Ok("KFZ-7")).await;
    check(act("404 Not Found", ""), Ok("No")).await;
    check(act("401 Unauthorized", ""), Err((FailureKind::Unavailable, "AB-3012"))).await;
    check(act("503 Busy", ""), Err((FailureKind::Unavailable, "AB-3011"))).await;
    check(act("500 Oops", ""), Err((FailureKind::Transient, "AB-3021"))).await;
    check(Act::Hang, Err((FailureKind::Unavailable, "AB-3010"))).await;
    check(Act::ReadAllAndClose, Err((FailureKind::Unavailable, "AB-3010"))).await;
}

#[tokio::test]
async fn a_probe_asks_where_it_is_told_to() {
    let check = async |status: &str, expected: Option<&str>| {
        let server = Server::doing(Act::Answer(answer(status, "", ""))).await;
        let adapter = rest(server.address, &format!("probe = 'http://{}/health'", server.address));
        let told = adapter.probe().await.err().map(|failure| failure.code());
        assert_eq!(told, expected, "{status}");
        assert_eq!(server.seen()[0].line, "GET /health HTTP/1.1");
    };
    check("204 No Content", None).await;
    check("503 Busy", Some("AB-3011")).await;
    check("500 Oops", Some("AB-3011")).await;
    check("403 Forbidden", Some("AB-3012")).await;
}
