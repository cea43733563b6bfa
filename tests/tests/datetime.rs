//! Datetimes of searches and items: what STAC's validators accept and refuse, and what a period means.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use earthcatalog_core::ErrorKind;
use earthcatalog_core::query::datetime::{Interval, format_instant, parse_instant};
use earthcatalog_core::query::{Query, TemporalRule};
use proptest::prelude::*;
use serde_json::Value;

fn interval(text: &str) -> Interval {
    Interval::parse(text).unwrap()
}

fn bounds(text: &str) -> (Option<String>, Option<String>) {
    let Interval { start, end, .. } = interval(text);
    (start.map(format_instant), end.map(format_instant))
}

fn pair(start: &str, end: &str) -> (Option<String>, Option<String>) {
    (Some(start.to_owned()), Some(end.to_owned()))
}

#[test]
fn what_the_standard_calls_valid_is_accepted() {
    let Some(folder) = earthcatalog_tests::fixtures() else { return };
    let file = std::fs::read(folder.join("stac-datetime-valid.json")).unwrap();
    let vectors: Value = serde_json::from_slice(&file).unwrap();
    let valid = vectors["valid"].as_array().unwrap();
    assert!(valid.len() >= 30);
    for text in valid {
        interval(text.as_str().unwrap());
    }
}

#[test]
fn what_is_no_datetime_is_refused_as_invalid() {
    for text in [
        "",
        "/",
        "../..",
        "/..",
        "../",
        "..",
        "now",
        "2021-",
        "2021-1",
        "2021-13",
        "2021-00",
        "2021-02-30",
        "21",
        "02021",
        "2021-06-15T",
        "2021-06-15T00:00:00",
        "2021-06-15 00:00:00Z",
        "2021-06-15T24:00:00Z",
        "2021-06-15T00:60:00Z",
        "2021-06-15T00:00:61Z",
        "2021-06-15T00:00:60Z",
        "2021-06-15T00:00Z",
        "2021-06-15T00:00:00.Z",
        "2021-06-15T00:00:00,5Z",
        "2021-06-15T00:00:00+0100",
        "2021-06-15T00:00:00+01",
        "2021-06-15T00:00:00+24:00",
        "2021-06-15T00:00:00+01:60",
        "2021-06-15T00:00:00.5",
        "2021-06-15T00:00:00ZZ",
        "2021-06-15T00:00:00Z ",
        " 2021",
        "+2021",
        "-2021",
        "2021/2020",
        "2021-06-16T00:00:00Z/2021-06-15T00:00:00Z",
        "2020/2021/2022",
        "2021/now",
        "2021-06-15T00:00:00Z/2021-06-15T00:00:00+01:00",
        "1985-12-12T23:20:50.52",
        "37-01-01T12:00:27.87Z",
        "21985-12-12T23:20:50.52Z",
        "1985-13-12T23:20:50.52Z",
        "1985-12-32T23:20:50.52Z",
        "1985-12-01T25:20:50.52Z",
        "２０２１",
        "2021-06-15T00:00:00é",
        "2021-06-1é",
        "2021-06-15T00:00:00.é1Z",
    ] {
        let error = Interval::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
    }
    for text in ["2021", "2021-06-15", "", "..", "2021-06-15T00:00:00", "2021-06-15T00:00:00Z/.."] {
        assert!(parse_instant(text).is_err(), "{text}");
    }
}

