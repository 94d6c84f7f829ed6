//! What every [`Register`] must do; the suite panics at the first rule broken.

pub(crate) mod fixtures;
mod retention;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use messaging::{BulkState, ItemResult, Timestamp};
use uuid::Uuid;

use self::fixtures::{answered, bulk, command, endpoint, id, item};
use super::{CommandRow, Register, Told};

/// A place where a register is kept, empty at first.
pub struct Site {
    /// Opens the register; again after all handles of it are gone, as a new process would.
    pub open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Register>> + Send + Sync>,
}

impl Site {
    async fn open(&self) -> Arc<dyn Register> {
        (self.open)().await
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

/// Runs the suite; `make` gives each rule a site of its own.
pub async fn check(make: impl AsyncFn() -> Site) {
    a_command_and_its_answer_meet_whatever_comes_first_and_however_often(&make().await).await;
    only_the_owner_can_have_done_it_so_acceptance_outweighs_a_refusal(&make().await).await;
    a_bulk_is_shown_with_the_last_result_of_each_item(&make().await).await;
    what_is_read_once_more_from_the_beginning_is_there_once_and_as_it_was(&make().await).await;
    a_list_goes_on_below_its_last_number(&make().await).await;
    retention::check(&make).await;
}

async fn record(register: &dyn Register, told: Vec<Told>) {
    register.record(told).await.expect("it records");
}

async fn row(register: &dyn Register, command: u128) -> CommandRow {
    register.command(id(command)).await.expect("it answers").expect("it is there")
}

async fn a_command_and_its_answer_meet_whatever_comes_first_and_however_often(site: &Site) {
    let register = site.open().await;
    record(&*register, vec![command(1), answered(2, false)]).await;
    let first = row(&*register, 1).await;
    assert!(first.answer.is_none() && first.issued.is_some());
    assert!(row(&*register, 2).await.issued.is_none());

    record(&*register, vec![answered(1, true), command(2), command(1), answered(1, true)]).await;
    let rows = register.commands(None, Some(endpoint()), 10).await.expect("it answers");
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let (issued, answer) = (
                row.issued.as_ref().expect("it is there"),
                row.answer.as_ref().expect("it is there"),
            );
            (row.id.0.as_u128(), issued.operator.as_str(), answer.is_accepted)
        })
        .collect();
    assert_eq!(told, [(2, "erika", false), (1, "erika", true)]);
    assert_eq!(register.command(id(3)).await.expect("it answers"), None);
}

async fn only_the_owner_can_have_done_it_so_acceptance_outweighs_a_refusal(site: &Site) {
    let register = site.open().await;
    let told = vec![answered(1, false), answered(1, true), answered(1, false)];
    record(&*register, told).await;
    let answer = row(&*register, 1).await.answer.expect("it is there");
    assert!(answer.is_accepted && answer.code.is_none());
}

async fn a_bulk_is_shown_with_the_last_result_of_each_item(site: &Site) {
    let register = site.open().await;
    assert_eq!(register.bulk(id(1)).await.expect("it answers"), None);
    // Whatever comes first, and however often.
    let told = vec![
        item(0, ItemResult::Succeeded, None),
        item(0, ItemResult::Ordered, None),
        bulk(5, BulkState::Running),
        item(1, ItemResult::Ordered, None),
        item(2, ItemResult::Refused, Some("AB-3223")),
        bulk(5, BulkState::Running),
    ];
    record(&*register, told).await;
    let of = register.bulk(id(1)).await.expect("it answers").expect("it is there");
    assert_eq!((of.total, of.state), (3, BulkState::Running));
    let counted: Vec<_> = of.results.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    assert_eq!(counted, [("ordered", 1), ("refused", 1), ("succeeded", 1)]);
    let told = vec![
        bulk(8, BulkState::Done),
        item(1, ItemResult::Failed, None),
        bulk(7, BulkState::Stopped),
    ];
    record(&*register, told).await;
    let of = register.bulk(id(1)).await.expect("it answers").expect("it is there");
    assert_eq!((of.state, of.at), (BulkState::Done, Timestamp(8)));
    let items = register.bulk_items(id(1), None, 2).await.expect("it answers");
    let results: Vec<_> = items.iter().map(|item| (item.item, item.result)).collect();
    assert_eq!(results, [(0, ItemResult::Succeeded), (1, ItemResult::Failed)]);
    let rest = register.bulk_items(id(1), Some(1), 2).await.expect("it answers");
    let [last] = &rest[..] else { unreachable!("one is left") };
    assert_eq!((last.message_id, last.code.as_deref()), (Uuid::from_u128(102), Some("AB-3223")));
}

/// Before a crash the position may not have moved, and a journal made anew reads all there is.
async fn what_is_read_once_more_from_the_beginning_is_there_once_and_as_it_was(site: &Site) {
    let all = || {
        vec![
            command(1),
            command(2),
            answered(1, true),
            bulk(5, BulkState::Running),
            item(0, ItemResult::Ordered, None),
            answered(2, false),
            item(0, ItemResult::Failed, Some("AB-3001")),
            bulk(7, BulkState::Stopped),
            command(3),
        ]
    };
    let register = site.open().await;
    record(&*register, all()).await;
    let as_it_is = async |register: &dyn Register| {
        let rows = register.commands(None, None, 10).await.expect("it answers");
        let of = register.bulk(id(1)).await.expect("it answers").expect("it is there");
        let items = register.bulk_items(id(1), None, 10).await.expect("it answers");
        (rows, of, items)
    };
    let was = as_it_is(&*register).await;
    drop(register);
    let register = site.open().await;
    assert_eq!(as_it_is(&*register).await, was, "after a restart");
    // As far as the channels reach, and then all of it.
    record(&*register, all().split_off(3)).await;
    record(&*register, all()).await;
    assert_eq!(as_it_is(&*register).await, was);
    record(&*register, vec![command(4)]).await;
    let newest = register.commands(None, None, 1).await.expect("it answers");
    assert_eq!(newest.first().map(|row| row.id), Some(id(4)), "what is new stands first");
}

async fn a_list_goes_on_below_its_last_number(site: &Site) {
    let register = site.open().await;
    record(&*register, (1..=5).map(command).collect()).await;
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let rows = register.commands(before, None, 2).await.expect("it answers");
        let Some(last) = rows.last() else { break };
        before = Some(last.number);
        found.extend(rows.iter().map(|row| row.id.0.as_u128()));
    }
    assert_eq!(found, [5, 4, 3, 2, 1]);
    let elsewhere = "harz-kfz".parse().expect("a name");
    let none = register.commands(None, Some(elsewhere), 10).await.expect("it answers");
    assert!(none.is_empty());
}
