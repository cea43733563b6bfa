//! Section A: searches that answered wrong.

use std::ops::ControlFlow;

use earthcatalog::driver::Driver;
use earthcatalog::read;
use earthcatalog_core::export::{Export, ExportOptions, Format};
use earthcatalog_core::query::{Query, TemporalRule};
use earthcatalog_core::search::Search;
use earthcatalog_tests::folder::{Folder, run};
use serde_json::{Value, json};

use super::{catalog, item, placed, polygon, square, timed};

fn bbox(numbers: &[f64]) -> Query {
    Query::new().bbox(numbers).unwrap()
}

fn at(datetime: &str) -> Query {
    Query::new().datetime(datetime).unwrap()
}

fn body(members: &Value) -> Query {
    Query::from_json(members).unwrap()
}

/// A catalog of 30 items, one a day, each in several cells of Greenland; every second one is of collection `even`.
fn greenland() -> (Folder, Vec<String>) {
    let items: Vec<Value> = (0..30)
        .map(|number| {
            let time = format!("20{:02}-06-{:02}T00:00:00Z", 18 + number % 3, number + 1);
            let mut item = item(
                &format!("item-{number:02}"),
                &square(-55.0 + f64::from(number) / 2.0, 66.0, 6.0),
                &json!({ "datetime": time, "count": (number * 7) % 30 }),
            );
            item["collection"] = json!(if number % 2 == 0 { "even" } else { "odd" });
            item["assets"] = json!({ "data": { "href": format!("https://h/item-{number:02}") } });
            item
        })
        .collect();
    let ids = items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    (catalog(2, &items), ids)
}

