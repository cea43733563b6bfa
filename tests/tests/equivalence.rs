//! A search that prunes finds what a look at every item finds: over generated catalogs and queries.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::collections::BTreeSet;

use earthcatalog_core::catalog::TimeBin;
use earthcatalog_core::geometry::Shape;
use earthcatalog_core::grid::{Grid, H3Grid, RegionGrid};
use earthcatalog_core::machine::drive;
use earthcatalog_core::query::datetime::{Interval, format_instant};
use earthcatalog_core::query::{Query, TemporalRule};
use earthcatalog_core::stac::ValidItem;
use earthcatalog_tests::made::{Made, Style};
use proptest::prelude::*;
use serde_json::{Value, json};

const DAY: i64 = 86_400_000_000;
/// Between 2018 and 2024, a few before 1970.
fn instant() -> impl Strategy<Value = i64> {
    let usual = (17_532i64..19_724, 0i64..3).prop_map(|(day, step)| day * DAY + step * 1_000_001);
    // The first and last instants of years, where time bins meet.
    let edge = (48i64..54, -1i64..=1).prop_map(|(year, step)| year * 365 * DAY + (year + 1) / 4 * DAY + step);
    prop_oneof![6 => usual, 2 => edge, 1 => (-800i64..-100).prop_map(|day| day * DAY)]
}

/// What an item says of time: any of the three may be missing, `start` is not after `end`.
fn times() -> impl Strategy<Value = [Option<i64>; 3]> {
    let length = prop_oneof![Just(0i64), 1i64..40, 300i64..900];
    let both = (instant(), length).prop_map(|(start, days)| (start, start + days * DAY));
    (proptest::option::weighted(0.7, instant()), proptest::option::weighted(0.5, both), any::<bool>(), any::<bool>())
        .prop_map(|(datetime, both, start, end)| match both {
            None => [datetime, None, None],
            // STAC wants both, but writers leave one out.
            Some((first, last)) => [datetime, (start || end).then_some(first), (end || !start).then_some(last)],
        })
}

