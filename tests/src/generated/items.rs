//! Items with footprints, times and properties of every kind.

use earthcatalog_core::query::datetime::format_instant;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// In µs.
const DAY: i64 = 86_400_000_000;

/// An instant in µs since 1970: between 2018 and 2024, a few before 1970.
pub fn instant() -> impl Strategy<Value = i64> {
    let usual = (17_532i64..19_724, 0i64..3).prop_map(|(day, step)| day * DAY + step * 1_000_001);
    // The first and last instants of years, where time bins meet.
    let edge = (48i64..54, -1i64..=1).prop_map(|(year, step)| year * 365 * DAY + (year + 1) / 4 * DAY + step);
    prop_oneof![6 => usual, 2 => edge, 1 => (-800i64..-100).prop_map(|day| day * DAY)]
}

/// What an item says of time: any of the three may be missing, `start` is not after `end`.
pub fn times() -> impl Strategy<Value = [Option<i64>; 3]> {
    let length = prop_oneof![Just(0i64), 1i64..40, 300i64..900];
    let both = (instant(), length).prop_map(|(start, days)| (start, start + days * DAY));
    (proptest::option::weighted(0.7, instant()), proptest::option::weighted(0.5, both), any::<bool>(), any::<bool>())
        .prop_map(|(datetime, both, start, end)| match both {
            None => [datetime, None, None],
            // STAC wants both, but writers leave one out.
            Some((first, last)) => [datetime, (start || end).then_some(first), (end || !start).then_some(last)],
        })
}

/// A place, often near the antimeridian or a pole.
pub fn corner() -> impl Strategy<Value = (f64, f64)> {
    let anywhere = (-180i32..=180, -90i32..=90).prop_map(|(x, y)| (f64::from(x), f64::from(y)));
    let crowded = (-60i32..=-40, 60i32..=75).prop_map(|(x, y)| (f64::from(x), f64::from(y)));
    let date_line = (prop_oneof![Just(178i32), Just(179), Just(180), Just(-180), Just(-179)], -80i32..=80)
        .prop_map(|(x, y)| (f64::from(x), f64::from(y)));
    let poles = (-180i32..=180, prop_oneof![Just(-89i32), Just(88), Just(90), Just(-90)])
        .prop_map(|(x, y)| (f64::from(x), f64::from(y)));
    prop_oneof![2 => anywhere, 5 => crowded, 2 => date_line, 1 => poles]
}

/// A box that may run past 180 degrees, in whichever way its writer put that.
fn box_ring((x, y): (f64, f64), wide: f64, high: f64, wrapped: bool) -> Value {
    let top = (y + high).min(90.0);
    let east = if wrapped && x + wide > 180.0 { x + wide - 360.0 } else { x + wide };
    json!([[x, y], [east, y], [east, top], [x, top], [x, y]])
}

/// A footprint of any kind, or null.
pub fn geometry() -> impl Strategy<Value = Value> {
    let sizes = || (prop_oneof![Just(0.5), Just(2.0), Just(11.0)], prop_oneof![Just(0.5), Just(3.0)]);
    let boxed = (corner(), sizes(), any::<bool>())
        .prop_map(|(corner, (wide, high), wrapped)| box_ring(corner, wide, high, wrapped));
    let boxed = boxed.boxed();
    let polygon = boxed.clone().prop_map(|ring| json!({"type": "Polygon", "coordinates": [ring]}));
    let several =
        (boxed.clone(), boxed).prop_map(|(one, two)| json!({"type": "MultiPolygon", "coordinates": [[one], [two]]}));
    let point = corner().prop_map(|(x, y)| json!({"type": "Point", "coordinates": [x, y]}));
    let line =
        (corner(), corner()).prop_map(|(a, b)| json!({"type": "LineString", "coordinates": [[a.0, a.1], [b.0, b.1]]}));
    let round_pole = (70i32..89, any::<bool>()).prop_map(|(y, south)| {
        let y = if south { -f64::from(y) } else { f64::from(y) };
        json!({"type": "Polygon", "coordinates": [[[-150.0, y], [-30.0, y], [90.0, y], [180.0, y], [-150.0, y]]]})
    });
    prop_oneof![
        6 => polygon, 2 => several, 3 => point, 1 => line, 1 => round_pole, 2 => Just(Value::Null),
    ]
}

