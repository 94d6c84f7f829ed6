//! What a switch finds, and what follows from it.

use std::ops::Range;

use channels::{codes::POSITION_UNKNOWN, kafka::KafkaChannel};
use messaging::{ChannelName, GroupId, Partition, Position, Timestamp};
use stores::ledger::{Standing, Switch};

use crate::{
    codes,
    exit::{Exit, Stop},
};

/// One topic.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: ChannelName,
    /// Whether the ledger reads it; else it only tells there, and nothing follows from where what lies.
    pub(super) is_read: bool,
    /// What is there of each partition, by number; empty for a topic that is not there.
    pub(super) offsets: Vec<(Partition, Range<u64>)>,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    standing: Standing,
    former: u32,
    wanted: u32,
    found: Vec<Found>,
    firsts: Vec<Position>,
    /// What the ledger has not read of partitions that it must have read to their ends.
    unread: Vec<(Position, u64)>,
}

impl Plan {
    /// Compares the ledger with the topics; `former` is the number that counts, and the one `wanted`.
    pub(super) fn of(
        standing: Standing,
        (former, wanted): (u32, u32),
        found: Vec<Found>,
    ) -> Result<Self, Stop> {
        if wanted < former {
            let what =
                format!("the ledger goes by {former} partitions, and none can be taken away");
            return Err(Stop::usage(codes::PARTITIONS_FEWER, what));
        }
        if let Some(more) = found.iter().find(|topic| wanted < topic.count()) {
            let (name, count) = (&more.name, more.count());
            let what = format!("`{name}` has {count} partitions, and none can be taken away");
            return Err(Stop::usage(codes::PARTITIONS_FEWER, what));
        }
        let mut plan =
            Self { standing, former, wanted, found, firsts: Vec::new(), unread: Vec::new() };
        plan.compare()?;
        Ok(plan)
    }

    fn compare(&mut self) -> Result<(), Stop> {
        for topic in self.found.iter().filter(|topic| topic.is_read) {
            // What is added lies by the new number already, if anything does.
            let read_to_end = match (self.former < self.wanted, topic.count() < self.wanted) {
                (true, _) => self.former,
                (false, true) => topic.count(),
                (false, false) => 0,
            };
            for number in 0..self.wanted {
                let partition = Partition { channel: topic.name.clone(), number };
                let there = topic.offsets.iter().find(|(at, _)| *at == partition);
                let there = there.map_or(0..0, |(_, there)| there.clone());
                let stands = self.standing.positions.iter().find(|at| at.partition == partition);
                let offset = stands.map_or(there.start, |at| at.offset);
                if offset < there.start || there.end < offset {
                    let Range { start, end } = there;
                    let what = format!(
                        "`{partition}` holds offsets {start}..{end}, and the ledger stands at {offset}"
                    );
                    return Err(Stop::usage(POSITION_UNKNOWN, what));
                }
                let first = Position { partition, offset };
                if number < read_to_end && offset < there.end {
                    self.unread.push((first.clone(), there.end - offset));
                }
                self.firsts.push(first);
            }
        }
        Ok(())
    }

    /// Refuses while the ledger has not admitted what lies by the former number. What lies behind it by
    /// the new number already, and is marked so, is of the new generation.
    pub(super) async fn refuse_unread(&self, channel: &KafkaChannel) -> Result<(), Stop> {
        let asked = self.unread.iter().map(|(position, _)| position.clone()).collect();
        let numbered = channel.numbered_at(&self.standing.ledger, asked).await;
        let numbered = numbered.map_err(|failure| Stop::at_start(&failure))?;
        let is_new = |position: &Position| {
            numbered.iter().any(|(at, number)| at == position && *number == Some(self.wanted))
        };
        let left = self.unread.iter().filter(|(position, _)| !is_new(position));
        let left: Vec<String> = left
            .map(|(at, count)| format!("{}: {count} from {}", at.partition, at.offset))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        let former = self.former;
        let what = format!(
            "not everything is admitted: start the dispatcher with partitions={former} and let it read on"
        );
        Err(Stop::new(Exit::Unavailable, codes::SWITCH_UNREAD, what).with_details(left))
    }

    /// Topics that have fewer partitions than wanted. Those that are not there are made by whoever
    /// starts.
    pub(super) fn growing(&self) -> impl Iterator<Item = &ChannelName> {
        let is_short = |topic: &&Found| 0 < topic.count() && topic.count() < self.wanted;
        self.found.iter().filter(is_short).map(|topic| &topic.name)
    }

    /// Whether the ledger goes by another number yet.
    pub(super) fn is_another_number(&self) -> bool {
        self.former != self.wanted
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        !self.is_another_number() && self.growing().next().is_none()
    }

    /// What the ledger is to record, if cases lie elsewhere from now on.
    pub(super) fn switch(&self, at: Timestamp, operator: String, reason: String) -> Option<Switch> {
        let grows = |topic: &Found| topic.is_read && self.growing().any(|name| *name == topic.name);
        (self.is_another_number() || self.found.iter().any(grows)).then(|| Switch {
            former: self.former,
            partitions: self.wanted,
            firsts: self.firsts.clone(),
            at,
            operator,
            reason,
        })
    }

    /// Whose.
    pub(super) fn ledger(&self) -> &GroupId {
        &self.standing.ledger
    }

    /// The former number, and the one wanted.
    pub(super) fn numbers(&self) -> (u32, u32) {
        (self.former, self.wanted)
    }

    /// Where the new generation begins.
    pub(super) fn firsts(&self) -> &[Position] {
        &self.firsts
    }
}

impl Found {
    fn count(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)
    }
}
