//! What follows from figures: exit codes, warnings, and numbers that are none.

use super::*;

/// A run in which everything went well.
pub(in crate::bench) fn fine() -> Report {
    let process = |pid: u32, name: &str| Process {
        pid,
        name: name.to_owned(),
        cpu_s: 1.5,
        cpu_s_per_1000: Some(0.75),
        memory_peak_bytes: 128 << 20,
        is_gone: false,
    };
    Report {
        run: Run {
            to: "http://127.0.0.1:7001".to_owned(),
            document: "generated".to_owned(),
            document_bytes: 3_100,
            cases: 1_000,
            seed: 1,
            connections: 2,
            in_flight: 64,
            rate: Some(200.0),
            warmup_s: 5.0,
            measured_s: 10.0,
            delivered_by: "receiver",
        },
        accepted_per_s: 200.0,
        delivered_per_s: Some(199.5),
        delivered_per_s_to_last: Some(199.9),
        receipt_ms: Latency { count: 2_000, p50: 1.5, p90: 2.5, p99: 12.0, max: 31.25 },
        delivery_ms: Some(Latency { count: 2_000, p50: 3.0, p90: 4.0, p99: 20.0, max: 40.0 }),
        sent: 3_000,
        accepted: 3_000,
        repeated: 0,
        unknown: 0,
        failed: 0,
        errors: BTreeMap::new(),
        unsent_behind_schedule: 0,
        delivered: Some(3_000),
        under_way_at_end: 3,
        drain_s: 0.04,
        missing: Some(0),
        ended_otherwise: BTreeMap::new(),
        duplicates: Some(0),
        duplicates_of_other_key: Some(0),
        out_of_order: Some(0),
        delivered_without_receipt: Some(0),
        foreign: 0,
        kept_back: 0,
        kept_back_attempts: 0,
        backlog: None,
        cpu_s_per_1000: Some(0.75),
        processes: vec![process(4_711, "amtsbote")],
        own: Some(process(4_712, "amtsbote")),
        warnings: Vec::new(),
    }
}

#[test]
fn the_exit_code_says_what_kind_of_fault_there_was() {
    type Fault = fn(&mut Report);
    let rows: [(&str, Fault, Option<Exit>); 8] = [
        ("nothing", |_| {}, None),
        ("repeats alone", |r| r.duplicates = Some(3), None),
        ("another key", |r| r.duplicates_of_other_key = Some(1), Some(Exit::Refused)),
        ("missing", |r| r.missing = Some(1), Some(Exit::Unavailable)),
        ("unknown", |r| r.unknown = 1, Some(Exit::Unavailable)),
        ("order", |r| r.out_of_order = Some(1), Some(Exit::Refused)),
        (
            "dead",
            |r| r.ended_otherwise = BTreeMap::from([("dead".to_owned(), 2)]),
            Some(Exit::Refused),
        ),
        (
            "the worse of two",
            |r| (r.out_of_order, r.failed) = (Some(1), 2),
            Some(Exit::Unavailable),
        ),
    ];
    for (name, fault, expected) in rows {
        let mut report = fine();
        fault(&mut report);
        assert_eq!(report.fault().map(|stop| stop.exit), expected, "{name}");
    }
}

#[test]
fn a_percentile_is_never_more_than_the_most() {
    let mut histogram = Histogram::new_with_bounds(1, 1 << 40, 3).unwrap();
    assert_eq!(latency(&histogram), Latency::default(), "of nothing");
    histogram.record(1_234_567).unwrap();
    let Latency { count, p50, p99, max, .. } = latency(&histogram);
    assert_eq!(count, 1);
    assert!(p50 <= max && p99 <= max, "{p50} {p99} {max}");
    assert!((max - 1_234.567).abs() < 2.0, "{max}");
}

#[test]
fn rates_of_no_time_and_costs_of_no_message_are_no_numbers_to_believe() {
    assert!(per_second(5, Duration::ZERO).abs() < f64::EPSILON);
    assert_eq!(per_1000(Duration::from_secs(1), 0), None);
    assert_eq!(per_1000(Duration::from_secs(3), 2_000), Some(1.5));
}

#[test]
fn what_makes_figures_doubtful_is_told() {
    let driven = |left_behind, own_cpu: u64, is_interrupted| Driven {
        measured: Duration::from_secs(10),
        filled: None,
        under_way_at_end: 0,
        drained: Duration::ZERO,
        left_behind,
        is_interrupted,
        processes: Vec::new(),
        own: Some(Taken {
            process: 1,
            name: String::new(),
            cpu: Duration::from_secs(own_cpu),
            memory_bytes_max: 0,
            is_gone: false,
        }),
    };
    let limited =
        Counts { errors: BTreeMap::from([(TOO_FAST.to_owned(), 1)]), ..Counts::default() };
    let plain = Counts::default();
    assert_eq!(warnings(&driven(0, 5, false), &plain), []);
    assert_eq!(warnings(&driven(1, 5, false), &plain), [Warning::BehindSchedule]);
    assert_eq!(
        warnings(&driven(0, 10, true), &plain),
        [Warning::GeneratorBusy, Warning::Interrupted]
    );
    assert_eq!(warnings(&driven(0, 5, false), &limited), [Warning::SenderLimited]);
}
