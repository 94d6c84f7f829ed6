//! What people and machines are shown on the console's address.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use wire::control::{
    GetApplicationRequest, GetOverviewRequest, control_service_client::ControlServiceClient,
};

use super::*;

/// Status line, headers and body of one page.
pub(super) async fn get(console: &Console, path: &str) -> String {
    let mut stream = TcpStream::connect(console.address.unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The components become ready on their own time.
async fn until_ready(console: &Console) {
    while !console.ready.is_ready() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_shows_ids_as_text_and_never_as_markup() {
    let mut console = Console::new();
    console.run().await;
    let head = head("<script>alert(1)</script>");
    console.append(application(&head)).await;
    let position = console.append(delivered(&head)).await;
    console.projected(&position).await;
    let list = get(&console, "/").await;
    let one = get(&console, &format!("/applications/{}", head.message_id)).await;
    for page in [&list, &one] {
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&#60;script&#62;"), "{page}");
        assert!(page.contains("lang=\"de\"") && page.matches("<h1").count() == 1);
        assert!(page.contains("content-security-policy: default-src 'self'"));
        assert!(!page.contains("<style") && !page.contains(" style="));
        assert!(!page.contains("<antrag/>"), "no payload");
    }
    assert!(list.contains("zugestellt") && list.contains("nordsachsen-kfz"));
    assert!(one.contains("AZ-77"));
    assert!(one.contains("Das Fachverfahren „nordsachsen-kfz“ hat den Antrag übernommen."));
    if let Ok(folder) = std::env::var("AMTSBOTE_TEST_PAGES") {
        for (name, page) in [("list.html", &list), ("one.html", &one)] {
            let (_, body) = page.split_once("\r\n\r\n").unwrap();
            std::fs::write(PathBuf::from(&folder).join(name), body).unwrap();
        }
    }
}

/// Its delivery is under way, or dead, at the ledger's `number`.
fn open(head: &ApplicationHead, number: u64, state: DeliveryState) -> Record {
    let mut event = codec::decode_event(&delivered(head)).unwrap();
    event.id = format!("ledger-1-{number}");
    event.kind = EventKind::Admitted;
    let delivery = event.delivery.as_mut().unwrap();
    (delivery.delivery, delivery.version, delivery.state) = (number, 1, state);
    codec::encode_event(&event, "amtsbote/test")
}

fn bulk(of: &ApplicationHead) -> messaging::Command {
    let target = messaging::Target { message_id: of.message_id, seen: None };
    let bulk = messaging::Bulk {
        each: messaging::EachOrder::Replay,
        targets: vec![target; 3],
        canary: 1,
        interval: std::time::Duration::ZERO,
        failures_max: 2,
    };
    messaging::Command {
        id: messaging::CommandId(uuid::Uuid::from_u128(7)),
        at: NOW,
        operator: messaging::OperatorName::new("erika").unwrap(),
        endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
        order: messaging::Order::Bulk(Box::new(bulk)),
        reason: None,
    }
}

#[tokio::test]
async fn people_see_who_waits_for_whom_and_when_a_backlog_will_be_gone() {
    let mut console = Console::new();
    console.run().await;
    let [first, second] =
        ["a", "b"].map(|own_id| ApplicationHead { case_id: head("a").case_id, ..head(own_id) });
    console.append(application(&first)).await;
    console.append(application(&second)).await;
    console.append(open(&first, 1, DeliveryState::Dead)).await;
    console.append(open(&second, 2, DeliveryState::Pending)).await;
    let report = messaging::EndpointReport {
        endpoint: EndpointName::new("nordsachsen-kfz").unwrap(),
        open: 2,
        waiting: 0,
        held: 2,
        in_flight: 0,
        limit: 1,
        concurrency: 4,
        per_hour: Some(3_600),
        calendar_at: None,
        drained: messaging::Drained::Paused,
        contract: "deduplicates".to_owned(),
        is_held_by_dead: true,
    };
    let told = Event {
        id: "report".to_owned(),
        message_id: None,
        case_id: None,
        sender: None,
        delivery: None,
        kind: EventKind::EndpointReported(Box::new(report)),
        ..codec::decode_event(&delivered(&first)).unwrap()
    };
    console.append(codec::encode_event(&told, "amtsbote/test")).await;
    let bulk = bulk(&first);
    let ordered = console.append(codec::encode_command(&bulk, "amtsbote/test")).await;
    console.projected(&ordered).await;
    let state = EventKind::BulkState {
        command: bulk.id,
        endpoint: bulk.endpoint.clone(),
        total: 3,
        state: messaging::BulkState::Running,
    };
    let item = EventKind::BulkItem {
        command: bulk.id,
        endpoint: bulk.endpoint,
        item: 0,
        message: first.message_id,
        result: messaging::ItemResult::Failed,
    };
    let mut position = None;
    for (id, kind) in [("state", state), ("item", item)] {
        let told = Event { id: id.to_owned(), kind, ..told.clone() };
        position = Some(console.append(codec::encode_event(&told, "amtsbote/test")).await);
    }
    console.projected(&position.unwrap()).await;
    let page = get(&console, "/endpoints").await;
    assert!(page.contains("mehrere erneut zustellen"), "{page}");
    assert!(page.contains("läuft: 1 von 3, davon 1 wieder gescheitert"), "{page}");
    assert!(page.contains("2 offen, 2 hinter einer offenen Entscheidung"), "{page}");
    assert!(page.contains("nicht absehbar: angehalten"), "{page}");
    let page = get(&console, &format!("/applications/{}", second.message_id)).await;
    let link = format!("wartet auf <a href=\"/applications/{0}\">{0}</a>", first.message_id);
    assert!(page.contains(&link) && page.contains("1 davor"), "{page}");
    let page = get(&console, &format!("/applications/{}", first.message_id)).await;
    assert!(page.contains("1 dahinter") && !page.contains("wartet auf <a"), "{page}");
}

#[tokio::test]
async fn what_is_not_there_is_said_kindly() {
    let mut console = Console::new();
    console.run().await;
    for path in
        ["/applications/00000000-0000-0000-0000-000000000000", "/nothing", "/applications/x"]
    {
        let page = get(&console, path).await;
        assert!(page.starts_with("HTTP/1.1 404"), "{path}: {page}");
        assert!(page.contains("Nicht gefunden") && page.contains("Zur Liste der Anträge"));
    }
    assert!(get(&console, "/?state=%3Cb%3E&q=zzzzzzzz").await.contains("Keine Anträge gefunden"));
}

#[tokio::test]
async fn machines_learn_whether_it_lives_and_works() {
    let mut console = Console::new();
    console.run().await;
    until_ready(&console).await;
    assert!(get(&console, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(&console, "/readyz").await.starts_with("HTTP/1.1 200"));
    let position = console.append(application(&head("a"))).await;
    console.projected(&position).await;
    console.ready.add("ledger").not_ready("disk is full");
    let readiness = get(&console, "/readyz").await;
    assert!(readiness.starts_with("HTTP/1.1 503"), "{readiness}");
    assert!(readiness.contains("\"reason\":\"disk is full\""), "{readiness}");
    let metrics = get(&console, "/metrics").await;
    assert!(metrics.contains("amtsbote_build_info"), "{metrics}");
}

#[tokio::test]
async fn operators_ask_on_the_same_address() {
    let mut console = Console::new();
    console.run().await;
    let head = head("KFZ-2026-0001");
    console.append(application(&head)).await;
    let position = console.append(delivered(&head)).await;
    console.projected(&position).await;
    let address = format!("http://{}", console.address.unwrap());
    let endpoint = tonic::transport::Endpoint::from_shared(address).unwrap();
    let mut client = ControlServiceClient::new(endpoint.connect().await.unwrap());
    let id = "KFZ-2026".to_owned();
    let found = client.get_application(GetApplicationRequest { id }).await.unwrap().into_inner();
    assert_eq!(found.applications[0].message_id, head.message_id.to_string());
    let overview = client.get_overview(GetOverviewRequest {}).await.unwrap().into_inner();
    assert_eq!(overview.applications_total, 1);
    assert_eq!(overview.endpoints[0].deliveries["delivered"], 1);
    console.shutdown.cancel();
    drop(client);
    while let Some(ended) = console.tasks.join_next().await {
        ended.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_record_nobody_can_read_is_skipped_visibly() {
    let mut console = Console::new();
    console.run().await;
    let head = head("a");
    let rubbish = Record { value: b"\xff\xff"[..].into(), ..application(&head) };
    console.append(rubbish).await;
    let position = console.append(application(&head)).await;
    console.projected(&position).await;
    let sequence = console.journal.progress().borrow().sequence;
    assert_eq!(sequence, 2, "an entry about it, and the application");
    let found = console.journal.search(&head.message_id.to_string(), 1).await.unwrap();
    assert!(found[0].application.has_head);
}
