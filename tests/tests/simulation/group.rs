//! Who reads which partition: members of a consumer group that join, leave and die, strangers among them;
//! what a member keeps it reads on, and what it gets it reads from where the store stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use messaging::{ChannelName, Partition};
use tokio::time::Instant;

use super::weather::Weather;

/// After so long without a word a member counts as dead, and what it had goes to others.
const SESSION: Duration = Duration::from_secs(6);
/// A stranger stays so long at most.
const VISIT_MAX: Duration = Duration::from_secs(10);

/// All members of the one group there is; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<u64, Member>,
    member_last: u64,
    /// By partition: to whom, and how often it changed hands.
    given: BTreeMap<Partition, (u64, u64)>,
    /// Who comes first when partitions are shared out.
    turn: u64,
}

#[derive(Debug)]
struct Member {
    channels: Vec<ChannelName>,
    /// When it is thought dead, if nothing is heard of it.
    until: Option<Instant>,
}

/// One member, until it is dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    group: Group,
    member: u64,
    channels: Vec<ChannelName>,
    weather: Weather,
}

impl Group {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins, to read `channels`, each of so many `partitions`.
    pub(crate) fn join(
        &self,
        channels: &[ChannelName],
        partitions: u32,
        weather: &Weather,
    ) -> Membership {
        let mut state = self.state();
        for channel in channels {
            for number in 0..partitions {
                let partition = Partition { channel: channel.clone(), number };
                state.given.entry(partition).or_default();
            }
        }
        let member = state.add(channels, None, weather);
        let (group, channels) = (self.clone(), channels.to_vec());
        Membership { group, member, channels, weather: weather.clone() }
    }
}

impl State {
    fn add(&mut self, channels: &[ChannelName], until: Option<Instant>, weather: &Weather) -> u64 {
        self.member_last += 1;
        self.members.insert(self.member_last, Member { channels: channels.to_vec(), until });
        self.turn = weather.below(12);
        self.share_out();
        self.member_last
    }

    /// Gives each partition to one of those who read its channel. Only what changes hands is taken away.
    fn share_out(&mut self) {
        let now = Instant::now();
        self.members.retain(|_, member| member.until.is_none_or(|until| now < until));
        for (place, (partition, (owner, round))) in (self.turn..).zip(&mut self.given) {
            let reads = |member: &Member| member.channels.contains(&partition.channel);
            let candidates: Vec<u64> =
                self.members.iter().filter(|(_, it)| reads(it)).map(|(id, _)| *id).collect();
            let count = u64::try_from(candidates.len()).unwrap_or(0);
            let chosen = place.checked_rem(count).and_then(|at| usize::try_from(at).ok());
            // Nobody's, if nobody reads it.
            let new = chosen.and_then(|at| candidates.get(at)).copied().unwrap_or(0);
            if new != *owner {
                *owner = new;
                *round += 1;
            }
        }
    }
}

impl Membership {
    /// What is this member's now, and how often each has changed hands.
    pub(crate) fn assigned(&self) -> BTreeSet<(Partition, u64)> {
        let mut state = self.group.state();
        state.share_out();
        let given = state.given.iter().filter(|(_, (owner, _))| *owner == self.member);
        given.map(|(partition, (_, round))| (partition.clone(), *round)).collect()
    }

    /// Somebody who has no business here reads some of it for a while, and admits nothing.
    pub(crate) fn let_a_stranger_in(&self) {
        let until = Instant::now() + self.weather.within(VISIT_MAX);
        self.group.state().add(&self.channels, Some(until), &self.weather);
    }
}

/// It says so, or it dies and is missed after a while.
impl Drop for Membership {
    fn drop(&mut self) {
        let mut state = self.group.state();
        let dies = self.weather.strikes(3);
        if let Some(member) = state.members.get_mut(&self.member) {
            member.until = Some(Instant::now() + if dies { SESSION } else { Duration::ZERO });
        }
        state.share_out();
    }
}
