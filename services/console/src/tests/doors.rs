//! Who gets in: programs and this machine's people, and no page that a browser happens to show.

use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;
use tonic_types::StatusExt as _;
use wire::control::{GetOverviewRequest, control_service_server::ControlService as _};

use super::{
    commands::{client, commands, pause},
    *,
};
use crate::{control::ControlServer, guard};

const TOKEN: &str = "between-the-two-of-us";

/// Head and body of what is answered to these bytes.
async fn answer(console: &Console, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(console.address.unwrap()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Orders as a browser can, over HTTP/1.1.
async fn order(console: &Console, host: &str, headers: &str) -> String {
    let message = pause().encode_to_vec();
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    let head = format!(
        "POST /amtsbote.control.v1.ControlService/IssueCommand HTTP/1.1\r\nhost: {host}\r\n\
         content-length: {}\r\nconnection: close\r\n{headers}\r\n\r\n",
        body.len()
    );
    answer(console, &head, &body).await
}

#[tokio::test]
async fn a_page_that_an_operator_has_open_orders_nothing() {
    const GRPC: &str = "content-type: application/grpc";
    let mut console = Console::new();
    console.run().await;
    let here = console.address.unwrap().to_string();
    let origin = format!("{GRPC}\r\norigin: https://example.org");
    let own_origin = format!("{GRPC}\r\norigin: http://{here}");
    let elsewhere = format!("{GRPC}\r\nsec-fetch-site: cross-site");
    for (host, headers) in [
        (here.as_str(), "content-type: text/plain"),
        (&here, "content-type: text/plain;application/grpc"),
        (&here, "x-nothing: at-all"),
        (&here, &origin),
        (&here, &own_origin),
        (&here, &elsewhere),
        ("rebound.example.org", GRPC),
        ("rebound.example.org", "content-type: text/plain"),
        ("127.0.0.1.example.org:7080", GRPC),
    ] {
        let answer = order(&console, host, headers).await;
        let is_refused = answer.starts_with("HTTP/1.1 403") || answer.contains("grpc-status: 7");
        assert!(is_refused, "{host} {headers}: {answer}");
    }
    assert!(commands(&console).await.is_empty());
    // The same bytes from a program are an order.
    for host in [here.as_str(), "localhost", "LocalHost:7080", "[::1]:7080"] {
        let answer = order(&console, host, GRPC).await;
        let is_taken = answer.starts_with("HTTP/1.1 200") && !answer.contains("grpc-status");
        assert!(is_taken, "{host}: {answer}");
    }
    assert_eq!(commands(&console).await.len(), 4);
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_shows_no_page() {
    let mut console = Console::new();
    console.run().await;
    for (host, expected) in [
        ("rebound.example.org:7080", "HTTP/1.1 403"),
        ("user@rebound.example.org", "HTTP/1.1 403"),
        ("localhost.example.org", "HTTP/1.1 403"),
        ("", "HTTP/1.1 403"),
        ("localhost:7080", "HTTP/1.1 200"),
        ("127.0.0.1", "HTTP/1.1 200"),
        ("[::1]:7080", "HTTP/1.1 200"),
    ] {
        for path in ["/", "/endpoints"] {
            let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            let answer = answer(&console, &head, b"").await;
            assert!(answer.starts_with(expected), "{host}: {answer}");
        }
    }
}

#[tokio::test]
async fn where_there_is_a_token_operators_show_it() {
    let mut console = Console::new();
    console.operator_token_sha256 = Some(messaging::identity::sha256(TOKEN.as_bytes(), &[]));
    console.run().await;
    let mut client = client(&console).await;
    for shown in [None, Some("Bearer between-the-two-of-them"), Some(TOKEN)] {
        let mut look = Request::new(GetOverviewRequest::default());
        let mut order = Request::new(pause());
        if let Some(shown) = shown {
            look.metadata_mut().insert("authorization", shown.parse().unwrap());
            order.metadata_mut().insert("authorization", shown.parse().unwrap());
        }
        let looked = client.get_overview(look).await.map(drop);
        let ordered = client.issue_command(order).await.map(drop);
        for refused in [looked.unwrap_err(), ordered.unwrap_err()] {
            assert_eq!(refused.code(), Code::Unauthenticated);
            assert_eq!(refused.get_details_error_info().unwrap().reason, "AB-1432");
        }
    }
    assert!(commands(&console).await.is_empty());
    let mut order = Request::new(pause());
    order.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    client.issue_command(order).await.unwrap();
    assert_eq!(commands(&console).await.len(), 1);
}

#[tokio::test]
async fn where_others_can_reach_it_and_nobody_proves_anything_nothing_is_ordered() {
    let token = messaging::identity::sha256(TOKEN.as_bytes(), &[]);
    assert!(guard::takes_orders(true, None) && guard::takes_orders(false, Some(token)));
    let console = Console::new();
    let server = ControlServer {
        journal: console.journal.clone(),
        register: console.register.clone(),
        channel: console.channel.clone(),
        clock: Clock::fixed(NOW),
        source: "amtsbote/console".to_owned(),
        takes_orders: guard::takes_orders(false, None),
    };
    let refused = server.issue_command(Request::new(pause())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "AB-1433");
    assert!(commands(&console).await.is_empty());
    let looked = server.get_overview(Request::new(GetOverviewRequest::default())).await;
    assert!(looked.is_ok(), "looking is as before");
}
