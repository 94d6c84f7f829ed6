//! What is told of endpoints and of bulks.

use messaging::{
    BulkState, CommandId, Drained, EndpointName, EndpointReport, Event, EventKind, ItemResult,
    MessageId, Timestamp,
};
use uuid::Uuid;

use super::{
    Site,
    fixtures::{project, told},
};
use crate::journal::Projected;

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    the_newest_report_of_an_endpoint_is_shown(&make().await).await;
    a_bulk_is_shown_with_the_last_result_of_each_item(&make().await).await;
}

fn endpoint() -> EndpointName {
    EndpointName::new("nordsachsen-kfz").expect("a name")
}

fn command() -> CommandId {
    CommandId(Uuid::from_u128(1))
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

async fn a_bulk_is_shown_with_the_last_result_of_each_item(site: &Site) {
    let journal = site.open().await;
    assert_eq!(journal.bulk(command()).await.expect("it answers"), None);
    let item = |item: u32, result: ItemResult, code| {
        let message = MessageId(Uuid::from_u128(100 + u128::from(item)));
        let kind =
            EventKind::BulkItem { command: command(), endpoint: endpoint(), item, message, result };
        event(&format!("item-{item}-{}", result.name()), 9, kind, code)
    };
    let state = |at: i64, state: BulkState| {
        let kind =
            EventKind::BulkState { command: command(), endpoint: endpoint(), total: 3, state };
        event(&format!("state-{}", state.name()), at, kind, None)
    };
    // Whatever comes first, and however often.
    let events = vec![
        item(0, ItemResult::Succeeded, None),
        item(0, ItemResult::Ordered, None),
        state(5, BulkState::Running),
        item(1, ItemResult::Ordered, None),
        item(2, ItemResult::Refused, Some("AB-3223")),
        state(5, BulkState::Running),
    ];
    project(&*journal, "status", events).await;
    let of = journal.bulk(command()).await.expect("it answers").expect("it is there");
    assert_eq!((of.total, of.state), (3, BulkState::Running));
    let counted: Vec<_> = of.results.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    assert_eq!(counted, [("ordered", 1), ("refused", 1), ("succeeded", 1)]);
    let events = vec![
        state(8, BulkState::Done),
        item(1, ItemResult::Failed, None),
        state(7, BulkState::Stopped),
    ];
    project(&*journal, "status", events).await;
    let of = journal.bulk(command()).await.expect("it answers").expect("it is there");
    assert_eq!((of.state, of.at), (BulkState::Done, Timestamp(8)));
    let items = journal.bulk_items(command(), None, 2).await.expect("it answers");
    let results: Vec<_> = items.iter().map(|item| (item.item, item.result)).collect();
    assert_eq!(results, [(0, ItemResult::Succeeded), (1, ItemResult::Failed)]);
    let rest = journal.bulk_items(command(), Some(1), 2).await.expect("it answers");
    let [last] = &rest[..] else { unreachable!("one is left") };
    assert_eq!((last.message_id, last.code.as_deref()), (Uuid::from_u128(102), Some("AB-3223")));
}
