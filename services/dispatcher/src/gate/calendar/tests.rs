//! Calendars by the minute, on ordinary days and on those when clocks are changed.

use proptest::prelude::*;

use super::*;

pub(crate) fn at(text: &str) -> Timestamp {
    let (local, offset) = text.split_at(16);
    let moment: Moment = format!("{local}:00{offset}:00").parse().unwrap();
    Timestamp(moment.as_microsecond())
}

fn calendar(open: &[&str], maintenance: &[&str], state: Option<State>) -> Calendar {
    Calendar {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        open: open.iter().map(|text| text.parse().unwrap()).collect(),
        state,
        holidays: vec!["12-24".parse().unwrap()],
        maintenance: maintenance.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

/// Mon-Fri 08:00-16:00 in Berlin, no holidays.
pub(crate) fn office() -> Calendar {
    Calendar { holidays: Vec::new(), ..calendar(&["Mon-Fri 08:00-16:00"], &[], None) }
}

#[track_caller]
fn check(calendar: &Calendar, from: &str, closed: Option<Closed>, until: &str) {
    let standing = calendar.standing(at(from));
    assert_eq!(standing.closed, closed, "at {from}");
    assert_eq!(standing.until, Some(at(until)), "from {from}");
}

const HOURS: Option<Closed> = Some(Closed::OutOfHours);
const HOLIDAY: Option<Closed> = Some(Closed::Holiday);
const MAINTENANCE: Option<Closed> = Some(Closed::Maintenance);

#[test]
fn office_hours_are_those_of_the_wall_clock_there() {
    let office = calendar(&["Mon-Thu 07:00-18:00", "Fri 07:00-13:00"], &[], Some(State::SN));
    check(&office, "2026-11-23T06:59+01", HOURS, "2026-11-23T07:00+01");
    check(&office, "2026-11-23T07:00+01", None, "2026-11-23T18:00+01");
    check(&office, "2026-11-23T18:00+01", HOURS, "2026-11-24T07:00+01");
    check(&office, "2026-11-27T13:00+01", HOURS, "2026-11-30T07:00+01");
    // Summer: the same on the wall.
    check(&office, "2026-07-06T06:59+02", HOURS, "2026-07-06T07:00+02");
}

#[test]
fn a_holiday_closes_all_of_its_day() {
    let office = calendar(&["Mon-Fri 07:00-18:00"], &[], Some(State::SN));
    // Buß- und Bettag, Christmas with what is configured, and the weekend after it.
    check(&office, "2026-11-17T18:00+01", HOURS, "2026-11-19T07:00+01");
    check(&office, "2026-11-18T10:00+01", HOLIDAY, "2026-11-19T07:00+01");
    check(&office, "2026-12-24T10:00+01", HOLIDAY, "2026-12-28T07:00+01");
    let always = calendar(&[], &[], Some(State::ST));
    check(&always, "2026-11-18T10:00+01", None, "2026-12-24T00:00+01");
    check(&always, "2026-12-24T00:00+01", HOLIDAY, "2026-12-27T00:00+01");
    let night = calendar(&["Sun 22:00-06:00"], &[], Some(State::SN));
    // Ostermontag begins at midnight, whatever began before.
    check(&night, "2026-04-05T23:00+02", None, "2026-04-06T00:00+02");
}

#[test]
fn maintenance_closes_what_would_be_open() {
    let once = "2026-12-01T20:00/2026-12-02T06:00";
    let always = calendar(&[], &["Sun 02:00-05:00", once], None);
    check(&always, "2026-11-28T12:00+01", None, "2026-11-29T02:00+01");
    check(&always, "2026-11-29T02:00+01", MAINTENANCE, "2026-11-29T05:00+01");
    check(&always, "2026-12-01T20:00+01", MAINTENANCE, "2026-12-02T06:00+01");
    check(&always, "2026-12-02T06:00+01", None, "2026-12-06T02:00+01");
    let long = calendar(&["Mon-Fri 08:00-16:00"], &["2026-11-20T12:00/2026-12-04T12:00"], None);
    check(&long, "2026-11-23T10:00+01", MAINTENANCE, "2026-12-04T12:00+01");
}

#[test]
fn on_days_when_clocks_are_changed_hours_are_still_those_of_the_wall() {
    let night = calendar(&["Sat-Sun 01:00-04:00"], &[], None);
    // 29 March 2026, 02:00 is skipped: two hours.
    check(&night, "2026-03-29T01:00+01", None, "2026-03-29T04:00+02");
    // 25 October 2026, 02:00 comes twice: four hours, in one piece.
    check(&night, "2026-10-25T01:00+02", None, "2026-10-25T04:00+01");
    // A window that begins within what is skipped begins after it.
    let skipped = calendar(&["Sun 02:30-05:00"], &[], None);
    check(&skipped, "2026-03-29T01:59+01", HOURS, "2026-03-29T03:30+02");
    // Maintenance within what comes twice lasts until the second end.
    let twice = calendar(&[], &["Sun 02:00-03:00"], None);
    check(&twice, "2026-10-25T01:59+02", None, "2026-10-25T02:00+02");
    check(&twice, "2026-10-25T02:30+02", MAINTENANCE, "2026-10-25T03:00+01");
    check(&twice, "2026-10-25T02:30+01", MAINTENANCE, "2026-10-25T03:00+01");
    // A day of 23 hours and one of 25 are holidays from midnight to midnight.
    let days: Vec<Holiday> = vec!["2026-03-29".parse().unwrap(), "2026-10-25".parse().unwrap()];
    let days = Calendar { holidays: days, ..calendar(&[], &[], None) };
    check(&days, "2026-03-29T00:00+01", HOLIDAY, "2026-03-30T00:00+02");
    check(&days, "2026-10-25T00:00+02", HOLIDAY, "2026-10-26T00:00+01");
}

#[test]
fn where_no_change_is_in_sight_none_is_promised() {
    let always = Calendar { holidays: Vec::new(), ..calendar(&[], &[], None) };
    let now = at("2026-11-28T12:00+01");
    assert_eq!(always.standing(now), Standing { closed: None, until: None });
    let beyond = Timestamp(i64::MAX);
    assert_eq!(office().standing(beyond), Standing { closed: None, until: None });
}

#[test]
fn it_is_looked_up_again_when_it_changes_and_when_the_clock_jumps() {
    let mut hours = Hours::new(Some(office()));
    assert_eq!(hours.closed(), None);
    assert!(hours.look(at("2026-11-23T07:00+01")), "it is closed, which was not known");
    assert!(!hours.look(at("2026-11-23T07:59+01")));
    assert_eq!(hours.changes_at(), Some(at("2026-11-23T08:00+01")));
    assert!(hours.look(at("2026-11-23T08:00+01")) && hours.closed().is_none());
    assert!(hours.look(at("2026-11-22T12:00+01")), "back to a Sunday");
    assert!(hours.look(at("2031-11-24T12:00+01")), "and on to a Monday years later");
    assert!(!Hours::new(None).look(at("2026-11-22T12:00+01")));
}

#[test]
fn what_closed_since_it_was_looked_at_is_known_however_the_clock_jumped() {
    let mut hours = Hours::new(Some(office()));
    hours.look(at("2026-11-24T12:00+01"));
    for (now, has_closed) in [
        ("2026-11-24T12:00+01", false),
        ("2026-11-24T15:59+01", false),
        ("2026-11-24T16:00+01", true),
        // Days back, into the night, into the hours of another day, or onto a Sunday; and on.
        ("2026-11-24T03:00+01", true),
        ("2026-11-23T12:00+01", false),
        ("2026-11-22T12:00+01", true),
        ("2026-11-29T12:00+01", true),
        ("2026-11-30T12:00+01", false),
    ] {
        assert_eq!(hours.has_closed(at(now)), has_closed, "{now}");
    }
    assert!(!Hours::new(None).has_closed(at("2026-11-22T12:00+01")));
}

fn windows() -> impl Strategy<Value = Vec<String>> {
    let days = prop::sample::select(vec!["Mon", "Tue-Thu", "Fri-Sun", "Sun-Mon", "Mon-Sun"]);
    let window = (days, 0_u16..96, 1_u16..96).prop_map(|(days, from, lasts)| {
        let (from, until) = (from * 15, (from + lasts) * 15 % 1_440);
        format!("{days} {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    });
    prop::collection::vec(window, 0..4)
}

proptest! {
    #![proptest_config(crate::tests::the_same_each_time(60))]
    #[test]
    fn it_stays_as_it_is_until_the_moment_it_says_and_no_longer(
        open in windows(), maintenance in windows(), minute in 0_u64..500 * 1_440,
    ) {
        let texts = |texts: &[String]| -> Vec<Weekly> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let calendar = Calendar {
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            open: texts(&open),
            state: Some(State::SN),
            holidays: Vec::new(),
            maintenance: texts(&maintenance).into_iter().map(Maintenance::Weekly).collect(),
        };
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let now = at("2026-01-01T00:00+01").after(minutes(minute));
        let standing = calendar.standing(now);
        let is_open = standing.closed.is_none();
        // Everything here begins and ends at quarters of an hour.
        let looked = (0..3 * 1_440 / 15).map(|quarter| now.after(minutes(15 * quarter)));
        let end = standing.until.unwrap_or(Timestamp(i64::MAX));
        for moment in looked.take_while(|moment| *moment < end) {
            prop_assert_eq!(calendar.closed(moment).is_none(), is_open);
        }
        if let Some(until) = standing.until {
            prop_assert!(now < until);
            prop_assert_ne!(calendar.closed(until).is_none(), is_open);
        }
    }
}