/// The ids in the order of the answer.
fn in_order(place: &Folder, query: Query) -> Vec<String> {
    place.search(query).unwrap().0.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a1_world_polar_and_hemisphere_boxes_lose_nothing() {
    let mut items = Vec::new();
    for west in (-170..170).step_by(20) {
        for south in (-85..85).step_by(17) {
            items.push(placed(&format!("{west} {south}"), &square(f64::from(west), f64::from(south), 1.0)));
        }
    }
    let place = catalog(1, &items);
    assert_eq!(place.ids(bbox(&[-180.0, -90.0, 180.0, 90.0])).len(), items.len());
    let south_of = |limit: i32| (-85..85).step_by(17).filter(|south| *south <= limit).count() * 17;
    assert_eq!(place.ids(bbox(&[-180.0, -90.0, 180.0, -60.0])).len(), south_of(-60));
    assert_eq!(place.ids(bbox(&[-180.0, 0.0, 180.0, 90.0])).len(), items.len() - south_of(-1));
}

#[test]
fn a2_a_search_without_geometry_finds_by_ids_by_time_and_everything() {
    let place =
        catalog(1, &[timed("a", &json!({"datetime": "2020-05-01T00:00:00Z"})), placed("b", &square(0.0, 0.0, 1.0))]);
    assert_eq!(place.ids(Query::new()), ["a", "b"]);
    assert_eq!(place.ids(Query::new().ids(["b", "c"])), ["b"]);
    assert_eq!(place.ids(at("2020")), ["a"]);
}

#[test]
fn a3_an_item_in_many_cells_is_found_and_counted_once() {
    let (place, ids) = greenland();
    let (items, report) = place.search(bbox(&[-60.0, 60.0, -20.0, 84.0])).unwrap();
    assert!(report.scan.rows_matched >= 3 * items.len() as u64, "{report:?}");
    assert_eq!(earthcatalog_tests::folder::sorted_ids(&items), ids);
    assert_eq!(report.scan.items, ids.len() as u64);
    let mut some = in_order(&place, Query::new().max_items(20));
    some.sort();
    some.dedup();
    assert_eq!(some.len(), 20);
}

#[test]
fn a4_max_items_counts_what_matches_all_conditions() {
    let (place, _) = greenland();
    assert_eq!(place.ids(at("2019")).len(), 10);
    assert_eq!(place.ids(at("2019").max_items(20)).len(), 10);
    assert_eq!(place.ids(at("2019").max_items(4)).len(), 4);
}

#[test]
fn a5_a_year_a_month_or_a_day_is_that_period_alone() {
    let times = ["2021-06-15T12:00:00Z", "2021-06-16T00:00:00Z", "2021-07-01T00:00:00Z", "2022-01-01T00:00:00Z"];
    let items = times.map(|time| timed(time, &json!({"datetime": time})));
    let place = catalog(1, &items);
    assert_eq!(place.ids(at("2021-06-15")), times[..1]);
    assert_eq!(place.ids(at("2021-06")), times[..2]);
    assert_eq!(place.ids(at("2021")), times[..3]);
}

#[test]
fn a6_the_end_of_a_range_is_all_of_its_period() {
    let times = ["1999-12-31T23:59:59Z", "2000-12-31T23:59:59.999Z", "2020-12-31T23:59:59Z", "2021-12-31T23:59:59Z"];
    let place = catalog(1, &times.map(|time| timed(time, &json!({"datetime": time}))));
    assert_eq!(place.ids(at("2020/2021")), times[2..]);
    assert_eq!(place.ids(at("2020-01-01/2020-12-31")), times[2..3]);
    assert_eq!(place.ids(at("../2000")), times[..2]);
}

#[test]
fn a7_bounds_are_instants_whatever_their_offset_and_include_their_ends() {
    let place = catalog(1, &[timed("a", &json!({"datetime": "2020-06-01T12:00:00Z"}))]);
    for same in [
        "2020-06-01T12:00:00Z/..",
        "2020-06-01T14:00:00+02:00/..",
        "2020-06-01T07:00:00-05:00/2020-06-01T12:00:00.000Z",
        "../2020-06-01T12:00:00+00:00",
        "2020-06-01T12:00:00Z",
    ] {
        assert_eq!(place.ids(at(same)), ["a"], "{same}");
    }
    assert!(place.ids(at("2020-06-01T12:00:00+01:00/2020-06-01T12:59:59+01:00")).is_empty());
}

#[test]
fn a8_an_item_is_found_by_all_of_its_time_range() {
    let range = json!({
        "datetime": "2021-01-15T00:00:00Z",
        "start_datetime": "2020-07-01T00:00:00Z", "end_datetime": "2021-08-01T00:00:00Z",
    });
    let place = catalog(1, &[timed("a", &range)]);
    assert_eq!(place.ids(at("2021-06")), ["a"]);
    assert_eq!(place.ids(at("2020-06/2020-07-01")), ["a"]);
    assert!(place.ids(at("2021-06").temporal(TemporalRule::Datetime)).is_empty());
    assert!(place.ids(at("2021-09")).is_empty());
}

#[test]
fn a9_a_box_over_the_antimeridian_is_the_narrow_way() {
    let items = [
        placed("west of it", &square(175.0, 0.0, 1.0)),
        placed("east of it", &square(-176.0, 0.0, 1.0)),
        placed("far", &square(0.0, 0.0, 1.0)),
    ];
    let place = catalog(1, &items);
    assert_eq!(place.ids(bbox(&[170.0, -85.0, -170.0, 70.0])), ["east of it", "west of it"]);
    assert_eq!(place.ids(bbox(&[-170.0, -85.0, 170.0, 70.0])), ["far"]);
}

#[test]
fn a10_a_box_of_six_numbers_has_heights_in_the_third_and_the_sixth() {
    let place = catalog(1, &[placed("a", &square(-45.0, 70.0, 1.0)), placed("b", &square(5.0, 5.0, 1.0))]);
    assert_eq!(place.ids(bbox(&[-60.0, 60.0, 0.0, -20.0, 84.0, 4000.0])), ["a"]);
}

#[test]
fn a11_every_kind_of_geometry_can_be_searched_by() {
    let place = catalog(1, &[placed("a", &square(10.0, 10.0, 1.0)), placed("b", &square(50.0, 50.0, 1.0))]);
    let square = |west: f64| square(west, west, 0.5)["coordinates"].clone();
    for geometry in [
        json!({"type": "Point", "coordinates": [10.5, 10.5]}),
        json!({"type": "MultiPoint", "coordinates": [[0, 0], [10.5, 10.5]]}),
        json!({"type": "LineString", "coordinates": [[9, 10.5], [12, 10.5]]}),
        json!({"type": "MultiLineString", "coordinates": [[[9, 10.5], [12, 10.5]], [[0, 0], [1, 1]]]}),
        json!({"type": "Polygon", "coordinates": square(10.2)}),
        json!({"type": "MultiPolygon", "coordinates": [square(0.0), square(10.2)]}),
        json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [10.5, 10.5, 7.0]}]}),
    ] {
        assert_eq!(place.ids(Query::new().intersects(&geometry).unwrap()), ["a"], "{geometry}");
    }
}

#[test]
fn a12_an_item_without_datetime_is_found_and_counted() {
    let interval = json!({
        "datetime": null, "start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-02-01T00:00:00Z",
    });
    let place = catalog(1, &[timed("range", &interval), timed("none", &json!({"datetime": null}))]);
    assert_eq!(place.ids(bbox(&[9.0, 49.0, 11.0, 51.0])), ["none", "range"]);
    assert_eq!(place.ids(at("2020-01-15")), ["range"]);
    assert!(place.ids(at("2020-01-15").temporal(TemporalRule::Datetime)).is_empty());
    let catalog = place.catalog();
    let driver = Driver::default();
    let listing = read::list_files(&driver, &catalog, None);
    let (files, _) = run(listing).unwrap();
    let files = files.iter().map(|file| file.data_file.as_ref());
    let partitions = earthcatalog_core::catalog::stats::stats(files, catalog.metadata());
    assert_eq!(partitions.iter().map(|one| (one.year.clone(), one.row_count)).collect::<Vec<_>>(), [(None, 2)]);
}

