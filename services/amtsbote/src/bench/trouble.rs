//! What the departmental systems of a run do not take: cases that fail again and again, and systems
//! that are away. Pure: a message's number says what becomes of it.

use super::chance;

/// The answer of a departmental system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// It fails on this message, and will again.
    Failed,
    /// It is away, and has done nothing.
    Away,
}

/// Which messages are not taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    seed: u64,
    cases: u32,
    /// The first cases fail.
    poison_cases: u32,
    authorities: u32,
    /// The systems of the first authorities are away.
    dead: u32,
}

impl Trouble {
    /// Of a run with `cases` among `authorities`: `poison_percent` of the cases fail, at least one
    /// unless it is none, and the systems of `dead` authorities are away.
    pub(super) fn new(
        (seed, cases): (u64, u32),
        poison_percent: f64,
        (authorities, dead): (u32, u32),
    ) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let poison_cases = (f64::from(cases) * poison_percent / 100.0).ceil() as u32;
        Self { seed, cases, poison_cases, authorities: authorities.max(1), dead }
    }

    /// What becomes of a message of this case.
    pub(super) fn of_case(&self, case: u32) -> Answer {
        if case % self.authorities < self.dead {
            return Answer::Away;
        }
        if case < self.poison_cases { Answer::Failed } else { Answer::Taken }
    }

    /// What becomes of message `number`.
    pub(super) fn of(&self, number: u32) -> Answer {
        if self.poison_cases == 0 && self.dead == 0 {
            return Answer::Taken;
        }
        self.of_case(chance::drawn(self.seed, number, self.cases))
    }

    /// Whether the receiver is to take nothing of message `number`.
    pub(super) fn keeps_back(&self, number: u32) -> bool {
        self.of(number) != Answer::Taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_cases_fail_as_were_asked_for_and_the_dead_take_none() {
        for (cases, percent, authorities, dead, failed, away) in [
            (1_000, 0.0, 1, 0, 0, 0),
            (1_000, 1.0, 1, 0, 10, 0),
            (10, 1.0, 1, 0, 1, 0),
            (1_000, 0.0, 50, 1, 0, 20),
            (1_000, 50.0, 10, 10, 0, 1_000),
            (100, 10.0, 10, 1, 9, 10),
        ] {
            let trouble = Trouble::new((1, cases), percent, (authorities, dead));
            let count = |of| (0..cases).filter(|case| trouble.of_case(*case) == of).count();
            let name = format!("{percent} % of {cases}, {dead} of {authorities}");
            assert_eq!((count(Answer::Failed), count(Answer::Away)), (failed, away), "{name}");
        }
    }

    #[test]
    fn a_message_shares_the_fate_of_its_case() {
        let trouble = Trouble::new((7, 20), 25.0, (4, 1));
        for number in 0..500 {
            let case = chance::drawn(7, number, 20);
            assert_eq!(trouble.of(number), trouble.of_case(case), "{number}");
        }
        assert!((0..500).any(|number| trouble.keeps_back(number)));
    }
}
