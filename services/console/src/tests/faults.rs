//! What goes on when something is broken.

use std::time::Duration;

use async_trait::async_trait;
use messaging::{Batch, FailureKind, GroupId, Partition, Result, StoredPositions, Subscription};

use super::*;

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