#[test]
fn a_period_is_all_of_it() {
    assert_eq!(bounds("2021"), pair("2021-01-01T00:00:00Z", "2021-12-31T23:59:59.999999Z"));
    assert_eq!(bounds("2021-06"), pair("2021-06-01T00:00:00Z", "2021-06-30T23:59:59.999999Z"));
    assert_eq!(bounds("2020-02"), pair("2020-02-01T00:00:00Z", "2020-02-29T23:59:59.999999Z"));
    assert_eq!(bounds("2021-12"), pair("2021-12-01T00:00:00Z", "2021-12-31T23:59:59.999999Z"));
    assert_eq!(bounds("2021-06-15"), pair("2021-06-15T00:00:00Z", "2021-06-15T23:59:59.999999Z"));
    assert_eq!(bounds("9999"), pair("9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"));
    assert_eq!(bounds("2020/2021-03"), pair("2020-01-01T00:00:00Z", "2021-03-31T23:59:59.999999Z"));
    assert_eq!(bounds("2021/2021"), bounds("2021"));
    assert_eq!(bounds("../2021"), (None, Some("2021-12-31T23:59:59.999999Z".to_owned())));
    assert_eq!(bounds("2021-06-15/"), (Some("2021-06-15T00:00:00Z".to_owned()), None));
}

#[test]
fn an_instant_is_the_same_in_every_zone_and_spelling() {
    let instant = parse_instant("2017-11-06T23:38:41Z").unwrap();
    assert_eq!(instant, 1_510_011_521_000_000);
    for text in [
        "2017-11-06t23:38:41z",
        "2017-11-07T00:38:41+01:00",
        "2017-11-06T18:08:41-05:30",
        "2017-11-06T23:38:41-00:00",
        "2017-11-06T23:38:41.0000000Z",
        "2017-11-06T23:38:41.000000999Z",
    ] {
        assert_eq!(parse_instant(text).unwrap(), instant, "{text}");
    }
    assert_eq!(parse_instant("1969-12-31T23:59:59.5Z").unwrap(), -500_000);
    let leap = parse_instant("2016-12-31T23:59:60Z").unwrap();
    assert_eq!(format_instant(leap), "2017-01-01T00:00:00Z");
}

#[test]
fn instants_are_written_with_the_fewest_digits_that_say_all() {
    for text in
        ["2017-11-06T23:38:41Z", "2017-11-06T23:38:41.500Z", "1969-12-31T23:59:59.999999Z", "0000-01-01T00:00:00Z"]
    {
        assert_eq!(format_instant(parse_instant(text).unwrap()), text);
    }
    assert!(format_instant(i64::MAX).ends_with('Z') && format_instant(i64::MIN).ends_with('Z'));
}

#[test]
fn the_two_rules_look_at_different_times_of_an_item() {
    let june = interval("2021-06");
    let at = |text: &str| Some(parse_instant(text).unwrap());
    let (may, middle, july) = (at("2021-05-01T00:00:00Z"), at("2021-06-15T00:00:00Z"), at("2021-07-01T00:00:00Z"));
    assert!(TemporalRule::Overlap.matches(&june, None, may, july));
    assert!(TemporalRule::Overlap.matches(&june, middle, None, None));
    assert!(TemporalRule::Overlap.matches(&june, may, may, at("2021-06-01T00:00:00Z")));
    assert!(TemporalRule::Overlap.matches(&june, may, None, middle));
    assert!(!TemporalRule::Overlap.matches(&june, middle, july, july));
    assert!(!TemporalRule::Overlap.matches(&june, None, None, None));
    assert!(TemporalRule::Overlap.matches(&june, None, middle, None));
    assert!(TemporalRule::Datetime.matches(&june, middle, july, july));
    assert!(!TemporalRule::Datetime.matches(&june, None, may, july));
}

#[test]
fn a_query_refuses_bbox_beside_intersects() {
    let point = serde_json::json!({"type": "Point", "coordinates": [1, 2]});
    let query = Query::new().bbox(&[0.0, 0.0, 1.0, 1.0]).unwrap();
    assert_eq!(query.clone().intersects(&point).unwrap_err().kind(), ErrorKind::Invalid);
    assert!(query.datetime("2021/..").unwrap().ids(["a"]).collections(["b"]).max_items(3).area.is_some());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,40}") {
        let _ = Interval::parse(&text);
        let _ = parse_instant(&text);
    }

    #[test]
    fn a_written_instant_reads_back(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
        prop_assert_eq!(parse_instant(&format_instant(micros)).unwrap(), micros);
    }
}