fn corner() -> impl Strategy<Value = (f64, f64)> {
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

fn geometry() -> impl Strategy<Value = Value> {
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

fn item() -> impl Strategy<Value = (Value, [Option<i64>; 3], u8)> {
    (geometry(), times(), 0u8..4)
}

fn items() -> impl Strategy<Value = Vec<ValidItem>> {
    proptest::collection::vec(item(), 0..30).prop_map(|parts| {
        let made = parts.into_iter().enumerate().filter_map(|(number, (geometry, times, collection))| {
            let [datetime, start, end] = times.map(|micros| micros.map(format_instant));
            let mut properties = json!({"datetime": datetime, "platform": format!("p{}", number % 3)});
            for (name, time) in [("start_datetime", start), ("end_datetime", end)] {
                if let Some(time) = time {
                    properties[name] = json!(time);
                }
            }
            // Ids longer than bounds keep, some of them equal up to there.
            let id = format!(
                "{}-{:02}",
                ["granule-with-a-long-name", "b", "é-granule-with-a-long-name"][number % 3],
                number
            );
            let mut item = json!({
                "type": "Feature", "stac_version": "1.0.0", "id": id, "geometry": geometry,
                "properties": properties, "links": [], "assets": {},
            });
            if collection > 0 {
                item["collection"] = json!(format!("collection-{collection}"));
            }
            ValidItem::from_value(item).ok()
        });
        made.collect()
    })
}

fn area() -> impl Strategy<Value = Option<Shape>> {
    let bbox = (corner(), 0i32..40, 0i32..30).prop_filter_map("no bbox", |((x, y), wide, high)| {
        let east = x + f64::from(wide);
        let east = if east > 180.0 { east - 360.0 } else { east };
        Shape::from_bbox(&[x, y, east, (y + f64::from(high)).min(90.0)]).ok()
    });
    let shape = geometry().prop_filter_map("no shape", |geometry| Shape::from_geojson(&geometry).ok());
    prop_oneof![2 => Just(None), 5 => bbox.prop_map(Some), 3 => shape.prop_map(Some)]
}

fn interval() -> impl Strategy<Value = Option<Interval>> {
    let ends = (instant(), prop_oneof![Just(0i64), 1i64..60, 200i64..800], 0u8..4);
    let some = ends.prop_map(|(start, days, open)| Interval {
        start: (open != 1).then_some(start),
        end: (open != 2).then_some(start + days * DAY),
    });
    proptest::option::of(some)
}

#[derive(Clone, Debug)]
struct Asked {
    area: Option<Shape>,
    datetime: Option<Interval>,
    overlap: bool,
    ids: Option<Vec<prop::sample::Index>>,
    collections: Option<BTreeSet<String>>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let ids = proptest::option::weighted(0.25, proptest::collection::vec(any::<prop::sample::Index>(), 0..4));
    let collection = (0u8..5).prop_map(|number| format!("collection-{number}"));
    let collections = proptest::option::weighted(0.25, proptest::collection::btree_set(collection, 0..3));
    (area(), interval(), any::<bool>(), ids, collections)
        .prop_map(|(area, datetime, overlap, ids, collections)| Asked { area, datetime, overlap, ids, collections })
}

fn query(asked: Asked, items: &[ValidItem]) -> Query {
    let pick = |index: &prop::sample::Index| match items {
        [] => "nobody".to_owned(),
        items => index.get(items).id.clone(),
    };
    Query {
        area: asked.area,
        datetime: asked.datetime,
        temporal: if asked.overlap { TemporalRule::Overlap } else { TemporalRule::Datetime },
        ids: asked.ids.map(|ids| ids.iter().map(pick).chain(["nobody".to_owned()]).collect()),
        collections: asked.collections,
        ..Query::default()
    }
}

/// The rule, written down once more without any index.
fn matches(query: &Query, item: &ValidItem) -> bool {
    let among = |names: &Option<BTreeSet<String>>, name: Option<&String>| {
        names.as_ref().is_none_or(|names| name.is_some_and(|name| names.contains(name)))
    };
    let start = item.start_us.or(item.datetime_us).or(item.end_us);
    let end = item.end_us.or(item.datetime_us).or(item.start_us);
    let (start, end) =
        if query.temporal == TemporalRule::Datetime { (item.datetime_us, item.datetime_us) } else { (start, end) };
    let in_time = query.datetime.is_none_or(|interval| {
        start.zip(end).is_some_and(|(start, end)| {
            interval.end.is_none_or(|last| start <= last) && interval.start.is_none_or(|first| end >= first)
        })
    });
    let in_area =
        query.area.as_ref().is_none_or(|area| item.shape.as_ref().is_some_and(|shape| shape.intersects(area)));
    among(&query.ids, Some(&item.id)) && among(&query.collections, item.collection.as_ref()) && in_time && in_area
}

fn ids(found: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = found.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn regions() -> Grid {
    let region = |name: &str, west: i32, east: i32| {
        json!({"type": "Feature", "properties": {"id": name}, "geometry": {"type": "Polygon", "coordinates":
            [[[west, -90], [east, -90], [east, 85], [west, 85], [west, -90]]]}})
    };
    let regions = json!({"type": "FeatureCollection", "features": [
        region("west", -180, -50), region("middle", -50, 20), region("east", 60, 180),
    ]});
    Grid::GeoJson(RegionGrid::new(regions.to_string().as_bytes(), "id").unwrap())
}

fn grid(number: u8) -> Grid {
    match number {
        0 | 1 => Grid::H3(H3Grid::new(number).unwrap()),
        2 => regions(),
        _ => Grid::Unknown("other".into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn a_pruned_search_finds_what_a_look_at_every_item_finds(
        items in items(),
        queries in proptest::collection::vec(asked(), 1..6),
        cells in 0u8..4,
        bin in 0usize..3,
        style in prop_oneof![Just(Style::Ours), Just(Style::Fine), Just(Style::Plain)],
    ) {
        let table = Made::binned(&items, grid(cells), style, TimeBin::ALL[bin]);
        for asked in queries {
            let query = query(asked, &items);
            let mut search = table.search(&query, table.plan(&query));
            let found = drive(&mut search, |request| table.read(request)).unwrap();
            let mut expected: Vec<String> =
                items.iter().filter(|item| matches(&query, item)).map(|item| item.id.clone()).collect();
            expected.sort();
            prop_assert_eq!(ids(&found), expected, "{:?}", query);
            prop_assert_eq!(search.summary().unreadable_geometries, 0);
            for item in &found {
                let original = items.iter().find(|original| original.id == item["id"].as_str().unwrap()).unwrap();
                prop_assert_eq!(item, &original.item);
            }

            let few = Query { max_items: Some(3), ..query.clone() };
            let limited = drive(&mut table.search(&few, table.plan(&few)), |request| table.read(request)).unwrap();
            prop_assert_eq!(&limited[..], &found[..found.len().min(3)], "the first of the same order");
        }
    }
}
