//! What writer and readers of an embedded channel share: where each channel begins and ends.

use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use messaging::{ChannelName, GroupId};

use super::tail::Tail;
use crate::reader::is_cared_for;

/// One channel in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Number of its table.
    pub(super) id: i64,
    /// The first offset that is there.
    pub(super) start: u64,
    /// The offset the next record gets.
    pub(super) end: u64,
}

pub(super) type Extents = HashMap<ChannelName, Extent>;
pub(super) type Progress = HashMap<(GroupId, ChannelName), u64>;

/// What the file says, as of the last commit.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) extents: Extents,
    /// How far each registered group has read.
    pub(super) progress: Progress,
    /// Reported and not yet in the file: written along with the next transaction. Losing it only
    /// means trimming less.
    pub(super) unsaved: Progress,
    /// The newest records that a registered group has yet to read.
    pub(super) tail: Tail,
}

#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(path: PathBuf, state: State) -> Self {
        Self { path, state: Mutex::new(state) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// No panic leaves the state half changed, so a poisoned lock is as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn offsets(&self, channel: &ChannelName) -> Option<Range<u64>> {
        self.lock().extents.get(channel).map(|extent| extent.start..extent.end)
    }

    pub(super) fn id(&self, channel: &ChannelName) -> Option<i64> {
        self.lock().extents.get(channel).map(|extent| extent.id)
    }

    /// Those there are that carry applications, in order.
    pub(super) fn application_channels(&self) -> Vec<ChannelName> {
        let state = self.lock();
        let mut channels: Vec<_> =
            state.extents.keys().filter(|channel| channel.is_application()).cloned().collect();
        channels.sort();
        channels
    }

    pub(super) fn report(&self, group: &GroupId, channel: &ChannelName, next: u64) {
        let mut state = self.lock();
        let reader = (group.clone(), channel.clone());
        // Who was replaced counts no more.
        if let Some(known) = state.progress.get_mut(&reader) {
            *known = next;
            state.unsaved.insert(reader, next);
        }
        let read_by_all = state.readers(channel).min();
        state.tail.forget(channel, read_by_all.unwrap_or(u64::MAX));
    }

    /// The first of `names` that would be a new channel where there is no room for one.
    pub(super) fn one_too_many<'a>(
        &self,
        mut names: impl Iterator<Item = &'a ChannelName>,
        channels_max: usize,
    ) -> Option<&'a ChannelName> {
        let state = self.lock();
        let is_full = channels_max <= state.extents.len();
        names.find(|name| is_full && !state.extents.contains_key(*name))
    }
}

impl State {
    /// How far each registered group has read `channel`.
    pub(super) fn readers(&self, channel: &ChannelName) -> impl Iterator<Item = u64> {
        self.progress.iter().filter(move |((_, of), _)| of == channel).map(|(_, next)| *next)
    }

    /// What every group that reads `channel` has read; `None` if no group does, or none whose
    /// reading is enough.
    pub(super) fn read_by_all(&self, channel: &ChannelName) -> Option<u64> {
        let of_it = || self.progress.iter().filter(|((_, of), _)| of == channel);
        is_cared_for(channel, of_it().map(|((group, _), _)| group))
            .then(|| of_it().map(|(_, next)| *next).min())?
    }

    /// Forgets whom `group` replaces.
    pub(super) fn replace(&mut self, group: &GroupId) {
        self.progress.retain(|(former, _), _| !group.replaces(former));
        self.unsaved.retain(|(former, _), _| !group.replaces(former));
    }
}
