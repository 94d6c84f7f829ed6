//! How much a departmental system is trusted with at once: one after whatever kept it closed, one
//! more with each answer, up to its cap. A start begins with one, too; but nothing says that the
//! system was away, so that its first answer is enough. Pure.

/// At most so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ramp {
    limit: usize,
    cap: usize,
    round: Round,
}

/// From one beginning to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round(u64);

/// What an attempt showed of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Showing {
    /// It answered, whatever the answer was.
    Works,
    /// It gave no answer.
    Falters,
}

impl Ramp {
    /// Begins with one; at least one is the cap.
    pub(crate) fn new(cap: usize) -> Self {
        Self { limit: 1, cap: cap.max(1), round: Round::default() }
    }

    /// So many may be under way.
    pub(crate) fn limit(self) -> usize {
        self.limit
    }

    /// Where what starts now belongs.
    pub(crate) fn round(self) -> Round {
        self.round
    }

    /// It was away: what was begun before says nothing any more.
    pub(crate) fn begin_anew(&mut self) {
        self.limit = 1;
        self.round.0 += 1;
    }

    /// Grows with each answer. While it grows, an attempt without one halves it; a system that had
    /// all of it before may stumble over single messages. What was begun in another round may have
    /// been answered before the system went away.
    pub(crate) fn note(&mut self, showing: Showing, round: Round) {
        if round != self.round {
            return;
        }
        let is_start = round == Round::default();
        match showing {
            Showing::Works if is_start => self.limit = self.cap,
            Showing::Falters if is_start && self.limit < self.cap => self.begin_anew(),
            Showing::Works => self.limit = (self.limit + 1).min(self.cap),
            Showing::Falters if self.limit < self.cap => self.limit = (self.limit / 2).max(1),
            Showing::Falters => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_begins_with_one_grows_with_each_answer_and_keeps_what_it_has() {
        use Showing::{Falters, Works};
        let mut ramp = Ramp::new(5);
        ramp.begin_anew();
        let mut limits = vec![ramp.limit()];
        for showing in [Falters, Works, Works, Works, Falters, Works, Works, Works, Falters, Works]
        {
            ramp.note(showing, ramp.round());
            limits.push(ramp.limit());
        }
        assert_eq!(limits, [1, 1, 2, 3, 4, 2, 3, 4, 5, 5, 5]);
        let before = ramp.round();
        ramp.begin_anew();
        assert_eq!(ramp.limit(), 1);
        ramp.note(Works, before);
        assert_eq!(ramp.limit(), 1, "an answer from before it went away");
        assert_eq!(Ramp::new(0).limit(), 1, "nothing would ever move");
    }

    #[test]
    fn after_a_start_one_answer_is_enough_unless_the_system_falters_first() {
        let mut ramp = Ramp::new(5);
        assert_eq!(ramp.limit(), 1);
        ramp.note(Showing::Works, ramp.round());
        assert_eq!(ramp.limit(), 5);
        let mut ramp = Ramp::new(5);
        ramp.note(Showing::Falters, ramp.round());
        ramp.note(Showing::Works, ramp.round());
        assert_eq!(ramp.limit(), 2);
    }

    proptest! {
        #![proptest_config(crate::tests::the_same_each_time(200))]
        #[test]
        fn it_is_never_below_one_nor_above_its_cap(
            cap in 1_usize..50,
            steps in prop::collection::vec(0_u8..4, 0..300),
        ) {
            let mut ramp = Ramp::new(cap);
            ramp.begin_anew();
            for step in steps {
                let before = ramp.limit();
                match step {
                    0 => ramp.begin_anew(),
                    1 => ramp.note(Showing::Falters, ramp.round()),
                    _ => ramp.note(Showing::Works, ramp.round()),
                }
                prop_assert!((1..=cap).contains(&ramp.limit()));
                prop_assert!(ramp.limit() <= before + 1, "by one at a time");
            }
        }
    }
}