#[test]
fn a13_every_form_of_answer_heeds_every_parameter() {
    let (place, ids) = greenland();
    let query = body(&json!({
        "bbox": [-60, 60, -20, 84], "datetime": "2018/2019", "ids": ids[3..20], "collections": ["odd"],
        "filter": "count > 2", "sortby": ["-count"], "limit": 1, "maxItems": 3,
    }));
    // Of 3, 7, 9, 13, 15 and 19, which are odd and not of 2020: 21, 19, 3, 1, 15 and 13.
    let expected = ["item-03", "item-07", "item-15"];
    assert_eq!(in_order(&place, query.clone()), expected);
    let catalog = place.catalog();
    for format in [Format::Ndjson, Format::Json, Format::Geojson, Format::Csv, Format::Url] {
        let mut export = Export::new(&catalog, query.clone(), format, ExportOptions::default()).unwrap();
        let mut text = Vec::new();
        run(read::export(&Driver::default(), &mut export, |piece| {
            text.extend_from_slice(&piece.bytes);
            Ok(ControlFlow::Continue(()))
        }))
        .unwrap();
        let text = String::from_utf8(text).unwrap();
        let places: Vec<Option<usize>> = expected.iter().map(|id| text.find(id)).collect();
        assert!(places.is_sorted() && !places.contains(&None), "{format:?}: {text}");
        assert!(
            ids.iter().filter(|id| !expected.contains(&id.as_str())).all(|id| !text.contains(id.as_str())),
            "{format:?}"
        );
    }
}

#[test]
fn a14_limit_is_the_size_of_a_page_and_ends_nothing() {
    let (place, ids) = greenland();
    assert_eq!(place.ids(body(&json!({ "limit": 1 }))), ids);
}

#[test]
fn a15_the_order_is_that_of_the_whole_answer() {
    let (place, ids) = greenland();
    let mut expected = ids;
    expected.sort_by_key(|id| std::cmp::Reverse(id[5..].parse::<u32>().unwrap() * 7 % 30));
    assert_eq!(in_order(&place, body(&json!({ "sortby": "-count" }))), expected);
    assert_eq!(in_order(&place, body(&json!({ "sortby": "-count", "max_items": 7 }))), expected[..7]);
}

/// Bounds without an offset would depend on where the search runs: they are refused, and periods are in UTC.
#[test]
fn a19_time_bounds_do_not_follow_the_machines_time_zone() {
    assert!(Query::new().datetime("2020-06-01T12:00:00").is_err());
    let place = catalog(1, &[timed("a", &json!({"datetime": "2020-01-01T00:30:00Z"}))]);
    assert_eq!(place.ids(at("2020-01-01")), ["a"]);
    assert!(place.ids(at("2019-12-31")).is_empty());
}

#[test]
fn a20_a_footprint_over_the_antimeridian_lies_there_and_not_round_the_world() {
    let jumping = [[179.0, 60.0], [-179.0, 60.0], [-179.0, 61.0], [179.0, 61.0], [179.0, 60.0]];
    let items = [placed("jumps", &polygon(&[jumping])), item("null", &json!(null), &json!({"datetime": null}))];
    let place = catalog(1, &items);
    assert!(place.ids(bbox(&[-5.0, 55.0, 5.0, 65.0])).is_empty());
    assert_eq!(place.ids(bbox(&[179.5, 60.2, 179.6, 60.3])), ["jumps"]);
    assert_eq!(place.ids(bbox(&[-179.6, 60.2, -179.5, 60.3])), ["jumps"]);
    assert!(place.ids(bbox(&[178.0, 60.2, 178.9, 60.3])).is_empty());
}

#[test]
fn a22_the_environment_of_the_process_is_left_alone() {
    let (place, _) = greenland();
    let environment = || std::env::vars_os().collect::<Vec<_>>();
    let before = environment();
    let mut items = 0;
    let take = |_| {
        assert_eq!(environment(), before);
        items += 1;
        Ok(ControlFlow::Continue(()))
    };
    run(read::search(&Driver::default(), &place.catalog(), Query::new(), take)).unwrap();
    assert_eq!(items, 30);
}

#[test]
fn a23_to_show_a_search_plans_nothing() {
    let (place, _) = greenland();
    let search = Search::new(&place.catalog(), Query::new()).unwrap();
    assert!(!format!("{search:?}").is_empty());
    assert_eq!(search.plan(), None);
}

#[test]
fn a24_a_file_costs_what_is_read_of_it() {
    let (place, _) = greenland();
    let (_, report) = place.search(Query::new()).unwrap();
    assert!(report.scan.files_opened > 20);
    // One read for each small file, and those of the plan.
    assert!(report.requests.requests <= report.scan.files_opened + 3, "{report:?}");
}

#[test]
fn a25_nothing_is_read_but_the_catalog() {
    let (place, _) = greenland();
    let base = place.path("catalog");
    let (_, report) = place.search(body(&json!({ "filter": "S_INTERSECTS(geometry, POINT(-50 68))" }))).unwrap();
    assert!(!report.sent.is_empty());
    assert!(report.sent.iter().all(|sent| sent.location.as_str().starts_with(&base)), "{:?}", report.sent);
}
