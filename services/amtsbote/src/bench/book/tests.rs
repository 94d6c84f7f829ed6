//! What the books make of a run told moment by moment.

use super::*;

struct Run {
    book: Book,
    begun: Instant,
}

impl Run {
    /// 1 s of warm-up, 10 s measured, 4 cases.
    fn new(witness: Witness) -> Self {
        let (second, begun) = (Duration::from_secs(1), Instant::now());
        Self { book: Book::new(begun, second, second * 10, 4, witness), begun }
    }

    fn at(&self, millis: u64) -> Instant {
        self.begun + Duration::from_millis(millis)
    }

    /// Due and sent at once.
    fn sent(&mut self, number: u32, case: u32, millis: u64) {
        let at = self.at(millis);
        self.book.sent(number, case, at, at);
    }

    fn receipted(&mut self, number: u32, millis: u64) {
        let at = self.at(millis);
        self.book.receipted(number, Some(id(number)), at);
    }

    fn arrived(&mut self, number: u32, millis: u64) {
        let at = self.at(millis);
        self.book.arrived(Some(number), 7, at);
    }
}

fn id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

fn near(micros: u64, millis: u64) -> bool {
    micros.abs_diff(millis * 1_000) * 500 <= millis * 1_000
}

#[test]
fn latency_counts_from_when_it_was_due_however_late_it_went_out() {
    let mut run = Run::new(Witness::Receiver);
    run.book.sent(0, 0, run.at(2_000), run.at(2_700));
    run.receipted(0, 3_000);
    run.arrived(0, 3_500);
    assert!(near(run.book.receipts().max(), 1_000), "{}", run.book.receipts().max());
    assert!(near(run.book.deliveries().max(), 1_500), "{}", run.book.deliveries().max());
}

#[test]
fn percentiles_are_those_of_the_messages_due_while_it_was_measured() {
    let mut run = Run::new(Witness::Receiver);
    // Before and after: slow ones, which do not count.
    for (number, due) in [(0, 500), (1, 11_500)] {
        run.sent(number, 0, due);
        run.receipted(number, due + 9_000);
    }
    for number in 0..100 {
        run.sent(2 + number, 1, 2_000);
        run.receipted(2 + number, 2_000 + u64::from(number) + 1);
    }
    let receipts = run.book.receipts();
    assert_eq!(receipts.len(), 100);
    for (quantile, millis) in [(0.5, 50), (0.9, 90), (0.99, 99), (1.0, 100)] {
        let found = receipts.value_at_quantile(quantile);
        assert!(near(found, millis), "p{quantile}: {found} µs");
    }
    assert_eq!(run.book.counts().accepted, 102);
    // The first one's receipt came while it was measured, the second one's did not.
    assert_eq!(run.book.counts().accepted_in_window, 101);
}

#[test]
fn what_is_neither_delivered_nor_ended_otherwise_is_missing() {
    let mut run = Run::new(Witness::Status);
    for number in 0..4 {
        run.sent(number, 0, 2_000);
    }
    (0..3).for_each(|number| run.receipted(number, 2_010));
    assert_eq!((run.book.under_way(), run.book.missing()), (4, 3));
    run.book.told_delivered(id(0), run.at(2_020));
    run.book.told_ended(id(1), "dead");
    assert_eq!((run.book.under_way(), run.book.missing()), (2, 1));
    run.book.unknown(3);
    assert_eq!((run.book.under_way(), run.book.missing()), (1, 1));
    let counts = run.book.counts();
    assert_eq!((counts.delivered, counts.unknown), (1, 1));
    assert_eq!(counts.ended_otherwise, BTreeMap::from([("dead".to_owned(), 1)]));
}

#[test]
fn a_delivery_that_is_told_before_the_receipt_comes_is_not_lost() {
    let mut run = Run::new(Witness::Status);
    run.sent(0, 0, 2_000);
    run.book.told_delivered(id(0), run.at(2_005));
    run.receipted(0, 2_400);
    assert_eq!((run.book.counts().delivered, run.book.under_way()), (1, 0));
    assert!(near(run.book.deliveries().max(), 5), "the time it was told");
}

#[test]
fn messages_of_others_do_not_fill_the_memory() {
    let mut run = Run::new(Witness::Status);
    for number in 0..u32::try_from(EARLY_MAX).unwrap() * 3 {
        run.book.told_delivered(id(number), run.at(u64::from(number / 100)));
        assert!(run.book.early.iter().all(|ids| ids.len() <= EARLY_MAX));
    }
    assert_eq!(run.book.counts().delivered, 0);
    assert_eq!(run.book.counts().foreign, EARLY_MAX as u64);
}

#[test]
fn a_second_arrival_is_a_duplicate_also_long_after_the_first() {
    let mut run = Run::new(Witness::Receiver);
    for number in 0..10_000 {
        run.sent(number, 0, 2_000);
        run.receipted(number, 2_001);
        run.arrived(number, 2_002);
    }
    assert_eq!(run.book.counts().duplicates, 0);
    run.arrived(0, 3_000);
    run.arrived(9_999, 3_000);
    assert_eq!((run.book.counts().duplicates, run.book.counts().delivered), (2, 10_000));
    assert_eq!(run.book.counts().duplicates_of_other_key, 0);
}

#[test]
fn a_duplicate_under_another_key_is_worse_than_one_under_the_same() {
    let mut run = Run::new(Witness::Receiver);
    run.sent(0, 0, 2_000);
    run.arrived(0, 2_010);
    run.arrived(0, 2_020);
    run.book.arrived(Some(0), 8, run.at(2_030));
    let counts = run.book.counts();
    assert_eq!((counts.duplicates, counts.duplicates_of_other_key), (2, 1));
}

#[test]
fn overtaking_counts_only_where_the_order_was_promised() {
    for (name, second_sent, expected) in
        [("sent before the first one's receipt", 2_005, 0), ("sent after it", 2_015, 1)]
    {
        let mut run = Run::new(Witness::Receiver);
        run.sent(0, 3, 2_000);
        run.receipted(0, 2_010);
        run.sent(1, 3, second_sent);
        run.receipted(1, second_sent + 10);
        run.arrived(1, 2_100);
        run.arrived(0, 2_200);
        assert_eq!(run.book.counts().out_of_order, expected, "{name}");
    }
    let mut run = Run::new(Witness::Receiver);
    run.sent(0, 2, 2_000);
    run.receipted(0, 2_010);
    run.sent(1, 3, 2_020);
    run.arrived(1, 2_100);
    run.arrived(0, 2_200);
    assert_eq!(run.book.counts().out_of_order, 0, "of different cases");
}

#[test]
fn a_delivery_without_a_receipt_is_told_whichever_is_known_first() {
    let mut run = Run::new(Witness::Receiver);
    run.sent(0, 0, 2_000);
    run.arrived(0, 2_100);
    run.book.unknown(0);
    run.sent(1, 0, 2_000);
    run.book.unknown(1);
    run.arrived(1, 2_100);
    let counts = run.book.counts();
    assert_eq!((counts.unknown, counts.delivered_without_receipt, counts.delivered), (2, 2, 2));
    assert_eq!((run.book.under_way(), run.book.missing()), (0, 0));
}

#[test]
fn where_nobody_watches_a_receipt_is_the_end() {
    let mut run = Run::new(Witness::Nobody);
    run.sent(0, 0, 2_000);
    run.receipted(0, 2_100);
    run.sent(1, 0, 2_000);
    run.book.failed(1);
    assert_eq!((run.book.under_way(), run.book.missing()), (0, 0));
}
