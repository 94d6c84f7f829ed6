//! What is known of each message under way, by its number. Numbers come in order and go in blocks: a
//! block whose messages are all at their end is given back.

/// Messages of a block.
const BLOCK: usize = 4_096;

const ACCEPTED: u8 = 1;
const ARRIVED: u8 = 2;
/// Nothing more will be told of it.
const ENDED: u8 = 4;
/// There is no receipt, and there will be none.
const FAILED: u8 = 8;
const SENT: u8 = 16;
const SETTLED: u8 = 32;

/// One message. Moments are microseconds since the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) case: u32,
    pub(super) due: u32,
    pub(super) sent: u32,
    receipted: u32,
    /// Stands for the delivery key it arrived with.
    key: u32,
    flags: u8,
}

impl Slot {
    pub(super) fn new(case: u32, due: u32, sent: u32) -> Self {
        Self { case, due, sent, receipted: 0, key: 0, flags: SENT }
    }

    pub(super) fn accept(&mut self, at: u32) {
        self.receipted = at;
        self.flags |= ACCEPTED;
    }

    pub(super) fn arrive(&mut self, key: u32) {
        self.key = key;
        self.flags |= ARRIVED;
    }

    pub(super) fn end(&mut self) {
        self.flags |= ENDED;
    }

    pub(super) fn fail(&mut self) {
        self.flags |= FAILED;
    }

    pub(super) fn key(&self) -> u32 {
        self.key
    }

    pub(super) fn receipted(&self) -> Option<u32> {
        self.is_accepted().then_some(self.receipted)
    }

    pub(super) fn is_accepted(&self) -> bool {
        self.has(ACCEPTED)
    }

    pub(super) fn is_failed(&self) -> bool {
        self.has(FAILED)
    }

    pub(super) fn has_arrived(&self) -> bool {
        self.has(ARRIVED)
    }

    /// Delivered, or known never to be.
    pub(super) fn is_at_its_end(&self) -> bool {
        self.has(ARRIVED) || self.has(ENDED)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The messages under way.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<Block>);

#[derive(Debug, Default)]
enum Block {
    /// None of its messages was sent yet.
    #[default]
    Coming,
    /// How many are not settled, those that were not sent yet too.
    Here(usize, Box<[Slot]>),
    Gone,
}

impl Slots {
    /// Message `number` is sent.
    pub(super) fn put(&mut self, number: u32, slot: Slot) {
        let (block, at) = place(number);
        if self.0.len() <= block {
            self.0.resize_with(block + 1, Block::default);
        }
        let Some(block) = self.0.get_mut(block) else { return };
        if matches!(block, Block::Coming) {
            *block = Block::Here(BLOCK, vec![Slot::default(); BLOCK].into_boxed_slice());
        }
        if let Block::Here(_, slots) = block
            && let Some(place) = slots.get_mut(at)
        {
            *place = slot;
        }
    }

    /// What is known of message `number`, until its block is gone.
    pub(super) fn get(&mut self, number: u32) -> Option<&mut Slot> {
        let (block, at) = place(number);
        match self.0.get_mut(block)? {
            Block::Here(_, slots) => slots.get_mut(at).filter(|slot| slot.has(SENT)),
            Block::Coming | Block::Gone => None,
        }
    }

    /// Whether message `number` is settled by this: both its receipt and its end are known.
    pub(super) fn settle(&mut self, number: u32) -> bool {
        let (block, at) = place(number);
        let Some(block) = self.0.get_mut(block) else { return false };
        let Block::Here(open, slots) = block else { return false };
        let Some(slot) = slots.get_mut(at) else { return false };
        let is_told = slot.is_accepted() || slot.is_failed();
        if !is_told || !slot.is_at_its_end() || slot.has(SETTLED) {
            return false;
        }
        slot.flags |= SETTLED;
        *open -= 1;
        if *open == 0 {
            *block = Block::Gone;
        }
        true
    }

    /// All that was sent and is still kept.
    pub(super) fn live(&self) -> impl Iterator<Item = &Slot> {
        let blocks = self.0.iter().filter_map(|block| match block {
            Block::Here(_, slots) => Some(slots),
            Block::Coming | Block::Gone => None,
        });
        blocks.flat_map(|slots| slots.iter()).filter(|slot| slot.has(SENT))
    }
}

fn place(number: u32) -> (usize, usize) {
    let number = number as usize;
    (number / BLOCK, number % BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_goes_when_all_its_messages_are_settled() {
        let mut slots = Slots::default();
        let block = u32::try_from(BLOCK).unwrap();
        for number in 0..block + 1 {
            slots.put(number, Slot::new(0, 1, 1));
        }
        for number in 0..block {
            assert!(!slots.settle(number), "neither receipt nor end");
            slots.get(number).unwrap().accept(2);
            assert!(!slots.settle(number), "no end");
            slots.get(number).unwrap().arrive(1);
            assert!(slots.settle(number));
            assert!(!slots.settle(number), "once");
        }
        assert!(slots.get(0).is_none());
        assert_eq!(slots.live().count(), 1);
        assert!(slots.get(block).is_some());
        assert!(slots.get(block + 1).is_none(), "not sent yet");
    }
}
