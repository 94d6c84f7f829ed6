//! Types made by hand, value by value.

use super::*;
use crate::lanes::{Scalar, Vector};

fn judged(types: &SimpleTypes, id: u32, value: &str) -> Result<Vec<u8>, Doubt> {
    let is_bound = |prefix: &[u8]| prefix == b"p";
    let context = Context { types, names: &Names::default(), is_bound: &is_bound };
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let fast = check::<Vector>(context, id, value.as_bytes(), &mut one).map(<[u8]>::to_vec);
    let slow = check::<Scalar>(context, id, value.as_bytes(), &mut other).map(<[u8]>::to_vec);
    assert_eq!(fast, slow, "{value}");
    fast
}

fn check_rows(simple: Simple, rows: &[(&str, Result<(), Doubt>)]) {
    let types = SimpleTypes { types: vec![simple], ..SimpleTypes::default() };
    for (value, expected) in rows {
        assert_eq!(judged(&types, 0, value).map(|_| ()), *expected, "{value:?}");
    }
}

#[test]
fn lengths_are_counted_in_the_unit_of_the_type() {
    let refused = Err(Doubt::Refused);
    let sized = |kind, white_space| {
        let plain = Simple::plain(kind, white_space);
        Simple { length_min: 2, length_max: 3, ..plain }
    };
    check_rows(
        sized(Kind::String, WhiteSpace::Preserve),
        &[("a", refused), ("äö", Ok(())), ("äöü", Ok(())), ("abcd", refused), ("  ", Ok(()))],
    );
    check_rows(
        sized(Kind::String, WhiteSpace::Collapse),
        &[(" a ", refused), ("a  b", Ok(())), ("abc d", refused)],
    );
    check_rows(
        sized(Kind::Base64, WhiteSpace::Collapse),
        &[("QQ==", refused), ("QU I=", Ok(())), ("QUJD", Ok(())), ("QUJDRA==", refused)],
    );
    check_rows(
        sized(Kind::Hex, WhiteSpace::Collapse),
        &[("00", refused), (" 0011 ", Ok(())), ("00112233", refused)],
    );
}

#[test]
fn bounds_and_digits_are_those_of_values() {
    let bound = |side, value: &str| Bound { side, value: value.to_owned() };
    let money = Simple {
        bounds: vec![bound(Side::AtLeast, "-1.5"), bound(Side::Below, "100")],
        digits_max: 4,
        fraction_digits_max: 2,
        ..Simple::plain(Kind::Decimal, WhiteSpace::Collapse)
    };
    let refused = Err(Doubt::Refused);
    check_rows(
        money,
        &[
            ("-1.50", Ok(())),
            ("-1.51", refused),
            ("99.99", Ok(())),
            ("100", refused),
            ("1.234", refused),
            ("0001.2300", Ok(())),
            ("x", refused),
        ],
    );
    let recent = Simple {
        bounds: vec![bound(Side::Above, "2000-01-01"), bound(Side::AtMost, "2030-12-31")],
        ..Simple::plain(Kind::Date, WhiteSpace::Collapse)
    };
    check_rows(
        recent,
        &[
            ("2000-01-01", refused),
            ("2000-01-02", Ok(())),
            ("2030-12-31", Ok(())),
            ("2031-01-01", refused),
            ("2020-01-01Z", Err(Doubt::Unsure)),
        ],
    );
}

#[test]
fn names_with_prefix_are_values_where_it_is_bound() {
    check_rows(
        Simple::plain(Kind::QName, WhiteSpace::Collapse),
        &[
            ("a", Ok(())),
            ("p:a", Ok(())),
            ("q:a", Err(Doubt::Unsure)),
            ("p:", Err(Doubt::Unsure)),
            (":a", Err(Doubt::Unsure)),
            ("p:a:b", Err(Doubt::Unsure)),
            ("", Err(Doubt::Unsure)),
        ],
    );
}

#[test]
fn unions_and_lists_are_made_of_others() {
    let integer = Simple::plain(Kind::Integer, WhiteSpace::Collapse);
    let boolean = Simple::plain(Kind::Boolean, WhiteSpace::Collapse);
    let union = Simple { parts: vec![0, 1], ..Simple::plain(Kind::Union, WhiteSpace::Preserve) };
    let list =
        Simple { parts: vec![2], length_max: 2, ..Simple::plain(Kind::List, WhiteSpace::Collapse) };
    let within_itself = Simple { parts: vec![4], ..union.clone() };
    let types = vec![integer, boolean, union, list, within_itself];
    let types = SimpleTypes { types, ..SimpleTypes::default() };
    let rows = [
        (2, "5", Ok("5")),
        (2, " true ", Ok(" true ")),
        (2, "x", Err(Doubt::Refused)),
        (3, " 5\n true ", Ok("5 true")),
        (3, "1 2 3", Err(Doubt::Refused)),
        (3, "1 x", Err(Doubt::Refused)),
        (3, "", Ok("")),
        (4, "1", Err(Doubt::Unsure)),
        (9, "1", Err(Doubt::Unsure)),
    ];
    for (id, value, expected) in rows {
        let expected = expected.map(|text: &str| text.as_bytes().to_vec());
        assert_eq!(judged(&types, id, value), expected, "{id} {value}");
    }
}

#[test]
fn equal_values_have_equal_keys_and_others_do_not() {
    let kinds =
        [Kind::Decimal, Kind::String, Kind::Boolean, Kind::DateTime, Kind::AnyUri, Kind::Double];
    let types = kinds.map(|kind| Simple::plain(kind, WhiteSpace::Collapse)).to_vec();
    let types = SimpleTypes { types, ..SimpleTypes::default() };
    let is_bound = |_: &[u8]| false;
    let context = Context { types: &types, names: &Names::default(), is_bound: &is_bound };
    let key = |id, value: &str| {
        let mut key = Vec::new();
        canonical::<Vector>(context, id, value.as_bytes(), &mut key).map(|()| key)
    };
    assert_eq!(key(0, "1.0"), key(0, "+01"));
    assert_ne!(key(0, "1"), key(1, "1"));
    assert_eq!(key(2, "1"), key(2, "true"));
    assert_ne!(key(2, "1"), key(0, "1"));
    assert_eq!(key(3, "2024-01-01T00:00:00Z"), key(3, "2024-01-01T01:00:00+01:00"));
    assert_ne!(key(3, "2024-01-01T00:00:00Z"), key(3, "2024-01-01T00:00:00"));
    assert_ne!(key(4, "a"), key(1, "a"));
    assert_eq!(key(5, "1"), None);
}
