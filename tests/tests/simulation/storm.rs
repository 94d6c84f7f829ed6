//! A channel over a bad line: slow, away now and then, its answers lost after it has done what was
//! asked, its partitions taken away and given back in the middle of reading.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use channels::memory::MemoryChannel;
use messaging::{
    Batch, Channel, ChannelName, GroupId, Partition, Position, Record, Result, StoredPositions,
    Subscription, Timestamp,
};

use super::{
    group::{Group, Membership},
    weather::Weather,
};

const AWAY: &str = "AB-2101";
const SLOW: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(crate) struct Storm {
    pub(crate) calm: MemoryChannel,
    pub(crate) partitions: u32,
    pub(crate) members: Group,
    pub(crate) weather: Weather,
}

#[async_trait]
impl Channel for Storm {
    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        self.weather.takes(SLOW).await;
        self.weather.may_be_away(20, AWAY)?;
        let positions = self.calm.append(records).await?;
        // It is there, and nobody is told.
        self.weather.may_be_away(20, AWAY)?;
        self.weather.takes(SLOW).await;
        Ok(positions)
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        self.weather.may_be_away(10, AWAY)?;
        let membership = self.members.join(channels, self.partitions, &self.weather);
        let assigned = BTreeSet::new();
        let positions =
            Arc::new(Assigned { stored: positions, calm: self.calm.clone(), at: Mutex::default() });
        let (group, channels) = (group.clone(), channels.to_vec());
        let reader = self.calm.subscribe(&group, &channels, Box::new(positions.clone())).await?;
        let storm = self.clone();
        Ok(Box::new(Gusts { storm, group, channels, membership, assigned, positions, reader }))
    }

    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
        self.calm.trim(channel, before).await
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        self.weather.may_be_away(10, AWAY)?;
        self.calm.ends(channel).await
    }
}

/// Where one member reads: what it keeps, on where it was; what it gets, where the store stands; and
/// nothing of what is another's.
#[derive(Debug)]
struct Assigned {
    stored: Box<dyn StoredPositions>,
    calm: MemoryChannel,
    /// Of what is its own; `None`: as the store says.
    at: Mutex<BTreeMap<Partition, Option<u64>>>,
}

impl Assigned {
    fn at(&self, partition: &Partition) -> Option<Option<u64>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).get(partition).copied()
    }

    /// Reads on behind this.
    fn read(&self, partition: &Partition, next: u64) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.entry(partition.clone()).and_modify(|at| *at = Some(next));
    }

    /// From now on `new` is its own, and was before where it is in `old` as well.
    fn change(&self, old: &BTreeSet<(Partition, u64)>, new: &BTreeSet<(Partition, u64)>) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let kept =
            |of: &(Partition, u64)| old.contains(of).then(|| at.get(&of.0).copied().flatten());
        *at = new.iter().map(|of| (of.0.clone(), kept(of).flatten())).collect();
    }
}

#[async_trait]
impl StoredPositions for Assigned {
    async fn next_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        match self.at(partition) {
            Some(Some(next)) => Ok(Some(next)),
            Some(None) => self.stored.next_offset(partition).await,
            None => {
                let ends = self.calm.ends(&partition.channel).await?;
                Ok(ends.iter().find(|end| end.partition == *partition).map(|end| end.offset))
            }
        }
    }

    async fn last_offset(&self, partition: &Partition) -> Result<Option<u64>> {
        match self.at(partition) {
            Some(None) => self.stored.last_offset(partition).await,
            _ => Ok(None),
        }
    }

    async fn is_known(&self, position: &Position, record: &Record) -> Result<bool> {
        self.stored.is_known(position, record).await
    }
}

#[derive(Debug)]
struct Gusts {
    storm: Storm,
    group: GroupId,
    channels: Vec<ChannelName>,
    membership: Membership,
    /// What was its own when it looked last.
    assigned: BTreeSet<(Partition, u64)>,
    positions: Arc<Assigned>,
    reader: Box<dyn Subscription>,
}

impl Gusts {
    /// Reads what is its own now: all of it anew, or only what it was given since.
    async fn look_at_assignment(&mut self, is_anew: bool) -> Result<()> {
        let assigned = self.membership.assigned();
        if assigned == self.assigned && !is_anew {
            return Ok(());
        }
        let kept = if is_anew { BTreeSet::new() } else { std::mem::take(&mut self.assigned) };
        self.positions.change(&kept, &assigned);
        self.assigned = assigned;
        let positions = Box::new(self.positions.clone());
        self.reader = self.storm.calm.subscribe(&self.group, &self.channels, positions).await?;
        Ok(())
    }

    /// Whether `partition` is still its own, as far as it knows.
    fn has(&self, partition: &Partition) -> bool {
        self.assigned.iter().any(|(own, _)| own == partition)
    }
}

#[async_trait]
impl Subscription for Gusts {
    async fn receive(&mut self, records_max: usize, wait: Duration) -> Result<Option<Batch>> {
        let weather = self.storm.weather.clone();
        if weather.strikes(60) {
            self.membership.let_a_stranger_in();
        }
        // Now and then everything is taken and given back at once, as older protocols do it.
        self.look_at_assignment(weather.strikes(16)).await?;
        weather.may_be_away(12, AWAY)?;
        let records_max = 1 + usize::try_from(weather.below(8)).unwrap_or(0).min(records_max - 1);
        if weather.strikes(6) {
            weather.takes(Duration::from_secs(2)).await;
        }
        let Some(batch) = self.reader.receive(records_max, wait).await? else { return Ok(None) };
        if !self.has(&batch.partition) {
            return Ok(None);
        }
        // What is in hand comes, also where its partition has gone meanwhile, and a second time then.
        if weather.strikes(6) {
            weather.takes(Duration::from_secs(2)).await;
        }
        self.positions.read(&batch.partition, batch.next);
        Ok(Some(batch))
    }

    async fn report_progress(&mut self, partition: &Partition, next_offset: u64) -> Result<()> {
        self.reader.report_progress(partition, next_offset).await
    }
}
