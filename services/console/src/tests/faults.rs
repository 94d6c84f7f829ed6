//! What goes on when something is broken.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use messaging::{
    Batch, CommandId, FailureKind, GroupId, Partition, Result, StoredPositions, Subscription,
};
use stores::{
    Age,
    pass::Trimmed,
    register::{BulkItem, BulkOverview, CommandRow, Told},
};
use tokio::sync::Notify;

use super::{
    commands::{client, pause},
    *,
};

/// A channel that is at fault whenever `at` is read.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Channel>,
    at: ChannelName,
    is_defect: bool,
}

#[async_trait]
impl Channel for Faulty {
    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        self.inner.append(records).await
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        match (channels.contains(&self.at), self.is_defect) {
            (false, _) => self.inner.subscribe(group, channels, positions).await,
            (true, true) => Ok(Box::new(Damaged)),
            (true, false) => panic!("as the test demands"),
        }
    }

    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
        self.inner.trim(channel, before).await
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        self.inner.ends(channel).await
    }
}

/// Cannot get past a record.
#[derive(Debug)]
struct Damaged;

#[async_trait]
impl Subscription for Damaged {
    async fn receive(&mut self, _: usize, _: Duration) -> Result<Option<Batch>> {
        Err(FailureKind::Defect.because("AB-2010", "the record is damaged"))
    }

    async fn report_progress(&mut self, _: &Partition, _: u64) -> Result<()> {
        Ok(())
    }
}

fn at_fault(console: &mut Console, is_defect: bool) {
    let (inner, at) = (console.channel.clone(), ChannelName::reply());
    console.channel = Arc::new(Faulty { inner, at, is_defect });
}

fn reason(console: &Console, component: &str) -> Option<String> {
    let components = console.ready.components();
    components.into_iter().find(|it| it.name == component)?.reason
}

#[tokio::test]
async fn a_damaged_channel_is_set_aside_and_the_others_are_projected() {
    let mut console = Console::new();
    at_fault(&mut console, true);
    console.run().await;
    let head = head("a");
    for record in [application(&head), delivered(&head)] {
        let position = console.append(record).await;
        let projected = console.projected(&position);
        tokio::time::timeout(Duration::from_secs(10), projected).await.expect("it is projected");
    }
    let reason = reason(&console, "journal of reply").expect("it is told");
    assert!(reason.contains("AB-1408") && reason.contains("AB-2010"), "{reason}");
    assert!(!console.ready.is_ready());
}

#[tokio::test]
async fn a_panic_of_the_projecting_ends_the_console_with_a_defect() {
    let mut console = Console::new();
    at_fault(&mut console, false);
    console.run().await;
    let ended = tokio::time::timeout(Duration::from_secs(10), console.tasks.join_next()).await;
    let failure = ended.expect("it ends").unwrap().unwrap().unwrap_err();
    assert_eq!((failure.kind(), failure.code()), (FailureKind::Defect, "AB-1407"));
    let reason = reason(&console, "journal").expect("it is told");
    assert!(reason.contains("AB-1407"), "{reason}");
}

/// A register that cannot be written for a while.
#[derive(Debug)]
struct Away {
    inner: Arc<dyn Register>,
    is_away: AtomicBool,
    asked: Notify,
}

#[async_trait]
impl Register for Away {
    async fn record(&self, told: Vec<Told>) -> Result<()> {
        if self.is_away.load(Ordering::SeqCst) {
            self.asked.notify_one();
            return Err(FailureKind::Unavailable.because("AB-2415", "the disk is full"));
        }
        self.inner.record(told).await
    }

    async fn command(&self, id: CommandId) -> Result<Option<CommandRow>> {
        self.inner.command(id).await
    }

    async fn commands(
        &self,
        before: Option<i64>,
        endpoint: Option<EndpointName>,
        rows_max: u32,
    ) -> Result<Vec<CommandRow>> {
        self.inner.commands(before, endpoint, rows_max).await
    }

    async fn bulk(&self, command: CommandId) -> Result<Option<BulkOverview>> {
        self.inner.bulk(command).await
    }

    async fn bulk_items(
        &self,
        command: CommandId,
        after: Option<u32>,
        rows_max: u32,
    ) -> Result<Vec<BulkItem>> {
        self.inner.bulk_items(command, after, rows_max).await
    }

    async fn grow_older(&self, now: Timestamp, step_max: Duration) -> Result<Age> {
        self.inner.grow_older(now, step_max).await
    }

    async fn trim(&self, keep: Duration, after: i64) -> Result<Trimmed> {
        self.inner.trim(keep, after).await
    }
}

#[tokio::test]
async fn a_register_that_is_away_costs_no_order_and_is_not_asked_for_anything_else() {
    let mut console = Console::new();
    let (inner, is_away) = (console.register.clone(), AtomicBool::new(true));
    let away = Arc::new(Away { inner, is_away, asked: Notify::new() });
    console.register = away.clone();
    console.run().await;
    let soon = Duration::from_secs(10);
    let head = head("a");
    for record in [application(&head), delivered(&head)] {
        let position = console.append(record).await;
        let projected = console.projected(&position);
        tokio::time::timeout(soon, projected).await.expect("it is projected");
    }
    let issued = client(&console).await.issue_command(pause()).await.unwrap().into_inner();
    let ordered = Position {
        partition: Partition { channel: ChannelName::control(), number: 0 },
        offset: issued.position.unwrap().offset,
    };
    tokio::time::timeout(soon, away.asked.notified()).await.expect("it is to record the order");
    // And once more, which is after the first refusal was told.
    tokio::time::timeout(soon, away.asked.notified()).await.expect("it is asked again");
    let progress = console.journal.progress().borrow().clone();
    assert!(!progress.covers(&ordered.partition, ordered.offset), "the journal waits for it");
    let reason = reason(&console, "journal").expect("it is told");
    assert!(reason.contains("the disk is full"), "{reason}");

    away.is_away.store(false, Ordering::SeqCst);
    tokio::time::timeout(soon, console.projected(&ordered)).await.expect("it goes on");
    let rows = console.register.commands(None, None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>(), [issued.command_id]);
}
