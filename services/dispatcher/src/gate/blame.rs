//! Whom a failure is about: the one message, or the departmental system. A system that answers others
//! is there, so what keeps failing between their answers fails by itself. Pure.

use messaging::CaseId;

/// So many cases in a row that fail without a word close the gate: it is the system, not they.
const FAILING_MAX: usize = 5;

/// What a system showed of itself.
#[derive(Debug, Default)]
pub(crate) struct Blame {
    answers: Answers,
    choice: Choice,
    /// The latest choice of which an attempt was answered.
    answered: Option<Choice>,
    /// Different cases that failed without a word, with no answer between.
    failing: Vec<CaseId>,
}

/// Attempts that begin in the same turn, in the order of turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Choice(u64);

/// So many attempts were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answers(u64);

impl Blame {
    /// Attempts are chosen, after all that ended was told.
    pub(crate) fn choose(&mut self) {
        self.choice.0 += 1;
    }

    /// The latest choice.
    pub(crate) fn choice(&self) -> Choice {
        self.choice
    }

    /// An attempt of `choice` was answered, whatever the answer was.
    pub(crate) fn answered(&mut self, choice: Choice) {
        self.answers.0 += 1;
        self.answered = self.answered.max(Some(choice));
        self.failing.clear();
    }

    /// How many there are; to be noted of a message that fails.
    pub(crate) fn answers(&self) -> Answers {
        self.answers
    }

    /// True if the system was there for others all the while: since the same message failed before,
    /// at `before`, or for one that was chosen with it or later and has its answer already.
    pub(crate) fn is_the_messages(&self, before: Option<Answers>, choice: Choice) -> bool {
        self.failed_between(before) || self.answered.is_some_and(|last| choice <= last)
    }

    /// Counts a failure without a word. True if so many cases have failed in a row that it must be
    /// the system. Those that failed before and had others answered since show nothing of it: their
    /// tries come again together, and would look like an outage.
    pub(crate) fn is_in_a_row(&mut self, case: CaseId, before: Option<Answers>) -> bool {
        if self.failed_between(before) || self.failing.contains(&case) {
            return false;
        }
        self.failing.push(case);
        let is_in_a_row = FAILING_MAX <= self.failing.len();
        if is_in_a_row {
            self.failing.clear();
        }
        is_in_a_row
    }

    /// It gave a sign of life that is no answer.
    pub(crate) fn clear(&mut self) {
        self.failing.clear();
    }

    fn failed_between(&self, before: Option<Answers>) -> bool {
        before.is_some_and(|before| before < self.answers)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn case(number: u128) -> CaseId {
        CaseId(Uuid::from_u128(number))
    }

    #[test]
    fn five_cases_in_a_row_are_the_system_and_four_are_not() {
        let mut blame = Blame::default();
        for round in 0..2 {
            for number in 0..4 {
                assert!(!blame.is_in_a_row(case(number), None), "{round}: {number}");
                assert!(!blame.is_in_a_row(case(number), None), "{round}: the same again");
            }
            assert!(blame.is_in_a_row(case(4), None), "{round}");
        }
        for number in 0..4 {
            assert!(!blame.is_in_a_row(case(number), None));
        }
        blame.answered(blame.choice());
        assert!(!blame.is_in_a_row(case(4), None), "an answer between");
    }

    #[test]
    fn what_fails_again_between_the_answers_to_others_shows_nothing_of_the_system() {
        let mut blame = Blame::default();
        let before = Some(blame.answers());
        blame.answered(blame.choice());
        for number in 0..50 {
            assert!(!blame.is_in_a_row(case(number), before), "they wake up together");
        }
        // Nobody was answered since they failed.
        let again = Some(blame.answers());
        let rung = (0..5).filter(|number| blame.is_in_a_row(case(*number), again)).count();
        assert_eq!(rung, 1);
    }

    #[test]
    fn a_failure_is_the_messages_if_others_were_answered_meanwhile() {
        let mut blame = Blame::default();
        let earlier = blame.choice();
        blame.choose();
        let start = blame.choice();
        blame.choose();
        let later = blame.choice();
        let never = blame.answers();
        assert!(!blame.is_the_messages(None, start) && !blame.is_the_messages(Some(never), start));
        blame.answered(start);
        assert!(blame.is_the_messages(None, start), "of the same turn");
        assert!(!blame.is_the_messages(None, later), "that answer is older than the attempt");
        assert!(blame.is_the_messages(Some(never), later), "it failed before that answer, too");
        assert!(!blame.is_the_messages(Some(blame.answers()), later));
        blame.answered(earlier);
        assert!(blame.is_the_messages(None, start), "the latest counts");
    }
}
