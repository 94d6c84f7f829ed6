//! What of the register goes, what stays, and when exactly.

use std::{sync::Arc, time::Duration};

use messaging::{BulkState, ItemResult, Timestamp};

use super::{
    Site,
    fixtures::{answered, bulk, command, id, item},
    record,
};
use crate::register::Register;

const START: Timestamp = Timestamp(1_800_000_000_000_000);
const KEEP: Duration = Duration::from_secs(10);
const MICRO: Duration = Duration::from_micros(1);

pub(super) async fn check(make: &impl AsyncFn() -> Site) {
    a_command_goes_once_it_is_answered_and_what_became_of_its_bulk_with_it(&make().await).await;
    a_step_is_bounded_and_the_next_goes_on_where_it_ended(&make().await).await;
}

/// A register whose clock has begun.
async fn begun(site: &Site) -> Arc<dyn Register> {
    let register = site.open().await;
    register.grow_older(START, Duration::ZERO).await.expect("it ages");
    register
}

async fn wait(register: &dyn Register, time: Duration) {
    register.grow_older(START.after(time), Duration::MAX).await.expect("it ages");
}

/// How many commands went.
async fn trim(register: &dyn Register) -> u64 {
    let trimmed = register.trim(KEEP, 0).await.expect("it trims");
    assert_eq!(trimmed.next, None);
    trimmed.rows
}

async fn a_command_goes_once_it_is_answered_and_what_became_of_its_bulk_with_it(site: &Site) {
    let register = begun(site).await;
    let told = vec![
        command(1),
        command(2),
        command(3),
        answered(1, true),
        bulk(7, BulkState::Done),
        item(0, ItemResult::Succeeded, None),
    ];
    record(&*register, told).await;
    wait(&*register, KEEP - MICRO).await;
    assert_eq!(trim(&*register).await, 0);
    wait(&*register, KEEP).await;
    assert_eq!(trim(&*register).await, 1);
    let left = register.commands(None, None, 10).await.expect("it answers");
    let left: Vec<_> = left.iter().map(|row| row.id).collect();
    assert_eq!(left, [id(3), id(2)], "what nobody has answered stays");
    assert_eq!(register.bulk(id(1)).await.expect("it answers"), None);
    let items = register.bulk_items(id(1), None, 10).await.expect("it answers");
    assert!(items.is_empty());

    // Answered late, it has been there long enough.
    record(&*register, vec![answered(2, false), answered(3, false)]).await;
    assert_eq!(trim(&*register).await, 1, "the newest stays");
    record(&*register, vec![command(4)]).await;
    let numbers = register.commands(None, None, 10).await.expect("it answers");
    assert_eq!(numbers.iter().map(|row| row.id).collect::<Vec<_>>(), [id(4), id(3)]);
}

async fn a_step_is_bounded_and_the_next_goes_on_where_it_ended(site: &Site) {
    let register = begun(site).await;
    record(&*register, (1..=1_201).map(command).collect()).await;
    record(&*register, (1..=1_200).map(|command| answered(command, true)).collect()).await;
    wait(&*register, KEEP).await;
    let (mut steps, mut after) = (Vec::new(), Some(0));
    while let Some(from) = after {
        let step = register.trim(KEEP, from).await.expect("it answers");
        steps.push(step.rows);
        after = step.next;
    }
    assert_eq!(steps, [500, 500, 200]);
}
