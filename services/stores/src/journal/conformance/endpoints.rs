//! What is told of endpoints and of orders.

use messaging::{
    BulkState, CommandId, Drained, EndpointName, EndpointReport, Event, EventKind, ItemResult,
    MessageId, Timestamp,
};
use uuid::Uuid;

use super::{
    Site,
    fixtures::{partition, project, told},
};
use crate::journal::Projected;

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    the_newest_report_of_an_endpoint_is_shown(&make().await).await;
    what_is_told_of_orders_is_not_the_journals(&make().await).await;
}

fn endpoint() -> EndpointName {
    EndpointName::new("nordsachsen-kfz").expect("a name")
}

fn event(id: &str, at: i64, kind: EventKind, code: Option<&str>) -> Projected {
    told(Event {
        id: id.to_owned(),
        at: Timestamp(at),
        message_id: None,
        case_id: None,
        sender: None,
        delivery: None,
        kind,
        code: code.map(str::to_owned),
        cause: None,
        trace: None,
    })
}

fn report(at: i64, open: u64) -> Projected {
    let report = EndpointReport {
        endpoint: endpoint(),
        open,
        waiting: 1,
        held: 2,
        in_flight: 3,
        limit: 3,
        concurrency: 4,
        per_hour: Some(3_600),
        calendar_at: None,
        drained: Drained::At(Timestamp(99)),
        contract: "none".to_owned(),
        is_held_by_dead: true,
    };
    let kind = EventKind::EndpointReported(Box::new(report));
    event(&format!("report-{at}"), at, kind, None)
}

async fn the_newest_report_of_an_endpoint_is_shown(site: &Site) {
    let journal = site.open().await;
    project(&*journal, "status", vec![report(20, 7), report(10, 9)]).await;
    let overview = journal.overview().await.expect("it answers");
    let of = overview.endpoints.get("nordsachsen-kfz").expect("it is shown");
    let (at, told) = of.report.as_ref().expect("it was told");
    assert_eq!((*at, told.open, told.drained), (Timestamp(20), 7, Drained::At(Timestamp(99))));
    project(&*journal, "status", vec![report(30, 0)]).await;
    let overview = journal.overview().await.expect("it answers");
    let of = overview.endpoints.get("nordsachsen-kfz").and_then(|of| of.report.as_ref());
    assert_eq!(of.map(|(_, told)| told.open), Some(0));
}

/// It has its place in the register: here it moves the position alone.
async fn what_is_told_of_orders_is_not_the_journals(site: &Site) {
    let journal = site.open().await;
    let (command, message) = (CommandId(Uuid::from_u128(1)), MessageId(Uuid::from_u128(2)));
    let (endpoint, result) = (endpoint(), ItemResult::Succeeded);
    let kinds = [
        EventKind::CommandAccepted { command, endpoint: endpoint.clone() },
        EventKind::CommandRefused { command, endpoint: endpoint.clone() },
        EventKind::BulkState {
            command,
            endpoint: endpoint.clone(),
            total: 1,
            state: BulkState::Done,
        },
        EventKind::BulkItem { command, endpoint, item: 0, message, result },
    ];
    let events = kinds.into_iter().map(|kind| event(kind.name(), 5, kind.clone(), None)).collect();
    let progress = project(&*journal, "status", events).await;
    assert_eq!(progress.sequence, 0, "no step of any watch");
    assert!(progress.covers(&partition("status"), 3) && !progress.covers(&partition("status"), 4));
}