/// Few enough that equal values are usual.
pub fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-3i64..12).prop_map(|whole| json!(whole)),
        4 => (-6i32..24).prop_map(|half| json!(f64::from(half) / 2.0)),
        1 => Just(json!(9_007_199_254_740_993_i64)),
    ]
}

/// Texts, some of them alike to where bounds are cut, some of them patterns.
pub fn word() -> impl Strategy<Value = Value> {
    let words = ["", "a", "A", "é", "e", "sentinel-2a-with-a-long-name", "sentinel-2b-with-a-long-name", "50%", "x_y"];
    prop::sample::select(words.to_vec()).prop_map(|word| json!(word))
}

/// A few instants as RFC 3339 writes them.
pub fn time() -> impl Strategy<Value = String> {
    let days = ["2019-12-31", "2020-01-01", "2020-01-02", "2020-06-15", "2021-01-01"];
    let clocks = ["T00:00:00Z", "T23:59:59.999999Z", "T12:00:00Z", "T01:00:00+01:00"];
    (prop::sample::select(days.to_vec()), prop::sample::select(clocks.to_vec()))
        .prop_map(|(day, clock)| format!("{day}{clock}"))
}

/// Columns of the table, columns of steady kinds, and what only a patch can hold; each may be missing but `datetime`.
pub fn properties() -> impl Strategy<Value = Map<String, Value>> {
    let sometimes = |value: BoxedStrategy<Value>| proptest::option::weighted(0.7, value);
    let numbers = (
        sometimes(number().prop_map(|number| json!(number.as_f64().unwrap_or_default() + 0.25)).boxed()),
        sometimes((-3i64..12).prop_map(|whole| json!(whole)).boxed()),
        sometimes(prop_oneof![5 => number(), 1 => word(), 1 => Just(json!(true)), 1 => Just(Value::Null)].boxed()),
        sometimes(prop_oneof![2 => number(), 2 => word()].boxed()),
    );
    let texts = (
        sometimes(word().boxed()),
        sometimes(prop_oneof![6 => word(), 1 => number()].boxed()),
        sometimes(any::<bool>().prop_map(|flag| json!(flag)).boxed()),
    );
    let others = (
        time(),
        sometimes(prop_oneof![6 => time().prop_map(|time| json!(time)), 1 => Just(json!("yesterday"))].boxed()),
        sometimes(proptest::collection::vec(prop_oneof![number(), word()], 0..4).prop_map(|list| json!(list)).boxed()),
        sometimes(number().prop_map(|number| json!({ "b": { "c": 2 }, "b.c": 1, "d": [number] })).boxed()),
    );
    (numbers, texts, others).prop_map(|(numbers, texts, others)| {
        let mut properties = Map::new();
        properties.insert("datetime".into(), json!(others.0));
        for (name, value) in [
            ("eo:cloud_cover", numbers.0),
            ("count", numbers.1),
            ("percent_valid_pixels", numbers.2),
            ("mixed", numbers.3),
            ("name", texts.0),
            ("platform", texts.1),
            ("flag", texts.2),
            ("created", others.1),
            ("list", others.2),
            ("nested", others.3),
        ] {
            if let Some(value) = value {
                properties.insert(name.into(), value);
            }
        }
        properties
    })
}

/// Up to `most` items at such footprints, with ids of which some are equal up to where bounds are cut.
pub fn items(geometry: impl Strategy<Value = Value>, most: usize) -> impl Strategy<Value = Vec<Value>> {
    let item = (geometry, times(), properties(), proptest::option::of(word()), 0u8..4);
    proptest::collection::vec(item, 0..most).prop_map(|parts| {
        let made = parts.into_iter().enumerate().map(|(number, (geometry, times, mut properties, href, collection))| {
            let [datetime, start, end] = times.map(|micros| micros.map(format_instant));
            properties.insert("datetime".into(), json!(datetime));
            for (name, time) in [("start_datetime", start), ("end_datetime", end)] {
                properties.extend(time.map(|time| (name.to_owned(), json!(time))));
            }
            let stem = ["granule-with-a-long-name", "item", "é-granule-with-a-long-name"][number % 3];
            let mut item = json!({
                "type": "Feature", "stac_version": "1.0.0", "id": format!("{stem}-{number:02}"), "geometry": geometry,
                "properties": properties, "links": [],
                "assets": href.map_or(json!({}), |href| json!({ "data": { "href": href } })),
            });
            match collection {
                0 => {}
                3 => item["collection"] = json!(3),
                number => item["collection"] = json!(format!("c{number}")),
            }
            item
        });
        made.collect()
    })
}
